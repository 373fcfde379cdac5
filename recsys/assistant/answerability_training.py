"""Fine-tuning and measuring of the answerability cross-encoder on questions with texts that answer them or do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sklearn.metrics import roc_auc_score

from recsys.assistant.answerability import (
    ADAPTER,
    ENCODER,
    LABELS,
    OUTPUTS,
    Answerability,
    encoder_of,
    read_questions,
)
from recsys.encoders import pair_training, pretrained
from recsys.encoders.cross_encoder import CrossEncoder
from recsys.encoders.pair_training import LabelledPair, PairConfig
from recsys.llm import causal_pair_training
from recsys.llm.causal_cross_encoder import CausalCrossEncoder
from recsys.llm.causal_pair_training import CausalPairConfig
from recsys.llm.loading import is_causal

NEIGHBOURS = 2
"""Texts of a shop beside the answering one that a question is taught to be left open by."""
_ASKED, _STATED = tuple(range(len(LABELS))), (OUTPUTS.index("follows"),)


def train(
    questions: Sequence[Path],
    out: Path,
    config: PairConfig | CausalPairConfig | None = None,
    *,
    base: str = ENCODER,
    held_out: Sequence[Path] = (),
    start: Path | None = None,
    progress: bool = False,
) -> dict[str, float]:
    """Teach a cross-encoder; `out` is a directory that gets the adapter's file.

    Parameters
    ----------
    questions, held_out
        Files that `read_questions` takes, to learn from and to measure on.
    config
        Of the class that `config_of` says for `base`.
    base
        Encoder or causal language model that the adapter is for.
    start
        Adapter file to go on from; by default the model as it is.

    Returns
    -------
    dict
        Counts, losses, and of `held_out` the AUC of questions that a text answers against others (``auc``) and of
        statements that follow against others (``auc_statements``).

    Raises
    ------
    BadInput
        A file has a fault, or there is nothing to learn from.
    """
    valid = read_questions(held_out)
    causal = config_of(base) is CausalPairConfig
    prompts = (CausalCrossEncoder if causal else CrossEncoder).prompts
    pairs = [_pair(*row, prompts) for row in read_questions(questions, NEIGHBOURS)]
    teach: Callable[..., dict[str, float]] = causal_pair_training.teach if causal else pair_training.teach
    report = teach(pairs, len(OUTPUTS), out / ADAPTER, base=base, config=config, start=start, progress=progress)
    return {
        "pairs": len(pairs),
        **report,
        **(measure(Answerability(encoder_of(out / ADAPTER)), valid) if valid else {}),
    }


def config_of(base: str) -> type[PairConfig] | type[CausalPairConfig]:
    """The class of the configuration with which a cross-encoder of an encoder or a causal model is taught."""
    return CausalPairConfig if is_causal(pretrained.resolve(base)) else PairConfig


def measure(judge: Answerability, rows: Sequence[tuple[str, str, str]]) -> dict[str, float]:
    """AUC on rows of `read_questions`: of answered questions, and of statements that follow."""
    asked = [row for row in rows if row[2] in LABELS]
    stated = [row for row in rows if row[2] not in LABELS]
    scores = {
        "auc": ([label != LABELS[0] for *_, label in asked], [judge.answers(q, [t])[0] for q, t, _ in asked]),
        "auc_statements": (
            [label == "follows" for *_, label in stated],
            [judge.follows(s, [t])[0] for s, t, _ in stated],
        ),
    }
    return {name: float(roc_auc_score(*both)) for name, both in scores.items() if len(set(both[0])) == 2}


def _pair(first: str, text: str, label: str, prompts: tuple[str, str]) -> LabelledPair:
    asked, stated = prompts
    if label in LABELS:
        return LabelledPair(asked.format(first), text, _ASKED, LABELS.index(label))
    return LabelledPair(stated.format(first), text, _STATED, int(label == "follows"))
