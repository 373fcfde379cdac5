"""Causal language models that write: local ones from transformers, or any OpenAI-compatible endpoint.

Everything that needs a GPT (reasons, answers, marketing copy) asks a `TextWriter`. What a local writer returns is a
function of prompt and seed alone: each row of a batch draws from its own generator, so that a text does not change
with the other texts of its batch. That is why writing stays in fp32: in bfloat16 a batch is two to three times as fast
on a CPU that has it, but its rounding differs with the padding, and three of eight texts changed with their batch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from recsys.data.parsing import storable
from recsys.encoders import pretrained
from recsys.encoders.encoder import pick_device
from recsys.encoders.tokens import padded
from recsys.errors import BadInput, RecsysError, require
from recsys.llm.decoding import (
    GREEDY,
    Sampling,
    SeededDraw,
    StopStrings,
    Tree,
    allowed_tokens,
    completed,
    cut,
    prefix_tree,
)
from recsys.llm.loading import load_model, merge_adapter

__all__ = [
    "DEFAULT",
    "ENDPOINT",
    "Endpoint",
    "EndpointWriter",
    "LocalWriter",
    "Message",
    "Prompt",
    "Sampling",
    "TextWriter",
    "cut",
    "load",
    "rendered",
]

DEFAULT = "SmolLM2-135M-Instruct"
"""The default writer; Apache-2.0, English."""
ENDPOINT = "endpoint:"
"""What the name of a writer begins with that is a model behind an OpenAI-compatible address."""

MAX_PROMPT_CHARACTERS = 40_000
"""A longer prompt is refused: nobody meant to send it."""

Message = Mapping[str, str]
"""One chat turn: `role` (`system`, `user` or `assistant`) and `content`."""

Prompt = str | Sequence[Message]
"""Text to be continued, or chat turns to be answered."""


class TextWriter(Protocol):
    """Anything that continues text."""

    @property
    def name(self) -> str:
        """What to call this writer in a result or a cache key; changes when its weights do."""
        ...

    def write(
        self, prompts: Sequence[Prompt], sampling: Sampling = ..., *, seeds: int | Sequence[int] = 0
    ) -> list[str]:
        """Continue each prompt; one seed for all, or one each."""
        ...


class LocalWriter:
    """A causal model of transformers on this machine; `load` makes one.

    Attributes
    ----------
    name
        Model name and the first digits of the weights' (and adapter's) hash.
    model, tokenizer
        The transformers objects, the adapter merged into the weights.
    batch_size
        Prompts continued together.
    """

    def __init__(self, model: Any, tokenizer: Any, name: str, *, batch_size: int = 32) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.batch_size = batch_size

    def write(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling = GREEDY,
        *,
        seeds: int | Sequence[int] = 0,
        within: Sequence[Sequence[str]] | None = None,
    ) -> list[str]:
        """Continue each prompt.

        Parameters
        ----------
        prompts
            Texts, continued as they are, or chat turns, put into the model's own chat template.
        sampling
            How tokens are chosen.
        seeds
            One for all or one per prompt. Equal prompts with equal seeds have equal continuations.
        within
            For each prompt the texts that may be written: token by token the model goes on with what continues at least
            one of them (guided decoding over their prefix tree), and ends where one ends.

        Returns
        -------
        list of str
            The continuations without the prompts, stripped, in the order given.
        """
        rows = [self._ids(prompt, room=sampling.max_new_tokens) for prompt in prompts]
        seed_of = [seeds] * len(rows) if isinstance(seeds, int) else list(seeds)
        if len(seed_of) != len(rows):
            raise BadInput(f"{len(rows)} prompts need one seed or {len(rows)}, not {len(seed_of)}")
        out = [""] * len(rows)
        order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))  # similar lengths: little padding
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            trees = None if within is None else [prefix_tree(self.tokenizer, within[row], self._end) for row in batch]
            texts = self._continue([rows[row] for row in batch], sampling, [seed_of[row] for row in batch], trees)
            for row, text in zip(batch, texts, strict=True):
                out[row] = text
        return out

    def score(self, prompts: Sequence[Prompt], completions: Sequence[str]) -> NDArray[np.float64]:
        """Mean log-probability (natural logarithm) per token of each completion after its prompt, shape ``(n,)``."""
        scores = np.empty(len(prompts))
        for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            tail = self.tokenizer(completion, add_special_tokens=False)["input_ids"]
            if not tail:
                raise BadInput(f"completion {row} is empty; there is nothing to score")
            head = self._ids(prompt, room=len(tail))
            ids = torch.tensor([head + tail], device=self.model.device)
            with torch.inference_mode():
                logits = self.model(ids, logits_to_keep=len(tail) + 1).logits[0, :-1].float()
            chosen = torch.log_softmax(logits, -1).gather(1, ids[0, -len(tail) :, None])
            scores[row] = float(chosen.mean())
        return scores

    def _ids(self, prompt: Prompt, room: int) -> list[int]:
        """Token ids of a prompt; what does not fit before `room` new tokens is cut from its beginning."""
        text = rendered(self.tokenizer, prompt)
        if len(text) > MAX_PROMPT_CHARACTERS:
            raise BadInput(f"prompt of {len(text)} characters; at most {MAX_PROMPT_CHARACTERS} are read")
        ids: list[int] = self.tokenizer(storable(text), add_special_tokens=False)["input_ids"]
        limit = int(getattr(self.model.config, "max_position_embeddings", None) or 2048) - room
        if limit < 1:
            raise BadInput(f"{self.name} has no room for {room} new tokens")
        return ids[-limit:] or [self._end]

    @property
    def _end(self) -> int:
        end = self.tokenizer.eos_token_id
        return int(end if end is not None else 0)

    @property
    def _ends(self) -> list[int]:
        """Tokens that end a text: the tokenizer's, and those of the model's own configuration that it can write."""
        own = self.model.generation_config.eos_token_id
        more = own if isinstance(own, list) else [own]
        return sorted({self._end, *(t for t in more if t is not None and 0 <= t < self.model.config.vocab_size)})

    def _continue(
        self, rows: Sequence[list[int]], sampling: Sampling, seeds: Sequence[int], trees: Sequence[Tree] | None
    ) -> list[str]:
        from transformers import LogitsProcessorList, PrefixConstrainedLogitsProcessor, StoppingCriteriaList

        # Left padding: the new tokens of all rows start in the same column.
        ids, mask = padded(rows, self._end, "left")
        width = ids.shape[1]
        device = self.model.device
        choose: list[Any] = []
        if trees is not None:
            choose.append(PrefixConstrainedLogitsProcessor(allowed_tokens(trees, width, self._end), num_beams=1))
        choose += [SeededDraw(sampling, seeds)] if sampling.temperature else []
        stops = [StopStrings(self.tokenizer, sampling.stop, width)] if sampling.stop else []
        with torch.inference_mode():
            out = self.model.generate(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                max_new_tokens=sampling.max_new_tokens,
                do_sample=False,
                pad_token_id=self._end,
                eos_token_id=self._ends,
                logits_processor=LogitsProcessorList(choose),
                stopping_criteria=StoppingCriteriaList(stops),
            )
        new = out[:, width:].tolist()
        if trees is not None:
            new = [completed(tree, row, self._end) for tree, row in zip(trees, new, strict=True)]
        texts = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        return [cut(text, sampling.stop) for text in texts]


def rendered(tokenizer: Any, prompt: Prompt) -> str:
    """A prompt as text: messages in the tokenizer's chat template, or one a line where it has none."""
    if isinstance(prompt, str):
        return prompt
    if tokenizer.chat_template:
        require("jinja2", "writers")
        turns = [dict(message) for message in prompt]
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    return "\n".join(message["content"] for message in prompt) + "\n"


