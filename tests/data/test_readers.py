"""Bytes to rows: whatever a file is called, its content decides, and no cell is changed on the way."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.data.numbers import as_amounts
from recsys.data.parsing import as_ids
from recsys.data.schema import check_interactions, check_items
from recsys.data.sources import read, read_table, read_tables
from recsys.data.sources.delimited import MISSING, read_delimited
from recsys.data.sources.sniffing import as_utf8, code_page
from recsys.errors import BadInput

ITEMS = pd.DataFrame(
    {
        "item_id": ["007", "12347", "85123A"],
        "title": ["Blue mug", 'Mug, "large"', "Teapot 茶壶"],
        "price": ["4,50", "12,00", "1.299,00"],
    }
)


def put(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def csv_of(table: pd.DataFrame = ITEMS, **how: object) -> str:
    return table.to_csv(index=False, **how)  # type: ignore[call-overload, no-any-return]


# --- what a file is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["items.csv", "items.tsv", "items.txt", "items"])
def test_separator_and_encoding_are_seen(tmp_path, separator, encoding, name):
    found = read(put(tmp_path / name, csv_of(sep=separator).encode(encoding)))
    pd.testing.assert_frame_equal(found.table, ITEMS, check_dtype=False)
    said = {";": "separated by semicolons", "\t": "separated by tabs", "|": "separated by bars"}
    assert (said.get(separator, "") in found.notes) == (separator != ",")
    assert ("UTF-16" in found.notes) == encoding.startswith("utf-16")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["items.csv", "items.csv.gz", "items.jsonl"])
def test_what_packs_a_file_is_seen_whatever_its_name(tmp_path, pack, name):
    pd.testing.assert_frame_equal(read_table(put(tmp_path / name, pack(csv_of().encode()))), ITEMS, check_dtype=False)


def test_a_name_that_promises_gzip_or_parquet_and_is_plain_text(tmp_path):
    for name in ("items.csv.gz", "items.parquet", "items.xlsx"):
        pd.testing.assert_frame_equal(read_table(put(tmp_path / name, csv_of())), ITEMS, check_dtype=False)
    assert read(tmp_path / "items.parquet").notes == ("named .parquet, but it is text",)


def test_workbooks_html_and_parquet_under_wrong_names(tmp_path):
    ITEMS.to_excel(tmp_path / "book.xlsx", index=False)
    ITEMS.to_parquet(tmp_path / "table.parquet", index=False)
    for source, wrong in (("book.xlsx", "items.csv"), ("table.parquet", "items2.csv")):
        (tmp_path / source).rename(tmp_path / wrong)
        pd.testing.assert_frame_equal(read_table(tmp_path / wrong), ITEMS, check_dtype=False)
    page = "<html><head><title>Export</title></head><body><p>Shop</p>" + ITEMS.to_html(index=False) + "</body></html>"
    for encoding in ("utf-8", "utf-16"):
        found = read(put(tmp_path / "items.xlsx", page.encode(encoding)))
        pd.testing.assert_frame_equal(found.table, ITEMS, check_dtype=False)
        assert "named .xlsx, but it is an HTML table" in found.notes


def test_a_zip_of_one_file_is_read_and_of_several_refused(tmp_path):
    for count in (1, 2):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for number in range(count):
                archive.writestr(f"part{number}.csv", csv_of())
        put(tmp_path / f"items{count}.zip", packed.getvalue())
    assert read_table(tmp_path / "items1.zip")["item_id"].tolist() == ITEMS["item_id"].tolist()
    with pytest.raises(BadInput, match=r"a zip of 2 files \('part0.csv', 'part1.csv'\); unpack it and name one"):
        read_table(tmp_path / "items2.zip")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("recsys.data.sources.bombs.MOST_BYTES", 1 << 20)
    bomb = put(tmp_path / "items.csv", gzip.compress(b"item_id,title\n" + b"0" * (8 << 20)))
    with pytest.raises(BadInput, match="unpacks to more than"):
        read_table(bomb)


@pytest.mark.parametrize("name", ["Tabelle.html", "export.xls"])
def test_a_page_without_header_cells_takes_its_first_row(tmp_path, name):
    page = "<table><tr><td>item_id</td><td>title</td></tr><tr><td>007</td><td>Mug</td></tr></table>"
    assert read_table(put(tmp_path / name, page)).to_dict("list") == {"item_id": ["007"], "title": ["Mug"]}


# --- csv as it is written ---------------------------------------------------------------------------------------------


def test_trailing_commas_shift_nothing():
    text = "item_id,title,price\n1,Mug,4.50,\n2,Pot,3.00,\n"
    table, notes = read_delimited(text.encode(), "items.csv")
    assert table.to_dict("list") == {"item_id": ["1", "2"], "title": ["Mug", "Pot"], "price": ["4.50", "3.00"]}
    assert notes == ["1 empty column at the end left out"]
    with_header_too, _ = read_delimited(b"item_id,title,\n1,Mug,\n", "items.csv")
    assert list(with_header_too.columns) == ["item_id", "title"]


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ('item_id,title\n1,"a 7\\" pan, blue"\n2,pot\n', ['a 7" pan, blue', "pot"]),
        ('item_id,title\n1,"say \\"hi\\", now"\n', ['say "hi", now']),
        ('item_id,title\n1,"a 7"" pan, blue"\n2,C:\\dir\n', ['a 7" pan, blue', "C:\\dir"]),
        ('item_id,title\n1,12" skillet\n2,"two\nlines"\n', ['12" skillet', "two\nlines"]),
    ],
)
def test_quotes_as_exporters_write_them(text, titles):
    assert read_delimited(text.encode(), "items.csv")[0]["title"].tolist() == titles


def test_short_rows_are_padded_and_a_separator_named_by_excel_is_taken():
    assert read_delimited(b"item_id,title,brand\n1,Mug\n2,Pot,Acme\n", "f")[0]["brand"].tolist()[1] == "Acme"
    assert read_delimited(b"sep=;\r\nitem_id;title\r\n1;a,b\r\n", "f")[0]["title"].tolist() == ["a,b"]
    assert list(read_delimited(b"user_id\n007\n", "f")[0]["user_id"]) == ["007"]


def test_a_tab_separated_file_with_a_stray_quote_is_read_as_it_is():
    table, notes = read_delimited(b'item_id\ttitle\n1\t"Half\n2\tpot\n', "items.tsv")
    assert table["title"].tolist() == ['"Half', "pot"]
    assert "quotes taken as they are" in notes


def test_a_header_that_names_a_column_twice_keeps_both():
    assert list(read_delimited(b"id,a,a\n1,2,3\n", "f")[0].columns) == ["id", "a", "a.1"]


# --- rows that cannot be read: the advice, followed literally, works --------------------------------------------------


def test_a_cell_that_holds_the_separator_is_named_and_quoting_it_helps():
    rows = ["item_id,title", *(f"{n},Mug" for n in range(10_100)), "x,Mug, blue"]
    with pytest.raises(BadInput, match=r'line 10102 has 3 cells, others at most 2: .* must be in "quotes"'):
        read_delimited("\n".join(rows).encode(), "items.csv")
    with pytest.raises(BadInput, match=r"row 2 has more cells than the header has names"):
        read_delimited(b"item_id,title\n1,Mug\n2,Mug, blue\n", "items.csv")
    assert read_delimited(b'item_id,title\n1,Mug\n2,"Mug, blue"\n', "items.csv")[0]["title"][1] == "Mug, blue"


def test_a_quote_that_never_closes_is_named_and_doubling_it_helps():
    with pytest.raises(BadInput, match=r'a "quote" that opens in row 2 never closes; write "" for a quote'):
        read_delimited(b'item_id,title\n1,Mug\n2,"Mug\n3,Pot\n', "items.csv")
    assert read_delimited(b'item_id,title\n1,Mug\n2,"""Mug"\n3,Pot\n', "items.csv")[0]["title"][1] == '"Mug'


