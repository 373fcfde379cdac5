"""Deliveries, prices and demand over HTTP: what the version knows, and nothing where it knows nothing."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from recsys.data.sample.parcels import make_parcels
from recsys.data.store import Store
from recsys.delivery.parcels import check_orders
from recsys.delivery.published import publish
from recsys.service.app import create_app
from recsys.settings import load_settings
from tests.service.browsing import CHROMIUM, running

DAY = 86_400


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


@pytest.fixture(scope="module")
def priced(environment, tiny_tables, tmp_path_factory):
    """The tiny shop with prices: its first item is a fifth cheaper since a week, and a forecast that was kept."""
    from recsys.data import snapshot
    from recsys.forecast import published
    from recsys.forecast.outlook import outlook
    from recsys.pipeline import Inputs, runs

    folder = tmp_path_factory.mktemp("priced")
    items, events = tiny_tables
    items.to_parquet(folder / "items.parquet")
    rng = np.random.default_rng(0)
    end = float(pd.to_numeric(events["timestamp"]).max())
    more = events.sample(400, replace=True, random_state=1).assign(
        timestamp=end - rng.integers(0, 300 * DAY, 400), event="purchase"
    )
    pd.concat([events, more]).to_parquet(folder / "events.parquet")
    first = items.sort_values("item_id").iloc[0]
    rows = [
        {"sku": first.item_id, "date": end - 200 * DAY, "price": first.price * 1.25},
        {"sku": first.item_id, "date": end - 7 * DAY, "price": first.price},
    ]
    pd.DataFrame(rows).to_csv(folder / "prices.csv", index=False)
    settings = load_settings(artifacts=folder / "shop")
    inputs = Inputs(folder / "items.parquet", folder / "events.parquet", prices=folder / "prices.csv")
    version = runs.embed(inputs, settings).version
    tables = snapshot.load(version.path).tables.value
    published.keep(Store(settings.artifacts), version.id, outlook(tables))
    with TestClient(create_app(settings)) as client:
        yield client, str(first.item_id), float(first.price)


def test_price_drops_are_those_of_the_table(priced):
    client, item, price = priced
    (row,) = client.get("/price-drops").json()["items"]
    assert (row["item_id"], row["percent"]) == (item, 20)
    assert (row["price"], row["usual_price"]) == (pytest.approx(price), pytest.approx(price * 1.25))


def test_the_outlook_of_an_item(priced):
    client, item, price = priced
    got = client.get("/insight/outlook", params={"item_id": item}).json()
    assert [step["price"] for step in got["prices"]["steps"]] == pytest.approx([price * 1.25, price])
    assert got["prices"]["below_usual"] == pytest.approx(0.2)
    assert [sale["end"] for sale in got["prices"]["sales"]] == [None]
    ahead = [week for week in got["weeks"] if week["week"] > 0]
    assert len(ahead) == 8
    assert all(week["low_95"] <= week["low_80"] <= week["high_80"] <= week["high_95"] for week in ahead)
    assert all(week["sold"] is None for week in ahead)
    assert client.get("/insight/outlook", params={"item_id": "nothing"}).status_code == 404
    assert client.get("/insight/card").json()["supply"] == ["prices", "forecast"]


def test_the_report_draws_demand_and_what_is_cheaper(priced):
    pytest.importorskip("matplotlib")
    from recsys.evaluation.report.shop import sections

    client, _, _ = priced
    found = sections(Store(client.app.state.service.settings.artifacts).require().path)
    assert "demand" in found
    assert set(found) <= {"demand", "prices"}
    assert found["demand"]["plot"].count("weeks from now") == 4
    assert {"naive", "seasonal naive"} <= {name for name, _ in found["demand"]["mase"]}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")
def test_the_page_of_a_shop_with_prices_and_no_forecast_tells_prices_alone(priced, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra 'dev')")
    client, item, price = priced
    settings = client.app.state.service.settings
    shutil.copytree(settings.artifacts, tmp_path / "shop", ignore=shutil.ignore_patterns("forecasts"))
    settings = settings.model_copy(update={"artifacts": tmp_path / "shop"})
    with running(settings) as address, playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        assert page.request.get(f"{address}insight/outlook", params={"item_id": item}).json()["elasticity"] is None
        page.goto(f"{address}#/catalogue/{item}")
        caption = page.locator("figcaption").first
        playwright.expect(caption).to_contain_text(f"{price:.2f} now")
        assert "NaN" not in page.locator("main").inner_text()
        browser.close()


def test_a_version_without_prices_says_nothing_of_them(client):
    assert client.get("/price-drops").status_code == 404
    assert client.get("/insight/outlook", params={"item_id": "G001"}).status_code == 404
