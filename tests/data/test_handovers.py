"""The queue of conversations that wait for a person: no row is lost, shown to others, or left of who was erased."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path

import pandas as pd
import pytest

from recsys.data.handovers import COLUMNS, FILE, Handovers
from recsys.errors import ArtifactError


def add_some(root: str, who: str) -> None:
    for number in range(5):
        Handovers(Path(root)).add(f"question {number}", f"{who} asked", who)


def test_rows_come_in_order_and_texts_are_masked(tmp_path: Path) -> None:
    queue = Handovers(tmp_path / "new")
    assert queue.table().empty
    assert list(queue.table()) == list(COLUMNS)
    queue.add("call me on +44 20 7946 0958", "write to jane@example.org", "u1", time=1_700_000_000)
    queue.add("转人工", "顾客的问题：转人工", time=1_700_000_100)
    table = pd.read_parquet(tmp_path / "new" / FILE)
    assert table.question.tolist() == ["call me on [phone]", "转人工"]
    assert table.summary.tolist() == ["write to [e-mail]", "顾客的问题：转人工"]
    assert table.user_id.tolist()[0] == "u1"
    assert table.user_id.isna().tolist() == [False, True]
    assert table.time.tolist() == [pd.Timestamp(t, unit="s", tz="UTC") for t in (1_700_000_000, 1_700_000_100)]


@pytest.mark.skipif(os.name != "posix", reason="permissions of a file are those of POSIX")
def test_only_this_account_reads_it(tmp_path: Path) -> None:
    Handovers(tmp_path).add("q", "s")
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    workers = [
        multiprocessing.get_context("spawn").Process(target=add_some, args=(str(tmp_path), who)) for who in ("a", "b")
    ]
    for worker in workers:
        worker.start()
    add_some(str(tmp_path), "c")
    for worker in workers:
        worker.join()
    found = Handovers(tmp_path).table()
    assert found.user_id.value_counts().to_dict() == {"a": 5, "b": 5, "c": 5}


def test_erased_shoppers_leave_no_row(tmp_path: Path) -> None:
    queue = Handovers(tmp_path)
    assert queue.forget(["u1"]) == 0
    for user in ("u1", None, "u2", "u1"):
        queue.add("q", "s", user)
    assert queue.forget(["u1", "u9"]) == 2
    assert queue.table().user_id.fillna("nobody").tolist() == ["nobody", "u2"]


def test_a_damaged_queue_is_never_begun_anew_by_itself(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"PAR1 cut short")
    with pytest.raises(ArtifactError, match="move it away"):
        Handovers(tmp_path).add("q", "s")
    assert (tmp_path / FILE).read_bytes() == b"PAR1 cut short"
