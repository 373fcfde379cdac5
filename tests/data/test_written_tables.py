"""Tables as bytes, written in every mix of ways: each ends in the right rows or in one clear message.

What is drawn is the truth (who, what, when, at what price) and how it is written down; what comes out of the readers
and the checks must be the truth again.
"""

# ruff: noqa: PT017 - a refusal is one of two right ends, so it is caught, not expected
from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.data.schema import check_interactions, check_items
from recsys.data.sources import read_tables
from recsys.errors import BadInput

START = 1_735_689_600  # 2025-01-01
NOW = 1_767_225_600.0

SEPARATORS = [",", ";", "\t", "|"]
UNICODE = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]
OLD = ["cp1252", "cp1250"]
TIMES = {
    "seconds": str,
    "milliseconds": lambda t: str(t * 1000),
    "iso": lambda t: f"{pd.Timestamp(t, unit='s'):%Y-%m-%dT%H:%M:%S}",
    "utc": lambda t: f"{pd.Timestamp(t, unit='s'):%Y-%m-%d %H:%M:%S} UTC",
    "german": lambda t: f"{pd.Timestamp(t, unit='s'):%d.%m.%Y %H:%M:%S}",
    "compact": lambda t: f"{pd.Timestamp(t, unit='s'):%Y%m%d%H%M%S}",
}
IDS = ["{}", "{:06d}", "SKU-{}", "{}A", "ü{}", "a,{};b", 'q"{}', "item {}|x", "{}/2"]
TITLES = [
    "Mug",
    "Café crème",
    "Mug, large; red | blue\tgreen",
    'A 7" pan',
    "two\nlines",
    "=cmd",
    "Grüße",
    "NA",
    "1.299",
]


@dataclass(frozen=True)
class Written:
    """How a table is written."""

    separator: str
    encoding: str
    quoting: int
    ends: str
    trailing: bool
    packed: bool
    name: str

    def to_bytes(self, rows: list[dict[str, str]]) -> bytes:
        stream = io.StringIO(newline="")
        writer = csv.writer(stream, delimiter=self.separator, quoting=self.quoting, lineterminator=self.ends)
        extra = [""] if self.trailing else []
        writer.writerow(list(rows[0]))
        writer.writerows([*row.values(), *extra] for row in rows)
        data = stream.getvalue().encode(self.encoding)
        return gzip.compress(data, 1) if self.packed else data


def written(encodings: list[str]) -> st.SearchStrategy[Written]:
    return st.builds(
        Written,
        st.sampled_from(SEPARATORS),
        st.sampled_from(encodings),
        st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        st.sampled_from(["\n", "\r\n"]),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["t.csv", "t.tsv", "t.txt", "t.csv.gz", "t.xlsx"]),
    )


FAST = settings(
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
Sale = tuple[int, int, int]
SALES = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(0, 300 * 86_400)), min_size=2, max_size=14, unique=True
)


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@settings(FAST, max_examples=125)
@given(SALES, written(UNICODE), st.sampled_from(IDS), st.sampled_from(list(TIMES)), st.booleans(), st.data())
def test_events_come_back_as_they_were(tmp_path, sales, how, form, moment, gap, data):
    rows = [
        {"user_id": f"{user:03d}", "item_id": form.format(item), "timestamp": TIMES[moment](START + at)}
        for user, item, at in sales
    ]
    lost = data.draw(st.integers(0, len(rows) - 1)) if gap else None
    if lost is not None:
        rows[lost]["user_id"] = ""
    checked = check_interactions(
        read_tables(interactions=put(tmp_path, how.name, how.to_bytes(rows))).interactions, now=NOW
    )
    kept = [sale for number, sale in enumerate(sales) if number != lost]
    found = sorted(map(tuple, checked.table[["user_id", "item_id", "timestamp"]].to_numpy().tolist()))
    assert found == sorted((f"{user:03d}", form.format(item), float(START + at)) for user, item, at in kept)
    assert checked.quarantine["row"].tolist() == ([] if lost is None else [lost + 1])


