"""Own columns from files to lists: a night with them, the next one beside one from scratch, and every way of asking."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys import Recommender
from recsys.errors import BadInput
from recsys.pipeline import Inputs, runs
from recsys.settings import load_settings


@pytest.fixture(scope="module")
def tables(tiny_tables):
    """The tiny shop with a colour that each shopper's town prefers: gardeners buy red or blue things."""
    items, rows = tiny_tables
    rng = np.random.default_rng(1)
    items = items.assign(
        tint=np.resize(["red", "blue"], len(items)), weight=rng.normal(size=len(items)), sku=range(len(items))
    )
    users = pd.DataFrame({"user_id": sorted(rows.user_id.unique())})
    users["town"] = np.resize(["r-town", "b-town", "b-town"], len(users))
    town, tint = users.set_index("user_id").town, items.set_index("item_id").tint
    suits = town.reindex(rows.user_id).str[0].to_numpy() == tint.reindex(rows.item_id).str[0].to_numpy()
    return items, rows[suits | (rng.random(len(rows)) < 0.15)].reset_index(drop=True), users


def night(folder, items, rows, users, into):
    for name, table in (("items", items), ("interactions", rows), ("users", users)):
        table.to_parquet(folder / f"{name}.parquet")
    files = {name: folder / f"{name}.parquet" for name in ("items", "interactions", "users")}
    return runs.nightly(Inputs(**files), load_settings(artifacts=into))


@pytest.mark.usefixtures("tiny")
def test_a_night_learns_them_says_so_and_the_next_is_as_one_from_scratch(tables, tmp_path):
    items, rows, users = tables
    first = night(tmp_path, items[:-1], rows[rows.item_id != items.item_id.iloc[-1]], users, tmp_path / "a")
    said = " ".join(first.notes["reading"]["tables"]["items"]["notes"])
    assert "own columns that are learnt from: `tint` (category, 2 values), `weight` (number)" in said
    assert "`sku` not learnt from" in said
    assert "`town` (category, 2 values)" in " ".join(first.notes["reading"]["tables"]["users"]["notes"])
    night(tmp_path, items, rows, users, tmp_path / "a")
    night(tmp_path, items, rows, users, tmp_path / "b")
    rec, scratch = (Recommender.load(tmp_path / name, settings=load_settings()) for name in "ab")
    assert "shoppers' town" in [block.name for block in rec.ranker.blocks]
    everything = items.item_id.tolist()
    for user in ("000", "001", "002"):
        one, other = (r.recommend(user, items=everything).set_index("item_id").score for r in (rec, scratch))
        assert np.allclose(one, other.reindex(one.index), atol=1e-12)

    both = [{"title": "plain garden pot", "tint": tint} for tint in ("Red", "blue")]
    red = rec.recommend("000", items=both).set_index("position").score  # lives in r-town
    blue = rec.recommend("001", items=both).set_index("position").score
    assert np.log(red[0] / red[1]) > np.log(blue[0] / blue[1])
    history = {"history": items.item_id[items.tint == "blue"].tolist()[:6]}
    mine = rec.recommend(history, items=both).set_index("position").score
    assert mine[1] > mine[0]
    with pytest.raises(BadInput, match="no column 'tnt'"):
        runs.nightly(
            Inputs(items=tmp_path / "items.parquet"),
            load_settings(artifacts=tmp_path / "a", training={"columns": ("tnt",)}),
        )


@pytest.mark.usefixtures("tiny")
def test_tables_in_memory_take_the_users_too(tables):
    items, rows, users = tables
    rec = Recommender.build(items, rows, users=users, settings=load_settings(training={"columns": ("town",)}))
    own = [block.name for block in rec.ranker.blocks if block.name.startswith(("column", "shoppers'"))]
    assert own == ["shoppers' town"]
    assert len(rec.recommend("000", k=5)) == 5
