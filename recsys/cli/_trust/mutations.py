"""Inputs as strangers write them: nasty cells, tables of them in every file format, and mutations of bytes and trees.

Half of the files are well formed and hold nasty cells, which reaches deep; the other half are damaged copies, which
reaches every parser's edges. All come from a seed, so that each can be made again.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from html import escape
from random import Random
from typing import Any

import pandas as pd

from recsys.data.parsing import storable

#: Pieces that parsers of numbers, dates, texts and tables trip over.
PIECES = (
    "0", "7", "007", "-1", "1.0", "12347.0", "1e5", "1e400", "-1e-400", "0x1F", "1_000", "1,5", "1.299,00", "1,299.00",
    "1 299,00 €", "€", "$5", "5 k", "١٢", "２３", "½", "∞", "NaN", "nan", "inf", "-inf", "None", "null", "N/A", "#N/A",
    "TRUE", "yes", "2024-02-30", "2024-01-01", "03/04/2025", "31.12.24 25:61", "2024年1月1日", "12:30", "1700000000",
    "1700000000000", "99999999999999999999", "-62135596801", "20251231235959", "0001-01-01", "9999-12-31T23:59:60Z",
    "2024-01-01T00:00:00+99:99", "[1, 2]", '["a"', "{}", '{"a": ', "(1)", "<b>", "&amp;amp;", "&#0;", "&#xD800;",
    "<!--", "]]>", "<td rowspan=9999999>", "<script>", "**a**", "[a](http://b", "```", "=cmd|' /C calc'!A0", "@x", "+1",
    "-", ".", ",", ";", "\t", "|", '"', '""', "'", "\\", "\\N", "\r", "\n", "\r\n", "\x00", "\x1a", "\x85",
    "\u2028", "\ufeff",
    "\u202e", "\u0301", "e\u0301", "İ", "ß", "茶壶", "😀", "\ud83d", "\uffff", " ", "\u00a0", "\u200b", "%s", "${x}",
    "{0}", "../x", "a" * 300, "9" * 400, "((((((((((", "1" + ",000" * 60, "http://", "a@b.co", "4111 1111 1111 1111",
)  # fmt: skip
_COLUMNS = (
    "item_id", "user_id", "title", "text", "brand", "category", "price", "available", "timestamp", "event", "weight",
    "rating", "quantity", "query", "parent_id", "Handle", "Variant SKU", "Body (HTML)", "sku", "event_name", "", "x",
)  # fmt: skip
FORMATS = ("csv", "tsv", "jsonl", "parquet", "xlsx", "html")
_BYTES = (
    *(piece.encode("utf-8", "surrogatepass") for piece in PIECES),
    b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x80\x04", b"PK\x03\x04", b"PAR1", b"\x1f\x8b", b"\xc3",
    b"\xed\xa0\x80", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"<table>", b"</tr>", b"<?xml", b"<!ENTITY a 'b'>",
    b"{", b"[", b"[" * 2_000,
)  # fmt: skip


def cell(rng: Random) -> str:
    """One cell: a piece, some of them together, a number, or any characters."""
    kind = rng.random()
    if kind < 0.45:
        return rng.choice(PIECES)
    if kind < 0.7:
        return "".join(rng.choice(PIECES) for _ in range(rng.randint(2, 4)))
    if kind < 0.85:
        digits = rng.randint(0, 10 ** rng.randint(1, 20))
        return f"{rng.choice(('', '-', '$', '1.'))}{digits}{rng.choice(('', '.5', ',00', ' €', 'x', ':30'))}"
    return "".join(chr(rng.choice((rng.randint(0, 127), rng.randint(0, 0x2FFF)))) for _ in range(rng.randint(0, 12)))


def column(rng: Random, size: int) -> pd.Series:
    """A column of cells as a reader would hold it: text, or objects of several types."""
    cells: list[Any] = [cell(rng) for _ in range(size)]
    if rng.random() < 0.5:
        return pd.Series(cells, dtype=object)
    others: tuple[Any, ...] = (None, float("nan"), 1e308, -0.0, 2**70, True, b"\xff", [1, "a"], {"a": [1]}, pd.NaT, ())
    return pd.Series([rng.choice(others) if rng.random() < 0.3 else c for c in cells], dtype=object)


def _table(rng: Random) -> tuple[list[str], list[list[str]]]:
    names = [rng.choice(("item_id", "sku")), "title"] if rng.random() < 0.5 else ["user_id", "item_id", "timestamp"]
    names += [rng.choice(_COLUMNS) if rng.random() < 0.9 else cell(rng) for _ in range(rng.randint(0, 4))]
    rows = [[_cell_of(rng, name) for name in names] for _ in range(rng.randint(1, 8))]
    if rng.random() < 0.2:
        rng.choice(rows).append(cell(rng))
    return names, rows


def _cell_of(rng: Random, name: str) -> str:
    """A cell of a column: what belongs there, most of the time in those without which a row is no use."""
    usual = {
        "item_id": lambda: f"i{rng.randint(0, 20)}",
        "sku": lambda: f"i{rng.randint(0, 20)}",
        "user_id": lambda: f"u{rng.randint(0, 5)}",
        "title": lambda: f"red pan {rng.randint(0, 9)}",
        "timestamp": lambda: str(1_700_000_000 + rng.randint(0, 10**7)),
    }
    return usual[name]() if name in usual and rng.random() < 0.7 else cell(rng)


def file(rng: Random, kind: str) -> bytes:
    """A file of one of `FORMATS`: a nasty table, half of the time damaged afterwards."""
    names, rows = _table(rng)
    whole = {
        "csv": lambda: _delimited(rng, names, rows, rng.choice((",", ";", "|"))),
        "tsv": lambda: _delimited(rng, names, rows, "\t"),
        "jsonl": lambda: _records(rng, names, rows),
        "parquet": lambda: _parquet(names, rows),
        "xlsx": lambda: _workbook(rng, names, rows),
        "html": lambda: _html(rng, names, rows),
    }[kind]()
    return mutated(rng, whole) if rng.random() < 0.5 else whole


def mutated(rng: Random, whole: bytes) -> bytes:
    """A damaged copy: up to four spans flipped, lost, repeated, overwritten or filled with pieces."""
    bad = bytearray(whole)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(bad) + 1)
        end = min(at + rng.choice((1, 2, 8, 64)), len(bad))
        match rng.randrange(6):
            case 0 if bad:
                bad[at % len(bad)] ^= 1 << rng.randrange(8)
            case 1:
                del bad[at:end]
            case 2:
                bad[at:at] = bytes(bad[at:end]) * rng.choice((1, 3, 500))
            case 3:
                bad[at:end] = rng.randbytes(end - at)
            case 4:
                bad[at:at] = rng.choice(_BYTES)
            case 5 if rng.random() < 0.3:
                del bad[at:]
    return bytes(bad[: 1 << 18])


def tree(rng: Random, value: Any) -> Any:
    """A JSON value with one of its nodes replaced, lost or repeated."""
    if rng.random() < 0.3 or not isinstance(value, dict | list) or not value:
        scalars: tuple[Any, ...] = (None, True, -1, 0, 1e308, 2**70, "", "a" * 5_000, cell(rng))
        return rng.choice((*scalars, [], {}, [cell(rng)] * 3, {cell(rng): cell(rng)}, [[[[]]]]))
    if isinstance(value, list):
        at = rng.randrange(len(value))
        return rng.choice(([*value[:at], tree(rng, value[at]), *value[at + 1 :]], value * 20, value[:at]))
    name = rng.choice(list(value))
    rest = {key: one for key, one in value.items() if key != name}
    return rng.choice(({**value, name: tree(rng, value[name])}, rest, {**rest, cell(rng): value[name]}))


def _delimited(rng: Random, names: Sequence[str], rows: Sequence[Sequence[str]], mark: str) -> bytes:
    quoted = rng.random() < 0.7
    lines = [mark.join(f'"{c.replace(chr(34), chr(34) * 2)}"' if quoted else c for c in row) for row in (names, *rows)]
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "gb18030"))
    return rng.choice(("\n", "\r\n", "\r")).join(lines).encode(encoding, "replace")


def _records(rng: Random, names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    records: list[Any] = [dict(zip(names, row, strict=False)) for row in rows]
    if rng.random() < 0.5:
        records = [tree(rng, record) for record in records]
    if rng.random() < 0.2:
        return json.dumps(records).encode()
    ascii_only = rng.random() < 0.5
    return "\n".join(json.dumps(r, ensure_ascii=ascii_only) for r in records).encode("utf-8", "replace")


def _parquet(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    columns = {storable(name): [storable(row[names.index(name)]) for row in rows] for name in dict.fromkeys(names)}
    out = io.BytesIO()
    pd.DataFrame(columns).to_parquet(out, compression=None)
    return out.getvalue()


_SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def _workbook(rng: Random, names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """The least that is a workbook; its sheet may be damaged before it is packed, so that the damage gets through."""
    body = "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{escape(_xml(c))}</t></is></c>' for c in row) + "</row>"
        for row in (names, *rows)
    )
    sheet = f'<worksheet xmlns="{_SPREADSHEET}"><sheetData>{body}</sheetData></worksheet>'.encode()
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r" Type="{_OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="a" sheetId="1" r:id="s"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="s" '
        f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, mutated(rng, text.encode()) if rng.random() < 0.1 else text)
        archive.writestr("xl/worksheets/sheet1.xml", mutated(rng, sheet) if rng.random() < 0.4 else sheet)
    return out.getvalue()


def _xml(text: str) -> str:
    return "".join(c for c in text if c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")


def _html(rng: Random, names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    spans = ("", "", "", ' rowspan="2"', ' colspan="999"', ' rowspan="99999999"', ' colspan="-1"', ' rowspan="x"')
    body = "".join(
        f"<tr>{''.join(f'<td{rng.choice(spans) if rng.random() < 0.1 else str()}>{c}</td>' for c in row)}</tr>"
        for row in rows
    )
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    return f"<html><body><table><tr>{head}</tr>{body}</table></body></html>".encode("utf-8", "replace")
