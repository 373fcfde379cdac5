"""Files in public formats, written here exactly as their publishers write them."""

from __future__ import annotations

import csv
import gzip
import json
import pickle
from pathlib import Path

import pandas as pd
import pytest

from recsys.data.schema import TimeKind, check_impressions, check_interactions, check_items
from recsys.data.sources import read_table, read_tables
from recsys.errors import BadInput

ITEMS = "item_id,title,price\n007,Blue mug,4.50\n85123A,NA,\n"
LOG = "user_id,item_id,timestamp\n12347,007,1700000000\n,85123A,1700000001\n"


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


# --- one file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["items.csv", "items.csv.gz"])
def test_csv_keeps_ids_as_they_are_written(tmp_path, name):
    table = read_table(write(tmp_path / name, "\ufeff" + ITEMS))
    assert table["item_id"].tolist() == ["007", "85123A"]
    assert table["title"].tolist() == ["Blue mug", "NA"]
    assert table["price"].isna().tolist() == [False, True]
    log = read_table(write(tmp_path / "log.csv", LOG))
    assert log["user_id"][0] == "12347"  # the gap below would have made it 12347.0


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz", "xlsx"])
def test_every_kind_of_file_gives_the_same_checked_items(tmp_path, suffix):
    raw = pd.DataFrame({"item_id": ["7", "85123A"], "title": ["Mug", "Teapot 茶壶"], "price": [1.5, None]})
    path = tmp_path / f"items.{suffix}"
    if suffix == "parquet":
        raw.to_parquet(path)
    elif suffix == "xlsx":
        raw.assign(item_id=[7, "85123A"]).to_excel(path, index=False)
    else:
        raw.to_csv(path, index=False)
    pd.testing.assert_frame_equal(check_items(read_table(path)).table, check_items(raw).table)


