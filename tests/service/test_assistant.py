"""Answers over HTTP: streamed as they are written, ended where a caller hangs up or time is over."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from recsys.assistant.answers import Assistant
from recsys.assistant.reply import Answer, Done, Sources, Token
from recsys.assistant.setup import publish_knowledge
from recsys.data.feedback import Feedback
from recsys.service.app import create_app
from recsys.settings import load_settings

QUESTION = "How long does delivery take?"


@pytest.fixture(scope="module")
def shop(environment, tiny_version, tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    shutil.copytree(tiny_version, folder / "shop")
    (folder / "faq.csv").write_text(f"question,answer\n{QUESTION},Three days.\n", "utf-8")
    settings = load_settings(artifacts=folder / "shop")
    publish_knowledge([folder / "faq.csv"], settings)
    with TestClient(create_app(settings)) as client:
        yield client


def events(answer) -> list[tuple[str, dict]]:
    import json

    found = []
    for block in answer.text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_a_streamed_answer_is_the_plain_one_in_pieces(shop):
    plain = shop.post("/answer", json={"question": QUESTION}).json()
    for more, headers in (({"stream": True}, {}), ({}, {"Accept": "text/event-stream"})):
        streamed = shop.post("/answer", json={"question": QUESTION, **more}, headers=headers)
        assert streamed.headers["content-type"].startswith("text/event-stream")
        told = events(streamed)
        assert told[0] == ("sources", {"sources": plain["sources"]})
        assert "".join(data["text"] for name, data in told if name == "delta") == plain["text"]
        assert told[-1] == ("answer", plain)


def test_pieces_come_while_the_rest_is_written_and_the_end_of_time_is_said(shop, monkeypatch):
    go_on = threading.Event()

    def slowly(self, *_: object) -> Iterator[object]:
        yield Sources(("faq:1",))
        yield Token("Three ")
        go_on.wait(10)
        yield Done(Answer("Three days."))

    monkeypatch.setattr(Assistant, "stream", slowly)
    monkeypatch.setattr(shop.app.state.service.slow, "_seconds", 1.0)
    told = events(shop.post("/answer", json={"question": QUESTION, "stream": True}))
    assert [name for name, _ in told] == ["sources", "delta", "problem"]
    assert "not answered within 1 seconds" in told[-1][1]["detail"]
    go_on.set()


def test_a_fault_while_writing_is_said_without_its_words(shop, monkeypatch):
    def broken(self, *_: object) -> Iterator[object]:
        yield Sources(())
        raise RuntimeError("secret")

    monkeypatch.setattr(Assistant, "stream", broken)
    told = events(shop.post("/answer", json={"question": QUESTION, "stream": True}))
    assert told[-1] == ("problem", {"detail": "a fault of the service"})


def test_feedback_is_kept_and_a_model_writes(shop, monkeypatch):
    service = shop.app.state.service
    rated = {"question": QUESTION, "answer": "Three days.", "rating": -1, "user_id": "000", "sources": ["faq:1"]}
    assert shop.post("/feedback", json=rated).status_code == 202
    kept = Feedback(service.settings.artifacts / "feedback").table().iloc[-1]
    assert (kept["rating"], kept["user_id"], kept["sources"]) == (-1, "000", ["faq:1"])
    assert shop.post("/feedback", json={**rated, "rating": 0}).status_code == 422

    class Echo:
        name = "echo"

        def stream(self, messages, sampling):
            yield from (messages[-1]["content"], f" {sampling.max_new_tokens}")

    monkeypatch.setattr(service, "chat_model", Echo)
    told = shop.post("/generate", json={"prompt": "Hi", "max_tokens": 7}).json()
    assert told == {"text": "Hi 7", "writer": "echo"}
