"""What the shop says of itself: FAQ tables, policies and the catalogue's texts, searched by meaning and by words.

A passage's score for a question is a sum of

- the cosine of their vectors (mean of title, text and both),
- how far they agree on the theme (Bhattacharyya coefficient of the theme probabilities),
- the cosine of the shop concepts they speak of,
- BM25.

All four are summed for every passage of the kinds and the language that are searched: a shop's rules are few.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.assistant.themes import Reader, Sentences, bank_hash, intent_of
from recsys.assistant.tool_choice import ToolClassifier, examples_hash
from recsys.data.passages import SYNONYM, Passage
from recsys.data.store import Version, knowledge_store
from recsys.data.vectors import VectorPool
from recsys.encoders import vector_cache
from recsys.encoders.protocol import Encodes
from recsys.encoders.universal import for_products
from recsys.errors import ArtifactError, BadInput
from recsys.llm.language import concepts, language_of
from recsys.serving.search.bm25 import BM25

log = logging.getLogger(__name__)

THEME_WEIGHT = 0.3
CONCEPT_WEIGHT = 0.2
WORD_WEIGHT = 0.2
SPEAKS = 0.25
"""Share of the shop's rules from which they are told in the shopper's language only."""
FOREIGN = 0.3
"""Lead in score from which a passage in another language than the shopper's is told all the same."""
PRODUCT = "product"
KINDS = ("faq", "policy", PRODUCT)
SHOP_RULES = ("faq", "policy")
RULED = frozenset({"product", "order_status", "delivery", "returns", "service"})
"""Intents of questions that the shop's rules answer."""
WRITTEN_FOR = "knowledge.json"
PASSAGES = "passages.jsonl"


@dataclass(frozen=True)
class Hit:
    """A passage found for a question.

    Attributes
    ----------
    score
        Sum of the parts; ranks the hits of one question.
    theme
        Agreement on the theme, 0 to 1: low means the passage is about something else.
    cosine, words
        Likeness of meaning, -1 to 1, and share of the question's words found, about 0 to 1.
    intent
        What the question is about, among what a shop's rules are about.
    """

    passage: Passage
    score: float
    theme: float
    cosine: float
    words: float
    intent: str = "service"


