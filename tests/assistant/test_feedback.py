"""Ratings in a file that a disk has damaged: what reads as a line is kept, what does not goes with the next erasure."""

from __future__ import annotations

from recsys.data.feedback import Feedback


def test_a_damaged_line_is_left_out_and_goes_with_an_erasure(tmp_path, caplog):
    ratings = Feedback(tmp_path)
    for user in ("a", "b", "c"):
        ratings.add("where is it?", "on its way", user_id=user)
    lines = ratings.path.read_bytes().splitlines(keepends=True)
    ratings.path.write_bytes(lines[0] + lines[1].replace(b"where", b"\xffhere") + b"[1]\n" + lines[2])
    assert ratings.table()["user_id"].tolist() == ["a", "c"]
    assert "2 lines cannot be read and are left out" in caplog.text
    assert ratings.forget("a") == 3
    assert ratings.path.read_bytes() == lines[2]
