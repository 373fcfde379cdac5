from __future__ import annotations

import gzip
import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import BadInput
from recsys.llm import corpus, gpt
from recsys.llm.corpus import Blocks, Tokens, is_held_out, read_documents, train_tokenizer
from recsys.llm.loading import load_model
from recsys.llm.pretraining import REPORT, PretrainingConfig, pretrain
from recsys.llm.trainer import last_checkpoint

COLOURS = ("red", "blue", "green", "black", "white", "golden")
THINGS = ("teapot", "lamp", "mug", "chair", "rug", "clock", "vase", "tray", "bowl", "shelf")
TINY = PretrainingConfig(
    vocabulary=300,
    layers=1,
    width=32,
    heads=2,
    block=16,
    steps=24,
    batch=4,
    evaluations=4,
    held_out=0.1,
    patience=9,
    precision="fp32",
)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "shop.txt"
    path.write_text("\n\n".join(f"A {c} {t}.\nThe {t} is {c}." for c in COLOURS for t in THINGS), encoding="utf-8")
    return path


def test_training_lowers_bits_per_byte_and_the_result_is_a_model_directory(text: Path, tmp_path: Path) -> None:
    config = TINY.model_copy(update={"steps": 60, "learning_rate": 1e-2})
    report = pretrain([text], tmp_path / "gpt", config)
    curve = [entry["bits_per_byte"] for entry in report.history if "bits_per_byte" in entry]
    assert report.bits_per_byte == pytest.approx(min(curve), rel=1e-6)
    assert report.bits_per_byte < 0.7 * curve[0]
    assert len(report.samples) >= 4
    assert report.documents + report.held_out_documents == len(COLOURS) * len(THINGS)
    writer = gpt.load(str(tmp_path / "gpt"))
    assert writer.write(["A red"], gpt.Sampling(max_new_tokens=6))[0]
    assert not (tmp_path / "gpt" / "checkpoints").exists()
    assert "bits per byte" in (tmp_path / "gpt" / "README.md").read_text("utf-8")
    assert json.loads((tmp_path / "gpt" / REPORT).read_text("utf-8"))["parameters"] == report.parameters


def test_bits_per_byte_is_that_of_the_held_out_text(text: Path, tmp_path: Path) -> None:
    """Against a plain sum over the blocks of the text."""
    report = pretrain([text], tmp_path / "gpt", TINY)
    model, tokenizer = load_model(tmp_path / "gpt", "gpt")
    held = [d for d in read_documents([text]) if is_held_out(d, TINY.held_out)]
    ids = [i for d in held for i in [*tokenizer(d)["input_ids"], tokenizer.eos_token_id]]
    nats = 0.0
    for start in range(0, len(ids) - 1, TINY.block - 1):
        block = torch.tensor([ids[start : start + TINY.block]])
        with torch.inference_mode():
            scores = model.eval()(block).logits[0, :-1].log_softmax(-1)
        nats -= float(scores.gather(1, block[0, 1:, None]).sum())
    size = sum(len(d.encode()) for d in held)
    assert report.bits_per_byte == pytest.approx(nats / math.log(2) / size, rel=1e-4)
    assert report.held_out_bytes == size


