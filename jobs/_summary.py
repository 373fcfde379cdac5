"""Counts of a run in words."""

from __future__ import annotations

from typing import Any


def tables_line(notes: dict[str, Any]) -> str:
    """What was read and what was encoded."""
    work = ", ".join(
        f"{what} {notes[f'{key}_encoded']} encoded / {notes[f'{key}_reused']} reused"
        for what, key in (("item texts", "items"), ("histories", "histories"))
    )
    if not notes["items_encoded"] and not notes["histories_encoded"]:
        work = "nothing to encode, every text is known"
    bad = sum(v for k, v in notes.items() if k.endswith("_quarantined"))
    cut = notes["items_truncated"]
    return (
        f"{notes['items']} items, {notes['users']} users, {notes['events']} events; {work}"
        + (f"; {cut} item texts are longer than the encoder reads" if cut else "")
        + (f"; {bad} bad rows in quarantine" if bad else "")
        + ("; sample shop (synthetic)" if notes.get("sample_shop") else "")
    )
