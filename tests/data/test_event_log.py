"""What is acknowledged is on the disk, half a line is no row, and what is erased leaves positions as they are."""

from __future__ import annotations

import errno
import os
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.event_log import SUFFIX, EventLog, EventWriter


def row(user: str, item: str = "a") -> dict[str, object]:
    return {"user_id": user, "item_id": item, "event": "view", "timestamp": 1_700_000_000.5}


def test_rows_come_back_in_order_and_a_position_says_what_was_read(tmp_path):
    log, writer = EventLog(tmp_path / "events"), EventWriter(tmp_path / "events")
    assert log.read() == ([], {})
    writer.append([row("1"), row("2")])
    rows, position = log.read()
    assert [r["user_id"] for r in rows] == ["1", "2"]
    writer.append([row("3")])
    assert [r["user_id"] for r in log.read(position)[0]] == ["3"]
    assert log.read(log.read()[1])[0] == []
    assert oct(next((tmp_path / "events").iterdir()).stat().st_mode)[-3:] == "600"


def test_segments_are_rotated_and_old_ones_that_were_read_expire(tmp_path):
    log, writer = EventLog(tmp_path / "e"), EventWriter(tmp_path / "e", segment=300)
    for n in range(20):
        writer.append([row(str(n))])
    assert len(log.sizes()) > 3
    rows, position = log.read()
    assert {r["user_id"] for r in rows} == {str(n) for n in range(20)}
    assert log.expire(1, position) == 0  # too young
    for name in log.sizes():
        os.utime(tmp_path / "e" / name, (0, 0))
    unread = sorted(position)[0]
    assert log.expire(1, {**position, unread: 0}) == len(position) - 1
    assert list(log.sizes()) == [unread]


@given(st.binary(max_size=60))
@settings(max_examples=200)
def test_whatever_a_crash_leaves_behind_a_line_is_no_row(tmp_path_factory, rubbish):
    folder = tmp_path_factory.mktemp("log")
    EventWriter(folder).append([row("1")])
    (segment,) = folder.iterdir()
    whole = segment.read_bytes()
    segment.write_bytes(whole + rubbish.replace(b"\n", b""))
    rows, position = EventLog(folder).read()
    assert rows == [row("1")]
    assert position == {segment.name: len(whole)}


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_cut_short_is_no_row_also_when_a_later_line_follows_in_another_segment(tmp_path, cut):
    EventWriter(tmp_path).append([row("1")])
    (segment,) = tmp_path.iterdir()
    segment.write_bytes(segment.read_bytes()[:-cut])
    EventWriter(tmp_path).append([row("2")])
    assert EventLog(tmp_path).read()[0] == [row("2")]


def test_erased_rows_leave_no_byte_and_every_position_true(tmp_path):
    log, writer = EventLog(tmp_path), EventWriter(tmp_path)
    writer.append([row("secret-1"), row("2"), row("secret-1", "b")])
    _, position = log.read()
    assert log.erase({"secret-1"}) == 2
    writer.append([row("3")])  # the writer goes on in the same segment
    assert [r["user_id"] for r in log.read()[0]] == ["2", "3"]
    assert [r["user_id"] for r in log.read(position)[0]] == ["3"]
    assert not any(b"secret-1" in file.read_bytes() for file in tmp_path.iterdir())
    assert log.erase({"secret-1"}) == 0


def test_ids_that_only_begin_alike_stay(tmp_path):
    log = EventLog(tmp_path)
    EventWriter(tmp_path).append([row("7"), row("77"), row("x", "7")])
    assert log.erase({"7"}) == 1
    assert [r["user_id"] for r in log.read()[0]] == ["77", "x"]


def test_many_writers_share_an_fsync_and_all_their_rows_are_there(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync

    def slow(descriptor):
        synced.append(descriptor)
        time.sleep(0.02)  # long enough for others to come, on a busy machine, too
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    writer = EventWriter(tmp_path)
    threads = [
        threading.Thread(target=lambda n=n: [writer.append([row(f"{n}.{m}")]) for m in range(20)]) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({r["user_id"] for r in EventLog(tmp_path).read()[0]}) == 160
    assert len(synced) < 120


def test_a_full_disk_is_an_error_of_those_whose_rows_are_lost_and_of_nobody_after(tmp_path, monkeypatch):
    writer = EventWriter(tmp_path)
    writer.append([row("1")])
    write = os.write

    def half(descriptor, data):
        write(descriptor, bytes(data)[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(OSError, match="No space"):
            writer.append([row("2")])
    writer.append([row("3")])
    assert [r["user_id"] for r in EventLog(tmp_path).read()[0]] == ["1", "3"]
    assert len(list(tmp_path.glob(f"*{SUFFIX}"))) == 2


def test_a_damaged_line_may_be_anybodys_and_goes_with_an_erasure(tmp_path):
    log = EventLog(tmp_path)
    EventWriter(tmp_path).append([{"user_id": user, "item_id": "i"} for user in ("a", "b", "c")])
    (segment,) = tmp_path.glob("*.jsonl")
    raw = segment.read_bytes()
    segment.write_bytes(raw.replace(b'"b"', b'"\xff"') + b'{"user_id": "being written')
    before = log.sizes()
    assert log.erase(["a"]) == 1
    assert [row["user_id"] for row in log.read()[0]] == ["c"]
    assert b"\xff" not in segment.read_bytes()
    assert segment.read_bytes().endswith(b"being written")
    assert log.sizes() == before
