"""A cross-encoder: what it is taught it tells apart, and its file says which weights it is for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import roc_auc_score

from recsys.encoders import checkpoint
from recsys.encoders.cross_encoder import MAX_LENGTH, CrossEncoder, bounded_tokenizer, merge, pair_ids
from recsys.encoders.pair_training import LabelledPair, PairConfig, teach
from recsys.errors import ArtifactError, BadInput

GROUP = (0, 1)
QUICK = PairConfig(rank=4, learning_rate=5e-3, max_steps=60, batch=16)


def pairs(n: int, seed: int = 0) -> list[LabelledPair]:
    """Whether the second text has a ``z``, which no question says."""
    drawn = np.random.default_rng(seed)
    words = ["".join(drawn.choice(list("abcdef"), 4)) for _ in range(2 * n)]
    labels = drawn.integers(0, 2, n)
    return [
        LabelledPair(words[2 * at], words[2 * at + 1] + ("zzz" if label else "aaa"), GROUP, int(label))
        for at, label in enumerate(labels)
    ]


@pytest.fixture(scope="module")
def taught(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("adapter") / "a.safetensors"
    report = teach(pairs(200), 3, out, base=str(tiny_encoder), config=QUICK)
    assert report["steps"] == 60
    assert report["loss_last"] < report["loss_first"]
    return out


def scores(encoder: CrossEncoder, held: list[LabelledPair]) -> np.ndarray:
    found = encoder([(pair.first, pair.second) for pair in held])
    return found[:, 1] - found[:, 0]


def test_what_it_was_taught_it_tells_apart_in_texts_it_has_not_seen(taught: Path) -> None:
    held = pairs(60, seed=1)
    assert roc_auc_score([pair.label for pair in held], scores(CrossEncoder.load(taught), held)) > 0.95


def test_a_pair_has_one_score_whatever_stands_beside_it(taught: Path) -> None:
    encoder = CrossEncoder.load(taught)
    asked = [("abcd", "fedczzz"), ("a" * 3000, "b " * 3000), ("", ""), ("abcd", "fedcaaa")]
    together = encoder(asked)
    assert together.shape == (4, 3)
    assert np.allclose(together, np.concatenate([encoder([pair]) for pair in asked]), atol=2e-2)
    assert encoder([]).shape == (0, 3)


def test_pairs_are_cut_to_what_it_reads(tiny_encoder: Path) -> None:
    loaded = checkpoint.load_bert(tiny_encoder)
    assert loaded is not None
    bounded_tokenizer(*loaded)
    long = pair_ids(loaded[1].backend_tokenizer, [("a " * 9000, "b " * 9000), ("a", "b " * 9000), ("a " * 9000, "b")])
    assert {len(ids) for ids in long} == {min(MAX_LENGTH, loaded[0].config.max_position_embeddings)}


def test_teaching_goes_on_where_it_stopped(taught: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    still = PairConfig(rank=8, learning_rate=1e-9, max_steps=1)
    teach(pairs(8), 3, tmp_path / "b.safetensors", base=str(tiny_encoder), config=still, start=taught)
    before, after = load_file(taught), load_file(tmp_path / "b.safetensors")
    assert all(torch.allclose(before[name], after[name], atol=1e-3) for name in before)
    assert before.keys() == after.keys()


def test_what_is_kept_of_an_adapter_is_averaged_with_what_it_learnt(
    taught: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    files = {kept: tmp_path / f"{kept}.safetensors" for kept in (0.0, 0.25)}
    for kept, file in files.items():
        config = PairConfig(rank=8, max_steps=3, keep=kept)
        teach(pairs(96), 3, file, base=str(tiny_encoder), config=config, start=taught)
    before, after, both = (load_file(file) for file in (taught, files[0.0], files[0.25]))
    assert any(not torch.equal(before[name], after[name]) for name in before)
    for name, kept in both.items():
        expected = 0.75 * after[name].float() + 0.25 * before[name].float()
        assert torch.allclose(kept.float(), expected, atol=1e-3)


def test_an_update_is_added_to_its_weight(tiny_encoder: Path) -> None:
    loaded = checkpoint.load_bert(tiny_encoder)
    assert loaded is not None
    bert = loaded[0]
    weight = dict(bert.named_parameters())["layers.0.query.weight"]
    before = weight.clone()
    down, up = torch.ones(1, weight.shape[1]), torch.ones(weight.shape[0], 1)
    merge(bert, {"layers.0.query.lora_a": down, "layers.0.query.lora_b": up}, 2.0)
    assert torch.allclose(dict(bert.named_parameters())["layers.0.query.weight"], before + 2.0)


def test_what_is_no_adapter_is_refused(taught: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "none.safetensors").write_bytes(b"no tensors")
    save_file({"pool.weight": torch.ones(2, 2)}, tmp_path / "other.safetensors")
    tensors = load_file(taught)
    about = {"base": str(tiny_encoder), "scale": "2.0", "weights_hash": "0"}
    save_file(tensors, tmp_path / "weights.safetensors", about)
    for file, says in (("missing", "read"), ("none", "read"), ("other", "no adapter"), ("weights", "other weights")):
        with pytest.raises(ArtifactError, match=says):
            CrossEncoder.load(tmp_path / f"{file}.safetensors")
    with pytest.raises(BadInput, match="none to learn from"):
        teach([], 3, tmp_path / "x.safetensors", base=str(tiny_encoder))
    with pytest.raises(BadInput, match="--start"):
        teach(pairs(8), 3, tmp_path / "x.safetensors", base=str(tiny_encoder), config=PairConfig(keep=0.5))
    assert not (tmp_path / "x.safetensors").exists()
