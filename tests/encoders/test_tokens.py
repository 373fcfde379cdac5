"""Token ids, truncation and batches, with a fast tokenizer and a slow one."""

from __future__ import annotations

import doctest
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, CanineTokenizer

from recsys.encoders import tokens


def test_examples_in_the_documentation() -> None:
    assert doctest.testmod(tokens).failed == 0


def test_a_slow_tokenizer_is_truncated_and_counted_too() -> None:
    tokenizer = tokens.Tokenizer(CanineTokenizer(), 6)  # one token a character, and two of its own
    ids, cut = tokenizer(["abc", "abcd", "abcde", "", "x" * 10_000])
    assert [len(row) for row in ids] == [5, 6, 6, 2, 6]
    assert cut == [False, False, True, False, True]
    assert ids[1][1:-1] == ids[2][1:-1] == [ord(letter) for letter in "abcd"]


def test_no_texts(tiny_encoder: Path) -> None:
    assert tokens.Tokenizer(AutoTokenizer.from_pretrained(tiny_encoder), 9)([]) == ([], [])


@given(st.lists(st.integers(1, 130), max_size=60), st.integers(1, 300))
def test_batches_hold_every_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    found = list(tokens.batches(lengths, budget))
    assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget
