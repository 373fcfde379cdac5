"""Adapting the encoder: it learns what goes together, is kept only where that helps, and is an ordinary directory."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from jobs import finetune
from recsys.data.schema import TimeKind
from recsys.encoders.encoder import Encoder
from recsys.errors import BadInput
from recsys.evaluation.metrics import Estimate
from recsys.pipeline import adaptation
from recsys.pipeline.adaptation import AdaptationConfig, adapt, contrastive_loss, improves
from recsys.pipeline.inputs import Inputs
from recsys.pipeline.item_pairs import ItemPairs, sample_pairs
from recsys.pipeline.runs import embed
from recsys.settings import load_settings
from tests.shops import events_of

QUICK = AdaptationConfig(steps=60, batch=16, learning_rate=1e-3, layers=2)
DAY = 86_400


def letters_shop(shuffled: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two tastes that a name gives away only to who has seen them bought: initials of one half, or of the other."""
    rng = np.random.default_rng(3)
    halves = [[f"{letter}{n}" for letter in half for n in range(5)] for half in ("acegik", "bdfhjl")]
    rows = []
    for user in range(120):
        for visit, name in enumerate(rng.choice(halves[user % 2], rng.integers(6, 14), replace=False)):
            rows.append((f"u{user:03d}", name, 1_700_000_000 + int(rng.integers(0, 9)) * DAY + visit * 10 * DAY))
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    if shuffled:
        events["item_id"] = rng.permutation(events.item_id.to_numpy(object))
    names = halves[0] + halves[1]
    return pd.DataFrame({"item_id": names, "title": names}), events


def published(folder, tiny_environment, monkeypatch, **how):
    for name, value in tiny_environment.items():
        monkeypatch.setenv(name, value)
    items, events = letters_shop(**how)
    items.to_parquet(folder / "items.parquet")
    events.to_parquet(folder / "events.parquet")
    chosen = load_settings(artifacts=folder / "a")
    embed(Inputs(folder / "items.parquet", folder / "events.parquet"), chosen)
    return chosen


@pytest.fixture(scope="module")
def shop(tiny_environment, tmp_path_factory):
    """Settings of a published shop with two tastes."""
    with pytest.MonkeyPatch.context() as patch:
        yield published(tmp_path_factory.mktemp("letters"), tiny_environment, patch)


def test_learns_what_goes_together_and_keeps_it(shop, tmp_path):
    result = adapt(shop, QUICK, out=tmp_path / "mine")
    assert result.notes["loss_last"] < result.notes["loss_first"]
    base, now, gain = result.figures["auc"]
    assert now.value > base.value
    assert gain.low > 0
    assert result.out == tmp_path / "mine"

    adapted, before = Encoder.load(str(result.out)), Encoder.load(shop.encoder.name)
    assert adapted.fingerprint != before.fingerprint
    texts = ["a1", "c2", "b1", "d2"]

    def contrast(encoder):
        cosines = encoder.encode(texts).vectors @ encoder.encode(texts).vectors.T
        return cosines[0, 1] + cosines[2, 3] - cosines[0, 2] - cosines[1, 3]

    assert contrast(adapted) > contrast(before)
    card = (result.out / "README.md").read_text("utf-8")
    assert str(now) in card
    assert result.notes["base_hash"] in card
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]  # nothing half-done beside it


def test_same_seed_same_encoder_wherever_it_goes(shop, tmp_path):
    few = QUICK.model_copy(update={"steps": 20})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adaptation, "improves", lambda figures: True)
        first, again = adapt(shop, few), adapt(shop, few)
        other = adapt(shop.model_copy(update={"seed": 8}), few)
    assert first.out == again.out != other.out  # the name is a hash of the weights
    assert first.out.parent == shop.artifacts / "encoders"
    # The next night encodes items and histories with it.
    monkey = shop.model_copy(update={"encoder": shop.encoder.model_copy(update={"name": str(first.out)})})
    night = embed(Inputs(), monkey)
    assert night.version.manifest["encoder"]["name"] == str(first.out)
    assert night.notes["items_encoded"] > 0
    assert night.notes["histories_encoded"] > 0


def test_chance_is_not_kept_and_leaves_nothing(tmp_path, tiny_environment, monkeypatch):
    chosen = published(tmp_path, tiny_environment, monkeypatch, shuffled=True)
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(
        finetune.app, ["encoder", "--artifacts", str(chosen.artifacts), "--max-steps", "5", "--json"]
    )
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["out"] is None
    assert told["figures"]["auc"]["gain"][1] <= 0
    assert sorted(tmp_path.rglob("*")) == before


