"""What shoppers thought of answers and recommendations, kept as it came."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from filelock import FileLock

from recsys.data.atomic import write_text
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

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
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
        row = {
            "time": now,
            "kind": kind,
            "question": question[:MAX_TEXT],
            "answer": answer[:MAX_TEXT],
            "sources": list(sources),
            "rating": rating,
            "intent": intent,
            "confidence": confidence,
            "handover": handover,
            "user_id": user_id,
            "note": note[:MAX_TEXT],
        }
        line = json.dumps(row, ensure_ascii=False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def table(self) -> pd.DataFrame:
        """All rows, oldest first; a line that was cut short by a crash, or damaged, is left out and logged."""
        rows, broken = [], 0
        if self.path.is_file():
            for line in self.path.read_bytes().splitlines():
                row = _row(line)
                if row is None:
                    broken += 1
                else:
                    rows.append(row)
        if broken:
            log.warning("%s: %d lines cannot be read and are left out", self.path, broken)
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def forget(self, user_id: str) -> int:
        """Delete a user's rows; returns how many there were."""
        if not self.path.is_file():
            return 0
        with self._lock:
            lines = self.path.read_bytes().splitlines(keepends=True)
            # A damaged line may be anybody's: what cannot be read cannot be kept.
            kept = [line for line in lines if (row := _row(line)) is not None and row.get("user_id") != user_id]
            write_text(self.path, b"".join(kept).decode("utf-8"))
        return len(lines) - len(kept)


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
