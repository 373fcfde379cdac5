"""Pre-training of a small GPT from scratch: byte-level BPE, packed blocks, GPT-2's architecture.

Radford et al., "Language Models are Unsupervised Multitask Learners", 2019. The result is an ordinary model directory
(safetensors, tokenizer, card) that `tuning.finetune` and `gpt.load` take by its path. Quality is told in bits per
byte, which does not depend on how text is cut into tokens.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from recsys.errors import BadInput, require
from recsys.llm import corpus, trainer
from recsys.llm.corpus import Blocks, Tokens, is_held_out, read_documents
from recsys.llm.optimizer import muon_adamw, named_rates

log = logging.getLogger(__name__)

REPORT = "pretraining.json"


class PretrainingConfig(BaseModel):
    """Hyperparameters of pre-training; the defaults make a model of about five million parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    vocabulary: int = Field(4096, ge=260, le=200_000)
    """Tokens of the tokenizer (256 bytes and one separator are always among them)."""
    layers: int = Field(2, ge=1)
    """Few and wide: on a CPU large products are the cheap part."""
    width: int = Field(384, ge=16)
    """Components of a token's vector; a multiple of `heads`."""
    heads: int = Field(6, ge=1)
    block: int = Field(256, ge=16)
    """Tokens the model sees at once."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Of embeddings and of what each layer adds; little text is read many times."""
    steps: int = Field(2_000, ge=1)
    """Updates; the schedule ends there."""
    batch: int = Field(8, ge=1)
    """Blocks in one update on one device; few, because with little text many small updates learn more from it."""
    learning_rate: float = Field(6e-3, gt=0)
    """Of the layers' matrices, by Muon: reached after a warm-up of 3% of the steps, then falling to nothing."""
    embedding_rate: float = Field(2e-2, gt=0)
    """Of embeddings, norms and biases, by AdamW, with the same schedule."""
    weight_decay: float = Field(0.1, ge=0)
    """Of the layers' matrices."""
    held_out: float = Field(0.03, gt=0, lt=0.5)
    """Share of the documents kept for measuring, chosen by their hash."""
    evaluations: int = Field(8, ge=1)
    """Times the held-out loss is measured and a sample written."""
    patience: int = Field(3, ge=1)
    """Evaluations without improvement before training stops; the best weights seen are the ones kept."""
    sample_prompt: str = ""
    """Beginning of the samples written during training."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the forward and backward pass (weights stay in fp32): `auto` is bf16 where the device has it."""
    seed: int = 7


class PretrainingReport(BaseModel):
    """What training from scratch did; also written to `pretraining.json` beside the weights."""

    model_config = ConfigDict(frozen=True)

    parameters: int
    precision: str
    """Arithmetic used: `fp32` or `bf16`."""
    documents: int
    train_tokens: int
    held_out_documents: int
    held_out_bytes: int
    steps: int
    seconds: float
    perplexity: float
    """Per token, on held-out documents."""
    bits_per_byte: float
    """Of held-out text: total loss in bits over bytes of UTF-8."""
    history: list[dict[str, float]]
    """Step with training loss, or with held-out bits per byte."""
    samples: list[tuple[int, str]]
    """Step and what the model wrote then."""