def test_refuses_what_it_cannot_use(shop, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(BadInput, match="holds something already"):
        adapt(shop, QUICK, out=tmp_path / "taken")
    result = CliRunner().invoke(finetune.app, ["encoder", "--artifacts", str(shop.artifacts), "--minutes", "0"])
    assert result.exit_code == 2
    items, events = letters_shop()
    lone = events_of(items, events.drop_duplicates("user_id").assign(weight=1.0))
    with pytest.raises(BadInput, match="two different items"):
        sample_pairs(lone, list(items.title), 10, seed=0)
    with pytest.raises(BadInput, match="no events"):
        sample_pairs(lone.where(np.zeros(len(lone), bool)), list(items.title), 10, seed=0)


def test_time_ends_learning(shop, tmp_path):
    result = adapt(shop, QUICK.model_copy(update={"steps": 5_000, "minutes": 0.02}), out=tmp_path / "x")
    assert 1 <= result.notes["steps"] < result.notes["planned_steps"]


def test_kept_only_beyond_chance():
    sure, unsure, worse = Estimate(0.1, 0.05, 0.2), Estimate(0.1, -0.01, 0.2), Estimate(-0.1, -0.2, -0.05)

    def row(auc, ndcg):
        return {"auc": (sure, sure, auc), "ndcg@10": (sure, sure, ndcg)}

    assert improves(row(sure, unsure))
    assert not improves(row(unsure, sure))
    assert not improves(row(sure, worse))


@settings(max_examples=30)
@given(
    visits=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5), st.lists(st.integers(0, 7), min_size=1, max_size=4)),
        min_size=1,
        max_size=15,
    ),
    kind=st.sampled_from(TimeKind),
)
def test_pairs_are_of_one_shopper_and_neighbouring_visits(visits, kind):
    rows = [(f"u{u}", f"i{i}", float(t), 1.0) for u, t, items in visits for i in items]
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "weight"]).drop_duplicates()
    items = pd.DataFrame({"item_id": [f"i{k}" for k in range(8)]})
    events = events_of(items, table, kind)
    texts = ["same", "same", *(f"text {k}" for k in range(2, 8))]
    allowed = {
        (texts[events.item[a]], texts[events.item[b]])
        for a in range(len(events))
        for b in range(len(events))
        if events.user[a] == events.user[b] and abs(events.visit[a] - events.visit[b]) <= 1
    }
    allowed = {(a, b) for a, b in allowed if a != b}
    try:
        pairs = sample_pairs(events, texts, 40, seed=1)
    except BadInput:
        assert not allowed
        return
    assert len(pairs) >= 40
    assert {(pairs.texts[a], pairs.texts[b]) for a, b in zip(pairs.left, pairs.right, strict=True)} <= allowed


def test_popular_items_do_not_drown_the_others():
    rows = [(f"u{u:03d}", "hit", 1.0, 1.0) for u in range(400)]
    rows += [(f"u{u:03d}", f"i{u % 40:02d}", 1.0, 1.0) for u in range(400)]
    items = pd.DataFrame({"item_id": ["hit", "rare", *(f"i{k:02d}" for k in range(40))]})
    rows += [("v1", "rare", 1.0, 1.0), ("v1", "i00", 1.0, 1.0)]
    events = events_of(items, pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "weight"]))
    pairs = sample_pairs(events, list(items.item_id), 20_000, seed=0)
    rare = pairs.texts.index("rare")
    share = float(np.mean((pairs.left == rare) | (pairs.right == rare)))
    assert share > 5 / 401  # drawn more than the one visit in 401 that it is in


def test_false_negatives_are_masked():
    pairs = ItemPairs(list("abcdef"), np.array([0, 2, 0]), np.array([1, 3, 3]))
    blocked = pairs.not_negatives(np.array([0, 2, 4, 0]), np.array([1, 3, 5, 5]))
    expected = [
        [0, 1, 0, 1],  # a-b: a goes with d too; the last pair is of a itself
        [0, 0, 0, 0],
        [0, 0, 0, 1],  # e-f: the last pair's right is f
        [1, 1, 1, 0],
    ]
    np.testing.assert_array_equal(blocked.astype(int), expected)


def test_loss_is_low_for_aligned_pairs_and_ignores_what_is_masked():
    left = torch.eye(3)
    none = torch.zeros(3, 3, dtype=torch.bool)
    aligned = contrastive_loss(left, left, none, 0.05)
    swapped = contrastive_loss(left, left[[1, 0, 2]], none, 0.05)
    masked = contrastive_loss(left, left[[1, 0, 2]], ~torch.eye(3, dtype=torch.bool), 0.05)
    assert float(aligned) < 1e-6 < float(swapped)
    assert float(masked) == pytest.approx(0.0)
