"""What is written atomically is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recsys.data.atomic import replacing, write_text


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    write_text(file, "old")
    with replacing(file) as written:
        assert written.name == "list.csv"
        written.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert os.listdir(tmp_path) == ["list.csv"]


def test_an_error_leaves_everything_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    write_text(file, "old")
    with pytest.raises(ZeroDivisionError), replacing(file) as written:
        written.write_bytes(b"half of the n") and 1 / 0
    with pytest.raises(UnicodeEncodeError):
        write_text(file, "half \ud800")
    with pytest.raises(FileNotFoundError), replacing(file):
        pass  # nothing was written
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["list.csv"]


def test_a_directory_takes_the_place_of_nothing_or_of_an_empty_one_only(tmp_path: Path) -> None:
    def write(value: str) -> None:
        with replacing(tmp_path / "model") as written:
            (written / "deep").mkdir(parents=True)
            (written / "deep" / "weights").write_text(value)

    (tmp_path / "model").mkdir()
    write("first")
    with pytest.raises(OSError):  # noqa: PT011  # its number differs between systems
        write("second")
    assert (tmp_path / "model" / "deep" / "weights").read_text() == "first"
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_others_may_read_it_where_the_account_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_text(tmp_path / "current", "version")
    finally:
        os.umask(before)
    assert (tmp_path / "current").stat().st_mode & 0o777 == 0o644
