"""The visit transformer and its block: order is learnt, arrays equal torch, and training windows stay blind."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import numpy as np
import pytest
import torch

from recsys.data.catalogue import Candidates
from recsys.data.histories import ad_hoc_profile
from recsys.ranking import networks, visit_sequences, visit_training
from recsys.ranking.features.sequence import Sequence
from recsys.ranking.ranker import Ranker, RankerTrainer
from recsys.ranking.visit_sequences import Batch, Sequences
from recsys.ranking.visit_transformer import SIZE, VisitTransformer
from recsys.ranking.windows import training_windows
from recsys.settings import TrainingConfig
from tests.shops import context_of, events_of, facts_of, mean_texts, tables

CONFIG = TrainingConfig(pairs=20_000, sequence_passes=10)


@pytest.fixture(scope="module")
def shop():
    """In this shop item ``k + 2`` follows item ``k`` seven times in ten."""
    items, rows = tables(n_users=400)
    return context_of(events_of(items, rows), facts_of(items))


@pytest.fixture(scope="module")
def trained(shop):
    return visit_training.train(shop.events, shop.catalogue, passes=20, seed=3)


def described(shop, codes, **how):
    codes = np.array(codes, np.int64)
    return ad_hoc_profile(shop.catalogue.take(codes), codes, np.zeros(12, np.float32), 8.0, **how)


def test_it_learns_what_comes_next_and_that_order_matters(shop, trained):
    """After 10, 12, 14 comes 16; after 14, 12, 10 comes 12, which was met, or nothing in particular."""
    everything = trained.item_vectors(np.arange(60), shop.catalogue.vectors)
    forward = trained.fit(trained.shopper(described(shop, [10, 12, 14])), everything)
    backward = trained.fit(trained.shopper(described(shop, [14, 12, 10])), everything)
    assert forward.argmax() == 16
    assert forward[16] > backward[16] + 1


def test_nothing_depends_on_the_order_inside_a_visit(shop, trained):
    one = trained.shopper(described(shop, [10, 12, 14], one_visit=True))
    other = trained.shopper(described(shop, [14, 10, 12], one_visit=True))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_arrays_read_a_history_as_the_trained_network_does(shop):
    """The same numbers by numpy (serving) and by torch (training), for several visits of several items."""
    sequences = Sequences.of(shop.events)
    made = visit_training.train(shop.events, shop.catalogue, passes=1, seed=3)
    network = visit_training._Network(
        torch.zeros(61, 1), torch.zeros(61, dtype=torch.long), torch.ones(61), torch.device("cpu"), 0
    ).eval()
    with torch.no_grad():
        for name in ("attend", "join", "widen", "narrow"):
            getattr(network, name).weight.copy_(torch.from_numpy(getattr(made, name).T.copy()))
            getattr(network, name).bias.copy_(torch.from_numpy(getattr(made, f"{name}_bias")))
        for name in ("before", "middle", "after"):
            norm = getattr(made, name)
            getattr(network, name).weight.copy_(torch.from_numpy(norm[0]))
            getattr(network, name).bias.copy_(torch.from_numpy(norm[1]))
        visits = torch.from_numpy(
            np.stack([made.items[[3, 5]].mean(0), made.items[7], made.items[[9, 11, 13]].mean(0)])
        )
        wanted = network(visits[None])[0, -1].numpy()
    profile = replace(described(shop, [3, 5, 7, 9, 11, 13]), first_steps=np.array([2, 2, 1, 0, 0, 0], np.int32))
    np.testing.assert_allclose(made.shopper(profile), wanted, atol=1e-5)
    met, new = set(), {}
    for user, item, visit in zip(*(getattr(shop.events, n).tolist() for n in ("user", "item", "visit")), strict=True):
        if (user, item) not in met:
            met.add((user, item))
            new.setdefault(user, set()).add(visit)
    assert len(sequences) == sum(len(visits) - 1 for visits in new.values())


def test_training_twice_gives_the_same_arrays(shop):
    def once(seed):
        return visit_training.train(shop.events, shop.catalogue, passes=2, seed=seed).state()

    first, second, other = once(3), once(3), once(4)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["attend"], other["attend"])


def test_networks_trained_at_the_same_time_are_those_trained_alone(shop, monkeypatch):
    monkeypatch.setattr(networks, "LEAST", 100)
    windows = training_windows(shop, CONFIG)
    present, past, _ = networks.with_networks(shop, windows, CONFIG)
    pairs = (
        (past[0].context.network, networks.common_past(windows, shop.events)),
        (present.network, shop.events),
    )
    threads = torch.get_num_threads()
    for together, events in pairs:
        with visit_training.one_thread():
            alone = visit_training.train(events, shop.catalogue, passes=CONFIG.sequence_passes, seed=shop.seed)
        assert all(np.array_equal(array, alone.state()[name]) for name, array in together.state().items())
    assert torch.get_num_threads() == threads


def test_training_that_is_stopped_ends(shop):
    stop = Event()
    stop.set()
    begun = visit_training.train(shop.events, shop.catalogue, passes=10_000, seed=3, stop=stop)
    assert begun.passes.tolist() == [10_000.0]


def test_training_leaves_the_random_numbers_of_others_alone(shop):
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    visit_training.train(shop.events, shop.catalogue, passes=1, seed=3)
    assert torch.equal(torch.rand(3), wanted)


def test_the_sum_over_all_items_is_estimated_without_bias(shop):
    """The mean over many draws is the sum itself, under the popularity of a stretch of time that was not drawn from."""
    sequences = Sequences.of(shop.events)
    met = np.bincount(sequences.item, minlength=60).astype(np.float32)
    popularity = visit_training._Popularity.of(sequences, met, torch.device("cpu"))
    chances, lift = popularity.chances.numpy()[2], np.exp(np.random.default_rng(1).normal(size=60))
    wanted = (np.exp(chances) * lift).sum()
    rng, estimates = np.random.default_rng(2), []
    for _ in range(400):
        drawn, chance = popularity.draw(rng)
        assert len(drawn) == visit_training.NEGATIVES
        estimates.append((np.exp(chances[drawn] - chance) * lift[drawn]).mean())
    assert np.mean(estimates) == pytest.approx(wanted, rel=0.01)


def test_the_usual_shopper_is_the_mean_of_the_shoppers(shop, trained):
    """Read with the arrays, histories of all shoppers lie about where the mean of the training's tokens does."""
    directions = [
        trained.shopper(shop.histories.profile(user, shop.catalogue, np.zeros(12, np.float32)))
        for user in range(shop.events.n_users)
    ]
    mean, usual = np.mean(directions, axis=0), trained.usual_shopper
    assert mean @ usual > 0.8 * np.linalg.norm(mean) * np.linalg.norm(usual)


