"""What a turn asks for: what is learnt of a conversation, what a reader says of a turn, what the router makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys.assistant import Assistant, plans, setup
from recsys.assistant.plans import KINDS, PlanExample, examples, kind_of, read_conversations, tool_of
from recsys.assistant.tool_choice import tool_names
from recsys.assistant.turn_reader import OUTPUTS, Read, TurnReader, labelled, tool_of_kind
from recsys.assistant.turn_training import measure, train
from recsys.assistant.wishes import Wishes
from recsys.cli import app
from recsys.errors import ArtifactError
from recsys.llm.causal_pair_training import CausalPairConfig
from recsys.settings import Settings
from tests.tiny_gpt import write_qwen2

CONVERSATIONS = Path(__file__).parents[2] / "data" / "conversations"
MUGS = "Shown: 1 Blue Mug 9.00; 2 Red Mug 11.00\nEarlier: a mug for tea\nTold: products"


def turn(question: str, *plan: str, before: str = "", shown: int = 0) -> PlanExample:
    return PlanExample(before, question, shown, tuple(plans.read_plan(line, shown) for line in plan))


def learnt(example: PlanExample) -> dict[str, str | int]:
    """What is learnt of a turn, by the first output of each group."""
    pairs = labelled(example)
    return {OUTPUTS[pair.group[0]]: KINDS[pair.label] if len(pair.group) > 1 else pair.label for pair in pairs}


def test_of_a_turn_its_kind_the_products_and_whether_it_goes_on_are_learnt() -> None:
    assert learnt(turn("mugs?", "find: mugs")) == {"find": "find"}
    second = turn("is the 2nd dishwasher safe", "facts #2: is it dishwasher safe", before=MUGS, shown=2)
    assert learnt(second) == {"find": "facts", "#1": 0, "#2": 1}
    assert learnt(turn("in green?", "find: a mug for tea in green", before=MUGS, shown=2)) == {
        "find": "find",
        "goes_on": 1,
    }
    assert learnt(turn("and a teapot", "find: teapot", before=MUGS, shown=2)) == {"find": "find", "goes_on": 0}
    both = labelled(turn("a red one, and do you ship to Malta", "find: red mug", "rules: do you ship to Malta"))
    assert [KINDS[pair.label] for pair in both] == ["find", "rules"]


def test_each_kind_is_of_a_tool_that_turns_are_known_to_ask_for() -> None:
    assert {tool_of_kind(kind) for kind in KINDS} == set(tool_names())
    lines = ["find cheaper: x", "person: complaint", "say: thanks", "order A1 return: x", "like #1: x", "why: x"]
    calls = [plans.read_plan(line, 1) for line in lines]
    assert [kind_of(call) for call in calls] == [
        "find cheaper",
        "person complaint",
        "say thanks",
        "order",
        "like",
        "why",
    ]
    assert [tool_of(kind_of(call)) for call in calls] == [call["tool"] for call in calls]


def test_a_reading_sums_kinds_to_tools_and_says_what_is_meant() -> None:
    kinds = dict.fromkeys(KINDS, 0.0) | {"find": 0.2, "find cheaper": 0.5, "rules": 0.3}
    read = Read(kinds, (0.1, 0.9, 0.6, 0.8), 0.9)
    assert read.tools["search_products"] == pytest.approx(0.7)
    assert read.tools["search_policies"] == pytest.approx(0.3)
    assert read.instead == "cheaper"
    assert read.numbered(3) == [1, 2]
    assert Read(kinds | {"rules": 0.6}, (), 0.0).instead == ""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_qwen2(
        tmp_path_factory.mktemp("base") / "qwen2", ["Text: Customer: mug order ship where is my"], layers=2
    )


@pytest.fixture(scope="module")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    asked = [("a mug", "find: mug"), ("where is my order", "order: where is it"), ("do you ship", "rules: do you ship")]
    file = tmp_path_factory.mktemp("said") / "said.jsonl"
    lines = [{"lang": "en", "turns": [{"user": user, "plan": [plan]}]} for user, plan in asked * 8]
    file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return file


def test_what_it_is_taught_it_reads(base: Path, conversations: Path, tmp_path: Path) -> None:
    quick = CausalPairConfig(layers=2, first_layer=0, rank=4, learning_rate=1e-2, batch_tokens=256, max_steps=40)
    report = train([conversations], tmp_path, quick, base=str(base), held_out=[conversations])
    assert report["turns"] == 24
    assert report["right"] == report["right_first"] == 1.0
    assert "right_later" not in report
    reader = TurnReader.load(tmp_path)
    assert reader is not None
    read = reader("where is my order", "")
    assert max(read.tools, key=read.tools.__getitem__) == "order_status"
    assert sum(read.kinds.values()) == pytest.approx(1.0)
    assert reader("where is my order", "") is read


def test_the_command_teaches_and_names_a_fault(base: Path, conversations: Path, tmp_path: Path) -> None:
    def run(file: Path) -> tuple[int, str]:
        told = ["--out", str(tmp_path / "a"), "--base", str(base), "--max-steps", "1", "--json"]
        result = CliRunner().invoke(app, ["finetune", "turns", "--conversations", str(file), *told])
        return result.exit_code, result.output

    shallow = run(conversations)  # sixteen layers are read by default, and this model has two
    assert shallow[0] == 2
    assert "2 layers, and 16" in shallow[1]
    (tmp_path / "b.jsonl").write_text('{"lang": "en", "turns": [{"user": "a", "plan": ["buy: it"]}]}', "utf-8")
    assert run(tmp_path / "b.jsonl")[0] == 2
    assert not (tmp_path / "a").exists()


def test_a_directory_without_an_adapter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no turns\.safetensors is there; `recsys finetune turns --out` makes one"):
        TurnReader.load(tmp_path)


@pytest.mark.parametrize(("named", "writer"), [("none", "auto"), ("auto", "retrieved")])
@pytest.mark.parametrize("load", [TurnReader.load, Wishes.load])
def test_an_adapter_of_the_writer_reads_nothing_where_it_is_not_used(
    load: Callable[..., object], named: str, writer: str
) -> None:
    wanted = Settings().assistant.model_copy(update={"writer": writer})
    assert setup._read(load, named, Settings().model_copy(update={"assistant": wanted})) is None


# --- the package's own ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reader() -> TurnReader:
    found = TurnReader.load(offline=True)
    if found is None:
        pytest.skip("the weights of the default writer (491 MB) are not on this machine")
    return found


def test_it_reads_turns_of_authors_it_was_not_taught_by(reader: TurnReader) -> None:
    found = measure(reader, list(examples(read_conversations(CONVERSATIONS / "held_out.jsonl")))[::2])
    assert found["right"] > 0.88
    assert found["right_later"] > 0.82


@pytest.fixture
def read_by(sample_assistant: Assistant, reader: TurnReader) -> Iterator[Assistant]:
    sample_assistant.router._reader = reader
    yield sample_assistant
    sample_assistant.router._reader = None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["an espresso machine, 350 at most", "and what beans go with it"], "Beans"),
        (["espresso machine?", "how long is the guarantee on the first one"], "two-year"),
        (["noise cancelling cans for the plane?", "not a gaming one, i'd look daft"], "In-Ear"),
    ],
)
def test_a_later_turn_gets_what_it_asks_for(read_by: Assistant, said: list[str], words: str) -> None:
    history: list[dict[str, object]] = []
    for question in said:
        told = read_by.answer(question, history)
        history += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": told.text, "sources": list(told.sources)},
        ]
    assert words in told.text
