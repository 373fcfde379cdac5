"""Where tables live: files, folders of parts, globs, and object stores and web servers through fsspec.

Remote files are fetched whole into a temporary folder first: every reader can then look at a file's bytes before it
reads it, and a connection that breaks breaks nothing half-read.
"""

from __future__ import annotations

import difflib
import glob
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import fsspec

from recsys.errors import DISTRIBUTION, BadInput

#: The extra of this project that a protocol needs.
_EXTRAS = {
    **dict.fromkeys(["s3", "s3a"], "s3"),
    **dict.fromkeys(["gs", "gcs"], "gcs"),
    **dict.fromkeys(["az", "abfs", "abfss", "adl"], "azure"),
    **dict.fromkeys(["http", "https"], "http"),
}
_URL = re.compile(r"([a-z][a-z0-9]+)(\+[a-z0-9_]+)?:/{1,2}(?!/{3})", re.IGNORECASE)
_KEY = re.compile(r"([^=/]+)=([^/]*)")


@dataclass(frozen=True)
class Part:
    """One file of a table.

    Attributes
    ----------
    path : Path
        Where it can be read now.
    name : str
        What messages call it: the place that the user named.
    keys : dict
        What the folders of a partitioned table say of its rows (`day=2026-01`).
    """

    path: Path
    name: str
    keys: dict[str, str] = field(default_factory=dict)


def protocol_of(place: Path | str) -> str | None:
    """The protocol of a URL (`s3`, `https`, `postgresql`), None for a path of this machine."""
    found = _URL.match(str(place))
    return found[1].lower() if found and found[1].lower() != "file" else None


def is_remote(place: Path | str) -> bool:
    """Whether fsspec knows the protocol of `place`."""
    return protocol_of(place) in fsspec.available_protocols()


def shown(place: Path | str) -> str:
    """A place as messages may show it: without passwords, and without the signature of a signed URL."""
    text = re.sub(r"(//[^/:@]*):[^@/]*@", r"\1:***@", str(place))
    return text.partition("?")[0] if protocol_of(place) in ("http", "https") else text


@contextmanager
def parts_of(place: Path | str) -> Iterator[list[Part]]:
    """The files behind a path, a folder, a glob or a URL, readable while the context lasts.

    Raises
    ------
    BadInput
        There is nothing, it cannot be fetched, or the protocol needs a package that is not here.
    """
    if is_remote(place):
        with tempfile.TemporaryDirectory(prefix="recsys-") as folder:
            yield _fetched(str(place), Path(folder))
    else:
        yield _local(re.sub(r"^file:/+", "/", str(place)))


def _local(text: str) -> list[Part]:
    path = Path(text)
    if path.is_file():
        return [Part(path, text)]
    if path.is_dir():
        found = [p for p in sorted(path.rglob("*")) if p.is_file() and _is_data(p.relative_to(path).parts)]
        if not found:
            raise BadInput(f"{path}: the folder has no files of a table.")
        return [Part(p, str(p), _keys(p.relative_to(path).parent.as_posix())) for p in found]
    if glob.has_magic(text):
        hits = [Path(hit) for hit in sorted(glob.glob(text, recursive=True))]
        matched = [part for hit in hits if hit.is_file() or hit.is_dir() for part in _local(str(hit))]
        if matched:
            return [Part(p.path, p.name, p.keys | _keys(p.path.parent.as_posix())) for p in matched]
        raise BadInput(f"{text}: no file matches.{_neighbours(Path(glob.escape(str(path.parent))))}")
    raise BadInput(f"{path}: no such file.{_neighbours(path)}")


def existing(path: Path | str) -> Path:
    """`path` as a `Path`, or `BadInput` when there is no such file."""
    path = Path(path)
    if path.is_dir():
        raise BadInput(f"{path}: is a directory; name the file.")
    if not path.is_file():
        raise BadInput(f"{path}: no such file.{_neighbours(path)}")
    return path


def _neighbours(path: Path) -> str:
    near = sorted(p.name for p in path.parent.glob("*") if p.is_file()) if path.parent.is_dir() else []
    meant = difflib.get_close_matches(path.name, near, n=8, cutoff=0.5) or near[:8]
    return f" In {path.parent} there are: {', '.join(meant)}." if meant else ""


def _is_data(parts: tuple[str, ...]) -> bool:
    """Not `_SUCCESS`, `.crc` and the like, which Spark and others leave beside the parts."""
    return not any(part.startswith((".", "_")) for part in parts) and not parts[-1].endswith((".crc", ".md"))


def _keys(folder: str) -> dict[str, str]:
    return {unquote(key): unquote(value) for key, value in _KEY.findall(folder)}


def _fetched(url: str, folder: Path) -> list[Part]:
    protocol = protocol_of(url) or ""
    url = re.sub(r"^([a-z0-9]+):/(?!/)", r"\1://", url, flags=re.IGNORECASE)  # what `pathlib.Path` makes of `//`
    try:
        system, root = fsspec.core.url_to_fs(url)
        if glob.has_magic(root) and protocol not in ("http", "https"):
            files = [file for file in sorted(map(str, system.glob(root))) if system.isfile(file)]
        elif protocol not in ("http", "https") and system.isdir(root):
            files = sorted(map(str, system.find(root)))
        else:
            files = [root]
        base = root.rstrip("/")
        files = [file for file in files if file == base or _is_data(_below(file, base).parts)]
        if not files:
            raise BadInput(f"{shown(url)}: there is no file.")
        out = []
        for number, file in enumerate(files):
            target = folder / f"{number:05d}"
            system.get_file(file, str(target))
            out.append(Part(target, shown(url) if len(files) == 1 else shown(file), _keys(file.rpartition("/")[0])))
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        how = f"pip install '{DISTRIBUTION}[{extra}]'" if extra else f"install what it asks for: {error}"
        raise BadInput(f"{shown(url)}: {protocol}:// needs a package that is not here; {how}") from None
    except FileNotFoundError:
        raise BadInput(f"{shown(url)}: no such file.") from None
    except BadInput:
        raise
    except Exception as error:  # noqa: BLE001 - each store has its own errors; all of them mean that the file is not here
        raise BadInput(
            f"{shown(url)}: cannot be fetched ({type(error).__name__}); check the address, the network and the "
            "credentials in the environment."
        ) from None
    return out


def _below(file: str, base: str) -> PurePosixPath:
    return PurePosixPath(file.removeprefix(base).lstrip("/") or file)
