"""Reasons of one list: names that can be told apart, no purchase more than twice, nothing said twice."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.explain.evidence import Evidence
from recsys.explain.facts import Choice, Facts, Past, Praise, Product
from recsys.explain.measures import ITEM_ONLY, Kind
from recsys.explain.names import MAX_NAME, distinct_names, short_name
from recsys.explain.selection import PER_EXTRA, PER_PURCHASE, choose
from recsys.explain.slot_templates import Plan
from recsys.explain.templates import template


@pytest.mark.parametrize(
    ("titles", "names"),
    [
        (["Hollis Earl Grey Tea, 250 g", "Hollis Earl Grey Tea, 1 kg"], ["250 g", "1 kg"]),
        (
            [f"The Orchard of Late Summers, A Novel - {binding}" for binding in ("Paperback", "Hardcover")],
            ["Paperback", "Hardcover"],
        ),
        (["ENAMEL KETTLE 5 oz", "ENAMEL KETTLE 7 oz"], ["5 oz", "7 oz"]),
        (
            [
                f"Maison Clair Natural Hydrating Face Cream with {oil} and Shea Butter, 30 ml"
                for oil in ("Rose", "Aloe")
            ],
            ["Cream with Rose and Shea Butter", "Cream with Aloe and Shea Butter"],
        ),
    ],
)
def test_what_differs_in_two_titles_tells_their_names_apart(titles: list[str], names: list[str]) -> None:
    assert len({short_name(title).casefold() for title in titles}) == 1
    for name, end in zip(distinct_names(titles), names, strict=True):
        assert name.endswith(end)
    assert distinct_names(titles[:1]) == [short_name(titles[0])]  # alone it needs no more


PART = st.sampled_from(["red", "blue", "Felt", "250 g", "1 kg", "500 g", "Size M", "Paperback", "with Lid", "(Book 1)"])
TITLE = st.builds(
    lambda head, parts: f"{head}, {', '.join(parts)}" if parts else head,
    st.sampled_from(["Hollis Earl Grey Tea", "Kettleworks Signature Thermal Cup for Travel"]),
    st.lists(PART, max_size=3, unique=True),
)


@given(st.lists(TITLE, min_size=2, max_size=6))
def test_titles_that_say_different_things_get_different_names(titles: list[str]) -> None:
    names = distinct_names(titles)
    assert [name for name in names if len(name) > MAX_NAME] == []
    for (a, name), (b, other) in combinations(zip(titles, names, strict=True), 2):
        if set(a.split(", ")) == set(b.split(", ")):  # nothing to tell them apart by, except what comes first
            continue
        assert name.casefold() != other.casefold(), (a, b)


PAST = ("b0", "b1", "b2")


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    """A row of a list: few names and few purchases, so that they come again."""
    because = tuple(Past(Product(f"Thing {i}", brand="Hollis"), i) for i in PAST)
    pair = st.builds(Choice, st.sampled_from([Kind.BRAND, Kind.NOUN]), st.integers(0, 2), st.floats(0.1, 1))
    alone = st.builds(Choice, st.sampled_from(ITEM_ONLY), st.none(), st.floats(0.1, 1))
    choices = draw(st.lists(st.one_of(pair, alone), max_size=6))
    extra = draw(st.sampled_from([None, Kind.NEW, Kind.PRICE]))
    choices = [Choice(c.kind, c.named, c.weight, None if c.kind is extra else extra) for c in choices]
    praise = Praise("smell", 5, 6, "Smells of spring")
    item = Product(draw(st.sampled_from(["Tea", "Cup"])), "Hollis", "Kitchen", 4.0, 9, 7, 3, 2, 4.5, 12, praise=praise)
    clause = draw(st.sampled_from(["", "comes in your size (m)", "has the same colour as 2 of the 3 (red)"]))
    facts = Facts(item, because, clause=clause, usual_price=4.0, new=True, taste=3, purchases=9)
    return Evidence("i", 0.0, 0.0, (), (), (), tuple(choices), facts)


@given(st.lists(evidence(), max_size=8))
def test_a_list_says_nothing_twice_and_names_no_purchase_more_than_twice(rows: list[Evidence]) -> None:
    told = choose(rows)
    named = Counter(item for row in told for item in row.because)
    assert max(named.values(), default=0) <= PER_PURCHASE
    extras = Counter(row.facts.choice.extra for row in told if row.facts.choice and row.facts.choice.extra)
    assert max(extras.values(), default=0) <= PER_EXTRA
    clauses = [row.facts.clause for row in told if row.facts.choice and row.facts.clause]
    assert len(set(clauses)) == len(clauses)
    sentences = [template(plan) for row in told if (plan := Plan.of(row.facts))]
    assert len(set(sentences)) == len(sentences)
    for row, chosen in zip(rows, told, strict=True):
        choice = chosen.facts.choice
        if choice is None:  # silent only where every reason was told, or names what was named twice
            assert all(
                (c.named is not None and named[PAST[c.named]] == PER_PURCHASE)
                or any(
                    other.facts.choice
                    and (other.facts.item.name, other.facts.choice.kind, other.facts.choice.named)
                    == (row.facts.item.name, c.kind, c.named)
                    for other in told
                )
                for c in row.choices
            )
        else:
            assert (choice.kind, choice.named) in {(c.kind, c.named) for c in row.choices}
