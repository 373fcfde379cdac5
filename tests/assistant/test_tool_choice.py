"""The classifier of the tool that a turn asks for, learnt from the written turns that the package brings."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from recsys.assistant.themes import Reader
from recsys.assistant.tool_choice import COMPLAINT, TOLD, Situation, ToolClassifier, examples, tool_names
from recsys.assistant.toolbox import TOOLS
from recsys.encoders.encoder import Encoder


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> Encoder:
    return Encoder.load(str(tiny_encoder), pooling="mean")


@pytest.fixture(scope="module")
def reader(encoder: Encoder) -> Reader:
    return Reader.fit(encoder)


@pytest.fixture(scope="module")
def classifier(reader: Reader) -> ToolClassifier:
    return ToolClassifier.fit(reader)


def likeliest(classifier: ToolClassifier, reader: Reader, text: str, told: str, shown: int) -> str:
    chances = classifier(text, reader.vectors([text])[0], Situation(told, shown))
    assert sum(chances.values()) == pytest.approx(1, abs=1e-4)
    return max(chances, key=chances.__getitem__)


def test_every_example_is_of_a_tool_that_there_is_and_follows_something_that_is_known() -> None:
    assert set(tool_names()) <= {tool.__name__ for tool in TOOLS.values()} | {COMPLAINT}
    assert {example.situation.told for example in examples()} == set(TOLD)
    assert {example.situation.shown for example in examples()} == {0, 1, 2}
    assert all(example.text.strip() for example in examples())
    assert len(set(examples())) == len(examples()) > 6_000
    assert len(resources.files("recsys.assistant").joinpath("turns.tsv").read_bytes()) < 700_000


@pytest.mark.parametrize(
    ("text", "told", "shown", "tool"),
    [
        ("im looking for a birdhouse, wood, up to 35", "first", 0, "search_products"),
        ("有没有小孩骑的平衡车，三百以内", "first", 0, "search_products"),
        ("where's my birdhouse, ordered it last friday", "first", 0, "order_status"),
        ("上礼拜下单的平衡车怎么还没发货", "first", 0, "order_status"),
        ("退货运费谁出啊", "first", 0, "search_policies"),
        ("is the second one waterproof", "products", 2, "product_facts"),
        ("第二个能防雨不", "products", 2, "product_facts"),
        ("whats the difference between the first two", "products", 2, "compare"),
    ],
)
def test_turns_that_are_no_examples_are_told_apart(
    classifier: ToolClassifier, reader: Reader, text: str, told: str, shown: int, tool: str
) -> None:
    """With an encoder of random weights: parts of words and what was told before are enough for these."""
    assert text not in {example.text for example in examples()}
    assert likeliest(classifier, reader, text, told, shown) == tool


def test_the_same_words_ask_for_another_tool_after_another_answer(classifier: ToolClassifier, reader: Reader) -> None:
    text = "how much was it altogether"
    after = {told: classifier(text, reader.vectors([text])[0], Situation(told, 1)) for told in ("order", "products")}
    assert after["order"]["order_status"] > after["products"]["order_status"]
    assert after["order"]["product_facts"] < after["products"]["product_facts"]


def test_what_was_saved_tells_the_same(classifier: ToolClassifier, reader: Reader, tmp_path: Path) -> None:
    classifier.save(tmp_path)
    vector, again = reader.vectors(["got any of these in blue"])[0], ToolClassifier.load(tmp_path)
    told = [c("got any of these in blue", vector, Situation("products", 2)) for c in (classifier, again)]
    assert np.allclose([*told[0].values()], [*told[1].values()])
    assert list(told[0]) == list(told[1]) == list(tool_names())
