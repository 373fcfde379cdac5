"""Where tables live: databases, web servers and object stores, and frames of other libraries."""

from __future__ import annotations

import datetime
import decimal
import functools
import http.server
import threading
from pathlib import Path

import dask.dataframe as dd
import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy as sa

from recsys import Recommender
from recsys.data.frames import as_pandas
from recsys.data.orders import Orders
from recsys.data.parsing import as_ids
from recsys.data.schema import check_interactions, check_items
from recsys.data.sources import read, read_table, read_tables
from recsys.data.sources.places import shown
from recsys.errors import BadInput

BIG = 2**53 + 1
CSV = "item_id,title\n007,Mug\n12347,Pot\n"

# --- databases --------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """An SQLite shop: products with text ids, sales with big integer ids and gaps."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE products (sku TEXT, name TEXT, price NUMERIC(9,2))"))
        connection.execute(sa.text("INSERT INTO products VALUES ('007', 'Mug', 4.5), ('12347', 'Pot', NULL)"))
        connection.execute(sa.text("CREATE TABLE interactions (user_id INTEGER, item_id TEXT, timestamp INTEGER)"))
        connection.execute(
            sa.text("INSERT INTO interactions VALUES (:big, '007', 1700000000), (NULL, '007', 1700000001)"),
            {"big": BIG},
        )
    engine.dispose()
    return url


def test_a_table_of_a_database_by_its_name_by_its_role_and_by_a_query(shop):
    query = "SELECT sku AS item_id, name AS title, price FROM products"
    items = check_items(read_table(f"{shop}#{query}"))
    assert items.table["item_id"].tolist() == ["007", "12347"]
    assert items.table["price"].tolist()[0] == 4.5
    tables = read_tables(f"{shop}#{query}", shop)  # without a #, the table is called what it is read as
    assert as_ids(tables.interactions["user_id"]).tolist()[0] == str(BIG)  # the gap below made no float of it
    assert tables.report.table("interactions").reading[0] == "table interactions of a database"
    checked = check_interactions(tables.interactions, {"007"})
    assert checked.table["user_id"].tolist() == [str(BIG)]
    assert read_table(f"{shop}#main.products").shape == (2, 3)


def test_what_is_wrong_with_a_database_is_said_without_its_password(shop, tmp_path, monkeypatch):
    with pytest.raises(
        BadInput, match=r"no table 'items'\. There are: interactions, products\. Name it after a #"
    ) as e:
        read_table(shop)
    assert read_table(str(e.value).rpartition(" ")[2].replace("#TABLE", "#products")).shape == (2, 3)
    with pytest.raises(
        BadInput, match=r"'SELECT nothing_here FROM products' cannot be read \(no such column: nothing_here\)"
    ):
        read_table(f"{shop}#SELECT nothing_here FROM products")
    with pytest.raises(BadInput, match="no such file"):
        read_table(f"sqlite:///{tmp_path / 'none.db'}#items")
    assert not (tmp_path / "none.db").exists()
    for url in ("postgresql://me:hunter2@host/db#t", "mysql+pymysql://me:hunter2@host/db", "nodb://me:hunter2@h/db"):
        with pytest.raises(BadInput) as error:
            read_table(url)
        assert "hunter2" not in str(error.value)
        assert "***" in str(error.value)
    with pytest.raises(BadInput, match=r"the environment has no SHOP_PASSWORD; .*export SHOP_PASSWORD="):
        read_table("postgresql://me:${SHOP_PASSWORD}@host/db#t")


def test_a_password_comes_from_the_environment(shop, monkeypatch):
    monkeypatch.setenv("SHOP_DB", shop.removeprefix("sqlite:///"))
    assert read_table("sqlite:///${SHOP_DB}#products").shape == (2, 3)


def test_decimal_and_date_columns_of_a_database(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'd.db'}")
    meta = sa.MetaData()
    table = sa.Table("items", meta, sa.Column("item_id", sa.Numeric(20, 0)), sa.Column("added", sa.DateTime))
    meta.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            table.insert(), [{"item_id": decimal.Decimal(12347), "added": datetime.datetime(2026, 1, 2)}]
        )
    engine.dispose()
    found = read_table(f"sqlite:///{tmp_path / 'd.db'}")
    assert as_ids(found["item_id"]).tolist() == ["12347"]
    assert pd.Timestamp(found["added"][0]) == pd.Timestamp("2026-01-02")