WORDS = {
    "cp1252": "Café crème brûlée für Öl, Köln",
    "cp1251": "Красная кружка для чая и кофе, синий чайник",
    "gb18030": "红色茶壶 蓝色杯子 绿色键盘 无线鼠标",
    "cp932": "赤いマグカップ、青いティーポット、無線キーボード",
    "cp1253": "Κόκκινη κούπα για καφέ και τσάι",
}


@pytest.mark.parametrize("encoding", WORDS)
@pytest.mark.parametrize("packed", [False, True])
def test_the_conversion_that_an_old_encoding_is_told_to_take_gives_the_right_words(tmp_path, encoding, packed):
    text = f"item_id,title\n1,Mug\n2,{WORDS[encoding].replace(',', ' ')}\n"
    data = text.encode(encoding)
    path = put(tmp_path / "old file.csv", gzip.compress(data) if packed else data)
    with pytest.raises(BadInput, match=r"is not UTF-8 \(line 3, byte \d+ is 0x") as told:
        read_table(path)
    command = str(told.value).rpartition("for example: ")[2]
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    assert read_table(tmp_path / "utf8.csv")["title"][1] == WORDS[encoding].replace(",", " ")


@pytest.mark.parametrize(
    ("words", "encoding", "name"),
    [
        ("żółty łóżko książka święty źródło", "cp1250", "WINDOWS-1250"),
        ("příliš žluťoučký kůň, žlutá konvice", "cp1250", "WINDOWS-1250"),
        ("été né à là où ça forêt île août", "cp1252", "WINDOWS-1252"),
        ("çay bardağı kırmızı şişe yeşil", "cp1254", "WINDOWS-1254"),
    ],
)
def test_latin_code_pages_are_told_apart(words, encoding, name):
    assert code_page(words.encode(encoding)) == name


