"""The index finds what exact search finds, whatever its kind, and outlives a night of changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import ArtifactError, unwritable
from recsys.serving.index import CHURN, RECALL, ItemIndex, labels
from recsys.serving.index_kinds import choose, exact_scores
from recsys.settings import RetrievalSettings

KINDS = {
    "exact": RetrievalSettings(index="exact"),
    "hnsw16": RetrievalSettings(index="hnsw"),
    "hnsw8": RetrievalSettings(index="hnsw", memory=1_100_000),
    "ivf8": RetrievalSettings(index="ivf"),
}


def clustered(n: int, dim: int = 32, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((40, dim))
    v = centres[rng.integers(0, 40, n)] + 0.8 * rng.standard_normal((n, dim))
    return (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32)


def keys(n: int, start: int = 0) -> np.ndarray:
    return np.arange(start, start + n).astype("S32")


def ids(n: int, start: int = 0) -> np.ndarray:
    return np.array([f"i{i}" for i in range(start, start + n)], dtype=object)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return clustered(6_000)


@pytest.fixture(scope="module")
def built(vectors) -> dict[str, ItemIndex]:
    own = labels(ids(len(vectors)), keys(len(vectors)))
    return {kind: ItemIndex.build(vectors, own, settings=how) for kind, how in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_what_was_asked_for_and_finds_enough(built, vectors, kind):
    index = built[kind]
    assert index.kind == kind
    assert len(index) == len(vectors)
    assert index.measure(clustered(100, seed=5)) >= RECALL - 0.02
    assert index.info.recall >= RECALL
    assert json.dumps(index.describe())


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_exact_and_sorted(built, vectors, kind):
    query = clustered(3, seed=7) * 5
    scores, rows = built[kind].search(query, 50)
    assert (np.diff(scores, axis=1) <= 0).all()
    np.testing.assert_allclose(scores, np.einsum("qd,qkd->qk", query, vectors[rows]), rtol=1e-5)
    assert all(len(set(r)) == 50 for r in rows.tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_a_selection_is_all_that_can_be_found(built, vectors, kind):
    allowed = np.random.default_rng(1).random(len(vectors)) < 0.3
    _, rows = built[kind].search(clustered(20, seed=8), 30, built[kind].select(allowed))
    assert allowed[rows[rows >= 0]].all()
    assert (rows >= 0).mean() > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_saved_index_is_mapped_and_equal(built, vectors, kind, tmp_path):
    built[kind].save(tmp_path)
    again = ItemIndex.load(tmp_path, vectors)
    query = clustered(5, seed=3)
    for a, b in zip(built[kind].search(query, 10), again.search(query, 10), strict=True):
        np.testing.assert_array_equal(a, b)
    assert again.info == built[kind].info


@pytest.mark.parametrize("kind", ["hnsw16", "hnsw8", "ivf8"])
def test_a_night_of_few_changes_keeps_the_index(vectors, kind, tmp_path):
    n = len(vectors)
    ItemIndex.build(vectors, labels(ids(n), keys(n)), settings=KINDS[kind]).save(tmp_path)
    # 100 items leave, 50 have a new text, 80 arrive; codes of all others move.
    tonight = np.concatenate([vectors[100:], clustered(80, seed=4)])
    tonight[:50] = clustered(50, seed=6)
    tonight_keys = np.concatenate([keys(50, 10**6), keys(n - 150, 150), keys(80, 2 * 10**6)])
    own = labels(np.concatenate([ids(n - 100, 100), ids(80, 10**6)]), tonight_keys)
    index = ItemIndex.update(tmp_path, tonight, own, settings=KINDS[kind])
    assert index.kind == kind
    assert index.info.built == n
    assert index.info.changed == 100 + 50 + 50 + 80
    for row in (0, 49, 3_000, len(tonight) - 1):
        assert index.search(tonight[row], 1)[1][0, 0] == row
    _, rows = index.search(clustered(50, seed=11), 200)
    assert rows.max() < len(tonight)
    assert (rows >= 0).all()
    index.save(tmp_path / "next")
    same = ItemIndex.update(tmp_path / "next", tonight, own, settings=KINDS[kind])
    assert same.info.changed == index.info.changed


@pytest.mark.parametrize("kind", ["hnsw16", "ivf8"])
def test_much_change_another_size_or_another_kind_builds_anew(vectors, kind, tmp_path):
    n = len(vectors)
    ItemIndex.build(vectors, labels(ids(n), keys(n)), settings=KINDS[kind]).save(tmp_path)
    gone = int(n * CHURN) + 1
    own = labels(ids(n - gone, gone), keys(n - gone, gone))
    index = ItemIndex.update(tmp_path, vectors[gone:], own, settings=KINDS[kind])
    assert (index.info.built, index.info.changed) == (n - gone, 0)
    narrow = np.ascontiguousarray(vectors[:, :16])
    assert ItemIndex.update(tmp_path, narrow, labels(ids(n), keys(n)), settings=KINDS[kind]).info.dim == 16
    other = ItemIndex.update(tmp_path, vectors, labels(ids(n), keys(n)), settings=KINDS["exact"])
    assert other.kind == "exact"


def test_a_choice_that_finds_too_little_is_made_again():
    # Directions with no structure at all and very few lists visited: nothing but exact search finds enough.
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((4_000, 256)).astype(np.float32)
    from recsys.serving import index_kinds as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "efforts", lambda _: [1])
        index = ItemIndex.build(noise, settings=KINDS["ivf8"])
    assert index.kind == "exact"
    assert "ivf8 found" in index.info.note
    assert index.info.recall == 1.0


def test_recall_that_drifted_builds_anew(tmp_path):
    n = 6_000
    vectors = np.random.default_rng(0).standard_normal((n, 24)).astype(np.float32)
    own = labels(ids(n), keys(n))
    index = ItemIndex.build(vectors, own, settings=KINDS["ivf8"])
    assert index.kind == "ivf8"
    index.save(tmp_path)
    state = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps({**state, "effort": 1, "changed": 7}))
    assert ItemIndex.update(tmp_path, vectors, own, settings=KINDS["ivf8"]).info.changed == 0


@given(n=st.integers(1, 10**8), dim=st.integers(8, 2048), memory=st.integers(2**20, 2**36))
def test_what_is_chosen_fits_the_budget_and_the_limit(n, dim, memory):
    how = RetrievalSettings(memory=memory)
    kind = choose(n, dim, how)
    assert (kind == "exact") == (n <= how.exhaustive_limit)
    if kind.startswith("hnsw"):
        assert n * dim * (2 if kind == "hnsw16" else 1) <= memory


@settings(max_examples=30)
@given(n=st.integers(1, 60), k=st.integers(1, 80), seed=st.integers(0, 5))
def test_small_catalogues_of_every_kind_answer(n, k, seed):
    v = clustered(n, 8, seed)
    for how in KINDS.values():
        scores, rows = ItemIndex.build(v, settings=how).search(v[:1], k)
        assert rows.shape == (1, min(n, k))
        assert scores[0, 0] == pytest.approx(exact_scores(v[:1], v, 1)[0, 0], abs=1e-5)


def test_labels_follow_id_and_vector_and_nothing_else():
    a = labels(ids(100), keys(100))
    assert len(set(a.tolist())) == 100
    assert (a >= 0).all()
    assert a[5] == labels(ids(1, 5), keys(1, 5))[0]
    assert a[5] != labels(ids(1, 5), keys(1, 6))[0]


def test_a_damaged_index_says_so(built, vectors, tmp_path):
    built["ivf8"].save(tmp_path)
    (tmp_path / "index.faiss").write_bytes(b"nonsense")
    with pytest.raises(ArtifactError, match="not a readable index"):
        ItemIndex.load(tmp_path, vectors)
    with pytest.raises(ArtifactError, match="not a readable index"):
        ItemIndex.load(tmp_path / "nowhere", vectors)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_a_full_disk_is_told_as_one(built, tmp_path):
    (tmp_path / "index.faiss").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as told:
        built["hnsw8"].save(tmp_path)
    assert unwritable(told.value)
