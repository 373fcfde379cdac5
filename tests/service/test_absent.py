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
    "voice": (("recsys.voice", "faster_whisper", "ctranslate2", "opencc"), r"microphone|speak|transcri"),
}
#: What a shopper asks that only one of the parts could answer.
QUESTIONS = (
    "is the battery any good?",
    "what do buyers say of it?",
    "will it get cheaper?",
    "is it on sale?",
    "when will it arrive?",
    "what looks like it?",
    "电池怎么样？",
    "它会降价吗？",
    "什么时候能到？",
)
USED = """
import json, shutil, sys
from pathlib import Path
from typer.testing import CliRunner
from recsys import Recommender
from recsys.cli import app

def run(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done.output

shop, folder, asked = sys.argv[1:]
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
loaded = sorted(sys.modules)

from recsys.assistant.dialogue import Turn
from recsys.assistant.setup import load_assistant, publish_knowledge
from recsys.settings import load_settings

settings = load_settings(artifacts=shutil.copytree(shop, f"{folder}/shop"))
faq = Path(folder, "faq.csv")
faq.write_text("question,answer\\nHow long does delivery take?,Three days.\\n")
publish_knowledge([faq], settings)
assistant = load_assistant(settings)
title = rec.title("G001")
before = [Turn("user", "what do you have?"), Turn("assistant", f"1. {title}")]
answers = {question: assistant.answer(question, before).text for question in json.loads(asked)}
said_then = {"answers": answers, "loaded_by_answers": sorted(sys.modules), "title": title}
print(json.dumps({"loaded": loaded, "told": [*said, *told], **said_then}))
"""


@pytest.fixture(scope="module")
def used(environment, tiny_version, tmp_path_factory):
    """A process that recommends, explains and answers: the modules it loaded, and all it said."""
    folder = tmp_path_factory.mktemp("absent")
    command = [sys.executable, "-c", USED, str(tiny_version), str(folder), json.dumps(QUESTIONS)]
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


@pytest.mark.parametrize("part", [name for name in PARTS if name != "voice"])  # whose words are the page's alone
def test_no_answer_mentions_it_or_loads_its_libraries(used, part):
    modules, words = PARTS[part]
    assert not {name for name in modules if not name.startswith("recsys.")} & set(used["loaded_by_answers"])
    assert list(used["answers"]) == list(QUESTIONS)
    assert all(used["answers"].values())
    assert {q: text for q, text in used["answers"].items() if re.search(words, text, re.IGNORECASE)} == {}


def test_what_a_price_will_be_is_not_answered_by_other_products(used):
    title = used["title"]
    for question in ("will it get cheaper?", "它会降价吗？"):
        assert title in used["answers"][question]
        assert "1." not in used["answers"][question]


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
            page.goto("about:blank")  # a change of what follows the # alone waits for nothing
            page.goto(f"{address}#/{view}")
            page.wait_for_load_state("networkidle")
            playwright.expect(page.locator("main")).not_to_be_empty()
            texts.append(page.locator("body").inner_text())
            texts += page.locator("main button:visible").evaluate_all("all => all.map((one) => one.ariaLabel ?? '')")
        browser.close()
    return texts


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")
@pytest.mark.parametrize("part", PARTS)
def test_no_view_of_the_page_mentions_it(seen, part):
    assert [text for text in seen if re.search(PARTS[part][1], text, re.IGNORECASE)] == []