# --- the web and object stores ----------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path):
    """A web server over the test's folder."""
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    handler = functools.partial(quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_table_of_a_web_server(tmp_path, server):
    (tmp_path / "items.csv").write_text(CSV)
    for place in (f"{server}/items.csv", f"{server}/items.csv?signature=secret", Path(f"{server}/items.csv")):
        assert read_table(place)["item_id"].tolist() == ["007", "12347"]
    with pytest.raises(BadInput, match=r"/none\.csv: no such file") as error:
        read_table(f"{server}/none.csv?signature=secret")
    assert "secret" not in str(error.value)
    with pytest.raises(BadInput, match=r"cannot be fetched .*check the address"):
        read_table("http://127.0.0.1:9/items.csv")


def test_files_folders_and_globs_of_an_object_store():
    store = fsspec.filesystem("memory")
    store.store.clear()
    for day, text in (("01", "007,Mug"), ("02", "12347,Pot")):
        store.pipe(f"/bucket/items/day={day}/part-0.csv", f"item_id,title\n{text}\n".encode())
    store.pipe("/bucket/items/_SUCCESS", b"")
    for place in ("memory://bucket/items", "memory://bucket/items/*/part-*.csv", "memory:/bucket/items"):
        table = read_table(place)
        assert table["item_id"].tolist() == ["007", "12347"], place
        assert table["day"].tolist() == ["01", "02"]
    assert read_table("memory://bucket/items/day=01/part-0.csv").shape == (1, 3)
    with pytest.raises(BadInput, match=r"no such file|there is no file"):
        read_table("memory://bucket/none.csv")
    store.store.clear()


@pytest.mark.parametrize(("url", "extra"), [("s3://b/i.csv", "s3"), ("gs://b/i.csv", "gcs"), ("az://b/i.csv", "azure")])
def test_a_store_whose_package_is_missing_names_the_extra(url, extra, monkeypatch):
    def missing(*_: object) -> None:
        raise ImportError("Install it")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(BadInput, match=rf"pip install 'shop-recsys\[{extra}\]'"):
        read_table(url)


def test_places_are_shown_without_secrets():
    assert shown("postgresql://me:hunter2@host/db#t") == "postgresql://me:***@host/db#t"
    assert shown("https://h/items.csv?sig=abc") == "https://h/items.csv"
    assert shown("a?b.csv") == "a?b.csv"


# --- frames of other libraries ----------------------------------------------------------------------------------------

COLUMNS = {"user_id": [BIG, None, 7], "item_id": ["007", "8", "NA"], "timestamp": [1_700_000_000, 1_700_000_001, None]}
FRAMES = {
    "polars": lambda: pl.DataFrame(COLUMNS),
    "polars lazy": lambda: pl.DataFrame(COLUMNS).lazy(),
    "pyarrow": lambda: pa.table(COLUMNS),
    "pandas": lambda: pd.DataFrame(COLUMNS).assign(user_id=pd.array(COLUMNS["user_id"], "Int64")),
    "dask": lambda: dd.from_pandas(
        pd.DataFrame(COLUMNS).assign(user_id=pd.array(COLUMNS["user_id"], "Int64")), npartitions=2
    ),
}


@pytest.mark.parametrize("library", FRAMES)
def test_frames_of_every_library_give_the_same_cells(library):
    table = as_pandas(FRAMES[library](), "interactions")
    assert as_ids(table["user_id"]).tolist()[::2] == [str(BIG), "7"]
    assert table["item_id"].tolist() == ["007", "8", "NA"]
    assert table["timestamp"].tolist()[:2] == [1_700_000_000, 1_700_000_001]


def test_an_id_in_the_index_of_a_frame_is_a_column():
    frame = pd.DataFrame({"item_id": ["007", "8"], "title": ["a", "b"]}).set_index("item_id")
    for given in (frame, dd.from_pandas(frame, npartitions=1)):
        assert as_pandas(given, "items").sort_values("item_id")["item_id"].tolist() == ["007", "8"]
    assert list(as_pandas(frame.reset_index()[1:], "items").columns) == ["item_id", "title"]


def test_what_is_no_frame_is_refused_and_the_advice_works(tmp_path):
    (tmp_path / "items.csv").write_text(CSV)
    with pytest.raises(BadInput, match=r"items: expected a DataFrame .* found str; .*read_table\(path\)"):
        as_pandas(str(tmp_path / "items.csv"), "items")
    assert as_pandas(read_table(tmp_path / "items.csv"), "items").shape == (2, 2)


def test_a_recommender_is_built_from_frames_of_other_libraries(tiny_tables, tiny):
    items, interactions = tiny_tables
    ours = Recommender.build(items, interactions).recommend("001", k=5)
    theirs = Recommender.build(pl.from_pandas(items), pa.Table.from_pandas(interactions)).recommend("001", k=5)
    pd.testing.assert_frame_equal(ours, theirs)


# --- orders -----------------------------------------------------------------------------------------------------------

ORDERS = (
    "order_id,user_id,item_id,status,ordered_at\n0012,007,A,sent,2026-01-01\n13,7,B,sent,2026-01-02\n"
    "14,,C,sent,2026-01-03\n"
)


@pytest.mark.parametrize("name", ["orders.csv", "orders.xlsx", "orders.parquet", "orders.jsonl"])
def test_orders_are_those_of_the_shopper_and_of_nobody_alike(tmp_path, name):
    (tmp_path / "orders.csv").write_text(ORDERS)
    table = read_table(tmp_path / "orders.csv")
    path = tmp_path / name
    {
        "xlsx": lambda: table.to_excel(path, index=False),
        "parquet": lambda: table.to_parquet(path, index=False),
        "jsonl": lambda: table.to_json(path, orient="records", lines=True),
    }.get(path.suffix[1:], lambda: None)()
    orders = Orders.from_table(read_table(path))
    assert [order.order_id for order in orders.latest("007")] == ["0012"]
    assert [order.order_id for order in orders.latest("7")] == ["13"]
    assert orders.find("7", "0012") is None
    assert orders.latest("") == []
    assert orders.latest("7.0") == []
    assert read(path).table.shape == (3, 5)
