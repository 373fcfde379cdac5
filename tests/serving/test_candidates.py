"""Candidates are what exhaustive scoring would have chosen, less what may not be in a list."""

from __future__ import annotations

import numpy as np
import pytest

from recsys import Recommender
from recsys.data.snapshot import Lazy
from recsys.data.store import Store
from recsys.serving import candidates
from recsys.serving.fallback import PopularityFallback
from recsys.settings import load_settings


@pytest.fixture(scope="module")
def pair(tiny_tables, tiny_environment, tmp_path_factory) -> tuple[Recommender, Recommender]:
    """The same version scored whole, and by at most 10 candidates per list of 2."""
    folder = tmp_path_factory.mktemp("retrieval")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        searched = load_settings(retrieval={"exhaustive_limit": 5, "candidates": 10, "index": "hnsw"})
        few = Recommender.build(*tiny_tables, artifacts=folder, settings=searched)
        whole = Recommender.load(folder, settings=load_settings(artifacts=folder))
    return whole, few


def test_the_manifest_says_how_good_index_and_candidates_are(pair):
    about = pair[1].version.manifest["index"]
    assert about["kind"] == "hnsw16"
    assert about["recall@10"] >= 0.95
    assert about["retrieval_ndcg@10"] > 0.9
    assert 0 < about["recall@10_of_ranker"] <= 1


def test_searched_lists_are_nearly_those_of_scoring_everything(pair):
    whole, few = pair
    same = [len(set(whole.recommend(u, k=2).item_id) & set(few.recommend(u, k=2).item_id)) for u in whole.shop.user_ids]
    assert np.mean(same) > 1.8


def test_no_seen_unavailable_or_forbidden_item_is_found(pair, tiny_tables):
    items, events = tiny_tables
    _, few = pair
    allowed = items.item_id[::2].tolist()
    for user in few.shop.user_ids[:30]:
        found = few.recommend(user, k=5, candidates=allowed)
        assert len(found) == 5
        assert set(found.item_id) <= set(allowed) & set(items.item_id[items.available])
        assert not set(found.item_id) & set(events.item_id[events.user_id == user])
    # A restriction that leaves fewer items than the limit is scored whole.
    assert few.recommend("000", k=9, exclude_seen=False, candidates=["K001", "K002", "K003"]).shape[0] == 3


@pytest.mark.parametrize("user", ["000", {}, {"history": ["G001"]}, {"text": "red rake"}])
def test_scores_are_those_of_exhaustive_scoring_whoever_asks(pair, user):
    whole, few = pair
    found = few.recommend(user, k=4)
    scores = whole.recommend(user, k=1_000).set_index("item_id").score
    np.testing.assert_allclose(found.score, scores[found.item_id], rtol=1e-5)


def test_long_lists_get_more_candidates(pair):
    assert len(pair[1].recommend("000", k=8)) == 8


def test_without_a_ranker_the_search_is_by_cosine(pair):
    _, few = pair
    shop, settings = few.shop, few.settings.retrieval
    index = few.scoring.index
    found = candidates.Retriever(shop, None, index, Lazy(lambda: PopularityFallback.of(shop, None)), settings)
    profile = shop.profile(0)
    codes = found.candidates(profile, 2, found.everything, shop.seen(0)).candidates.codes
    best = np.argmax(
        np.where(np.isin(np.arange(len(shop.item_ids)), shop.seen(0)), -9, shop.facts.vectors @ profile.mean)
    )
    assert best in codes or not shop.available[best]
    assert found.measure([0]) == 1.0


def test_the_index_searches_harder_until_the_lists_are_good_enough(pair):
    _, few = pair
    shop, index = few.shop, few.scoring.index
    standing = Lazy(lambda: PopularityFallback.of(shop, few.ranker))
    found = candidates.Retriever(shop, few.ranker, index, standing, few.settings.retrieval)
    before = index.info.effort
    good = found.measure([0, 1, 2])
    assert index.info.effort == before
    assert good <= found.measure([0, 1, 2], enough=2.0)  # never enough: it ends at the greatest effort
    assert index.info.effort > before
    assert not index.raise_effort()


def test_training_measures_the_candidates_of_the_new_ranker(pair):
    from recsys.pipeline import train

    _, few = pair
    train(few.settings.model_copy(update={"artifacts": few.version.path.parents[1]}))
    again = Store(few.version.path.parents[1]).require()
    assert again.id != few.version.id
    assert again.manifest["index"]["retrieval_ndcg@10"] > 0.9
    assert few.version.verify() == []
    assert again.verify() == []
