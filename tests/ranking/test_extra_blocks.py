"""A shop's own feature block: the documented example from table to reason, and mistakes told before a night begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys import Recommender
from recsys.errors import BadInput
from recsys.explain import check
from recsys.explain.evidence import _clause
from recsys.explain.facts import MAX_CLAUSE
from recsys.pipeline import runs
from recsys.ranking.features import Block, EvidenceKind
from recsys.settings import load_settings

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
EXAMPLE = "review_count_block.ReviewCount"


@pytest.fixture
def reviewed(tiny_tables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tiny shop where a fifth of the items has reviews, and whoever looks buys one of those in the end."""
    items, events = tiny_tables
    items = items.assign(reviews=np.where(np.arange(len(items)) % 5 == 0, 214, 0))
    good = items[items.reviews > 0]
    rows = []
    for user, last in events.groupby("user_id").timestamp.max().items():
        own = good[good.category == ("garden" if int(user) % 2 else "kitchen")]
        for k, item in enumerate(own.item_id[int(user) % 5 :][:2]):
            rows.append({"user_id": user, "item_id": item, "timestamp": last + (k + 1) * 86_400})
    return items, pd.concat([events, pd.DataFrame(rows)], ignore_index=True)


@pytest.fixture
def with_blocks(tiny, monkeypatch):
    """Settings that name extra blocks."""
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def settings(*names: str):
        return load_settings(training={"extra_blocks": names, "negatives": 20})

    return settings


def test_the_documented_block_is_trained_stored_and_said_in_a_reason(reviewed, with_blocks, tmp_path):
    settings = with_blocks(EXAMPLE)
    rec = Recommender.build(*reviewed, artifacts=tmp_path, settings=settings)
    again = Recommender.load(tmp_path, settings=settings)
    assert "reviews: log_reviews" in rec.ranker.feature_names
    said = 0
    for user in again.shop.user_ids[:20]:
        for item in again.recommend(user, k=3).item_id:
            found = again.explain(user, item)
            block = next(part for part in found.evidence.parts if part.block == "reviews")
            top = block in found.evidence.top_parts
            reviews = int(reviewed[0].set_index("item_id").reviews[item])
            assert found.sentence.endswith(" It has 214 reviews.") == (top and reviews == 214), found.sentence
            assert check(found.sentence, found.evidence.facts) == []
            assert "kinds" not in found.as_dict()["contributions"][0]
            said += top and reviews == 214
    assert said
    # A sentence that says another number than the block is refused.
    facts = replace(found.evidence.facts, clause="has 214 reviews")
    assert check("“" + facts.item.name + "” is a suggestion. It has 215 reviews.", facts)


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("has 214 reviews", "has 214 reviews"),
        (" has <b>214</b>\n{reviews}. ", "has 214 reviews"),
        ("is praised by 4.5 of 5 buyers", "is praised by 4.5 of 5 buyers"),
        ("can be had from jane@example.com", ""),
        ("can be had from +44 20 7946 0958", ""),
        ("is fucking great", ""),
        ("!?", ""),
        (None, ""),
    ],
)
def test_what_a_block_says_is_printable_and_holds_nothing_no_reason_may(said, printed):
    assert _clause(said) == printed
    assert len(_clause("is long " * 50)) <= MAX_CLAUSE + 1


class Good(Block):
    name = "good"
    meaning = "whether the item's number is even, for the sake of the test"
    columns = ("even",)

    def transform(self, profile, candidates):
        return (candidates.codes[:, None] % 2 == 0).astype(np.float32)


class Nameless(Good):
    name = ""


class NoTransform(Block):
    name = "no transform"
    meaning = "nothing"
    columns = ("none",)


class Taken(Good):
    name = "popularity"


class Unheard(Good):
    name = "unheard"
    evidence_kinds = ("bought in May",)


class Flat(Good):
    name = "flat"

    def transform(self, profile, candidates):
        return np.zeros(len(candidates), np.float32)


class Gaps(Good):
    name = "gaps"

    def transform(self, profile, candidates):
        return np.full((len(candidates), 1), np.nan, np.float32)


class Columnless(Good):
    name = "columnless"
    columns = ()


class Crashes(Good):
    name = "crashes"

    def fit(self, context):
        self.reviews = context.items["stars"]


class Keeps(Good):
    name = "keeps"

    def fit(self, context):
        self.table = {"a": 1}


class Silent(Good):
    name = "silent"

    def describe(self, profile, candidates):
        return None if len(candidates) else []


class Forgets(Good):
    name = "forgets"

    def fit(self, context):
        self.sign = np.array([-1.0], np.float32)

    def transform(self, profile, candidates):
        return getattr(self, "sign", np.ones(1, np.float32)) * np.ones((len(candidates), 1), np.float32)

    def state(self):
        return {}


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("Nameless", "has no name; a block needs name, meaning, columns and transform"),
        ("NoTransform", "has no transform"),
        ("Taken", "'popularity' as another block is"),
        ("Unheard", r"\['bought in May'\]; use .*EvidenceKind"),
        ("Flat", r"returned float32 of shape \(\d+,\) for \d+ candidates and 1 columns"),
        ("Gaps", "NaN"),
        ("Columnless", r"columns is \(\)"),
        ("Crashes", r"fit\(context\) failed on a sample of the shop: KeyError: 'stars'"),
        ("Keeps", "sets 'table' to a dict; keep what is learnt in numpy arrays"),
        ("Silent", r"describe\(\) must return a list"),
        ("Forgets", "gives other features"),
        ("EXAMPLES", "is not a feature block; make it a subclass"),
        ("Nothing", "cannot import"),
    ],
)
def test_a_mistake_is_told_before_anything_is_encoded(block, message, tiny_tables, with_blocks, monkeypatch):
    def encoder(settings):
        raise AssertionError("the encoder was loaded before the blocks were checked")

    monkeypatch.setattr(runs, "encoder_for", encoder)
    with pytest.raises(BadInput, match=message) as found:
        Recommender.build(*tiny_tables, settings=with_blocks(f"{__name__}.{block}"))
    assert block in str(found.value) or block == "Keeps"


def test_what_fit_keeps_in_arrays_comes_back():
    block = Good()
    block.numbers, block.columns = np.arange(3.0), ("one", "two")
    again = Good()
    again.restore(block.state())
    np.testing.assert_array_equal(again.numbers, block.numbers)
    assert again.columns == ("one", "two")
    assert Good().evidence_kinds == ()
    assert Good().describe(None, np.zeros(2)) == [None, None]
    assert EvidenceKind.OFTEN == "often bought together"
