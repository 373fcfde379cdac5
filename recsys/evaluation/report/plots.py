"""The plots of a report, each an SVG string; also used one by one in the notebook."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recsys.errors import require
from recsys.evaluation import subgroups
from recsys.evaluation.figures import RANKER, AblationEffect, EvaluationFigures
from recsys.evaluation.reliability import Calibration
from recsys.evaluation.splits import Holdout, Measured

if TYPE_CHECKING:
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    mpl, Figure = require("matplotlib", "evaluation"), require("matplotlib.figure", "evaluation").Figure

CUTOFFS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50)
# Okabe and Ito's palette, which colour-blind readers can tell apart; the ranker is always the first.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#F0E442")
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "recsys",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.axisbelow": True,
    "legend.frameon": False,
}


def svg(figure: Figure) -> str:
    """A figure as an SVG element; the same figure gives the same text."""
    out = io.StringIO()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # Text stays text, in the reader's fonts: that matplotlib's own has no Chinese does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def panels(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side, in the report's style."""
    # Figures are made without pyplot: it keeps every figure alive, and a server has no display.
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = np.atleast_1d(figure.subplots(1, columns))
    return figure, list(axes)


def at_k(measured: Mapping[str, Measured]) -> Figure:
    """Recall and nDCG at growing list lengths, the ranker and the strongest others."""
    figure, axes = panels(9, 3.4, 2)
    strongest = sorted(
        (name for name in measured if name != RANKER), key=lambda n: -float(np.nanmean(measured[n].per_user["ndcg@10"]))
    )
    for row, name in enumerate([RANKER, *strongest[:6]]):
        curves = measured[name].at(CUTOFFS)
        for ax, what in zip(axes, ("recall", "ndcg"), strict=True):
            ax.plot(
                CUTOFFS, curves[what], color=COLOURS[row], lw=2.2 if row == 0 else 1.2, marker="o", ms=3, label=name
            )
    for ax, title in zip(axes, ("recall@k", "nDCG@k"), strict=True):
        ax.set(xlabel="k", ylabel=title, xscale="log", xlim=(1, None), ylim=(0, None))
        ax.set_xticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
        ax.minorticks_off()
    axes[0].legend(fontsize=7)
    return figure


def roc(groups: Mapping[str, NDArray[np.object_]], measured: Measured) -> Figure:
    """Pooled ROC curve of each group of users, one panel for each way of grouping."""
    figure, axes = panels(4.2 * len(groups), 3.6, len(groups))
    for ax, (by, labels) in zip(axes, groups.items(), strict=True):
        sizes = {name: int((labels == name).sum()) for name in subgroups.ordered(labels)}
        shown = sorted(sizes, key=lambda n: -sizes[n])[: len(COLOURS)]
        names = [name for name in sizes if name in shown and sizes[name] >= subgroups.SMALLEST]
        for row, name in enumerate(names):
            inside = np.flatnonzero(labels == name)
            good = np.concatenate([measured.positive[i] for i in inside])
            bad = np.concatenate([measured.negative[i] for i in inside])
            cuts = np.unique(np.r_[good, bad])[::-1]
            hit = 1 - np.searchsorted(np.sort(good), cuts, side="left") / len(good)
            false = 1 - np.searchsorted(np.sort(bad), cuts, side="left") / len(bad)
            keep = np.unique(np.linspace(0, len(cuts) - 1, 200).astype(int))
            ax.plot(np.r_[0, false[keep]], np.r_[0, hit[keep]], color=COLOURS[row], lw=1.4, label=name)
        ax.plot([0, 1], [0, 1], color="0.6", lw=0.8, ls=":")
        title = f"by {by}" + (f" (the {len(shown)} largest of {len(sizes)})" if len(shown) < len(sizes) else "")
        ax.set(xlabel="share of negatives above", ylabel="share of purchases above", title=title, aspect="equal")
        if names:
            ax.legend(fontsize=7, loc="lower right")
    return figure


