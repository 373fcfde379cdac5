from __future__ import annotations

import logging
import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.data.personal import MaskPersonal, mask_personal
from recsys.errors import BadInput
from recsys.llm.text_cleaning import REASON, CleaningConfig, clean, language, normalise, strip_html


@pytest.mark.parametrize(
    ("dirty", "text"),
    [
        ("<p>Fits &amp; works</p><p>well</p>", " Fits & works\n well\n"),
        ("<script>alert('x')</script>Yes<br/>no", " Yes\nno"),
        ("smaller than 3 < 4 and 5 > 2", "smaller than 3 < 4 and 5 > 2"),
    ],
)
def test_html_becomes_text(dirty: str, text: str) -> None:
    assert strip_html(dirty) == text


@given(st.text(max_size=200))
def test_normalised_text_is_stable_and_printable(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == once.strip()
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in once if c != "\n")


@given(st.text(max_size=200))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask_personal(text)
    assert mask_personal(once) == once


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to anna.b+x@mail.example.org!", "write to [e-mail]!"),
        ("see https://shop.example/a?b=1 now", "see [link] now"),
        ("call (555) 123-4567 or +44 20 7946 0958", "call [phone] or [phone]"),
        ("电话13812345678请回电", "电话[phone]请回电"),
        ("我的电话 13812345678", "我的电话 [phone]"),
        ("card 4111 1111 1111 1111", "card [card]"),
        ("model WF-3301 fits 30.25 inch, 1,024 px, 2014-2015", "model WF-3301 fits 30.25 inch, 1,024 px, 2014-2015"),
        ("part 241798201", "part 241798201"),
    ],
)
def test_personal_data_is_masked_and_model_numbers_are_not(text: str, masked: str) -> None:
    assert mask_personal(text) == masked


@pytest.mark.parametrize(
    ("text", "name"), [("Does it fit?", "en"), ("这个防水吗", "zh"), ("Подойдет ли это?", "other"), ("12 x 30", "en")]
)
def test_language(text: str, name: str) -> None:
    assert language(text) == name


def test_rows_are_dropped_with_a_reason_and_counted() -> None:
    table = pd.DataFrame(
        {
            "question": ["Fits?", "<b>fits?</b>", None, "Is it loud?", "Громко?", "Long?"],
            "answer": ["Yes", "yes ", "No", "a@b.example says no", "Нет", "x" * 50],
            "item_id": list("abcdef"),
        },
        index=[5, 6, 7, 8, 9, 10],
    )
    done = clean(table, ["question", "answer"], CleaningConfig(languages=("en",), max_characters=40))
    assert done.table.index.tolist() == [5, 8]
    assert done.table["answer"].tolist() == ["Yes", "[e-mail] says no"]
    assert dict(zip(done.dropped["item_id"], done.dropped[REASON], strict=True)) == {
        "b": "duplicate",
        "c": "empty",
        "e": "other language",
        "f": "too long",
    }
    assert done.counts["html"] == 1
    assert done.counts["personal"] == 1
    assert done.counts["duplicate"] == 1


def test_bad_tables_are_named() -> None:
    with pytest.raises(BadInput, match="'answer'"):
        clean(pd.DataFrame({"question": ["a"]}), ["question", "answer"])
    with pytest.raises(BadInput, match="empty"):
        clean(pd.DataFrame({"question": [None]}), ["question"])


def test_logs_hold_no_personal_data(caplog) -> None:
    log = logging.getLogger("recsys.test")
    caplog.handler.addFilter(mask := MaskPersonal())
    try:
        log.warning("left out: %s, %d rows", "anna@shop.example", 3)
    finally:
        caplog.handler.removeFilter(mask)
    assert caplog.messages == ["left out: [e-mail], 3 rows"]
