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
    Reviews,
    Users,
    command,
    with_columns,
)
from recsys.errors import BadInput, NothingToLearn
from recsys.settings import load_settings


@command
def check(
    items: Items = None,
    interactions: Interactions = None,
    impressions: Impressions = None,
    users: Users = None,
    reviews: Reviews = None,
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

    inputs = Inputs(items, interactions, impressions, users, format, reviews=reviews)
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
    from recsys.data.activity import bounded
    from recsys.data.events import Events
    from recsys.data.schema import ITEM, USER
    from recsys.pipeline.too_few import require_enough

    tables = intake.tables
    try:
        intake.require(max_bad)
    except BadInput as error:
        return f"refuse: {error}", True
    shop = f"{len(tables.items):,} items"
    users = tables.interactions[USER].unique().astype(object)
    activity = bounded(
        Events.from_table(tables.interactions, users, tables.items[ITEM].to_numpy(object), tables.kind), users
    )
    events = activity.events
    if not len(events):
        return f"refuse: there are no interactions to train on ({shop}); `recsys embed` would publish them", True
    shop += f" and {len(tables.interactions):,} events of {len(users):,} users"
    shop += "".join(f"; {said}" for said in activity.said)
    try:
        require_enough(events)
    except NothingToLearn as error:
        return f"publish {shop}, ranked by popularity and texts: {error}", False
    return f"publish {shop}, ranked by what was learnt from them, unless the gate finds the live version better", False
