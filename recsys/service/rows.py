"""Tables as JSON rows, with the columns that a caller asked for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd
from pydantic_core import PydanticSerializationError, to_json
from starlette.responses import Response

from recsys.data.columns import IMAGES
from recsys.data.schema import BRAND, CATEGORY, PRICE
from recsys.service.guard import PlainJSON
from recsys.serving.recommender import Recommender
from recsys.serving.results import NOTES

VERSION_HEADER = "X-Recsys-Version"
IMAGE = "image"
#: Fields that any caller may ask for: null where the shop has no such column.
STANDARD = (PRICE, CATEGORY, BRAND, IMAGE)


class Fields:
    """The columns beside a list's rows: what to ask the recommender for, and how to name it.

    Callers ask for ``image`` whatever the shop calls that column, and for the price of a shop that says none.
    """

    def __init__(self, rec: Recommender, wanted: Collection[str] | None) -> None:
        there = () if not wanted else rec.items.names
        self.rename: dict[str, str] = {}
        self.absent: list[str] = []
        self.ask: list[str] | None = None if wanted is None else []
        for name in dict.fromkeys(wanted or ()):
            found = next((own for own in (IMAGES if name == IMAGE else (name,)) if own in there), None)
            if found is None and name in STANDARD:
                self.absent.append(name)
                continue
            assert self.ask is not None
            self.ask.append(found or name)  # the recommender says which there are
            if found is not None and found != name:
                self.rename[found] = name

    def rows(self, table: pd.DataFrame) -> list[dict[str, Any]]:
        """Rows of a list as plain values."""
        names = [self.rename.get(str(name), str(name)) for name in table.columns]
        columns = [plain(table[name]) for name in table.columns]
        names += self.absent
        columns += [[None] * len(table)] * len(self.absent)
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def plain(column: pd.Series[Any]) -> list[Any]:
    """Values of a column; None where there is none."""
    values: list[Any] = column.tolist()
    if column.dtype.kind in "ib":
        return values
    return [None if value is pd.NA or value is pd.NaT or _nan(value) else value for value in values]


def _nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


def reply(content: dict[str, Any], status: int = 200) -> Response:
    """A response of one version, encoded once; the header names the version, too."""
    headers = {VERSION_HEADER: content["version"]} if "version" in content else None
    try:
        body = to_json(content, inf_nan_mode="null", fallback=str)
    except (PydanticSerializationError, UnicodeEncodeError):  # half a surrogate pair in somebody's id
        return PlainJSON(content, status, headers)
    return Response(body, status, headers, "application/json")


def listed(rec: Recommender, table: pd.DataFrame, fields: Fields) -> Response:
    """The response with one list."""
    return reply({"version": version_of(rec), **content(table, fields)})


def content(table: pd.DataFrame, fields: Fields) -> dict[str, Any]:
    """The rows of a list, and what was left out of the request."""
    said = {NOTES: table.attrs[NOTES]} if NOTES in table.attrs else {}
    return {"items": fields.rows(table), **said}


def version_of(rec: Recommender) -> str:
    """Id of the version that a recommender serves."""
    assert rec.version is not None  # it was opened from one
    return rec.version.id
