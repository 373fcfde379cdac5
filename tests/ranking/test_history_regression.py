"""Expected vectors of history texts: learnt today, used for every window of the past."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recsys.data.histories import history_text, word_counts
from recsys.ranking.history_regression import HistoryRegression
from recsys.settings import HistorySettings, Settings


class _Shop:
    """What is read of a snapshot: histories, vectors of items and of history texts, and titles."""

    def __init__(self, histories, facts, texts, names):
        import pandas as pd

        table = pd.DataFrame({"title": names})
        self.histories, self.facts = histories, facts
        self.history_pool = type("Pool", (), {"vectors": texts})
        self.tables = type("Lazy", (), {"value": type("Tables", (), {"items": table})})


@pytest.fixture
def shop():
    """2,000 histories of 1 to 6 of 50 items with titles of 1 to 5 words; a text is a fixed turn of its inputs."""
    from recsys.data.catalogue import ItemFeatures
    from recsys.data.histories import Histories

    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 8)).astype(np.float32)
    names = ["word " * (1 + n % 5) for n in range(50)]
    sizes = rng.integers(0, 7, 2_000)
    indptr = np.r_[0, np.cumsum(sizes)].astype(np.int64)
    items = np.concatenate([rng.permutation(50)[:n] for n in sizes]).astype(np.int32)
    empty = np.zeros(len(items), np.int32)
    histories = Histories(indptr, items, *[empty.astype(np.float32)], empty, *[empty.astype(np.float32)] * 2, empty, empty, empty, empty)  # fmt: skip
    turn = rng.normal(size=(16, 8)).astype(np.float32) / 4
    texts = np.zeros((2_000, 8), np.float32)
    for user in range(2_000):
        mine = items[indptr[user] : indptr[user + 1]][::-1]
        said = history_text([names[i] for i in mine[::-1]], 6).count(";") + 1
        if len(mine):
            words = np.array([len(names[i].split()) for i in mine[:said]], np.float64)
            texts[user] = np.r_[vectors[mine[0]], words @ vectors[mine[:said]] / words.sum()] @ turn + 0.5
    from scipy import sparse

    facts = ItemFeatures(vectors, sparse.csr_array((50, 0)), np.full(50, -1), np.full(50, -1), np.zeros(50))
    return _Shop(histories, facts, texts, names)


SETTINGS = Settings(history=HistorySettings(max_words=6))


def test_a_text_that_is_linear_in_its_titles_is_found_again(shop):
    found = HistoryRegression.learn(shop, SETTINGS)(shop.histories, np.arange(2_000))
    known = np.diff(shop.histories.indptr) > 0
    assert np.abs(found - shop.history_pool.vectors)[known].max() < 0.02
    assert not found[~known].any()


def test_what_is_learnt_serves_histories_of_before_and_another_catalogue(shop):
    learnt = HistoryRegression.learn(shop, SETTINGS)
    users = np.array([5, 9, 200])
    turned = np.random.default_rng(1).permutation(50)
    back = np.argsort(turned)
    facts = replace(shop.facts, vectors=shop.facts.vectors[turned])
    renamed = replace(shop.histories, items=back[shop.histories.items].astype(np.int32))
    other = learnt.over(facts, [shop.tables.value.items["title"][n] for n in turned])
    np.testing.assert_allclose(other(renamed, users), learnt(shop.histories, users), atol=1e-6)


def test_nobody_with_a_history_gives_zeros(shop):
    none = replace(shop.histories, indptr=np.zeros(3, np.int64), items=np.zeros(0, np.int32))
    shop.histories = none
    shop.history_pool.vectors = np.zeros((2, 8), np.float32)
    assert not HistoryRegression.learn(shop, SETTINGS)(none, np.arange(2)).any()


def test_words_are_counted_as_the_text_counts_them():
    assert word_counts(["a red teapot", "", "红色搪瓷茶壶红色搪瓷茶壶红色搪瓷"]).tolist() == [3, 0, 2]
