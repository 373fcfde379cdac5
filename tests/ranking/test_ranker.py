from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from recsys.data.catalogue import Candidates
from recsys.data.histories import Histories
from recsys.data.schema import TimeKind
from recsys.errors import ArtifactError, BadInput
from recsys.ranking.features import BLOCKS, Block
from recsys.ranking.ranker import Ranker, RankerTrainer
from recsys.ranking.regression import Regression, TrainingSplit, expected_dcg, intercept_shift
from recsys.ranking.sampling import Pairs
from recsys.settings import TrainingConfig
from tests.shops import context_of, events_of, facts_of, mean_texts, tables

CONFIG = TrainingConfig(negatives=30, slices=2)
ITEMS, ROWS = tables(n_users=200)
FACTS, EVENTS = facts_of(ITEMS), events_of(ITEMS, ROWS)
HISTORIES = Histories.build(EVENTS, EVENTS.end, 8.0)
EVERYTHING = Candidates.of(FACTS)


class Evenness(Block):
    """A block as a user would write one."""

    name = "evenness"
    meaning = "whether the item's number is even, for the sake of the test"

    def fit(self, shop):
        self.columns = ("even",)

    def transform(self, profile, candidates):
        return (candidates.codes[:, None] % 2 == 0).astype(np.float32)

    def state(self):
        return {}

    def restore(self, state):
        self.columns = ("even",)


@pytest.fixture(scope="module")
def trainer() -> RankerTrainer:
    return RankerTrainer.prepare(FACTS, EVENTS, mean_texts(FACTS), CONFIG, seed=0)


@pytest.fixture(scope="module")
def ranker(trainer) -> Ranker:
    return trainer.ranker()


def profile(user: int):
    return HISTORIES.profile(user, FACTS, mean_texts(FACTS)(HISTORIES, np.array([user]))[0])


def test_it_ranks_what_the_shopper_likes_first(ranker):
    for user in range(6):
        kind = "garden" if user % 2 else "kitchen"
        order = np.argsort(-ranker.score(profile(user), EVERYTHING))
        assert (ITEMS.title.iloc[order[:8]].str.startswith(kind)).mean() > 0.8


def test_contributions_sum_to_the_logit_and_scores_are_its_probabilities(ranker):
    for user in range(5):
        z = ranker.logit(profile(user), EVERYTHING)
        parts = ranker.contributions(profile(user), EVERYTHING)
        assert parts.shape == (len(ITEMS), len(ranker.blocks))
        np.testing.assert_allclose(parts.sum(axis=1) + ranker.intercept, z, rtol=0, atol=1e-9)
        np.testing.assert_allclose(logit(ranker.score(profile(user), EVERYTHING)), z, atol=1e-9)


def test_expected_purchases_are_about_what_shoppers_buy(ranker):
    windows = [o for o in ranker.facts_of_fit["training_windows"] if o["kind"] == "later"]
    mean = sum(o["bought"] for o in windows) / sum(o["users"] for o in windows)
    expected = np.mean([ranker.score(profile(u), EVERYTHING).sum() for u in range(0, 200, 5)])
    assert mean / 2.5 < expected < mean * 2.5


def test_about_as_many_purchases_are_expected_as_were_made_in_the_latest_stretch(trainer, ranker):
    pairs, rows = trainer.split.pairs, trainer.split.latest
    spread = trainer.split.spread
    weights = np.concatenate(ranker.weights) * np.where(np.isfinite(spread), spread, 0)
    z = pairs.features[rows] @ weights + ranker.intercept
    made = pairs.importance_weight[rows][pairs.bought[rows]].sum()
    # Not exactly: the weights have learnt from these very rows, the intercept has not.
    assert pairs.importance_weight[rows] @ expit(z) == pytest.approx(made, rel=0.1)
    # The rows of a shopper stand for the catalogue less what they had.
    one = rows[pairs.shopper[rows] == pairs.shopper[rows[0]]]
    assert 0.5 * len(ITEMS) < pairs.importance_weight[one].sum() <= len(ITEMS)


def test_the_slope_is_judged_on_shoppers_whom_the_weights_have_not_seen(trainer):
    split = trainer.split
    shopper = split.pairs.shopper
    (first, _), (second, _) = split.rest
    assert (first ^ second).all()
    for half, rows in split.rest:
        judged = set(shopper[split.latest[half]])
        assert judged
        assert not judged & set(shopper[rows])
        assert set(shopper[rows]) & set(shopper[split.latest[~half]])  # but it knows the same window


def noisy_pairs(n_shoppers: int, seed: int, n_columns: int = 40) -> Pairs:
    """Two windows of shoppers who choose by five columns of forty, for weights that learn much noise."""
    rng = np.random.default_rng(seed)
    shopper = np.repeat(np.arange(2 * n_shoppers, dtype=np.int32), 10)
    features = rng.normal(size=(len(shopper), n_columns)).astype(np.float32)
    z = features[:, :5].sum(axis=1) - 3.0
    bought = rng.random(len(z)) < expit(z)
    one = np.ones(len(z), np.float32)
    window = (shopper >= n_shoppers).astype(np.int32)
    names = tuple(f"c{k}" for k in range(n_columns))
    return Pairs(names, features, bought, one, one, window, shopper, np.ones(len(z), bool))


