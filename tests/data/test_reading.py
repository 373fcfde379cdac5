"""The public readers check what they read, from a file or a table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from recsys.data import read_interactions, read_items
from recsys.data.reading import check_tables
from recsys.errors import BadInput
from recsys.settings import Settings


def test_a_file_and_a_table_give_the_same_rows(tmp_path: Path) -> None:
    raw = pd.DataFrame({"item_id": ["b", "a", None], "title": ["Pan", "Pot", "Nobody's"]})
    raw.to_csv(tmp_path / "items.csv", index=False)
    for source in (raw, tmp_path / "items.csv", str(tmp_path / "items.csv")):
        found = read_items(source)
        assert found.table["item_id"].tolist() == ["a", "b"]
        assert found.quarantine["row"].tolist() == [3]
    assert read_items(tmp_path / "items.csv").quarantine["file"].tolist() == [str(tmp_path / "items.csv")]


def test_events_on_unknown_items_are_quarantined(tmp_path: Path) -> None:
    events = pd.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "z"], "timestamp": ["2024-01-01", "2024-01-02"]})
    assert len(read_interactions(events).table) == 2
    found = read_interactions(events, known_items=["a"])
    assert (found.table["item_id"].tolist(), len(found.quarantine)) == (["a"], 1)
    with pytest.raises(BadInput, match=r"nowhere\.csv"):
        read_interactions(tmp_path / "nowhere.csv")


def test_bad_rows_of_frames_are_said(tiny_tables, caplog):
    items, interactions = tiny_tables
    interactions = interactions.copy()
    interactions.loc[interactions.index[:3], "item_id"] = "nowhere"
    with caplog.at_level("WARNING"):
        tables = check_tables(items, interactions, Settings())
    assert len(tables.interactions) <= len(interactions) - 3
    assert "3 rows of interactions cannot be used, most because item_id is not in the catalogue" in caplog.text
