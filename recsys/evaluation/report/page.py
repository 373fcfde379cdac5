"""The HTML page: one file, no scripts, nothing fetched from anywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from recsys.data import outputs
from recsys.data.atomic import write_text
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
    """The page as text; with the `version`'s directory, also what else that knows (`shop.sections`)."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    from recsys.evaluation.report import shop

    # Names of segments and brands come from the shop's tables: everything is escaped, the plots alone are markup.
    environment = Environment(
        loader=FunctionLoader(lambda name: resources.files(__package__).joinpath(name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"brief": tables.brief, "signed": tables.signed}
    cut = found.protocol["cut"]
    return environment.get_template("page.html.jinja").render(
        found=found,
        ranker=RANKER,
        titles=tables.TITLES,
        figures=list(found.leads),
        exposure=subgroups.places_by_popularity(found.measured[RANKER].lists, found.holdout)[-1],
        bought=subgroups.places_by_popularity(found.holdout.positives, found.holdout)[-1],
        much={"gap": subgroups.UNEQUAL, "exposure": subgroups.CROWDED},
        headline=tables.headline(found),
        cut=datetime.fromtimestamp(cut, UTC).strftime("%Y-%m-%d %H:%M UTC") if cut is not None else None,
        shop={} if version is None else _with_plots(shop.sections(version)),
        plots={name: Markup(svg) for name, svg in drawn(found).items()},  # noqa: S704
    )


def _with_plots(sections: dict[str, Any]) -> dict[str, Any]:
    """The sections, with what matplotlib drew as markup."""
    from markupsafe import Markup

    return {
        name: {**section, "plot": Markup(section["plot"])} if "plot" in section else section  # noqa: S704
        for name, section in sections.items()
    }


def write_report(found: EvaluationFigures, path: Path, version: Path | None = None) -> None:
    """Write the page; a reader sees the old file or the new one, never a part."""
    write_text(path, render(found, version))