def reliability(calibration: Calibration) -> Figure:
    """Observed rate against predicted chance, both on a logarithmic scale, with intervals."""
    figure, (ax,) = panels(4.4, 3.8)
    x = np.array([b.predicted for b in calibration.curve])
    y, low, high = (np.array([getattr(b.observed, n) for b in calibration.curve]) for n in ("value", "low", "high"))
    ends = [min(x.min(), y[y > 0].min()) / 1.5, min(1.0, max(x.max(), high.max()) * 1.5)]
    ax.plot(ends, ends, color="0.6", lw=0.8, ls=":", label="perfect")
    ax.axhline(calibration.base_rate, color="0.8", lw=0.8, label="base rate")
    bars = np.stack([np.maximum(y - low, 0), np.maximum(high - y, 0)])
    ax.errorbar(x, y, yerr=bars, color=COLOURS[0], marker="o", ms=4, lw=1.4, capsize=2, label=RANKER)
    ax.set(xlabel="predicted chance", ylabel="observed rate", xscale="log", yscale="log", xlim=ends, ylim=ends)
    ax.set_title(f"expected/observed {calibration.expected_observed.value:.2f}, slope {calibration.slope.value:.2f}")
    ax.legend(loc="upper left")
    return figure


def ablation(effects: Sequence[AblationEffect]) -> Figure:
    """What per-user AUC and nDCG@10 lose without each block, with intervals; the largest on top."""
    figure, axes = panels(9, 0.6 + 0.3 * len(effects), 2)
    place = np.arange(len(effects))[::-1]
    for ax, figure_name, title in zip(axes, ("auc", "ndcg@10"), ("per-user AUC", "nDCG@10"), strict=True):
        found = [e.figures[figure_name] for e in effects]
        value = np.array([e.value for e in found])
        bars = np.stack([value - [e.low for e in found], [e.high for e in found] - value])
        sure = [e.low > 0 or e.high < 0 for e in found]
        ax.barh(place, value, color=[COLOURS[0] if s else "0.75" for s in sure], height=0.65)
        ax.errorbar(value, place, xerr=np.maximum(bars, 0), fmt="none", color="0.25", lw=1, capsize=2)
        ax.axvline(0, color="0.3", lw=0.8)
        ax.set(xlabel=f"lost in {title} without it", yticks=place)
        ax.set_yticklabels([e.block for e in effects] if ax is axes[0] else [])
        ax.ticklabel_format(axis="x", style="plain", useOffset=False)
        ax.locator_params(axis="x", nbins=6)
    return figure


def popularity_bias(measured: Mapping[str, Measured], holdout: Holdout) -> Figure:
    """Share of all list places given to each tenth of the catalogue, beside what shoppers went on to buy."""
    figure, (ax,) = panels(6.4, 3.4)
    tenths = np.arange(1, 11)
    bought = subgroups.places_by_popularity(holdout.positives, holdout)
    ax.bar(tenths, bought, color="0.85", width=0.9, label="bought after the cut")
    others = [name for name in measured if name != RANKER][:5]
    for row, name in enumerate([RANKER, *others]):
        shown = subgroups.places_by_popularity(measured[name].lists, holdout)
        ax.plot(tenths, shown, color=COLOURS[row], lw=2.2 if row == 0 else 1.2, marker="o", ms=3, label=name)
    ax.set(xlabel="tenth of the catalogue, least popular first", ylabel="share of top-10 places")
    ax.set(xticks=tenths, ylim=(0, 1))
    ax.set_yscale("function", functions=(np.sqrt, np.square))  # shares from a hundredth to one in one plot
    ax.set_yticks([0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0])
    ax.legend(fontsize=7)
    return figure


def available(found: EvaluationFigures) -> dict[str, Callable[[], Figure]]:
    """What draws each plot that the assessment has figures for, by name."""
    plots: dict[str, Callable[[], Figure]] = {
        "metric at k": partial(at_k, found.measured),
        "ROC by group": partial(roc, found.groups, found.measured[RANKER]),
        "popularity bias": partial(popularity_bias, found.measured, found.holdout),
    }
    if found.reliability is not None:
        plots["reliability"] = partial(reliability, found.reliability)
    if found.effects:
        plots["ablation"] = partial(ablation, found.effects)
    return plots
