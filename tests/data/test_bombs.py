"""Decompression bombs: small files that describe endless tables are refused by name, in bounded memory and time."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import time
import zipfile
import zlib

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.data.sources import read_table
from recsys.data.trial import fits
from recsys.errors import BadInput

psutil = pytest.importorskip("psutil", reason="the extra `dev` is not installed")

#: What this process may grow by while it refuses a bomb, and how long it may take on a busy machine.
GROWTH, SECONDS = 600 << 20, 120
ZEROS = b"0" * (64 << 20)


def sheet(cells: str, strings: str = "") -> bytes:
    """A workbook with these cells."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}.sharedStrings+xml"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="s" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        f'relationships"><Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{office}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{strings or "<si><t>item_id</t></si>"}</sst>',
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return packed.getvalue()


def a_cell_far_away() -> bytes:
    """Two cells, with 17 thousand million empty ones between them."""
    near = '<row r="1"><c r="A1" t="s"><v>0</v></c></row>'
    return sheet(near + '<row r="1048576"><c r="XFD1048576" t="s"><v>0</v></c></row>')


def one_string_in_every_cell() -> bytes:
    """A text of 32,000 characters that a hundred thousand cells refer to."""
    row = "<row>" + '<c t="s"><v>0</v></c>' * 100 + "</row>"
    return sheet(row * 1_000, f"<si><t>{'x' * 32_000}</t></si>")


def parquet_of_one_value() -> bytes:
    """A text of 100,000 characters in each of 200,000 rows, written once: 20 GB in a few kilobytes."""
    text = pa.array(["x" * 100_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), text)
    file = io.BytesIO()
    pq.write_table(pa.table({"title": column}), file, compression="zstd")
    return file.getvalue()


def parquet_of_one_large_value() -> bytes:
    """The same as polars writes it, with texts of the large kind."""
    text = pa.array(["x" * 100_000], pa.large_string())
    file = io.BytesIO()
    with pq.ParquetWriter(file, pa.schema({"title": pa.large_string()}), compression="zstd") as writer:
        for _ in range(10):
            writer.write_table(pa.table({"title": text.take(pa.array([0] * 500))}))
    return file.getvalue()


