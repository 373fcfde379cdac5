"""How good are the reasons? Exactness, honesty, variety, and overlap with references where there are any.

Nothing here is a judgement of persuasion: `rating_sheet` exports sentences for people to rate without knowing who wrote
them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.histories import Profile
from recsys.data.tfidf import words
from recsys.errors import BadInput, require
from recsys.explain import Explainer, Explanation, ReasonWriter
from recsys.explain.evidence import NAMEABLE, Evidence
from recsys.explain.grounding import check
from recsys.explain.slot_templates import SLOT, Plan
from recsys.explain.writer import TEMPLATE
from recsys.progress import strides
from recsys.settings import ExplainSettings

Figures = dict[str, float]
#: Reasons written between two steps of the progress bar; a multiple of any sensible batch.
_STRIDE = 128


@dataclass(frozen=True)
class Pair:
    """A shopper and an item that was recommended to them; `user` is the shopper's code."""

    profile: Profile
    user: int
    item: int


def evidence_of(explainer: Explainer, pairs: Sequence[Pair]) -> list[Evidence]:
    """Evidence for each pair."""
    return [explainer.evidence(pair.profile, [pair.item], user=pair.user)[0] for pair in pairs]


def completeness(evidence: Iterable[Evidence]) -> float:
    """Largest difference between the sum of the parts and the score they explain, in logits."""
    return max(abs(sum(p.value for p in e.parts) - (e.logit - e.baseline)) for e in evidence)


def deletion(explainer: Explainer, pairs: Sequence[Pair], evidence: Sequence[Evidence], *, seed: int = 0) -> Figures:
    """Take the named purchase out of the history, and a random other one: what happens to the score?

    ``lowered`` is the share of pairs whose score falls without the named purchase, over pairs with a nameable one
    (``nameable`` is their share of all); ``drop_named`` and ``drop_random`` are mean drops of the logit.
    """
    rng = np.random.default_rng(seed)
    named, other = [], []
    for pair, found in zip(pairs, evidence, strict=True):
        if not found.facts.because or found.purchases[0].worth < NAMEABLE:
            continue
        row = found.purchases[0].row
        named.append(_drop(explainer, pair, found, row))
        rest = [r for r in range(len(pair.profile)) if r != row]
        if rest:
            other.append(_drop(explainer, pair, found, int(rng.choice(rest))))
    if not named:
        return {"nameable": 0.0}
    return {
        "nameable": len(named) / len(evidence),
        "lowered": float(np.mean(np.array(named) > 0)),
        "drop_named": float(np.mean(named)),
        "drop_random": float(np.mean(other)) if other else float("nan"),
    }


def _drop(explainer: Explainer, pair: Pair, found: Evidence, row: int) -> float:
    """The logit with everything, less the logit of a profile that never had this row, its text read again."""
    rest = pair.profile.without(row)
    if explainer.encode_history is not None:
        rest = replace(rest, text=explainer.encode_history(rest))
    candidate = explainer.statistics.candidates([pair.item])
    return found.logit - float(explainer.ranker.logit(rest, candidate)[0])


def honesty(explanations: Sequence[Explanation]) -> Figures:
    """What the check did, and whether sentences speak of what the score rests on.

    ``first_try`` is the share that passed the check at once, ``by_writer`` the share delivered that is not a template,
    ``grounded`` the share of delivered sentences that pass, and ``matched`` the share that name a top part or purchase.
    """
    tried = [e for e in explanations if e.reason.tries]
    out = {
        "grounded": float(np.mean([not check(e.sentence, e.evidence.facts) for e in explanations])),
        "matched": float(np.mean([_matched(e.evidence) for e in explanations])),
        "by_writer": float(np.mean([e.writer != TEMPLATE for e in explanations])),
    }
    if tried:
        out["first_try"] = float(np.mean([not e.reason.refused for e in tried]))
    return out


def _matched(evidence: Evidence) -> bool:
    plan = Plan.of(evidence.facts)
    return plan.named > 0 or bool({plan.kind, plan.extra} & evidence.top_kinds)


def variety(forms: Sequence[str]) -> Figures:
    """Of sentences with their slots unfilled: shares of distinct ones, of the commonest, of distinct words, pairs."""
    if not forms:
        return {}
    tokens = [words(form) for form in forms]
    pairs = [list(pairwise(t)) for t in tokens]
    return {
        "unique": len(set(forms)) / len(forms),
        "commonest": Counter(forms).most_common(1)[0][1] / len(forms),
        "distinct_1": len({w for t in tokens for w in t}) / max(sum(map(len, tokens)), 1),
        "distinct_2": len({p for t in pairs for p in t}) / max(sum(map(len, pairs)), 1),
    }


