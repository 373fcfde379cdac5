"""Column typing: what each further column of a table is (number, category, list, yes or no, date), or why it is none.

A shop's colour, size, margin or a shopper's country joins the ranker by itself. What cannot be learnt from, because
nearly every row has a value of its own, or nearly none has one, is left out and said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data import columns as ours
from recsys.data.times import as_times
from recsys.data.vocabulary import plain, states, vocabulary
from recsys.errors import BadInput

Kind = Literal["number", "category", "list", "yes or no", "date"]

#: Columns that other features are made of.
READ = frozenset(
    {
        *(ours.ITEM, ours.USER, ours.TITLE, ours.TEXT, ours.BRAND, ours.CATEGORY, ours.AVAILABLE, ours.PRICE),
        *(ours.CURRENCY, ours.PARENT, *ours.IMAGES),
    }
)
#: A column is left out that fewer than this share of the rows fill, or fewer rows than the second number.
FILLED, LEAST = 0.02, 5
#: Of the rows that are filled, this share must have a value that another row has, too.
REPEATED = 0.5
#: Characters of a category on average, values that are kept of one column, and values of one cell.
SHORT, VALUES, PARTS = 40, 20_000, 6
#: Distinct numbers that are a bin each; more are cut at quantiles into `BINS`.
DISTINCT, BINS = 20, 10
#: Columns of one table that join; memory of training grows with each.
MOST = 24

_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{4}")
#: Numbers that are names: an id, or a size that fits or does not.
_NAME = re.compile(r"(^|_)(id|sku|ean|gtin|upc|isbn|mpn|barcode|code|size)$")
_YES = frozenset({"true", "yes", "y", "t", "1", "1.0", "ja", "oui", "si", "是"})
_NO = frozenset({"false", "no", "n", "f", "0", "0.0", "nein", "non", "否"})


@dataclass(frozen=True)
class OwnColumn:
    """A further column and how its cells become codes.

    Attributes
    ----------
    values
        Sorted labels, whose places are the codes; of numbers and dates the bins.
    edges
        Of numbers and dates: what a value is compared with, ascending; a value's bin is how many are at most it, less
        one. Empty for others.
    width
        Codes of one cell at most.
    """

    name: str
    kind: Kind
    values: tuple[str, ...]
    edges: tuple[float, ...] = ()
    width: int = 1

    @property
    def ordered(self) -> bool:
        """Whether its values have an order: more and less, earlier and later."""
        return self.kind in ("number", "date")

    @property
    def words(self) -> str:
        """The name as people read it."""
        return " ".join(re.sub(r"([a-z])([A-Z])", r"\1 \2", self.name).replace("_", " ").split()).lower()

    def codes(self, cells: pd.Series) -> NDArray[np.int32]:
        """Codes of the cells, shape ``(len(cells), width)``, -1 where there is none."""
        out = np.full((len(cells), self.width), -1, np.int32)
        if self.ordered:
            numbers = self.numbers(cells)
            known = np.isfinite(numbers)
            bins = np.searchsorted(np.array(self.edges), numbers[known], side="right") - 1
            out[known, 0] = np.clip(bins, 0, len(self.edges) - 1)
            return out
        place = {value: at for at, value in enumerate(self.values)}
        unique, back = _distinct(cells)
        coded = np.full((len(unique) + 1, self.width), -1, np.int32)
        for row, cell in enumerate(unique):
            places = [place[v] for v in dict.fromkeys(parts_of(cell, self.kind)) if v in place][: self.width]
            coded[row, : len(places)] = places
        return coded[back]

    def numbers(self, cells: pd.Series) -> NDArray[np.float64]:
        """Numbers of the cells, dates as UTC seconds, NaN where there is none."""
        if self.kind == "date":
            return as_times(cells.astype(object)).seconds if len(cells) else np.zeros(0)
        return _numbers(cells)


@dataclass(frozen=True)
class Plan:
    """What is made of a table's further columns: those that join, and the others with a reason each."""

    columns: tuple[OwnColumn, ...]
    left_out: dict[str, str]

    @property
    def line(self) -> str:
        """Both in words, '' where the table has no further column."""
        sizes = ["" if column.ordered else f", {len(column.values):,} values" for column in self.columns]
        joins = [f"`{c.name}` ({c.kind}{size})" for c, size in zip(self.columns, sizes, strict=True)]
        by_reason: dict[str, list[str]] = {}
        for name, why in self.left_out.items():
            by_reason.setdefault(why, []).append(f"`{name}`")
        said = ["own columns that are learnt from: " + ", ".join(joins)] if joins else []
        said += [f"{', '.join(names)} not learnt from: {why}" for why, names in by_reason.items()]
        return "; ".join(said)


