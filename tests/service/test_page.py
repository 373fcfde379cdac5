"""The page in a real browser: what a person does on it, in both languages and themes, on a phone and by keyboard.

The browser is the system's Chromium; without it, or without playwright, these tests are skipped with that reason.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from recsys.assistant.setup import publish_knowledge
from recsys.data import evaluations
from recsys.data.sample.parcels import make_parcels
from recsys.data.store import Store
from recsys.delivery.parcels import check_orders
from recsys.delivery.published import publish
from recsys.service.keys import new_key
from recsys.settings import load_settings
from tests.service.browsing import CHROMIUM, running

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra 'dev')")
expect = playwright.expect
expect.set_options(timeout=30_000)  # a busy machine is no fault of the page

if CHROMIUM is None:
    pytest.skip("no Chromium is installed (apt-get install chromium)", allow_module_level=True)

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4" style="fill:red"/></svg>'
PAGE = Path(__file__).parents[2] / "recsys" / "service" / "page"


@pytest.fixture(scope="module")
def shop(environment, tiny_version, tmp_path_factory):
    """A shop with answers and with a plot of an evaluation."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(tiny_version, folder / "shop")
    (folder / "faq.csv").write_text("question,answer\nHow long does delivery take?,Three working days.\n", "utf-8")
    settings = load_settings(artifacts=folder / "shop")
    publish_knowledge([folder / "faq.csv"], settings)
    store = Store(settings.artifacts)
    evaluations.keep(store, store.require().id, {"auc": 0.9}, {"metric at k": SVG})
    return settings


