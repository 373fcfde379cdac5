"""Content sniffing: what a file is by its bytes, because names lie.

Shop systems save HTML tables as `.xls`, servers hand out gzip as `.csv`, Excel's "Unicode text" is UTF-16 with tabs.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import shlex
import zipfile
import zlib
from enum import StrEnum
from pathlib import Path
from typing import IO, cast

from charset_normalizer import from_bytes

from recsys.data.sources.bombs import most_bytes, refuse_greedy_xz
from recsys.data.vault import MAGIC, Vault
from recsys.errors import BadInput

HEAD = 1 << 16
"""Bytes that tell what a file is."""
_PACKED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"))
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT = 1 << 18
_NO_TABLE = (b"%PDF", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_BINARY = re.compile("[\0-\x08\x0e-\x1a]")
_WORKBOOK = re.compile(r"(xl|Excel)/|content\.xml$", re.IGNORECASE)


class Kind(StrEnum):
    """What is inside a file."""

    PARQUET = "parquet"
    ARROW = "Arrow"
    WORKBOOK = "workbook"
    HTML = "HTML"
    XML = "XML"
    JSON = "JSON"
    TEXT = "text"


def kind_of(head: bytes) -> Kind | None:
    """The kind of an unpacked file by its first bytes; None for bytes that are no table."""
    if head.startswith(b"PAR1"):
        return Kind.PARQUET
    if head.startswith(b"ARROW1"):
        return Kind.ARROW
    if head.startswith((b"\xd0\xcf\x11\xe0", b"PK\x03\x04")):
        return Kind.WORKBOOK
    if head.startswith(_NO_TABLE):
        return None
    encoding = unicode_of(head)
    text = head.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        return Kind.HTML if re.search(r"<(!doctype html|html|table|body|meta)\b", text, re.IGNORECASE) else Kind.XML
    if re.match(r"\{\s*(\"|\}|$)|\[\s*([{\]\d\"\[]|$)", text):
        return Kind.JSON
    return None if _BINARY.search(text) else Kind.TEXT


def unicode_of(head: bytes) -> str:
    """`utf-16` and the like by their byte order mark or their zeros, else `utf-8`."""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    # Latin text in UTF-16 has a zero in every second byte; no mark then, as some databases write it.
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 5 > len(head) and min(even, odd) * 50 < max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"


#: What reading a file that is cut short or damaged may raise, whatever packs it.
DAMAGED = (OSError, EOFError, NotImplementedError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def open_unpacked(path: Path) -> tuple[IO[bytes], list[str]]:
    """Open a file for reading, through what packs it (gzip, bzip2, xz, a zip of one file), and say which."""
    with path.open("rb") as stream:
        head = stream.read(8)
    if head == MAGIC:
        return io.BytesIO(Vault.from_environment().open(path)), []
    packed = next((name for magic, name in _PACKED if head.startswith(magic)), None)
    if packed == "gzip":
        return cast(IO[bytes], gzip.open(path, "rb")), [packed]
    if packed == "bzip2":
        return cast(IO[bytes], bz2.open(path, "rb")), [packed]
    if packed == "xz":
        with path.open("rb") as stream:
            refuse_greedy_xz(stream.read(HEAD), str(path))
        return cast(IO[bytes], lzma.open(path, "rb")), [packed]
    if head.startswith(b"PK\x03\x04") and (member := _only_member(path)):
        return zipfile.ZipFile(path).open(member), ["zip"]
    return path.open("rb"), []


def _only_member(path: Path) -> str | None:
    """The one file of a zip; None for a workbook, which is a zip too."""
    names = [name for name in zipfile.ZipFile(path).namelist() if not name.endswith("/") and "__MACOSX" not in name]
    if any(_WORKBOOK.search(name) for name in names):
        return None
    if len(names) != 1:
        raise BadInput(
            f"{path}: a zip of {len(names)} files ({', '.join(map(repr, names[:5]))}); unpack it and name one of them."
        )
    return names[0]


def read_unpacked(path: Path) -> tuple[bytes, list[str]]:
    """All bytes of a file, unpacked, and what packed it."""
    stream, packed = open_unpacked(path)
    most = most_bytes(path.stat().st_size)
    with stream:
        data = stream.read(most + 1 if packed else -1)
    if packed and len(data) > most:
        raise BadInput(f"{path}: unpacks to more than {most >> 20:,} MB; unpack it yourself if it is meant.")
    return data, packed


def as_utf8(
    data: bytes, name: str, fallback: str | None = None, packed: tuple[str, ...] = ()
) -> tuple[bytes, list[str]]:
    """Text as UTF-8 without a byte order mark, and how it was encoded.

    Only what says itself that it is Unicode is read: a guess among the old code pages would damage names silently.

    Raises
    ------
    BadInput
        Not Unicode and no `fallback`; says where, what it looks like and the command that converts it.
    """
    encoding = unicode_of(data[:HEAD])
    if encoding in ("utf-8", "utf-8-sig"):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            if fallback:
                return data.decode(fallback, "replace").encode(), [fallback]
            raise BadInput(_not_utf8(data, error.start, name, packed)) from None
        return data.removeprefix(codecs.BOM_UTF8), []
    said = encoding[:6].upper()
    try:
        return data.decode(encoding).lstrip("\ufeff").encode(), [said]
    except UnicodeDecodeError as error:
        raise BadInput(f"{name}: damaged {said} text at byte {error.start + 1}; export it again.") from None


def _not_utf8(data: bytes, at: int, name: str, packed: tuple[str, ...]) -> str:
    line = data.count(b"\n", 0, at) + 1
    column = at - data.rfind(b"\n", 0, at)
    looks = code_page(data, at)
    file = shlex.quote(Path(name).name)
    how = f"iconv -f {looks} -t UTF-8 {file}"
    if packed:
        how = f"{_UNPACK[packed[0]]} {file} | iconv -f {looks} -t UTF-8"
    return (
        f"{name}: is not UTF-8 (line {line}, byte {column} is 0x{data[at]:02x}); it looks like {looks}. Save it as "
        f"UTF-8, for example: {how} > utf8.csv"
    )


_UNPACK = {"gzip": "gzip -dc", "bzip2": "bzip2 -dc", "xz": "xz -dc", "zip": "unzip -p"}
#: Python's names of the code pages that people meet -> iconv's.
#: The first of those that fit best is taken, so the commonest comes first.
_LATIN = {"cp1252": "WINDOWS-1252", "cp1254": "WINDOWS-1254", "cp1250": "WINDOWS-1250"}
_OTHER = {
    "big5": "BIG5",
    "cp932": "CP932",
    "cp949": "CP949",
    "cp1251": "WINDOWS-1251",
    "cp1253": "WINDOWS-1253",
    "cp1255": "WINDOWS-1255",
    "cp1256": "WINDOWS-1256",
    "euc_jp": "EUC-JP",
    "gb18030": "GB18030",
    "koi8_r": "KOI8-R",
}


def code_page(data: bytes, at: int = 0) -> str:
    """The likeliest code page of text that is not UTF-8 from byte `at` on, as `iconv` calls it."""
    # ASCII tells nothing and drowns the rest: only lines with high bytes are looked at, each once.
    start = data.rfind(b"\n", 0, at) + 1
    lines = dict.fromkeys(re.findall(rb"[^\r\n]*[\x80-\xff][^\r\n]*", data[start : start + _LOOKED_AT]))
    text = b"\n".join(lines)
    high, in_a_row = len(re.findall(rb"[\x80-\xff]", text)), sum(map(len, re.findall(rb"[\x80-\xff]{3,}", text)))
    odd = {page: sum(map(_is_odd, text.decode(page, "replace"))) for page in _LATIN}
    latin = min(odd, key=odd.__getitem__)
    if 2 * in_a_row < high and 5 * odd[latin] < high:  # accents stand alone between plain letters
        return _LATIN[latin]
    best = from_bytes(text, cp_isolation=list(_OTHER)).best()
    return _OTHER.get(best.encoding, "WINDOWS-1252") if best else "WINDOWS-1252"


def _is_odd(letter: str) -> bool:
    """A sign in the middle of a word, or one of two letters that are Icelandic, or else Turkish read wrongly."""
    return letter > "\x7f" and (not letter.isalpha() or letter in "ðþÐÞ")