def pretrain(
    text: Sequence[Path],
    out: Path,
    config: PretrainingConfig | None = None,
    *,
    resume: bool = False,
    progress: bool = False,
) -> PretrainingReport:
    """Train a tokenizer and a GPT on text files or catalogues and write them to the directory `out`.

    Parameters
    ----------
    text
        What `corpus.read_documents` takes; may be larger than memory.
    resume
        Continue an interrupted run with the same arguments from its last checkpoint: the losses that follow are those
        of a run that was never interrupted.
    progress
        Show the Trainer's progress bar.

    Raises
    ------
    BadInput
        A file cannot be read, or there is too little text for one block.
    """
    from transformers import GPT2Config, GPT2LMHeadModel, set_seed

    require("accelerate", "writers")
    config = config or PretrainingConfig()
    if config.width % config.heads:
        raise BadInput(f"width {config.width} is no multiple of heads {config.heads}")
    started = time.monotonic()
    work = out / "checkpoints"
    last = trainer.last_checkpoint(work) if resume else None
    tokenizer, train, held = _prepare(text, work, config, again=last is None)
    blocks = Blocks(train, config.block)
    if not len(blocks) or not held.documents:
        raise BadInput(
            f"text: {len(train.ids)} tokens to train on and {held.documents} documents held out are too few for blocks "
            f"of {config.block}; give more text or a smaller block"
        )
    set_seed(config.seed)
    end = tokenizer.eos_token_id
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=config.block,
            n_embd=config.width,
            n_layer=config.layers,
            n_head=config.heads,
            resid_pdrop=config.dropout,
            embd_pdrop=config.dropout,
            attn_pdrop=0.0,  # with it, attention would leave the fused kernels
            activation_function="gelu_pytorch_tanh",  # GPT-2's own, as one kernel
            bos_token_id=end,
            eos_token_id=end,
            pad_token_id=end,
        )
    )
    optimizer = muon_adamw(
        model,
        "transformer.h.",
        rate=config.learning_rate,
        other_rate=config.embedding_rate,
        weight_decay=config.weight_decay,
    )
    rates = named_rates(optimizer)  # before a schedule changes them
    samples = _Samples(tokenizer, config.sample_prompt)
    run = trainer.make_trainer(
        model,
        work,
        config.steps,
        "bits_per_byte",
        config,
        progress=progress,
        arguments={
            "per_device_train_batch_size": config.batch,
            "learning_rate": config.learning_rate,
            "lr_scheduler_type": "linear",
            "warmup_steps": max(1, config.steps * 3 // 100),
            "logging_steps": max(1, config.steps // config.evaluations // 5),
        },
        callbacks=[samples.callback()],
        train_dataset=blocks,
        eval_dataset=Blocks(held, config.block, keep_last=True),
        compute_metrics=partial(_metrics, held.bytes),
        optimizers=(optimizer, None),
    )
    run.train(resume_from_checkpoint=last)
    measured = run.evaluate()
    report = PretrainingReport(
        parameters=sum(p.numel() for p in model.parameters()),
        precision="bf16" if run.args.bf16 else "fp32",
        documents=train.documents,
        train_tokens=len(train.ids),
        held_out_documents=held.documents,
        held_out_bytes=held.bytes,
        steps=int(run.state.global_step),
        seconds=round(time.monotonic() - started, 1),
        perplexity=float(measured["eval_perplexity"]),
        bits_per_byte=float(measured["eval_bits_per_byte"]),
        history=trainer.history(run.state.log_history, "bits_per_byte"),
        samples=samples.written,
    )
    if run.is_world_process_zero():
        run.accelerator.unwrap_model(run.model).save_pretrained(out, safe_serialization=True)
        tokenizer.save_pretrained(out)
        about = report.model_dump() | {"config": config.model_dump()}
        (out / REPORT).write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
        (out / "README.md").write_text(_card(report, config, rates), encoding="utf-8")
        shutil.rmtree(work, ignore_errors=True)
    return report


def _prepare(text: Sequence[Path], work: Path, config: PretrainingConfig, *, again: bool) -> tuple[Any, Tokens, Tokens]:
    """Tokenizer, training tokens and held-out tokens; those of the interrupted run unless `again`."""
    from transformers import PreTrainedTokenizerFast

    files = work / "train.bin", work / "held_out.bin"
    if again:
        work.mkdir(parents=True, exist_ok=True)

        def part(held: bool) -> Any:
            return (d for d in read_documents(text) if is_held_out(d, config.held_out) == held)

        tokenizer = corpus.train_tokenizer(part(held=False), config.vocabulary)
        tokenizer.save_pretrained(work / "tokenizer")
        for file, held in zip(files, (False, True), strict=True):
            Tokens.write(part(held), tokenizer, file)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(work / "tokenizer")
    return tokenizer, Tokens.open(files[0]), Tokens.open(files[1])


def _metrics(size: int, prediction: Any) -> dict[str, float]:
    """Perplexity per token, and bits per byte of `size` bytes, from the sums of `trainer.row_losses`."""
    total, count = prediction.predictions.astype("float64").sum(0)
    return {"perplexity": math.exp(total / count), "bits_per_byte": total / math.log(2) / size}


class _Samples:
    """Writes a text at each evaluation, always from the same beginning and seed."""

    LENGTH = 60

    def __init__(self, tokenizer: Any, prompt: str) -> None:
        self._tokenizer = tokenizer
        self._ids = torch.tensor([[tokenizer.eos_token_id, *tokenizer(prompt, add_special_tokens=False)["input_ids"]]])
        self.written: list[tuple[int, str]] = []

    def write(self, model: Any, step: int) -> None:
        """One sample, kept with its step."""
        room = int(model.config.n_positions) - self._ids.shape[1]
        random_state = torch.get_rng_state()  # a sample must not change the course of training
        torch.manual_seed(0)
        ids = self._ids.to(model.device)
        with torch.inference_mode():
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=max(1, min(self.LENGTH, room)),
                do_sample=True,
                top_k=50,
            )
        torch.set_rng_state(random_state)
        text = self._tokenizer.decode(out[0], skip_special_tokens=True).strip()
        self.written.append((step, text))
        log.info("step %d wrote: %s", step, text)

    def callback(self) -> Any:
        """For the Trainer."""
        from transformers import TrainerCallback

        write = self.write

        class Callback(TrainerCallback):  # type: ignore[misc]
            def on_evaluate(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
                was_training = model.training
                model.eval()
                write(model, int(state.global_step))
                model.train(was_training)

        return Callback()


def _card(report: PretrainingReport, config: PretrainingConfig, rates: str) -> str:
    return f"""---
library_name: transformers
pipeline_tag: text-generation
---

# A small GPT trained from scratch

GPT-2 architecture, {report.parameters:,} parameters: {config.layers} layers, width {config.width}, {config.heads}
heads, blocks of {config.block} tokens, byte-level BPE of {config.vocabulary:,} tokens.

| | |
|---|---|
| documents, tokens | {report.documents:,}, {report.train_tokens:,} |
| updates | {report.steps:,} of {config.batch} blocks, {report.precision} |
| peak learning rates | {rates} |
| held-out documents (by hash) | {report.held_out_documents:,} |
| held-out perplexity per token | {report.perplexity:.2f} |
| held-out bits per byte | {report.bits_per_byte:.3f} |

It has seen only the text named above: it writes in its style and knows nothing else.
"""
