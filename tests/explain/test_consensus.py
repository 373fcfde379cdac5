"""The draft most like the others is kept."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import BadInput
from recsys.explain.research import consensus
from recsys.llm import gpt

LIKE = ["the reader would love this tale of two cities", "the reader would love this tale of three cities"]
ODD = "bananas are cheap on Tuesdays"


class Drafting:
    """Writes what it was given, by seed."""

    name = "drafting"

    def __init__(self, drafts: dict[str, list[str]]) -> None:
        self.drafts = drafts

    def write(self, prompts, sampling, *, seeds=0):  # type: ignore[no-untyped-def]
        return [self.drafts[prompt][seed] for prompt, seed in zip(prompts, seeds, strict=True)]


def test_the_odd_one_is_not_chosen():
    assert consensus.consensus([ODD, *LIKE]) in LIKE
    assert consensus.consensus([ODD, "something else entirely", ODD]) == ODD  # said twice


def test_each_prompt_gets_its_own_consensus():
    writer = Drafting({"a": [ODD, *LIKE], "b": ["red teapot", "a red teapot", "a red teapot"]})
    sampling = gpt.Sampling(temperature=0.5)
    first, second = consensus.write(writer, ["a", "b"], sampling, drafts=3)
    assert first in LIKE
    assert second == "a red teapot"


def test_drafts_that_cannot_differ_are_refused():
    with pytest.raises(BadInput, match="temperature"):
        consensus.write(Drafting({}), ["a"], gpt.Sampling(temperature=0.0))
    with pytest.raises(BadInput, match="at least 2"):
        consensus.write(Drafting({}), ["a"], gpt.Sampling(temperature=0.5), drafts=1)
    with pytest.raises(BadInput, match="no draft"):
        consensus.consensus([])


@settings(max_examples=30)
@given(st.lists(st.text("ab c", max_size=12), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_it_is_one_of_the_drafts_and_a_majority_wins(drafts, random):
    assert consensus.consensus(drafts) in drafts
    many = [*drafts, *["the same words each time"] * (len(drafts) + 1)]
    random.shuffle(many)
    assert consensus.consensus(many) == "the same words each time"
