"""Fine-tuning of a causal language model on (prompt, completion) examples; the loss counts the completion only.

LoRA (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021) by default: the base stays as it is and a
few megabytes of safetensors are learnt beside it. Training is the `transformers` Trainer, so more than one device or
machine is `accelerate launch` away and needs nothing here.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from recsys.encoders import pretrained
from recsys.encoders.encoder import pick_device
from recsys.encoders.precision import training_precision
from recsys.errors import BadInput, require
from recsys.llm import examples, lora_gguf, trainer
from recsys.llm.examples import Example
from recsys.llm.loading import load_model

__all__ = ["Example", "TuningConfig", "TuningReport", "finetune"]

REPORT = "tuning.json"
OWN_TEXT = (
    "The examples are the shop's own text: what the model writes can repeat their errors, and is to be checked against "
    "its sources before a shopper reads it."
)


class TuningConfig(BaseModel):
    """Hyperparameters of fine-tuning."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    method: Literal["lora", "full"] = "lora"
    """Learn a low-rank adapter beside the base, or change every weight."""
    rank: int = Field(8, ge=1, le=256)
    """Rank of the adapter."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """Layers that get an adapter: names such as `q_proj`, or `all-linear`."""
    first_layer: int = Field(0, ge=0)
    """Layers below this one get no adapter: the backward pass ends there, and the adapter is as much smaller."""
    learning_rate: float | None = Field(None, gt=0)
    """Peak of the cosine schedule; by default 5e-4 for LoRA and 5e-5 for full tuning."""
    epochs: float = Field(1.0, gt=0)
    """Passes over the training examples."""
    max_steps: int | None = Field(None, ge=1)
    """Stop after this many updates, and let the schedule end there."""
    batch_tokens: int = Field(1024, ge=16)
    """Padded tokens in one update on one device."""
    max_length: int = Field(256, ge=8)
    """Tokens of prompt and completion together; a longer prompt loses its beginning."""
    evaluations: int = Field(4, ge=1)
    """Times the held-out loss is measured during training."""
    patience: int = Field(2, ge=1)
    """Evaluations without improvement before training stops; the best weights seen are the ones kept."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the forward and backward pass (what learns stays fp32): `auto` is bf16 where the device has it."""
    seed: int = 7

    @property
    def peak(self) -> float:
        """The learning rate after warm-up."""
        return self.learning_rate or (5e-4 if self.method == "lora" else 5e-5)


class TuningReport(BaseModel):
    """What fine-tuning did; also written to `tuning.json` beside the weights."""

    model_config = ConfigDict(frozen=True)

    base: str
    """Name of the base model, as given."""
    base_hash: str
    """Hash of the base's files (`pretrained.weights_hash`): an adapter fits no other base."""
    method: str
    precision: str
    """Arithmetic used: `fp32` or `bf16`."""
    train_examples: int
    valid_examples: int
    train_tokens: int
    """Tokens of the training examples, prompts included, in one epoch."""
    truncated: int
    """Examples longer than `max_length`."""
    steps: int
    seconds: float
    perplexity_before: float
    """exp of the mean loss per completion token on the held-out examples, before training."""
    perplexity: float
    """The same with the weights that were kept."""
    history: list[dict[str, float]]
    """Step, training loss or held-out perplexity as training went on."""