def test_damaged_utf16_says_where():
    with pytest.raises(BadInput, match="damaged UTF-16 text at byte"):
        as_utf8("item_id\ttitle\n1\tMug".encode("utf-16")[:-1], "items.csv")


# --- json -------------------------------------------------------------------------------------------------------------


def test_json_lines_arrays_and_wrapped_arrays(tmp_path):
    records = [{"item_id": "007", "title": "Mug", "n": 2**60}, {"item_id": 12347, "title": None}]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    for name, text in (
        ("a.jsonl", lines),
        ("b.json", json.dumps(records, indent=1)),
        ("c.json", json.dumps({"count": 2, "products": records}, indent=1)),
        ("d.json", json.dumps(records)),
    ):
        table = read_table(put(tmp_path / name, text))
        assert as_ids(table["item_id"]).tolist() == ["007", "12347"], name
        assert table["n"][0] == 2**60
        assert table["title"].isna().tolist() == [False, True]


def test_lines_that_are_no_objects_are_rows_without_an_id(tmp_path):
    found = read(
        put(tmp_path / "a.jsonl", '{"item_id":"1","title":"Mug"}\n{torn\n[1]\n{"item_id":"2","title":"Pot"}\n')
    )
    assert found.notes == ("2 lines are no JSON object (the first is line 2)",)
    assert check_items(found.table).quarantine["row"].tolist() == [2, 3]
    with pytest.raises(BadInput, match="write one object a line, or one array of objects"):
        read_table(put(tmp_path / "b.jsonl", '{"torn\n{"torn\n'))
    with pytest.raises(BadInput, match="no JSON lines and no JSON array of objects"):
        read_table(put(tmp_path / "c.json", "[1, 2]"))


def test_nested_cells_are_kept_as_text_and_lists_of_words_as_they_are(tmp_path):
    record = {"item_id": "1", "title": "Mug", "category": ["Home", "Tea"], "size": {"cm": [1, 2]}}
    items = read_tables(put(tmp_path / "a.jsonl", json.dumps(record))).items
    assert items["size"].tolist() == ['{"cm": [1, 2]}']
    assert check_items(items).table["category"].tolist() == ["Home Tea"]


# --- parquet, workbooks, parts ----------------------------------------------------------------------------------------

BIG = 2**53 + 1


def test_integer_ids_with_a_gap_keep_every_digit(tmp_path):
    table = pa.table({"item_id": pa.array([BIG, None, 7], pa.int64()), "title": ["a", "b", "c"]})
    pq.write_table(table, tmp_path / "items.parquet")
    assert as_ids(read_table(tmp_path / "items.parquet")["item_id"]).tolist()[::2] == [str(BIG), "7"]


