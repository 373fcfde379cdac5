"""Why a product is recommended to the shopper who asks, as the explanations tell it."""

from __future__ import annotations

from collections.abc import Sequence

from recsys.explain import choose
from recsys.explain.slot_templates import Plan
from recsys.explain.templates import template
from recsys.serving.lookup import User
from recsys.serving.recommender import Recommender


def sentences(recommender: Recommender, shopper: User, item_ids: Sequence[str], language: str) -> list[str]:
    """One sentence an item from the evidence of its score, '' where there is nothing to say of it.

    The items of one answer are a list and told as one. A shopper in a chat does not wait for a writer: the sentences
    are the plain ones, true by construction.
    """
    if recommender.ranker is None:
        return [""] * len(item_ids)
    profile, code = recommender.lookup.shopper(shopper).profile, recommender.lookup.user_code(shopper)
    found = recommender.explainer.evidence(profile, recommender.lookup.codes(list(item_ids)).tolist(), user=code)
    plans = [Plan.of(evidence.facts, "neutral", "short") for evidence in choose(found)]
    return ["" if plan is None else template(plan, "zh" if language == "zh" else "en") for plan in plans]
