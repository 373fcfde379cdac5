"""No id changes on its way: nasty ids through every reader, a night, every writer, HTTP, orders and erasure."""

from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from recsys import Recommender, cli
from recsys.data import schema
from recsys.data.frames import as_pandas
from recsys.data.orders import Orders
from recsys.data.sources import read_table
from recsys.settings import load_settings

#: Ids of which no two may meet.
NASTY = [
    "007", "7", "07", "0", "00", "1e5", "1E5", "100000", "1e400", "0x1F", "1_000", "1000", "1,5", "1.5", "+8", "-8",
    "8", "TRUE", "True", "true", "no", "Infinity", "２３", "23", "٢٣", "é", "e\u0301", "İ", "i̇", "straße", "STRASSE",
    "a/b", "a%2Fb", "a?b=c", "a#b", "a&b", "=cmd", "@x", "'q", '"q"', "a,b", "a;b", "a\\b", "2024-01-01", "12:30", "😀",
    "a b", "a  b", "[1]", "{}", "<b>", "&amp;", "${HOME}", "%s", "../x", "x" * 200, "9007199254740992",
    "9007199254740993", "12345678901234567890", "A1", "a1",
]  # fmt: skip
#: Spellings of nothing that text files and spreadsheets hold.
NO_ID = {"nan", "none", "null", "n/a", "#n/a", "<na>", "nat", "\\n"}
#: What programs write where there is no id; such a row is set aside and named, and no other is touched.
MISSING = ["nan", "NaN", "None", ""]


