"""What a version knows of the shop's supply: learnt from tables where these are given, else carried on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from recsys.data.sample import PARCELS, sample_dir
from recsys.data.validation import Dialect
from recsys.delivery import published as delivery
from recsys.delivery.parcels import read_orders
from recsys.pipeline.inputs import Inputs, Intake
from recsys.pipeline.night import Night
from recsys.progress import stage

#: Files of nobody in particular, which a version hands on to the next.
FILES = (delivery.FILE,)


def add_supply(night: Night, inputs: Inputs, intake: Intake) -> dict[str, Any]:
    """Learn what the tables of a run say of supply, and write it into the draft; returns counts for the summary.

    What no table was given for is the live version's; a fresh sample shop has its own.

    Raises
    ------
    BadInput
        A table cannot be used.
    """
    if night.live is not None:
        carry_supply(night.live.path, night.draft.path)
    orders = inputs.orders
    if orders is None and night.live is None and intake.notes.get("sample_shop"):
        orders = sample_dir() / PARCELS
    if orders is None:
        return {}
    with stage("delivery times"):
        checked = read_orders(orders, Dialect.of(night.settings)).require(night.settings.intake.max_bad)
        learnt = delivery.publish(checked, night.draft.path)
    return {"parcels": len(checked.table), "parcels_delivered": 0 if learnt is None else learnt.ordered.parcels()}


def carry_supply(version: Path, draft: Path) -> None:
    """Copy what a version knows of supply into a draft."""
    for name in FILES:
        if (version / name).is_file():
            shutil.copyfile(version / name, draft / name)
