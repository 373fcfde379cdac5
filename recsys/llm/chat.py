"""Chat models: turns in, text or tool calls out, streamed; one interface over llama.cpp, endpoints and transformers.

The assistant asks a `ChatModel` two things: which tools to call, and how to word what they returned. Where the model is
does not matter to it: `llamacpp.LlamaCpp` runs a GGUF file in this process, `EndpointChat` asks any OpenAI-compatible
address (Ollama, vLLM, a hosted model), `WriterChat` lets a model of transformers word answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from recsys.encoders import pretrained
from recsys.errors import BadInput, require
from recsys.llm.gpt import ENDPOINT, Endpoint, Message, Sampling, TextWriter

DEFAULT_CHAT = "Qwen2.5-Coder-0.5B-Instruct"
"""The default chat model; Apache-2.0, English and Chinese."""
PLANNER_FILE = "planner.gguf"
"""Adapter for choosing tools, in the directory that `recsys finetune planner` writes."""


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model asks for, with its arguments as JSON values: not yet checked against the tool's model."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


class ChatModel(Protocol):
    """A model that answers chat turns and can call tools."""

    @property
    def name(self) -> str:
        """What to call this model in a result; changes when its weights do."""
        ...

    @property
    def calls_tools(self) -> bool:
        """Whether `calls` works; otherwise the model only words."""
        ...

    @property
    def plans(self) -> bool:
        """Whether the model was trained to choose the assistant's tools, and needs no examples of it."""
        ...

    def warm(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> None:
        """Evaluate the fixed beginning of a prompt, so that the first turn need not wait for it."""
        ...

    def stream(self, messages: Sequence[Message], sampling: Sampling = ...) -> Iterator[str]:
        """The answer in pieces, as they are decoded."""
        ...

    def calls(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], limit: int = ...
    ) -> list[ToolCall]:
        """The tools to call, at most `limit`; an endpoint may call none, a grammar makes a local model call one.

        Parameters
        ----------
        tools
            Tools as chat-completion interfaces take them: ``{"type": "function", "function": {"name", "description",
            "parameters"}}``, parameters being a JSON schema.
        """
        ...


def load_chat(
    name: str,
    adapter: Path | None = None,
    device: str | None = None,
    *,
    planner: Path | None = None,
    offline: bool = False,
) -> ChatModel:
    """The chat model of a name.

    Parameters
    ----------
    name
        ``endpoint:MODEL``; a ``.gguf`` file, a directory with one, a pinned GGUF model or a hub repository whose name
        ends in ``GGUF``, all run by llama.cpp (extra ``llm``); or a causal model of transformers, which words only.
    adapter
        LoRA adapter of a model of transformers.
    planner
        Adapter for choosing tools of a model that llama.cpp runs: a file, or the directory that `recsys finetune
        planner` wrote.

    Raises
    ------
    BadInput
        There is no such model or planner, the planner is of another kind of model, the extra is not installed, or an
        endpoint is asked for offline.
    """
    runs_here = adapter is None and not name.startswith(ENDPOINT) and pretrained.is_gguf(name)
    if planner is not None and not runs_here:
        raise BadInput(
            f"planner {planner}: for a GGUF model run by llama.cpp, and {name} is run otherwise; leave it out"
        )
    if name.startswith(ENDPOINT):
        if offline:
            raise BadInput(f"{name}: an endpoint cannot be reached offline; name a local model, or 'retrieved'")
        return EndpointChat(name.removeprefix(ENDPOINT))
    if runs_here:
        from recsys.llm.llamacpp import LlamaCpp

        require("xllamacpp", "llm")  # told before anything is downloaded
        adapted = None if planner is None else _adapter_file(planner)
        return LlamaCpp(pretrained.gguf_file(name, offline=offline), planner=adapted)
    from recsys.llm import gpt

    return WriterChat(gpt.load(name, adapter, device, offline=offline))


def _adapter_file(place: Path) -> Path:
    file = place / PLANNER_FILE if place.is_dir() else place
    if not file.is_file():
        raise BadInput(f"planner {file}: no such file; `recsys finetune planner` writes one")
    return file


class WriterChat:
    """A `TextWriter` as a chat model: it words, in one piece; which tools to call is left to the router."""

    calls_tools, plans = False, False

    def __init__(self, writer: TextWriter) -> None:
        self.writer = writer

    @property
    def name(self) -> str:
        """The writer's name."""
        return self.writer.name

    def warm(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> None:
        """Write one token: the first call of a model of transformers is slower than the others."""
        self.writer.write([list(messages)], Sampling(max_new_tokens=1))

    def stream(self, messages: Sequence[Message], sampling: Sampling = Sampling()) -> Iterator[str]:  # noqa: B008
        """The whole answer at once."""
        yield self.writer.write([list(messages)], sampling)[0]

    def calls(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], limit: int = 4) -> list[ToolCall]:
        """Not offered."""
        raise BadInput(f"{self.name} calls no tools; use a GGUF model (extra llm) or an endpoint")


class EndpointChat(Endpoint):
    """A chat model behind an endpoint, with streaming and tool calls."""

    calls_tools, plans = True, False

    def __init__(self, model: str, *, timeout: float = 30.0, retries: int = 1) -> None:
        super().__init__(model, timeout=timeout, retries=retries)

    def warm(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> None:
        """Nothing: whoever runs the endpoint keeps it warm, and requests may cost money."""

    def stream(self, messages: Sequence[Message], sampling: Sampling = Sampling()) -> Iterator[str]:  # noqa: B008
        """The answer's pieces as the endpoint sends them.

        Raises
        ------
        RecsysError
            The request failed for good.
        """
        with self.asked() as complete:
            for chunk in complete(
                messages=list(messages),
                max_tokens=sampling.max_new_tokens,
                temperature=sampling.temperature,
                stop=list(sampling.stop) or None,
                stream=True,
            ):
                if chunk.choices and (text := chunk.choices[0].delta.content):
                    yield text

    def calls(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], limit: int = 4) -> list[ToolCall]:
        """The endpoint's own tool calls; arguments that are no JSON object are dropped with their call.

        Raises
        ------
        RecsysError
            The request failed for good.
        """
        with self.asked() as complete:
            answer = complete(messages=list(messages), tools=list(tools), temperature=0.0, max_tokens=400)
        found = []
        for call in (answer.choices[0].message.tool_calls or [])[:limit]:
            try:
                arguments = json.loads(call.function.arguments or "{}")
            except json.JSONDecodeError:
                continue
            if isinstance(arguments, dict):
                found.append(ToolCall(call.function.name, arguments))
        return found
