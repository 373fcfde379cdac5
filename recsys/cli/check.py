"""What the tables of a shop look like to this program, before anything is made of them.

Example: recsys check --items items.csv --interactions orders.csv
"""

from __future__ import annotations

from typing import Any

from recsys.cli._command import (
    Artifacts,
    Format,
    Impressions,
    Interactions,
    Items,
    Json,
    Map,
    Users,
    command,
    with_columns,
)
from recsys.errors import BadInput
from recsys.settings import load_settings


@command
def check(
    items: Items = None,
    interactions: Interactions = None,
    impressions: Impressions = None,
    users: Users = None,
    artifacts: Artifacts = None,
    format: Format = "auto",
    map: Map = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Read and check tables, say what was made of them and what a night would do; publish and write nothing.

    Tables that are not given are the live version's. Exit 2 where a night would refuse them.

    Example: recsys check --items items.csv --interactions orders.csv --map event=action
    """
    from recsys.data.store import Store
    from recsys.pipeline import Inputs
    from recsys.pipeline.inputs import read_inputs

    inputs = Inputs(items, interactions, impressions, users, format)
    if not inputs.given:
        raise BadInput("nothing to check: give --items F, --interactions F or both")
    settings = with_columns(load_settings(artifacts=artifacts), map)
    intake = read_inputs(inputs, Store(settings.artifacts).current(), settings)
    tables = intake.tables
    body = {"reading": dict(intake.reading), "items": len(tables.items), "events": len(tables.interactions)}
    would, refused = _night(intake, settings.intake.max_bad)
    return {**body, "exit": 2 if refused else 0, "would": would, "line": f"a night would {would}"}


def _night(intake: Any, max_bad: float) -> tuple[str, bool]:
    """What a night would do with these tables, and whether that is to refuse them."""
    tables = intake.tables
    try:
        intake.require(max_bad)
    except BadInput as error:
        return f"refuse: {error}", True
    met = tables.interactions.loc[tables.interactions["item_id"] != ""]
    if not len(met):
        return f"publish {len(tables.items):,} items that only their texts rank, as there are no events", False
    several = int((met.groupby("user_id")["item_id"].nunique() > 1).sum())
    what = f"{len(tables.items):,} items and {len(met):,} events of {met['user_id'].nunique():,} users"
    if not several:
        return f"publish {what}, ranked by popularity and texts: no user has met two items", False
    return f"publish {what}; {several:,} users have met two items or more, which is what a ranker learns from", False
