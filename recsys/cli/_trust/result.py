"""Results of a trust run: tallies of what was tried, breaches, and the table that is made of them.

A breach is named by its kind and number, from which (with the seed) the very same case is made again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

#: Breaches of one kind that are kept word for word; all are counted.
KEPT = 20
SHOWN = 400


class Breach(Exception):
    """A promise was not kept; the message says how."""


@dataclass
class Tally:
    """Cases of one kind: how many were tried, how they ended, and which broke the promise.

    Attributes
    ----------
    kind
        Name of the kind, as in ``--case KIND:NUMBER``.
    left_out
        Why the kind cannot be tried on this machine, '' where it was.
    """

    kind: str
    tried: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    breaches: list[str] = field(default_factory=list)
    left_out: str = ""

    def add(self, ended: str, times: int = 1) -> None:
        """Count a case that kept the promise."""
        self.tried += times
        self.ended[ended] += times

    def breach(self, number: int, said: str, times: int = 1) -> None:
        """Count a case that broke it."""
        self.tried += times
        self.broken += 1
        if len(self.breaches) < KEPT:
            self.breaches.append(f"{self.kind}:{number}: {' '.join(said.split())[:SHOWN]}")


@dataclass(frozen=True)
class Result:
    """One promise, measured.

    Attributes
    ----------
    promise, test
        What is promised, and what was done to break it.
    tallies
        One for each kind of case.
    unit
        What is counted.
    figures
        What else was measured, JSON-ready.
    """

    promise: str
    test: str
    unit: str
    tallies: Sequence[Tally]
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def tried(self) -> int:
        """Cases of all kinds."""
        return sum(tally.tried for tally in self.tallies)

    @property
    def broken(self) -> int:
        """Cases that broke the promise."""
        return sum(tally.broken for tally in self.tallies)

    def counts(self) -> str:
        """Cases by kind, in words."""
        kinds = "; ".join(
            f"{tally.kind} {tally.tried:,}" if not tally.left_out else f"{tally.kind}: left out ({tally.left_out})"
            for tally in self.tallies
        )
        more = "".join(f"; {name} {value}" for name, value in self.figures.items())
        return f"{self.tried:,} {self.unit}: {kinds}{more}"

    def verdict(self) -> str:
        """How often the promise was broken, in words."""
        return f"broken {self.broken:,} times" if self.broken else f"0 of {self.tried:,} broken"

    def plain(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {
            "promise": self.promise,
            "test": self.test,
            "tried": self.tried,
            "broken": self.broken,
            "figures": self.figures,
            "kinds": {
                tally.kind: {
                    "tried": tally.tried,
                    "ended": dict(tally.ended.most_common()),
                    "broken": tally.broken,
                    "breaches": tally.breaches,
                    **({"left_out": tally.left_out} if tally.left_out else {}),
                }
                for tally in self.tallies
            },
        }


def markdown(results: Sequence[Result]) -> str:
    """The table of `docs/trust.md`."""
    rows = [f"| {r.promise} | {r.test} | {r.counts()} | {r.verdict()} |" for r in results]
    return "\n".join(["| promise | test | counted | result |", "|---|---|---|---|", *rows]) + "\n"
