"""FAQ tables, policy files and catalogues as passages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recsys.data.catalogue import render
from recsys.data.schema import ITEM, TITLE
from recsys.data.sources import read_table
from recsys.errors import BadInput

SYNONYM = "synonym"
"""Kind of a passage that is no text: its title is what shoppers say, its text what the catalogue calls it."""
MAX_PASSAGE = 2_000
"""Characters of a passage that are kept; an answer is no book."""
MAX_FILE_BYTES = 200 * 2**20

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*$")
_EMPHASIS = re.compile(r"(?<!\w)[*_]{1,2}([^*_\n]+)[*_]{1,2}(?!\w)")
_PLACEHOLDER = re.compile(
    r"\{\{[^{}\n]{1,60}\}\}|<(?:your|insert)[\w -]{0,30}>|\b(?:TODO|TBD|XXX+)\b|lorem ipsum"
    r"|\[(?:your |insert |the |company |customer |support )?(?:phone|telephone|e-?mail|address|name|shop|store|company"
    r"|website|url|link|hours|number|date|amount|country|city|insert|todo|tbd)(?:[ _-][\w -]{0,30})?\](?!\()"
    r"|\[(?:电话|邮箱|地址|公司名?|店名|姓名|网址|链接|日期)[^\]]{0,10}\]",
    re.IGNORECASE,
)
_RULE = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")


@dataclass(frozen=True)
class Passage:
    """One thing the shop says.

    Attributes
    ----------
    id
        What an answer cites: ``faq:12`` (row of the table, from 0), ``returns.md#Refunds:1``, ``item:85123A``.
    kind
        ``faq``, ``policy`` or ``product``.
    title
        The question, the heading or the product's title.
    text
        The answer, the paragraph or the product's text.
    """

    id: str
    kind: str
    title: str
    text: str


def read_knowledge(path: Path) -> list[Passage]:
    """Passages of a FAQ table (parquet, csv, jsonl), a markdown file, or a directory of both.

    Raises
    ------
    BadInput
        There is no such file, it is none of these kinds, or it holds nothing that can be used.
    """
    if path.is_dir():
        names = ("faq.", "synonyms.")
        files = [f for f in sorted(path.rglob("*")) if f.is_file() and (f.suffix == ".md" or f.name.startswith(names))]
        # A README beside the shop's texts describes files, not the shop.
        files = [f for f in files if f.stem.lower() != "readme"]
        if not files:
            raise BadInput(f"{path}: no faq.csv (or .parquet, .jsonl) and no *.md file in this directory")
        return [passage for file in files for passage in read_knowledge(file)]
    if not path.is_file():
        raise BadInput(f"{path}: no such file or directory")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise BadInput(f"{path}: larger than {MAX_FILE_BYTES // 2**20} MB; split it")
    if path.suffix == ".md":
        return _filled(list(policy_passages(path.read_text(encoding="utf-8", errors="replace"), path.name)), path)
    table = read_table(path)
    if path.stem == "synonyms":
        return synonym_passages(table, path.stem)
    return _filled(faq_passages(table, path.stem), path)


def synonym_passages(table: pd.DataFrame, name: str = "synonyms") -> list[Passage]:
    """One passage per row of ``words, means``: what shoppers say, and what the catalogue calls it."""
    for column in ("words", "means"):
        if column not in table.columns:
            raise BadInput(f"{name}: no column {column!r}; a table of synonyms has 'words' and 'means'")
    pairs = zip(_texts(table["words"]), _texts(table["means"]), strict=True)
    return [Passage(f"{name}:{row}", SYNONYM, said, means) for row, (said, means) in enumerate(pairs) if said and means]


def _filled(passages: list[Passage], path: Path) -> list[Passage]:
    """Refuse texts with places that nobody filled in: the assistant would read them out."""
    for passage in passages:
        if found := _PLACEHOLDER.search(f"{passage.title}\n{passage.text}"):
            raise BadInput(f"{path}: {passage.id} holds the placeholder {found.group()!r}; fill it in or take it out")
    return passages


def faq_passages(table: pd.DataFrame, name: str = "faq") -> list[Passage]:
    """One passage per row of ``question, answer``; rows that lack either are left out."""
    for column in ("question", "answer"):
        if column not in table.columns:
            raise BadInput(f"{name}: no column {column!r}; a FAQ table has 'question' and 'answer'")
    pairs = zip(_texts(table["question"]), _texts(table["answer"]), strict=True)
    found = [Passage(f"{name}:{row}", "faq", q, a[:MAX_PASSAGE]) for row, (q, a) in enumerate(pairs) if q and a]
    if not found:
        raise BadInput(f"{name}: no row has both a question and an answer")
    return found


def product_passages(items: pd.DataFrame, template: tuple[str, ...]) -> list[Passage]:
    """One passage per product of a catalogue."""
    texts = render(items, [column for column in template if column != TITLE])
    titles = items[TITLE].fillna("").astype(str)
    return [
        Passage(f"item:{item}", "product", title, (text or title)[:MAX_PASSAGE])
        for item, title, text in zip(items[ITEM].astype(str), titles, texts, strict=True)
    ]


def policy_passages(markdown: str, name: str) -> Iterator[Passage]:
    """One passage per paragraph, list or table of a markdown text, titled by its headings."""
    headings: dict[int, str] = {}
    used: dict[str, int] = {}
    for block in re.split(r"\n\s*\n", markdown.replace("\r\n", "\n")):
        lines = block.strip("\n").split("\n")
        while lines and (heading := _HEADING.match(lines[0])):
            level = len(heading[1])
            headings = {k: v for k, v in headings.items() if k < level} | {level: _plain(heading[2])}
            lines = lines[1:]
        text = _table(lines) if any(_RULE.match(line) and "|" in line for line in lines) else _plain("\n".join(lines))
        if not text.strip() or (len(headings) < 2 and lines[0].startswith("*")):
            continue  # an emphasised line under the title is a note on the file
        section = headings[max(headings)] if headings else name
        used[section] = used.get(section, 0) + 1
        number = f":{used[section]}" if used[section] > 1 else ""
        yield Passage(f"{name}#{section}{number}", "policy", ": ".join(headings.values()) or name, text[:MAX_PASSAGE])


def _table(lines: list[str]) -> str:
    """A markdown table as sentences: ``Standard: Time 2 to 5 days, Price 3.95.``"""
    rows = [[_plain(cell.strip()) for cell in line.strip().strip("|").split("|")] for line in lines if "|" in line]
    head, body = rows[0], [row for line, row in zip(lines, rows, strict=False) if not _RULE.match(line)][1:]
    return "\n".join(
        f"{row[0]}: " + ", ".join(f"{h.lower()} {c}" for h, c in zip(head[1:], row[1:], strict=False)) + "."
        for row in body
    )


def _plain(text: str) -> str:
    lines = [line.strip() for line in text.split("\n")]
    out = ""
    for line in lines:  # a wrapped line continues its sentence, a list item does not
        item = re.match(r"([-*]|\d+\.)\s+", line)
        out += ("\n" if item and out else " " if out else "") + line
    return _EMPHASIS.sub(r"\1", out).strip()


def _texts(column: pd.Series) -> list[str]:
    return [" ".join(str(value).split()) if pd.notna(value) else "" for value in column]
