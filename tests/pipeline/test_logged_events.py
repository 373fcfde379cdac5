"""A night takes in what the service was told, once, whatever happens to nights in between."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest

from recsys.data import snapshot
from recsys.data.event_log import EVENTS, EVENTS_READ, EventLog, EventWriter
from recsys.data.store import Store
from recsys.pipeline import Inputs, logged_events, runs
from recsys.pipeline.forget import forget
from recsys.settings import load_settings

LATER = 1_720_000_000.25


@pytest.fixture
def shop(tiny, tiny_version, tmp_path):
    shutil.copytree(tiny_version, tmp_path / "shop")
    return load_settings(artifacts=tmp_path / "shop")


def tell(settings, *rows):
    EventWriter(settings.artifacts / EVENTS).append(
        [{"user_id": u, "item_id": i, "event": e, "timestamp": t} for u, i, e, t in rows]
    )


def told(settings):
    table = snapshot.load(Store(settings.artifacts).require().path).tables.value.interactions
    return sorted(table[table.timestamp >= LATER][["user_id", "item_id", "event"]].itertuples(index=False, name=None))


ROWS = (("000", "G001", "view", LATER), ("fresh", "K003", "purchase", LATER + 60), ("000", "new", "cart", LATER + 61))
TAKEN = [("000", "G001", "view"), ("fresh", "K003", "purchase")]


def test_events_are_in_the_next_version_once(shop):
    tell(shop, *ROWS)
    outcome = runs.embed(Inputs(), shop)
    assert (outcome.notes["logged_events"], outcome.notes["logged_events_of_unknown_items"]) == (2, 1)
    assert told(shop) == TAKEN
    assert outcome.version.manifest[EVENTS_READ] == EventLog.of(shop.artifacts).sizes()
    assert runs.embed(Inputs(), shop).notes.get("logged_events") is None
    assert told(shop) == TAKEN
    runs.train(shop)  # carries the mark
    tell(shop, ("001", "G002", "cart", LATER + 90))
    assert runs.embed(Inputs(), shop).notes["logged_events"] == 1
    assert told(shop) == sorted([*TAKEN, ("001", "G002", "cart")])


def test_a_night_that_dies_before_it_publishes_has_taken_nothing(shop, monkeypatch):
    tell(shop, *ROWS)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "publish_version", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError, match="killed"):
            runs.embed(Inputs(), shop)
    assert told(shop) == []
    runs.embed(Inputs(), shop)
    assert told(shop) == TAKEN


def test_a_new_export_is_completed_by_all_that_the_log_holds_and_its_own_telling_of_it_counts_once(
    shop, tiny_tables, tmp_path
):
    tell(shop, *ROWS)
    runs.embed(Inputs(), shop)
    export = tiny_tables[1].assign(event="purchase")
    same = pd.DataFrame([{"user_id": "fresh", "item_id": "K003", "timestamp": LATER + 60, "event": "purchase"}])
    pd.concat([export, same]).to_parquet(tmp_path / "export.parquet")
    outcome = runs.embed(Inputs(interactions=tmp_path / "export.parquet"), shop)
    assert told(shop) == TAKEN
    assert len(snapshot.load(outcome.version.path).events) == len(export) + 2


def test_a_shop_that_knows_only_the_order_gets_them_after_what_it_knows(shop, tiny_tables):
    tables = snapshot.load(Store(shop.artifacts).require().path).tables.value
    ordered = logged_events.replace(
        tables,
        interactions=logged_events.schema.check_interactions(tiny_tables[1].drop(columns="timestamp")).table,
        kind=logged_events.TimeKind.ORDER,
    )
    tell(shop, ("000", "G002", "cart", LATER + 5), ("000", "G001", "view", LATER))
    done, _, _ = logged_events.with_logged(ordered, shop, None, replaced=True)
    assert done.interactions[done.interactions.user_id == "000"].item_id.tolist()[-2:] == ["G001", "G002"]


def test_whoever_is_forgotten_is_out_of_the_log_and_stays_out(shop):
    tell(shop, *ROWS)
    receipt = forget({"fresh"}, shop)
    assert receipt["logged"] == {"events": 1, "exposures": 0}
    assert not any(b"fresh" in f.read_bytes() for f in (shop.artifacts / EVENTS).iterdir())
    tell(shop, ("fresh", "K004", "view", LATER + 70))  # an old tab of theirs
    runs.embed(Inputs(), shop)
    assert told(shop) == [("000", "G001", "view")]
