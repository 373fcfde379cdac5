"""GGUF chat models run by llama.cpp in this process (the wheel ``xllamacpp``, extra ``llm``).

Tool calls are decoded under a grammar made from the tools' JSON schemas, so what comes back always parses. Choosing
tools and wording answers have fixed prompts of their own; each keeps a slot of the server, and with it the evaluated
prompt, so that a turn only pays for what is new in it.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from recsys.encoders.wheels import sha256
from recsys.errors import BadInput, RecsysError, require
from recsys.llm.chat import ToolCall
from recsys.llm.decoding import Sampling, cut
from recsys.llm.gpt import MAX_PROMPT_CHARACTERS, Message

CONTEXT = 4096
"""Tokens of each slot: fixed prompt, conversation and answer."""
MAX_CALL_TOKENS = 220
_CALLING, _WORDING = 0, 1


class LlamaCpp:
    """A chat model of llama.cpp.

    Parameters
    ----------
    file
        A GGUF file.
    planner
        LoRA adapter (GGUF) of this model for choosing tools; wording goes without it. By default none.
    threads
        Threads that compute; by default ``OMP_NUM_THREADS``, else one a core this process may use.

    Attributes
    ----------
    plans
        Whether it was trained to choose tools, and needs no examples of them.

    Raises
    ------
    BadInput
        The extra is not installed, or the file is no model that llama.cpp can load.
    """

    calls_tools = True

    def __init__(self, file: Path, *, planner: Path | None = None, threads: int | None = None) -> None:
        llama = require("xllamacpp", "llm")
        params = llama.CommonParams()
        params.model.path = str(file)
        params.n_parallel, params.n_ctx = 2, 2 * CONTEXT
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads or _threads()
        params.cpuparams.poll = params.cpuparams_batch.poll = 0  # waiting threads leave the cores to the shop
        params.cache_ram_mib = 0  # the two slots keep what is worth keeping
        params.warmup, params.verbosity, params.use_jinja, params.ui = False, -1, True, False
        params.force_pure_content_parser = True  # calls are read here, also those of a list that was cut off
        # the wheel's server also listens on a port of this machine: nobody else has its key
        params.api_keys = [secrets.token_urlsafe(32)]
        self.plans = planner is not None
        if planner is not None:
            adapter = llama.CommonAdapterLoraInfo()
            adapter.path, adapter.scale = str(planner), 1.0
            params.lora_adapters = [adapter]
        try:
            self._server = llama.Server(params)
        except RuntimeError as error:
            beside = "" if planner is None else f" with the adapter {planner}"
            raise BadInput(f"model {file}: llama.cpp cannot load it{beside}: {error}") from error
        # as a grammar: a schema given to the server is checked against the prompt's last tokens, and then not at all
        self._grammar = llama.json_schema_to_grammar
        self.name = f"{file.stem}@{sha256(file)[:8]}"
        self._lock = Lock()  # one answer at a time: two would share the cores and both be late

    def warm(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> None:
        """Evaluate a prompt into the slot it will be asked in."""
        slot = _CALLING if tools else _WORDING
        with self._lock:
            self._complete({**self._body(messages, slot), "max_tokens": 1})

    def stream(self, messages: Sequence[Message], sampling: Sampling = Sampling()) -> Iterator[str]:  # noqa: B008
        """The answer's pieces as they are decoded; a caller that stops reading stops the decoding.

        Raises
        ------
        RecsysError
            llama.cpp refused the request or failed.
        """
        body = self._body(messages, _WORDING) | {
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "stop": list(sampling.stop),
            "stream": True,
        }
        pieces: SimpleQueue[str | Exception | None] = SimpleQueue()
        stopped = Event()

        def take(chunk: str) -> bool:
            said = json.loads(chunk)
            if "error" in said:
                pieces.put(RecsysError(f"{self.name}: {said['error'].get('message', 'failed')}"))
            elif said.get("choices") and (text := said["choices"][0]["delta"].get("content")):
                pieces.put(text)
            return stopped.is_set()

        def decode() -> None:
            try:
                self._server.handle_chat_completions(json.dumps(body), take)
            except (RuntimeError, ValueError) as error:  # the reader has to hear of it
                pieces.put(RecsysError(f"{self.name}: {error}"))
            pieces.put(None)

        with self._lock:
            worker = Thread(target=decode, daemon=True)
            worker.start()
            try:
                while (piece := pieces.get()) is not None:
                    if isinstance(piece, Exception):
                        raise piece
                    yield piece
            finally:
                stopped.set()
                worker.join()

    def calls(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], limit: int = 4) -> list[ToolCall]:
        """Tool calls decoded under the grammar of the tools' schemas: at least one, so offer one that looks nothing up.

        Raises
        ------
        RecsysError
            llama.cpp refused the request or failed.
        """
        body = self._body(messages, _CALLING) | {
            "max_tokens": MAX_CALL_TOKENS,
            "temperature": 0.0,
            "grammar": self._grammar(call_schema(tools, limit)),
        }
        with self._lock:
            text = self._complete(body)
        return parse_calls(text)

    def _body(self, messages: Sequence[Message], slot: int) -> dict[str, Any]:
        size = sum(len(message["content"]) for message in messages)
        if size > MAX_PROMPT_CHARACTERS:
            raise BadInput(f"prompt of {size} characters; at most {MAX_PROMPT_CHARACTERS} are read")
        body = {"messages": [dict(m) for m in messages], "id_slot": slot, "cache_prompt": True, "temperature": 0.0}
        return body | ({"lora": [{"id": 0, "scale": float(slot == _CALLING)}]} if self.plans else {})

    def _complete(self, body: Mapping[str, Any]) -> str:
        said = self._server.handle_chat_completions(dict(body))
        if "error" in said:
            raise RecsysError(f"{self.name}: {said['error'].get('message', 'failed')}")
        return cut(said["choices"][0]["message"]["content"] or "", ())


def _threads() -> int:
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdigit() and int(said) > 0:
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def call_schema(tools: Sequence[Mapping[str, Any]], limit: int) -> dict[str, Any]:
    """JSON schema of at most `limit` calls: each is an object with the tool's name first, then its arguments."""
    forms = []
    for tool in tools:
        function = tool["function"]
        parameters = function["parameters"]
        properties = {"tool": {"const": function["name"]}, **parameters.get("properties", {})}
        forms.append(
            {
                "type": "object",
                "properties": properties,
                "required": ["tool", *parameters.get("required", [])],
                "additionalProperties": False,
            }
        )
    return {"type": "array", "items": {"anyOf": forms}, "minItems": 1, "maxItems": limit}


def parse_calls(text: str) -> list[ToolCall]:
    """The calls of a decoded list; of one that was cut off by the token limit, those that are whole."""
    decoder, found, at = json.JSONDecoder(), [], text.find("{")
    while at >= 0:
        try:
            entry, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            break
        if isinstance(entry, dict) and isinstance(name := entry.pop("tool", None), str):
            found.append(ToolCall(name, entry))
        at = text.find("{", end)
    return found
