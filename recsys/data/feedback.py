"""What shoppers thought of answers and recommendations, kept as it came."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pandas as pd
from filelock import FileLock

from recsys.data.atomic import private_folder, replacing
from recsys.data.protection import IN_CLEAR, Protection
from recsys.data.vault import logged_row
from recsys.errors import BadInput

log = logging.getLogger(__name__)

FILE = "feedback.jsonl"
COLUMNS = (
    *("time", "kind", "question", "answer", "sources"),
    *("rating", "intent", "confidence", "handover", "user_id", "note"),
)
MAX_TEXT = 4_000


class Feedback:
    """An append-only table of ratings, one JSON object a line, in a directory beside the artifacts.

    Its rows are personal data: `forget` is the one operation that rewrites the file.
    """

    def __init__(self, directory: Path, protection: Protection = IN_CLEAR) -> None:
        self.path = directory / FILE
        self._protection = protection
        self._lock = FileLock(directory / f".{FILE}.lock")

    def add(
        self,
        question: str,
        answer: str,
        rating: int | None = None,
        *,
        kind: Literal["answer", "recommendation"] = "answer",
        sources: Sequence[str] = (),
        intent: str = "",
        confidence: float | None = None,
        handover: bool = False,
        user_id: str | None = None,
        note: str = "",
        time: float | None = None,
    ) -> None:
        """Append one row; `rating` is -1 (bad), 1 (good) or None (not rated), `note` what the reader adds to it."""
        if rating not in {-1, 1, None}:
            raise BadInput(f"rating {rating!r}: expected 1 (good), -1 (bad) or nothing")
        now = datetime.now(UTC).timestamp() if time is None else time
        hidden = self._protection.text
        row = {
            "time": now,
            "kind": kind,
            "question": hidden(question[:MAX_TEXT], user_id),
            "answer": hidden(answer[:MAX_TEXT], user_id),
            "sources": list(sources),
            "rating": rating,
            "intent": intent,
            "confidence": confidence,
            "handover": handover,
            "user_id": self._protection.id(user_id),
            "note": hidden(note[:MAX_TEXT], user_id),
        }
        line, vault = json.dumps(row, ensure_ascii=False).encode(), self._protection.vault
        private_folder(self.path.parent)
        with self._lock, open(self.path, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write((line if vault is None else vault.seal_line(line)) + b"\n")

    def table(self) -> pd.DataFrame:
        """All rows, oldest first; a line that was cut short by a crash, or damaged, is left out and logged."""
        rows, broken = [], 0
        if self.path.is_file():
            with self.path.open("rb") as file:
                for line in file:
                    if (row := logged_row(line)) is not None:
                        rows.append(row)
                    else:
                        broken += 1
        if broken:
            log.warning("%s: %d lines cannot be read and are left out", self.path, broken)
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def forget(self, user_id: str) -> int:
        """Delete a user's rows; returns how many there were."""
        if not self.path.is_file():
            return 0
        with self._lock:
            lines = self.path.read_bytes().splitlines(keepends=True)
            gone = self._protection.id(user_id)
            # A damaged line may be anybody's: what cannot be read cannot be kept.
            kept = [line for line in lines if (row := logged_row(line)) is not None and row.get("user_id") != gone]
            with replacing(self.path) as written:
                written.write_bytes(b"".join(kept))
                written.chmod(0o600)
        return len(lines) - len(kept)
