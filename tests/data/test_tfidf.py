"""Terms and their weights are those of scikit-learn, whatever the texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from recsys.data.tfidf import Tfidf, terms, words

PROPERTY = settings(max_examples=60)
texts = st.lists(
    st.one_of(
        st.lists(st.sampled_from(["red", "mug", "Mug", "oak", "pan", "2", "壶", "红色", "é", "-", ""]), max_size=8).map(
            " ".join
        ),
        st.text(max_size=12),
    ),
    max_size=8,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Red Tea-pot, 2.5l", ["red", "tea", "pot", "2", "5l"]),
        ("snake_case", ["snake", "case"]),
        ("Crème BRÛLÉE", ["crème", "brûlée"]),
        ("红色茶壶", ["红色", "色茶", "茶壶"]),
        ("壶", ["壶"]),
        ("USB键盘 Pro", ["usb", "键盘", "pro"]),
        ("ティーポット", ["ティ", "ィー", "ーポ", "ポッ", "ット"]),
        ("주전자 red", ["주전", "전자", "red"]),
        (" . ", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


@given(st.text(max_size=60))
@PROPERTY
def test_any_text_has_words_and_terms_that_do_not_depend_on_case_or_space(text):
    single = words(text)
    assert all(w and not any(c.isspace() for c in w) for w in single)
    assert words(f"  {text}\n") == single
    assert terms(text)[: len(single)] == single
    assert len(terms(text)) == max(2 * len(single) - 1, 0)


@given(texts, texts)
@PROPERTY
def test_weights_are_those_of_scikit_learn(known, others):
    learnt, rows = Tfidf.learn(known, 1_000)
    written = [text for text in known if words(text)]  # a text without a word is no document
    if not written:
        assert (learnt.terms, rows.shape) == ([], (len(known), 0))
        assert learnt.transform(others).shape == (len(others), 0)
        return
    theirs = TfidfVectorizer(analyzer=terms, sublinear_tf=True, dtype=np.float64)
    theirs.fit(written)
    assert learnt.terms == list(theirs.get_feature_names_out())
    np.testing.assert_allclose(learnt.idf, theirs.idf_, rtol=1e-12)
    for found, asked in ((rows, known), (learnt.transform(known), known), (learnt.transform(others), others)):
        expected = theirs.transform([*asked, ""])[:-1].toarray()
        np.testing.assert_allclose(found.toarray(), expected, atol=1e-6)
        assert found.dtype == np.float32
        assert found.has_canonical_format


@given(texts, st.integers(1, 10))
@PROPERTY
def test_the_commonest_terms_are_kept(known, limit):
    everything, limited = Tfidf.learn(known, 1_000)[0], Tfidf.learn(known, limit)[0]
    count = {term: sum(terms(text).count(term) for text in known) for term in everything.terms}
    assert len(limited.terms) == min(limit, len(count))
    assert limited.terms == sorted(limited.terms)
    left_out = [n for term, n in count.items() if term not in limited.terms]
    assert min((count[term] for term in limited.terms), default=0) >= max(left_out, default=0)
