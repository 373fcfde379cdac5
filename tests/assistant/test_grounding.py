"""The check of answers on claims written without reading it: each falsehood refused, nearly all truths let through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recsys.assistant.answerability import Answerability
from recsys.assistant.grounding import check_answer
from recsys.data.passages import Passage
from recsys.llm.chat import DEFAULT_CHAT
from recsys.llm.clauses import clauses, lead

DATA = Path(__file__).parent / "data"
# Truths refused: the shop's own words are given in their place. Of 205, 50, 104, 104, 50, 203, 100 and 100; each set
# came later, and nothing was mended in view of the last two.
REFUSED = {
    "bound_claims": 10,
    "bound_claims_fresh": 6,
    "bound_claims_third": 8,
    "bound_claims_fourth": 18,
    "bound_claims_fifth": 14,
    "bound_claims_sixth": 66,
    "bound_claims_seventh": 54,
    "bound_claims_eighth": 59,
}
# Falsehoods known to pass, read one by one: a word the lexicon does not know ("register", 另外), a quantifier beside a
# condition ("never", "any other"), two verbs of one sentence exchanged, a flavour, a word more ("tea bags", "only").
# The list may only become shorter.
PASS = {
    "We keep your orders for two years.",
    "Plants are sent at weekends only.",
    "You can use several vouchers in an order.",
    "You have to register before you can order.",
    "Once the box is open you can't return it.",
    "Earphones that go in the ear can never be returned.",
    "We refund plants that arrive in bad condition.",
    "The second delivery is free for any other product.",
    "We replace first, and repair only when that is not possible.",
    "If a repair takes longer than 15 working days, you get a refund.",
    "Both cost the same.",
    "This is chicken kibble for puppies.",
    "This is lamb kibble for adult dogs.",
    "包裹寄出以后也能改。",
    "植物周末也发货。",
    "增值税另外收。",
    "特快配送平时8.95，订单满40.00就免运费。",
    "需要先注册账户才能下单，账户里可以看到订单、退货和发票。",
    "可以，支付宝、PayPal和Apple Pay都能用。",
    "The castle has 1,100 pieces, but it only fits Little Acorn's own bricks.",
    "Yes, products made to order can be returned as long as they are not engraved.",
    "No, water damage is never covered by the warranty, not even on products sold as waterproof.",
    "Yes, it comes as 500 g of tea bags, aromatic and good for every day.",
    "They are high-rise jeans in ecru with a touch of stretch.",
}


def _claims(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def _refused(claim: dict[str, Any], judge: Answerability | None = None) -> bool:
    sources = [Passage(s.get("id", ""), s["kind"], s["title"], s["text"]) for s in claim["sources"]]
    return bool(check_answer(claim["answer"], sources, claim["question"], judge))


@pytest.mark.parametrize("name", REFUSED)
def test_no_falsehood_passes(name: str) -> None:
    falsehoods = [claim for claim in _claims(name) if not claim["true"]]
    assert len(falsehoods) > 50
    assert {claim["answer"] for claim in falsehoods if not _refused(claim)} <= PASS


@pytest.mark.parametrize("name", REFUSED)
def test_few_truths_are_refused(name: str) -> None:
    truths = [claim for claim in _claims(name) if claim["true"]]
    assert len(truths) >= 50
    refused = [claim["answer"] for claim in truths if _refused(claim)]
    assert len(refused) <= REFUSED[name], refused


def test_a_judge_refuses_falsehoods_that_the_clauses_let_pass_and_hardly_a_truth() -> None:
    judge = Answerability.load(None, DEFAULT_CHAT, offline=True)
    if judge is None:
        pytest.skip(f"the weights of {DEFAULT_CHAT} (491 MB) are not on this machine")
    claims = _claims("bound_claims_sixth")
    passing = [claim for claim in claims if not claim["true"] and not _refused(claim)]
    truths = [claim for claim in claims if claim["true"] and not _refused(claim)][:40]
    assert sum(_refused(claim, judge) for claim in passing) >= len(passing) / 2
    assert sum(_refused(claim, judge) for claim in truths) <= 2


COST = Passage(
    "faq:1", "faq", "How much does it cost?", "Standard delivery costs 3.95 and is free from 40.00. Express costs 8.95."
)


@pytest.mark.parametrize(
    ("answer", "follows"),
    [
        ("Express costs 8.95.", True),
        ("特快配送8.95。", True),
        ("Express costs 3.95.", False),
        ("Standard delivery is free.", False),
        ("Standard delivery is free if you spend at least 40.00.", True),
        ("Express costs 8.95. It is free from 40.00.", False),
        ("How much does it cost?", False),
    ],
)
def test_a_number_belongs_to_its_thing(answer: str, follows: bool) -> None:
    assert (not check_answer(answer, [COST], "how much is express?")) is follows


ORDER = Passage(
    "order:A1", "order", "", "Order A20714 of 2026-03-27 (Face Cream, 50 ml): on its way, expected on 2026-04-01."
)
DELIVERED = Passage("order:A2", "order", "", "Order A20003 of 2026-01-31 (Espresso Machine): delivered on 2026-02-04.")


@pytest.mark.parametrize(
    ("answer", "source", "follows"),
    [
        ("It is expected on 1 April.", ORDER, True),
        ("It is expected on 27 March.", ORDER, False),
        ("That order arrived on 4 February 2026.", DELIVERED, True),
        ("That order arrived on 31 January 2026.", DELIVERED, False),
    ],
)
def test_a_date_belongs_to_its_verb(answer: str, source: Passage, follows: bool) -> None:
    """The day of ordering is not the day of arrival, though a sentence of the source holds both."""
    assert (not check_answer(answer, [source], "where is it?")) is follows


def test_a_shop_of_another_kind_is_checked_with_the_same_words() -> None:
    pool = Passage(
        "p", "faq", "When is the pool open?", "The pool is open from 9:00 to 17:00. Towels cost 4.00 to hire."
    )
    assert not check_answer("The pool is open from 9 am to 5 pm.", [pool])
    assert check_answer("The pool is open from 9 am to 7 pm.", [pool])
    assert check_answer("Towels cost 5.00 to hire.", [pool])
    assert check_answer("The sauna is open from 9:00 to 17:00.", [pool])


def test_a_clause_without_a_subject_takes_the_one_before() -> None:
    first, second = clauses("Standard delivery costs 3.95 and is free from 40.00.")
    assert {t.key for t in first.main} >= {"standard", "cost"}
    assert {t.key for t in second.inherited} >= {"standard"}


@pytest.mark.parametrize(("text", "said"), [("Yes, until 9.", True), ("不可以。", False), ("No problem at all", None)])
def test_the_yes_or_no_that_leads(text: str, said: bool | None) -> None:
    assert lead(text)[0] is said


CANCEL = Passage(
    "faq.zh:31",
    "faq",
    "可以取消订单吗？",
    "包裹离开仓库之前可以取消：在账户的“订单”中选择“取消”。之后请收到包裹再退货。",
)
GIFT_CARDS = Passage("faq:23", "faq", "How long are gift cards valid?", "Gift cards are valid for five years.")


@pytest.mark.parametrize(
    ("question", "answer", "source", "follows"),
    [
        ("我不想要了，能取消吗", "可以取消订单。", CANCEL, False),
        ("我不想要了，能取消吗", "包裹离开仓库之前可以取消订单。", CANCEL, True),
        ("do gift cards expire?", "Gift cards expire.", GIFT_CARDS, False),
        ("do gift cards expire?", "Gift cards are valid for five years.", GIFT_CARDS, True),
        ("how long?", "Gift cards are valid for 5 years.", GIFT_CARDS, True),
    ],
)
def test_what_small_models_wrote(question: str, answer: str, source: Passage, follows: bool) -> None:
    """A permission without the rule's condition, and an answer that only repeats its question."""
    assert (not check_answer(answer, [source], question)) is follows