def finetune(
    base: str,
    train: Sequence[Example],
    valid: Sequence[Example],
    out: Path,
    config: TuningConfig | None = None,
    *,
    about: str = OWN_TEXT,
    gguf: str | None = None,
    resume: bool = False,
    progress: bool = False,
) -> TuningReport:
    """Fine-tune `base` and write the result to the directory `out`.

    Parameters
    ----------
    base
        What `recsys.encoders.pretrained.resolve` takes: SmolLM2's name, `gpt2`, or a directory such as one
        `pretraining` wrote.
    train, valid
        Examples to learn from, and examples to measure on that share no product or question with them.
    out
        Gets `adapter_model.safetensors` and `adapter_config.json` (LoRA) or a whole model directory (full), with a
        model card `README.md` and `tuning.json`.
    about
        What the model card says of the examples.
    gguf
        Name of a file in `out` that gets the adapter as llama.cpp reads it (LoRA only).
    resume
        Continue from the last checkpoint of an interrupted run with the same arguments, if there is one.
    progress
        Show the Trainer's progress bar.

    Raises
    ------
    BadInput
        There are no examples, one has an empty completion, the base cannot be loaded without running its code, or
        llama.cpp could not read what is to be written as `gguf`.
    """
    from transformers import set_seed

    require("accelerate", "writers")
    config = config or TuningConfig()
    examples.check(train, "train")
    examples.check(valid, "valid")
    started = time.monotonic()
    path = pretrained.resolve(base)
    model, tokenizer = load_model(path, base)
    if gguf is not None:
        lora_gguf.check(model.config, base)
    if tokenizer.eos_token_id is None:
        raise BadInput(f"model {base!r}: its tokenizer has no end-of-text token, so a completion could never end")
    limit = min(config.max_length, int(getattr(model.config, "max_position_embeddings", None) or config.max_length))
    train_rows, cut = examples.tokenise(tokenizer, train, limit)
    valid_rows, cut_valid = examples.tokenise(tokenizer, valid, limit)
    set_seed(config.seed)
    precision = training_precision(config.precision, pick_device())
    if config.method == "lora":
        if precision == "bf16":
            weights_to_bf16(model)
        model = _with_adapter(model, config)
    batches = examples.batches(train_rows, config.batch_tokens)
    steps = config.max_steps or max(1, math.ceil(len(batches) * config.epochs))
    checkpoints = out / "checkpoints"
    run = trainer.make_trainer(
        model,
        checkpoints,
        steps,
        "perplexity",
        config,
        progress=progress,
        arguments={
            "per_device_train_batch_size": 1,  # one element of the dataset is a whole batch
            "learning_rate": config.peak,
            "lr_scheduler_type": "cosine",
            "warmup_steps": max(1, steps // 20),
            "weight_decay": 0.0,
            "logging_steps": max(1, steps // 50),
            "remove_unused_columns": False,
            "label_names": ["labels"],
        },
        train_dataset=batches,
        eval_dataset=examples.batches(valid_rows, config.batch_tokens),
        data_collator=partial(examples.collate, pad=tokenizer.pad_token_id),
        compute_metrics=_perplexity,
    )
    last = trainer.last_checkpoint(checkpoints) if resume else None
    before = float(run.evaluate()["eval_perplexity"])
    run.train(resume_from_checkpoint=last)
    after = float(run.evaluate()["eval_perplexity"])
    report = TuningReport(
        base=base,
        base_hash=pretrained.weights_hash(path),
        method=config.method,
        precision=precision,
        train_examples=len(train),
        valid_examples=len(valid),
        train_tokens=sum(len(row.ids) for row in train_rows),
        truncated=cut + cut_valid,
        steps=int(run.state.global_step),
        seconds=round(time.monotonic() - started, 1),
        perplexity_before=before,
        perplexity=after,
        history=trainer.history(run.state.log_history, "perplexity"),
    )
    if run.is_world_process_zero():
        _save(run.accelerator.unwrap_model(run.model), tokenizer, out, report, config, about)
        if gguf is not None:
            lora_gguf.write(out, out / gguf, model.config, path)
        shutil.rmtree(checkpoints, ignore_errors=True)
    return report


def _perplexity(prediction: Any) -> dict[str, float]:
    sums = np.asarray(prediction.predictions, dtype=np.float64).sum(0)
    return {"perplexity": float(np.exp(sums[0] / sums[1]))}


def weights_to_bf16(model: Any) -> None:
    """Keep frozen weights in bfloat16, which autocast would otherwise make of each of them at every update.

    Buffers stay as they are: the frequencies of rotary position embeddings lose positions when they are rounded.
    """
    for weight in model.parameters():
        weight.data = weight.data.to(torch.bfloat16)


def _with_adapter(model: Any, config: TuningConfig) -> Any:
    peft = require("peft", "writers")
    layers, first = int(model.config.num_hidden_layers), config.first_layer
    if first >= layers:
        raise BadInput(f"first_layer {first}: the base has {layers} layers, so that none would get an adapter")
    targets = config.target_modules
    if first and targets == "all-linear":  # peft knows layers only beside names
        targets = tuple(sorted(_linear(model)))
    try:
        adapter = peft.LoraConfig(
            r=config.rank,
            lora_alpha=2 * config.rank,
            lora_dropout=0.0,
            target_modules=targets if isinstance(targets, str) else list(targets),
            layers_to_transform=list(range(first, layers)) if first else None,
            task_type="CAUSAL_LM",
        )
        return peft.get_peft_model(model, adapter)
    except ValueError as error:
        raise BadInput(f"target_modules {config.target_modules!r}: {error}") from error


def _linear(model: Any) -> set[str]:
    """Names of the linear modules of a model's layers, without where they are."""
    from transformers.pytorch_utils import Conv1D

    output = model.get_output_embeddings()
    return {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, (torch.nn.Linear, Conv1D)) and module is not output
    }


def _save(model: Any, tokenizer: Any, out: Path, report: TuningReport, config: TuningConfig, about: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if config.method == "lora":
        # The name, not the directory it resolved to here: an adapter travels.
        model.peft_config["default"].base_model_name_or_path = report.base
        model.save_pretrained(out, safe_serialization=True)
    else:
        model.save_pretrained(out, safe_serialization=True)
        tokenizer.save_pretrained(out)
    (out / REPORT).write_text(
        json.dumps(report.model_dump() | {"config": config.model_dump()}, indent=1), encoding="utf-8"
    )
    (out / "README.md").write_text(card(report, config, about), encoding="utf-8")


def card(report: TuningReport, config: TuningConfig, about: str) -> str:
    """Model card: what was trained, on what, with what success."""
    above = f" from layer {config.first_layer} up" if config.first_layer else ""
    lora = f"LoRA of rank {config.rank} on {config.target_modules}{above}"
    how = lora if config.method == "lora" else "all weights"
    library = "peft" if config.method == "lora" else "transformers"
    return f"""---
library_name: {library}
base_model: {report.base}
pipeline_tag: text-generation
---

# Fine-tuned {report.base}

Base: `{report.base}`, files hash `{report.base_hash}`. Trained: {how}, loss on the completion only.

| | |
|---|---|
| training examples | {report.train_examples:,} ({report.train_tokens:,} tokens; {report.truncated:,} examples cut) |
| updates | {report.steps:,} of at most {config.batch_tokens:,} padded tokens, peak learning rate {config.peak:g} |
| held-out examples | {report.valid_examples:,} |
| held-out perplexity before / after | {report.perplexity_before:.2f} / {report.perplexity:.2f} |
| seed, precision | {config.seed}, {report.precision} |

{about}
"""