def test_missing_wrong_empty_and_damaged_files_say_so(tmp_path):
    write(tmp_path / "other.csv", ITEMS)
    with pytest.raises(BadInput, match=r"none\.csv: no such file.*there are: other\.csv"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="the folder has no files of a table"):
        read_table(tmp_path / "empty")
    (tmp_path / "items.pickle").write_bytes(pickle.dumps({"item_id": ["1"]}))
    with pytest.raises(
        BadInput, match=r"cannot read files of this kind \(a Python pickle is never loaded\); save it as"
    ):
        read_table(tmp_path / "items.pickle")
    with pytest.raises(BadInput, match="the file is empty"):
        read_table(write(tmp_path / "empty.csv", ""))
    for name in ("torn.parquet", "torn.xlsx"):
        with pytest.raises(BadInput, match=f"{name}: cannot be read; damaged"):
            read_table(write(tmp_path / name, "no such thing"))
    whole = gzip.compress((ITEMS * 1000).encode())
    (tmp_path / "torn.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"torn\.csv\.gz: cannot be read; damaged"):
        read_table(tmp_path / "torn.csv.gz")
    with pytest.raises(BadInput, match="cannot be read"):
        read_table(write(tmp_path / "ragged.csv", "item_id,title\n1,x\n2,y,z,zz\n"))


@pytest.mark.parametrize("name", ["latin.csv", "latin.csv.gz"])
def test_a_csv_that_is_not_utf8_names_the_line_and_what_to_do(tmp_path, name):
    path = write(tmp_path / name, "item_id,title\n1,Mug\n2,Café\n", "cp1252")
    with pytest.raises(BadInput, match=r"is not UTF-8 \(line 3, byte 6 is 0xe9\).*iconv"):
        read_table(path)


# --- our own columns --------------------------------------------------------------------------------------------------


def test_own_tables_each_alone_or_together(tmp_path):
    items, log = write(tmp_path / "items.csv", ITEMS), write(tmp_path / "log.csv", LOG)
    users = write(tmp_path / "users.csv", "user_id,segment\n12347,new\n")
    both = read_tables(items, log, users=users)
    assert both.notes == {"format": "own"}
    assert both.impressions is None
    assert both.users is not None
    assert read_tables(items).interactions is None
    assert read_tables(interactions=log).items is None
    with pytest.raises(BadInput, match="no file to read"):
        read_tables()
    with pytest.raises(BadInput, match="unknown format 'movielens'; use one of auto, own"):
        read_tables(items, format="movielens")


# --- UCI Online Retail ------------------------------------------------------------------------------------------------

FIRST = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
SECOND = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
UK = "United Kingdom"
SALES = [
    ["536365", "85123A", "WHITE HANGING HEART", 6, "12/1/2010 8:26", 2.55, 17850, UK],
    ["536365", "71053", "WHITE METAL LANTERN", 6, "12/1/2010 8:27", 3.39, 17850, UK],
    ["536365", "71053", "WHITE METAL LANTERN", 2, "12/1/2010 8:27", 1.39, 17850, UK],
    ["536366", "85123a", "WHITE HANGING HEART", 1, "12/1/2010 9:00", 2.95, 13047, UK],
    ["536367", "85123A", "CREAM HANGING HEART £1", 1, "12/2/2010 9:00", 2.95, 13047, UK],
    ["C536379", "D", "Discount", -1, "12/1/2010 9:41", 27.5, 14527, UK],
    ["C536383", "35004C", "SET OF 3 DUCKS", -1, "12/1/2010 9:49", 4.65, 15311, UK],
    ["536370", "POST", "POSTAGE", 3, "12/1/2010 8:45", 18.0, 12583, "France"],
    ["536414", "22139", None, 56, "12/1/2010 11:52", 0.0, None, UK],
    ["536544", "21773", "DECORATIVE ROSE", 1, "12/1/2010 14:32", 2.51, None, UK],
    ["537197", "22841", "ROUND CAKE TIN", 1, "12/5/2010 14:02", 0.0, 12647, "Germany"],
]


def write_sales(path: Path, columns: list[str], iso: bool) -> Path:
    table = pd.DataFrame(SALES, columns=columns)
    if iso:
        moments = pd.to_datetime(table["InvoiceDate"], format="%m/%d/%Y %H:%M")
        table["InvoiceDate"] = moments if path.suffix == ".xlsx" else moments.astype(str)
    if path.suffix == ".xlsx":  # two sheets, one a year, with stock codes as numbers where they are
        table["StockCode"] = [int(code) if code.isdigit() else code for code in table["StockCode"]]
        with pd.ExcelWriter(path) as book:
            table[:6].to_excel(book, sheet_name="Year 2009-2010", index=False)
            table[6:].to_excel(book, sheet_name="Year 2010-2011", index=False)
    else:
        table.to_csv(path, index=False, encoding="cp1252")
    return path


@pytest.mark.parametrize(
    ("name", "columns", "iso"),
    [
        ("data.csv", FIRST, False),
        ("Online Retail.xlsx", FIRST, True),
        ("ii.csv", SECOND, True),
        ("ii.xlsx", SECOND, True),
    ],
)
def test_online_retail(tmp_path, name, columns, iso):
    tables = read_tables(interactions=write_sales(tmp_path / name, columns, iso))
    assert tables.notes == {
        "format": "online-retail",
        "lines": 11,
        "cancellations": 2,
        "without_customer": 2,
        "not_products": 1,
        "zero_prices": 1,
        "zero_quantities": 0,
        "merged_lines": 1,
    }
    items = check_items(tables.items).table
    assert items[["item_id", "title", "price"]].to_numpy().tolist() == [
        ["71053", "WHITE METAL LANTERN", 2.39],
        ["85123A", "WHITE HANGING HEART", 2.95],
    ]
    checked = check_interactions(tables.interactions, set(items["item_id"]))
    assert checked.quarantine.empty
    log = checked.table.set_index(["user_id", "item_id"]).sort_index()
    basket = log.loc["17850"]
    assert basket["timestamp"].tolist() == [1291191960.0, 1291191960.0]  # 2010-12-01 08:26, the whole invoice
    assert basket.loc["71053", ["quantity", "price"]].tolist() == [8.0, 2.89]  # (6 * 3.39 + 2 * 1.39) / 8
    assert sorted(log.loc["13047", "invoice"]) == ["536366", "536367"]


def test_online_retail_says_what_is_wrong(tmp_path):
    with pytest.raises(BadInput, match="not Online Retail: no column InvoiceNo or Invoice"):
        read_tables(interactions=write(tmp_path / "log.csv", LOG), format="online-retail")
    cancelled = pd.DataFrame([SALES[5]], columns=FIRST)
    cancelled.to_csv(tmp_path / "c.csv", index=False)
    with pytest.raises(BadInput, match="no line is a purchase"):
        read_tables(interactions=tmp_path / "c.csv")
    wrong = pd.DataFrame([[*SALES[0][:4], "yesterday", *SALES[0][5:]]], columns=FIRST)
    wrong.to_csv(tmp_path / "d.csv", index=False)
    with pytest.raises(BadInput, match="InvoiceDate 'yesterday' cannot be read"):
        read_tables(interactions=tmp_path / "d.csv")


# --- Amazon Reviews 2023 ----------------------------------------------------------------------------------------------

META = {
    "main_category": "All Beauty",
    "title": "Howard Leather Conditioner",
    "average_rating": 4.8,
    "rating_number": 10,
    "features": ["Feeds leather.", "8 oz"],
    "description": ["A fine", "conditioner \ud83d"],
    "price": "14.99",
    "images": [{"thumb": "x"}],
    "videos": [],
    "store": "Howard Products",
    "categories": ["Beauty", "Leather Care"],
    "details": {"Package Dimensions": "7 inches"},
    "parent_asin": "B01CUPMQZE",
    "bought_together": None,
}
REVIEW = {
    "rating": 5.0,
    "title": "Great",
    "text": "private words",
    "images": [],
    "asin": "B00YQ6X8EO",
    "parent_asin": "B01CUPMQZE",
    "user_id": "AGKHLEW2SOWHNMFQIJGBECAF7INQ",
    "timestamp": 1588687728923,
    "helpful_vote": 0,
    "verified_purchase": True,
}


def write_jsonl(path: Path, records: list[object]) -> Path:
    return write(path, "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in records))


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_amazon_2023(tmp_path, ending):
    bare = {"parent_asin": "0005", "title": "Bare", "features": [], "description": [], "price": None, "categories": []}
    meta = write_jsonl(
        tmp_path / f"meta_All_Beauty.{ending}", [META, bare | {"main_category": "Books"}, {"title": "no id"}]
    )
    reviews = write_jsonl(
        tmp_path / f"All_Beauty.{ending}", [REVIEW, "{torn", "", REVIEW | {"user_id": "B", "rating": 1.0}]
    )
    tables = read_tables(meta, reviews)
    assert tables.notes == {"format": "amazon-2023", "bad_item_lines": 1, "bad_review_lines": 1}
    items = check_items(tables.items).table.set_index("item_id")
    assert items.loc["B01CUPMQZE", "text"] == "Feeds leather. 8 oz A fine conditioner ?"
    assert items.loc["B01CUPMQZE", ["brand", "category", "price"]].tolist() == [
        "Howard Products",
        "Leather Care",
        14.99,
    ]
    assert items.loc["0005", ["category", "text"]].tolist() == ["Books", ""]
    checked = check_interactions(tables.interactions, set(items.index))
    assert checked.table["timestamp"].tolist() == [1588687728.923]
    assert checked.table["rating"].tolist() == [5.0]
    assert checked.notes["low_ratings"] == 1  # one star is no liking
    assert "private words" not in checked.table.to_csv()


def test_amazon_chunks_join(tmp_path, monkeypatch):
    monkeypatch.setattr("recsys.data.sources.amazon._CHUNK", 3)
    reviews = write_jsonl(tmp_path / "r.jsonl", [REVIEW | {"user_id": f"u{i}"} for i in range(7)])
    table = read_tables(interactions=reviews).interactions
    assert table["user_id"].tolist() == [f"u{i}" for i in range(7)]


def test_amazon_without_one_good_line(tmp_path):
    with pytest.raises(
        BadInput, match=r"no line is a record of Amazon Reviews 2023.*first of 2 bad lines: .*parent_asin"
    ):
        read_tables(write_jsonl(tmp_path / "meta.jsonl", [{"a": 1}, 5]), format="amazon-2023")


# --- MIND -------------------------------------------------------------------------------------------------------------

NEWS = [
    ["N1", "sports", "golf", 'A "quoted" title', "An abstract", "https://x", "[]", "[]"],
    ["N2", "news", "world", "Second", "", "https://y", "[]", "[]"],
    ["N3", "food", "tips", "Third", "Soup", "https://z", "[]", "[]"],
]
BEHAVIORS = [
    ["1", "U7", "11/11/2019 9:05:58 AM", "N1 N2", "N3-1 N2-0"],
    ["2", "U7", "11/12/2019 1:00:00 PM", "N1 N2", "N1-0 N2-1"],
    ["3", "U8", "11/11/2019 6:00:00 AM", "", "N1-1 N3"],
]


def write_tsv(path: Path, rows: list[list[str]]) -> Path:
    return write(path, "".join("\t".join(row) + "\n" for row in rows))


def test_mind(tmp_path):
    tables = read_tables(write_tsv(tmp_path / "news.tsv", NEWS), write_tsv(tmp_path / "behaviors.tsv", BEHAVIORS))
    items = check_items(tables.items).table
    assert items["title"].tolist() == ['A "quoted" title', "Second", "Third"]
    assert items["text"].tolist() == ["An abstract", "", "Soup"]
    log = check_interactions(tables.interactions, set(items["item_id"]))
    assert log.time_kind is TimeKind.ABSOLUTE
    assert log.table[["user_id", "item_id", "origin"]].to_numpy().tolist() == [
        ["U7", "N1", "history"],
        ["U7", "N2", "history"],
        ["U7", "N3", "log"],
        ["U7", "N2", "log"],
        ["U8", "N1", "log"],
    ]
    assert log.table["timestamp"].iloc[2] == pd.Timestamp("2019-11-11T09:05:58Z").timestamp()
    assert log.table["timestamp"].iloc[1] < pd.Timestamp("2019-11-11T06:00:00Z").timestamp()
    assert set(log.table["weight"]) == {1.0}
    shown = check_impressions(tables.impressions, set(items["item_id"])).table
    assert shown["clicked"].sum() == 3
    assert len(shown) == 5
    assert tables.notes["unlabelled"] == 1
    assert tables.notes["history_events"] == 2


def test_mind_says_what_is_wrong(tmp_path):
    news = write_tsv(tmp_path / "news.tsv", NEWS)
    with pytest.raises(BadInput, match="is not a MIND file: 2 tab-separated columns instead of impression_id, user_id"):
        read_tables(news, write_tsv(tmp_path / "behaviors.tsv", [["1", "U"]]))
    with pytest.raises(BadInput, match=r"row 2: '2019-11-11' is no time like"):
        read_tables(news, write_tsv(tmp_path / "b.tsv", [BEHAVIORS[0], ["2", "U", "2019-11-11", "", "N1-1"]]))
    with pytest.raises(BadInput, match="the file is empty"):
        read_tables(write_tsv(tmp_path / "none.tsv", []))


def test_the_sample_of_csv_writers_agrees_with_ours(tmp_path):
    """Quoted commas, quotes and line breaks inside a cell survive."""
    path = tmp_path / "items.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["item_id", "title"], ["1", 'Mug, "large"\nred']])
    assert read_table(path)["title"].tolist() == ['Mug, "large"\nred']