def load(
    name: str = DEFAULT,
    adapter: str | Path | None = None,
    device: str | None = None,
    *,
    batch_size: int = 32,
    offline: bool = False,
) -> LocalWriter:
    """Load a causal model, and merge a LoRA adapter into it if one is given.

    Parameters
    ----------
    name
        What `recsys.encoders.pretrained.resolve` takes: a directory (safetensors or one GGUF file), the pinned default,
        or a Hugging Face name such as `gpt2`.
    adapter
        Directory of a peft adapter (`adapter_config.json`, `adapter_model.safetensors`) trained on this model.
    device
        See `recsys.encoders.encoder.pick_device`.

    Raises
    ------
    BadInput
        There is no such model, or it is no causal model.
    ArtifactError
        The adapter is missing, damaged, or was made for another model.
    """
    # Told before anything is downloaded; the default's file is a GGUF.
    for needed in (["peft"] if adapter is not None else []) + (["gguf", "accelerate"] if name == DEFAULT else []):
        require(needed, "writers")
    path = pretrained.resolve(name, offline=offline)
    model, tokenizer = load_model(path, name)
    tag = pretrained.weights_hash(path)
    if adapter is not None:
        model = merge_adapter(model, Path(adapter))
        tag = hashlib.sha256((tag + pretrained.weights_hash(Path(adapter))).encode()).hexdigest()
    label = f"{Path(name).name}{f'+{Path(adapter).name}' if adapter else ''}@{tag[:8]}"
    return LocalWriter(model.to(pick_device(device)).eval(), tokenizer, label, batch_size=batch_size)


