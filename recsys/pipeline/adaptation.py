"""Teach the encoder what this shop's customers put together: contrastive fine-tuning on co-purchased items.

Two items from the same visit of a shopper, or from neighbouring ones, are pulled together and the other items of the
batch pushed away: InfoNCE (van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018)
over in-batch negatives (Henderson et al., "Efficient Natural Language Response Suggestion", 2017), both ways round.

Events are cut twice as evaluation cuts them. Pairs come from before the inner cut, the decision to keep the result from
between the two; what follows the outer cut is left alone, so that later figures are on events nobody has learnt from.
"""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch.nn import functional

from recsys.data import snapshot
from recsys.data.atomic import replacing
from recsys.data.catalogue import render
from recsys.data.snapshot import Snapshot
from recsys.data.store import Store
from recsys.encoders import checkpoint, pretrained, vector_cache
from recsys.encoders.checkpoint import FullModel
from recsys.encoders.loading import encoder_for
from recsys.encoders.protocol import Encodes
from recsys.encoders.tokens import Tokenizer
from recsys.errors import BadInput
from recsys.evaluation import metrics
from recsys.evaluation.metrics import Estimate
from recsys.evaluation.splits import Holdout, Measured, hold_out, measure
from recsys.pipeline.item_pairs import ItemPairs, sample_pairs
from recsys.progress import progress_bar
from recsys.ranking.features import TrainingContext
from recsys.settings import Settings

log = logging.getLogger(__name__)

PROBE = 10
"""Updates after which their number is fitted to the time there is."""
Gains = dict[str, tuple[Estimate, Estimate, Estimate]]
"""For each figure the estimates of the base, of the adapted encoder, and of their paired difference."""
_COPIED = (
    *pretrained.TOKENIZER_PARTS,
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
)
"""Files of the base that an adapted encoder keeps as they are: a text's tokens must not change."""


class AdaptationConfig(BaseModel):
    """How to adapt."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    steps: int = Field(2_000, ge=1)
    """Updates at most."""
    minutes: float = Field(20.0, gt=0)
    """Time for the updates; their number is lowered to what fits. The catalogue is encoded afterwards."""
    batch: int = Field(64, ge=2)
    """Pairs in one update."""
    learning_rate: float = Field(5e-5, gt=0)
    """Peak, after a tenth of the updates; it then falls to zero in a line."""
    temperature: float = Field(0.05, gt=0)
    """What cosines are divided by."""
    layers: int | None = Field(None, ge=1)
    """Topmost layers that learn, by default the upper half; embeddings never do: rare words stay what they are."""
    max_length: int = Field(64, ge=8)
    """Tokens of a text read while learning."""


@dataclass(frozen=True)
class Adapted:
    """What adaptation did.

    Attributes
    ----------
    out
        Directory of the adapted encoder; None where it was not kept.
    figures
        What the base and the adapted encoder reach.
    notes
        Counts, losses and times, for the summary and the model card.
    """

    out: Path | None
    figures: Gains
    notes: dict[str, Any]

    @property
    def kept(self) -> bool:
        """Whether the inner split improved."""
        return self.out is not None


def adapt(
    settings: Settings, config: AdaptationConfig | None = None, *, out: Path | None = None, progress: bool = False
) -> Adapted:
    """Adapt the encoder that the settings name to the live version's interactions; write it only where that helps.

    It helps where the cosine between a shopper's recency-weighted mean vector and an item, measured on shoppers' new
    items after the inner cut, gains per-user AUC with a 95% interval (paired, over shoppers) above zero, and nDCG@10
    over the whole catalogue does not fall with one below zero.

    Parameters
    ----------
    out
        Directory to make; by default ``<artifacts>/encoders/<hash>``.

    Raises
    ------
    BadInput
        `out` holds something already, or there are too few events to learn from and to measure on.
    """
    config = config or AdaptationConfig()
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out}: holds something already; name a new directory")
    shop = snapshot.load(Store(settings.artifacts).require().path)
    outer = hold_out(shop.events, settings.evaluation, settings.seed)
    inner = hold_out(outer.train, settings.evaluation, settings.seed)
    texts = render(shop.tables.value.items, settings.encoder.template)
    pairs = sample_pairs(inner.train, texts, config.steps * config.batch, seed=settings.seed)
    base = encoder_for(settings)
    path = pretrained.resolve(settings.encoder.name, offline=settings.offline)
    before = _measure(base, shop, texts, inner, settings, progress)
    with tempfile.TemporaryDirectory(prefix="recsys-encoder-") as folder:
        scratch = Path(folder) / "encoder"
        notes = _learn(path, base, pairs, scratch, settings, config, progress)
        adapted = encoder_for(
            settings.model_copy(
                update={"encoder": settings.encoder.model_copy(update={"name": str(scratch)}), "offline": True}
            )
        )
        after = _measure(adapted, shop, texts, inner, settings, progress)
        figures = _compare(before, after, inner, settings)
        notes |= {"users": len(inner.users), "events": len(inner.train), "base": settings.encoder.name}
        if not improves(figures):
            return Adapted(None, figures, notes)
        (scratch / "README.md").write_text(_card(figures, notes, base, config, settings), encoding="utf-8")
        target = out or settings.artifacts / "encoders" / adapted.info["weights_hash"][:16]
        _move(scratch, target)
    return Adapted(target, figures, notes)


def improves(figures: Gains) -> bool:
    """Whether per-user AUC gained beyond chance, and nDCG@10 did not lose beyond it."""
    return figures["auc"][2].low > 0 and figures["ndcg@10"][2].high >= 0


def contrastive_loss(
    left: torch.Tensor, right: torch.Tensor, blocked: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Mean InfoNCE of pairs of vectors ``(n, dim)``, each side asked for the other among those of the batch.

    Parameters
    ----------
    blocked
        Bool ``(n, n)``: where left row i and right row j are no negatives of each other; the diagonal is False.
    """
    cosines = functional.normalize(left, dim=1) @ functional.normalize(right, dim=1).T
    logits = (cosines / temperature).masked_fill(blocked, -math.inf)
    own = torch.arange(len(logits), device=logits.device)
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2


