"""Why something is recommended: the parts of its score in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recsys.assistant.tools import Context
from recsys.explain import choose
from recsys.explain.evidence import Evidence, Part
from recsys.explain.writer import plain_reason


@dataclass(frozen=True)
class Why:
    """Why one item has its score: the sentence, and the parts of the score, largest first."""

    sentence: str
    parts: tuple[Part, ...]


def why(context: Context, row: int) -> Why:
    """Why a product has its score; the sentence says at least that nothing special is known."""
    (evidence,) = _evidence(context, [row])
    return Why(reasons(context, [row], least=True)[0], evidence.parts)


def reasons(context: Context, rows: Sequence[int], *, least: bool = False) -> list[str]:
    """One sentence a product from the evidence of its score, '' where there is nothing to say of it.

    The products of one answer are a list and told as one. A shopper in a chat does not wait for a writer: the sentences
    are the plain ones, true by construction.

    Parameters
    ----------
    least
        Say at least that nothing special is known, where the evidence holds nothing to say.
    """
    if context.recommender is None or context.recommender.ranker is None or context.table is None or not rows:
        return [""] * len(rows)
    manner = {"tone": "neutral", "length": "short", "language": context.language}
    plain = context.recommender.settings.explain.model_copy(update=manner)
    nothing = context.say("no_reason") if least else ""
    return [plain_reason(found.facts, plain).sentence or nothing for found in choose(_evidence(context, rows))]


def _evidence(context: Context, rows: Sequence[int]) -> list[Evidence]:
    recommender, table = context.recommender, context.table
    assert recommender is not None
    assert table is not None
    code = None if context.user is None else recommender.lookup.user_code(context.user)
    shopper = recommender.lookup.shopper({} if code is None else str(context.user))
    codes = recommender.lookup.codes([table.ids[row] for row in rows]).tolist()
    return recommender.explainer.evidence(shopper.profile, codes, user=code)
