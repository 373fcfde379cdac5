"""Chat models behind one interface: llama.cpp on a tiny random model, an endpoint over real sockets, transformers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar, Literal

import pytest
from pydantic import BaseModel

from recsys.assistant.tools import schema
from recsys.errors import BadInput, RecsysError
from recsys.llm.chat import EndpointChat, ToolCall, WriterChat, load_chat
from recsys.llm.decoding import Sampling
from recsys.llm.llamacpp import call_schema, parse_calls
from tests.tiny_gguf import write_tiny_gguf

MESSAGES = [{"role": "system", "content": "You choose tools."}, {"role": "user", "content": "a tent under 300"}]


class Search(BaseModel):
    """Find products."""

    query: str
    price_max: float | None = None


class Reply(BaseModel):
    """Say something."""


TOOLS = [schema(Search, "search_products"), schema(Reply, "reply")]


# --- llama.cpp --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Any:
    pytest.importorskip("xllamacpp", reason="the extra llm is not installed")
    return load_chat(str(write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")))


def test_a_random_model_still_calls_tools_that_parse(local: Any) -> None:
    """The grammar holds whatever the weights are: each call is one of the tools with arguments of its types."""
    local.warm(MESSAGES[:1], TOOLS)
    for words in ("a tent under 300", "你好"):
        for call in local.calls([MESSAGES[0], {"role": "user", "content": words}], TOOLS, limit=2):
            assert call.name in {"search_products", "reply"}
            assert set(call.arguments) <= ({"query", "price_max"} if call.name == "search_products" else set())
            assert all(isinstance(value, str | float | int | None) for value in call.arguments.values())


def test_a_random_model_chooses_only_what_is_offered(local: Any) -> None:
    """Arguments of closed choices hold, too, and a call is always made."""

    class Choice(BaseModel):
        """Choose."""

        entry: Literal["How long?", "退货要钱吗？"]

    for words in ("Tell me a joke", "你好"):
        found = local.calls([MESSAGES[0], {"role": "user", "content": words}], [schema(Choice, "rules")], limit=2)
        assert 1 <= len(found) <= 2
        assert all(c.name == "rules" and Choice.model_validate(dict(c.arguments)) for c in found)


def test_pieces_are_streamed_and_are_the_same_each_time(local: Any) -> None:
    first, second = (list(local.stream(MESSAGES, Sampling(max_new_tokens=24))) for _ in range(2))
    assert "".join(first) == "".join(second)
    assert len(first) > 1


def test_a_reader_that_stops_stops_the_decoding(local: Any) -> None:
    pieces = local.stream(MESSAGES, Sampling(max_new_tokens=2_000))
    next(pieces)
    pieces.close()
    assert list(local.stream(MESSAGES, Sampling(max_new_tokens=2)))  # the slot is free again


def test_a_prompt_too_long_for_the_model_is_an_error_that_says_so(local: Any) -> None:
    with pytest.raises(RecsysError, match=r"context|exceed"):
        list(local.stream([{"role": "user", "content": "word " * 4_000}]))
    with pytest.raises(BadInput, match="at most 40000"):
        list(local.stream([{"role": "user", "content": "x" * 50_000}]))


def test_the_port_of_the_server_is_closed_to_others(local: Any) -> None:
    import httpx

    body = {"messages": MESSAGES, "max_tokens": 1}
    answer = httpx.post(f"{local._server.listening_address}/v1/chat/completions", json=body)
    assert answer.status_code == 401


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="the extra llm is not installed")
    with pytest.raises(BadInput, match="no such file"):
        load_chat(str(tmp_path / "absent.gguf"))
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(BadInput, match=r"llama\.cpp cannot load it"):
        load_chat(str(tmp_path / "broken.gguf"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('[{"tool": "a", "x": 1}, {"tool": "b"}]', ["a", "b"]),
        ('[{"tool": "a", "x": "{"}, {"tool": "b", "que', ["a"]),
        ('[{"tool": "reply"}]', ["reply"]),
        ("no JSON", []),
        ('[{"x": 1}]', []),
    ],
)
def test_calls_are_read_from_what_was_decoded(text: str, names: list[str]) -> None:
    assert [call.name for call in parse_calls(text)] == names


def test_the_schema_of_calls_is_a_list_of_named_tools() -> None:
    form = call_schema(TOOLS, 3)
    assert form["maxItems"] == 3
    assert [f["properties"]["tool"]["const"] for f in form["items"]["anyOf"]] == ["search_products", "reply"]
    assert form["items"]["anyOf"][0]["required"] == ["tool", "query"]


# --- an endpoint: the real client against a small server of our own ---------------------------------------------------


class Endpoint(BaseHTTPRequestHandler):
    """As much of an OpenAI-compatible server as a chat needs; what was asked is kept."""

    asked: ClassVar[list[dict[str, Any]]] = []
    status: ClassVar[int] = 200

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        if body.get("stream"):
            chunks = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in ("Two ", "days.")]
            lines = [*(json.dumps(chunk) for chunk in chunks), "[DONE]"]
            self.send("".join(f"data: {line}\n\n" for line in lines), "text/event-stream")
            return
        calls = [
            {"id": "1", "type": "function", "function": {"name": "search_products", "arguments": '{"query": "tent"}'}},
            {"id": "2", "type": "function", "function": {"name": "search_products", "arguments": "{broken"}},
        ]
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        self.send(json.dumps({"choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]}))

    def send(self, text: str, kind: str = "application/json") -> None:
        self.send_response(self.status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Endpoint]]:
    pytest.importorskip("openai")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "no-secret")
    monkeypatch.setattr(Endpoint, "asked", [])
    yield Endpoint
    server.shutdown()


def test_an_endpoint_streams_and_calls_tools(endpoint: type[Endpoint]) -> None:
    model = load_chat("endpoint:some-model")
    assert list(model.stream(MESSAGES, Sampling(max_new_tokens=9))) == ["Two ", "days."]
    assert model.calls(MESSAGES, TOOLS) == [ToolCall("search_products", {"query": "tent"})]  # the broken one is dropped
    streamed, called = endpoint.asked
    assert streamed["model"] == "some-model"
    assert streamed["max_tokens"] == 9
    assert [tool["function"]["name"] for tool in called["tools"]] == ["search_products", "reply"]


def test_an_endpoint_that_fails_says_its_kind_and_no_content(
    endpoint: type[Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endpoint, "status", 401)
    for ask in (lambda m: list(m.stream(MESSAGES)), lambda m: m.calls(MESSAGES, TOOLS)):
        with pytest.raises(RecsysError, match="AuthenticationError") as caught:
            ask(EndpointChat("some-model"))
        assert "tent" not in str(caught.value)


def test_an_endpoint_needs_a_key_and_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(BadInput, match="OPENAI_API_KEY"):
        load_chat("endpoint:some-model")
    with pytest.raises(BadInput, match="offline"):
        load_chat("endpoint:some-model", offline=True)


def test_a_planner_that_is_not_there_or_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    gguf = str(write_tiny_gguf(tmp_path / "tiny.gguf"))
    with pytest.raises(BadInput, match=r"planner .*planner\.gguf: no such file; `recsys finetune planner` writes one"):
        load_chat(gguf, planner=tmp_path)
    (tmp_path / "planner.gguf").write_text("no adapter")
    with pytest.raises(BadInput, match=r"cannot load it with the adapter .*planner\.gguf"):
        load_chat(gguf, planner=tmp_path)
    for other in ("endpoint:some-model", "gpt2"):
        with pytest.raises(BadInput, match=f"{other} is run otherwise; leave it out"):
            load_chat(other, planner=tmp_path)


# --- transformers -----------------------------------------------------------------------------------------------------


class Parrot:
    """A writer that says what it was asked last."""

    name = "parrot"

    def write(self, prompts: Any, sampling: Any = None, *, seeds: Any = 0) -> list[str]:
        return [prompt[-1]["content"] for prompt in prompts]


def test_a_model_of_transformers_words_and_leaves_tools_to_the_router() -> None:
    model = WriterChat(Parrot())
    assert list(model.stream(MESSAGES)) == ["a tent under 300"]
    assert not model.calls_tools
    with pytest.raises(BadInput, match="calls no tools"):
        model.calls(MESSAGES, TOOLS)
