"""Questions to the sample shop that people wrote who had read no code: a fifth of each file is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recsys.assistant import Answer, Assistant

DATA = Path(__file__).parent / "data"
SILENT = re.compile(r"do(?:es)? not say|All that the page|没有提到|只写了|没有可靠")


@pytest.fixture
def assistant(sample_assistant: Assistant) -> Assistant:
    return sample_assistant


def cited(answer: Answer) -> set[str]:
    return {source[5:] for source in answer.sources if source.startswith("item:")}


def named(asked: dict[str, Any], answer: Answer) -> bool:
    """A product that is named loosely is the one that is told of."""
    return set() != cited(answer) <= set(asked["meant"])


def told(asked: dict[str, Any], answer: Answer) -> bool:
    """What a page says in other words is told; what it leaves open is said to be open."""
    if asked["stated"]:
        return cited(answer) == {asked["item"]} and any(said.lower() in answer.text.lower() for said in asked["says"])
    return cited(answer) <= {asked["item"]} and (answer.handover or SILENT.search(answer.text) is not None)


def listed(asked: dict[str, Any], answer: Answer) -> bool:
    """A kind that is called otherwise is found, and nothing else is listed."""
    return set() != cited(answer) <= set(asked["fit"])


def absent(asked: dict[str, Any], answer: Answer) -> bool:
    """What is not sold is said not to be there."""
    return not cited(answer) and re.search(r"cannot find|没有找到", answer.text) is not None


def chatted(asked: dict[str, Any], answer: Answer) -> bool:
    """Small talk is answered as such."""
    return answer.intent == "small_talk"


@pytest.mark.parametrize(
    ("file", "right", "share"),
    [
        ("named_loosely", named, 0.75),
        ("facts_in_other_words", told, 0.7),
        ("sold", listed, 0.5),
        ("not_sold", absent, 0.75),
        ("small_talk", chatted, 0.75),
    ],
)
def test_most_of_what_others_asked_is_answered_right(
    assistant: Assistant, file: str, right: Callable[[dict[str, Any], Answer], bool], share: float
) -> None:
    asked = [json.loads(line) for line in (DATA / f"{file}.jsonl").read_text("utf-8").splitlines()][::5]
    good = [right(question, assistant.answer(question["q"])) for question in asked]
    assert sum(good) >= share * len(asked), [q["q"] for q, well in zip(asked, good, strict=True) if not well]
