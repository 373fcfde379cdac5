"""What a run prints: its counts in words, and a first look at three shoppers' lists."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recsys.data.schema import ITEM, check_columns
from recsys.data.sources import read_table, shown
from recsys.errors import BadInput
from recsys.explain import choose
from recsys.serving.live import follow
from recsys.serving.recommender import Recommender
from recsys.serving.samples import different_shoppers
from recsys.settings import Settings

log = logging.getLogger(__name__)

SHOPPERS, LENGTH, PAST = 3, 5, 3


def tables_line(notes: dict[str, Any]) -> str:
    """What was read and what was encoded."""
    work = ", ".join(
        f"{what} {notes[f'{key}_encoded']} encoded / {notes[f'{key}_reused']} reused"
        for what, key in (("item texts", "items"), ("histories", "histories"))
    )
    if not notes["items_encoded"] and not notes["histories_encoded"]:
        work = "nothing to encode, every text is known"
    bad = sum(v for k, v in notes.items() if k.endswith("_quarantined"))
    cut = notes["items_truncated"]
    return (
        f"{notes['items']} items, {notes['users']} users, {notes['events']} events; {work}"
        + (f"; {cut} item texts are longer than the encoder reads" if cut else "")
        + _reviews(notes.get("opinions"))
        + (_pictures_line(notes) if "pictures" in notes else "")
        + (f"; {bad} bad rows in quarantine" if bad else "")
        + ("; sample shop (synthetic)" if notes.get("sample_shop") else "")
        + "".join(f"; {said}" for said in notes.get("activity", ()))
        + (f"; no sequence block: {notes['no_sequence_block']}" if "no_sequence_block" in notes else "")
    )


def _reviews(opinions: dict[str, Any] | None) -> str:
    """How many reviews were read; '' in a shop without."""
    if not opinions:
        return ""
    repeats = f" ({opinions['repeats']} repeats counted once)" if opinions["repeats"] else ""
    return f"; {opinions['scored']} reviews read{repeats}, {opinions['aspects']} aspects"


def _pictures_line(notes: dict[str, Any]) -> str:
    unread = notes["pictures_unreadable"]
    said = f"; {notes['pictures']} pictures, {notes['pictures_encoded']} encoded"
    return said + (f", {unread} could not be read (`recsys pictures` lists them)" if unread else "")


def show_lists(settings: Settings, console: Console) -> None:
    """Print the latest purchases and the list of three shoppers with tastes as different as their means say."""
    rec = follow(settings.artifacts, settings)
    if rec.ranker is None:
        return  # popularity and texts have no reasons to show
    users = different_shoppers(rec.shop, SHOPPERS, history=PAST)
    lists = [rec.recommend(rec.shop.user_id(code), k=LENGTH) for code in users]
    evidence, shopper = [], []
    for code, found in zip(users, lists, strict=True):
        codes = rec.lookup.codes(found[ITEM].tolist()).tolist()
        evidence += choose(rec.explainer.evidence(rec.shop.profile(code), codes, user=code))
        shopper += [code] * len(codes)
    sentences = iter(rec.explainer.write(evidence, shopper))  # all at once: a batch takes little longer than one
    for code, found in zip(users, lists, strict=True):
        past = [rec.title(str(rec.shop.item_ids[i])) for i in rec.shop.profile(code).items[::-1][:PAST]]
        table = Table(
            title=f"shopper {escape(str(rec.shop.user_ids[code]))}, last met: {escape('; '.join(past))}",
            title_justify="left",
        )
        for column in ("", "recommended", "chance", "why"):
            table.add_column(column, justify="right" if column == "chance" else "left")
        for row in found.itertuples():
            title = rec.title(str(getattr(row, ITEM)))
            table.add_row(str(row.rank), escape(title), f"{row.score:.2%}", escape(next(sentences).sentence))
        console.print(table)
    where = f" --artifacts {settings.artifacts}" if settings.artifacts.name != "artifacts" else ""
    console.print(
        "Next: your own shop      recsys nightly --items items.parquet --interactions events.parquet"
        f"{where}\n      how good is it?    recsys evaluate{where}"
        f"\n      lists for a file   recsys recommend --users users.parquet --k 20 --out recs.parquet{where}"
        "\n      in Python          from recsys import recommend; recommend(user_id, k=10)"
    )


def requested(place: str, columns: list[str], role: str) -> tuple[pd.DataFrame, int]:
    """The table of a request (whom or what a command is for), and how many of its rows lack an id.

    `place` is a file, folder, glob, URL or database; `role` is the table's name where a database's URL names none.

    Raises
    ------
    BadInput
        There is no such table, it lacks a column, or no row has an id.
    """
    return check_columns(read_table(place, role), columns, shown(place))


def known_items(rec: Recommender, table: pd.DataFrame, source: str) -> tuple[pd.DataFrame, int]:
    """The rows of a request whose item the version has, and how many others there are.

    Raises
    ------
    BadInput
        It has none of them.
    """
    source = shown(source)
    known = rec.shop.item_index.get_indexer(pd.Index(table[ITEM], dtype=object)) >= 0
    if not known.any():
        raise BadInput(f"{source}: none of its items is in the catalogue, for example {table[ITEM].iloc[0]!r}.")
    if not known.all():
        some = ", ".join(map(repr, table[ITEM][~known].unique()[:5]))
        log.warning("%s: left out, as they are not in the catalogue: %s", source, some)
    return table[known].reset_index(drop=True), int((~known).sum())


def skipped_line(blank: int, unknown: int) -> str:
    """What a batch left out, for the end of its summary; '' for nothing."""
    parts = [f"{blank} rows without an id"] if blank else []
    parts += [f"{unknown} rows on items the version does not have"] if unknown else []
    return f"; left out: {' and '.join(parts)}" if parts else ""
