"""Conversations with plans: what is read of them, and what a planner learns from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.assistant import plans
from recsys.errors import BadInput

DATA = Path(__file__).parents[2] / "data" / "conversations"
TENT = {
    "lang": "en",
    "shop": "camping",
    "turns": [
        {"user": "tent for 4", "plan": ["find: tent for 4"], "shown": ["Dome Tent 249.00", "Tunnel Tent 289.00"]},
        {"user": "2nd waterproof?", "plan": ["facts #2: is it waterproof"]},
        {"user": "and how long to aberdeen", "plan": ["rules: how long does delivery to Aberdeen take"]},
        {"user": "where's A12", "plan": ["order A12: where is the order", "say: thanks"]},
        {"user": "ok", "plan": ["say: thanks"]},
    ],
}


def written(folder: Path, *lines: object) -> Path:
    path = folder / "c.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines), "utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("find: tent under 300", '{"tool":"search_products","query":"tent under 300"}'),
        ("find others: 帐篷", '{"tool":"search_products","query":"帐篷","instead":"others"}'),
        ("find cheaper: tent", '{"tool":"search_products","query":"tent","instead":"cheaper"}'),
        ("find dearer: tent", '{"tool":"search_products","query":"tent","instead":"dearer"}'),
        ("facts #1 #3: is it: dry", '{"tool":"product_facts","items":[1,3],"question":"is it: dry"}'),
        ("facts: Dome Tent weight", '{"tool":"product_facts","items":[],"question":"Dome Tent weight"}'),
        ("compare #1 #2: ", '{"tool":"compare","items":[1,2],"question":""}'),
        ("compare: A and B", '{"tool":"compare","items":[],"question":"A and B"}'),
        ("goes with #1: ", '{"tool":"goes_with","items":[1],"question":""}'),
        ("like #2: in green", '{"tool":"similar","items":[2],"question":"in green"}'),
        ("price history #1: lowest", '{"tool":"price_history","items":[1],"question":"lowest"}'),
        ("why #2:", '{"tool":"recommend","items":[2],"question":""}'),
        ("count: tents", '{"tool":"catalogue_facts","query":"tents"}'),
        ("rules: is pickup free", '{"tool":"search_policies","query":"is pickup free"}'),
        ("order: where", '{"tool":"order_status","question":"where"}'),
        ("order refund: when", '{"tool":"order_status","question":"when","wish":"refund"}'),
        ("order R-12 damaged: torn", '{"tool":"order_status","question":"torn","order":"R-12","wish":"damaged"}'),
        ("order  12  : where", '{"tool":"order_status","question":"where","order":"12"}'),
        ("person: asked", '{"tool":"hand_over","reason":"asked"}'),
        ("say: out_of_scope", '{"tool":"reply","kind":"out_of_scope"}'),
    ],
)
def test_a_plan_is_a_call_with_its_keys_in_order(line: str, call: str) -> None:
    assert plans.written([plans.read_plan(line, shown=3)]) == f"[{call}]"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("fnd: tent", "begins with none of `find:`"),
        ("find tent", "begins with none of"),
        ("find", "begins with none of"),
        ("find:", "nothing after the colon"),
        ("facts #1: ", "nothing after the colon"),
        ("why: ", "nothing after the colon"),
        ("order: ", "nothing after the colon"),
        ("find #1: tent", "'#1' before the colon, where `find` takes nothing"),
        ("facts all: dry", "'all' before the colon, where `facts` takes numbers"),
        ("facts #0: dry", "'#0' before the colon"),
        ("facts #4: dry", "names #4, and 3 products were shown"),
        ("compare #1: dry", "names 1 products, and `compare` takes none, or two to four"),
        ("like: green", "names 0 products, and `like` takes exactly one"),
        ("goes with #1 #2: bag", "names 2 products, and `goes with` takes at most 1"),
        ("order soon: where", "'soon' before the colon; after `order` come its number"),
        ("order A1 B2 return: it", "'A1 B2 return' before the colon"),
        ("person: angry", "says 'angry'; after `person:` comes one of asked, complaint"),
        ("say: hi", "says 'hi'; after `say:` comes one of greeting"),
    ],
)
def test_what_is_no_plan_is_refused_and_says_why(line: str, said: str) -> None:
    with pytest.raises(BadInput, match=re.escape(said)):
        plans.read_plan(line, shown=3)


WORDS = st.text(min_size=1, max_size=40).filter(lambda text: text == text.strip())


@given(
    st.sampled_from(["find", "find others", "find cheaper", "find dearer", "count", "rules"]),
    st.sampled_from(["facts", "compare", "price history", "why"]),
    st.lists(st.integers(1, 4), min_size=2, max_size=4),
    st.from_regex(r"[A-Z]{0,2}-?[0-9]{1,6}", fullmatch=True),
    st.sampled_from(["", "cancel", "return", "refund", "change", "missing", "damaged"]),
    WORDS,
)
def test_nothing_of_a_plan_is_lost(
    kind: str, of_items: str, items: list[int], number: str, wish: str, text: str
) -> None:
    wanted = json.loads(plans.written([plans.read_plan(f"{kind}: {text}", shown=0)]))[0]
    assert wanted["query"] == text
    assert wanted.get("instead", "") == kind.partition(" ")[2]
    named = " ".join(f"#{n}" for n in items)
    assert plans.read_plan(f"{of_items} {named}: {text}", shown=4).items() >= {"items": items, "question": text}.items()
    order = plans.read_plan(" ".join(filter(None, ["order", number, wish])) + f": {text}", shown=0)
    assert (order["order"], order.get("wish", ""), order["question"]) == (number, wish, text)


def test_each_turn_is_an_example_with_what_came_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "UNTOLD", -1.0)
    found = list(plans.examples(plans.read_conversations(written(tmp_path, TENT, "", TENT))))
    assert len(found) == 10
    shown = "Shown: 1 Dome Tent 249.00; 2 Tunnel Tent 289.00"
    assert [example.situation for example in found[:5]] == [
        "Customer: tent for 4",
        f"{shown}\nEarlier: tent for 4\nTold: products\nCustomer: 2nd waterproof?",
        f"{shown}\nEarlier: tent for 4 / 2nd waterproof?\nTold: products\nCustomer: and how long to aberdeen",
        f"{shown}\nEarlier: tent for 4 / 2nd waterproof? / and how long to aberdeen\nTold: rule\nCustomer: where's A12",
        f"{shown}\nEarlier: 2nd waterproof? / and how long to aberdeen / where's A12\nTold: order\nCustomer: ok",
    ]
    assert found[5] == found[0]
    (tmp_path / "bom.jsonl").write_text(json.dumps(TENT), "utf-8-sig")
    assert list(plans.examples(plans.read_conversations(tmp_path / "bom.jsonl"))) == found[:5]
    assert plans.written(found[3].calls) == (
        '[{"tool":"order_status","question":"where is the order","order":"A12"},{"tool":"reply","kind":"thanks"}]'
    )


def test_a_situation_is_bounded() -> None:
    text = plans.situation("q", plans.read_before(["a", "b", "c" * 500, "d"], ["1", "2", "3", "4", "5"], plans.RULE))
    assert text == f"Shown: 1 1; 2 2; 3 3; 4 4\nEarlier: b / {'c' * 160} / d\nTold: rule\nCustomer: q"


def test_a_tenth_is_not_told_by_a_seeded_draw() -> None:
    turns = [plans.PlannedTurn(str(n), ({"tool": "order_status", "question": "where"},)) for n in range(1001)]
    runs = [[e.situation for e in plans.examples([turns], seed=seed)] for seed in (7, 7, 8)]
    assert runs[0] == runs[1] != runs[2]
    untold = sum("Told: order" not in text for text in runs[0][1:])
    assert 60 < untold < 140  # of 1,000; four standard deviations


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ({"plan": ["find: x"]}, "line 2, turn 1, user: Field required"),
        ({"user": " ", "plan": ["find: x"]}, "line 2, turn 1, user: String should match pattern"),
        ({"user": "\ud800", "plan": ["find: x"]}, "line 2, turn 1, user: Input should be a valid string"),
        ({"user": "x", "plan": []}, "line 2, turn 1, plan: List should have at least 1 item"),
        ({"user": "x", "plan": ["find: x"] * 5}, "line 2, turn 1, plan: List should have at most 4 items"),
        ({"user": "x", "plan": ["find: x"], "shown": ["a"] * 5}, "line 2, turn 1, shown"),
        ({"user": "x" * 1001, "plan": ["find: x"]}, "line 2, turn 1, user: String should have at most 1000"),
        ({"user": "x", "plan": ["find: x"], "show": []}, "line 2, turn 1, show: Extra inputs are not permitted"),
        ({"user": 7, "plan": ["find: x"]}, "line 2, turn 1, user: Input should be a valid string"),
        ({"user": "x", "plan": ["facts #1: x"]}, "line 2, turn 1: the plan 'facts #1: x' names #1, and 0 products"),
    ],
)
def test_a_fault_is_named_by_file_line_and_turn(tmp_path: Path, turn: dict[str, object], said: str) -> None:
    path = written(tmp_path, TENT, {"lang": "en", "turns": [turn]})
    with pytest.raises(BadInput, match=re.escape(f"{path}, {said}")):
        plans.read_conversations(path)


def test_what_is_no_file_of_conversations_is_refused(tmp_path: Path) -> None:
    for lines, said in [
        (['{"lang": "en"'], "line 1: no JSON"),
        (["[" * 100_000], "line 1: no JSON"),
        (['"tent"'], "line 1: Input should be"),
        ([{"lang": "fr", "turns": TENT["turns"]}], "line 1, lang: Input should be 'en' or 'zh'"),
        ([{"lang": "en", "turns": []}], "line 1, turns: List should have at least 1 item"),
        ([""], "no conversations; write one a line"),
    ]:
        with pytest.raises(BadInput, match=re.escape(said)):
            plans.read_conversations(written(tmp_path, *lines))
    with pytest.raises(BadInput, match=r"absent\.jsonl: cannot be read"):
        plans.read_conversations(tmp_path / "absent.jsonl")
    (tmp_path / "latin").write_bytes("für".encode("latin-1"))
    with pytest.raises(BadInput, match="byte 1 is no UTF-8"):
        plans.read_conversations(tmp_path / "latin")


def test_the_projects_own_conversations_are_whole() -> None:
    sizes = {path.stem: len(plans.read_conversations(path)) for path in sorted(DATA.glob("*.jsonl"))}
    assert sizes == {"en": 1331, "held_out": 90, "held_out_sample_shop": 160, "sample_shop": 508, "zh": 793}