class Endpoint:
    """An OpenAI-compatible chat endpoint and one of its models (the `openai` extra).

    The key comes from the environment (``OPENAI_API_KEY``), the address from ``OPENAI_BASE_URL`` where it is not
    OpenAI's; neither is ever an argument, so neither ends up in a notebook or a log.

    Parameters
    ----------
    model
        Name the endpoint knows.
    timeout
        Seconds for one request.
    retries
        Further tries after a time-out, a 429 or a 5xx, with the client's exponential backoff.
    """

    def __init__(self, model: str, *, timeout: float = 20.0, retries: int = 2) -> None:
        self._openai = require("openai", "openai")
        if not os.environ.get("OPENAI_API_KEY"):
            raise BadInput("set OPENAI_API_KEY (and OPENAI_BASE_URL for an endpoint that is not OpenAI's)")
        self._client = self._openai.OpenAI(timeout=timeout, max_retries=retries)
        self._model = model

    @property
    def name(self) -> str:
        """The model's name as the endpoint knows it."""
        return f"{ENDPOINT}{self._model}"

    @contextmanager
    def asked(self) -> Iterator[Callable[..., Any]]:
        """The call that completes a chat with this model, while the block lasts in which its answer is read.

        Raises
        ------
        RecsysError
            The request failed for good.
        """
        try:
            yield partial(self._client.chat.completions.create, model=self._model)
        except self._openai.OpenAIError as error:  # its text may quote the request: only its kind is passed on
            raise RecsysError(f"{self.name}: {type(error).__name__}; see OPENAI_BASE_URL and the key") from None


class EndpointWriter(Endpoint):
    """A writer behind an endpoint."""

    def write(
        self, prompts: Sequence[Prompt], sampling: Sampling = GREEDY, *, seeds: int | Sequence[int] = 0
    ) -> list[str]:
        """Continue each prompt, one request after another; a request that fails for good raises `RecsysError`."""
        seed_of = [seeds] * len(prompts) if isinstance(seeds, int) else list(seeds)
        texts = []
        for prompt, seed in zip(prompts, seed_of, strict=True):
            messages: Any = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
            with self.asked() as complete:
                answer = complete(
                    messages=messages,
                    max_tokens=sampling.max_new_tokens,
                    temperature=sampling.temperature,
                    top_p=sampling.top_p,
                    stop=list(sampling.stop) or None,
                    seed=seed & (2**31 - 1),
                )
            texts.append(cut(answer.choices[0].message.content or "", sampling.stop))
        return texts
