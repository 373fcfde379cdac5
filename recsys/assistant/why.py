"""Why a product is recommended to the shopper who asks, as the explanations tell it."""

from __future__ import annotations

from collections.abc import Sequence

from recsys.explain.facts import Kind
from recsys.explain.slot_templates import Plan
from recsys.explain.templates import template
from recsys.serving.lookup import User
from recsys.serving.recommender import Recommender

_OF_A_PAST = frozenset({Kind.TASTE, Kind.PRICE, Kind.CHEAPER})
"""Kinds that speak of what the shopper bought without naming it."""


def sentences(recommender: Recommender, shopper: User, item_ids: Sequence[str], language: str) -> list[str]:
    """One sentence an item from the evidence of its score, '' where there is nothing to say of it.

    A shopper in a chat does not wait for a writer: the sentences are the plain ones, true by construction.
    """
    if recommender.ranker is None:
        return [""] * len(item_ids)
    profile = recommender.lookup.shopper(shopper).profile
    has_past = bool((profile.items >= 0).any())
    told = []
    for evidence in recommender.explainer.evidence(profile, recommender.lookup.codes(list(item_ids)).tolist()):
        plan = Plan.of(evidence.facts, "neutral", "short")
        said = plan.kind is not Kind.PICK and (has_past or plan.kind not in _OF_A_PAST)
        text = template(plan, "zh" if language == "zh" else "en") if said else ""
        told.append(text[:1].upper() + text[1:])
    return told
