"""Own columns in the ranker: what drives choice is learnt, what does not costs nothing, a shop without is as before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recsys.data.attributes import AttributeSpace, shopper_attributes
from recsys.data.catalogue import Candidates, Vocabulary
from recsys.data.events import DAY, Events
from recsys.data.histories import Histories
from recsys.data.schema import TimeKind
from recsys.evaluation.metrics import auc
from recsys.ranking.features.columns import _implied, column_block, column_blocks
from recsys.ranking.ranker import Ranker, RankerTrainer
from recsys.settings import TrainingConfig
from tests.shops import START, context_of, mean_texts

CONFIG = TrainingConfig(negatives=30, slices=2)
COLOURS = np.array(["blue", "green", "red", "white"])
ODDS = 6.0


class Shop:
    """300 shoppers of four regions who take items of their region's colour with odds of six, and chance columns."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        n_items, n_users = 160, 300
        colour, region = rng.integers(0, 4, n_items), rng.integers(0, 4, n_users)
        self.items = pd.DataFrame(
            {
                "item_id": [f"i{n:03d}" for n in range(n_items)],
                "title": [f"garden thing {n}" for n in range(n_items)],
                "colour": COLOURS[colour],
                "chance_number": rng.normal(size=n_items),
                "chance_word": rng.choice(["a", "b", "c", "d", "e"], n_items),
                "chance_list": ["|".join(rng.choice(list("pqrstuv"), 2, replace=False)) for _ in range(n_items)],
            }
        )
        self.users = pd.DataFrame(
            {"user_id": [f"u{n:03d}" for n in range(n_users)], "region": [f"r{r}" for r in region]}
        )
        self.like = colour[None, :] == region[:, None]
        taste = np.where(self.like, ODDS, 1.0) * rng.gamma(1.0, size=n_items)
        rows = []
        for user in range(n_users):
            for item in rng.choice(n_items, 10, replace=False, p=taste[user] / taste[user].sum()):
                rows.append((f"u{user:03d}", f"i{item:03d}", START + DAY * float(rng.integers(0, 300)), np.float32(1)))
        self.rows = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "weight"])
        self.ids = self.users.user_id.to_numpy(object)
        vectors = rng.normal(size=(n_items, 8))
        self.vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        self.cut = START + 240 * DAY
        self.facts = Vocabulary.fit(self.items, ("title",)).facts(self.items, self.vectors)
        events = Events.from_table(self.rows, self.ids, self.items.item_id, TimeKind.ABSOLUTE)
        self.events = replace(events, shoppers=shopper_attributes(self.users, self.ids, "user_id"))
        self.past = self.events.before(self.cut)

    def aucs(self, ranker: Ranker, oracle: float = 0.0) -> np.ndarray:
        """Per-user AUC of what was bought after the cut, against all that was never bought."""
        histories, catalogue = Histories.build(self.past, self.cut, 8.0), Candidates.of(self.facts)
        texts = mean_texts(self.facts)
        out = []
        for user in range(len(self.ids)):
            had = self.past.item[self.past.user == user]
            new = np.setdiff1d(self.events.item[self.events.user == user], had)
            if len(had) and len(new):
                profile = histories.profile(user, self.facts, texts(histories, np.array([user]))[0])
                scores = ranker.logit(profile, catalogue) + oracle * self.like[user]
                rest = np.setdiff1d(np.arange(len(self.items)), np.r_[new, had])
                out.append(auc(scores[new], scores[rest]))
        return np.array(out)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="module")
def trainer(shop) -> RankerTrainer:
    return RankerTrainer.prepare(shop.facts, shop.past, mean_texts(shop.facts), CONFIG, seed=0)


def named(trainer: RankerTrainer, *words: str) -> list[str]:
    own = [b.name for b in trainer.blocks if b.name.startswith(("column ", "shoppers' "))]
    return [name for name in own if any(word in name for word in words)]


def test_each_column_is_a_block_of_its_own(trainer):
    assert named(trainer, "") == [
        "column colour", "column chance_number", "column chance_word", "column chance_list", "shoppers' region"
    ]  # fmt: skip


def test_what_was_planted_is_learnt_and_what_is_chance_costs_nothing(shop, trainer):
    without = trainer.ranker(without=named(trainer, ""))
    base, oracle = shop.aucs(without), shop.aucs(without, np.log(ODDS))
    planted = shop.aucs(trainer.ranker(without=named(trainer, "chance")))
    everything = shop.aucs(trainer.ranker())
    gain = oracle.mean() - base.mean()
    assert gain > 0.02  # what there is to learn beyond the history
    assert planted.mean() - base.mean() > 0.7 * gain  # shrunken: a region has some thirty shoppers to learn from
    assert abs(everything.mean() - planted.mean()) < 0.01  # 300 shoppers; the benchmark says it to the third digit


def test_what_is_stored_scores_the_same(shop, trainer, tmp_path):
    ranker = trainer.ranker()
    ranker.save(tmp_path)
    back = Ranker.load(tmp_path)
    histories = Histories.build(shop.past, shop.cut, 8.0)
    profile = histories.profile(5, shop.facts, mean_texts(shop.facts)(histories, np.array([5]))[0])
    catalogue = Candidates.of(shop.facts)
    assert [b.name for b in back.blocks] == [b.name for b in ranker.blocks]
    assert np.array_equal(back.logit(profile, catalogue), ranker.logit(profile, catalogue))
    parts = ranker.contributions(profile, catalogue)
    assert np.allclose(parts.sum(axis=1) + ranker.intercept, ranker.logit(profile, catalogue))


