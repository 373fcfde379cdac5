"""Attribute matrix: the further columns of items, or of shoppers, as codes and positions.

All columns lie side by side in one array, so that taking the rows of a history or of candidates is one step.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from recsys.data import own_columns
from recsys.data.memmap import open_array, save_array
from recsys.data.own_columns import OwnColumn
from recsys.data.vault import Vault, create, is_sealed
from recsys.errors import ArtifactError

_COLUMNS, _CODES = "columns.json", "codes.npy"


@dataclass(frozen=True)
class AttributeSpace:
    """Code space of own columns: which there are, and where each one's codes are."""

    columns: tuple[OwnColumn, ...]

    @cached_property
    def places(self) -> dict[str, slice]:
        """Places of each column's codes in a row of `Attributes.codes`."""
        ends = np.cumsum([column.width for column in self.columns]).tolist()
        return {c.name: slice(end - c.width, end) for c, end in zip(self.columns, ends, strict=True)}

    @cached_property
    def by_name(self) -> dict[str, OwnColumn]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    @property
    def width(self) -> int:
        """Codes of one row."""
        return sum(column.width for column in self.columns)

    @classmethod
    def fit(cls, table: pd.DataFrame, template: Sequence[str] = (), wanted: Sequence[str] = ()) -> AttributeSpace:
        """The further columns of a table that can be learnt from (`own_columns.plan`)."""
        return cls(own_columns.plan(table, template, wanted).columns)

    def attributes(self, table: pd.DataFrame) -> Attributes | None:
        """Codes of the rows of a table; None where there are no further columns."""
        if not self.columns:
            return None
        codes = np.full((len(table), self.width), -1, np.int32)
        for column in self.columns:
            if column.name in table.columns:
                codes[:, self.places[column.name]] = column.codes(table[column.name])
        return Attributes(self, codes)

    def state(self) -> list[dict[str, Any]]:
        """Plain data from which `restore` makes an equal object."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def restore(cls, state: Sequence[dict[str, Any]]) -> AttributeSpace:
        """Inverse of `state`."""
        return cls(
            tuple(
                OwnColumn(
                    str(c["name"]), c["kind"], tuple(map(str, c["values"])), tuple(map(float, c["edges"])), c["width"]
                )
                for c in state
            )
        )


@dataclass(frozen=True)
class Attributes:
    """Own columns of ``m`` rows.

    Attributes
    ----------
    codes
        Codes of all columns side by side, -1 for none; int32, shape ``(m, space.width)``.
    """

    space: AttributeSpace
    codes: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.codes)

    def of(self, name: str) -> NDArray[np.int32] | None:
        """Codes of one column, shape ``(m, width)``; None where there is no such column."""
        at = self.space.places.get(name)
        return None if at is None else self.codes[:, at]

    def take(self, rows: ArrayLike) -> Attributes:
        """The attributes of these rows, in this order."""
        return Attributes(self.space, self.codes[np.asarray(rows, np.int64)])

    @staticmethod
    def concat(first: Attributes | None, second: Attributes | None, sizes: tuple[int, int]) -> Attributes | None:
        """The rows of both, which share a space; those of one that has none are unknown."""
        space = first.space if first is not None else second.space if second is not None else None
        if space is None:
            return None
        parts = [
            part.codes if part is not None else np.full((size, space.width), -1, np.int32)
            for part, size in zip((first, second), sizes, strict=True)
        ]
        return Attributes(space, np.concatenate(parts))

    def save(self, directory: Path, vault: Vault | None = None) -> None:
        """Write what `load` reads, encrypted where there is a vault."""
        directory.mkdir(parents=True, exist_ok=True)
        save_array(directory / _CODES, np.ascontiguousarray(self.codes), vault)
        with create(directory / _COLUMNS, vault) as file:
            file.write(json.dumps(self.space.state(), ensure_ascii=False).encode())

    @classmethod
    def load(cls, directory: Path, rows: int) -> Attributes | None:
        """Open what `save` wrote, memory-mapped; None where nothing was.

        Raises
        ------
        ArtifactError
            The files are damaged or contradict each other.
        """
        if not (directory / _COLUMNS).is_file():
            return None
        try:
            path = directory / _COLUMNS
            said = bytes(Vault.from_environment().open(path)) if is_sealed(path) else path.read_bytes()
            space = AttributeSpace.restore(json.loads(said))
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{directory / _COLUMNS} cannot be read ({error}); publish again.") from error
        codes = open_array(directory / _CODES)
        if codes.shape != (rows, space.width) or codes.dtype.kind != "i":
            raise ArtifactError(f"{directory / _CODES}: shape {codes.shape} where {(rows, space.width)} is due.")
        for column in space.columns:
            mine = codes[:, space.places[column.name]]
            if mine.size and not (mine.min() >= -1 and mine.max() < len(column.values)):
                raise ArtifactError(f"{directory / _CODES}: codes of {column.name!r} are out of bounds; publish again.")
        return cls(space, codes)


def shopper_attributes(
    users: pd.DataFrame | None, ids: NDArray[np.object_], key: str, wanted: Sequence[str] = ()
) -> Attributes | None:
    """Attributes of the shoppers with these ids, one row each; None where nothing is known of any."""
    if users is None or not len(users):
        return None
    space = AttributeSpace.fit(users, (), wanted)
    return space.attributes(users.set_index(key).reindex(ids).reset_index(drop=True))
