"""Writers: seeds, batches, stops and adapters on a tiny model; the endpoint against a small local server."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from recsys.errors import ArtifactError, BadInput, RecsysError
from recsys.llm import gpt
from recsys.llm.gpt import Sampling
from recsys.llm.loading import load_model
from tests.tiny_gpt import write_gpt2

PROMPTS = ["a red teapot", "why a lamp and a clock and a tray?", "x", "because the blue mug"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer GPT-2 with random weights."""
    return write_gpt2(tmp_path_factory.mktemp("tiny-gpt"), PROMPTS, positions=48, spread=0.3)


@pytest.fixture(scope="module")
def writer(directory: Path) -> gpt.LocalWriter:
    return gpt.load(str(directory), device="cpu")


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_text_does_not_depend_on_its_batch(writer: gpt.LocalWriter, temperature: float) -> None:
    sampling = Sampling(12, temperature=temperature)
    together = writer.write(PROMPTS, sampling, seeds=[1, 2, 3, 4])
    alone = [writer.write([p], sampling, seeds=[s])[0] for p, s in zip(PROMPTS, [1, 2, 3, 4], strict=True)]
    assert together == alone
    assert together == writer.write(PROMPTS, sampling, seeds=[1, 2, 3, 4])


def test_seeds_vary_the_text(writer: gpt.LocalWriter) -> None:
    texts = writer.write(["a red"] * 8, Sampling(10, temperature=1.5), seeds=list(range(8)))
    assert len(set(texts)) > 4
    assert len(set(writer.write(["a red"] * 3, Sampling(10, temperature=1.5), seeds=5))) == 1


def test_stop_strings_end_a_text(writer: gpt.LocalWriter) -> None:
    free = writer.write(["a red teapot"], Sampling(20))[0]
    mark = free[len(free) // 2]
    assert writer.write(["a red teapot"], Sampling(20, stop=(mark,)))[0] == gpt.cut(free, (mark,))


def test_a_guided_text_is_one_of_those_allowed(writer: gpt.LocalWriter) -> None:
    allowed = [[" a red mug.", " a red teapot.", " why?"], [" x"], [" because"] * 2, [" a lamp", " a lamp and a tray"]]
    for temperature in (0.0, 2.0):
        texts = writer.write(PROMPTS, Sampling(24, temperature=temperature), seeds=[1, 2, 3, 4], within=allowed)
        assert all(f" {text}" in texts_allowed for text, texts_allowed in zip(texts, allowed, strict=True))
    drawn = writer.write(["a"] * 40, Sampling(24, temperature=2.0), seeds=list(range(40)), within=[allowed[0]] * 40)
    assert len(set(drawn)) > 1
    with pytest.raises(BadInput, match="within"):
        writer.write(["a"], Sampling(4), within=[[]])


def test_scores_are_mean_log_probabilities(writer: gpt.LocalWriter) -> None:
    prompt, completion = "a red", " teapot"
    ids = writer.tokenizer(prompt)["input_ids"]
    tail = writer.tokenizer(completion)["input_ids"]
    with torch.no_grad():
        logs = torch.log_softmax(writer.model(torch.tensor([ids + tail])).logits[0], -1)
    expected = np.mean([float(logs[len(ids) - 1 + i, t]) for i, t in enumerate(tail)])
    assert writer.score([prompt], [completion])[0] == pytest.approx(expected, abs=1e-5)


def test_long_prompts_lose_their_beginning(writer: gpt.LocalWriter) -> None:
    assert isinstance(writer.write(["a red teapot " * 60], Sampling(8))[0], str)
    with pytest.raises(BadInput, match="at most"):
        writer.write(["x" * (gpt.MAX_PROMPT_CHARACTERS + 1)])
    with pytest.raises(BadInput, match="no room"):
        writer.write(["x"], Sampling(48))


def test_bad_arguments_are_named(writer: gpt.LocalWriter) -> None:
    with pytest.raises(BadInput, match="one seed"):
        writer.write(["a", "b"], Sampling(4), seeds=[1])
    with pytest.raises(BadInput, match="max_new_tokens"):
        Sampling(0)


@pytest.mark.parametrize(("missing", "load"), [("peft", {"adapter": "some"}), ("gguf", {})])
def test_what_is_not_installed_names_its_extra(
    missing: str, load: dict[str, str], directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(directory, tmp_path / "some"))
    if missing == "gguf":
        (folder / "model.gguf").write_bytes(b"GGUF")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(BadInput, match=rf"`{missing}` is needed.*shop-recsys\[writers\]"):
        gpt.load(str(folder), **{name: str(folder) for name in load})


def test_adapters_are_merged(directory: Path, writer: gpt.LocalWriter, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    model, _ = load_model(directory, "tiny")
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=["c_attn"], task_type="CAUSAL_LM"))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    adapted.save_pretrained(tmp_path / "adapter")
    changed = gpt.load(str(directory), tmp_path / "adapter", device="cpu")
    assert changed.name != writer.name
    assert changed.write(PROMPTS, Sampling(12)) != writer.write(PROMPTS, Sampling(12))
    with pytest.raises(ArtifactError, match="missing"):
        gpt.load(str(directory), tmp_path / "nowhere")


class _Endpoint(BaseHTTPRequestHandler):
    """Speaks as much of the chat protocol as a client needs; fails the first request of each test that asks for it."""

    failures = 0
    seen: list[dict[str, object]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).seen.append(body | {"key": self.headers["Authorization"], "path": self.path})
        if type(self).failures > 0:
            type(self).failures -= 1
            self.send_response(503)
            self.end_headers()
            return
        said = {"role": "assistant", "content": f"You said {body['messages'][-1]['content']}.\nMore."}
        answer = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
        payload = json.dumps(answer | {"choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Endpoint]]:
    pytest.importorskip("openai")
    _Endpoint.failures, _Endpoint.seen = 0, []
    server = HTTPServer(("127.0.0.1", 0), _Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    yield _Endpoint
    server.shutdown()
    server.server_close()


def test_endpoint_answers_and_retries(endpoint: type[_Endpoint]) -> None:
    endpoint.failures = 1
    texts = gpt.EndpointWriter("m", retries=2).write(["hello", "again"], Sampling(9, stop=("\n",)), seeds=[3, 4])
    assert texts == ["You said hello.", "You said again."]
    assert [r["seed"] for r in endpoint.seen] == [3, 3, 4]
    assert endpoint.seen[0]["key"] == "Bearer secret"


def test_endpoint_failures_do_not_quote_the_request(endpoint: type[_Endpoint]) -> None:
    endpoint.failures = 9
    with pytest.raises(RecsysError) as error:
        gpt.EndpointWriter("m", retries=0).write(["private words"])
    assert "private" not in str(error.value)
    assert "secret" not in str(error.value)


def test_endpoint_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(BadInput, match="OPENAI_API_KEY"):
        gpt.EndpointWriter("m")