def plan(table: pd.DataFrame, template: Sequence[str] = (), wanted: Sequence[str] = ()) -> Plan:
    """Find the columns that join the ranker.

    Parameters
    ----------
    table
        A checked table of items or of users.
    template
        Columns whose text the encoder reads already.
    wanted
        The setting ``training.columns``: names that join whatever they hold, and no others; or ``-name`` for one that
        does not. None says that all that can be learnt from join.
    """
    chosen, excluded = choice(wanted)
    read = {*READ, *template, *states(table, vocabulary())}
    found: list[OwnColumn] = []
    left_out: dict[str, str] = {}
    for name in table.columns:
        if name in read:
            continue
        if name in excluded or (chosen and name not in chosen):
            left_out[str(name)] = "training.columns leaves it out"
            continue
        column = _typed(str(name), table[name], forced=name in chosen)
        if isinstance(column, str):
            left_out[str(name)] = column
        elif len(found) == MOST:
            left_out[str(name)] = f"{MOST} columns of a table at most; name the best in training.columns"
        else:
            found.append(column)
    return Plan(tuple(found), left_out)


def choice(wanted: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Names that are chosen and names that are excluded by ``training.columns``."""
    return (
        frozenset(name for name in wanted if not name.startswith("-")),
        frozenset(name[1:] for name in wanted if name.startswith("-")),
    )


def check_choice(wanted: Sequence[str], tables: Iterable[pd.DataFrame | None]) -> None:
    """Refuse names that no table has.

    Raises
    ------
    BadInput
        A name of ``training.columns`` is no column of the items or the users.
    """
    there = {str(name) for table in tables if table is not None for name in table.columns}
    for name in frozenset.union(*choice(wanted)) - there:
        raise BadInput(f"training.columns: there is no column {name!r}; found: {', '.join(map(repr, sorted(there)))}.")


def _typed(name: str, cells: pd.Series, *, forced: bool) -> OwnColumn | str:
    """The column, or why it is not learnt from."""
    unique, back = _distinct(cells)
    counts = np.bincount(back[back >= 0], minlength=len(unique))
    filled = int(counts.sum())
    if filled < max(LEAST, FILLED * len(cells)) and not forced:
        return "hardly any row has a value"
    if len(unique) < 2:
        return "one value for all"
    if all(isinstance(cell, (bool, np.bool_)) for cell in unique) or {plain(v) for v in map(str, unique)} <= _YES | _NO:
        return OwnColumn(name, "yes or no", ("no", "yes"))
    text = [str(cell) for cell in unique]
    if pd.api.types.is_datetime64_any_dtype(cells) or np.mean([bool(_DATE.fullmatch(t)) for t in text]) > 0.95:
        return _ordered(OwnColumn(name, "date", ()), cells)
    numeric = np.isfinite(_numbers(pd.Series(unique, dtype=object)))
    if np.average(numeric, weights=counts) > 0.95 and not _NAME.search(plain(name).replace(" ", "_")):
        whole = all(float(v).is_integer() for v in _numbers(pd.Series(unique, dtype=object))[numeric])
        if whole and len(unique) > max(50, 0.9 * filled) and not forced:
            return "a number of its own in nearly every row, like an id"
        return _ordered(OwnColumn(name, "number", ()), cells)
    return _category(name, unique, counts, filled, forced=forced)


def _category(
    name: str, unique: Sequence[Any], counts: NDArray[np.int64], filled: int, *, forced: bool
) -> OwnColumn | str:
    several = any(not isinstance(cell, str) and pd.api.types.is_list_like(cell) for cell in unique) or any(
        "|" in str(cell) or str(cell).lstrip().startswith("[") for cell in unique
    )
    kind: Kind = "list" if several else "category"
    rows: dict[str, int] = {}
    longest, letters = 1, 0
    for cell, count in zip(unique, counts.tolist(), strict=True):
        parts = list(dict.fromkeys(parts_of(cell, kind)))
        longest = max(longest, len(parts))
        letters += sum(map(len, parts)) * count
        for part in parts:
            rows[part] = rows.get(part, 0) + count
    total = sum(rows.values())
    shared = {value: count for value, count in rows.items() if count > 1 or forced}
    if not forced and letters > SHORT * max(total, 1):
        return "long texts; name it in encoder.template to have it read"
    if sum(shared.values()) < REPEATED * total or not shared:
        return "nearly every row has a value of its own"
    kept = sorted(sorted(shared, key=lambda value: (-shared[value], value))[:VALUES])
    return OwnColumn(name, kind, tuple(kept), width=min(longest, PARTS))


def _ordered(column: OwnColumn, cells: pd.Series) -> OwnColumn | str:
    """A column of numbers or dates with its bins."""
    numbers = column.numbers(cells)
    known = np.unique(numbers[np.isfinite(numbers)])
    if len(known) < 2:
        return "one value for all"
    if len(known) > DISTINCT:
        cuts = np.quantile(numbers[np.isfinite(numbers)], np.arange(BINS) / BINS, method="higher")
        known = np.unique(cuts)
    if len(known) < 2:
        return "one value for nearly all"
    labels = [f"{edge:g}" for edge in known]
    return OwnColumn(column.name, column.kind, tuple(labels), tuple(float(edge) for edge in known))


def parts_of(cell: Any, kind: Kind) -> list[str]:
    """Values of one cell as comparable text: ``"a|b"``, JSON arrays and lists hold several."""
    if kind == "yes or no":
        return ["yes" if plain(str(cell)) in _YES else "no"]
    if kind == "list":
        if isinstance(cell, str):
            cell = _json(cell) if cell.lstrip().startswith("[") else cell.split("|")
        elif not pd.api.types.is_list_like(cell):
            cell = [cell]
    else:
        cell = [cell]
    return [text for part in cell if (text := " ".join(_text(part).split()).casefold())]


def _text(part: Any) -> str:
    """A value as text: 38 and 38.0 are one size."""
    return str(int(part)) if isinstance(part, float) and part.is_integer() else str(part)


def _json(cell: str) -> list[Any]:
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return cell.strip("[] ").replace("'", "").replace('"', "").split(",")
    return found if isinstance(found, list) else [found]


def _numbers(cells: pd.Series) -> NDArray[np.float64]:
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _distinct(cells: pd.Series) -> tuple[list[Any], NDArray[np.int64]]:
    """Distinct filled cells, and the place of each row's in them, -1 for an empty one."""
    raw = cells.astype(object)
    try:
        codes, unique = pd.factorize(raw)
    except TypeError:  # lists
        codes, unique = pd.factorize(raw.map(_hashable))
    filled = np.array([*map(_is_filled, unique), False], bool)
    place = np.where(filled, np.cumsum(filled) - 1, -1)
    return [cell for cell, keep in zip(unique, filled[:-1], strict=True) if keep], place[codes].astype(np.int64)


def _hashable(cell: Any) -> Any:
    if isinstance(cell, (list, np.ndarray)):
        return tuple(cell)
    return json.dumps(cell, default=str, sort_keys=True) if isinstance(cell, dict) else cell


def _is_filled(cell: Any) -> bool:
    if isinstance(cell, tuple):
        return len(cell) > 0
    if pd.api.types.is_scalar(cell):
        return not pd.isna(cell) and str(cell).strip() != ""
    return cell is not None
