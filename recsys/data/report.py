"""Data-quality report: what a reading made of the tables it was given.

One object travels from the readers (how bytes became rows) through the checks (what columns and values mean) to every
command that reads tables: printed as five lines, kept in the version as `intake.json`, shown in the HTML report.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: File of a version that holds the report of its reading.
FILE = "intake.json"
#: Examples kept of each reason, and entries of one list that a line names; the rest are counted.
EXAMPLES, NAMED = 3, 6


@dataclass
class Loss:
    """Rows that share a reason for not being used.

    Attributes
    ----------
    rows
        How many.
    bad
        Whether they count against `intake.max_bad`: broken rows do; repeats, returns and the like do not.
    examples
        What some of them hold, as written.
    """

    rows: int
    bad: bool = True
    examples: list[str] = field(default_factory=list)


@dataclass
class TableReport:
    """How one table was read; each step that reads or checks it writes down what it decided.

    Attributes
    ----------
    source
        The file (or `DataFrame`) the table came from.
    reading
        How bytes became rows, in words: ``"columns separated by ';'"``, ``"UTF-16"``.
    columns
        Columns read under another name, theirs -> ours.
    rows, kept
        Rows found, and rows that are used.
    lost
        Rows that are not used, by reason; `rows` is `kept` plus these.
    times
        How times were read: ``"UTC seconds"``, ``"no timestamp column: order of rows"``.
    decimals
        Decimal sign of each column of numbers that were written as text.
    currencies
        Currencies of the prices and rows of each.
    availability
        Spellings of `available`: rows, and whether it was taken as yes (None: not understood).
    languages
        Share of the texts in each language.
    notes
        Further counts, in words.
    warnings
        What somebody should look at.
    """

    source: str = ""
    reading: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    kept: int = 0
    lost: dict[str, Loss] = field(default_factory=dict)
    times: str = ""
    decimals: dict[str, str] = field(default_factory=dict)
    currencies: dict[str, int] = field(default_factory=dict)
    availability: dict[str, tuple[int, bool | None]] = field(default_factory=dict)
    languages: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def lose(self, reason: str, rows: int, *, bad: bool = True, examples: Iterable[str] = ()) -> None:
        """Count `rows` that are not used for `reason`; none leaves no entry."""
        if rows:
            loss = self.lost.setdefault(reason, Loss(0, bad))
            loss.rows += rows
            loss.examples = [*loss.examples, *examples][:EXAMPLES]

    @property
    def bad(self) -> int:
        """Rows lost because they are broken."""
        return sum(loss.rows for loss in self.lost.values() if loss.bad)

    def values(self) -> list[str]:
        """How values were understood, in phrases."""
        said = [f"times: {self.times}"] if self.times else []
        said += [f"{column} with decimal {sign}" for column, sign in self.decimals.items()]
        if self.currencies:
            said.append("currencies: " + _few(f"{name} {rows:,}" for name, rows in self.currencies.items()))
        no = [f"{spelling!r} {rows:,}" for spelling, (rows, yes) in self.availability.items() if yes is False]
        said += [f"not available: {_few(no)}"] if no else []
        if self.languages:
            said.append("languages: " + _few(f"{name} {share:.0%}" for name, share in self.languages.items()))
        return said + self.notes


@dataclass
class ReadingReport:
    """The reports of all tables of one reading, by name (`items`, `interactions`, `impressions`, `users`)."""

    tables: dict[str, TableReport] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def table(self, name: str) -> TableReport:
        """The report of a table, made where it is not there yet."""
        return self.tables.setdefault(name, TableReport())

    def warn(self, message: str) -> None:
        """Add something somebody should look at that concerns no single table; said once."""
        if message not in self.warnings:
            self.warnings.append(message)

    def lines(self) -> list[str]:
        """Five lines for people: files, columns, rows, values, warnings."""
        each = self.tables.items()
        files = [f"{name} {table.source}" + _bracket(table.reading) for name, table in each]
        columns = [f"read `{theirs}` as `{ours}`" for _, table in each for theirs, ours in table.columns.items()]
        rows = [f"{table.kept:,} of {table.rows:,} {name}" + _bracket(_losses(table)) for name, table in each]
        values = [f"{name}: " + ", ".join(said) for name, table in each if (said := table.values())]
        warnings = [f"{name}: {text}" for name, table in each for text in table.warnings] + self.warnings
        return [
            "files:    " + ("; ".join(files) or "none"),
            "columns:  " + ("; ".join(dict.fromkeys(columns)) or "all under our own names"),
            "rows:     " + ("used " + "; ".join(rows) if rows else "none"),
            "values:   " + ("; ".join(values) or "nothing to say"),
            "warnings: " + ("; ".join(warnings) or "none"),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON and for the HTML report."""
        return {**asdict(self), "lines": self.lines()}


def save(report: Mapping[str, Any], directory: Path) -> None:
    """Write a report (plain data) into a version; none leaves no file."""
    path = directory / FILE
    path.unlink(missing_ok=True)  # a hard link to the older version's report must not be written through
    if report:
        path.write_text(json.dumps(report, ensure_ascii=False, indent=1), "utf-8")


def load(directory: Path) -> Mapping[str, Any]:
    """The report of a version as plain data; empty for a version made before there were reports."""
    path = directory / FILE
    report: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return report


def _losses(table: TableReport) -> list[str]:
    ordered = sorted(table.lost.items(), key=lambda entry: -entry[1].rows)
    return [
        f"{loss.rows:,} {reason}" + (f", such as {loss.examples[0]!r}" if loss.examples else "")
        for reason, loss in ordered[:NAMED]
    ] + ([f"and {len(ordered) - NAMED} more reasons"] if len(ordered) > NAMED else [])


def _few(entries: Iterable[str]) -> str:
    entries = list(entries)
    more = f" and {len(entries) - NAMED} more" if len(entries) > NAMED else ""
    return ", ".join(entries[:NAMED]) + more


def _bracket(parts: list[str]) -> str:
    return f" ({'; '.join(parts)})" if parts else ""
