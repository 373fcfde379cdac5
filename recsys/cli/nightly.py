"""The whole night in one command: embed, train, compare, publish once."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Option

from recsys.cli._command import (
    Artifacts,
    Format,
    Impressions,
    Interactions,
    Items,
    Json,
    Map,
    Orders,
    Prices,
    Reviews,
    Users,
    command,
    interactive,
    out,
    with_columns,
)
from recsys.cli._knowledge import follow_catalogue
from recsys.settings import load_settings


@command
def nightly(
    items: Items = None,
    interactions: Interactions = None,
    impressions: Impressions = None,
    users: Users = None,
    reviews: Reviews = None,
    orders: Orders = None,
    prices: Prices = None,
    artifacts: Artifacts = None,
    format: Format = "auto",
    map: Map = None,
    append: Annotated[bool, Option("--append", help="Add the events to those of the live version.")] = False,
    show: Annotated[
        bool, Option("--show", help="Print three shoppers' lists with reasons, as a terminal does unasked.")
    ] = False,
    as_json: Json = False,
) -> dict[str, Any]:
    """Embed and train one candidate, compare it with the live version on held-out events, publish the winner.

    A candidate that loses by more than gate.margin is refused: exit 1, the live version stays. Without tables, the live
    version's are used, or the sample shop on a fresh clone.

    Example: recsys nightly --items items.parquet --interactions events.parquet --artifacts shop
    """
    from recsys.cli._output import show_lists, tables_line
    from recsys.pipeline import Inputs, runs

    settings = with_columns(load_settings(artifacts=artifacts), map)
    inputs = Inputs(items, interactions, impressions, users, format, append, reviews, orders, prices)
    outcome = runs.nightly(inputs, settings, progress=interactive())
    assert outcome.verdict is not None
    body = {**outcome.notes, "gate": outcome.verdict.figures, "gate_message": outcome.verdict.message}
    if outcome.verdict.refused or outcome.version is None:
        live = outcome.version.id if outcome.version else "nothing"
        return {**body, "refused": True, "line": f"{outcome.verdict.message}. Live stays {live}"}
    body |= follow_catalogue(settings)
    if not as_json and (show or out.is_terminal):
        show_lists(settings, out)
    line = f"published {outcome.version.id}: {tables_line(outcome.notes)}; {outcome.verdict.message}"
    return {"version": outcome.version.id, **body, "line": line}
