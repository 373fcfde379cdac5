"""Messes that exports are in, mixed at random: each table ends in the right rows or in one clear message.

The mess is drawn together with what it means, so that every row has an expected end: used with these values, or left
out for a reason that is counted.
"""

# ruff: noqa: PT017 - a refusal is one of two right ends, so it is caught, not expected
from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.data.schema import EVENTS, Checked, check_interactions, check_items
from recsys.errors import BadInput

NOW = 1_767_225_600.0
START = 1_735_689_600  # 2025-01-01
PROPERTY = settings(
    derandomize=True,
    max_examples=250,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

NAMES = {
    "user_id": ["user_id", "USER_ID", "customer_id", "visitorid", "Customer ID", "userId"],
    "item_id": ["item_id", "ITEM_ID", "product_id", "sku", "itemid", "Lineitem sku"],
    "timestamp": ["timestamp", "event_time", "created_at", "Created at", "t_dat", "EVENT_TIMESTAMP"],
    "event": ["event", "event_type", "event_name", "action", "EVENT_TYPE"],
}
EVENT_NAMES = {
    "view": ["view", "view_item", "Product Viewed", "pageview"],
    "cart": ["cart", "add_to_cart", "AddToCart", "begin_checkout"],
    "purchase": ["purchase", "Order Completed", "transaction", "ordered"],
}
TIMES = {
    "seconds": lambda t: t,
    "text seconds": str,
    "milliseconds": lambda t: t * 1_000,
    "iso": lambda t: stamp(t).isoformat(),
    "utc": lambda t: f"{stamp(t):%Y-%m-%d %H:%M:%S} UTC",
    "compact": lambda t: f"{stamp(t):%Y%m%d%H%M%S}",
    "german": lambda t: f"{stamp(t):%d.%m.%Y %H:%M:%S}",
    "zone": lambda t: f"{stamp(t + 7_200):%Y-%m-%d %H:%M:%S} +0200",
}
QUANTITIES = {
    1.0: ["1", "1,00", "1.0", "1 pc", "1 Stk."],
    2.0: ["2", "2,00", "2 x"],
    -1.0: ["-1", "-1,00", "1-", "(1)", "-1 pc"],
}
BAD_CELLS = ["", "  ", None]
IDS = ["{}", " {} ", "0{}", "SKU-{}", "{}.0"]


def stamp(seconds: int) -> pd.Timestamp:
    return pd.Timestamp(seconds, unit="s")


def clean(form: str, number: int) -> str:
    return {" {} ": str(number), "{}.0": str(number)}.get(form, form.format(number))


@st.composite
def logs(draw) -> tuple[pd.DataFrame, dict[str, str], list[tuple[str, str, float, str, float] | None], set[str]]:
    """A table of events, the names used, what each row means (None: it cannot be used), and the catalogue."""
    names = {ours: draw(st.sampled_from(theirs)) for ours, theirs in NAMES.items()}
    form, moment = draw(st.sampled_from(IDS)), draw(st.sampled_from([*TIMES, "mixed"]))
    rows, meaning = [], []
    for at in range(draw(st.integers(1, 12))):
        user, item = draw(st.integers(1, 4)), draw(st.integers(1, 6))
        event = draw(st.sampled_from(list(EVENT_NAMES)))
        quantity = draw(st.sampled_from(list(QUANTITIES)))
        time = START + draw(st.integers(0, 300 * 86_400))
        written = TIMES[draw(st.sampled_from(["iso", "utc", "german", "zone"])) if moment == "mixed" else moment](time)
        mess = draw(st.sampled_from([None] * 6 + ["user", "item", "event", "quantity", "unknown"]))
        row = {
            names["user_id"]: f"u{user}" if mess != "user" else draw(st.sampled_from(BAD_CELLS)),
            names["item_id"]: form.format(item) if mess != "item" else draw(st.sampled_from(BAD_CELLS)),
            names["timestamp"]: written,
            names["event"]: draw(st.sampled_from(EVENT_NAMES[event])) if mess != "event" else "teleport",
            "quantity": draw(st.sampled_from(QUANTITIES[quantity])) if mess != "quantity" else "a few",
        }
        if mess == "unknown":
            row[names["item_id"]] = f"elsewhere-{at}"
        rows.append(row)
        meaning.append((f"u{user}", clean(form, item), float(time), event, quantity) if mess is None else None)
    return pd.DataFrame(rows, dtype=object), names, meaning, {clean(form, n) for n in range(1, 7)}


def left(meaning) -> set[tuple[str, str, float, str]]:
    """What is learnt from by the letter of the contract: plain Python, row by row."""
    rows = sorted((row for row in meaning if row), key=lambda row: row[2])
    alive: list[list] = []
    for user, item, time, event, quantity in rows:
        if quantity > 0:
            alive.append([user, item, time, event, quantity])
            continue
        held = [one for one in alive if one[:2] == [user, item] and one[3] == "purchase"]
        exact = next((one for one in reversed(held) if one[4] == -quantity), None)
        target = exact or (held[-1] if held else None)
        if target is not None:
            target[4] += quantity
            if target[4] <= 0:
                alive.remove(target)
                still = [one for one in alive if one[:2] == [user, item] and one[3] == "purchase"]
                later = [r for r in rows if r[:2] == (user, item) and r[3] == "purchase" and r[4] > 0 and r[2] > time]
                if not still and not later:
                    alive = [one for one in alive if not (one[:2] == [user, item] and one[3] == "cart")]
    return {(user, item, time, event) for user, item, time, event, _ in alive}


def accounted(checked: Checked) -> None:
    report = checked.report
    assert report.rows == report.kept + sum(loss.rows for loss in report.lost.values())
    assert report.kept == len(checked.table)
    assert len(checked.quarantine) == report.rows - report.kept - checked.notes.get("duplicates", 0)
    assert all(loss.rows > 0 for loss in report.lost.values())


@PROPERTY
@given(logs())
def test_a_log_in_any_mess_gives_the_rows_it_means(drawn):
    raw, names, meaning, catalogue = drawn
    moments = {row[2] for row in meaning if row}
    if len(moments) < sum(row is not None for row in meaning):
        return  # what comes first at one moment is nobody's to say
    expected = left(meaning)
    try:
        checked = check_interactions(raw, catalogue, "log.csv", now=NOW)
    except BadInput as error:
        assert not expected, str(error)
        assert str(error).startswith("log.csv: ")
        assert len(str(error)) < 900
        return
    accounted(checked)
    got = set(checked.table[["user_id", "item_id", "timestamp", "event"]].itertuples(index=False, name=None))
    carts = {row for row in got | expected if row[3] == "cart"}  # which carts go with a purchase is tested by itself
    assert got - carts == expected - carts
    assert set(checked.table["event"]) <= set(EVENTS)
    assert np.isfinite(checked.table["weight"]).all()
    renamed = {theirs for ours, theirs in names.items() if theirs != ours}
    assert renamed <= set(checked.report.columns)


PRICES = {
    "plain": lambda p: f"{p:.2f}",
    "number": lambda p: p,
    "german": lambda p: f"{p:,.2f}".translate(str.maketrans(",.", ".,")) + " €",
    "swiss": lambda p: f"CHF {p:,.2f}".replace(",", "'"),
    "us": lambda p: f"${p:,.2f}",
    "code": lambda p: f"{p:.2f} EUR",
    "french": lambda p: f"{p:,.2f} €".replace(",", "\u202f").replace(".", ","),
}
STATES = {
    True: ["in_stock", "yes", "5", "ja", "preorder", "https://schema.org/InStock", "有货", "active"],
    False: [
        "out_of_stock",
        "no",
        "0",
        "-2",
        "0.00",
        "sold out",
        "archived",
        "https://schema.org/OutOfStock",
        "缺货",
        "nein",
    ],
}
TITLES = ["Tea", "<b>Tea</b>", "Tea &amp; Co", "**Tea** pot", "Grüner Tee", "緑茶"]
SEEN = ["Tea", "Tea", "Tea & Co", "Tea pot", "Grüner Tee", "緑茶"]


@st.composite
def feeds(draw) -> tuple[pd.DataFrame, list[tuple[str, str, float, bool] | None]]:
    item, title = (
        draw(st.sampled_from(["item_id", "sku", "Variant SKU", "id"])),
        draw(st.sampled_from(["title", "Name", "product_name"])),
    )
    price, state = (
        draw(st.sampled_from(["price", "Variant Price", "Regular price"])),
        draw(st.sampled_from(["available", "availability", "stock_status"])),
    )
    form, rows, meaning = draw(st.sampled_from(list(PRICES))), [], []
    for at in range(draw(st.integers(1, 10))):
        mess = draw(st.sampled_from([None] * 5 + ["id", "title", "price"]))
        amount, there = draw(st.integers(1, 999_999)) / 100, draw(st.booleans())
        which = draw(st.integers(0, len(TITLES) - 1))
        rows.append(
            {
                item: f"P{at}" if mess != "id" else draw(st.sampled_from(BAD_CELLS)),
                title: TITLES[which] if mess != "title" else draw(st.sampled_from(["", None, "<p></p>"])),
                price: PRICES[form](amount) if mess != "price" else "on request",
                state: draw(st.sampled_from(STATES[there])),
            }
        )
        known = (f"P{at}", SEEN[which], amount if mess != "price" else float("nan"), there)
        meaning.append(None if mess in ("id", "title") else known)
    return pd.DataFrame(rows, dtype=object), meaning


@PROPERTY
@given(feeds())
def test_a_feed_in_any_mess_gives_the_items_it_means(drawn):
    raw, meaning = drawn
    expected = [row for row in meaning if row]
    try:
        checked = check_items(raw, "feed.csv")
    except BadInput as error:
        assert not expected, str(error)
        return
    accounted(checked)
    table = checked.table.sort_values("item_id", key=lambda ids: ids.str[1:].astype(int))
    assert table["item_id"].tolist() == [row[0] for row in expected]
    assert table["title"].tolist() == [row[1] for row in expected]
    np.testing.assert_allclose(table["price"], [row[2] for row in expected])
    assert table["available"].tolist() == [row[3] for row in expected]


CELL = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=12), st.booleans())
COLUMNS = ["user_id", "item_id", "created_at", "event_type", "qty", "rating", "weight", "unit_price", "status"]


@settings(derandomize=True, max_examples=150)
@given(st.lists(st.lists(CELL, min_size=5, max_size=5), max_size=8), st.permutations(COLUMNS))
def test_anything_at_all_ends_in_rows_or_in_one_message(cells, names):
    raw = pd.DataFrame(cells, columns=names[:5], dtype=object)
    for check in (check_items, check_interactions):
        try:
            accounted(check(raw, source="any.csv"))
        except BadInput as error:
            assert str(error).startswith("any.csv: ")
