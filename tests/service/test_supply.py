"""Deliveries over HTTP: what the version knows, nothing promised beyond it, and nothing said where it knows nothing."""

from __future__ import annotations

import shutil

import pytest
from starlette.testclient import TestClient

from recsys.data.sample.parcels import make_parcels
from recsys.data.store import Store
from recsys.delivery.parcels import check_orders
from recsys.delivery.published import publish
from recsys.service.app import create_app
from recsys.settings import load_settings


@pytest.fixture(scope="module")
def supplied(environment, tiny_version, tmp_path_factory):
    folder = tmp_path_factory.mktemp("supplied") / "shop"
    shutil.copytree(tiny_version, folder)
    publish(check_orders(make_parcels(7)), Store(folder).require().path)
    with TestClient(create_app(load_settings(artifacts=folder))) as client:
        yield client


def test_when_an_order_arrives(supplied):
    asked = {"method": "standard", "country": "United Kingdom", "region": "england", "ordered_at": "2026-03-16"}
    got = supplied.get("/delivery", params=asked | {"method": "Standard"}).json()
    assert "2026-03-16" < got["earliest"] < got["latest"] < "2026-04-01"
    assert got["parcels"] > 1_000
    assert sum(one["share"] for one in got["days"]) == pytest.approx(1, abs=0.05)
    assert got["methods"][0] == "Standard"
    unknown = supplied.get("/delivery", params={"method": "Teleport"}).json()
    assert (unknown["parcels"], unknown["earliest"], unknown["days"]) == (0, None, [])
    far = supplied.get("/delivery", params={"country": "Atlantis"}).json()
    assert (far["parcels"], far["latest"]) == (0, None)
    assert supplied.get("/delivery", params={"ordered_at": "soon"}).status_code == 422


def test_carriers_with_their_intervals(supplied):
    got = supplied.get("/insight/carriers").json()
    assert [one["carrier"] for one in got["carriers"]] == ["Swiftline", "Northpost", "Parcelway"]
    assert all(low < one["on_time"] < high for one in got["carriers"] for low, high in [one["on_time_interval"]])
    assert supplied.get("/insight/card").json()["supply"] == ["delivery"]


def test_a_version_without_orders_says_nothing_of_deliveries(client):
    assert client.get("/insight/card").json()["supply"] == []
    for path in ("/delivery", "/insight/carriers"):
        missing = client.get(path)
        assert missing.status_code == 404
        assert "recsys nightly --orders" in missing.json()["detail"]