def test_chances_of_new_shoppers_are_neither_timid_nor_bold():
    """On average over shops; weights of the earlier window alone would be called 8% too timid here."""
    slopes, expected = [], []
    for shop in range(6):
        pairs, fresh = noisy_pairs(150, seed=2 * shop), noisy_pairs(6000, seed=2 * shop + 1)
        model = Regression.fit(TrainingSplit.of(pairs, seed=0), (1.0,))
        z = (fresh.features - model.means) @ model.weights + model.intercept
        slopes.append(LogisticRegression(C=1e6).fit(z[:, None], fresh.bought).coef_[0, 0])
        expected.append(expit(z).sum() / fresh.bought.sum())
    assert np.mean(slopes) == pytest.approx(1.0, abs=0.05)
    assert np.mean(expected) == pytest.approx(1.0, abs=0.03)


def test_where_there_is_nothing_to_tell_apart_the_order_is_kept():
    pairs = noisy_pairs(20, seed=0)
    pairs.bought[:] = pairs.shopper == 0  # one half of the shoppers has bought nothing
    model = Regression.fit(TrainingSplit.of(pairs, seed=0), (1.0,))
    assert model.slope == 1.0
    assert np.isfinite(model.weights).all()


def test_without_calibration_the_order_is_the_same():
    split = TrainingSplit.of(noisy_pairs(150, seed=4), seed=0)
    whole, plain = (Regression.fit(split, (0.1, 1.0), calibrated=calibrated) for calibrated in (True, False))
    assert (plain.slope, plain.shift) == (1.0, 0.0)
    np.testing.assert_allclose(plain.weights * whole.slope, whole.weights, rtol=1e-9)


def test_nothing_to_balance_moves_nothing():
    assert intercept_shift(np.zeros(3), np.zeros(3, bool), np.ones(3, np.float32)) == 0.0


def test_gain_is_that_of_the_estimated_rank():
    z = np.array([3.0, 2.0, 1.0, 9.0, 5.0, 4.0])
    bought = np.array([False, True, False, True, False, False])
    importance_weight = np.array([6, 1, 50, 1, 20, 20], np.float32)
    shopper = np.array([0, 0, 0, 1, 1, 1], np.int32)
    # Ranks: behind six others, and first.
    assert expected_dcg(z, bought, importance_weight, shopper) == pytest.approx((1 / np.log2(8) + 1) / 2)
    mixed = np.random.default_rng(0).permutation(6)
    assert expected_dcg(z[mixed], bought[mixed], importance_weight[mixed], shopper[mixed]) == pytest.approx(
        (1 / 3 + 1) / 2
    )


def test_a_fit_on_fewer_columns_equals_one_that_never_had_them(trainer):
    less = trainer.ranker(without=["taste"])
    again = trainer.ranker(without=["taste"])
    names = [b.name for b in trainer.blocks]
    assert [b.name for b in less.blocks] == [n for n in names if n != "taste"]
    np.testing.assert_array_equal(less.logit(profile(1), EVERYTHING), again.logit(profile(1), EVERYTHING))
    z = less.logit(profile(1), EVERYTHING)
    np.testing.assert_allclose(less.contributions(profile(1), EVERYTHING).sum(axis=1) + less.intercept, z, atol=1e-9)


def test_fold_is_the_text_part_of_the_logit(ranker):
    query, constant = ranker.linear_query(profile(3))
    parts = ranker.contributions(profile(3), EVERYTHING)
    names = [b.name for b in ranker.blocks]
    own = sum(
        parts[:, names.index(b.name)]
        for b, w in zip(ranker.blocks, ranker.weights, strict=True)
        if b.linear_query(profile(3), w) is not None
    )
    np.testing.assert_allclose(FACTS.vectors @ query + constant, own, atol=1e-4)


def test_save_and_load_give_equal_scores(ranker, tmp_path):
    info = ranker.save(tmp_path / "ranker")
    again = Ranker.load(tmp_path / "ranker")
    assert info["features"] == list(again.feature_names)
    assert not [p for p in (tmp_path / "ranker").iterdir() if p.suffix not in (".npy", ".json")]
    for user in range(5):
        np.testing.assert_array_equal(again.logit(profile(user), EVERYTHING), ranker.logit(profile(user), EVERYTHING))


#: What a version calls the blocks that was written before they moved and were renamed.
OLD_CLASSES = [
    *(f"content.{name}" for name in ("TextVectors", "Product", "Similarity", "Words")),
    *(f"copurchase.{name}" for name in ("Together", "Following", "Completes", "Kin", "Lately", "Taste")),
    *(f"popularity.{name}" for name in ("Popularity", "Age", "Season")),
    *(f"content.{name}" for name in ("Price", "Category")),
]


