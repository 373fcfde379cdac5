"""No text is encoded twice, whatever is known already, and every text gets its own vector."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.data.vectors import VectorPool
from recsys.encoders.encoder import Encoder
from recsys.encoders.protocol import Encoded
from recsys.encoders.vector_cache import encode, text_keys

PROPERTY = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXTS = [f"{colour} {thing}" for colour in ("red", "blue", "x" * 70) for thing in ("pan", "pot", "cup", "")] + [
    "",
    "茶壶",
]
some_texts = st.lists(st.sampled_from(TEXTS), max_size=20)


class Counting:
    """The tiny encoder, keeping count of what it was given; it can be made to stop half-way."""

    def __init__(self, encoder: Encoder, stop_after: int | None = None, shard: int = 100) -> None:
        self._encoder = encoder
        self.shard = shard
        self._left = stop_after
        self.fingerprint, self.dim = encoder.fingerprint, encoder.dim
        self.read: list[str] = []

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> Encoded:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise KeyboardInterrupt
        self.read += texts
        return self._encoder.encode(texts, progress=progress)


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> Encoder:
    return Encoder.load(str(tiny_encoder), device="cpu")


def check(pool: VectorPool, texts: Sequence[str], encoder: Encoder) -> None:
    expected = encoder.encode(list(texts)) if texts else None
    assert pool.vectors.shape == (len(texts), encoder.dim)
    if expected is not None:
        np.testing.assert_allclose(pool.vectors, expected.vectors, atol=1e-5)
        np.testing.assert_array_equal(pool.truncated, expected.cut)
    np.testing.assert_array_equal(pool.keys, text_keys(encoder.fingerprint, texts))


@given(texts=some_texts, known=st.lists(some_texts, max_size=3), folder=st.booleans())
@PROPERTY
def test_only_texts_nobody_has_read_are_read(encoder, tmp_path_factory, texts, known, folder):
    pools = [encode(encoder, before).pool for before in known]
    counting = Counting(encoder, shard=3)
    shards = tmp_path_factory.mktemp("shards") if folder else None
    found = encode(counting, texts, pools, shards=shards)
    new = set(texts) - {t for before in known for t in before}
    assert sorted(counting.read) == sorted(new)
    assert (found.encoded, found.reused) == (len(new), len(texts) - len(new))
    check(found.pool, texts, encoder)
    again = Counting(encoder)
    assert encode(again, texts, [found.pool]).encoded == 0
    assert again.read == []


@given(texts=st.lists(st.sampled_from(TEXTS), min_size=8, max_size=20), after=st.integers(0, 3), data=st.data())
@PROPERTY
def test_an_interrupted_run_continues_from_what_it_had_finished(encoder, tmp_path_factory, texts, after, data):
    shards = tmp_path_factory.mktemp("shards")
    stopped = Counting(encoder, after, shard=2)
    with contextlib.suppress(KeyboardInterrupt):
        encode(stopped, texts, shards=shards)
    files = sorted(shards.glob("*.npy"))
    torn: set[str] = set()
    if files and data.draw(st.booleans()):  # the last shard may have been cut short by a power loss
        file = data.draw(st.sampled_from(files))
        file.write_bytes(file.read_bytes()[: data.draw(st.integers(0, 200))])
        torn.add(file.name)
    resumed = Counting(encoder, shard=2)
    found = encode(resumed, texts, shards=shards)
    check(found.pool, texts, encoder)
    if not torn:
        assert sorted(resumed.read) == sorted(set(texts) - set(stopped.read))
    else:
        assert len(resumed.read) <= len(set(texts) - set(stopped.read)) + 2


def test_vectors_of_another_encoder_are_not_taken(encoder, tiny_encoder):
    other = Encoder.load(str(tiny_encoder), pooling="mean", device="cpu")
    mine, theirs = encode(encoder, TEXTS), encode(other, TEXTS)
    assert not set(mine.pool.keys) & set(theirs.pool.keys)
    found = encode(encoder, TEXTS, [theirs.pool])
    assert found.reused == len(TEXTS) - len(set(TEXTS))
    check(found.pool, TEXTS, encoder)


def test_a_pool_is_read_as_it_was_written(encoder, tmp_path):
    pool = encode(encoder, TEXTS).pool
    pool.save(tmp_path / "vectors", "items")
    read = VectorPool.load(tmp_path / "vectors", "items")
    for name in ("keys", "vectors", "truncated"):
        np.testing.assert_array_equal(getattr(read, name), getattr(pool, name))
    assert encode(Counting(encoder, stop_after=0), TEXTS, [read]).encoded == 0
    assert len(VectorPool.empty(7)) == 0


@given(st.lists(st.text(max_size=10) | st.sampled_from(["\ud800", "a\x00", "a"]), max_size=20), st.text(max_size=5))
@PROPERTY
def test_keys_are_equal_only_for_equal_texts(texts, fingerprint):
    keys = text_keys(fingerprint, texts)
    assert keys.dtype == "S32"
    assert len(set(keys)) == len(set(texts))
    if texts:
        assert not set(keys) & set(text_keys(fingerprint + "x", texts))
