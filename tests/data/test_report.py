"""The report of a reading: five lines for people, plain data for programs, every row accounted for."""

from __future__ import annotations

import json

import pandas as pd

from recsys.data import report
from recsys.data.report import ReadingReport
from recsys.data.schema import check_interactions, check_items

NOW = 1_767_225_600.0


def test_five_lines_say_what_was_decided(tmp_path):
    reading = ReadingReport()
    reading.table("items").reading.append("separated by semicolons")
    items = pd.DataFrame(
        {"sku": list("abc"), "name": ["Tea", "Pot", ""], "price": ["1,50", "2,50", "3"], "stock": [1, 0, 2]}
    )
    check_items(items, "items.csv", report=reading.table("items"))
    events = pd.DataFrame({"customer_id": ["u", "u", "v"], "sku": ["a", "a", None], "event_type": "view"})
    check_interactions(events, {"a", "b"}, "log.csv", now=NOW, report=reading.table("interactions"))
    lines = reading.lines()
    assert len(lines) == 5
    assert "items items.csv (separated by semicolons); interactions log.csv" in lines[0]
    assert "read `sku` as `item_id`; read `name` as `title`" in lines[1]
    assert "read `event_type` as `event`" in lines[1]
    assert "2 of 3 items (1 no title and no text); 2 of 3 interactions (1 item_id is missing)" in lines[2]
    assert "price with decimal ,, not available: '0' 1" in lines[3]
    assert "no timestamp column: order of rows within each user, oldest first" in lines[3]
    report.save(reading.to_dict(), tmp_path)
    assert report.load(tmp_path) == json.loads(json.dumps(reading.to_dict()))
    assert report.load(tmp_path / "nowhere") == {}


def test_a_version_without_a_reading_has_no_report_of_an_older_one(tmp_path):
    report.save({"lines": []}, tmp_path)
    report.save({}, tmp_path)
    assert not (tmp_path / report.FILE).exists()
