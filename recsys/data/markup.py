"""Markup removal: HTML, entities and Markdown become the words a reader would see.

An encoder reads some hundred tokens, and neighbours are neighbours by what it reads; templates of an editor must be
neither. HTML is parsed by selectolax, Markdown by markdown-it.
"""

from __future__ import annotations

import html
import re

import numpy as np
import pandas as pd

_TAGGED = re.compile(r"</?[a-zA-Z!][^<>]*>")
_ENTITY = re.compile(r"&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_MARKDOWN = re.compile(
    r"(?:^|\n)\s{0,3}(?:#{1,6} \S|```|> \S)|\*\*[^\s*](?:[^*\n]*[^\s*])?\*\*|(?<!\w)__[^\s_](?:[^_\n]*[^\s_])?__(?!\w)"
    r"|!?\[[^\]\n]*\]\((?:https?:|/|mailto:|#)[^)\s]*[^)]*\)|(?:^|\n)\s{0,3}[-*] [^\n]+\n\s{0,3}[-*] "
)
_MARKED = "|".join(f"(?:{pattern.pattern})" for pattern in (_TAGGED, _ENTITY, _MARKDOWN))
_BLOCKS = "br,p,div,li,ul,ol,tr,td,th,table,h1,h2,h3,h4,h5,h6,section,article,dt,dd,blockquote,pre,hr"
_SPACES = re.compile(r"\s+")


def without_markup(texts: pd.Series) -> tuple[pd.Series, int]:
    """Texts as a reader sees them, and how many were changed; texts without markup stay as they are."""
    marked = np.flatnonzero(texts.str.contains(_MARKED, regex=True).to_numpy(bool, na_value=False))
    if not len(marked):
        return texts, 0
    clean = texts.to_numpy(object).copy()
    clean[marked] = [plain_text(text) for text in clean[marked]]
    return pd.Series(clean, index=texts.index, dtype=texts.dtype, name=texts.name), len(marked)


def plain_text(text: str) -> str:
    """One text without HTML, entities and Markdown, on one line."""
    if _MARKDOWN.search(text):
        from markdown_it import MarkdownIt

        text = MarkdownIt("commonmark", {"html": True}).render(text)
    # Markup that was escaped once more is still markup: &lt;p&gt; and &amp;amp;.
    for _ in range(3):
        if _TAGGED.search(text):
            text = _without_tags(text)
        elif _ENTITY.search(text):
            text = html.unescape(text)
        else:
            break
    return _SPACES.sub(" ", text).strip()


def _without_tags(text: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(f"<body>{text}</body>")
    tree.strip_tags(["script", "style", "template", "noscript", "head", "title", "iframe", "svg"], recursive=True)
    for block in tree.css(_BLOCKS):
        block.insert_before(" ")
        block.insert_after(" ")
    return tree.body.text() if tree.body is not None else ""
