"""What the assistant says of arrivals: counted from parcels, for the shopper's own place, nothing it does not know."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from recsys.assistant.arrivals import DeliveryTime, about_order, asked_in, delivery_time, usual
from recsys.assistant.tools import Context
from recsys.data.orders import Order, Orders
from recsys.data.sample.parcels import make_parcels
from recsys.delivery.parcels import check_orders
from recsys.delivery.published import load, publish


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("version")
    publish(check_orders(make_parcels(7)), folder)
    return folder


def context(version, *, orders=None, user=None, language="en") -> Context:
    recommender = SimpleNamespace(version=SimpleNamespace(path=version))
    return Context(None, None, recommender, orders, user, language)


def order(**given) -> Order:
    known = {"status": "shipped", "ordered_at": "2026-03-20", "shipped_at": "2026-03-23", "eta": "2026-03-30"}
    place = {"country": "United Kingdom", "region": "Scotland", "method": "Standard"}
    return Order(**{"order_id": "A1", "delivered_at": "", "item_ids": (), **known, **place, **given})


def test_an_order_past_its_day_is_called_late_by_the_days_it_is(version):
    """The table ends on 31 March: an order expected on the 30th is one day late, one expected on the 28th three."""
    said = about_order(context(version), order())
    assert "to Scotland; yours is 1 day late (reckoned on 2026-03-31)." in said
    assert "yours is 3 days late" in about_order(context(version), order(eta="2026-03-28"))
    assert "已晚1天（截至2026-03-31）" in about_order(context(version, language="zh"), order())


def test_an_order_under_way_is_expected_after_today(version):
    said = about_order(context(version), order(ordered_at="2026-03-30", shipped_at="2026-03-31", eta="2026-04-07"))
    assert "yours should come between 2026-04-0" in said
    assert "late" not in said


@pytest.mark.parametrize(
    "given",
    [
        {"status": "delivered"},
        {"ordered_at": ""},
        {"method": "Teleport"},
        {"country": "France", "region": "Corsica"},  # fewer than 30 parcels went there
    ],
)
def test_nothing_is_said_of_what_is_not_known(version, given):
    assert about_order(context(version), order(**given)) == ""


def test_a_place_that_parcels_never_went_to_is_handed_over(version):
    assert not delivery_time(context(version), DeliveryTime(region="Atlantis")).found
    assert delivery_time(context(version), DeliveryTime(region="scotland")).found
    assert "Express" in usual(context(version), DeliveryTime(region="Ireland", method="express"))
    assert "Standard" not in usual(context(version), DeliveryTime(region="Ireland", method="express"))


@pytest.mark.parametrize(
    ("question", "region", "method"),
    [
        ("how long to Germany?", "Germany", ""),
        ("do parcels to northern ireland take long", "Northern Ireland", ""),
        ("how long does express delivery take to Scotland?", "Scotland", "Express"),
        ("when does a parcel locker get it", "", "Parcel locker"),
        ("how long?", "", ""),
        ("寄德国一般实际几天能到", "Germany", ""),
        ("how long does it take to dublin", "Ireland", ""),
        ("how long does it take to finland", "finland", ""),  # no parcels went there: nothing is told of others
    ],
)
def test_a_place_and_a_method_that_a_question_names_are_found(version, question, region, method):
    assert asked_in(context(version), question) == DeliveryTime(region=region, method=method)


def test_figures_are_those_of_the_parcels_to_where_the_shopper_lives(version):
    pytest.importorskip("sqlalchemy")
    import pandas as pd

    row = {"order_id": "A1", "user_id": "7", "item_id": "X", "status": "delivered", "ordered_at": "2026-01-02"}
    orders = Orders.from_table(pd.DataFrame([row | {"country": "United Kingdom", "region": "Wales"}]))
    said = usual(context(version, orders=orders, user="7"), DeliveryTime())
    parcels = load(version).ordered.parcels("Standard", "United Kingdom", "Wales")
    assert "to Wales ordered today arrives, nine times in ten, after: Standard" in said
    assert f"(reckoned from {parcels:,})" in said
    assert "to Wales" not in usual(context(version, orders=orders, user="8"), DeliveryTime())


def test_without_deliveries_nothing_is_said(tmp_path):
    assert usual(context(tmp_path), DeliveryTime()) == ""
    assert about_order(context(tmp_path), order()) == ""
    assert not delivery_time(context(tmp_path), DeliveryTime()).found
    assert asked_in(context(tmp_path), "how long to Scotland by express?") == DeliveryTime()