def test_statistics_of_other_events_keep_the_weights_and_a_column_that_left_says_nothing(shop, trainer):
    ranker = trainer.ranker()
    later = ranker.with_statistics(context_of(shop.events, shop.facts))
    assert later.feature_names == ranker.feature_names
    more = shopper_attributes(shop.users.assign(age=np.resize([20, 30, 40], len(shop.users))), shop.ids, "user_id")
    wider = ranker.with_statistics(context_of(replace(shop.events, shoppers=more), shop.facts))
    assert wider.feature_names == ranker.feature_names
    somebody = Histories.build(replace(shop.past, shoppers=more), shop.cut, 8.0).profile(
        3, shop.facts, np.zeros(8, "f4")
    )
    assert np.isfinite(wider.logit(somebody, Candidates.of(shop.facts))).all()
    bare = replace(shop.facts, own=AttributeSpace(()).attributes(shop.items))
    gone = ranker.with_statistics(context_of(replace(shop.events, shoppers=None), bare))
    at = [b.name for b in gone.blocks].index("column colour")
    profile = Histories.build(replace(shop.past, shoppers=None), shop.cut, 8.0).profile(
        3, bare, np.zeros(8, np.float32)
    )
    assert not gone.blocks[at].transform(profile, Candidates.of(bare)).any()


def test_an_item_the_catalogue_lacks_is_scored_by_its_columns(shop, trainer):
    ranker = trainer.ranker()
    vocabulary = Vocabulary.fit(shop.items, ("title",))
    new = pd.DataFrame({"title": ["garden thing"] * 2, "colour": ["Red", "blue"]})
    facts = vocabulary.facts(new, np.repeat(shop.vectors[:1], 2, axis=0))
    red = int(np.flatnonzero(shop.users.region == "r2")[0])  # their colour is the third
    profile = Histories.build(shop.past, shop.cut, 8.0).profile(red, shop.facts, np.zeros(8, np.float32))
    z = ranker.logit(profile, Candidates(np.array([-1, -1]), facts))
    assert z[0] > z[1] + 0.5
    stranger = replace(profile, own=None)  # only the history speaks for a colour then
    assert np.isfinite(ranker.logit(stranger, Candidates(np.array([-1, -1]), facts))).all()


def test_a_shop_without_further_columns_has_no_such_blocks(shop):
    bare = replace(shop.facts, own=None)
    assert column_blocks(context_of(replace(shop.past, shoppers=None), bare)) == []
    with_users = column_blocks(context_of(shop.past, bare))
    assert [kind.name for kind in with_users] == ["shoppers' region"]
    assert column_blocks(context_of(shop.past, shop.facts), ("colour",))[0].name == "column colour"
    assert len(column_blocks(context_of(shop.past, shop.facts), ("-colour", "-region"))) == 3
    assert column_block("popularity") is None


def test_what_is_said_of_a_column_is_true_of_the_history_and_of_the_shopper(shop):
    items = shop.items.assign(fit=np.resize(["M", "L"], len(shop.items)), supplier=shop.items.colour)
    facts = Vocabulary.fit(items, ("title",)).facts(items, shop.vectors)
    users = shop.users.assign(fit=np.resize(["m", "l"], len(shop.users)))
    events = replace(shop.past, shoppers=shopper_attributes(users, shop.ids, "user_id"))
    blocks = {kind.name: kind() for kind in column_blocks(context_of(events, facts))}
    for block in blocks.values():
        block.fit(context_of(events, facts))
    histories, everything = Histories.build(events, shop.cut, 8.0), Candidates.of(facts)
    said = 0
    for user in range(40):
        profile = histories.profile(user, facts, np.zeros(8, np.float32))
        fits = blocks["column fit"].describe(profile, everything)
        own = users.fit[user]
        assert fits == [
            f"comes in your fit ({own})" if own == mine.lower() else told
            for mine, told in zip(items.fit, fits, strict=True)
        ]
        bought = items.colour[profile.items]
        for colour, clause in zip(items.colour, blocks["column colour"].describe(profile, everything), strict=True):
            same = int((bought == colour).sum())
            told = same >= 2 and same >= 0.3 * len(bought)
            wanted = f"has the same colour as {same} of the {len(bought)} products in your orders ({colour})"
            assert clause == (wanted if told else None)
            said += told
        assert blocks["column supplier"].describe(profile, everything) == [None] * len(items)  # nobody's business
        assert blocks["column chance_number"].describe(profile, everything) == [None] * len(items)
    assert said > 500


@pytest.mark.parametrize(
    ("values", "implied"),
    [
        ([0, 0, 0, 0, 1, 1, 1, 1], True),  # a department: two categories each
        ([0, 0, 1, 1, 2, 2, 3, 3], False),  # a value a category: another name of it
        ([0, 1, 0, 1, 0, 1, 0, 1], False),  # a colour
        ([0, 0, 0, 0, 0, 0, 0, 0], False),
    ],
)
def test_what_the_category_says_already_is_not_told_in_a_reason(values, implied):
    category = np.array([0, 0, 1, 1, 2, 2, 3, 3], np.int32)
    assert _implied(np.array(values, np.int32), category) is implied
