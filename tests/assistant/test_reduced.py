"""What costs less than it usually does, in the sample shop with what its prices were."""

from __future__ import annotations

import copy
from dataclasses import replace

import pandas as pd
import pytest

from recsys.assistant import Assistant
from recsys.assistant.answerability import Answerability
from recsys.data.sample import sample_dir
from recsys.data.snapshot import Lazy
from recsys.forecast.prices import check_prices
from tests.assistant.transcript import talk

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def priced(sample_assistant: Assistant) -> Assistant:
    known = sample_assistant.recommender
    assert known is not None
    prices = check_prices(pd.read_csv(sample_dir() / "prices.csv.gz")).table
    tables = replace(known.shop.tables.value, prices=prices)
    recommender = copy.copy(known)
    recommender.shop = replace(known.shop, tables=Lazy(lambda: tables))
    return Assistant(sample_assistant.knowledge, recommender, sample_assistant.orders, judge=Answerability.load())


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("whats on sale right now", "% less than usual"),
        ("有没有特价的耳机", "现价73.49，比平时低10%"),
        ("any deals on laptops?", "Nothing of this kind costs less now"),
        ("anything reduced in the running shoes", "95.99, 24% less"),
        ("that novabook gaming screen, the 27 one, was it always this price?", "464.00"),
        ("do you do student discount", "Students get 10% off"),
        ("got a voucher, does it work on sale stuff", "cannot be combined with sale prices"),
    ],
)
def test_reduced_products_are_listed_and_rules_stay_rules(priced: Assistant, question: str, says: str) -> None:
    (told,) = talk(priced, question)
    assert says in told.text


def test_without_a_table_of_prices_nothing_is_called_reduced(sample_assistant: Assistant) -> None:
    (told,) = talk(sample_assistant, "any deals on laptops?")
    assert "less than" not in told.text