def test_ids_in_the_index_and_in_categories_and_decimals(tmp_path):
    frame = pd.DataFrame({"title": ["Mug", "Pot"]}, index=pd.Index(["007", "8"], name="item_id"))
    frame.to_parquet(tmp_path / "index.parquet")
    assert read_table(tmp_path / "index.parquet")["item_id"].tolist() == ["007", "8"]
    frame.reset_index().iloc[1:].to_parquet(tmp_path / "rest.parquet")  # an index that only numbered the rows
    assert list(read_table(tmp_path / "rest.parquet").columns) == ["item_id", "title"]
    digits = pa.array([12347, 8], pa.decimal128(38, 0))
    pq.write_table(
        pa.table({"item_id": digits, "price": pa.array([1, 2], pa.decimal128(9, 2))}), tmp_path / "d.parquet"
    )
    found = read_table(tmp_path / "d.parquet")
    assert found["item_id"].tolist() == ["12347", "8"]
    assert found["price"].tolist() == [1.0, 2.0]
    frame.reset_index().astype({"item_id": "category"}).to_parquet(tmp_path / "c.parquet", index=False)
    assert read_table(tmp_path / "c.parquet")["item_id"].tolist() == ["007", "8"]


def test_text_that_looks_like_numbers_stays_text_in_a_workbook(tmp_path):
    cells = pd.DataFrame({"item_id": ["007", 12347, "1e5"], "title": ["a", "b", "NA"]}, dtype=object)
    cells.to_excel(tmp_path / "items.xlsx", index=False)
    assert as_ids(read_table(tmp_path / "items.xlsx")["item_id"]).tolist() == ["007", "12347", "1e5"]
    with pd.ExcelWriter(tmp_path / "two.xlsx") as book:
        cells.to_excel(book, sheet_name="a", index=False)
        pd.DataFrame({"note": ["x"]}).to_excel(book, sheet_name="notes", index=False)
    assert read(tmp_path / "two.xlsx").notes == ("sheets with other columns left out: 'notes'",)


def test_a_partitioned_folder_keeps_the_keys_of_its_folders_as_text(tmp_path):
    log = pd.DataFrame({"user_id": ["u", "v", "w"], "item_id": ["1", "2", "3"], "shop": ["007", "007", "12"]})
    pq.write_to_dataset(pa.Table.from_pandas(log), tmp_path / "log", partition_cols=["shop"])
    put(tmp_path / "log" / "_SUCCESS", "")
    put(tmp_path / "log" / ".part.crc", "x")
    found = read(tmp_path / "log", "interactions")
    assert sorted(map(tuple, found.table[["user_id", "shop"]].to_numpy())) == [("u", "007"), ("v", "007"), ("w", "12")]
    assert found.notes == ("2 files",)


def test_folders_and_globs_of_csv_parts(tmp_path):
    for month, text in (("01", "1,a"), ("02", "2,b")):
        (tmp_path / f"day={month}").mkdir()
        put(tmp_path / f"day={month}" / "part-0.csv", f"item_id,title\n{text}\n")
    whole = [("1", "a", "01"), ("2", "b", "02")]
    for place in (tmp_path, tmp_path / "day=*", tmp_path / "*" / "part-*.csv", str(tmp_path) + "/**/*.csv"):
        assert list(map(tuple, read_table(place).to_numpy())) == whole, place
    with pytest.raises(BadInput, match="no file matches"):
        read_table(tmp_path / "*.parquet")
    put(tmp_path / "events.csv", "user_id,timestamp,event\nu,1,view\n")
    with pytest.raises(BadInput, match=r"are different tables .*name one file, or a glob"):
        read_table(tmp_path)


