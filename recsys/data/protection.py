"""Protection of one version's persons: pseudonyms for ids, encryption of tables, both or neither.

A version says in a file of its own how it is protected, so whoever opens it needs its keys and no settings. Settings
say how a night protects what it writes; that must be as the live version is, because nothing turns a pseudonym back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from recsys.data import pseudonyms as ids
from recsys.data import vault as vaults
from recsys.data.pseudonyms import Pseudonyms
from recsys.data.vault import Vault
from recsys.errors import ArtifactError, BadInput
from recsys.settings import Settings

FILE = "protection.json"
#: An id of fewer characters is looked for in no text: every price has a 7 in it.
SHORTEST = 4
_AFRESH = "publish afresh under another --artifacts (see docs/trust.md)"


@dataclass(frozen=True)
class Protection:
    """How persons are kept."""

    pseudonyms: Pseudonyms | None = None
    vault: Vault | None = None

    @classmethod
    def wanted(cls, settings: Settings) -> Protection:
        """As the settings say, with the keys of the environment.

        Raises
        ------
        BadInput
            A key is missing.
        """
        return cls(
            Pseudonyms.from_environment() if settings.privacy.pseudonyms else None,
            Vault.from_environment() if settings.privacy.encrypt else None,
        )

    @classmethod
    def of(cls, version: Path) -> Protection:
        """As a version is.

        Raises
        ------
        BadInput
            A key is missing, or is another one than the version was made with.
        """
        marks = _marks(version)
        found = cls(
            Pseudonyms.from_environment() if marks["pseudonyms"] else None,
            Vault.from_environment() if marks["vault"] else None,
        )
        for variable, name in ((ids.KEY, "pseudonyms"), (vaults.KEY, "vault")):
            if found.marks[name] != marks[name]:
                raise BadInput(
                    f"{variable} is another key than version {version.name} was made with: set it to that key, or "
                    f"{_AFRESH}"
                )
        return found

    @classmethod
    def live(cls, root: Path) -> Protection:
        """As the live version of an artifacts directory is; of none where there is no version."""
        try:
            name = (root / "current").read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return cls()
        return cls.of(root / "versions" / name) if name else cls()

    @property
    def marks(self) -> dict[str, str | None]:
        """Fingerprints of the keys."""
        return {
            "pseudonyms": self.pseudonyms.fingerprint if self.pseudonyms else None,
            "vault": self.vault.fingerprint if self.vault else None,
        }

    def __bool__(self) -> bool:
        return self.pseudonyms is not None or self.vault is not None

    def save(self, directory: Path) -> None:
        """Say in a version how it is protected; one that is not says nothing."""
        if self:
            (directory / FILE).write_text(json.dumps(self.marks), "utf-8")

    def require(self, version: Path) -> None:
        """Refuse to go on from a version that is protected in another way.

        Raises
        ------
        BadInput
            It is; says what to do.
        """
        there = Protection.of(version).marks
        for name, setting in (("pseudonyms", "privacy.pseudonyms"), ("vault", "privacy.encrypt")):
            if there[name] == self.marks[name]:
                continue
            how = "without" if there[name] is None else "with"
            raise BadInput(
                f"{setting}: version {version.name} was made {how} it, and a night goes on as the live version is. "
                f"Turn it {'off' if there[name] is None else 'on'}, or {_AFRESH}"
            )

    def kept(self, users: Iterable[str]) -> set[str]:
        """Ids of these users as they are kept."""
        return {str(self.id(user)) for user in users}

    def id(self, user: str | None) -> str | None:
        """A user's id as it is kept."""
        if user is None or self.pseudonyms is None:
            return user if user is None else str(user)
        return str(self.pseudonyms.of(user))

    def text(self, text: str, user: str | None) -> str:
        """What a user wrote, with the pseudonym where it has their own id."""
        if user is None or self.pseudonyms is None or len(user) < SHORTEST:
            return text
        return text.replace(user, self.pseudonyms.of(user))


#: No protection.
IN_CLEAR = Protection()


def _marks(version: Path) -> dict[str, str | None]:
    try:
        found = json.loads((version / FILE).read_text("utf-8"))
        return {name: found[name] for name in ("pseudonyms", "vault")}
    except (FileNotFoundError, NotADirectoryError):
        return {"pseudonyms": None, "vault": None}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtifactError(f"{version / FILE}: not readable ({error})") from None
