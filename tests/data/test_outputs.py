"""Result tables: safe for spreadsheets, for one account, the same bytes where nothing is dangerous."""

from __future__ import annotations

import os

import pandas as pd
import pytest

from recsys.data.outputs import spreadsheet_safe, write_table


def test_texts_that_a_spreadsheet_would_run_get_an_apostrophe_and_nothing_else_changes(tmp_path):
    cells = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\tx", "\rx", "tea = 3", "-5", "+3.5", "", None]
    safe = ["'=cmd|' /C calc'!A0", "'+1+1", "'-2+3", "'@SUM(A1)", "'\tx", "'\rx", "tea = 3", "-5", "+3.5", "", None]
    table = pd.DataFrame({"text": pd.Series(cells, dtype=object), "score": -1.5})
    assert spreadsheet_safe(table)["text"].tolist()[:10] == safe[:10]
    write_table(table, tmp_path / "t.csv")
    assert "'=cmd" in (tmp_path / "t.csv").read_text()
    assert (tmp_path / "t.csv").read_text().count(",-1.5") == len(cells)
    write_table(table, tmp_path / "t.parquet")
    assert pd.read_parquet(tmp_path / "t.parquet")["text"].tolist()[:10] == cells[:10]


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_new_table_is_for_one_account_and_an_old_one_stays_as_it_was_shared(tmp_path):
    table = pd.DataFrame({"user_id": ["a"]})
    path = tmp_path / "t.csv"
    write_table(table, path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    write_table(table, path)
    assert path.stat().st_mode & 0o777 == 0o640