class Knowledge:
    """Passages and what is needed to search them."""

    def __init__(
        self,
        passages: Sequence[Passage],
        reader: Reader,
        pool: VectorPool,
        read: Sentences,
        tools: ToolClassifier | None = None,
    ) -> None:
        self.passages = tuple(p for p in passages if p.kind != SYNONYM)
        self._synonyms = tuple(p for p in passages if p.kind == SYNONYM)
        passages = self.passages
        self.reader = reader
        self.pool = pool
        self._tools = tools
        self._read = read
        self._rows: dict[tuple[str, ...], NDArray[np.int64]] = {}
        self._words = BM25.fit([f"{p.title}\n{p.text}" for p in passages])
        spread = (read.concepts > 0).sum(axis=0)
        self._idf = np.log1p(len(passages) / (0.5 + spread)).astype(np.float32)
        self._concepts = _unit(read.concepts * self._idf)

    @classmethod
    def build(
        cls,
        passages: Sequence[Passage],
        encoder: Encodes,
        *,
        languages: Sequence[str] = ("en",),
        known: Sequence[VectorPool] = (),
        progress: bool = False,
    ) -> Knowledge:
        """Encode passages, only those whose text is in no `known` pool.

        Raises
        ------
        BadInput
            There is no passage, or two have one id.
        """
        if not passages:
            raise BadInput("knowledge: no passage; give FAQ tables, policies or a catalogue")
        ids = [p.id for p in passages]
        if len(set(ids)) < len(ids):
            twice = next(i for i in ids if ids.count(i) > 1)
            raise BadInput(f"knowledge: passage id {twice!r} appears twice; give the files different names")
        reader = Reader.fit(encoder, languages)
        searched = sorted((p for p in passages if p.kind != SYNONYM), key=lambda p: p.kind == PRODUCT)
        passages = [*searched, *(p for p in passages if p.kind == SYNONYM)]
        rules = [p for p in searched if p.kind != PRODUCT]
        pools = [
            vector_cache.encode(read_by, [t for p in part for t in _parts(p)], known, progress=progress).pool
            for read_by, part in ((encoder, rules), (for_products(encoder), searched[len(rules) :]))
        ]
        pool = VectorPool(
            *(np.concatenate([getattr(p, name) for p in pools]) for name in ("keys", "vectors", "truncated"))
        )
        read = _read_passages(searched, reader, pool.vectors)
        return cls(passages, reader, pool, read)

    @cached_property
    def tools(self) -> ToolClassifier:
        """Tells what a turn asks to be looked up; learnt at the first use where it was not published."""
        return self._tools or ToolClassifier.fit(self.reader)

    def __len__(self) -> int:
        return len(self.passages)

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages by their ids, shape ``(len(ids), dim)``; zeros where there is no such passage."""
        row = {passage.id: at for at, passage in enumerate(self.passages)}
        at = np.array([row.get(i, -1) for i in ids], np.int64)
        found: NDArray[np.float32] = self._read.vectors[at] * (at >= 0)[:, None]
        return found.astype(np.float32)

    def search(self, question: str, k: int = 5, *, kinds: tuple[str, ...] = KINDS) -> list[Hit]:
        """The `k` best passages of these kinds for a question, best first; ties in the order of the passages."""
        return self.search_read(question, self.reader.read([question]), k, kinds=kinds)

    def rules(self, question: str, language: str, k: int = 5, *, read: Sentences | None = None) -> list[Hit]:
        """Passages of the shop's rules: those in the shopper's language, unless others are much nearer."""
        read = self.reader.read([question]) if read is None else read
        every = self.search_read(question, read, k, kinds=SHOP_RULES)
        own = self.search_read(question, read, k, kinds=SHOP_RULES, language=language)
        # A shop that speaks the language says there what it says; one that has a line or two in it may not.
        speaks = len(self._part(SHOP_RULES, language)) >= SPEAKS * len(self._part(SHOP_RULES))
        return own if own and (speaks or own[0].score >= every[0].score - FOREIGN) else every

    def search_read(
        self,
        question: str,
        read: Sentences,
        k: int = 5,
        *,
        kinds: tuple[str, ...] = KINDS,
        language: str | None = None,
    ) -> list[Hit]:
        """`search` with a question already read (one row), among the passages of one language or of all."""
        words = self._words.scores(question)
        rows = self._part(kinds, language)
        if not len(rows):
            return []
        cosine = self._read.vectors[rows] @ read.vectors[0]
        theme = np.sqrt(self._read.themes[rows]) @ np.sqrt(read.themes[0])
        shared = self._concepts[rows] @ _unit(read.concepts * self._idf)[0]
        score = cosine + THEME_WEIGHT * theme + CONCEPT_WEIGHT * shared + WORD_WEIGHT * words[rows]
        best = np.lexsort((rows, -score))[:k]
        about = intent_of(read.themes[0])[0]
        intent = about if about in RULED else "service"
        ranked = zip(rows[best], *(part[best].tolist() for part in (score, theme, cosine, words[rows])), strict=True)
        return [Hit(self.passages[row], s, t, c, w, intent) for row, s, t, c, w in ranked]

    def _part(self, kinds: tuple[str, ...], language: str | None = None) -> NDArray[np.int64]:
        """Rows of the passages of these kinds, in one language or in any."""
        key = (*kinds, language or "")
        if key not in self._rows:
            own = [p.kind in kinds and language in (None, _language(p)) for p in self.passages]
            self._rows[key] = np.flatnonzero(own)
        return self._rows[key]

    @property
    def synonyms(self) -> dict[str, str]:
        """What shoppers say, and what the catalogue calls it."""
        return {passage.title: passage.text for passage in self._synonyms}

    def save(self, directory: Path) -> None:
        """Write passages (JSON lines), vectors with their reuse keys, and themes."""
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / PASSAGES).open("w", encoding="utf-8") as file:
            for passage in (*self.passages, *self._synonyms):
                file.write(json.dumps(asdict(passage), ensure_ascii=False) + "\n")
        self.pool.save(directory, "vectors")
        self.reader.save(directory)
        self.tools.save(directory)
        about = _written_for(self.reader.encoder, self.reader.languages)
        (directory / WRITTEN_FOR).write_text(json.dumps(about), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path, encoder: Encodes) -> Knowledge:
        """Read what `save` wrote.

        Raises
        ------
        ArtifactError
            The knowledge was built with another encoder, or a file is missing or damaged.
        """
        passages = read_passages(directory)
        with _reading(directory):
            about = json.loads((directory / WRITTEN_FOR).read_text(encoding="utf-8"))
            pool = VectorPool.load(directory, "vectors")
            made_by, languages = about["encoder"], about["languages"]
            # Another release may know other themes: they are learnt again, and what was counted with them is, too.
            current = about.get("phrases") == bank_hash()
            reader = Reader.load(directory, encoder, languages) if current else None
            tools = ToolClassifier.load(directory) if about.get("turns") == examples_hash() else None
        if made_by != encoder.fingerprint:
            raise ArtifactError(f"{directory}: built with another encoder; run `recsys embed --knowledge` again")
        reader = reader or Reader.fit(encoder, languages)
        read = _read_passages([p for p in passages if p.kind != SYNONYM], reader, pool.vectors)
        return cls(passages, reader, pool, read, tools)


def _language(passage: Passage) -> str:
    """Language of a passage with what it is about: a Chinese list of brands is no English text."""
    return language_of(f"{passage.title} {passage.text}")


def read_passages(directory: Path) -> list[Passage]:
    """The passages of published knowledge, without what is needed to search them.

    Raises
    ------
    ArtifactError
        They are missing or damaged.
    """
    with _reading(directory), (directory / PASSAGES).open(encoding="utf-8") as file:
        return [Passage(**json.loads(line)) for line in file]


@contextmanager
def _reading(directory: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"{directory}: knowledge cannot be read ({error}); build it again") from None


def fits(directory: Path, encoder: Encodes, languages: Sequence[str]) -> bool:
    """Whether published knowledge was written for this encoder and these languages."""
    try:
        about = json.loads((directory / WRITTEN_FOR).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(about == _written_for(encoder, languages))


def _parts(passage: Passage) -> tuple[str, str, str]:
    return passage.title, passage.text, f"{passage.title} {passage.text}"


def _written_for(encoder: Encodes, languages: Sequence[str]) -> dict[str, Any]:
    learnt = {"phrases": bank_hash(), "turns": examples_hash()}
    return {"encoder": encoder.fingerprint, "languages": list(languages), **learnt}


def _read_passages(passages: Sequence[Passage], reader: Reader, vectors: NDArray[np.float32]) -> Sentences:
    """Vectors, concepts and themes of passages from the vectors of title, text and both, shape ``(3 n, dim)``."""
    known = np.array([language_of(p.text) in reader.languages for p in passages], np.float32)
    parts = np.asarray(vectors, np.float32).reshape(len(passages), 3, -1) * known[:, None, None]
    title, text = concepts([p.title for p in passages]), concepts([p.text for p in passages])
    # A FAQ's question says what the passage is about; a paragraph of a policy is about what it says.
    asked = np.array([p.kind == "faq" for p in passages])[:, None]
    themes = np.where(
        asked,
        reader.themes(parts[:, 0], title),
        (reader.themes(parts[:, 2], np.maximum(title, text)) + reader.themes(parts[:, 0], title)) / 2,
    )
    return Sentences(parts.mean(axis=1), np.maximum(title, text / 2), themes.astype(np.float32))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def publish(
    passages: Sequence[Passage],
    encoder: Encodes,
    artifacts: Path,
    *,
    languages: Sequence[str] = ("en",),
    keep: int = 3,
    progress: bool = False,
) -> Version:
    """Build knowledge and make it the live one under ``artifacts/knowledge``; only changed passages are encoded."""
    store = knowledge_store(artifacts)
    with store.writing() as draft:
        live = store.current()
        known = [VectorPool.load(live.path, "vectors")] if live is not None else []
        built = Knowledge.build(passages, encoder, languages=languages, known=known, progress=progress)
        built.save(draft.path)
        kinds = {**dict.fromkeys(KINDS, 0), **Counter(p.kind for p in passages)}
        return store.publish(draft, {"passages": kinds, "encoder": encoder.info}, keep=keep)


def live_version(artifacts: Path) -> Version:
    """The live version under ``artifacts/knowledge``.

    Raises
    ------
    ArtifactError
        None is published.
    """
    version = knowledge_store(artifacts).current()
    if version is None:
        raise ArtifactError(f"{artifacts}: no knowledge is published; run `recsys embed --knowledge FILE_OR_DIR` first")
    return version
