"""Encode what changed, rebuild the index, publish."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from recsys.cli._command import (
    Artifacts,
    Engine,
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
    file,
    interactive,
    with_columns,
)
from recsys.cli._knowledge import follow_catalogue
from recsys.settings import Settings, load_settings


@command
def embed(
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
    engine: Engine = "local",
    knowledge: Annotated[
        list[Path] | None, file("--knowledge", help="The assistant's: a FAQ table, a policy (.md), or a directory.")
    ] = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Encode the products and histories that changed, rebuild the index and publish a version.

    The live ranker's weights are carried over. Items or interactions given alone update that part; with neither, the
    live version's tables are used, or the sample shop where there is none yet. With --knowledge alone, only what the
    assistant knows is published: FAQ, policies and the live catalogue's texts; later runs keep the latter up to date.

    Example: recsys embed --items items.parquet --interactions events.csv --artifacts shop
    """
    from recsys.cli._output import tables_line
    from recsys.pipeline import Inputs, engines, runs

    inputs = Inputs(items, interactions, impressions, users, format, append, reviews, orders, prices)
    settings = with_columns(load_settings(artifacts=artifacts), map)
    if knowledge and not (items or interactions or impressions or users or reviews or orders or prices):
        return _knowledge(knowledge, settings)
    encoder = engines.engine(engine).encoder
    outcome = runs.embed(inputs, settings, encoder=encoder, progress=interactive())
    assert outcome.version is not None
    told = _knowledge(knowledge, settings) if knowledge else follow_catalogue(settings)
    line = f"published {outcome.version.id}: {tables_line(outcome.notes)}; ranker {outcome.notes['ranker']}"
    return {
        **told,
        "version": outcome.version.id,
        **outcome.notes,
        "line": "; ".join([line, *([told["line"]] if "line" in told else [])]),
    }


def _knowledge(paths: list[Path], settings: Settings) -> dict[str, Any]:
    from recsys.assistant.setup import publish_knowledge

    version = publish_knowledge(paths, settings, progress=interactive())
    kinds = version.manifest["passages"]
    return {
        "knowledge": version.id,
        "passages": kinds,
        "line": f"knowledge {version.id}: {kinds['faq']} FAQ entries, {kinds['policy']} passages of policies, "
        f"{kinds['product']} products",
    }
