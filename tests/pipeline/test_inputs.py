"""Tables of a night: what is kept of products that left, what a broken table hears, and what a version says of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys import Recommender
from recsys.data import snapshot
from recsys.data.store import Store
from recsys.errors import BadInput
from recsys.pipeline import Inputs, runs
from recsys.pipeline.inputs import read_inputs
from recsys.settings import Settings

DAY = 86_400


@pytest.fixture
def shop(tmp_path, tiny_encoder) -> Settings:
    return Settings(
        artifacts=tmp_path / "artifacts",
        encoder={"name": str(tiny_encoder)},
        training={"users": 200, "pairs": 5_000},
        evaluation={"resamples": 100},
    )


@pytest.fixture
def write(tmp_path):
    def to(name: str, table: pd.DataFrame) -> Path:
        path = tmp_path / name
        table.to_csv(path, index=False)
        return path

    return to


def live(settings: Settings):
    return Store(settings.artifacts).current()


def events_of(settings: Settings) -> int:
    return len(snapshot.load(live(settings).path).events)


def test_history_of_a_product_that_left_the_feed_is_kept_and_comes_back_with_it(shop, write, tiny_tables):
    items, events = tiny_tables
    feed, log = write("items.csv", items), write("log.csv", events)
    runs.embed(Inputs(feed, log), shop)
    before = events_of(shop)
    gone = set(events.item_id.value_counts().index[:4])
    outcome = runs.embed(Inputs(write("less.csv", items[~items.item_id.isin(gone)])), shop)
    assert events_of(shop) == before
    kept = snapshot.load(live(shop).path)
    assert not kept.available[np.isin(kept.item_ids, list(gone))].any()
    assert outcome.notes["items_missing"] == 4
    lost = int(events.item_id.isin(gone).sum())
    said = f"4 products have left the feed: 4 are kept as unavailable, with {lost} events"
    assert said in "\n".join(outcome.notes["reading"]["lines"])
    runs.embed(Inputs(feed), shop)
    back = snapshot.load(live(shop).path)
    assert len(back.events) == before
    assert back.available[np.isin(back.item_ids, list(gone))].sum() == items[items.item_id.isin(gone)].available.sum()


def test_what_left_long_ago_is_forgotten(shop, write, tiny_tables):
    items, events = tiny_tables
    old = events.item_id == events.item_id[0]
    events = events[~old | (events.timestamp < events.timestamp.min() + 20 * DAY)].copy()
    runs.embed(Inputs(write("items.csv", items), write("log.csv", events)), shop)
    without = write("less.csv", items[items.item_id != events.item_id[0]])
    soon = shop.model_copy(update={"intake": shop.intake.model_copy(update={"keep_missing_days": 1.0})})
    intake = read_inputs(Inputs(without), live(shop), soon)
    assert events.item_id[0] not in set(intake.tables.items.item_id)
    assert "of products gone for longer are left out" in "\n".join(intake.reading["lines"])
    assert read_inputs(Inputs(without), live(shop), shop).tables.missing == 1


def test_a_catalogue_with_other_ids_is_refused_with_both_and_the_remedy_works(shop, write, tiny_tables):
    items, events = tiny_tables
    runs.embed(Inputs(write("items.csv", items), write("log.csv", events)), shop)
    renamed = write("renamed.csv", items.assign(item_id="NEW-" + items.item_id))
    with pytest.raises(
        BadInput, match=r"none of the live version's .* events is on an item of the new catalogue.*'G0.*'NEW-"
    ):
        runs.embed(Inputs(renamed), shop)
    log = write("renamed_log.csv", events.assign(item_id="NEW-" + events.item_id))
    assert runs.embed(Inputs(renamed, log), shop).version is not None


def test_a_later_return_cancels_a_purchase_of_an_earlier_night(shop, write, tiny_tables):
    items, events = tiny_tables
    runs.embed(Inputs(write("items.csv", items), write("log.csv", events.assign(quantity=1))), shop)
    before = events_of(shop)
    last = events.iloc[[0]].assign(timestamp=events.timestamp.max() + DAY, quantity="-1,00")
    other = events.iloc[[1]].assign(timestamp=events.timestamp.max() + DAY, quantity="1,00", user_id="new")
    runs.embed(Inputs(interactions=write("back.csv", pd.concat([last, other])), append=True), shop)
    assert events_of(shop) == before  # one purchase came, and one went back


def test_too_many_bad_rows_publish_nothing_and_the_setting_named_lets_them_pass(shop, write, tiny_tables, monkeypatch):
    items, events = tiny_tables
    broken = events.assign(timestamp=events.timestamp.astype(object))
    broken.loc[broken.index[::3], "timestamp"] = "some day"
    files = Inputs(write("items.csv", items), write("log.csv", broken))
    with pytest.raises(BadInput, match=r"timestamp cannot be read as a time.*RECSYS_INTAKE__MAX_BAD=0\.34"):
        runs.embed(files, shop)
    assert live(shop) is None
    assert (shop.artifacts / "quarantine" / "interactions.csv").is_file()
    lenient = shop.model_copy(update={"intake": shop.intake.model_copy(update={"max_bad": 0.34})})
    assert runs.embed(files, lenient).version is not None


def test_a_version_holds_the_report_of_its_reading_and_keeps_it(shop, write, tiny_tables):
    items, events = tiny_tables
    log = write("log.csv", events.rename(columns={"timestamp": "created_at"}))
    runs.embed(Inputs(write("items.csv", items), log), shop)
    told = json.loads((live(shop).path / "intake.json").read_text("utf-8"))
    assert "read `created_at` as `timestamp`" in told["lines"][1]
    assert told["tables"]["interactions"]["kept"] == len(events)
    runs.embed(Inputs(), shop)
    assert json.loads((live(shop).path / "intake.json").read_text("utf-8")) == told


def test_a_mapping_names_columns_and_a_column_that_is_not_there_is_refused(shop, write, tiny_tables):
    items, events = tiny_tables
    feed = write("items.csv", items)
    log = write("log.csv", events.assign(what="view").rename(columns={"user_id": "whoever"}))
    mapped = shop.model_copy(update={"columns": {"user_id": "whoever", "event": "what"}})
    intake = read_inputs(Inputs(feed, log), None, mapped)
    assert set(intake.tables.interactions["event"]) == {"view"}
    wrong = shop.model_copy(update={"columns": {"event": "wat"}})
    with pytest.raises(
        BadInput, match=r"`event` is to be read from 'wat', and no table has such a column\. Found: .*'what'"
    ):
        read_inputs(Inputs(feed, log), None, wrong)


def tiny_shop(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    items = pd.DataFrame({"item_id": list("abcde"), "title": ["Tea", "Pot", "Cup", "Jar", "Bowl"], "price": range(5)})
    start, users = 1_760_000_000, [f"u{n}" for n in range(12)]
    rows = {
        "three people": [("x", "a", 0), ("x", "b", 1), ("y", "b", 2), ("y", "c", 3), ("z", "d", 4)],
        "everyone bought everything": [(user, item, n) for user in users for n, item in enumerate("abcde")],
        "one item each": [(user, "abcde"[n % 5], n) for n, user in enumerate(users)],
        "one day": [(user, "abcde"[(n + k) % 5], k / 1_000) for n, user in enumerate(users) for k in range(3)],
        "one moment": [(user, "abcde"[(n + k) % 5], 0) for n, user in enumerate(users) for k in range(3)],
        "one user": [("x", item, n) for n, item in enumerate("abcd")],
        "one event": [("x", "a", 0)],
        "one item": [(user, "a", n) for n, user in enumerate(users)],
    }[name]
    return items, pd.DataFrame(
        [(u, i, start + int(t * DAY)) for u, i, t in rows], columns=["user_id", "item_id", "timestamp"]
    )


@pytest.mark.parametrize(
    "name",
    [
        "three people",
        "everyone bought everything",
        "one item each",
        "one day",
        "one moment",
        "one user",
        "one event",
        "one item",
    ],
)
def test_a_tiny_shop_gets_a_version_that_serves(shop, write, name):
    items, events = tiny_shop(name)
    outcome = runs.nightly(Inputs(write("items.csv", items), write("log.csv", events)), shop)
    assert outcome.version is not None, outcome.verdict
    assert outcome.verdict is not None
    rec = Recommender.load(settings=shop)
    new = rec.recommend({}, k=3)
    assert len(new) == 3
    assert np.isfinite(new.score).all()
    assert (new.score < 0.99).all()
    known = rec.recommend(events.user_id[0], k=5)
    assert not set(known.item_id) & set(events.item_id[events.user_id == events.user_id[0]])
    assert (known.score < 0.99).all()
    if rec.ranker is None:
        assert "no ranker, popularity and texts serve: " in outcome.verdict.message
        assert (
            new.item_id[0]
            == events.item_id.value_counts().sort_index().sort_values(ascending=False, kind="stable").index[0]
        )


def test_events_older_than_the_shop_keeps_are_in_no_later_version(shop, write, tiny_tables):
    items, events = tiny_tables
    given = Inputs(write("items.csv", items), write("log.csv", events))
    short = shop.model_copy(update={"intake": shop.intake.model_copy(update={"keep_days": 30.0})})
    runs.embed(given, shop)
    before = snapshot.load(live(shop).path).tables.value.interactions
    recent = before[before.timestamp >= before.timestamp.max() - 30 * DAY]
    assert 0 < len(recent) < len(before)
    outcome = runs.embed(Inputs(given.items), short)  # the log was not given again: what is live ages, too
    assert len(snapshot.load(live(shop).path).tables.value.interactions) == len(recent)
    said = f"{len(before) - len(recent):,} rows older than 30 days dropped (intake.keep_days)"
    assert said in "\n".join(outcome.notes["reading"]["lines"])
    with pytest.raises(BadInput, match=r"intake\.keep_days: these events have an order but no times"):
        runs.embed(Inputs(given.items, write("order.csv", events.drop(columns="timestamp"))), short)


def test_a_feed_in_a_language_that_is_not_read_says_what_to_set(write, tiny_tables):
    german = [
        "Grüner Tee aus kleinen Gärten",
        "Schwarzer Tee mit Blüten",
        "Laufschuhe für breite Füße",
        "Wasserdichtes Zelt",
    ]
    items = pd.DataFrame({"item_id": [f"D{n}" for n in range(8)], "title": [*german, *(f"{t}, neu" for t in german)]})
    feed = write("german.csv", items)

    def said(name: str) -> str:
        return "\n".join(read_inputs(Inputs(feed), None, Settings(encoder={"name": name})).reading["lines"])

    assert "set encoder.name to a multilingual model, such as multilingual-e5-small" in said("all-MiniLM-L6-v2")
    assert "set encoder.name" not in said("multilingual-e5-small")
