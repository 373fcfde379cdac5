"""Markup and languages: what an encoder reads is what a reader would see, and in which language that is."""

from __future__ import annotations

import pandas as pd
import pytest

from recsys.data.languages import shares, unread
from recsys.data.markup import plain_text
from recsys.data.schema import check_items


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("<p>A <b>green</b> tea &amp; more</p><p>Two</p><style>x{}</style>", "A green tea & more Two"),
        ('<meta charset="utf-8"><span style="font-size: 14px" data-mce-fragment="1">Tea</span>', "Tea"),
        ("<ul><li>one</li><li>two</li></ul><script>alert(1)</script>", "one two"),
        ("&lt;p&gt;escaped&lt;/p&gt; twice &amp;amp; so", "escaped twice & so"),
        ("# Tea\n\n**Bold** and [a link](https://example.org/x)\n\n- one\n- two", "Tea Bold and a link one two"),
        ("Tom &amp; Jerry&#39;s&nbsp;mug", "Tom & Jerry's mug"),
        ("I <3 tea, 5 > 3, a_b_c and 2*3*4", "I <3 tea, 5 > 3, a_b_c and 2*3*4"),
        ("no markup at all", "no markup at all"),
        ("<unclosed <b>tea", "tea"),
    ],
)
def test_markup_becomes_the_words_a_reader_sees(written, seen):
    assert plain_text(written) == seen


def test_titles_and_texts_of_items_lose_their_markup_and_it_is_said():
    raw = pd.DataFrame(
        {"item_id": ["a", "b", "c"], "title": ["Tea &amp; Co", "Cup", None], "text": ["<p>x</p>", "y", "<b>Pot</b>"]}
    )
    checked = check_items(raw)
    assert checked.table["title"].tolist() == ["Tea & Co", "Cup", "Pot"]
    assert checked.table["text"].tolist() == ["x", "y", "Pot"]
    assert checked.report.notes == ["markup taken out of 3 texts"]


EN = [
    "Green Tea",
    "Black Tea",
    "Espresso Beans",
    "Running Shoes",
    "Kitchen Towel",
    "Garden Chair",
    "Blue Coffee Mug",
    "Soap Bar",
]
DE = [
    "Grüntee",
    "Schwarztee",
    "Turnschuhe",
    "Wanderschuhe",
    "Küchenhandtuch",
    "Gartenstuhl",
    "Blaue Kaffeetasse",
    "Seife",
]
JA = [
    "緑茶",
    "紅茶の詰め合わせ",
    "ランニングシューズ",
    "コーヒーカップ",
    "キッチンタオル",
    "ガーデンチェア",
    "石けん",
    "ノート",
]


def test_the_languages_of_a_catalogue_and_what_to_set_for_them():
    english, german, mixed = shares(EN * 5), shares(DE * 5), shares(EN * 5 + JA * 5)
    assert english == {"en": 1.0}
    assert german.get("de", 0) > 0.9
    assert 0.4 < mixed["ja"] < 0.6
    assert unread(english, "all-MiniLM-L6-v2") == ""
    assert "100% of the item texts" in unread({"de": 1.0}, "all-MiniLM-L6-v2")
    assert "set encoder.name to a multilingual model" in unread(mixed, "all-MiniLM-L6-v2")
    assert unread(mixed, "intfloat/multilingual-e5-small") == ""
    assert unread({"zh": 1.0}, "BAAI/bge-small-zh-v1.5") == ""
    assert unread({"en": 0.9, "zh": 0.1}, "all-MiniLM-L6-v2") == ""
    assert shares(["", "   "]) == {}