def arrow_of_zeros() -> bytes:
    """Four gigabytes of zeros, in less than one megabyte."""
    file = io.BytesIO()
    whole = pa.RecordBatch.from_arrays([pa.array([0] * (1 << 20), pa.int64())], ["x"])
    with pa.ipc.new_file(file, whole.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        for _ in range(520):
            writer.write_batch(whole)
    return file.getvalue()


def records_with_nothing_in_common() -> bytes:
    """Twenty thousand records, each with a field of its own."""
    return "\n".join(f'{{"item_id": "{n}", "f{n}": 1}}' for n in range(20_000)).encode()


def a_wide_header_above_short_rows() -> bytes:
    return b",".join(b"c%d" % n for n in range(50_000)) + b"\n" + b"1\n" * 100_000


def a_cell_that_spans_all() -> bytes:
    return b"<table><tr><th>item_id</th></tr><tr><td colspan='99999999' rowspan=99999999>1</td></tr></table>"


def many_cells_that_span() -> bytes:
    return b"<table>" + b"<tr><td colspan=1000 rowspan=1000>1</td></tr>" * 200 + b"</table>"


BOMBS = {
    "gzip.csv": lambda: gzip.compress(ZEROS, 1) * 5,
    "bzip2.csv": lambda: bz2.compress(ZEROS) * 5,
    "xz.csv": lambda: lzma.compress(ZEROS, preset=0) * 5,
    "zip.csv": lambda: _zip(ZEROS * 5),
    "far.xlsx": a_cell_far_away,
    "shared.xlsx": one_string_in_every_cell,
    "value.parquet": parquet_of_one_value,
    "large.parquet": parquet_of_one_large_value,
    "zeros.arrow": arrow_of_zeros,
    "records.jsonl": records_with_nothing_in_common,
    "wide.csv": a_wide_header_above_short_rows,
    "span.html": a_cell_that_spans_all,
    "spans.html": many_cells_that_span,
}


def as_bytes(write, **frame) -> bytes:
    file = io.BytesIO()
    write(pd.DataFrame({"item_id": ["1"], "title": ["a"], **frame}), file)
    return file.getvalue()


#: One row of 6,000 columns, or many more, in each format: what a reader does for each column is the work.
HEADS = {f"c{n}": [n] for n in range(6_000)}
WIDE = {
    "csv": lambda: as_bytes(lambda table, file: table.to_csv(file, index=False), **HEADS),
    "jsonl": lambda: as_bytes(lambda table, file: table.to_json(file, orient="records", lines=True), **HEADS),
    "parquet": lambda: as_bytes(lambda table, file: table.to_parquet(file), **HEADS),
    "arrow": lambda: as_bytes(lambda table, file: table.to_feather(file), **HEADS),
    "cells.html": lambda: b"<table><tr>" + b"<td>a</td>" * 60_000 + b"</table>",
    "spans.html": lambda: b"<table><tr>" + b"<td colspan=1000>a</td>" * 60 + b"</table>",
    "pushed.html": lambda: b"<table>" + b"<tr><td colspan=60 rowspan=999>a</td></tr>" * 40 + b"</table>",
}


@pytest.mark.parametrize("name", WIDE)
def test_a_table_of_endless_columns_is_refused_before_any_is_read(tmp_path, name):
    pytest.importorskip("lxml" if "html" in name else "pyarrow")
    path = tmp_path / f"wide.{name}"
    path.write_bytes(WIDE[name]())
    began = time.process_time()
    with pytest.raises(BadInput, match=r"wide.*: more than 2,000 columns; export"):
        read_table(path)
    assert time.process_time() - began < 3  # a millisecond for each column would be at least twice that


def test_a_page_with_spans_that_is_a_table_of_a_shop_is_read(tmp_path):
    pytest.importorskip("lxml")
    path = tmp_path / "items.html"
    group = "<tr><td rowspan=2>{n}</td><td>a pan</td></tr><tr><td>its lid</td></tr>"
    head = "<tr><th>item_id</th><th>title</th></tr>"
    path.write_text(f"<table>{head}{''.join(group.format(n=n) for n in range(3_000))}</table>", "utf-8")
    found = read_table(path)
    assert found.shape == (6_000, 2)
    assert found["item_id"].tolist()[:4] == ["0", "0", "1", "1"]


def test_the_largest_table_of_a_page_is_read_beside_narrower_and_nested_ones(tmp_path):
    pytest.importorskip("lxml")
    menu = "<table><tr><td>home</td></tr></table>"
    rows = "".join(f"<tr><td>00{n}</td><td><a href='/x'>pan {n}</a></td><td>1,5</td></tr>" for n in range(9))
    head = "<tr><th>item_id</th><th>title</th><th>price</th></tr>"
    (tmp_path / "page.html").write_text(f"{menu}<table>{head}{rows}<tr><td>{menu}</td></tr></table>{menu}", "utf-8")
    found = read_table(tmp_path / "page.html")
    assert found["item_id"].tolist()[:2] == ["000", "001"]
    assert found["title"].tolist()[1] == "pan 1"
    assert found["price"].tolist()[1] == "1,5"


@pytest.mark.parametrize("cell", ["td", "th"])
def test_missing_cells_of_a_page_are_missing_whether_its_header_is_one_or_a_row(tmp_path, cell):
    pytest.importorskip("lxml")
    rows = [["item_id", "title", ""], ["007", "N/A", "x"], ["1e5", "NA", "null"], ["nan", "pan", ""]]
    cells = [
        [f"<{cell if n == 0 else 'td'}>{text}</{cell if n == 0 else 'td'}>" for text in row]
        for n, row in enumerate(rows)
    ]
    (tmp_path / "t.html").write_text(f"<table>{''.join('<tr>' + ''.join(row) for row in cells)}</table>", "utf-8")
    found = read_table(tmp_path / "t.html")
    assert found["item_id"].dropna().tolist() == ["007", "1e5"]
    assert found["title"].dropna().tolist() == ["NA", "pan"]
    assert found.iloc[:, 2].dropna().tolist() == ["x"]


def _zip(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("items.csv", data)
    return packed.getvalue()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_name_in_bounded_memory(tmp_path, name, monkeypatch):
    pytest.importorskip("python_calamine" if name.endswith("xlsx") else "lxml" if "html" in name else "pyarrow")
    monkeypatch.setattr("recsys.data.sources.bombs.MOST_BYTES", 256 << 20)  # a machine of tests is small
    monkeypatch.setattr("recsys.data.sources.bombs.MOST_TIMES", 50)
    path = tmp_path / name
    path.write_bytes(BOMBS[name]())
    assert path.stat().st_size < 7 << 20
    before, started = psutil.Process().memory_info().rss, time.monotonic()
    with pytest.raises(BadInput, match=name.split(".")[0]):
        read_table(path)
    assert psutil.Process().memory_info().rss - before < GROWTH
    assert time.monotonic() - started < SECONDS


def test_xz_that_asks_for_a_gigabyte_to_be_unpacked(tmp_path):
    path = tmp_path / "greedy.csv"
    small = lzma.LZMACompressor(filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}])
    path.write_bytes(small.compress(b"item_id,title\n1,a\n") + small.flush())
    assert read_table(path).shape == (1, 2)
    # The size of the dictionary, 2^29, is one byte of the header of the block, under the header's own check.
    packed = bytearray(path.read_bytes())
    at = packed.index(bytes([0x21, 0x01])) + 2
    packed[at] = 2 * (29 - 12)
    length = (packed[12] + 1) * 4
    packed[12 + length - 4 : 12 + length] = _crc(bytes(packed[12 : 12 + length - 4]))
    path.write_bytes(packed)
    with pytest.raises(BadInput, match=r"greedy.* needs over 256 MB"):
        read_table(path)


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


def test_what_a_shop_exports_is_read(tmp_path):
    pytest.importorskip("python_calamine")
    table = pd.DataFrame(
        {"item_id": [f"i{n}" for n in range(3_000)], "title": ["the same long title " * 50] * 3_000, "n": range(3_000)}
    )
    table.to_parquet(tmp_path / "t.parquet", row_group_size=700)
    table.to_feather(tmp_path / "t.arrow", compression="zstd")
    table[:200].to_excel(tmp_path / "t.xlsx", index=False)
    for kind, rows in (("parquet", 3_000), ("arrow", 3_000), ("xlsx", 200)):
        found = read_table(tmp_path / f"t.{kind}")
        assert found.item_id.tolist() == table.item_id[:rows].tolist()
        assert found.title.tolist() == table.title[:rows].tolist()
        assert found.n.tolist() == list(range(rows))


@pytest.mark.parametrize(
    ("program", "well"),
    [
        ("limit()", True),
        ("limit()\nimport sys\nsys.exit(3)", False),
        ("limit()\nx = bytearray(1 << 30)", False),
        ("limit()\nwhile True: pass", False),
    ],
)
def test_a_trial_ends_whatever_the_program_does(program, well):
    assert fits(program, b"", seconds=1, memory=128 << 20) is well
