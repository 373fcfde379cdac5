"""A shop without reviews, prices, parcels, pictures or voice: nothing mentions them or loads what is theirs."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.service.browsing import CHROMIUM, running

#: Of each part: what is not loaded without it, and words that only it has a reason to say.
PARTS = {
    "reviews": (("recsys.reviews", "yake", "jieba.posseg"), r"review|opinion|prais|\bstars\b"),
    "forecast": (
        ("recsys.forecast.trees", "recsys.forecast.backtest", "lightgbm", "statsforecast"),
        r"usual price|usually does|on sale|forecast|elasticit",
    ),
    "delivery": (("recsys.delivery.times", "holidays"), r"parcel|carrier|under way|delivered"),
    "pictures": (("recsys.pictures", "PIL"), r"picture|photo"),
    "voice": (("recsys.voice", "faster_whisper", "ctranslate2"), r"microphone|speak|transcri"),
}
USED = """
import json, sys
from typer.testing import CliRunner
from recsys import Recommender
from recsys.cli import app

def run(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done.output

shop, folder = sys.argv[1:]
rec = Recommender.load(shop)
lists = rec.recommend("000", k=5)
said = [rec.explain("000", item).sentence for item in lists["item_id"]]
with open(f"{folder}/users.csv", "w") as out:
    out.write("user_id\\n000\\n001\\n")
told = [
    run("recommend", "--artifacts", shop, "--users", f"{folder}/users.csv", "--out", f"{folder}/lists.csv"),
    run("explain", "--artifacts", shop, "--users", f"{folder}/users.csv", "--out", f"{folder}/reasons.csv"),
]
told += [open(f"{folder}/{name}.csv").read() for name in ("lists", "reasons")]
print(json.dumps({"loaded": sorted(sys.modules), "told": [*said, *told]}))
"""


@pytest.fixture(scope="module")
def used(environment, tiny_version, tmp_path_factory):
    """A process that recommends and explains: the modules it loaded, and all it said."""
    folder = tmp_path_factory.mktemp("absent")
    command = [sys.executable, "-c", USED, str(tiny_version), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("part", PARTS)
def test_commands_and_reasons_say_and_load_nothing_of_it(used, part):
    modules, words = PARTS[part]
    assert [
        name for name in used["loaded"] if name in modules or name.startswith(tuple(f"{m}." for m in modules))
    ] == []
    assert len(used["told"]) > 6
    assert [text for text in used["told"] if re.search(words, text, re.IGNORECASE)] == []


@pytest.fixture(scope="module")
def seen(environment, tiny_version):
    """What a person reads on each view of the page."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra 'dev')")
    from recsys.settings import load_settings

    with running(load_settings(artifacts=tiny_version)) as address, playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        texts = []
        for view in ("shopper/000", "catalogue/G001", "chat", "version"):
            page.goto(f"{address}#/{view}")
            page.wait_for_load_state("networkidle")
            playwright.expect(page.locator("main")).not_to_be_empty()
            texts.append(page.locator("body").inner_text())
            texts += [one.get_attribute("aria-label") or "" for one in page.locator("main button:visible").all()]
        browser.close()
    return texts


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")
@pytest.mark.parametrize("part", PARTS)
def test_no_view_of_the_page_mentions_it(seen, part):
    assert [text for text in seen if re.search(PARTS[part][1], text, re.IGNORECASE)] == []
