"""Pre-training corpus: documents streamed from files, a byte-level BPE tokenizer, and tokens on disk.

Nothing here holds the text in memory: documents are read one after another, and tokens go to a file that training maps.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from recsys.errors import BadInput

log = logging.getLogger(__name__)

END = "<|endoftext|>"
"""Separates documents."""
MAX_DOCUMENT = 1_000_000
"""Characters of a document that are read; a longer one is cut into several."""
TOKENIZER_DOCUMENTS = 200_000
"""Documents the tokenizer learns from; more change nothing but the waiting."""
_TOKENISED_TOGETHER = 1_000
_TEXT_COLUMNS = ("title", "brand", "category", "text")


def read_documents(paths: Sequence[Path]) -> Iterator[str]:
    """Documents of text files and catalogues, one after another.

    Text (``.txt``, ``.md``, also ``.gz``) is parted by blank lines; a catalogue (``.parquet``) has one document a row.

    Raises
    ------
    BadInput
        A file is missing, of another kind, or there is no document at all.
    """
    found = False
    for path in paths:
        if not path.is_file():
            raise BadInput(f"{path}: no such text file")
        documents = _rows(path) if path.suffix == ".parquet" else _paragraphs(path)
        for document in documents:
            for start in range(0, len(document), MAX_DOCUMENT):
                found = True
                yield document[start : start + MAX_DOCUMENT]
    if not found:
        raise BadInput(f"{', '.join(map(str, paths)) or 'text'}: no text to train on")


def _paragraphs(path: Path) -> Iterator[str]:
    name = path.name.removesuffix(".gz")
    if not name.endswith((".txt", ".md")):
        raise BadInput(f"{path}: text comes as .txt, .md (also .gz) or as a catalogue in .parquet")
    lines: list[str] = []
    try:
        opened: Callable[..., IO[str]] = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    lines.append(line.rstrip())
                elif lines:
                    yield "\n".join(lines)
                    lines = []
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise BadInput(f"{path}: not readable as UTF-8 text ({error})") from None
    if lines:
        yield "\n".join(lines)


def _rows(path: Path) -> Iterator[str]:
    file = pq.ParquetFile(path)
    columns = [name for name in _TEXT_COLUMNS if name in file.schema_arrow.names]
    if not columns:
        raise BadInput(f"{path}: none of the columns {', '.join(_TEXT_COLUMNS)}")
    for batch in file.iter_batches(batch_size=1_000, columns=columns):
        for row in batch.to_pylist():
            parts = dict.fromkeys(str(row[name]).strip() for name in columns if row[name])
            if text := "\n".join(part for part in parts if part):
                yield text


def is_held_out(document: str, share: float) -> bool:
    """Held-out split by hash: whether a document is kept for measuring; every run and every tool agrees on it."""
    digest = hashlib.blake2b(document.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def train_tokenizer(documents: Iterable[str], size: int) -> Any:
    """Train a byte-level BPE tokenizer (as GPT-2's: any text can be written) with at most `size` tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(islice(documents, TOKENIZER_DOCUMENTS), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token=END, eos_token=END, pad_token=END)


@dataclass(frozen=True)
class Tokens:
    """Token file: tokens of many documents, each ended by `END`.

    Attributes
    ----------
    ids
        Shape ``(n,)``, memory-mapped, uint16 or uint32.
    documents, bytes
        How many documents, and how many bytes of UTF-8 their text is.
    """

    ids: NDArray[np.integer[Any]]
    documents: int
    bytes: int

    @classmethod
    def write(cls, documents: Iterable[str], tokenizer: Any, path: Path) -> Tokens:
        """Tokenise documents to ``path`` (raw) and ``path.json`` (counts)."""
        dtype = np.uint16 if len(tokenizer) <= 2**16 else np.uint32
        count = size = 0
        with path.open("wb") as file:
            iterator = iter(documents)
            while part := list(islice(iterator, _TOKENISED_TOGETHER)):
                for ids in tokenizer(part, add_special_tokens=False)["input_ids"]:
                    file.write(np.array([*ids, tokenizer.eos_token_id], dtype).tobytes())
                count += len(part)
                size += sum(len(document.encode("utf-8", "replace")) for document in part)
        about = {"dtype": np.dtype(dtype).name, "documents": count, "bytes": size}
        path.with_suffix(".json").write_text(json.dumps(about), encoding="utf-8")
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Tokens:
        """Map what `write` wrote."""
        about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if not path.stat().st_size:
            return cls(np.zeros(0, np.uint16), 0, 0)
        return cls(np.memmap(path, dtype=about["dtype"], mode="r"), about["documents"], about["bytes"])


class Blocks(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Packed training blocks of equal length, across documents; the last may be short, if kept.

    The model predicts token ``t + 1`` from those up to ``t``, so each block shares its first token with its
    predecessor's last: every token but the very first is predicted exactly once.
    """

    def __init__(self, tokens: Tokens, length: int, *, keep_last: bool = False) -> None:
        self._ids = tokens.ids
        self._length = length
        whole, rest = divmod(max(len(self._ids) - 1, 0), length - 1)
        self._count = whole + (1 if keep_last and rest else 0)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        start = index * (self._length - 1)
        ids = torch.from_numpy(self._ids[start : start + self._length].astype(np.int64))
        return {"input_ids": ids, "labels": ids}
