"""What each further column of a table is taken for, what its cells become, and what is left out and why."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from recsys.data.attributes import Attributes, AttributeSpace, shopper_attributes
from recsys.data.own_columns import check_choice, plan
from recsys.errors import BadInput

N = 200
RNG = np.random.default_rng(0)
ITEMS = pd.DataFrame(
    {
        "item_id": [f"i{n:03d}" for n in range(N)],
        "title": [f"thing {n}" for n in range(N)],
        "brand": "Acme",
        "colour": RNG.choice(["Red", " red", "blue", ""], N),
        "margin": RNG.normal(size=N),
        "weeks": RNG.choice([36, 38, 40], N),
        "size": RNG.choice([36.0, 38.0, np.nan], N),
        "tags": RNG.choice(["garden|gift", "gift", "kitchen|gift|new"], N),
        "materials": [json.dumps(["steel", "wood"][: 1 + n % 2]) for n in range(N)],
        "vegan": RNG.choice(["yes", "no"], N),
        "listed": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(N), unit="D"),
        "season": [f"2026-0{1 + n % 6}-01" for n in range(N)],
        "color_id": RNG.choice([7, 11], N),
        "barcode": 4_006_381_000_000 + np.arange(N),
        "row": np.arange(N),
        "link": [f"https://shop.example/{n}.jpg" for n in range(N)],
        "origin": ["here"] * N,
        "rare": ["x"] + [None] * (N - 1),
        "story": [f"a long story of one of our things that goes on for a while {n % 5}" for n in range(N)],
        "status": RNG.choice(["in stock", "sold out"], N),
    }
)


def test_columns_are_what_their_cells_are_and_what_cannot_be_learnt_from_is_said():
    found = plan(ITEMS, ("title", "text"))
    assert {c.name: c.kind for c in found.columns} == {
        "colour": "category",
        "margin": "number",
        "weeks": "number",
        "size": "category",
        "tags": "list",
        "materials": "list",
        "vegan": "yes or no",
        "listed": "date",
        "season": "date",
        "color_id": "category",
    }
    assert set(found.left_out) == {"barcode", "row", "link", "origin", "rare", "story"}
    assert "like an id" in found.left_out["row"]
    assert "a value of its own" in found.left_out["link"]
    assert found.left_out["link"] == found.left_out["barcode"]
    assert "one value for all" in found.left_out["origin"]
    assert "hardly any row" in found.left_out["rare"]
    assert "encoder.template" in found.left_out["story"]
    assert "`colour` (category, 2 values)" in found.line
    assert "`row` not learnt from: a number of its own" in found.line


def test_a_table_of_the_contract_alone_has_no_own_columns():
    space = AttributeSpace.fit(ITEMS[["item_id", "title", "brand", "status"]], ("title", "brand"))
    assert space.columns == ()
    assert space.attributes(ITEMS) is None
    assert plan(ITEMS[["item_id", "title"]]).line == ""


def test_cells_become_codes_and_what_was_not_there_before_is_unknown():
    space = AttributeSpace.fit(ITEMS)
    new = pd.DataFrame(
        {
            "colour": [" RED ", "mauve", None],
            "tags": ["gift|new", "", ["kitchen"]],
            "weeks": [39, "big", 100],
            "size": [38, "38.0", "36"],
        }
    )
    got = space.attributes(new)
    colours, tags, sizes = (space.by_name[name] for name in ("colour", "tags", "weeks"))
    assert got.of("colour")[:, 0].tolist() == [colours.values.index("red"), -1, -1]
    assert {tags.values[c] for c in got.of("tags")[0] if c >= 0} == {"gift", "new"}
    assert got.of("tags")[1].max() == -1
    assert tags.values[got.of("tags")[2, 0]] == "kitchen"
    assert got.of("weeks")[:, 0].tolist() == [1, -1, 2]  # 39 is at least 38; 100 is of the highest bin
    assert got.of("size")[:, 0].tolist() == [1, -1, 0]
    assert sizes.edges == (36.0, 38.0, 40.0)
    assert (got.of("margin") == -1).all()  # the new table lacks the column
    assert got.of("nothing") is None


def test_many_numbers_are_cut_into_bins_of_equal_size_in_their_order():
    space = AttributeSpace.fit(ITEMS)
    codes = space.attributes(ITEMS).of("margin")[:, 0]
    assert np.bincount(codes).tolist() == [N // 10] * 10
    by_margin = np.argsort(ITEMS["margin"].to_numpy())
    assert (np.diff(codes[by_margin]) >= 0).all()


def test_names_choose_and_exclude_and_a_wrong_one_is_refused():
    assert [c.name for c in plan(ITEMS, (), ("colour", "size")).columns] == ["colour", "size"]
    assert "margin" not in {c.name for c in plan(ITEMS, (), ("-margin",)).columns}
    assert [c.name for c in plan(ITEMS, (), ("barcode",)).columns] == ["barcode"]  # whoever names it wants it
    with pytest.raises(BadInput, match=r"no column 'color'; found: .*'colour'"):
        check_choice(("color",), (ITEMS, None))


def test_what_is_stored_comes_back_equal(tmp_path):
    space = AttributeSpace.fit(ITEMS)
    made = space.attributes(ITEMS)
    made.save(tmp_path)
    back = Attributes.load(tmp_path, N)
    assert back.space == space
    assert np.array_equal(back.codes, made.codes)
    assert np.array_equal(
        AttributeSpace.restore(json.loads(json.dumps(space.state()))).attributes(ITEMS).codes, made.codes
    )
    assert Attributes.load(tmp_path / "none", N) is None


def test_rows_are_taken_and_joined_and_unknown_rows_hold_nothing():
    made = AttributeSpace.fit(ITEMS).attributes(ITEMS)
    both = Attributes.concat(made.take([3, 1]), None, (2, 3))
    assert np.array_equal(both.codes[:2], made.codes[[3, 1]])
    assert (both.codes[2:] == -1).all()
    assert Attributes.concat(None, None, (1, 1)) is None


def test_shoppers_come_in_the_order_of_their_codes_and_those_without_a_row_are_unknown():
    users = pd.DataFrame({"user_id": [f"u{n}" for n in range(20)], "country": ["DE", "FR"] * 10})
    got = shopper_attributes(users, np.array(["u3", "new", "u2"], dtype=object), "user_id")
    assert got.of("country")[:, 0].tolist() == [1, -1, 0]
    assert shopper_attributes(None, np.array(["u"], dtype=object), "user_id") is None
