"""Product feeds in XML (Google Merchant as RSS or Atom, and the like) -> a table.

The products of a feed are the elements that repeat nearest to its root; their simple children are the columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from recsys.data.sources.records import frame_of
from recsys.errors import BadInput, require

if TYPE_CHECKING:
    from lxml import etree


def read_feed(data: bytes, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Read UTF-8 XML; no entity is resolved and nothing is fetched.

    Raises
    ------
    BadInput
        It is no well-formed XML (with the line), or nothing in it repeats.
    """
    etree = require("lxml.etree", "xlsx")
    if data.startswith(b"<?xml"):  # the bytes are UTF-8 by now, whatever the declaration says
        data = data[data.find(b"?>") + 2 :]
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(data.lstrip(), parser)
    except etree.XMLSyntaxError as error:
        raise BadInput(f"{name}: no well-formed XML ({error.msg}); export it again, or as csv.") from None
    products = _products(root)
    if not products:
        raise BadInput(f"{name}: an XML file in which no product is to be found; export the table as csv or jsonl.")
    table = frame_of((dict(_cells(product)) for product in products), len(data), name)
    return table, [f"an XML feed of <{_local(products[0])}>"]


def _products(root: etree._Element) -> list[etree._Element]:
    level = [root]
    while level:
        children = [child for element in level for child in element if isinstance(child.tag, str) and len(child)]
        counts = Counter(_local(child) for child in children)
        most = counts.most_common(1)
        if most and (most[0][1] > 1 or most[0][0] in ("item", "entry", "product", "offer")):
            return [child for child in children if _local(child) == most[0][0]]
        level = children
    return []


def _cells(product: etree._Element) -> Iterator[tuple[str, str]]:
    """Attributes and simple children; of children with one name the first, as `dict` of the reversed order keeps it."""
    cells = [(name, value) for name, value in product.attrib.items()]
    for child in product:
        if isinstance(child.tag, str) and not len(child) and child.text and child.text.strip():
            cells.append((_local(child), child.text.strip()))
    yield from reversed(cells)


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
