"""Metrics, logs and checkpoints of the `transformers` Trainer, shared by fine-tuning and pre-training."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from recsys.encoders.encoder import pick_device
from recsys.encoders.precision import training_precision

log = logging.getLogger(__name__)

IGNORED = -100
"""Label of a position that the loss leaves out."""


def row_losses(logits: Any, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy sum and token count per row, ``(rows, 2)``: all that is kept of ``(rows, length, vocabulary)``."""
    scores = logits[0] if isinstance(logits, tuple) else logits
    targets = labels[:, 1:]
    losses = torch.nn.functional.cross_entropy(
        scores[:, :-1].float().transpose(1, 2), targets, ignore_index=IGNORED, reduction="none"
    )
    return torch.stack([losses.sum(1), (targets != IGNORED).sum(1).to(losses.dtype)], dim=1)


def make_trainer(
    model: Any,
    directory: Path,
    steps: int,
    figure: str,
    config: Any,
    *,
    progress: bool,
    arguments: Mapping[str, Any],
    callbacks: Sequence[Any] = (),
    **parts: Any,
) -> Any:
    """A Trainer that measures `figure` on held-out text, stops early, and ends with the best weights seen.

    Parameters
    ----------
    figure
        What `compute_metrics` calls the figure; less is better.
    config
        Has `evaluations`, `patience`, `precision` and `seed`.
    arguments, parts
        Further arguments of `TrainingArguments` and of `Trainer`.
    """
    from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    class Log(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            log.info("step %d: %s", state.global_step, logs)

    device = pick_device()
    every = max(1, steps // config.evaluations)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(directory),
            max_steps=steps,
            per_device_eval_batch_size=1,
            max_grad_norm=1.0,
            bf16=training_precision(config.precision, device) == "bf16",
            use_cpu=device.type == "cpu",
            eval_strategy="steps",
            eval_steps=every,
            save_strategy="steps",
            save_steps=every,
            save_total_limit=2,
            load_best_model_at_end=True,
            metric_for_best_model=f"eval_{figure}",
            greater_is_better=False,
            report_to="none",
            disable_tqdm=not progress,
            seed=config.seed,
            **arguments,
        ),
        preprocess_logits_for_metrics=row_losses,
        callbacks=[EarlyStoppingCallback(config.patience), *callbacks, Log()],
        **parts,
    )
    trainer.remove_callback(PrinterCallback)  # figures go to the log
    return trainer


def last_checkpoint(directory: Path) -> str | None:
    """The newest checkpoint that was written to its end, or None; what a kill left half written is removed."""
    found = [path for path in directory.glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdigit()]
    for path in sorted(found, key=lambda path: -int(path.name.removeprefix("checkpoint-"))):
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))  # the last file of a checkpoint
        except (OSError, ValueError):
            log.warning("%s: incomplete; going on from the one before", path)
            shutil.rmtree(path)
        else:
            return str(path)
    return None


def history(entries: Iterable[Mapping[str, float]], measure: str) -> list[dict[str, float]]:
    """Learning curve from a trainer's log: steps with their training loss, or with `measure` on held-out text."""
    names = {"loss": "loss", f"eval_{measure}": measure}
    return [
        {"step": entry["step"]} | {names[key]: float(entry[key]) for key in names if key in entry}
        for entry in entries
        if names.keys() & entry.keys()
    ]
