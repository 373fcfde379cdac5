"""FAQ retrieval by encoder: the right entry first and among five, in English and in Chinese.

Run by hand: ``python tests/assistant/compare_encoders.py``; it prints the table of `docs/assistant.md`. The real shop's
FAQ is evaluation data beside the checkout; without it the sample shop's sets are measured alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.assistant.knowledge import Knowledge
from recsys.data.passages import faq_passages, read_knowledge
from recsys.data.sample import sample_dir
from recsys.encoders.encoder import Encoder
from recsys.encoders.protocol import Composed, Encoded, Encodes
from recsys.encoders.universal import JoinedEncoder, UniversalEncoder
from recsys.llm.language import language_of

DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "qa_ecommerce_faq" / "qa.parquet"


class Both(Composed):
    """Concatenation of two encoders' unit vectors, both reading everything."""

    def __init__(self, one: Encodes, two: Encodes) -> None:
        super().__init__(one)
        self.two = two
        self.dim = one.dim + two.dim
        self.fingerprint = one.fingerprint + two.fingerprint

    def encode(
        self, texts: Sequence[str], *, kind: str = "document", normalize: bool = True, progress: bool = False
    ) -> Encoded:
        """Unit vectors, shape ``(len(texts), dim)``."""
        first = self.inner.encode(texts)
        vectors = np.hstack([first.vectors, self.two.encode(texts).vectors])
        return Encoded(vectors / np.sqrt(2), 0, np.zeros(len(texts), bool), len(texts), 0, 0.0)


class Centred(Composed):
    """Vectors less the mean of those of a few usual sentences: E5's all point one way, which hides what differs."""

    def __init__(self, inner: Encodes) -> None:
        super().__init__(inner)
        usual = (
            pd.read_csv(sample_dir() / "faq.csv").answer.tolist()
            + pd.read_csv(sample_dir() / "faq.zh.csv").answer.tolist()
        )
        self._mean = inner.encode(usual).vectors.mean(0)
        self.fingerprint += "centred"

    def encode(
        self, texts: Sequence[str], *, kind: str = "document", normalize: bool = True, progress: bool = False
    ) -> Encoded:
        """Unit vectors, shape ``(len(texts), dim)``."""
        vectors = self.inner.encode(texts).vectors - self._mean
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return Encoded(vectors, 0, np.zeros(len(texts), bool), len(texts), 0, 0.0)


def encoders() -> dict[str, Callable[[], Encodes]]:
    """Each candidate, loaded when called."""

    def minilm() -> Encodes:
        return Encoder.load("all-MiniLM-L6-v2", pooling="mean", max_length=256)

    def e5() -> Encodes:
        return Encoder.load("multilingual-e5-small", pooling="auto", max_length=256)

    return {
        "MiniLM": minilm,
        "multilingual-e5-small": e5,
        "multilingual-e5-small, centred": lambda: Centred(e5()),
        "USE": UniversalEncoder,
        "MiniLM + USE": lambda: JoinedEncoder(minilm(), lambda text: language_of(text) == "en"),
        "MiniLM + e5": lambda: Both(minilm(), e5()),
        "MiniLM + e5, centred": lambda: Both(minilm(), Centred(e5())),
        "e5 + USE": lambda: Both(e5(), UniversalEncoder()),
        "e5, centred, + USE": lambda: Both(Centred(e5()), UniversalEncoder()),
    }


def recall(knowledge: Knowledge, asked: pd.DataFrame, language: str) -> tuple[float, float]:
    """R@1 and R@5 among the rules in one language."""
    first = among = 0
    right = [set(answers.split(" ")) for answers in asked["answers"]]
    for question, wanted in zip(asked["question"], right, strict=True):
        found = [hit.passage.id for hit in knowledge.rules(question, language)]
        first += bool(found) and found[0] in wanted
        among += not wanted.isdisjoint(found)
    return first / len(asked), among / len(asked)


def main() -> None:
    """Measure and print."""
    chinese = pd.read_csv(DATA / "faq_zh.csv", dtype=str)
    english = pd.read_csv(DATA / "faq_paraphrases.csv", dtype=str)
    english["answers"] = ["faq:" + " faq:".join(answers.split()) for answers in english.answers]
    for name, load in encoders().items():
        encoder = load()
        sample = Knowledge.build(read_knowledge(sample_dir()), encoder, languages=("en", "zh"))
        figures = {"zh": recall(sample, chinese, "zh")}
        if SHARED.is_file():
            real = Knowledge.build(faq_passages(pd.read_parquet(SHARED)), encoder, languages=("en", "zh"))
            figures = {"en": recall(real, english, "en"), **figures}
        started = time.monotonic()
        encoder.encode([f"{question}?" for question in chinese.question])
        each = (time.monotonic() - started) / len(chinese) * 1e3
        cells = " | ".join(f"{key} {first:.3f} / {five:.3f}" for key, (first, five) in figures.items())
        print(f"| {name} | {cells} | {each:.0f} ms |", flush=True)


if __name__ == "__main__":
    main()