@pytest.fixture(scope="module")
def address(shop):
    with running(shop) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, address):
    """Opens pages, and fails the test for anything that a page complains of or fetches from elsewhere."""
    contexts, said = [], []

    def opened(path: str = "#/shopper/000", at: str = address, **options):
        context = browser.new_context(**({"locale": "en-GB", "viewport": {"width": 1280, "height": 900}} | options))
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if not _own(request.url, at) else None)
        page.goto(at + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def _own(url: str, address: str) -> bool:
    return url.startswith((address, "data:"))


def titles(page) -> list[str]:
    return page.locator("#list h3").all_inner_texts()


def explained(page) -> None:
    """Wait until the list has its reasons."""
    expect(page.locator("#list .why.waiting")).to_have_count(0)
    expect(page.locator("#list .more:visible")).not_to_have_count(0)


def serious(page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_timeout(250)  # colours that fade in are judged when they are there
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html']}" for v in found if v["impact"] in ("serious", "critical")]


def test_a_shopper_is_chosen_and_each_item_says_why_with_a_bar(open_page, rec):
    page = open_page("")
    explained(page)
    expect(page).to_have_url(re.compile(r"#/shopper/\d{3}$"))  # somebody is shown at once
    page.get_by_label("Find by id").fill("001")
    expect(page).to_have_url(re.compile("#/shopper/001$"))
    explained(page)
    expected = rec.recommend("001", k=10)
    assert titles(page) == expected.title.tolist()
    first = page.locator("#list .row").first
    expect(first.locator(".why")).to_contain_text(re.compile("[a-z]{3}"))
    assert first.locator("svg.bar rect").count() > 2
    first.locator(".more").press("Enter")
    figures = [float(text.replace("−", "-")) for text in first.locator(".parts .figure").all_inner_texts()]
    told = rec.explainer.evidence(rec.lookup.shopper("001").profile, rec.lookup.codes([expected.item_id[0]]).tolist())[
        0
    ]
    assert figures == [round(part.value, 2) for part in told.parts[: len(figures)]]
    first.get_by_role("button", name="Say it in the writer’s words").click()
    expect(first.locator(".words .hint")).to_contain_text("worded by")
    assert serious(page) == []


def test_a_purchase_that_is_taken_away_changes_list_and_reasons(open_page, rec):
    page = open_page("#/shopper/000")
    explained(page)
    before, reasons = titles(page), page.locator("#list .why").all_inner_texts()
    latest = [str(rec.shop.item_ids[i]) for i in rec.shop.profile(0).items[::-1]][:2]
    for item in latest:
        page.get_by_role("button", name=f"Leave out {rec.title(item)}").click()
    without = rec.recommend({"user": "000", "without": latest}, k=10)
    expect(page.locator("#list h3").first).to_have_text(without.title[0])
    explained(page)
    expect(page.locator("#list h3")).to_have_text(without.title.tolist())
    assert titles(page) != before
    assert page.locator("#list .why").all_inner_texts() != reasons
    expect(page.locator("#list .badge").first).to_be_visible()  # says what moved
    expect(page.locator("#said")).to_contain_text("The list has changed")
    for item in latest:
        page.get_by_role("button", name=f"Put back {rec.title(item)}").click()
    expect(page.locator("#list h3")).to_have_text(before)


def test_sliders_are_rules(open_page, rec):
    page = open_page("#/shopper/002")
    explained(page)
    page.get_by_label("Price up to").fill("12")
    rules = {"price_max": 12}
    expect(page.locator("#list h3")).to_have_text(rec.recommend("002", k=10, rules=rules).title.tolist())
    page.get_by_label("Variety").fill("0.6")
    rules["diversity"] = 0.6
    expect(page.locator("#list h3")).to_have_text(rec.recommend("002", k=10, rules=rules).title.tolist())
    explained(page)


def test_someone_new_is_a_sentence_and_products(open_page, rec):
    page = open_page()
    explained(page)
    page.get_by_text("Someone new").click()
    page.get_by_label("Say what they like").fill("red garden spade")
    page.get_by_role("button", name="Show their list").click()
    expect(page.locator("#list h3")).to_have_text(rec.recommend({"text": "red garden spade"}).title.tolist())
    page.get_by_label("Or add products they had").fill("G001")
    page.locator(".found button").first.click()
    who = {"text": "red garden spade", "history": ["G001"]}
    expect(page.locator("#list h3")).to_have_text(rec.recommend(who).title.tolist())
    expect(page.locator("#history .name")).to_have_text([rec.title("G001")])
    explained(page)


def test_pictures_are_shown_where_products_have_one_and_broken_ones_leave_no_hole(open_page):
    page = open_page("#/catalogue")

    def with_pictures(route):
        answer = route.fetch().json()
        for place, item in enumerate(answer["items"]):
            item["image"] = [f"data:image/svg+xml,{quote(SVG)}", "data:image/png;base64,broken", None][place % 3]
        route.fulfill(json=answer)

    page.route("**/recommend", with_pictures)
    page.evaluate("location.hash = '#/shopper/000'")
    explained(page)
    expect(page.locator("#list .picture")).to_have_count(4)  # of ten: the first, fourth, seventh and tenth
    assert page.locator("#list .picture").first.evaluate("image => image.naturalWidth") == 4


def test_search_substitutes_and_a_basket(open_page, rec):
    page = open_page("#/catalogue")
    page.get_by_label("Search the catalogue").fill("G003")
    expect(page.locator("#results h3").first).to_have_text(rec.title("G003"))
    page.locator("#results").get_by_role("link", name="Similar").first.click()
    expect(page.locator("#similar h3")).to_have_text(rec.similar("G003", k=6).title.tolist())
    page.locator("#results").get_by_role("button", name="Add to basket").first.click()
    expect(page.locator("#basket .products h3")).to_have_text(rec.complete(["G003"], k=5).title.tolist())
    assert serious(page) == []


def test_the_ranker_beside_popularity(open_page, rec):
    page = open_page("#/compare")
    lists = page.locator(".halves section")
    expect(lists.nth(1).locator("h3")).not_to_have_count(0)
    sold = lists.nth(1).locator("h3").all_inner_texts()
    assert len(set(sold) & set(lists.nth(0).locator("h3").all_inner_texts())) == int(
        page.locator("main > .hint").inner_text().split()[0]
    )
    lists.nth(1).get_by_label("Second list").select_option("live")
    expect(lists.nth(1).locator("h3")).to_have_text(lists.nth(0).locator("h3").all_inner_texts())
    expect(page.locator("main > .hint")).to_have_text("10 of 10 are in both lists")
    assert serious(page) == []


def test_the_version_says_how_good_it_is_what_it_read_and_shows_the_plots(open_page, rec):
    page = open_page("#/version")
    expect(page.get_by_text(re.compile(rec.version.id)).first).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("50")
    expect(page.locator(".blocks dt")).to_have_count(len(rec.ranker.blocks))
    plot = page.get_by_role("img", name="metric at k")
    expect(plot).to_be_visible()
    assert plot.evaluate("image => image.complete && image.naturalWidth > 0")
    assert serious(page) == []


def test_the_version_shows_how_long_parcels_take_where_orders_say_so(browser, open_page, tiny_version, tmp_path):
    """The tiny shop has no orders, and its page no word of deliveries; with some, both choices change the chart."""
    open_page("#/version").locator(".blocks").wait_for()
    shutil.copytree(tiny_version, tmp_path / "shop")
    settings = load_settings(artifacts=tmp_path / "shop")
    publish(check_orders(make_parcels(7)), Store(settings.artifacts).require().path)
    with running(settings) as at:
        page = open_page("#/version", at)
        section = page.locator("#delivery")
        expect(section.locator("tbody tr")).to_have_count(3)
        said = section.locator("figcaption")
        expect(said).to_contain_text("90% come after")
        before = said.inner_text()
        section.get_by_label("Method", exact=True).select_option("Express")
        expect(said).not_to_have_text(before)
        section.get_by_label("To", exact=True).select_option(label="Corsica, France")
        expect(section).to_contain_text("Nothing is promised here")
        assert serious(page) == []


def test_the_assistant_answers_with_its_source(open_page):
    page = open_page()
    page.get_by_role("button", name="Ask the assistant").click()
    page.get_by_label("Your question").fill("How long does delivery take?")
    page.keyboard.press("Enter")
    answer = page.locator(".turn.theirs")
    expect(answer).to_contain_text("Three working days.")
    expect(answer.locator(".sources")).to_contain_text("FAQ")
    assert serious(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#chat")).to_be_hidden()
    expect(page.get_by_role("button", name="Ask the assistant")).to_be_focused()


def test_language_and_theme_are_switched_and_stay(open_page):
    page = open_page(color_scheme="dark")
    explained(page)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert serious(page) == []
    page.get_by_role("button", name="Light or dark").click()
    page.get_by_role("button", name="切换为中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("这位顾客会看到什么，为什么")
    explained(page)
    expect(page.locator("#list .why").first).to_contain_text(re.compile("[\u4e00-\u9fff]{2}"))
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("这位顾客会看到什么，为什么")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    explained(page)
    assert serious(page) == []


def test_a_phone_has_everything_within_its_width(open_page):
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    explained(page)
    page.locator("#list .more").first.tap()
    for view in ("shopper/000", "compare", "catalogue/G003", "version"):
        page.evaluate("view => { location.hash = '#/' + view }", view)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view
    page.get_by_role("button", name="Ask the assistant").tap()
    expect(page.get_by_label("Your question")).to_be_in_viewport()
    assert serious(page) == []


def test_the_keyboard_alone_reaches_a_reason(open_page):
    page = open_page()
    explained(page)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "more":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#list .detail").first).to_be_visible()


def test_a_server_with_keys_is_asked_with_one(browser, shop, tmp_path):
    file = tmp_path / "keys.json"
    key = new_key(file, "page", ["recommend", "explain", "answer", "admin"])
    kept = shop.model_copy(update={"serve": shop.serve.model_copy(update={"keys": file})})
    with running(kept) as at:
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.goto(at + "#/shopper/000")
        page.get_by_label("Key", exact=True).fill("rk_wrong")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#key")).to_contain_text("That key was not accepted.")
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_role("button", name="Use it").click()
        explained(page)
        assert page.evaluate("localStorage.length === 0 || !JSON.stringify(localStorage).includes('rk_')")
        context.close()


def test_both_languages_have_all_words():
    word = re.compile(r"(?:^|[,{]\s*)(\w+): \"", re.MULTILINE)
    keys = {name: set(word.findall((PAGE / "i18n" / f"{name}.js").read_text("utf-8"))) for name in ("en", "zh")}
    assert len(keys["en"]) > 100
    assert keys["en"] == keys["zh"]
    used = {key for file in PAGE.glob("*.js") for key in re.findall(r"\bt\(\"(\w+)\"", file.read_text("utf-8"))} | set(
        re.findall(r"data-(?:t|label)=\"(\w+)\"", (PAGE / "index.html").read_text("utf-8"))
    )
    assert used <= keys["en"], used - keys["en"]
