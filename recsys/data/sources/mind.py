"""MIND, the Microsoft News data: articles in `news.tsv`, visits in `behaviors.tsv`; no header, no quoting.

Wu et al. (2020), "MIND: A Large-scale Dataset for News Recommendation", ACL.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.data.sources.files import text_head
from recsys.data.sources.places import existing
from recsys.data.sources.sniffing import DAMAGED
from recsys.errors import BadInput

_NEWS = ["item_id", "category", "subcategory", "title", "text", "url", "title_entities", "abstract_entities"]
_BEHAVIORS = ["impression_id", "user_id", "timestamp", "history", "shown"]
_TIME = "%m/%d/%Y %I:%M:%S %p"
_ARTICLE = re.compile(r"N\d+")
_MINUTE, _DAY = 60, 86_400


def matches(path: Path, name: str) -> bool:
    """Whether a file has the lines of this data set, or its very name and no header of another."""
    first = text_head(path).partition("\n")[0].rstrip("\r").split("\t")
    if Path(name).name in ("news.tsv", "behaviors.tsv"):
        return "item_id" not in first
    if len(first) == len(_BEHAVIORS):
        return bool(pd.notna(pd.to_datetime(first[2], format=_TIME, errors="coerce")))
    return 4 <= len(first) <= len(_NEWS) and bool(_ARTICLE.fullmatch(first[0]))


def read(news: Path | None, behaviors: Path | None) -> tuple[dict[str, pd.DataFrame], dict[str, int | str | float]]:
    """Read articles into `items`, and visits into `interactions` and `impressions`; either file may be missing.

    A click is an event `view` of weight 1, at the time of the visit. The clicks that a user's first visit lists as
    history have no time of their own: they are put a day before the first visit of the log, a minute apart, oldest
    first, and the column `origin` tells them (`history`) from the others (`log`). `impressions` has each shown article
    with `clicked`; shown articles without a label (the test set) are left out and counted.

    Returns
    -------
    tuple of dict and dict
        Tables and notes.
    """
    tables: dict[str, pd.DataFrame] = {}
    notes: dict[str, int | str | float] = {}
    if news is not None:
        items = _read_tsv(news, _NEWS, needed=4)
        tables["items"] = items.drop(columns=["title_entities", "abstract_entities"], errors="ignore")
    if behaviors is not None:
        visits = _read_tsv(behaviors, _BEHAVIORS, needed=5)
        visits["timestamp"] = _seconds(visits["timestamp"], behaviors)
        impressions, notes["unlabelled"] = _impressions(visits)
        clicks = impressions.loc[impressions["clicked"], ["user_id", "item_id", "timestamp"]].assign(origin="log")
        history = _history(visits)
        tables["interactions"] = pd.concat([history, clicks], ignore_index=True).assign(event="view", weight=1.0)
        if len(impressions):
            tables["impressions"] = impressions
        notes |= {"visits": len(visits), "clicks": len(clicks), "history_events": len(history)}
        if len(history):
            notes["history_times"] = "unknown in this format: put before the first visit, in order"
    return tables, notes


def _read_tsv(path: Path, names: list[str], needed: int) -> pd.DataFrame:
    path = existing(path)
    try:
        table = pd.read_csv(
            path, sep="\t", header=None, dtype=str, quoting=csv.QUOTE_NONE, keep_default_na=False, encoding="utf-8"
        )
    except pd.errors.EmptyDataError:
        raise BadInput(f"{path}: the file is empty.") from None
    except (*DAMAGED, UnicodeDecodeError, pd.errors.ParserError) as e:
        raise BadInput(f"{path}: is not a MIND file: {' '.join(str(e).split())[:160]}.") from e
    if not needed <= table.shape[1] <= len(names):
        wanted = ", ".join(names)
        raise BadInput(f"{path}: is not a MIND file: {table.shape[1]} tab-separated columns instead of {wanted}.")
    return table.set_axis(names[: table.shape[1]], axis=1)


def _seconds(moments: pd.Series, path: Path) -> pd.Series:
    times = pd.to_datetime(moments, format=_TIME, errors="coerce")
    if times.isna().any():
        row = int(np.flatnonzero(times.isna())[0])
        raise BadInput(f"{path}: row {row + 1}: {moments.iloc[row][:40]!r} is no time like '11/11/2019 9:05:58 AM'.")
    return pd.Series(times.to_numpy("datetime64[s]").astype(np.int64), index=moments.index)


def _impressions(visits: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    shown = visits[["impression_id", "user_id", "timestamp"]].assign(item_id=visits["shown"].str.split())
    shown = shown.explode("item_id", ignore_index=True).dropna(subset=["item_id"])
    label = shown["item_id"].str.slice(-2)
    labelled = label.isin(["-0", "-1"])
    table = shown.assign(item_id=shown["item_id"].str.slice(0, -2), clicked=label == "-1")[labelled]
    columns = ["user_id", "item_id", "timestamp", "clicked", "impression_id"]
    return table[columns].reset_index(drop=True), int((~labelled).sum())


def _history(visits: pd.DataFrame) -> pd.DataFrame:
    first = visits.sort_values("timestamp", kind="stable").drop_duplicates("user_id")
    rows = first[["user_id"]].assign(item_id=first["history"].str.split())
    rows = rows.explode("item_id", ignore_index=True).dropna(subset=["item_id"])
    before_end = rows.groupby("user_id", sort=False).cumcount(ascending=False)
    rows["timestamp"] = int(visits["timestamp"].min()) - _DAY - before_end * _MINUTE
    return rows.assign(origin="history")
