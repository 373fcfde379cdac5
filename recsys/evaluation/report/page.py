"""The HTML page: one file, no scripts, nothing fetched from anywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from recsys.data import outputs
from recsys.data.atomic import write_text
from recsys.delivery import published as delivery
from recsys.errors import require
from recsys.evaluation import subgroups
from recsys.evaluation.figures import RANKER, EvaluationFigures
from recsys.evaluation.report import tables


def check_writable(path: Path) -> None:
    """Fail before the work rather than after it.

    Raises
    ------
    BadInput
        The page cannot be written there, or what makes it is not installed.
    """
    for module in ("jinja2", "matplotlib"):
        require(module, "evaluation")
    outputs.check_writable(path, (".html", ".htm"))


def drawn(found: EvaluationFigures) -> dict[str, str]:
    """Every plot that there are figures for, as an SVG element, by name."""
    from recsys.evaluation.report import plots

    return {name: plots.svg(draw()) for name, draw in plots.available(found).items()}


def render(found: EvaluationFigures, version: Path | None = None) -> str:
    """The page as text; with the `version`'s directory, also what that knows of deliveries."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    # Names of segments and brands come from the shop's tables: everything is escaped, the plots alone are markup.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"brief": tables.brief, "signed": tables.signed}
    source = resources.files(__package__).joinpath("page.html.jinja").read_text("utf-8")
    cut = found.protocol["cut"]
    return environment.from_string(source).render(
        found=found,
        ranker=RANKER,
        titles=tables.TITLES,
        figures=list(found.leads),
        exposure=subgroups.places_by_popularity(found.measured[RANKER].lists, found.holdout)[-1],
        bought=subgroups.places_by_popularity(found.holdout.positives, found.holdout)[-1],
        much={"gap": subgroups.UNEQUAL, "exposure": subgroups.CROWDED},
        headline=tables.headline(found),
        cut=datetime.fromtimestamp(cut, UTC).strftime("%Y-%m-%d %H:%M UTC") if cut is not None else None,
        delivery=delivery.load(version) if version is not None else None,
        plots={name: Markup(svg) for name, svg in drawn(found).items()},  # noqa: S704
    )


def write_report(found: EvaluationFigures, path: Path, version: Path | None = None) -> None:
    """Write the page; a reader sees the old file or the new one, never a part."""
    write_text(path, render(found, version))
