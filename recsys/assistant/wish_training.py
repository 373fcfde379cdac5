"""Fine-tuning and measuring of the judge of wishes on shelves of products with wishes beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from recsys.assistant.wishes import ADAPTER, OUTPUTS, WISH, Wishes, read_shelves
from recsys.encoders.pair_training import LabelledPair
from recsys.llm import causal_pair_training
from recsys.llm.causal_pair_training import CausalPairConfig
from recsys.llm.chat import DEFAULT_CHAT

_FITS = OUTPUTS.index("fits")


def train(
    shelves: Sequence[Path],
    out: Path,
    config: CausalPairConfig | None = None,
    *,
    base: str = DEFAULT_CHAT,
    held_out: Sequence[Path] = (),
    start: Path | None = None,
    progress: bool = False,
) -> dict[str, float]:
    """Teach a causal cross-encoder on `shelves`; parameters, report (``pairs`` for ``turns``) and errors as
    `turn_training.train`, of files that `wishes.read_shelves` takes.
    """
    valid = read_shelves(held_out)
    pairs = read_shelves(shelves)
    report = causal_pair_training.teach(
        pairs, len(OUTPUTS), out / ADAPTER, base=base, config=config, start=start, progress=progress
    )
    return {"pairs": len(pairs), **report, **(measure(Wishes.of(out / ADAPTER), valid) if valid else {})}


def measure(judge: Wishes, pairs: Sequence[LabelledPair]) -> dict[str, float]:
    """AUC of pairs that fit against others (``auc``), and how often a wish's likeliest product fits (``first``)."""
    wishes: dict[str, list[LabelledPair]] = {}
    for pair in pairs:
        wishes.setdefault(pair.first, []).append(pair)
    fit, chances, first = list[bool](), list[float](), list[bool]()
    for wish, beside in wishes.items():
        likely = judge(wish.removeprefix(WISH.format("")), [pair.second for pair in beside])[:, _FITS]
        own = [pair.label == _FITS for pair in beside]
        fit, chances = [*fit, *own], [*chances, *likely.tolist()]
        if any(own):
            first.append(own[int(np.argmax(likely))])
    found = {"auc": float(roc_auc_score(fit, chances))} if len(set(fit)) == 2 else {}
    return found | ({"first": float(np.mean(first))} if first else {})