def _learn(
    path: Path,
    base: Encodes,
    pairs: ItemPairs,
    out: Path,
    settings: Settings,
    config: AdaptationConfig,
    progress: bool,
) -> dict[str, Any]:
    """Train a copy of the base on the pairs, write its directory to `out`, say what it took."""
    model, backend = checkpoint.load(path, settings.encoder.name)
    model = model.to(base.info["device"])
    learning = _unfreeze(model, config.layers)
    tokenizer = Tokenizer(backend, min(config.max_length, base.max_length))
    forward = FullModel(model, base.pooling, pad=backend.pad_token_id or 0)
    prompt = base.info["prompts"].get("document", "")
    optimiser = torch.optim.AdamW(learning, lr=config.learning_rate, weight_decay=0.01)
    losses: list[float] = []
    steps = planned = config.steps
    started = time.monotonic()
    bar = progress_bar(progress)
    with bar:  # without dropout: the pairs are noise enough, and the seed then decides everything
        task = bar.add_task("adapting", total=steps)
        for step, (left, right) in enumerate(_batches(pairs, config.batch)):
            elapsed = time.monotonic() - started
            if step == PROBE:
                steps = max(PROBE, min(planned, int(config.minutes * 60 / elapsed * PROBE)))
                bar.update(task, total=steps)
            if step >= steps or (step and elapsed > config.minutes * 60):
                break
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * min((step + 1) / max(steps / 10, 1), 1 - step / steps)
            unique, place = np.unique(np.r_[left, right], return_inverse=True)
            vectors = forward(tokenizer([prompt + pairs.texts[row] for row in unique])[0])[torch.from_numpy(place)]
            blocked = torch.from_numpy(pairs.not_negatives(left, right)).to(vectors.device)
            loss = contrastive_loss(vectors[: len(left)], vectors[len(left) :], blocked, config.temperature)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(learning, 1.0)
            optimiser.step()
            losses.append(float(loss.detach()))
            bar.advance(task)
    _save(model.eval(), path, out)
    tenth = max(1, len(losses) // 10)
    return {
        "base_hash": base.info["weights_hash"],
        "pairs": len(losses) * config.batch,
        "steps": len(losses),
        "planned_steps": planned,
        "loss_first": round(float(np.mean(losses[:tenth])), 4),
        "loss_last": round(float(np.mean(losses[-tenth:])), 4),
        "learning_seconds": round(time.monotonic() - started, 1),
    }


def _batches(pairs: ItemPairs, size: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    for start in range(0, len(pairs) - size + 1, size):
        yield pairs.left[start : start + size], pairs.right[start : start + size]


def _save(model: Any, base: Path, out: Path) -> None:
    """Write a model directory with the base's own tokenizer and settings files."""
    from transformers import AutoModel

    if hasattr(model, "pooler"):  # never used, but a directory without it is reported as incomplete at every load
        model.pooler = AutoModel.from_pretrained(
            base, local_files_only=True, trust_remote_code=False, use_safetensors=True
        ).pooler
    model.save_pretrained(out, safe_serialization=True)
    for pattern in _COPIED:
        for file in base.glob(pattern):
            target = out / file.relative_to(base)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, target)


def _unfreeze(model: Any, layers: int | None) -> list[torch.nn.Parameter]:
    """Freeze all but the topmost layers; returns the weights of those."""
    count = int(model.config.num_hidden_layers)
    stack = next((m for m in model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == count), None)
    if stack is None:
        raise BadInput(f"{type(model).__name__}: its layers were not found, so it cannot be adapted here")
    model.requires_grad_(False)
    top = stack[-min(layers or math.ceil(count / 2), count) :]
    top.requires_grad_(True)
    return list(top.parameters())


def _measure(
    encoder: Encodes, shop: Snapshot, texts: Sequence[str], holdout: Holdout, settings: Settings, progress: bool
) -> Measured:
    """The cosine between shoppers' mean vectors and items, on the holdout."""
    vectors = vector_cache.encode(encoder, texts, [shop.item_pool], progress=progress).pool.vectors
    h = TrainingContext.as_of(shop.facts, holdout.train, holdout.now, settings.training.half_life).histories

    def scores(user: int) -> metrics.Floats:
        rows = slice(h.indptr[user], h.indptr[user + 1])
        mean = h.recency[rows] @ vectors[h.items[rows]]
        return np.asarray(vectors @ (mean / max(float(np.linalg.norm(mean)), 1e-12)), np.float64)

    return measure(scores, holdout)


def _compare(before: Measured, after: Measured, holdout: Holdout, settings: Settings) -> Gains:
    how = {"resamples": settings.evaluation.resamples, "seed": settings.seed}
    bought = np.bincount(holdout.train.item, minlength=holdout.train.n_items) > 0
    new = [~bought[items] for items in holdout.positives]
    rows = {name: (before.per_user[name], after.per_user[name]) for name in ("auc", "ndcg@10")}
    if any(flags.any() for flags in new):
        rows["auc, items nobody had bought"] = (before.of_items(new)["auc"], after.of_items(new)["auc"])
    return {
        name: (metrics.interval(old, **how), metrics.interval(now, **how), metrics.difference(now, old, **how))
        for name, (old, now) in rows.items()
    }


def _move(folder: Path, target: Path) -> None:
    """Copy beside the target, then rename: it is there whole or not at all."""
    if target.is_dir() and any(target.iterdir()):
        return  # named by the hash of its weights, so it is the same encoder, adapted before
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as copy:
        shutil.copytree(folder, copy)


def _card(figures: Gains, notes: dict[str, Any], base: Encodes, config: AdaptationConfig, settings: Settings) -> str:
    rows = "\n".join(f"| {name} | {old} | {now} | {gain} |" for name, (old, now, gain) in figures.items())
    return f"""---
library_name: transformers
base_model: {notes["base"]}
pipeline_tag: feature-extraction
---

# {Path(notes["base"]).name}, adapted to one shop

Base: `{notes["base"]}`, files hash `{notes["base_hash"]}`. Pooling: `{base.pooling}`; it was adapted for no other.

Trained on {notes["pairs"]:,} pairs of items that one shopper bought in the same visit or in neighbouring ones, from
{notes["events"]:,} events before the inner cut: InfoNCE with in-batch negatives both ways, known partners masked,
{notes["steps"]:,} updates of {config.batch} pairs, temperature {config.temperature:g}, AdamW, peak learning rate
{config.learning_rate:g}, upper {config.layers or "half of the"} layers, texts of at most {config.max_length} tokens,
seed {settings.seed}. Mean loss over the first and the last tenth: {notes["loss_first"]} and {notes["loss_last"]}.

Measured on the new items of {notes["users"]:,} shoppers after the inner cut (evaluation.test_fraction of the events
that evaluation leaves for training), by the cosine between a shopper's recency-weighted mean of item vectors and an
item; 95% intervals over shoppers, the gain paired:

| figure | base | adapted | gain |
|---|---|---|---|
{rows}

The figures are of the cosine alone. What a ranker makes of the vectors is what the gate of `recsys nightly` compares.
"""
