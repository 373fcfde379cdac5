"""Why something is recommended: the parts of its score in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from recsys.assistant.tools import Context
from recsys.explain import choose
from recsys.explain.slot_templates import Plan
from recsys.explain.templates import template


def reasons(context: Context, rows: Sequence[int], *, least: bool = False) -> list[str]:
    """One sentence a product from the evidence of its score, '' where there is nothing to say of it.

    The products of one answer are a list and told as one. A shopper in a chat does not wait for a writer: the sentences
    are the plain ones, true by construction.

    Parameters
    ----------
    least
        Say at least that nothing special is known, where the evidence holds nothing to say.
    """
    recommender, table = context.recommender, context.table
    if recommender is None or recommender.ranker is None or table is None or not rows:
        return [""] * len(rows)
    code = None if context.user is None else recommender.lookup.user_code(context.user)
    shopper = recommender.lookup.shopper({} if code is None else str(context.user))
    codes = recommender.lookup.codes([table.ids[row] for row in rows]).tolist()
    plans = [
        Plan.of(evidence.facts, "neutral", "short")
        for evidence in choose(recommender.explainer.evidence(shopper.profile, codes, user=code))
    ]
    nothing = context.say("no_reason") if least else ""
    return [nothing if plan is None else template(plan, "zh" if context.language == "zh" else "en") for plan in plans]
