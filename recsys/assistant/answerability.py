"""Answerability: whether a text of the shop says what a question asks, by a cross-encoder taught on invented shops.

A question and a text are about one matter far more often than one answers the other; likeness of vectors cannot tell
(Rajpurkar et al., "Know What You Don't Know", 2018, call such questions unanswerable). The adapter that the package
brings was taught on questions and passages written for it (`data/answerability`), and knows no shop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from recsys.assistant.adapters import of_lines, used
from recsys.encoders import cross_encoder
from recsys.encoders.cross_encoder import CrossEncoder
from recsys.llm import causal_cross_encoder
from recsys.llm.causal_cross_encoder import CausalCrossEncoder
from recsys.llm.chat import DEFAULT_CHAT

T = TypeVar("T")

LABELS = ("silent", "yes", "no", "answers")
"""What a passage says to a question: nothing, yes, no, or what is asked."""
OUTPUTS = (*LABELS, "follows")
"""Scores of the cross-encoder; ``follows`` is of a statement: that all of it follows from the passage."""
ADAPTER = "answerability.safetensors"
"""The adapter's file in a directory that `recsys finetune answerability` writes."""
ENCODER = "multilingual-e5-small"
OWN = {ENCODER: ADAPTER, DEFAULT_CHAT: "answerability_causal.safetensors"}
"""The package's own adapters by the model that each is for: of an encoder, and of the default chat model, which judges
better and takes longer."""
_KEPT = 512
"""Pairs whose scores are kept: several rules of the router ask about one question and the same texts."""


class Answerability:
    """Judges questions beside texts.

    Parameters
    ----------
    encoder
        Scores pairs of a question and a text in the order of `OUTPUTS`.
    """

    def __init__(self, encoder: CrossEncoder | CausalCrossEncoder) -> None:
        self._encoder = encoder
        self._kept: dict[tuple[str, str], NDArray[np.float32]] = {}
        self._lock = Lock()

    @classmethod
    def load(cls, directory: Path | None = None, base: str = ENCODER, *, offline: bool = False) -> Answerability | None:
        """Load an adapter: that of a directory, or the package's own for a model of `OWN`.

        Returns
        -------
        Answerability or None
            None, with a warning, where the weights that the package's own is for cannot be had or read.

        Raises
        ------
        ArtifactError
            There is none in the directory, or it is damaged.
        """
        return _used(lambda file: cls(encoder_of(file, offline=offline)), base, directory)

    def answers(self, question: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Probability that each text says what the question asks, shape ``(len(texts),)``."""
        scores = self._scores(self._encoder.prompts[0].format(question), texts)
        found: NDArray[np.float64] = 1 - softmax(scores[:, : len(LABELS)], axis=1)[:, 0]
        return found

    def follows(self, statement: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Probability that all of a statement follows from each text, shape ``(len(texts),)``."""
        scores = self._scores(self._encoder.prompts[1].format(statement), texts)
        found: NDArray[np.float64] = expit(scores[:, len(LABELS)])
        return found

    def _scores(self, first: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Scores of one text beside others, shape ``(len(texts), len(OUTPUTS))``; each pair is computed once."""
        with self._lock:
            known = {text: self._kept.get((first, text)) for text in texts}
        new = [text for text, scores in known.items() if scores is None]
        found = dict(zip(new, self._encoder([(first, text) for text in new]), strict=True))
        with self._lock:
            self._kept |= {(first, text): scores for text, scores in found.items()}
            for pair in list(self._kept)[:-_KEPT]:
                del self._kept[pair]
        rows = [found[text] if text in found else known[text] for text in texts]
        return np.array(rows, np.float64).reshape(len(texts), len(OUTPUTS))


def fetch_weights(directory: Path | None = None, base: str = ENCODER, *, offline: bool = False) -> bool:
    """Fetch the weights that an adapter is for, ahead of `Answerability.load`, whose parameters and errors these are.

    Returns
    -------
    bool
        Whether they are there now.
    """

    def fetch(file: Path) -> object:
        if _is_causal(file):  # what is read of a GGUF file is kept, so that the next load takes seconds
            return CausalCrossEncoder.load(file, offline=offline)
        return cross_encoder.fetch(file, offline=offline)

    return _used(fetch, base, directory) is not None


def _used(use: Callable[[Path], T], base: str, directory: Path | None) -> T | None:
    lost = f"{base} does not judge whether a text answers a question"
    return used(use, OWN[base], directory, ADAPTER, without=lost)


def encoder_of(file: Path, *, offline: bool = False) -> CrossEncoder | CausalCrossEncoder:
    """The cross-encoder of an adapter file, of either kind; errors as its ``load``."""
    return (CausalCrossEncoder if _is_causal(file) else CrossEncoder).load(file, offline=offline)


def _is_causal(file: Path) -> bool:
    return causal_cross_encoder.LAYERS in cross_encoder.said_of(file)


def read_questions(files: Sequence[Path], beside: int | None = None) -> list[tuple[str, str, str]]:
    """Questions and statements with a text beside each and what it says to them, of files in JSON lines.

    A line is a passage (``passage``, ``asks`` of ``[question, label]``, ``claims`` of ``[statement, follows or not]``)
    or a shop (``passages``, ``asks`` of ``[question, [places of those that answer], label]``).

    Parameters
    ----------
    beside
        Texts of a shop that are read beside a question and leave it open; by default all of them.

    Returns
    -------
    list of (str, str, str)
        Question or statement, text, and one of `LABELS`, ``follows`` or ``not``.

    Raises
    ------
    BadInput
        A line is of neither form; file, line and field are named.
    """
    form = "neither a passage nor a shop with its questions"
    return [row for file in files for row in of_lines(file, lambda line: _of_line(line, beside), form)]


def _of_line(line: dict[str, object], beside: int | None) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    if "passages" in line:
        texts = [_text(text) for text in _listed(line, "passages")]
        for question, places, label in _listed(line, "asks"):
            answering = [texts[place] for place in places]
            others = sorted(set(texts).difference(answering), key=lambda text: _drawn(f"{question}{text}"))
            rows += [(_text(question), text, _one_of(label, LABELS)) for text in answering]
            rows += [(question, text, LABELS[0]) for text in others[:beside]]
    else:
        text = _text(line["passage"])
        rows += [(_text(question), text, _one_of(label, LABELS)) for question, label in _listed(line, "asks")]
        claims = _listed(line, "claims") if "claims" in line else []
        rows += [(_text(claim), text, _one_of(label, ("follows", "not"))) for claim, label in claims]
    return rows


def _drawn(text: str) -> str:
    """Order by chance that is the same each time."""
    return hashlib.sha256(text.encode()).hexdigest()


def _listed(line: dict[str, object], key: str) -> list[Any]:
    found = line[key]
    if not isinstance(found, list):
        raise ValueError(f"{key} is no list")
    return found


def _text(found: object) -> str:
    if not isinstance(found, str) or not found.strip():
        raise ValueError(f"{found!r} is no text")
    return found


def _one_of(label: object, labels: Sequence[str]) -> str:
    if label not in labels:
        raise ValueError(f"label {label!r}; expected {', '.join(labels)}")
    return str(label)