def test_resume_after_an_interruption_gives_the_same_curve(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pretrain([text], tmp_path / "whole", TINY)

    import transformers

    class Interrupt(transformers.TrainerCallback):
        def on_step_begin(self, args, state, control, **_):  # type: ignore[no-untyped-def]
            if state.global_step == 15:
                raise KeyboardInterrupt

    original = transformers.Trainer.__init__

    def interrupted(self, *args, callbacks=(), **kwargs):  # type: ignore[no-untyped-def]
        original(self, *args, callbacks=[*callbacks, Interrupt()], **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(transformers.Trainer, "__init__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pretrain([text], tmp_path / "cut", TINY)
    assert (tmp_path / "cut" / "checkpoints" / "checkpoint-12").is_dir()
    resumed = pretrain([text], tmp_path / "cut", TINY, resume=True)
    assert resumed.history == whole.history
    assert resumed.bits_per_byte == whole.bits_per_byte


def test_a_killed_run_goes_on_as_if_nothing_had_happened(text: Path, tmp_path: Path) -> None:
    """The process is killed (SIGKILL) at an arbitrary moment of a run; what follows equals the run left alone."""
    config = TINY.model_copy(update={"steps": 300, "evaluations": 6})
    whole = pretrain([text], tmp_path / "whole", config)
    out = tmp_path / "killed"
    code = (
        "import sys; from pathlib import Path; from recsys.llm.pretraining import PretrainingConfig, pretrain;"
        "pretrain([Path(sys.argv[1])], Path(sys.argv[2]), PretrainingConfig.model_validate_json(sys.argv[3]))"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(text), str(out), config.model_dump_json()])
    while child.poll() is None and not (out / "checkpoints" / "checkpoint-100").exists():
        time.sleep(0.01)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    assert not (out / REPORT).exists()
    resumed = pretrain([text], out, config, resume=True)
    assert resumed.history == whole.history
    assert resumed.bits_per_byte == whole.bits_per_byte


def test_a_checkpoint_half_written_is_passed_over(tmp_path: Path) -> None:
    for step, state in ((12, "{}"), (24, '{"global_step": 2'), (100, None)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state, "utf-8")
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-12")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-12"]
    assert last_checkpoint(tmp_path / "nothing") is None


def test_documents_of_every_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n\n\nthree\n", encoding="utf-8")
    with gzip.open(tmp_path / "b.md.gz", "wt", encoding="utf-8") as file:
        file.write("四\n")
    pd.DataFrame({"item_id": ["1", "2"], "title": ["Mug", "Lamp"], "text": ["Mug", None]}).to_parquet(
        tmp_path / "c.parquet"
    )
    paths = [tmp_path / name for name in ("a.txt", "b.md.gz", "c.parquet")]
    assert list(read_documents(paths)) == ["one\ntwo", "three", "四", "Mug", "Lamp"]


def test_bad_files_are_named(tmp_path: Path, text: Path) -> None:
    for name, content, message in (
        ("a.pdf", b"%PDF", "comes as .txt"),
        ("b.txt", b"\xff\xfe\x00", "not readable"),
        ("c.txt", b"\n\n", "no text"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=message):
            list(read_documents([tmp_path / name]))
    with pytest.raises(BadInput, match="no such text file"):
        list(read_documents([tmp_path / "missing.txt"]))
    (tmp_path / "d.txt").write_text("short", encoding="utf-8")
    with pytest.raises(BadInput, match="too few"):
        pretrain([tmp_path / "d.txt"], tmp_path / "out", TINY)
    with pytest.raises(BadInput, match="multiple"):
        pretrain([text], tmp_path / "out", PretrainingConfig(width=30, heads=4))


@settings(max_examples=40)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=6), st.integers(16, 30))
def test_any_text_survives_the_tokenizer_and_every_token_is_predicted_once(documents: list[str], length: int) -> None:
    tokenizer = _tokenizer()
    for document in documents:
        ids = tokenizer(document, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == document
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        tokens = Tokens.write(documents, tokenizer, Path(directory) / "t.bin")
        ids = np.array(tokens.ids)
        blocks = Blocks(tokens, length, keep_last=True)
        predicted = [t for at in range(len(blocks)) for t in blocks[at]["labels"][1:].tolist()]
        del tokens, blocks
    assert predicted == ids[1:].tolist()
    assert list(ids).count(tokenizer.eos_token_id) >= len(documents)


_CACHE: list[object] = []


def _tokenizer():  # type: ignore[no-untyped-def]
    if not _CACHE:
        _CACHE.append(train_tokenizer(["a red mug", "the blue lamp"], 300))
    return _CACHE[0]


def test_held_out_documents_do_not_depend_on_the_run() -> None:
    documents = [f"document {i}" for i in range(4_000)]
    chosen = [is_held_out(d, 0.05) for d in documents]
    assert chosen == [is_held_out(d, 0.05) for d in documents]
    assert 0.035 < np.mean(chosen) < 0.065
    assert corpus.END not in documents
