"""How long parcels take, by whom, and which open orders will be late.

Example: recsys delivery --orders orders.csv --out open_orders.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from rich.table import Table

from recsys.cli._command import Artifacts, Json, Map, Orders, command, file, out, with_columns
from recsys.settings import load_settings


@command
def delivery(
    orders: Orders = None,
    artifacts: Artifacts = None,
    map: Map = None,
    out_file: Annotated[
        Path | None, file("--out", help="Write the orders under way here, the likeliest to be late first.")
    ] = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Report delivery times and carriers, and which orders under way will be late; publishes nothing.

    Without --orders, the sample shop's are used. `recsys nightly --orders F` makes the same known to the assistant and
    the page. Nothing is promised where fewer than 30 parcels were delivered.

    Example: recsys delivery --orders orders.csv --out open_orders.csv
    """
    from recsys.data.outputs import check_writable, write_table
    from recsys.data.report import ReadingReport
    from recsys.data.sample import PARCELS, sample_dir
    from recsys.data.validation import Dialect
    from recsys.delivery.parcels import read_orders
    from recsys.delivery.published import learn, open_orders

    if out_file is not None:
        check_writable(out_file)
    settings = with_columns(load_settings(artifacts=artifacts), map)
    place = sample_dir() / PARCELS if orders is None else orders
    checked = read_orders(place, Dialect.of(settings)).require(settings.intake.max_bad)
    found = learn(checked.table)
    waiting = open_orders(checked.table, found)
    if out_file is not None:
        write_table(waiting, out_file)
    if not as_json:
        out.print(_table(found.carriers))
    likely_late = waiting["late_risk"].fillna(0) >= 0.5
    late, lost = int(likely_late.sum()), int((likely_late & (waiting["earliest"] == "")).sum())
    overdue = f" ({lost:,} so long overdue that they may be lost)" if lost else ""
    held = "".join(
        f"; {c.level:.0%} intervals held {c.held:.1%} of {c.parcels:,} later parcels" for c in found.coverage
    )
    learnt = found.ordered.parcels()
    columns = {ours: theirs for theirs, ours in checked.report.columns.items()}
    return {
        "reading": {"lines": ReadingReport({"orders": checked.report}).lines()},
        "columns": columns,
        "carriers": [one.model_dump() for one in found.carriers],
        "coverage": [one.model_dump() for one in found.coverage],
        "open": len(waiting),
        "likely_late": late,
        "maybe_lost": lost,
        "line": f"learnt from {learnt:,} parcels; {len(waiting):,} under way, {late:,} of these likely late"
        + overdue
        + held
        + ("" if orders else "; sample shop (synthetic)"),
    }


def _table(carriers: list[Any]) -> Table:
    table = Table("carrier", *(_right(n) for n in ("parcels", "half within", "9 of 10 within", "on time", "missing")))
    for one in carriers:
        interval = one.on_time_interval
        table.add_row(
            one.carrier or "(not said)",
            f"{one.parcels:,}",
            *("-" if days is None else f"{days:.0f} days" for days in (one.median_days, one.slow_days)),
            "-" if interval is None else f"{one.on_time:.1%} [{interval[0]:.1%}, {interval[1]:.1%}]",
            f"{one.missing:,}",
        )
    return table


def _right(name: str) -> Any:
    from rich.table import Column

    return Column(name, justify="right")
