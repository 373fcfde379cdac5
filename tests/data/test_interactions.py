"""Liking and persons: what came back, was rated low or weighs nothing is not learnt from; an account is a shopper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data import outliers, returns
from recsys.data.events import Events
from recsys.data.schema import TimeKind, check_interactions
from recsys.errors import BadInput

NOW = 1_767_225_600.0
DAY = 86_400.0


def check(*rows: tuple[object, ...], names: str = "user_id item_id timestamp event quantity", **more: object):
    return check_interactions(pd.DataFrame(list(rows), columns=names.split(), dtype=object), now=NOW, **more)


def met(checked) -> list[tuple[str, str]]:
    return list(checked.table[["user_id", "item_id"]].itertuples(index=False, name=None))


# --- not liked --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [-1, "-1", "-1,00", "-1,000", "1-", "(1)", "-1 pc", "−1"])
def test_a_return_takes_its_purchase_with_it(back):
    bought = [(user, item, NOW - 9 * DAY, "purchase", "1") for user, item in (("u", "pot"), ("v", "pot"), ("u", "cup"))]
    checked = check(*bought, ("u", "pot", NOW - DAY, "purchase", back))
    assert met(checked) == [("u", "cup"), ("v", "pot")]
    assert checked.notes["returned"] == 1
    assert checked.notes["returns"] == 1
    assert checked.report.bad == 0


def test_a_return_before_the_purchase_or_of_another_shopper_cancels_nothing():
    checked = check(("u", "pot", NOW - 9 * DAY, "purchase", -1), ("u", "pot", NOW - DAY, "purchase", 1),
                    ("v", "pot", NOW - DAY / 2, "purchase", -1))  # fmt: skip
    assert met(checked) == [("u", "pot")]
    assert checked.returns[["user_id", "item_id", "quantity"]].to_numpy().tolist() == [["u", "pot", 1], ["v", "pot", 1]]


def test_the_purchase_of_the_returned_quantity_goes_and_parts_are_taken_off():
    rows = [("u", "pot", NOW - 9 * DAY, "purchase", 2), ("u", "pot", NOW - 8 * DAY, "purchase", 5)]
    checked = check(*rows, ("u", "pot", NOW - DAY, "purchase", -2))
    assert checked.table["quantity"].tolist() == [5]
    partly = check(*rows, ("u", "pot", NOW - DAY, "purchase", -3))
    assert partly.table["quantity"].tolist() == [2, 2]
    all_of_it = check(*rows, ("u", "pot", NOW - DAY, "purchase", -7), ("v", "pot", NOW, "purchase", 1))
    assert met(all_of_it) == [("v", "pot")]


def test_refunds_and_emptied_carts_are_events_that_take_back():
    checked = check(("u", "pot", NOW - 9, "purchase"), ("u", "pot", NOW - 8, "cart"), ("u", "pot", NOW - 5, "refund"),
                    ("u", "cup", NOW - 9, "add_to_cart"), ("u", "cup", NOW - 8, "remove_from_cart"),
                    ("u", "hat", NOW - 9, "view"), ("u", "hat", NOW - 8, "dislike"),
                    names="user_id item_id timestamp event")  # fmt: skip
    assert met(checked) == [("u", "hat")]
    assert checked.table["event"].tolist() == ["view"]
    assert checked.report.bad == 0


@settings(derandomize=True, max_examples=150)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(-4, 4).filter(bool), st.integers(0, 6)), max_size=14))
def test_what_is_left_of_purchases_is_what_did_not_come_back(rows):
    table = pd.DataFrame(rows, columns=["item", "quantity", "time"])
    quantity = table["quantity"].to_numpy(np.float64)
    netted = returns.net(
        table[["item"]], table["time"].to_numpy(np.float64), np.abs(quantity), quantity > 0, quantity < 0
    )
    assert not (netted.gone & (quantity < 0)).any()
    left = np.where((quantity > 0) & ~netted.gone, netted.quantity, 0.0)
    assert (left >= 0).all()
    assert (left <= np.abs(quantity)).all()
    for item, mine in table.groupby("item").groups.items():
        bought, back = quantity[mine][quantity[mine] > 0].sum(), -quantity[mine][quantity[mine] < 0].sum()
        if not netted.unmatched[mine].any():
            assert left[mine].sum() == bought - back, item


def test_low_ratings_dislike_and_the_scale_is_the_columns_own():
    names = "user_id item_id timestamp rating"
    stars = check(("u", "a", NOW, 5), ("u", "b", NOW, 1), ("u", "c", NOW, 2), ("u", "d", NOW, 3), ("u", "e", NOW, None),
                  names=names)  # fmt: skip
    assert [item for _, item in met(stars)] == ["a", "d", "e"]
    ten = check(("u", "a", NOW, "9"), ("u", "b", NOW, "4"), ("u", "c", NOW, "5"), ("u", "d", NOW, "0"), names=names)
    assert [item for _, item in met(ten)] == ["a", "c", "d"]  # beside 4 to 9, 0 is no rating
    thumbs = check(("u", "a", NOW, 1), ("u", "b", NOW, -1), names=names)
    assert [item for _, item in met(thumbs)] == ["a"]
    yes_no = check(("u", "a", NOW, 1), ("u", "b", NOW, 0), names=names)
    assert [item for _, item in met(yes_no)] == ["a"]
    assert yes_no.notes["low_ratings"] == 1


def test_a_weight_of_zero_says_nothing():
    checked = check(
        ("u", "a", NOW, 0), ("u", "b", NOW, "0.0"), ("u", "c", NOW, 2), names="user_id item_id timestamp weight"
    )
    assert met(checked) == [("u", "c")]
    assert checked.notes["zero_weights"] == 2
    assert checked.report.bad == 0


def test_quantities_that_cannot_be_read_are_quarantined_not_purchases():
    checked = check(("u", "a", NOW, "purchase", "minus one"), ("u", "b", NOW, "purchase", "1"))
    assert checked.quarantine["reason"].tolist() == ["quantity cannot be read"]
    assert met(checked) == [("u", "b")]


# --- losses -----------------------------------------------------------------------------------------------------------


def test_a_table_that_loses_too_much_is_refused_with_reasons_and_both_remedies_work():
    catalogue = [f"0{n}" for n in range(10, 20)]
    rows = [("u", f"{n}", NOW - n) for n in range(10, 14)] + [("u", f"0{n}", NOW - n) for n in range(14, 20)]
    raw = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    checked = check_interactions(raw, catalogue, "log.csv", now=NOW)
    with pytest.raises(BadInput) as error:
        checked.require(0.2)
    message = str(error.value)
    assert "log.csv: 4 of 10 rows (40%) cannot be used, more than intake.max_bad = 0.2 allows" in message
    assert "leading zeros: '10' here is '010' in the catalogue (4 of 4 ids)" in message
    assert "RECSYS_INTAKE__MAX_BAD=0.4 for one run" in message
    assert checked.require(0.4) is checked
    how = message.partition("table['item_id'] = table['item_id']")[2].partition(". To go on")[0]
    assert how == ".str.lstrip('0')"
    mended = raw.assign(item_id=raw["item_id"].str.lstrip("0"))
    assert len(check_interactions(mended, [name.lstrip("0") for name in catalogue], now=NOW).require(0.2).table) == 10


@pytest.mark.parametrize(
    ("theirs", "said", "mend"),
    [
        (lambda name: name.upper(), "upper and lower case", lambda ids: ids.str.lower()),
        (
            lambda name: f"{name[:3]} {name[3:]}",
            "blanks, dashes",
            lambda ids: ids.str.replace(r"[\s_-]+", "", regex=True),
        ),
    ],
)
def test_spellings_of_ids_are_shown_and_mended_as_said(theirs, said, mend):
    catalogue = pd.Series([f"sku-{n}" for n in range(5)])
    raw = pd.DataFrame({"user_id": "u", "item_id": [theirs(name) for name in catalogue], "timestamp": NOW})
    with pytest.raises(BadInput, match=said):
        check_interactions(raw, list(catalogue), now=NOW)
    assert len(check_interactions(raw.assign(item_id=mend(raw["item_id"])), list(mend(catalogue)), now=NOW).table) == 5


def test_ids_that_a_spreadsheet_rounded_are_refused_by_name():
    with pytest.raises(BadInput, match=r"2 ids in item_id look like '4\.00638E\+12': a spreadsheet has rounded them"):
        check(("u", "4.00638E+12", NOW), ("u", "4.00638E+12", NOW), names="user_id item_id timestamp")


# --- persons ----------------------------------------------------------------------------------------------------------


def shop(rng: np.random.Generator, shoppers: int = 60) -> pd.DataFrame:
    rows = [
        (f"u{u}", f"i{rng.integers(20)}", NOW - rng.integers(1, 90) * DAY) for u in range(shoppers) for _ in range(7)
    ]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).drop_duplicates()


def test_a_robot_is_capped_named_and_counts_like_a_shopper():
    people = shop(np.random.default_rng(0))
    robot = pd.DataFrame(
        {"user_id": "robot", "item_id": [f"i{n % 3}" for n in range(3_000)], "timestamp": NOW - DAY / 2}
    )
    robot["timestamp"] += np.arange(3_000)
    checked = check_interactions(pd.concat([people, robot]), now=NOW)
    assert (checked.table["user_id"] == "robot").sum() == 3
    assert len(checked.table) == len(people) + 3
    assert "'robot' has 3,000 events, more than a person's 1,000: counted as 3" in "; ".join(checked.report.warnings)
    assert checked.notes["capped"] == 2_997


def test_ordinary_shops_are_left_alone():
    people = shop(np.random.default_rng(1))
    checked = check_interactions(people, now=NOW)
    assert len(checked.table) == len(people)
    assert checked.report.warnings == []
    heavy = np.random.default_rng(2).lognormal(3.5, 1.2, 5_000).astype(int) + 1  # UCI Online Retail is like this
    assert outliers.bound(heavy) > heavy.max()


def test_an_event_of_a_kind_counts_once_a_day_for_one_shopper_and_item():
    times = [NOW - 10, NOW - 20, NOW - 2 * DAY]
    table = check(*[("u", "a", time, event) for time in times for event in ("view", "purchase")],
                  names="user_id item_id timestamp event").table  # fmt: skip
    events = Events.from_table(table, ["u"], ["a"], TimeKind.ABSOLUTE)
    assert sorted(events.time.tolist()) == [NOW - 2 * DAY] * 2 + [NOW - 10] * 2


def test_a_guest_id_that_everybody_shares_is_many_strangers():
    people = shop(np.random.default_rng(3))
    guests = pd.DataFrame(
        {
            "user_id": "0",
            "item_id": [f"i{n % 20}" for n in range(200)],
            "timestamp": NOW - np.repeat(np.arange(100), 2) * 3600,
        }
    )
    checked = check_interactions(pd.concat([people, guests]), now=NOW)
    strangers = checked.table[checked.table["user_id"].str.startswith("0:")]
    assert len(strangers) == 200
    assert strangers["user_id"].nunique() == 100  # what was bought at one moment is one visit
    assert "0" not in set(checked.table["user_id"])
    by_session = check_interactions(pd.concat([people, guests.assign(order_id=np.arange(200) // 4)]), now=NOW)
    assert by_session.table["user_id"].str.startswith("0:").sum() == 200
    assert by_session.table["user_id"][by_session.table["user_id"].str.startswith("0:")].nunique() == 50


def test_a_user_called_0_who_is_one_person_stays_one():
    people = shop(np.random.default_rng(4)).replace({"user_id": {"u0": "0"}})
    assert "0" in set(check_interactions(people, now=NOW).table["user_id"])


def test_gaps_of_the_user_column_are_filled_from_the_visitor():
    checked = check((None, "v1", "a", NOW), ("u", "v2", "a", NOW), names="user_id user_pseudo_id item_id timestamp")
    assert met(checked) == [("u", "a"), ("v1", "a")]


def test_a_rating_that_is_a_record_is_said_and_a_row_without_a_user_is_refused():
    ratings = pd.Series([{"stars": 3}, 1, 5, 4], dtype=object)
    table = pd.DataFrame({"user_id": ["a", None, "b", "c"], "item_id": ["x", "y", "z", "x"], "rating": ratings})
    checked = check_interactions(table)
    assert len(checked.quarantine) == 1
    assert "rating: 1 values cannot be read" in " ".join(checked.report.warnings)
