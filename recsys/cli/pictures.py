"""What the live version knows of its products' pictures."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Json, command, out
from recsys.errors import BadInput
from recsys.settings import load_settings


@command
def pictures(
    most: Annotated[int, Option("--most", min=1, help="Rows of each table to print.")] = 20,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Tell which products have a picture, which could not be read and why, and which pictures look the same.

    Two different products with nearly the same picture are one product listed twice, or one has the wrong picture.

    Example: recsys pictures --artifacts shop
    """
    import pandas as pd

    from recsys.data.snapshot import PICTURES, load
    from recsys.data.store import Store
    from recsys.pictures.collect import twins

    settings = load_settings(artifacts=artifacts)
    version = Store(settings.artifacts).require()
    file = version.path / f"{PICTURES}.parquet"
    if not file.is_file():
        raise BadInput(
            "the live version has no pictures: set pictures.model (RECSYS_PICTURES__MODEL) and run `recsys embed` with "
            "items that have a column `image`"
        )
    shop, table = load(version.path), pd.read_parquet(file)
    assert shop.facts.pictures is not None
    unread = table[table["problem"].notna()]
    same = twins(shop.facts.pictures, table, shop.products)
    titles = dict(zip(shop.item_ids, shop.tables.value.items.get("title", shop.item_ids), strict=True))
    if not as_json:
        for row in unread.head(most).itertuples():
            out.print(f"not read: {row.item_id}  {row.image}: {row.problem}", markup=False)
        for row in same.head(most).itertuples():
            pair = f"{row.item_id} {titles[row.item_id]}  =  {row.twin} {titles[row.twin]}"
            out.print(f"look the same ({row.cosine:.3f}): {pair}", markup=False)
    there = int((shop.facts.pictures != 0).any(axis=1).sum())
    without = len(table) - there - len(unread)
    line = (
        f"{version.id}: {there} products with a picture, {without} without, {len(unread)} could not be read; "
        f"{len(same)} pairs look the same"
    )
    return {
        "version": version.id,
        "pictures": there,
        "without": without,
        "not_read": unread.drop(columns="hash").to_dict("records"),
        "same": same.to_dict("records"),
        "line": line,
    }
