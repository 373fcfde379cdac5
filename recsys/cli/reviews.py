"""What reviews say: how they were read, what to improve, and what is praised and blamed of one item.

Example: recsys reviews --artifacts shop --out improve.csv
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Json, Map, Reviews, command, file, interactive, out, with_columns
from recsys.errors import BadInput
from recsys.settings import Settings, load_settings

#: Rows that are printed.
SHOWN = 12


@command
def reviews(
    reviews: Reviews = None,
    item: Annotated[str | None, Option("--item", metavar="ID", help="What is said of this item.")] = None,
    out_file: Annotated[Path | None, file("--out", help="Write what to improve: csv or parquet.")] = None,
    aspects: Annotated[Path | None, file("--aspects", help="Write every item's aspects, likewise.")] = None,
    artifacts: Artifacts = None,
    map: Map = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Say what reviews praise and blame, and which blame costs most; with --reviews of a table, publishing nothing.

    Without --reviews it is told of the live version's, which `recsys nightly --reviews F` read.

    Example: recsys reviews --reviews reviews.csv --artifacts shop --out improve.csv
    """
    from recsys.data import snapshot
    from recsys.data.outputs import write_table
    from recsys.data.store import Store
    from recsys.reviews.improve import improvements
    from recsys.reviews.view import opinion_of

    settings = with_columns(load_settings(artifacts=artifacts), map)
    live = Store(settings.artifacts).require()
    tables, notes = snapshot.load(live.path).tables.value, live.manifest["counts"].get("opinions", {})
    if reviews is not None:
        tables, notes = _read(tables, reviews, settings)
    if tables.reviews is None or tables.aspects is None:
        raise BadInput(
            "the live version has no reviews; give some: recsys reviews --reviews F, or recsys nightly --reviews F"
        )
    improve, money = improvements(tables)
    for table, place in ((improve, out_file), (tables.aspects, aspects)):
        if place is not None:
            write_table(table, place)
    said = None
    if item is not None:
        if item not in set(tables.items["item_id"]):
            raise BadInput(f"--item {item!r} is not in the catalogue")
        said = opinion_of(tables, item)
    if not as_json:
        _show(improve, money, item, said)
    worst = "nothing is blamed twice"
    if len(improve):
        first = improve.iloc[0]
        blamed = f"{first['criticised']} of {first['reviews']} reviews"
        worst = f"most at stake: {first['aspect']} of {first['title']} ({blamed})"
    taught = notes.get("taught_by", "pinned weights")
    how = f"{notes['repeats']} repeats counted once; taught by {taught}"
    read = f"{notes['scored']} of {notes['reviews']} reviews read ({how})"
    return {
        **notes,
        "improve": improve.head(SHOWN).to_dict("records"),
        "item": None if said is None else _plain(said),
        "line": f"{read}, {notes['aspects']} aspects; {worst}",
    }


def _read(tables: Any, place: str, settings: Settings) -> tuple[Any, dict[str, Any]]:
    """The live version's tables with the reviews of a file, read with its encoder."""
    from recsys.data.reviews import check_reviews
    from recsys.data.schema import ITEM, Dialect
    from recsys.data.sources import read_table, shown
    from recsys.encoders.loading import review_encoder
    from recsys.reviews import read_reviews

    known = set(tables.items[ITEM])
    checked = check_reviews(read_table(place), known, shown(place), dialect=Dialect.of(settings))
    checked.require(settings.intake.max_bad)
    found = read_reviews(checked.table, tables.items, review_encoder(settings), progress=interactive())
    return replace(tables, reviews=found.reviews, aspects=found.aspects), found.notes


def _show(improve: Any, money: bool, item: str | None, said: Any) -> None:
    if item is not None:
        if said is None:
            out.print(f"{item}: no reviews")
            return
        out.print(f"{item}: {said.stars:.1f} of 5 from {said.reviews} reviews", markup=False)
        for one in said.aspects:
            out.print(f"  {one.aspect:18} {one.praised:>3} praise, {one.criticised:>3} blame", markup=False)
            for quote in one.quotes:
                out.print(f"    {'+' if quote.praises else '-'} “{quote.text}”", markup=False)
        return
    unit = "at stake" if money else "buyers at stake"
    for row in improve.head(SHOWN).to_dict("records"):
        out.print(
            f"{row['at_stake']:>10,.2f} {unit} [{row['at_stake_low']:,.2f} to {row['at_stake_high']:,.2f}]  "
            f"{row['aspect']} of {row['title']}: {row['criticised']} of {row['reviews']} reviews"
            + (f", “{row['quote']}”" if row["quote"] else ""),
            markup=False,
        )


def _plain(said: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(said)