def test_parts_that_store_an_id_in_different_ways(tmp_path):
    pq.write_table(pa.table({"item_id": pa.array([BIG, 7]), "title": ["a", "b"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"item_id": pa.array([None, 8], pa.int64()), "title": ["c", "d"]}), tmp_path / "2.parquet")
    pq.write_table(pa.table({"item_id": ["007", "x"], "title": ["e", "f"]}), tmp_path / "3.parquet")
    ids = as_ids(read_table(tmp_path)["item_id"])
    assert ids.dropna().tolist() == [str(BIG), "7", "8", "007", "x"]


# --- ids through every reader -----------------------------------------------------------------------------------------

#: Ids as shops have them, less the spellings that the contract calls equal (`12347.0`) or missing (`null`).
IDS = st.one_of(
    st.sampled_from(["007", "0", "00", "12347", "9007199254740993", "18446744073709551616", "1e5", "1_000", "0x1A"]),
    st.sampled_from(
        ["NA", "None-1", "True", "false", "2025-01-01", "12:30", "1,5", "a;b", 'q"q', "é", "茶壶", "#1", "=A"]
    ),
    st.text(
        st.characters(min_codepoint=33, max_codepoint=0x2FF, blacklist_characters="\x7f\x85\xa0\xad"),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 10**18).map(str),
    st.integers(0, 10**6).map("{:010d}".format),
).filter(lambda text: as_ids(pd.Series([text]))[0] == text and text not in MISSING)


def _csv(ids, path):
    return put(path / "t.csv", csv_of(pd.DataFrame({"item_id": ids, "title": "x"})))


def _semicolons_utf16(ids, path):
    return put(path / "t.txt", csv_of(pd.DataFrame({"item_id": ids, "title": "x"}), sep=";").encode("utf-16"))


def _tsv(ids, path):
    return put(path / "t.tsv", csv_of(pd.DataFrame({"item_id": ids, "title": "x"}), sep="\t"))


def _jsonl(ids, path):
    return put(path / "t.jsonl", "".join(json.dumps({"item_id": i, "title": "x"}) + "\n" for i in ids))


def _parquet(ids, path):
    pd.DataFrame({"item_id": ids, "title": "x"}).to_parquet(path / "t.parquet")
    return path / "t.parquet"


def _xlsx(ids, path):
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["item_id", "title"])
    for i in ids:
        sheet.append([i if i is None or not i.startswith("=") else "'" + i, "x"])
    book.save(path / "t.xlsx")
    return path / "t.xlsx"


def _html(ids, path):
    return put(path / "t.xls", pd.DataFrame({"item_id": ids, "title": "x"}).to_html(index=False, na_rep=""))


def _sql(ids, path):
    import sqlalchemy as sa

    (path / "t.db").unlink(missing_ok=True)
    engine = sa.create_engine(f"sqlite:///{path / 't.db'}")
    pd.DataFrame({"item_id": ids, "title": "x"}).to_sql("items", engine, index=False, dtype={"item_id": sa.Text()})
    engine.dispose()
    return f"sqlite:///{path / 't.db'}#items"


WRITERS = [_csv, _semicolons_utf16, _tsv, _jsonl, _parquet, _html, _sql, _xlsx]


