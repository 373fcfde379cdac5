"""Dates and services in what shoppers type."""

from __future__ import annotations

import pytest

from recsys.llm.clauses import services
from recsys.llm.quantities import dates_in


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("no food i have that. bed under 40 maybe", []),  # neither a day nor May
        ("on 31 december, or may 3rd", [(12, 31), (5, 3)]),
        ("3月13号", [(3, 13)]),
        ("13 marches, 45 june", []),
    ],
)
def test_a_day_is_of_a_month(text: str, days: list[tuple[int, int]]) -> None:
    assert dates_in(text) == days
    services(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("can the invoice be made out to my company", {"renaming"}),
        ("发票抬头能改成我们公司的名字吗", {"renaming"}),
        ("do i have to pay customs", {"customs"}),
        ("can the driver leave it with my neighbour", {"neighbour"}),
        ("something to wear to a job interview, for my neighbour", set()),
        ("is there custom engraving", set()),
    ],
)
def test_what_shops_offer_or_do_not_is_named(text: str, names: set[str]) -> None:
    assert services(text) == names
