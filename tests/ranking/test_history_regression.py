"""Expected vectors of history texts: learnt today, used for every window of the past."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from recsys.data.catalogue import ItemFeatures
from recsys.data.histories import Histories, history_text, word_counts
from recsys.ranking.history_regression import HistoryRegression
from recsys.settings import HistorySettings, Settings

SETTINGS = Settings(history=HistorySettings(max_words=6))
USERS, ITEMS, DIM = 2_000, 50, 8


@pytest.fixture
def shop():
    """Histories of none to six items with titles of one to five words; a text's vector is a turn of its titles'."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(ITEMS, DIM)).astype(np.float32)
    names = ["word " * (1 + n % 5) for n in range(ITEMS)]
    sizes = rng.integers(0, 7, USERS)
    indptr = np.r_[0, np.cumsum(sizes)].astype(np.int64)
    items = np.concatenate([rng.permutation(ITEMS)[:n] for n in sizes]).astype(np.int32)
    numbers = dict.fromkeys(("ages", "weights", "recency", "first_ages"), np.zeros(len(items), np.float32))
    counts = dict.fromkeys(("steps", "counts", "purchases", "first_steps"), np.zeros(len(items), np.int32))
    turn = rng.normal(size=(2 * DIM, DIM)) / 4
    texts = np.zeros((USERS, DIM), np.float32)
    for user in np.flatnonzero(sizes):
        mine = items[indptr[user] : indptr[user + 1]]
        said = mine[::-1][: len(history_text([names[i] for i in mine], 6).split(";"))]
        words = np.array([len(names[i].split()) for i in said])
        texts[user] = np.r_[vectors[said[0]], words @ vectors[said] / words.sum()] @ turn + 0.5
    nothing = np.full(ITEMS, -1, np.int32)
    return SimpleNamespace(
        histories=Histories(indptr, items, **numbers, **counts),
        facts=ItemFeatures(vectors, sparse.csr_array((ITEMS, 0)), nothing, nothing, np.zeros(ITEMS, np.float32)),
        history_pool=SimpleNamespace(vectors=texts),
        tables=SimpleNamespace(value=SimpleNamespace(items=pd.DataFrame({"title": names}))),
    )


def test_a_text_that_is_linear_in_its_titles_is_found_again(shop):
    found = HistoryRegression.learn(shop, SETTINGS)(shop.histories, np.arange(USERS))
    known = np.diff(shop.histories.indptr) > 0
    assert np.abs(found - shop.history_pool.vectors)[known].max() < 0.02
    assert not found[~known].any()


def test_what_is_learnt_serves_another_catalogue_of_the_same_products(shop):
    learnt = HistoryRegression.learn(shop, SETTINGS)
    users = np.array([5, 9, 200])
    turned = np.random.default_rng(1).permutation(ITEMS)
    renamed = replace(shop.histories, items=np.argsort(turned)[shop.histories.items].astype(np.int32))
    names = shop.tables.value.items["title"]
    other = learnt.over(replace(shop.facts, vectors=shop.facts.vectors[turned]), [names[n] for n in turned])
    np.testing.assert_allclose(other(renamed, users), learnt(shop.histories, users), atol=1e-6)


def test_where_nobody_has_a_history_all_are_zeros(shop):
    shop.histories = replace(shop.histories, indptr=np.zeros(USERS + 1, np.int64))
    assert not HistoryRegression.learn(shop, SETTINGS)(shop.histories, np.arange(2)).any()


def test_words_are_counted_as_the_text_counts_them():
    assert word_counts(["a red teapot", "", "红色搪瓷茶壶红色搪瓷茶壶红色搪瓷"]).tolist() == [3, 0, 2]
