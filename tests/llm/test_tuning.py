from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from gguf import GGUFReader
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from recsys.encoders import pretrained
from recsys.errors import BadInput
from recsys.llm import examples, lora_gguf, tuning
from recsys.llm.loading import load_model
from recsys.llm.trainer import IGNORED
from recsys.llm.tuning import Example, TuningConfig, finetune
from tests.tiny_gpt import END, write_gpt2, write_qwen2

COLOURS = ("red", "blue", "green", "black", "white")
THINGS = ("teapot", "lamp", "mug", "chair", "rug", "clock", "vase", "tray")
LESSONS = [Example(f"Colour of the {c} {t}? ", f"It is {c}.") for c in COLOURS for t in THINGS]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer GPT-2 with a byte-level tokenizer, as a directory."""
    return write_gpt2(tmp_path_factory.mktemp("tiny-gpt2"), [e.prompt + e.completion for e in LESSONS])


FAST = TuningConfig(method="full", learning_rate=1e-2, max_steps=40, batch_tokens=128, max_length=48, precision="fp32")


def test_full_tuning_learns_and_the_result_loads_as_a_base(base: Path, tmp_path: Path) -> None:
    report = finetune(str(base), LESSONS[:32], LESSONS[32:], tmp_path / "out", FAST)
    assert report.perplexity < 0.3 * report.perplexity_before
    assert report.steps <= 40
    assert any("perplexity" in entry for entry in report.history)
    again, tokenizer = load_model(tmp_path / "out", "out")
    prompt = tokenizer("Colour of the red mug? ", return_tensors="pt")["input_ids"]
    written = tokenizer.decode(again.generate(prompt, max_new_tokens=12, do_sample=False)[0, prompt.shape[1] :])
    assert written.startswith("It is")
    assert written.endswith("<|endoftext|>")
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "held-out perplexity" in card
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_lora_leaves_the_base_alone_and_is_deterministic(base: Path, tmp_path: Path) -> None:
    config = FAST.model_copy(update={"method": "lora", "rank": 4, "max_steps": 10})
    before = load_file(base / "model.safetensors")
    reports = [finetune(str(base), LESSONS[:32], LESSONS[32:], tmp_path / name, config) for name in ("a", "b")]
    assert reports[0].perplexity == reports[1].perplexity < reports[0].perplexity_before
    a, b = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("a", "b"))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert all(torch.equal(v, load_file(base / "model.safetensors")[k]) for k, v in before.items())
    written = json.loads((tmp_path / "a" / "adapter_config.json").read_text("utf-8"))
    assert written["base_model_name_or_path"] == str(base)
    assert json.loads((tmp_path / "a" / tuning.REPORT).read_text("utf-8"))["base_hash"] == reports[0].base_hash
    assert not list((tmp_path / "a").glob("*.bin"))


def test_an_adapter_of_the_upper_layers_is_written_for_llama_cpp(tmp_path: Path) -> None:
    base = write_qwen2(tmp_path / "qwen2", [e.prompt + e.completion for e in LESSONS], layers=3)
    config = FAST.model_copy(update={"method": "lora", "rank": 4, "first_layer": 1, "max_steps": 2})
    report = finetune(str(base), LESSONS[:32], LESSONS[32:], tmp_path / "out", config, gguf="planner.gguf")
    assert report.steps == 2
    assert report.perplexity < report.perplexity_before
    learnt = load_file(tmp_path / "out" / "adapter_model.safetensors")
    names = {
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    places = {
        f"blk.{layer}.{theirs}.weight.lora_{side.lower()}": f"layers.{layer}.{ours}.lora_{side}.weight"
        for layer in (1, 2)
        for ours, theirs in names.items()
        for side in "AB"
    }
    file = GGUFReader(tmp_path / "out" / "planner.gguf")
    assert {tensor.name for tensor in file.tensors} == places.keys()
    assert len(learnt) == len(places)
    for tensor in file.tensors:
        weights = learnt[f"base_model.model.model.{places[tensor.name]}"]
        assert torch.equal(torch.tensor(tensor.data), weights.half())
    said = {name: file.fields[name].contents() for name in ("general.type", "general.architecture", "adapter.type")}
    assert said == {"general.type": "adapter", "general.architecture": "qwen2", "adapter.type": "lora"}
    assert file.fields["adapter.lora.alpha"].contents() == 8.0
    assert file.fields[lora_gguf.BASE_HASH].contents() == pretrained.weights_hash(base)


def test_a_base_that_llama_cpp_has_no_adapters_for_is_refused_before_training(base: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"of the architecture gpt2, and adapters for llama\.cpp are written for qwen2"):
        finetune(str(base), LESSONS, LESSONS[:1], tmp_path / "out", FAST, gguf="planner.gguf")
    assert not (tmp_path / "out").exists()


def test_an_adapter_beside_a_bf16_base_learns_in_fp32(base: Path, tmp_path: Path) -> None:
    config = FAST.model_copy(update={"method": "lora", "rank": 4, "first_layer": 1, "max_steps": 10})
    reports = [
        finetune(str(base), LESSONS[:32], LESSONS[32:], tmp_path / name, config.model_copy(update={"precision": name}))
        for name in ("fp32", "bf16")
    ]
    assert reports[1].perplexity == pytest.approx(reports[0].perplexity, rel=0.25)
    weights = load_file(tmp_path / "bf16" / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    assert all(".h.1." in name for name in weights)


def test_frozen_weights_are_halved_and_rotary_frequencies_are_not(tmp_path: Path) -> None:
    model, _ = load_model(write_qwen2(tmp_path, [e.prompt for e in LESSONS]), "tiny")
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    tuning.weights_to_bf16(model)
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}
    assert any("inv_freq" in name for name in before)
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


def test_messages_are_read_as_the_chat_template_puts_them(base: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    asked = [{"role": "system", "content": "Choose."}, {"role": "user", "content": "a red mug"}]
    plain = examples.tokenise(tokenizer, [Example(asked, "It")], 64)[0][0]
    tokenizer.chat_template = (
        "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    row = examples.tokenise(tokenizer, [Example(asked, "It")], 64)[0][0]
    assert tokenizer.decode(plain.ids[: plain.prompt]) == "Choose.\na red mug\n"
    assert tokenizer.decode(row.ids[: row.prompt]) == "[system]Choose.[user]a red mug[assistant]"
    assert tokenizer.decode(row.ids[row.prompt :]) == f"It{END}"


def test_perplexity_is_that_of_the_completion_tokens(base: Path, tmp_path: Path) -> None:
    """Against one plain forward pass per example, without batches or padding."""
    config = FAST.model_copy(update={"max_steps": 1, "learning_rate": 1e-9})
    report = finetune(str(base), LESSONS[:4], LESSONS[32:], tmp_path / "out", config)
    model = AutoModelForCausalLM.from_pretrained(base).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    total, count = 0.0, 0
    for prompt, completion in LESSONS[32:]:
        head = tokenizer(prompt)["input_ids"]
        ids = torch.tensor([head + tokenizer(completion)["input_ids"] + [tokenizer.eos_token_id]])
        with torch.inference_mode():
            scores = model(ids).logits[0, :-1].log_softmax(-1)
        losses = -scores.gather(1, ids[0, 1:, None])[len(head) - 1 :]
        total, count = total + float(losses.sum()), count + len(losses)
    assert report.perplexity_before == pytest.approx(torch.tensor(total / count).exp().item(), rel=1e-3)


def test_bf16_learns_what_fp32_learns(base: Path, tmp_path: Path) -> None:
    reports = [
        finetune(str(base), LESSONS[:32], LESSONS[32:], tmp_path / name, FAST.model_copy(update={"precision": name}))
        for name in ("fp32", "bf16")
    ]
    assert [r.precision for r in reports] == ["fp32", "bf16"]
    assert reports[1].perplexity_before == pytest.approx(reports[0].perplexity_before, rel=0.02)
    assert reports[1].perplexity == pytest.approx(reports[0].perplexity, rel=0.25)
    assert load_file(tmp_path / "bf16" / "model.safetensors")["transformer.wte.weight"].dtype == torch.float32


class _Letters:
    """A tokenizer with one token per character."""

    eos_token_id = 0
    bos_token_id = 1

    def __call__(self, texts: list[str], add_special_tokens: bool = True) -> dict[str, list[list[int]]]:
        return {"input_ids": [[ord(c) for c in text] for text in texts]}


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.text("abc", max_size=30), st.text("xyz", min_size=1, max_size=30)), min_size=1, max_size=8),
    st.integers(8, 40),
)
def test_rows_fit_and_only_the_completion_has_labels(pairs: list[tuple[str, str]], limit: int) -> None:
    rows, cut = examples.tokenise(_Letters(), [Example(*pair) for pair in pairs], limit)
    assert cut == sum(len(p) + len(c) + 1 > limit for p, c in pairs)
    batch = examples.collate([rows], pad=0)
    assert batch["labels"].shape == (len(pairs), batch["logits_to_keep"])
    learnt = batch["labels"] != IGNORED
    assert torch.equal(batch["labels"][learnt], batch["input_ids"][:, -batch["logits_to_keep"] :][learnt])
    assert not learnt[:, 0].any()  # the first logits predict the second label
    for at, (prompt, completion) in enumerate(pairs):
        assert len(rows[at].ids) <= limit
        labels = [t for t in batch["labels"][at].tolist() if t != IGNORED]
        whole = [ord(c) for c in completion] + [0]
        assert labels == whole[: len(labels)]
        assert len(labels) == min(len(whole), limit - 1)
        assert 1 <= rows[at].prompt <= max(1, len(prompt))
        assert int(batch["attention_mask"][at].sum()) == len(rows[at].ids)


def test_bad_input_is_named(base: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="valid: no examples"):
        finetune(str(base), LESSONS, [], tmp_path)
    with pytest.raises(BadInput, match="example 1 has an empty completion"):
        finetune(str(base), [LESSONS[0], Example("Why? ", " ")], LESSONS[:1], tmp_path)
    with pytest.raises(BadInput, match="target_modules"):
        finetune(str(base), LESSONS, LESSONS, tmp_path, TuningConfig(target_modules=("no_such_layer",)))
    with pytest.raises(BadInput, match="first_layer 2: the base has 2 layers"):
        finetune(str(base), LESSONS, LESSONS, tmp_path, TuningConfig(first_layer=2))
