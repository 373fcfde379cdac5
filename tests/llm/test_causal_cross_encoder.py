"""A causal cross-encoder: what it is taught it tells apart, and a text that is kept scores as one that is read anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from sklearn.metrics import roc_auc_score

from recsys.encoders.pair_training import LabelledPair
from recsys.errors import ArtifactError, BadInput
from recsys.llm import causal_cross_encoder
from recsys.llm.causal_cross_encoder import CausalCrossEncoder
from recsys.llm.causal_pair_training import CausalPairConfig, teach
from recsys.llm.loading import is_causal
from tests.tiny_gpt import write_gpt2, write_qwen2

GROUP = (0, 1)
QUICK = CausalPairConfig(layers=2, first_layer=0, rank=4, learning_rate=1e-2, batch_tokens=512, max_steps=60)


def pairs(n: int, seed: int = 0) -> list[LabelledPair]:
    """Whether the text has a ``z``, which no question says; three questions of each text."""
    drawn = np.random.default_rng(seed)
    texts = [("".join(drawn.choice(list("abcdef"), 4)), int(drawn.integers(0, 2))) for _ in range(n)]
    return [
        LabelledPair(f"Question: {number}", word + ("zzz" if label else "aaa"), GROUP, label)
        for word, label in texts
        for number in range(3)
    ]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = ["abcdef fedcba z", "Text: Question: Statement: Answered: 0123456789", "寄到德国要多久"]
    return write_qwen2(tmp_path_factory.mktemp("base") / "qwen2", words, layers=3)


@pytest.fixture(scope="module")
def taught(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("adapter") / "a.safetensors"
    report = teach(pairs(120), 3, out, base=str(base), config=QUICK)
    assert report["steps"] == 60
    assert report["loss_last"] < report["loss_first"]
    return out


@pytest.fixture(scope="module")
def encoder(taught: Path) -> CausalCrossEncoder:
    return CausalCrossEncoder.load(taught)


def test_what_it_was_taught_it_tells_apart_in_texts_it_has_not_seen(encoder: CausalCrossEncoder) -> None:
    held = pairs(40, seed=1)
    found = encoder([(pair.first, pair.second) for pair in held])
    assert roc_auc_score([pair.label for pair in held], found[:, 1] - found[:, 0]) > 0.95


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), min_size=1, max_size=6))
def test_a_pair_has_one_score_whatever_stands_beside_it_and_whatever_is_kept(
    encoder: CausalCrossEncoder, asked: list[tuple[str, str]]
) -> None:
    together = encoder(asked)
    assert together.shape == (len(asked), 3)
    encoder._states.clear()
    assert np.allclose(together, np.concatenate([encoder([pair]) for pair in asked]), atol=3e-2)


def test_what_is_long_is_cut_and_nothing_scores_nothing(encoder: CausalCrossEncoder) -> None:
    long = encoder([("a" * 3000, "b " * 3000)])
    assert np.allclose(long, encoder([("a" * 5000, "b " * 5000)]))
    assert encoder([]).shape == (0, 3)


def test_of_texts_the_latest_are_kept(taught: Path) -> None:
    encoder = CausalCrossEncoder.load(taught, most_kept=60)
    for text in ("first of all", "second", "first of all", "third one here", "fourth"):
        encoder([("q", text)])
    assert list(encoder._states)[-1] == "fourth"
    assert "second" not in encoder._states


def test_encoders_of_one_model_share_what_no_adapter_changed(taught: Path) -> None:
    one, two = (CausalCrossEncoder.load(taught)._core for _ in range(2))
    assert one.embed_tokens.weight.data_ptr() == two.embed_tokens.weight.data_ptr()
    assert torch.equal(one.layers[0].mlp.up_proj.weight, two.layers[0].mlp.up_proj.weight)


def test_layers_that_the_next_load_may_be_given_are_copied_before_they_change() -> None:
    made, read = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    causal_cross_encoder._MADE.add(made)
    assert causal_cross_encoder._changeable(read) is read
    changed = causal_cross_encoder._changeable(made)
    assert changed is not made
    assert torch.equal(changed.weight, made.weight)
    assert changed.weight.data_ptr() != made.weight.data_ptr()


def test_teaching_is_the_same_again_and_goes_on_where_it_stopped(taught: Path, base: Path, tmp_path: Path) -> None:
    again = QUICK.model_copy(update={"max_steps": 3})
    for name in ("b", "c"):
        teach(pairs(20), 3, tmp_path / name, base=str(base), config=again)
    b, c = load_file(tmp_path / "b"), load_file(tmp_path / "c")
    assert all(torch.equal(b[name], c[name]) for name in b)
    still = CausalPairConfig(rank=8, learning_rate=1e-9, max_steps=1)
    teach(pairs(8), 3, tmp_path / "d", base=str(base), config=still, start=taught)
    before, after = load_file(taught), load_file(tmp_path / "d")
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[name], after[name], atol=1e-3) for name in before)


def test_layers_below_the_first_learn_nothing(base: Path, tmp_path: Path) -> None:
    upper = QUICK.model_copy(update={"first_layer": 1, "max_steps": 1})
    teach(pairs(8), 3, tmp_path / "a.safetensors", base=str(base), config=upper)
    layers = {name.split(".")[1] for name in load_file(tmp_path / "a.safetensors") if name.startswith("layers.")}
    assert layers == {"1"}


def test_what_is_no_adapter_is_refused(taught: Path, base: Path, tmp_path: Path) -> None:
    (tmp_path / "none.safetensors").write_bytes(b"no tensors")
    about = {"base": str(base), "scale": "2.0", "weights_hash": "0"}
    save_file({"out.weight": torch.ones(2, 2), "out.bias": torch.ones(2)}, tmp_path / "other.safetensors", about)
    save_file(load_file(taught), tmp_path / "weights.safetensors", about | {"layers": "2"})
    for file, says in (("missing", "read"), ("none", "read"), ("other", "'layers'"), ("weights", "other weights")):
        with pytest.raises(ArtifactError, match=says):
            CausalCrossEncoder.load(tmp_path / f"{file}.safetensors")
    with pytest.raises(BadInput, match="none to learn from"):
        teach([], 3, tmp_path / "x.safetensors", base=str(base))
    with pytest.raises(BadInput, match="--start"):
        teach(pairs(8), 3, tmp_path / "x.safetensors", base=str(base), config=CausalPairConfig(keep=0.5))
    with pytest.raises(BadInput, match="3 layers, and 16 are to read"):
        teach(pairs(8), 3, tmp_path / "x.safetensors", base=str(base))
    assert not (tmp_path / "x.safetensors").exists()


def test_kept_layers_are_read_as_they_were_and_damaged_ones_refused(
    encoder: CausalCrossEncoder, tmp_path: Path
) -> None:
    kept = tmp_path / "layers"
    causal_cross_encoder._write_layers((encoder._core, encoder._tokenizer), kept)
    core, tokenizer = causal_cross_encoder._read_layers(kept)
    head = {"out.weight": encoder._weight, "out.bias": encoder._bias}
    again = CausalCrossEncoder(core, tokenizer, head)
    pair = [("Question: 1", "abcdzzz")]
    assert np.array_equal(again(pair), encoder(pair))
    file = kept / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises((ArtifactError, OSError)):
        causal_cross_encoder._read_layers(kept)


def test_a_causal_model_is_told_from_an_encoder(base: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    assert is_causal(base)
    assert is_causal(write_gpt2(tmp_path / "gpt2", ["abc"]))
    assert not is_causal(tiny_encoder)
