"""Search by picture over HTTP and on the page, and nothing of it where no model is named."""

from __future__ import annotations

import shutil

import pytest
from starlette.testclient import TestClient

pytest.importorskip("PIL", reason="the extra 'pictures' is not installed")

from recsys import Recommender
from recsys.client import Client
from recsys.data.sample.drawings import draw_all
from recsys.service.app import create_app
from recsys.settings import PictureSettings, load_settings
from tests.service.browsing import CHROMIUM, running

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra 'dev')")


@pytest.fixture(scope="module")
def drawn(environment, tiny_tables, tiny_clip, tmp_path_factory):
    """A served shop with drawings, its settings and the folder of them."""
    folder = tmp_path_factory.mktemp("drawn")
    items, events = tiny_tables
    draw_all(items[["item_id", "title", "category"]].itertuples(index=False, name=None), folder)
    settings = load_settings(artifacts=folder / "shop", pictures=PictureSettings(model=str(tiny_clip), folder=folder))
    Recommender.build(
        items.assign(image=items.item_id + ".png"), events, artifacts=settings.artifacts, settings=settings
    )
    return settings, folder


def test_a_picture_gives_the_products_that_look_like_it(drawn):
    settings, folder = drawn
    content = (folder / "G003.png").read_bytes()
    with running(settings) as address, Client(address) as shop:
        found = shop.search_image(content, k=3, columns=["price"])
        assert found.items[0].item_id == "G003"
        assert len(found.items) == 3
        assert found.items[0].price == 8.0
    with TestClient(create_app(settings)) as client:
        assert client.post("/search/image", content=b"<svg/>").json()["detail"].startswith("picture: no image")
        assert client.post("/search/image", content=bytes(10 * 2**20 + 1)).status_code == 413
        assert client.post("/search/image?k=0", content=content).status_code == 422
        assert client.get("/insight/card").json()["pictures"] is True
        shown = client.get("/pictures/G003")
        assert (shown.headers["content-type"], shown.content[:2]) == ("image/jpeg", b"\xff\xd8")
        for missing in ("nobody", "../recsys.toml"):
            assert client.get(f"/pictures/{missing}").status_code == 404


def test_without_a_model_there_is_no_endpoint(client):
    assert client.post("/search/image", content=b"").status_code == 404
    assert "/search/image" not in client.get("/openapi.json").json()["paths"]
    assert client.get("/insight/card").json()["pictures"] is False


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")
def test_a_picture_is_chosen_or_dropped_on_the_page(drawn, tmp_path):
    settings, folder = drawn
    expect = playwright.expect
    with running(settings) as address, playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(locale="en-GB").new_page()
        page.set_default_timeout(30_000)
        said = []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.goto(f"{address}#/catalogue")
        page.get_by_label("Search by picture").set_input_files(folder / "K004.png")
        first = page.locator("#results h3").first
        expect(first).to_have_text("red kitchen tray")
        expect(page.get_by_alt_text("Your picture")).to_be_visible()
        shutil.copy(folder / "G000.png", tmp_path / "G000.png")
        handle = page.evaluate_handle(
            """async (bytes) => {
                const held = new DataTransfer();
                held.items.add(new File([new Uint8Array(bytes)], "G000.png", { type: "image/png" }));
                return held;
            }""",
            list((folder / "G000.png").read_bytes()),
        )
        page.dispatch_event(".by-picture", "drop", {"dataTransfer": handle})
        expect(first).to_have_text("red garden spade")
        assert said == []
        for place in range(3):  # of the shop's own folder, read by the server
            expect(page.locator("#results img").nth(place)).to_have_js_property("complete", True)
            assert page.locator("#results img").nth(place).evaluate("image => image.naturalWidth") > 0
        page.screenshot(path=str(tmp_path / "pictures.png"))
        page.get_by_label("Search by picture").set_input_files(
            files=[{"name": "x.png", "mimeType": "image/png", "buffer": b"<svg/>"}]
        )
        expect(page.locator("#results")).to_contain_text("no image in one of the formats")
        browser.close()
