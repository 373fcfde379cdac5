"""How good is it? Offline figures of the live version's recipe on held-out time, beside simple and known rivals.

Example: python -m jobs.evaluate --artifacts shop --report report.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from jobs._cli import Artifacts, Json, command, interactive, main, out
from recsys.settings import load_settings

WIDTH = 110
"""Columns of the widest table; a narrower window wraps lines rather than cutting figures off."""


@command
def evaluate(
    artifacts: Artifacts = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="F", help="Write a self-contained HTML page with plots.")
    ] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Also tune and run item-kNN, BM25-kNN, ALS, BPR and EASE.")
    ] = False,
    ablation: Annotated[
        bool, typer.Option("--ablation", help="Also take each feature block away in turn: what is it worth?")
    ] = False,
    users: Annotated[
        int | None, typer.Option("--users", metavar="N", help="Test users, sampled; default evaluation.max_users.")
    ] = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Train the live version's recipe on the events before a cut in time, and measure it on those after it.

    Per-user AUC first, then nDCG, recall, coverage, novelty and diversity, each with a 95% bootstrap interval over
    users; calibration of the probabilities; slices by activity, item popularity and segment. Nothing is published.

    Example: python -m jobs.evaluate --peers --ablation --report report.html
    """
    from recsys import assessment
    from recsys.report import check_writable, tables, write_report

    settings = load_settings(artifacts=artifacts)
    if users is not None:
        settings = load_settings(
            artifacts=artifacts, evaluation={**settings.evaluation.model_dump(), "max_users": users}
        )
    if report is not None:
        check_writable(report)
    found = assessment.assess_live(settings, with_peers=peers, with_ablation=ablation, progress=interactive())
    if report is not None:
        write_report(found, report)
    if not as_json:
        wide = Console(width=max(out.width, WIDTH))
        for table in tables.all_tables(found):
            wide.print(table)
    where = f"; report in {report}" if report else ""
    return {**found.plain(), "report": str(report) if report else None, "line": tables.headline(found) + where}


if __name__ == "__main__":
    main(evaluate)
