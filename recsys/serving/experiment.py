"""Experiments: who sees which variant, by a stable hash of the shopper; and team-draft interleaving of two rankers."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def assigned(experiment: str, user: str, shares: Mapping[str, float]) -> str:
    """The variant of a shopper: the same at every visit and in every process, whoever else is in the experiment.

    The experiment's name goes into the hash, so that experiments do not share their halves.
    """
    place = _fraction(f"{experiment}\x1f{user}") * sum(shares.values())
    for name, share in shares.items():
        place -= share
        if place < 0:
            return name
    return list(shares)[-1]


def interleaved(one: Sequence[T], other: Sequence[T], length: int, seed: str) -> tuple[list[T], list[int]]:
    """Team-draft interleaving of two rankings (Radlinski, Kurup and Joachims, "How does clickthrough data reflect
    retrieval quality?", 2008).

    In each round a coin says which ranking picks first; each picks its best item that is not in the list yet.

    Returns
    -------
    The list, and for each place which ranking picked it: 0 for the first, 1 for the second.
    """
    coin = random.Random(seed)  # noqa: S311 - a fair coin that falls the same way for the same list
    rankings = (one, other)
    picked: list[T] = []
    teams: list[int] = []
    while len(picked) < length:
        before = len(picked)
        for team in (0, 1) if coin.random() < 0.5 else (1, 0):
            best = next((item for item in rankings[team] if item not in picked), None)
            if best is not None and len(picked) < length:
                picked.append(best)
                teams.append(team)
        if len(picked) == before:
            break
    return picked, teams


def _fraction(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64