@pytest.mark.parametrize("write", WRITERS, ids=lambda function: function.__name__.strip("_"))
def test_no_reader_changes_an_id_and_one_gap_changes_no_other(write, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ids")

    @settings(
        max_examples=25 if write is _xlsx else 40,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(IDS, min_size=1, max_size=12, unique=True), st.booleans())
    def check(ids, gap):
        if write is _xlsx:  # a workbook's own formulas are no ids, and its format has no characters below a blank
            ids = [i for i in ids if not i.startswith("=")] or ["1"]
        found = as_ids(read_table(write([*ids, None, *ids] if gap else ids, folder))["item_id"])
        assert found.dropna().tolist() == (ids * 2 if gap else ids)

    check()


@pytest.mark.parametrize("kind", ["int64", "int32", "uint64", "string", "large_string", "dictionary"])
def test_parquet_ids_of_every_type_are_the_same_text(tmp_path, kind):
    values = pa.array([7, None, 2**31 - 1], pa.int64())
    column = {
        "dictionary": lambda: pa.array(["7", None, str(2**31 - 1)]).dictionary_encode(),
        "string": lambda: values.cast(pa.string()),
        "large_string": lambda: values.cast(pa.large_string()),
    }.get(kind, lambda: values.cast(kind))()
    pq.write_table(pa.table({"item_id": column}), tmp_path / "t.parquet")
    assert as_ids(read_table(tmp_path / "t.parquet")["item_id"]).tolist()[::2] == ["7", "2147483647"]


def test_float_ids_of_parquet_lose_their_point(tmp_path):
    pd.DataFrame({"item_id": [12347.0, np.nan, 7.0]}).to_parquet(tmp_path / "t.parquet")
    assert as_ids(read_table(tmp_path / "t.parquet")["item_id"]).tolist()[::2] == ["12347", "7"]


def test_further_columns_of_plain_numbers_are_numbers_and_those_that_may_be_ids_are_text(tmp_path):
    text = "item_id,title,stars,size,gaps,zeros,order_id,mixed\n1,Mug,4,1.5,7,01,12,1\n2,Pot,5,2,,02,13,x\n"
    table = check_items(read_table(put(tmp_path / "items.csv", text))).table
    assert table["stars"].tolist() == [4, 5]
    assert table["size"].tolist() == [1.5, 2.0]
    assert table["gaps"].tolist()[0] == 7.0
    assert table["zeros"].tolist() == ["01", "02"]
    assert table["order_id"].tolist() == ["12", "13"]
    assert table["mixed"].tolist() == ["1", "x"]


# --- what strange input did ------------------------------------------------------------------------------------------


def test_a_damaged_workbook_is_one_message(tmp_path):
    ITEMS.to_excel(tmp_path / "items.xlsx", index=False)
    whole = (tmp_path / "items.xlsx").read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as book, zipfile.ZipFile(tmp_path / "lacks.xlsx", "w") as less:
        for name in book.namelist():
            if "sheet1" not in name:
                less.writestr(name, book.read(name))
    (tmp_path / "short.xlsx").write_bytes(whole[:300])
    for name in ("lacks.xlsx", "short.xlsx"):
        with pytest.raises(BadInput, match=rf"{name}: cannot be read; damaged"):
            read_table(tmp_path / name)


def test_cells_that_span_a_billion_rows_are_refused_and_those_that_span_two_are_read(tmp_path):
    page = (
        "<table><tr><th>item_id</th><th>title</th></tr><tr><td rowspan=999999999>7</td><td COLSPAN = '999999999'>pan"
        "</td></tr><tr><td>pot</td></tr></table>"
    )
    with pytest.raises(BadInput, match=r"items\.html: cells that span 999,999,999 columns or rows; export the table"):
        read_table(put(tmp_path / "items.html", page.encode()))
    of_three = page.replace("999999999", "2").replace("COLSPAN = '2'", "")
    table = read_table(put(tmp_path / "items.html", of_three.encode()))
    assert table.to_numpy().tolist() == [["7", "pan"], ["7", "pot"]]


def test_half_surrogates_and_bytes_are_text_in_every_column(tmp_path):
    rows = [
        {"user_id": "u", "item_id": "\ud83d", "timestamp": "\ud83d 1", "\ud83d": ["a", "\ud83d"]},
        {"user_id": "u", "item_id": "a", "timestamp": 1_700_000_000, "\ud83d": []},
    ]
    put(tmp_path / "events.jsonl", "\n".join(map(json.dumps, rows)).encode())
    checked = check_interactions(read_table(tmp_path / "events.jsonl"))
    assert checked.table["item_id"].tolist() == ["a"]
    assert len(checked.quarantine) == 1
    checked.table.to_parquet(tmp_path / "stored.parquet")
    frame = pd.DataFrame(
        {"user_id": [b"u"], "item_id": [b"caf\xc3\xa9"], "timestamp": [b"\xff 2024-01-01"]}, dtype=object
    )
    frame = pd.concat([frame, pd.DataFrame({"user_id": ["u"], "item_id": ["a"], "timestamp": ["2024-01-01"]})])
    assert check_interactions(frame).table["item_id"].tolist() == ["a"]


def test_a_date_or_a_number_too_large_is_no_price():
    odd = pd.Series([pd.NaT, pd.Timestamp("2024-01-01"), 10**400, True, "5"], dtype=object)
    assert as_amounts(odd).tolist()[-1] == 5.0
    assert np.isnan(as_amounts(odd)[:3]).all()


def test_text_in_parquet_that_is_no_text_is_told_when_it_is_read(tmp_path):
    table = pa.table({"item_id": ["a", "b"], "title": ["PANS", "pots"]})
    pq.write_table(table, tmp_path / "items.parquet", compression="none", use_dictionary=False, write_statistics=False)
    raw = (tmp_path / "items.parquet").read_bytes()
    assert raw.count(b"PANS") == 1
    put(tmp_path / "items.parquet", raw.replace(b"PANS", b"P\xffNS"))
    with pytest.raises(BadInput, match=r"items.parquet: cannot be read; damaged"):
        read_table(tmp_path / "items.parquet")


@pytest.mark.parametrize(
    "packed", [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff", b"\xfd7zXZ\x00noise", b"BZh9noise"]
)
def test_what_only_begins_like_a_packed_file_is_refused_by_name(tmp_path, packed):
    with pytest.raises(BadInput, match=r"items\.csv"):
        read_table(put(tmp_path / "items.csv", packed))
