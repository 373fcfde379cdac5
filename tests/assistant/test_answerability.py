"""Whether a text answers a question: the model that the package brings, what it is taught from, what it changes."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys.assistant import setup
from recsys.assistant.answerability import ADAPTER, ENCODER, OWN, Answerability, read_questions
from recsys.assistant.answerability_training import measure
from recsys.cli import app
from recsys.errors import ArtifactError, BadInput
from recsys.llm.chat import DEFAULT_CHAT
from recsys.settings import AssistantSettings, Settings

HELD_OUT = Path(__file__).parents[2] / "data" / "answerability" / "held_out.jsonl"

DELIVERY = (
    "How long does delivery take? Standard delivery takes 2 to 5 working days. Express arrives the next working day."
)
GAME = "Card Game: Salt Road. A card game for 2 to 5 players, 45 minutes, easy to learn and hard to put away."
BED = "Dog Bed, Large. Large dog bed that survives teeth, rain and the washing machine."
WATER = "Is water damage covered by the warranty? No, unless the product is sold as waterproof."
MOUSE = "Vertical Mouse, Wireless. With quiet clicks and months of battery life for laptop or desktop."
NOT_RETURNED = "不能退的商品: 开封的化妆品、防晒和护发产品（出于卫生原因）；开封的食品、咖啡、茶和宠物食品"


@pytest.fixture(scope="module", params=OWN)
def judge(request: pytest.FixtureRequest) -> Answerability:
    found = Answerability.load(None, request.param, offline=request.param != ENCODER)
    if found is None and request.param != ENCODER:
        pytest.skip(f"the weights of {request.param} (491 MB) are not on this machine")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("question", "answering", "beside"),
    [
        ("how long does a game take", GAME, DELIVERY),
        ("how many days till it arrives", DELIVERY, GAME),
        ("能机洗吗", BED, MOUSE),
        ("电池能用多久", MOUSE, BED),
        ("is it for two players", GAME, NOT_RETURNED),
        ("打开过的面霜可以退吗", NOT_RETURNED, DELIVERY),
        ("is it covered if it gets wet", WATER, DELIVERY),
    ],
)
def test_a_text_that_answers_is_told_from_one_beside_it(
    judge: Answerability, question: str, answering: str, beside: str
) -> None:
    says, does_not = judge.answers(question, [answering, beside])
    assert says > does_not + 0.15


@pytest.mark.parametrize(
    ("question", "text"),
    [("does it have a rain cover", WATER), ("能刻字吗", NOT_RETURNED), ("左手能用吗", DELIVERY), ("for what age", BED)],
)
def test_what_is_only_near_does_not_answer(judge: Answerability, question: str, text: str) -> None:
    assert judge.answers(question, [text])[0] < 0.5


def test_it_tells_answered_questions_of_an_author_it_was_not_taught_by(judge: Answerability) -> None:
    assert measure(judge, read_questions([HELD_OUT])[::24])["auc"] > 0.78


def test_it_tells_what_a_page_says_in_other_words_from_what_it_leaves_open(judge: Answerability) -> None:
    pages = read_questions([HELD_OUT.with_name("held_out_named_pages.jsonl")])
    assert measure(judge, pages[::4])["auc"] > 0.8


def test_files_of_questions_are_read_as_pairs(tmp_path: Path) -> None:
    passage = {"passage": "Mugs are dishwasher safe.", "asks": [["dishwasher?", "yes"], ["microwave?", "silent"]]}
    shop = {
        "passages": ["We ship on Mondays.", "Returns are free."],
        "asks": [["when", [0], "answers"], ["where", [], "silent"]],
    }
    lines = [passage | {"claims": [["They may be washed by machine.", "follows"]]}, shop]
    (tmp_path / "q.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n\n", "utf-8")
    mugs, monday, returns = "Mugs are dishwasher safe.", "We ship on Mondays.", "Returns are free."
    read = read_questions([tmp_path / "q.jsonl"])
    assert len(read_questions([tmp_path / "q.jsonl"], 1)) == len(read) - 1
    assert sorted(read) == sorted(
        [
            ("dishwasher?", mugs, "yes"),
            ("microwave?", mugs, "silent"),
            ("They may be washed by machine.", mugs, "follows"),
            ("when", monday, "answers"),
            ("when", returns, "silent"),
            ("where", monday, "silent"),
            ("where", returns, "silent"),
        ]
    )


@pytest.mark.parametrize(
    "line",
    [
        '{"passage": "a", "asks": [["b", "maybe"]]}',
        '{"passage": "", "asks": []}',
        '{"passage": "a", "asks": "b"}',
        '{"passages": ["a"], "asks": [["b", [1], "yes"]]}',
        '{"title": "a"}',
        "[]",
        "{",
    ],
)
def test_a_faulty_line_is_named_and_nothing_is_taught(tmp_path: Path, line: str) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(f'{{"passage": "a", "asks": []}}\n{line}\n', "utf-8")
    with pytest.raises(BadInput, match=r"q\.jsonl, line 2: "):
        read_questions([file])
    result = CliRunner().invoke(
        app, ["finetune", "answerability", "--questions", str(file), "--out", str(tmp_path / "a")]
    )
    assert result.exit_code == 2
    assert not (tmp_path / "a").exists()


def test_a_shop_teaches_its_own_from_the_package_s(tmp_path: Path) -> None:
    rows = [
        {"passage": f"Box {n} is blue.", "asks": [["which colour", "answers"], ["how heavy", "silent"]]}
        for n in range(4)
    ]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    package = Path(__file__).parents[2] / "recsys" / "assistant" / ADAPTER
    arguments = ["--questions", tmp_path / "q.jsonl", "--start", package, "--max-steps", 1, "--out", tmp_path / "a"]
    arguments += ["--held-out", tmp_path / "q.jsonl", "--json"]
    result = CliRunner().invoke(app, ["finetune", "answerability", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["pairs"], found["steps"]) == (8, 1)
    assert found["auc"] > 0.5
    own = Answerability.load(tmp_path / "a")
    assert own is not None
    assert own.answers("which colour", ["Box 1 is blue."])[0] > 0.5


def test_without_its_weights_it_is_said_and_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert Answerability.load(offline=True) is None
    assert "multilingual-e5-small does not judge whether a text answers a question: " in caplog.text
    with pytest.raises(ArtifactError):
        Answerability.load(tmp_path)


@pytest.mark.parametrize(
    ("writer", "named", "installed", "judges"),
    [
        ("auto", "auto", True, [(None, DEFAULT_CHAT), (None, ENCODER)]),
        ("auto", "auto", False, [(None, ENCODER)]),
        (DEFAULT_CHAT, "auto", True, [(None, DEFAULT_CHAT), (None, ENCODER)]),
        ("retrieved", "auto", True, [(None, ENCODER)]),
        ("endpoint:big", "auto", True, [(None, ENCODER)]),
        ("retrieved", DEFAULT_CHAT, True, [(None, DEFAULT_CHAT)]),
        ("auto", ENCODER, True, [(None, ENCODER)]),
        ("auto", "own/adapter", True, [(Path("own/adapter"), ENCODER)]),
        ("auto", "none", True, []),
    ],
)
def test_the_writer_judges_where_its_weights_are(
    monkeypatch: pytest.MonkeyPatch, writer: str, named: str, installed: bool, judges: list[tuple[Path | None, str]]
) -> None:
    monkeypatch.setattr(setup, "find_spec", lambda _: object() if installed else None)
    settings = Settings(assistant=AssistantSettings(writer=writer, answerability=named))
    assert setup._judges(settings) == judges