def shop_of(ids: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Items and shoppers that are both called so; everybody buys five things."""
    rng = np.random.default_rng(5)
    items = pd.DataFrame({"item_id": ids, "title": [f"thing number {n}" for n in range(len(ids))]})
    rows = [
        {"user_id": user, "item_id": ids[item], "timestamp": 1_700_000_000 + 86_400 * (n + 10 * visit)}
        for n, user in enumerate(ids)
        for visit, item in enumerate(rng.choice(len(ids), 5, replace=False))
    ]
    return items, pd.DataFrame(rows)


def write(table: pd.DataFrame, folder, kind: str):
    """The table as a shop's system would write it; returns the place to read it from."""
    path = folder / f"table.{kind}"
    match kind:
        case "csv" | "tsv":
            table.to_csv(path, index=False, sep="," if kind == "csv" else "\t", quoting=csv.QUOTE_ALL)
        case "jsonl":
            table.to_json(path, orient="records", lines=True, force_ascii=False)
        case "parquet":
            table.to_parquet(path, index=False)
        case "xlsx":
            table.to_excel(path, index=False)
        case "db":
            path.unlink(missing_ok=True)
            table.to_sql("items", sa.create_engine(f"sqlite:///{path}"), index=False)
            return f"sqlite:///{path}#items"
    return path


KINDS = ["csv", "tsv", "jsonl", "parquet", "xlsx", "db"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_reader_leaves_ids_alone(tmp_path, kind):
    # A spreadsheet takes `=cmd` for a formula before any reader sees it.
    items, _ = shop_of([i for i in NASTY if kind != "xlsx" or i != "=cmd"])
    nobody = pd.DataFrame({"item_id": MISSING, "title": "whose?"})
    read = schema.check_items(read_table(write(pd.concat([items, nobody]), tmp_path, kind)), source=kind)
    assert len(read.quarantine) == len(MISSING)
    assert dict(zip(read.table.title, read.table.item_id, strict=True)) == dict(
        zip(items.title, items.item_id, strict=True)
    )


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
def test_frames_leave_ids_alone(frame):
    items, _ = shop_of(NASTY)
    assert sorted(schema.check_items(as_pandas(frame(items), "items"), source="items").table.item_id) == sorted(NASTY)


_TEXT = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
# An integer column that once had gaps is written 12347.0; that this is 12347 is the one change there is.
_IDS = st.lists(
    _TEXT.filter(lambda text: not text.endswith(".0") and text.lower() not in NO_ID),
    min_size=1,
    max_size=12,
    unique=True,
)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet", "db"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=_IDS)
def test_any_id_comes_out_of_a_reader_as_it_went_in(tmp_path, kind, ids):
    items = pd.DataFrame({"item_id": ids, "title": [f"t{n}" for n in range(len(ids))]})
    read = schema.check_items(read_table(write(items, tmp_path, kind)), source=kind)
    assert dict(zip(read.table.title, read.table.item_id, strict=True)) == dict(zip(items.title, ids, strict=True))


@pytest.fixture(scope="module")
def night(tmp_path_factory, tiny_environment):
    """A published night of the shop whose ids are all nasty, from CSV."""
    folder = tmp_path_factory.mktemp("nasty")
    items, events = shop_of(NASTY)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        items.to_csv(folder / "items.csv", index=False)
        events.to_csv(folder / "events.csv", index=False)
        run(
            "nightly",
            "--items",
            folder / "items.csv",
            "--interactions",
            folder / "events.csv",
            "--artifacts",
            folder / "a",
        )
        yield folder, events


def run(*arguments: object) -> str:
    result = CliRunner().invoke(cli.app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_night_and_its_lists(night):
    folder, events = night
    rec = Recommender.load(folder / "a")
    assert sorted(rec.shop.user_ids) == sorted(NASTY)
    assert sorted(rec.shop.item_ids) == sorted(NASTY)
    bought = events.groupby("user_id")["item_id"].agg(set)
    for user in NASTY:
        assert {str(rec.shop.item_ids[i]) for i in rec.shop.profile(rec.shop.user_index.get_loc(user)).items} == bought[
            user
        ]
        assert not bought[user] & set(rec.recommend(user, k=5).item_id)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_lists_for_a_file_and_back(night, kind):
    folder, _ = night
    rec = Recommender.load(folder / "a")
    pd.DataFrame({"user_id": NASTY}).to_csv(folder / "users.csv", index=False)
    out = folder / f"lists.{kind}"
    run("recommend", "--users", folder / "users.csv", "--k", 3, "--out", out, "--artifacts", folder / "a")
    lists = pd.read_parquet(out) if kind == "parquet" else pd.read_csv(out, dtype=str, keep_default_na=False)
    # In CSV a text that a spreadsheet would run has an apostrophe before it (documented); nothing else differs.
    safe = {i: f"'{i}" if kind == "csv" and i in ("=cmd", "@x") else i for i in NASTY}
    for user in NASTY:
        expected = [safe[item] for item in rec.recommend(user, k=3).item_id]
        assert lists.item_id[lists.user_id == safe[user]].tolist() == expected


def test_http(night):
    pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
    from starlette.testclient import TestClient

    from recsys.service.app import create_app

    folder, _ = night
    rec = Recommender.load(folder / "a")
    with TestClient(create_app(load_settings(artifacts=folder / "a"))) as client:
        for user in NASTY:
            expected = rec.recommend(user, k=2).item_id.tolist()
            posted = client.post("/recommend", json={"user_id": user, "k": 2})
            got = client.get("/recommend", params={"user_id": user, "k": 2})
            for answer in (posted, got):
                assert [row["item_id"] for row in answer.json()["items"]] == expected


def test_orders_are_told_to_their_shopper_alone():
    table = pd.DataFrame(
        {"order_id": [f"A{n:05d}" for n in range(len(NASTY))], "user_id": NASTY, "item_id": NASTY,
         "status": "shipped", "ordered_at": "2026-01-01"}
    )  # fmt: skip
    orders = Orders.from_table(table)
    for n, user in enumerate(NASTY):
        assert [(order.order_id, order.item_ids) for order in orders.latest(user)] == [(f"A{n:05d}", (user,))]
    with ThreadPoolExecutor(8) as threads:  # as a service asks: every thread, all at once
        found = list(threads.map(orders.latest, NASTY * 4))
    assert [[order.order_id for order in one] for one in found] == [[f"A{n:05d}"] for n in range(len(NASTY))] * 4


def test_erasing_one_leaves_its_look_alikes(night, tmp_path):
    folder, _ = night
    run("forget", "--user", "007", "--user", "é", "--user", "1e5", "--artifacts", folder / "a")
    kept = sorted(Recommender.load(folder / "a").shop.user_ids)
    assert kept == sorted(set(NASTY) - {"007", "é", "1e5"})
    receipt = json.loads(run("versions", "--json", "--artifacts", folder / "a"))
    assert receipt["live"]