def test_few_drawn_items_do(shop, monkeypatch):
    """With a draw of 20 of 60 items the same order is learnt."""
    monkeypatch.setattr(visit_training, "NEGATIVES", 20)
    monkeypatch.setattr(visit_sequences, "BATCH", 32)
    made = visit_training.train(shop.events, shop.catalogue, passes=8, seed=3)
    fit = made.fit(made.shopper(described(shop, [10, 12, 14])), made.items[:60])
    assert 16 in np.argsort(-fit)[:2]


def test_a_large_shop_takes_no_more_updates_than_the_bound(shop, monkeypatch):
    """The schedule runs to its end all the same; where the bound is far, every pass has its share of it."""
    monkeypatch.setattr(visit_sequences, "BATCH", 32)
    sequences = Sequences.of(shop.events)
    one = len(list(sequences.updates(1, np.random.default_rng(0))))
    two = [share for share, _ in sequences.updates(2, np.random.default_rng(0))]
    assert len(two) == pytest.approx(2 * one, abs=2)
    assert two[one] == pytest.approx(0.5, abs=0.05)
    monkeypatch.setattr(visit_sequences, "UPDATES", one // 2)
    few = [share for share, _ in sequences.updates(1_000, np.random.default_rng(0))]
    np.testing.assert_allclose(few, np.arange(one // 2) / (one // 2))


@pytest.mark.parametrize("kept", [0, 1])
def test_where_nothing_follows_anything_every_item_is_as_usual(shop, kept):
    """A carried ranker meets such events where a table was replaced or almost everybody erased."""
    made = visit_training.train(shop.events.where(np.arange(len(shop.events)) < kept), shop.catalogue, passes=2, seed=3)
    fit = made.fit(made.shopper(described(shop, [10, 12])), made.item_vectors(np.array([3, -1]), np.ones((2, 12))))
    np.testing.assert_array_equal(fit, [0, 0])


def test_a_batch_asks_each_token_for_what_the_next_holds():
    """Two rows: (a b) (c) and (d) (e f) (g)."""
    items = np.arange(7)
    batch = Batch.of(items, np.array([0, 2, 3, 4, 6, 7]), np.array([0, 2, 5]), np.arange(5), np.array([1, 0]))
    assert batch.shape == (2, 3)
    assert batch.items.tolist() == [3, 4, 5, 6, 0, 1, 2]
    assert batch.place.tolist() == [0, 1, 2, 3, 4]
    assert batch.asks.tolist() == [0, 1, 3]
    assert batch.targets.tolist() == [4, 5, 6, 2]
    assert batch.stretch.tolist() == [3, 4, 1]
    assert batch.asked.tolist() == [0, 0, 1, 2]


def test_windows_share_a_network_that_knows_no_purchase_of_theirs(shop):
    windows = training_windows(shop, CONFIG)
    past = networks.common_past(windows, shop.events)
    known = set(zip(past.user.tolist(), past.item.tolist(), past.time.tolist(), strict=True))
    assert 0 < len(past) < len(shop.events)
    for window in windows:
        events = window.context.events
        assert known <= set(zip(events.user.tolist(), events.item.tolist(), events.time.tolist(), strict=True))
        for user, start, end in zip(window.users, window.indptr[:-1], window.indptr[1:], strict=True):
            met = past.item[past.user == user]
            assert not np.isin(window.items[start:end], met).any()


def test_too_few_visits_or_none_wanted_give_no_block(shop, monkeypatch):
    windows = training_windows(shop, CONFIG)
    few, _, why = networks.with_networks(shop, windows, CONFIG)
    assert not Sequence.applies(few)
    assert why.endswith("visits are followed by another with something new, 2,000 are needed")
    monkeypatch.setattr(networks, "LEAST", 100)
    present, past, why = networks.with_networks(shop, windows, CONFIG)
    assert Sequence.applies(present)
    assert not why
    assert len({id(window.context.network) for window in past}) == 1
    unwanted = CONFIG.model_copy(update={"sequence_passes": 0})
    assert not Sequence.applies(networks.with_networks(shop, windows, unwanted)[0])


def test_a_ranker_with_the_block_comes_back_from_disk_and_adds_up(shop, monkeypatch, tmp_path):
    monkeypatch.setattr(networks, "LEAST", 100)
    texts = mean_texts(shop.catalogue)
    ranker = RankerTrainer.prepare(shop.catalogue, shop.events, texts, CONFIG, seed=1).ranker()
    assert "sequence" in [block.name for block in ranker.blocks]
    ranker.save(tmp_path / "ranker")
    again = Ranker.load(tmp_path / "ranker")
    who, what = described(shop, [10, 12, 14]), Candidates.of(shop.catalogue)
    np.testing.assert_array_equal(ranker.logit(who, what), again.logit(who, what))
    np.testing.assert_allclose(ranker.contributions(who, what).sum(1) + ranker.intercept, ranker.logit(who, what))
    # As many passes over fewer events, as after an erasure: another network, the same weights.
    fewer = replace(shop, events=shop.events.where(shop.events.user % 2 == 0))
    newer = again.with_statistics(fewer)
    assert all(np.array_equal(a, b) for a, b in zip(newer.weights, ranker.weights, strict=True))
    changed = next(block for block in newer.blocks if block.name == "sequence")
    assert changed.network.passes.tolist() == [10.0]


def test_arrays_that_do_not_fit_are_refused(trained):
    state = trained.state()
    with pytest.raises(ValueError, match="attend, items"):
        VisitTransformer.restored(state | {"attend": state["attend"][:, :SIZE], "items": state["items"][:, :3]})
