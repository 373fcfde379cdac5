"""Masking on 500 sentences that were labelled by somebody who had not read the patterns, half of them Chinese."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from recsys.data.personal import mask_personal

KINDS = {
    "[e-mail]": "email", "[link]": "link", "[iban]": "iban", "[id]": "national_id", "[card]": "card", "[ip]": "ip",
    "[phone]": "phone",
}  # fmt: skip
SENTENCES = [
    json.loads(line) for line in Path(__file__).with_name("personal_sentences.jsonl").read_text("utf-8").splitlines()
]


def spans(text: str, masked: str) -> set[tuple[str, str]]:
    """What was masked as what: the pieces that stayed are found in the text again, in their order."""
    stayed = re.split("|".join(map(re.escape, KINDS)), masked)
    pattern = "(.*?)".join(map(re.escape, stayed))
    cut = re.fullmatch(pattern, text, re.DOTALL)
    assert cut is not None
    return set(zip(cut.groups(), [KINDS[name] for name in re.findall(r"\[[a-z-]+\]", masked)], strict=True))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_precision_and_recall(language):
    right = wrong = missed = 0
    for sentence in SENTENCES:
        if sentence["language"] == language:
            found = spans(sentence["text"], mask_personal(sentence["text"]))
            wanted = {(text, kind) for text, kind in sentence["spans"]}
            right, wrong, missed = (
                right + len(found & wanted),
                wrong + len(found - wanted),
                missed + len(wanted - found),
            )
    assert right + missed > 150
    assert right / (right + wrong) >= 0.98
    assert right / (right + missed) >= 0.98