def test_a_version_from_before_blocks_were_renamed_is_read(ranker, tmp_path):
    assert ranker.blocks[-1].name == "new products"  # which such a version has not
    parts = {name: getattr(ranker, name)[:-1] for name in ("blocks", "weights", "offsets")}
    ranker = replace(ranker, **parts)
    ranker.save(tmp_path)
    meta = json.loads((tmp_path / "ranker.json").read_text())
    for block, old in zip(meta["blocks"], OLD_CLASSES, strict=True):
        block["class"] = f"recsys.features.{old}"
    meta["fit"]["occasions"] = meta["fit"].pop("training_windows")
    (tmp_path / "ranker.json").write_text(json.dumps(meta))
    again = Ranker.load(tmp_path)
    assert again.feature_names == ranker.feature_names
    np.testing.assert_array_equal(again.logit(profile(0), EVERYTHING), ranker.logit(profile(0), EVERYTHING))
    # The files are those that such a version has.
    assert {f"{number:02d}-{key}.npy" for number, block in enumerate(meta["blocks"]) for key in block["state"]} == {
        "00-directions.npy",
        "01-directions.npy",
        *(f"{n:02d}-partners_{part}.npy" for n in range(4, 9) for part in ("indptr", "items", "values")),
        "09-factors.npy",
        "09-reader.npy",
        "10-table.npy",
        "11-table.npy",
        *(f"12-{key}.npy" for key in ("edges", "counts", "now", "first")),
        "13-scale.npy",
    }


def test_damage_is_an_artifact_error(ranker, tmp_path):
    ranker.save(tmp_path / "a")
    (tmp_path / "a" / "weights.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(ArtifactError, match="cannot be read"):
        Ranker.load(tmp_path / "a")
    with pytest.raises(ArtifactError, match="cannot be read"):
        Ranker.load(tmp_path / "nowhere")


def test_refreshed_statistics_change_scores_and_the_same_statistics_do_not(ranker):
    same = ranker.with_statistics(context_of(EVENTS, FACTS))
    np.testing.assert_allclose(same.logit(profile(0), EVERYTHING), ranker.logit(profile(0), EVERYTHING), atol=1e-9)
    fewer = ranker.with_statistics(context_of(EVENTS.before(float(np.median(EVENTS.time))), FACTS))
    assert not np.allclose(fewer.logit(profile(0), EVERYTHING), ranker.logit(profile(0), EVERYTHING))


def test_row_order_does_not_matter(ranker):
    shuffled = events_of(ITEMS, ROWS.sample(frac=1, random_state=1))
    again = RankerTrainer.prepare(FACTS, shuffled, mean_texts(FACTS), CONFIG, seed=0).ranker()
    np.testing.assert_array_equal(again.logit(profile(0), EVERYTHING), ranker.logit(profile(0), EVERYTHING))


def test_threads_give_the_same_scores(ranker):
    alone = [ranker.logit(profile(u), EVERYTHING) for u in range(20)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda u: ranker.logit(profile(u), EVERYTHING), range(20)))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


def test_order_only_tables_train():
    rows = ROWS.assign(timestamp=ROWS.groupby("user_id").cumcount().astype(float))
    events = events_of(ITEMS, rows, TimeKind.ORDER)
    made = RankerTrainer.prepare(FACTS, events, mean_texts(FACTS), CONFIG).ranker()
    assert "newness" not in [b.name for b in made.blocks]
    assert np.isfinite(made.logit(profile(0), EVERYTHING)).all()


def test_left_out_blocks_are_gone_and_own_blocks_are_there(tmp_path):
    config = CONFIG.model_copy(update={"extra_blocks": (f"{__name__}.Evenness",)})
    made = RankerTrainer.prepare(FACTS, EVENTS, mean_texts(FACTS), config).ranker(without=["taste", "popularity"])
    names = [b.name for b in made.blocks]
    assert "evenness" in names
    assert not {"taste", "popularity"} & set(names)
    made.save(tmp_path)
    with pytest.raises(ArtifactError, match="extra_blocks"):
        Ranker.load(tmp_path)
    again = Ranker.load(tmp_path, allowed=config.extra_blocks)
    np.testing.assert_array_equal(again.logit(profile(0), EVERYTHING), made.logit(profile(0), EVERYTHING))


@pytest.mark.parametrize("name", ["nowhere.Nothing", "recsys.data.events.Events", "plain"])
def test_a_block_that_is_none_is_refused(name):
    with pytest.raises(BadInput, match="extra_blocks"):
        RankerTrainer.prepare(FACTS, EVENTS, mean_texts(FACTS), CONFIG.model_copy(update={"extra_blocks": (name,)}))


def test_concatenation_alone_cannot_personalise(trainer):
    """The reason for all other blocks: on ``[u ; v]`` every shopper gets the same order."""
    alone = trainer.ranker(without=[b.name for b in BLOCKS if b.name != "text vectors"])
    orders = {tuple(np.argsort(-alone.logit(profile(u), EVERYTHING), kind="stable")) for u in range(4)}
    assert len(orders) == 1
