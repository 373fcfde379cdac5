"""Optional dependencies."""

from __future__ import annotations

import errno
import json
import shutil
import sys

import pytest

from recsys.errors import ArtifactError, BadInput, MissingExtra, cause, require, unwritable


def test_an_installed_module_is_imported() -> None:
    assert require("json", "writers") is json


def test_a_missing_module_names_the_extra_that_holds_it() -> None:
    with pytest.raises(MissingExtra, match=r"`no_such_module` is needed .* pip install 'shop-recsys\[xlsx\]'"):
        require("no_such_module.part", "xlsx")


def test_what_an_installed_module_lacks_is_named(tmp_path, monkeypatch) -> None:
    (tmp_path / "half_there.py").write_text("import its_missing_part\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtra, match="`its_missing_part`"):
        require("half_there", "writers")
    assert "half_there" not in sys.modules


def test_a_broken_module_is_not_called_missing(tmp_path, monkeypatch) -> None:
    (tmp_path / "broken_one.py").write_text("raise ImportError('wrong ABI')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="wrong ABI"):
        require("broken_one", "writers")


def test_a_limit_on_the_size_of_files_is_a_matter_of_space():
    assert unwritable(OSError(errno.EFBIG, "File too large"))


def test_a_message_is_one_line_whatever_a_file_or_column_is_called():
    said = "orders\r\n2024.csv: no column 'a\u2028b' (\x85x)\n"
    assert str(BadInput(said)) == "orders 2024.csv: no column 'a b' ( x)"
    assert str(ArtifactError("v1: damaged\n\n  at byte 7")) == "v1: damaged  at byte 7"
    assert str(BadInput("two  blanks stay")) == "two  blanks stay"


def test_of_a_folder_that_could_not_be_copied_one_file_is_told(tmp_path):
    (tmp_path / "from").mkdir()
    for name in ("a", "b"):
        (tmp_path / "from" / name).symlink_to(tmp_path / "nowhere")
    with pytest.raises(shutil.Error) as told:
        shutil.copytree(tmp_path / "from", tmp_path / "to")
    assert len(told.value.args[0]) == 2
    assert cause(told.value) in [told_of[2] for told_of in told.value.args[0]]
    assert (
        cause(OSError(errno.ENOSPC, "No space left on device", "x\ny")) == "[Errno 28] No space left on device: 'x\\ny'"
    )
