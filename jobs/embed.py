"""Encode what changed, rebuild the index, publish.

Example: python -m jobs.embed --items items.parquet --interactions events.csv --artifacts shop
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from jobs._cli import (
    Artifacts,
    Engine,
    Format,
    Impressions,
    Interactions,
    Items,
    Json,
    Users,
    command,
    interactive,
    main,
)
from jobs._summary import tables_line
from recsys.settings import load_settings


@command
def embed(
    items: Items = None,
    interactions: Interactions = None,
    impressions: Impressions = None,
    users: Users = None,
    artifacts: Artifacts = None,
    format: Format = "auto",
    append: Annotated[bool, typer.Option("--append", help="Add the events to those of the live version.")] = False,
    engine: Engine = "local",
    as_json: Json = False,
) -> dict[str, Any]:
    """Encode the products and histories that changed, rebuild the index and publish a version.

    The live ranker's weights are carried over. Items or interactions given alone update that part; with neither, the
    live version's tables are used, or the sample shop where there is none yet.

    Example: python -m jobs.embed --items items.parquet --interactions events.csv --artifacts shop
    """
    from recsys import engines, publishing
    from recsys.intake import Inputs

    inputs = Inputs(items, interactions, impressions, users, format, append)
    settings = load_settings(artifacts=artifacts)
    encoder = engines.engine(engine).encoder
    outcome = publishing.embed(inputs, settings, encoder=encoder, progress=interactive())
    assert outcome.version is not None
    return {
        "version": outcome.version.id,
        **outcome.notes,
        "line": f"published {outcome.version.id}: {tables_line(outcome.notes)}; ranker {outcome.notes['ranker']}",
    }


if __name__ == "__main__":
    main(embed)
