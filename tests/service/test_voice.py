"""Speech over HTTP and on the page: words to look at first, and nothing of it where no model is named."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from starlette.testclient import TestClient

from recsys.assistant.setup import publish_knowledge
from recsys.client import Client
from recsys.service.app import create_app
from recsys.settings import VoiceSettings, load_settings
from recsys.voice import Transcriber
from tests.service.browsing import CHROMIUM, running
from tests.voice.test_audio import tone, wav

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra 'dev')")


def heard(samples: np.ndarray, language: str | None) -> tuple[str, str]:
    """Stands for the model: says what the waveform is, so that the way to it is seen to leave it whole."""
    loud = float(np.abs(samples).max())
    return (f"loud for {len(samples) / 16_000:.1f} seconds" if loud > 0.1 else ""), language or "en"


@pytest.fixture(scope="module")
def speaking(environment, tiny_version, tmp_path_factory):
    folder = tmp_path_factory.mktemp("voice")
    shutil.copytree(tiny_version, folder / "shop")
    (folder / "faq.csv").write_text("question,answer\nHow long does delivery take?,Three working days.\n", "utf-8")
    settings = load_settings(artifacts=folder / "shop", voice=VoiceSettings(model="whisper-base"))
    publish_knowledge([folder / "faq.csv"], settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transcriber, "load", classmethod(lambda cls, *_, **__: cls(heard)))
        yield settings


def test_a_recording_becomes_words(speaking):
    with TestClient(create_app(speaking)) as client:
        post = {"url": "/transcribe", "content": wav(tone(440, 1.5, 16_000)), "headers": {"Content-Type": "audio/wav"}}
        told = client.post(**post, params={"language": "zh"})
        assert told.json() == {"text": "loud for 1.5 seconds", "language": "zh", "seconds": 1.5}
        assert client.post(**post).json()["language"] == "en"
        assert client.post("/transcribe", content=b"noise").json()["detail"].startswith("recording: no WAV file")
        assert client.post(**post, params={"language": "English, please"}).status_code == 422
        assert client.post("/transcribe", content=bytes(12_000_001)).status_code == 413
        assert client.post("/answer", content=bytes(2_000_000)).status_code == 413  # recordings alone may be large


def test_the_client_sends_bytes(speaking):
    with running(speaking) as address, Client(address) as shop:
        assert shop.transcribe(wav(tone(440, 1.0, 16_000)), language="en").text == "loud for 1.0 seconds"


def test_without_a_model_there_is_no_endpoint_and_no_microphone(client):
    assert client.post("/transcribe", content=b"").status_code == 404
    assert "/transcribe" not in client.get("/openapi.json").json()["paths"]
    assert client.get("/insight/card").json()["voice"] is False


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")
def test_what_was_said_is_shown_and_corrected_before_it_is_asked(speaking, tmp_path):
    (tmp_path / "said.wav").write_bytes(wav(tone(440, 20.0, 48_000), 48_000))
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    fake.append(f"--use-file-for-fake-audio-capture={tmp_path / 'said.wav'}")
    with running(speaking) as address, playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *fake])
        page = browser.new_context(permissions=["microphone"], locale="en-GB").new_page()
        page.set_default_timeout(30_000)
        asked = []
        page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/answer") else None)
        page.goto(f"{address}#/catalogue")
        page.get_by_role("button", name="Ask the assistant").click()
        page.get_by_role("button", name="Speak").click()
        stop = page.get_by_role("button", name="Stop and write it down")
        stop.wait_for()
        page.wait_for_timeout(700)  # somebody is speaking
        stop.click()
        field = page.get_by_label("Your question")
        playwright.expect(field).to_have_value(re.compile(r"loud for [0-9.]+ seconds"))
        playwright.expect(page.locator("#chat")).to_contain_text("Correct it if need be, then ask")
        assert asked == []
        field.fill("How long does delivery take?")
        page.locator("#chat").get_by_role("button", name="Ask", exact=True).click()
        playwright.expect(page.get_by_role("button", name="Read aloud")).to_be_visible()
        assert len(asked) == 1
        page.screenshot(path=str(tmp_path / "voice.png"))
        browser.close()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")
def test_the_microphone_comes_when_the_shop_says_it_hears_and_what_is_typed_stays(speaking):
    with running(speaking) as address, playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(locale="en-GB").new_page()
        held = []  # a busy shop: its card comes after the shopper has begun to type
        page.route("**/insight/card", lambda asked: held.append(asked))
        page.goto(f"{address}#/catalogue")
        page.get_by_role("button", name="Ask the assistant").click()
        field = page.get_by_label("Your question")
        field.fill("How long does del")
        assert page.get_by_role("button", name="Speak").count() == 0
        held[0].continue_()
        playwright.expect(page.get_by_role("button", name="Speak")).to_be_visible()
        playwright.expect(field).to_have_value("How long does del")
        playwright.expect(field).to_be_focused()
        page.get_by_role("button", name="中文").click()  # in the other language it stays, too
        playwright.expect(page.locator("#question")).to_have_value("How long does del")
        browser.close()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")
def test_without_a_microphone_the_page_says_so_and_typing_goes_on(speaking):
    with running(speaking) as address, playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(locale="en-GB").new_page()  # nobody gives it the right to listen
        page.goto(f"{address}#/catalogue")
        page.get_by_role("button", name="Ask the assistant").click()
        page.get_by_role("button", name="Speak").click()
        playwright.expect(page.locator("#chat")).to_contain_text("You can type instead")
        page.get_by_label("Your question").fill("hello")
        browser.close()
