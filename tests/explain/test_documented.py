"""What the documentation says of reasons is what the code does."""

from __future__ import annotations

from pathlib import Path

from recsys.explain import measures

PAGE = Path(__file__).parents[2] / "docs" / "reasons.md"


def test_the_page_prints_the_table_of_measures() -> None:
    assert measures.table() in PAGE.read_text("utf-8")


def test_bands_are_those_of_the_lower_bound() -> None:
    """9 of 42 is 21%, its lower bound 13%: regularly, not often; 5 of 5 is a link, 2 of 2 is none."""
    some = measures.Measure(measures.Kind.SAME_ORDER, 9, 42)
    assert some.band == "regularly"
    assert some.text == "9 of 42 orders"
    assert 0.12 < some.lower < 0.14
    assert measures.Measure(measures.Kind.SAME_ORDER, 5, 5).band == "often"
    assert measures.Measure(measures.Kind.SAME_ORDER, 2, 2).band == ""
    assert measures.Measure(measures.Kind.SAME_ORDER, 9, 42, chance=0.2).band == ""  # no more than by chance
    other_way = measures.Measure(measures.Kind.ALSO_BOUGHT, 9, 42, of_item=True, of_other=900).given(item=False)
    assert (other_way.text, other_way.band) == ("9 of 900 shoppers", "")
