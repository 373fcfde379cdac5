"""The report's plots of what else a version knows, each an SVG element: demand, prices, days of parcels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.evaluation.report.plots import COLOURS, panels, svg

#: Characters of a product's title above its panel.
TITLE = 27


@dataclass(frozen=True)
class PriceLine:
    """Prices of one product: `past` on `days` (since 1970, the last is today), the `usual` one, and how prices went on.

    `ahead` has what other reduced prices were so many weeks later as parts of before: quantiles of 95% and 80%, shape
    ``(weeks, 4)``.
    """

    days: NDArray[np.int64]
    past: NDArray[np.float64]
    usual: float
    ahead: NDArray[np.float64]


def demand(products: Mapping[str, pd.DataFrame]) -> str:
    """Pieces sold a week and the forecast with its 80% and 95% intervals, a panel for each product."""
    figure, axes = panels(3.2 * len(products), 2.7, len(products))
    for ax, (title, weeks) in zip(axes, products.items(), strict=True):
        past, ahead = weeks[weeks["week"] <= 0], weeks[weeks["week"] > 0]
        ax.step(past["week"], past["sold"], where="mid", color="0.35", lw=1.2)
        for level, strength in ((95, 0.15), (80, 0.3)):
            ax.fill_between(
                ahead["week"], ahead[f"low_{level}"], ahead[f"high_{level}"], step="mid", color=COLOURS[0],
                alpha=strength, lw=0, label=f"{level}%",
            )  # fmt: skip
        ax.plot(ahead["week"], ahead["mean"], color=COLOURS[0], lw=1.6, label="expected")
        ax.axvline(0.5, color="0.6", lw=0.8, ls=":")
        ax.set(xlabel="weeks from now", ylim=(0, None))
        ax.set_title(short(title), fontsize=9)
    axes[0].set_ylabel("pieces a week")
    axes[0].legend(fontsize=7)
    return svg(figure)


def prices(products: Mapping[str, PriceLine]) -> str:
    """Prices of each product up to today, the usual one, and the band in which reduced prices went on."""
    figure, axes = panels(3.2 * len(products), 2.7, len(products))
    for ax, (title, line) in zip(axes, products.items(), strict=True):
        now = float(line.past[-1])
        ax.step((line.days - line.days[-1]) / 7, line.past, where="post", color="0.35", lw=1.2)
        ax.axhline(line.usual, color=COLOURS[5], lw=1, ls="--", label="usual")
        weeks = np.arange(len(line.ahead) + 1)
        band = np.vstack([np.ones(4), line.ahead]) * now
        for low, high, strength, level in ((0, 3, 0.15, "95%"), (1, 2, 0.3, "80%")):
            ax.fill_between(
                weeks, band[:, low], band[:, high], step="pre", color=COLOURS[0], alpha=strength, lw=0, label=level
            )
        ax.axvline(0, color="0.6", lw=0.8, ls=":")
        ax.set(xlabel="weeks from now")
        ax.set_title(short(title), fontsize=9)
        ax.margins(y=0.15)
    axes[0].set_ylabel("price")
    axes[0].legend(fontsize=7)
    return svg(figure)


def parcels(days: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """How many calendar days parcels of each method take, as shares."""
    figure, axes = panels(3.2 * len(days), 2.5, len(days))
    for ax, (method, bars) in zip(axes, days.items(), strict=True):
        taken, share = zip(*bars, strict=True)
        ax.bar(taken, share, color=COLOURS[0], width=0.85)
        ax.set(xlabel="days from the order", xlim=(-0.5, max(taken) + 0.5), ylim=(0, None))
        ax.set_title(short(method), fontsize=9)
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes[0].set_ylabel("share of parcels")
    return svg(figure)


def short(title: str) -> str:
    """A title that fits above its panel; what would start a formula is plain text."""
    told = title if len(title) <= TITLE else title[: TITLE - 1].rstrip() + "…"
    return told.replace("$", r"\$")