def kind_accuracy(forms: Sequence[str], kinds: Sequence[str], *, folds: int = 5) -> float:
    """Share of sentences whose kind of evidence a classifier (bag of words, held out) tells from the wording alone."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline

    enough = _enough(kinds, folds)
    kept = [(f, k) for f, k in zip(forms, kinds, strict=True) if k in enough]
    if not enough:
        raise BadInput(f"kind_accuracy: needs two kinds of evidence with {folds} sentences each")
    model = make_pipeline(
        CountVectorizer(ngram_range=(1, 2), analyzer="word"), LogisticRegression(C=10.0, max_iter=2_000)
    )
    texts = [_without_slots(form) for form, _ in kept]
    split = StratifiedKFold(folds, shuffle=True, random_state=0)
    return float(cross_val_score(model, texts, [k for _, k in kept], cv=split).mean())


def _enough(kinds: Iterable[str], folds: int = 5) -> set[str]:
    """Kinds with sentences enough to be told apart; empty where there are not two of them."""
    enough = {kind for kind, count in Counter(kinds).items() if count >= folds}
    return enough if len(enough) > 1 else set()


def _without_slots(form: str) -> str:
    """A form as the classifier reads it: slot names would give the kind away."""
    return SLOT.sub(" slot ", form).lower()


def overlap(written: Sequence[str], references: Sequence[str]) -> Figures:
    """BLEU-1, BLEU-4 (sacrebleu, 0-100) and ROUGE-1/2/L F-measures (rouge-score, 0-1) against one reference each."""
    sacrebleu = require("sacrebleu", "evaluation")

    if len(written) != len(references) or not written:
        raise BadInput(f"overlap: {len(written)} texts for {len(references)} references")
    bleu1 = sacrebleu.BLEU(max_ngram_order=1).corpus_score(list(written), [list(references)])
    bleu4 = sacrebleu.BLEU().corpus_score(list(written), [list(references)])
    rouge = rouge_scores(written, references)
    return {"bleu1": bleu1.score, "bleu4": bleu4.score, **{name: float(f.mean()) for name, f in rouge.items()}}


def rouge_scores(
    written: Sequence[str], references: Sequence[str], names: Sequence[str] = ("rouge1", "rouge2", "rougeL")
) -> dict[str, NDArray[np.float64]]:
    """ROUGE F-measures (0-1) of each text against its reference, each of shape ``(n,)``."""
    scorer = require("rouge_score.rouge_scorer", "evaluation").RougeScorer(list(names), use_stemmer=False)
    scores = [scorer.score(r, w) for w, r in zip(written, references, strict=True)]
    return {name: np.array([s[name].fmeasure for s in scores]) for name in names}


def compare_writers(
    evidence: Sequence[Evidence], writers: dict[str, ReasonWriter], *, progress: bool = False
) -> tuple[pd.DataFrame, dict[str, list[Explanation]]]:
    """The same evidence put into words by each writer: one row of figures per writer, and what each wrote.

    The figures are those of `honesty` and `variety`, and ``kind_told`` (`kind_accuracy`).
    """
    rows, written = {}, {}
    for name, writer in writers.items():
        written[name] = [
            Explanation(e, reason)
            for some in strides(evidence, _STRIDE, f"writing ({name})", shown=progress)
            for e, reason in zip(some, writer.write([e.facts for e in some]), strict=True)
        ]
        said = [(e.reason.form, Plan.of(e.evidence.facts).kind.value) for e in written[name] if e.reason.form]
        rows[name] = honesty(written[name]) | variety([form for form, _ in said])
        if _enough(kind for _, kind in said):
            rows[name]["kind_told"] = kind_accuracy(*zip(*said, strict=True))
    return pd.DataFrame.from_dict(rows, orient="index"), written


def rating_sheet(written: dict[str, list[Explanation]], path: Path, *, size: int = 50, seed: int = 0) -> None:
    """Write a blind CSV sheet of shuffled sentences with empty columns to fill in; its key goes into ``*.key.csv``."""
    rng = np.random.default_rng(seed)
    rows = [(name, i) for name, found in written.items() for i in range(min(size, len(found)))]
    order: NDArray[np.int64] = rng.permutation(len(rows))
    table = pd.DataFrame(
        {
            "number": np.arange(1, len(rows) + 1),
            "sentence": [written[rows[at][0]][rows[at][1]].sentence for at in order],
            **dict.fromkeys(("clear_1_to_5", "convincing_1_to_5", "true_yes_no", "remark"), ""),
        }
    )
    table.to_csv(path, index=False)
    key = pd.DataFrame({"number": table["number"], "writer": [rows[at][0] for at in order]})
    key.to_csv(path.with_suffix(".key.csv"), index=False)


def assess(
    explainer: Explainer,
    pairs: Sequence[Pair],
    writers: dict[str, ReasonWriter] | None = None,
    *,
    progress: bool = False,
) -> tuple[Figures, pd.DataFrame, dict[str, list[Explanation]]]:
    """Everything that needs no references: exactness and deletion, and a table with one row per writer.

    By default the explainer's own writer is set beside the template.
    """
    if not pairs:
        raise BadInput("explanations: no pair of a shopper and a recommended item to explain")
    evidence = evidence_of(explainer, pairs)
    figures = {"pairs": float(len(pairs)), "completeness": completeness(evidence)}
    figures |= deletion(explainer, pairs, evidence)
    plain = ReasonWriter(None, ExplainSettings(writer=TEMPLATE))
    writers = writers or {TEMPLATE: plain, explainer.writer.name: explainer.writer}
    table, written = compare_writers(evidence, writers, progress=progress)
    return figures, table, written
