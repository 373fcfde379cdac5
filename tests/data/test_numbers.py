"""Numbers as shops write them: the decimal sign is the column's, currencies are told apart, nothing is guessed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.catalogue import Vocabulary
from recsys.data.numbers import as_quantities, read_amounts
from recsys.data.schema import check_items
from recsys.data.vocabulary import vocabulary

CURRENCIES = vocabulary().currencies


def amounts(*written: object) -> list[float]:
    return read_amounts(pd.Series(written, dtype=object), CURRENCIES).numbers.tolist()


@pytest.mark.parametrize(
    ("written", "number", "currency"),
    [
        ("1.299,00 €", 1299.0, "EUR"),
        ("1.299 €", 1299.0, "EUR"),
        ("R$ 1.299,90", 1299.9, "BRL"),
        ("EUR 12.50", 12.5, "EUR"),
        ("12.50 EUR", 12.5, "EUR"),
        ("CHF 1'299.–", 1299.0, "CHF"),
        ("￥1,299", 1299.0, "YEN-OR-YUAN"),
        ("1.2k", 1200.0, ""),
        ("$1,299", 1299.0, "USD"),
        ("US$12.50", 12.5, "USD"),
        ("1 299,00 €", 1299.0, "EUR"),
        ("1\u202f299,50 €", 1299.5, "EUR"),
        ("kr. 99,-", 99.0, "CROWN"),
        ("1.299.000 ₫", 1299000.0, "VND"),
        ("₹1,29,900", 129900.0, "INR"),
        ("1e3", 1000.0, ""),
        ("0,99", 0.99, ""),
        ("KWD 1.250", np.nan, "KWD"),  # of three decimals: a thousand or one and a quarter
    ],
)
def test_a_price_alone(written, number, currency):
    read = read_amounts(pd.Series([written]), CURRENCIES)
    np.testing.assert_array_equal(read.numbers, [number])
    assert read.currency.tolist() == [currency]


@pytest.mark.parametrize(
    "written", ["12.50 / 2", "(12.50)", "12.50-15.00", "free", "-5", "12.50.15", "call us", "1,2,3"]
)
def test_what_is_no_price_is_empty_and_counted(written):
    read = read_amounts(pd.Series([written, None], dtype=object), CURRENCIES)
    assert np.isnan(read.numbers).all()
    assert read.unreadable.tolist() == [True, False]


def test_the_column_decides_its_decimal_sign():
    assert amounts("1.299", "12,50") == [1299.0, 12.5]
    assert amounts("1.299", "12.50") == [1.299, 12.5]
    assert amounts("1,299", "12.50") == [1299.0, 12.5]
    assert amounts("1,299", "12,50") == [1.299, 12.5]
    np.testing.assert_array_equal(amounts("1.299", "12.50", "3,50"), [np.nan, 12.5, 3.5])  # could be either
    assert amounts("1.299 €", "2,50 €", "$3.25") == [1299.0, 2.5, 3.25]  # each currency's numbers decide for it


@settings(derandomize=True, max_examples=200)
@given(
    st.lists(st.integers(0, 99_999_999), min_size=1, max_size=12),
    st.sampled_from([("", "."), (",", "."), (".", ","), ("'", "."), ("\u202f", ","), ("\u00a0", ",")]),
    st.sampled_from(["{}", "{} €", "€{}", "EUR {}", "{} EUR", "R$ {}", "US${}", "{} zł"]),
)
def test_every_written_price_is_read_back(cents, marks, form):
    thousands, decimal = marks

    def write(value: int) -> str:
        return form.format(f"{value // 100:,}".replace(",", thousands) + f"{decimal}{value % 100:02d}")

    np.testing.assert_allclose(amounts(*map(write, cents)), np.array(cents) / 100)


@pytest.mark.parametrize(
    "written", ["-1,00", "-1,000", "1-", "(1)", "-1 pc", "−1", "- 1", "-1.0", "-1 Stk.", "1,00-", "–1"]
)
def test_every_minus_is_a_minus(written):
    assert as_quantities(pd.Series([written])).tolist() == [-1.0]


def test_quantities_with_units_and_without_sense():
    written = ["2 pcs", "3 x", "1,000", "2,5", "1'000", "abc", "(1", "-(1)", "1/2", None]
    np.testing.assert_array_equal(as_quantities(pd.Series(written, dtype=object)), [2, 3, 1, 2.5, 1000, *[np.nan] * 5])


def test_several_currencies_become_a_column_and_unsigned_prices_are_in_the_commonest():
    raw = pd.DataFrame({"item_id": list("abcd"), "title": "x", "price": ["10 €", "20 €", "$5", "7"]})
    checked = check_items(raw)
    assert checked.table["price"].tolist() == [10, 20, 5, 7]
    assert checked.table["currency"].tolist() == ["EUR", "EUR", "USD", "EUR"]
    assert checked.report.currencies == {"EUR": 2, "USD": 1}
    one = check_items(raw.assign(price=["10 €", "20 €", "5", "7"]))
    assert "currency" not in one.table


def test_prices_are_compared_only_within_a_currency():
    raw = pd.DataFrame(
        {"item_id": list("abc"), "title": "x", "price": [10, 20, 1_500], "currency": ["EUR", "eur", "JPY"]}
    )
    checked = check_items(raw)
    assert checked.table["price"].tolist() == [10, 20, 1_500]
    assert "only prices in EUR are compared with each other" in checked.report.notes
    facts = Vocabulary.fit(checked.table, ["title"]).facts(checked.table, np.ones((3, 4), np.float32))
    np.testing.assert_allclose(facts.price, np.log1p([10, 20, np.nan]).astype(np.float32))
