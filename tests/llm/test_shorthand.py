"""Chat shorthand is read as it would be written out; names, units and words of one's own stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.llm.shorthand import written_out


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("hey r u open n do u ship to uk", "hey are you open and do you ship to uk"),
        ("what goes w/ it, w/o a case", "what goes with it, without a case"),
        ("U guys r useless", "U guys are useless"),
        ("this cant be right, i dont want it", "this can't be right, i don't want it"),
        ("有货不？能让他周六送不", "有货吗？能让他周六送吗"),
        ("啥时候到，咋样", "什么时候到，怎么样"),
    ],
)
def test_shorthand_is_written_out(said: str, read: str) -> None:
    assert written_out(said) == read


@pytest.mark.parametrize(
    "text",
    [
        "a book on R",
        "65 w charger",
        "u-lock for my bike",
        "s/n 12",
        "不要羊毛的",
        "n/a",
        "it's Tom's",
        "write to w@u.example",
    ],
)
def test_what_is_no_shorthand_stays(text: str) -> None:
    assert written_out(text) == text


@given(st.text(max_size=80))
def test_what_is_written_out_has_nothing_left_to_write_out(text: str) -> None:
    once = written_out(text)
    assert written_out(once) == once
