"""What will be sold in the next weeks, and what is cheaper than usual.

Example: recsys forecast --artifacts shop --out buyers.csv
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from rich.table import Table
from typer import Option

from recsys.cli._command import Artifacts, Json, command, file, out
from recsys.settings import load_settings


@command
def forecast(
    artifacts: Artifacts = None,
    out_file: Annotated[
        Path | None, file("--out", help="Write the buyers' table here: demand, stock cover, prices, elasticity.")
    ] = None,
    drops: Annotated[Path | None, file("--drops", help="Write the items below their usual price here.")] = None,
    weeks: Annotated[int, Option("--weeks", min=1, max=26, help="Weeks to look ahead.")] = 8,
    keep: Annotated[
        bool, Option("--keep", help="Keep it beside the version, for the page, HTTP and the assistant.")
    ] = False,
    as_json: Json = False,
) -> dict[str, Any]:
    """Forecast weekly demand of the live version's items, by what won a rolling backtest on them.

    Errors (MASE) are printed beside those of naive forecasts, and how often the intervals held on the last weeks. With
    a table of prices (`recsys nightly --prices F`) also usual prices, price drops and elasticities.

    Example: recsys forecast --artifacts shop --out buyers.csv
    """
    from recsys.data import snapshot
    from recsys.data.outputs import check_writable, write_table
    from recsys.data.store import Store
    from recsys.errors import BadInput
    from recsys.forecast import outlook as looks
    from recsys.forecast import published
    from recsys.forecast.demand import Demand
    from recsys.forecast.prices import DAY, prices_of

    for path in (out_file, drops):
        if path is not None:
            check_writable(path)
    settings = load_settings(artifacts=artifacts)
    store = Store(settings.artifacts)
    live = store.require()
    shop = snapshot.load(live.path)
    tables = shop.tables.value
    history = prices_of(shop)
    if drops is not None and history is None:
        raise BadInput("--drops: the version has no table of prices; give one with `recsys nightly --prices F`")
    found = looks.outlook(tables, horizon=weeks)
    figures = looks.coverage(Demand.of(tables.interactions), weeks)
    if out_file is not None:
        write_table(found.items, out_file)
    below = None
    if history is not None:
        below = looks.drops(history, tables.items, int(shop.now // DAY))
        if drops is not None:
            write_table(below, drops)
    if keep:
        published.keep(store, live.id, replace(found, figures={**found.figures, "held": figures["held"]}))
    if not as_json:
        out.print(_table(figures["mase"]))
    held = ", ".join(f"{level} intervals held {share:.1%}" for level, share in figures["held"].items())
    said = "" if below is None else f"; {len(below):,} items below their usual price"
    models = " and ".join(found.figures["models"])
    return {
        "version": live.id,
        **found.figures,
        "coverage": figures["held"],
        "price_drops": None if below is None else len(below),
        "line": f"{len(found.items):,} items, {weeks} weeks ahead by {models}; of the last {weeks} weeks {held}{said}",
    }


def _table(mase: dict[str, float]) -> Table:
    table = Table("forecast", "MASE")
    for name, value in sorted(mase.items(), key=lambda one: one[1]):
        table.add_row(name, f"{value:.3f}")
    return table
