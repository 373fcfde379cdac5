"""A denied fault is no blame: what a sentence would say without its negation, and what that is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.encoders.encoder import Encoder
from recsys.reviews import opinions, sentiment
from recsys.reviews.denials import denying, turned, undenied


@pytest.mark.parametrize(
    ("language", "sentence", "without"),
    [
        ("en", "The tank fits well and never drips", "The tank fits well and drips"),
        ("en", "It doesn’t slip and nothing broke", "It does slip and something broke"),
        ("en", "No more dust", "more dust"),
        ("en", "I can't hear it, it runs without noise", "I can hear it, it runs with noise"),
        ("en", "It no longer works", "It works"),
        ("en", "Not only cheap, no doubt a bargain", "Not only cheap, no doubt a bargain"),
        ("en", "A knot in the notebook's cable", "A knot in the notebook's cable"),
        ("zh", "没有异味", "异味"),
        ("zh", "从不卡顿", "卡顿"),
        ("zh", "一点都不卡", "卡"),
        ("zh", "不错，无线的，差不多满意", "不错，无线的，差不多满意"),
        ("zh", "特别好用", "特别好用"),
    ],
)
def test_a_sentence_without_its_negations(language, sentence, without):
    assert undenied(sentence, language) == without


def test_texts_that_deny_are_found():
    texts = ["It never drips", "It works. It never drips.", "It drips", "No", "not only good"]
    assert denying(texts, "en") == {0: "It drips", 1: "It works. It drips."}
    assert denying(["从不卡顿", "好用"], "zh") == {0: "卡顿"}
    assert denying(["it never drips"], "nl") == {}


@given(st.text(max_size=80), st.sampled_from(["en", "zh"]))
def test_nothing_is_denied_where_nothing_changes(text, language):
    assert (0 in denying([text], language)) <= (undenied(text, language) != text)


def test_a_denied_fault_praises_and_a_denied_good_blames():
    # By themselves both read as slight blame; what is denied parts them.
    told = turned(np.array([-0.5, -0.5]), np.array([-2.0, 2.0]))
    assert told[0] > 0 > told[1]


def test_sentences_are_read_beside_what_they_deny(tiny_encoder, monkeypatch):
    """The log-odds of the sentence and of the same without its negation, by the same words."""
    reader = opinions._Reader(Encoder.load(str(tiny_encoder), device="cpu"), [], False)
    monkeypatch.setattr(reader, "_model", None)
    texts = ["The lid never leaks", "The lid leaks"]
    words = sentiment.pinned("words-en")
    assert words is not None
    plain = words(sentiment.ngrams(texts, "en"))
    found = reader.score(texts, np.array(["en", "en"], object))
    expected = 1 / (1 + np.exp(-np.array([turned(plain[:1], plain[1:])[0], plain[1]])))
    assert found == pytest.approx(expected, abs=1e-6)
