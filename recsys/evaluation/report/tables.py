"""An assessment as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from recsys.evaluation.figures import RANKER, EvaluationFigures
from recsys.evaluation.metrics import Estimate

ACCURACY = ("auc", "pooled_auc", "ndcg@10", "recall@10", "recall@20")
PARTS = ("auc", "ndcg@10", "recall@20")
BEYOND = ("coverage@10", "novelty", "diversity", "gini")
TITLES = {
    "auc": "per-user AUC",
    "pooled_auc": "pooled AUC",
    "ndcg@10": "nDCG@10",
    "recall@10": "recall@10",
    "recall@20": "recall@20",
    "coverage@10": "coverage@10",
    "novelty": "novelty, bits",
    "diversity": "diversity",
    "gini": "Gini",
}


def all_tables(found: EvaluationFigures) -> Iterator[Table]:
    """The tables, most important first."""
    yield models(found, ACCURACY)
    yield models(found, BEYOND)
    yield leads(found)
    yield parts(found)
    if found.reliability is not None:
        yield calibration(found)
    if found.effects:
        yield ablation(found)


def headline(found: EvaluationFigures) -> str:
    """The assessment in one line."""
    ours, lead = found.estimates[RANKER], found.leads
    return (
        f"per-user AUC {ours['auc'].value:.3f} ({signed(lead['auc'].lead)} on {lead['auc'].rival}), "
        f"nDCG@10 {ours['ndcg@10'].value:.4f} ({signed(lead['ndcg@10'].lead)} on {lead['ndcg@10'].rival}), "
        f"{found.protocol['test_users']} users"
    )


def models(found: EvaluationFigures, figures: Sequence[str]) -> Table:
    """Every model, some figures; the best accuracy of each column in bold."""
    table = _table(
        f"{found.protocol['split']}, {found.protocol['test_users']} users", ["model"], [TITLES[f] for f in figures]
    )
    best = {f: max(row[f].value for row in found.estimates.values()) for f in figures if f in ACCURACY}
    for name, row in found.estimates.items():
        cells = [f"[bold]{brief(row[f])}[/]" if row[f].value == best.get(f) else brief(row[f]) for f in figures]
        table.add_row(escape(name), *cells)
    if found.skipped:
        table.caption = escape("\n".join(f"{name}: not run, {why}" for name, why in found.skipped.items()))
    return table


def _table(title: str, words: Sequence[str], numbers: Sequence[str], end: Sequence[str] = ()) -> Table:
    """A plain table: columns of words, of numbers, of words again; words may be folded, figures never."""
    table = Table(title=title, title_justify="left", caption_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    for names, justify in ((words, "left"), (numbers, "right"), (end, "left")):
        for name in names:
            table.add_column(name, justify=justify, no_wrap=justify == "right")  # type: ignore[arg-type]
    return table


def leads(found: EvaluationFigures) -> Table:
    """The ranker against the best of the others."""
    table = _table("the ranker less the best of the others (paired, 95% interval)", ["figure", "best other"], ["lead"])
    for figure, difference in found.leads.items():
        table.add_row(TITLES[figure], escape(difference.rival), signed(difference.lead))
    return table


def parts(found: EvaluationFigures) -> Table:
    """The ranker by slice."""
    table = _table("the ranker, by part of the test", ["by", "part"], ["users", *(TITLES[f] for f in PARTS)])
    for part in found.parts[RANKER]:
        table.add_row(part.by, escape(part.name), str(part.users), *(brief(part.figures[f]) for f in PARTS))
    if (gap := found.fairness) is not None:
        between = escape(f"between {gap.best} and {gap.worst}")
        table.caption = f"AUC gap {gap.gap.value:.3f} {between}; by chance {gap.chance:.3f}, p = {gap.p:.2f}"
    return table


def calibration(found: EvaluationFigures) -> Table:
    """Figures of the probabilities."""
    c = found.reliability
    assert c is not None
    table = _table("calibration on the untouched slice", ["figure"], ["value"], ["wanted"])
    for name, value, wanted in (
        ("expected / observed", brief(c.expected_observed), "0.95 to 1.05"),
        ("slope", brief(c.slope), "0.9 to 1.1"),
        ("log-loss", f"{c.log_loss.value:.5f}", f"below {c.base_log_loss.value:.5f}, the base rate's"),
        ("log-loss gained on the base rate", signed(c.gain, 5), "above 0"),
        ("Brier score", f"{c.brier.value:.5f}", ""),
        ("base rate", f"{c.base_rate:.5f}", ""),
    ):
        table.add_row(name, value, wanted)
    return table


def ablation(found: EvaluationFigures) -> Table:
    """What each block is effect."""
    title = "effect of each block: with it, less without it (refitted, paired)"
    table = _table(title, ["block"], [TITLES[f] for f in PARTS])
    for effect in found.effects:
        table.add_row(escape(effect.block), *(signed(effect.figures[f]) for f in PARTS))
    return table


def brief(e: Estimate) -> str:
    """A figure with half the width of its interval."""
    digits = 4 if abs(e.value) < 0.2 else 3
    return f"{e.value:.{digits}f} ±{(e.high - e.low) / 2:.{digits}f}"


def signed(e: Estimate, digits: int = 4) -> str:
    """A difference with its interval."""
    return f"{e.value:+.{digits}f} ({e.low:+.{digits}f} to {e.high:+.{digits}f})"