@settings(FAST, max_examples=125)
@given(
    st.lists(st.tuples(st.sampled_from(TITLES), st.integers(1, 300_000)), min_size=2, max_size=10),
    written(UNICODE),
    st.sampled_from(IDS),
    st.sampled_from([".", ","]),
    st.sampled_from([(), ("price",), ("brand",), ("price", "brand")]),
)
def test_items_come_back_as_they_were(tmp_path, products, how, form, decimal, absent):
    rows = [
        {
            "item_id": form.format(number),
            "title": title,
            "brand": "Acme",
            "price": f"{cents // 100}{decimal}{cents % 100:02d}",
        }
        for number, (title, cents) in enumerate(products)
    ]
    rows = [{name: cell for name, cell in row.items() if name not in absent} for row in rows]
    checked = check_items(read_tables(put(tmp_path, how.name, how.to_bytes(rows))).items)
    table = checked.table.set_index("item_id")
    assert checked.quarantine.empty
    for number, (title, cents) in enumerate(products):
        row = table.loc[form.format(number)]
        assert " ".join(str(row["title"]).split()) == " ".join(title.split())
        assert "price" in absent or row["price"] == cents / 100


@settings(FAST, max_examples=100)
@given(SALES, written(OLD), st.sampled_from(["user_id", "item_id", "timestamp", "title", None]))
def test_what_cannot_be_read_is_said_in_one_clear_message(tmp_path, sales, how, absent):
    """Old encodings are refused by name, a missing column too; nothing else may happen."""
    rows = [
        {"user_id": str(user), "item_id": f"ü{item}", "timestamp": str(START + at), "title": "Grüße"}
        for user, item, at in sales
    ]
    rows = [{name: cell for name, cell in row.items() if name != absent} for row in rows]
    try:
        table = read_tables(interactions=put(tmp_path, how.name, how.to_bytes(rows))).interactions
    except BadInput as error:
        assert "is not UTF-8 (line 2" in str(error)
        assert "iconv -f" in str(error)
    else:
        pytest.fail(f"read {how.encoding} as if it were UTF-8: {table.head(1)}")
    plain = Written(how.separator, "utf-8", how.quoting, how.ends, how.trailing, how.packed, how.name)
    table = read_tables(interactions=put(tmp_path, how.name, plain.to_bytes(rows))).interactions
    if absent in ("user_id", "item_id"):
        with pytest.raises(BadInput, match=f"no column '{absent}'.*Found: "):
            check_interactions(table, now=NOW)
    else:
        checked = check_interactions(table, now=NOW)
        assert len(checked.table) == len(
            {(user, item, at) for user, item, at in sales} if absent != "timestamp" else sales
        )


@settings(FAST, max_examples=100)
@given(SALES, st.sampled_from(["lines", "array", "wrapped"]), st.booleans(), st.booleans(), st.data())
def test_json_comes_back_as_it_was(tmp_path, sales, shape, as_number, packed, data):
    rows = [
        {"user_id": user if as_number else f"{user:03d}", "item_id": f"{item:04d}", "timestamp": START + at}
        for user, item, at in sales
    ]
    torn = data.draw(st.booleans()) and shape == "lines"
    text = {
        "lines": "\n".join(map(json.dumps, rows)) + ('\n{"user_id": 1, "it' if torn else ""),
        "array": json.dumps(rows),
        "wrapped": json.dumps({"data": rows, "next": None}, indent=2),
    }[shape]
    body = gzip.compress(text.encode(), 1) if packed else text.encode()
    checked = check_interactions(read_tables(interactions=put(tmp_path, "t.jsonl", body)).interactions, now=NOW)
    spell = "{}" if as_number else "{:03d}"
    found = sorted(map(tuple, checked.table[["user_id", "item_id", "timestamp"]].to_numpy().tolist()))
    assert found == sorted((spell.format(user), f"{item:04d}", float(START + at)) for user, item, at in sales)
    assert len(checked.quarantine) == torn


@settings(FAST, max_examples=200)
@given(st.binary(max_size=400), st.sampled_from(["t.csv", "t.parquet", "t.jsonl", "t.xlsx", "t.csv.gz", "t.xml"]))
def test_any_bytes_are_a_table_or_refused(tmp_path, data, name):
    try:
        read_tables(put(tmp_path, name, data))
    except BadInput as error:
        assert str(error).startswith((str(tmp_path), "items"))


@settings(FAST, max_examples=200)
@given(
    st.sampled_from(
        [b"PAR1", b"\x1f\x8b\x08", b"PK\x03\x04", b"\xff\xfe", b"<table>", b"<rss>", b"[{", b'{"', b"ARROW1"]
    ),
    st.binary(max_size=200),
)
def test_bytes_that_begin_like_a_file_and_are_none_are_refused_or_read(tmp_path, magic, rest):
    try:
        read_tables(put(tmp_path, "t", magic + rest))
    except BadInput as error:
        assert str(error).startswith(str(tmp_path))
