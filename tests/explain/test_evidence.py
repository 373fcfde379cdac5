"""Evidence: parts that sum, worths that are true counterfactuals, facts that hold."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys import Recommender
from recsys.errors import BadInput, RecsysError
from recsys.explain import Explainer, ExplainSettings, Kind, ReasonWriter, check, evaluate
from recsys.explain import lists as reasons_of
from recsys.explain.copywriting import write_copy
from recsys.explain.evidence import NAMEABLE
from recsys.explain.selection import PER_PURCHASE
from recsys.explain.slot_templates import Plan
from recsys.explain.writer import judge
from tests.explain_cases import case, falsehoods


@pytest.fixture(scope="module")
def rec(tiny_version: Path, tiny_environment: dict[str, str]) -> Recommender:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        patch.setenv("RECSYS_EXPLAIN__WRITER", "template")
        return Recommender.load(tiny_version)


@pytest.fixture(scope="module")
def pairs(rec: Recommender) -> list[evaluate.Pair]:
    rng = np.random.default_rng(0)
    out = []
    for user in range(40):
        code = rec.lookup.codes(rec.recommend(rec.shop.user_ids[user], k=5).item_id.tolist())
        out.append(evaluate.Pair(rec.shop.profile(user), user, int(rng.choice(code))))
    return out


def test_parts_sum_to_the_difference_and_the_logit_is_the_rankers(rec: Recommender, pairs: list) -> None:
    evidence = evaluate.evidence_of(rec.explainer, pairs)
    assert evaluate.completeness(evidence) < 1e-6
    for pair, found in zip(pairs, evidence, strict=True):
        one = rec.shop.catalogue.take([pair.item])
        assert found.logit == pytest.approx(float(rec.ranker.logit(pair.profile, one)[0]), abs=1e-6)
        average = rec.ranker.logit(pair.profile, rec.explainer.statistics.baseline).mean()
        assert found.baseline == pytest.approx(float(average), abs=1e-6)


def test_worth_is_the_drop_through_the_public_door(rec: Recommender) -> None:
    """The history as a list, with and without the purchase: the same drop, the text read again."""
    history = [str(i) for i in rec.shop.item_ids[rec.shop.profile(3).items]]
    item = rec.recommend({"history": history}, k=1).item_id[0]
    shopper = rec.lookup.shopper({"history": history})
    found = rec.explainer.evidence(shopper.profile, [int(rec.lookup.codes([item])[0])])[0]
    code = rec.lookup.codes([item])
    for purchase in found.purchases[:2]:
        rest = shopper.profile.without(purchase.row)
        if purchase.text:
            rest = replace(rest, text=rec.lookup.encode_history(rest))
        left = float(rec.ranker.logit(rest, rec.shop.catalogue.take(code))[0])
        assert found.logit - left == pytest.approx(purchase.worth, abs=1e-6)


def test_worth_is_the_drop_for_a_known_shopper_without_the_purchase(rec: Recommender, pairs: list) -> None:
    logit = lambda p: float(np.log(p) - np.log1p(-p))  # noqa: E731 - one line beside its only use
    for pair, found in list(zip(pairs, evaluate.evidence_of(rec.explainer, pairs), strict=True))[:10]:
        user = str(rec.shop.user_ids[pair.user])
        named = found.purchases[0]
        full = rec.recommend(user, items=[found.item_id]).score[0]
        same = rec.recommend({"user": user, "without": []}, items=[found.item_id]).score[0]
        less = rec.recommend({"user": user, "without": [named.item_id]}, items=[found.item_id]).score[0]
        assert full == same
        assert np.sign(logit(full) - logit(less)) == np.sign(named.worth)
        assert found.item_id not in {p.item_id for p in found.purchases}
        assert named.item_id not in {
            p.item_id for p in rec.explain({"user": user, "without": [named.item_id]}, found.item_id).evidence.purchases
        }
    with pytest.raises(BadInput, match="not in the history"):
        rec.recommend({"user": user, "without": [found.item_id]})
    with pytest.raises(BadInput, match="nothing else"):
        rec.recommend({"user": user, "history": [found.item_id]})
    with pytest.raises(KeyError, match="unknown user"):
        rec.recommend({"user": "nobody", "without": []})


def test_only_purchases_that_carry_the_score_are_named(rec: Recommender, pairs: list) -> None:
    for found in evaluate.evidence_of(rec.explainer, pairs):
        worth = {p.item_id: p.worth for p in found.purchases}
        titles = {rec.title(i): i for i in worth if i}
        for past in found.facts.because:
            assert worth[titles[past.product.name]] >= NAMEABLE
            assert past.item_id == titles[past.product.name]
        for choice in found.choices:
            past = None if choice.named is None else found.facts.because[choice.named]
            assert found.facts.holds(choice.kind, past)
            assert choice.extra is None or found.facts.holds(choice.extra)
        assert found.facts.choice == (found.choices[0] if found.choices else None)
        assert list(found.purchases) == sorted(found.purchases, key=lambda p: -p.worth)


def test_facts_are_those_of_the_tables(rec: Recommender, pairs: list) -> None:
    tables = rec.shop.tables.value
    items = tables.items.set_index("item_id")
    events = tables.interactions
    recent = events[events.timestamp >= rec.shop.now - 30 * 86_400]
    for found in evaluate.evidence_of(rec.explainer, pairs)[:10]:
        row, facts = items.loc[found.item_id], found.facts
        assert facts.item.brand == row.brand
        assert facts.item.price == pytest.approx(row.price, abs=0.01)
        assert facts.item.buyers == events[events.item_id == found.item_id].user_id.nunique()
        assert facts.item.recent == recent[recent.item_id == found.item_id].user_id.nunique()
        for past in facts.because:
            buyers = events.groupby("item_id").user_id.agg(set)
            measure = past.measures.get(Kind.ALSO_BOUGHT)
            both = len(buyers[found.item_id] & buyers[past.item_id])
            rarer = min(len(buyers[found.item_id]), len(buyers[past.item_id]))
            if measure is not None:
                assert (measure.count, measure.of) == (both, rarer)


def test_leaving_out_what_is_decisive_takes_the_item_to_the_average(rec: Recommender, pairs: list) -> None:
    decisive = 0
    for pair, found in zip(pairs, evaluate.evidence_of(rec.explainer, pairs), strict=True):
        rest = pair.profile
        for item in found.decisive:
            row = int(np.flatnonzero(rest.items == rec.lookup.codes([item])[0])[0])
            rest = rest.without(row)
        if found.decisive:
            decisive += 1
            rest = replace(rest, text=rec.lookup.encode_history(rest))
            assert float(rec.ranker.logit(rest, rec.shop.catalogue.take([pair.item]))[0]) <= found.baseline
    assert decisive


def test_explanations_are_grounded_and_serialise(rec: Recommender) -> None:
    user = str(rec.shop.user_ids[0])
    item = rec.recommend(user, k=1).item_id[0]
    found = rec.explain(user, item)
    assert check(found.sentence, found.evidence.facts) == []
    told = json.loads(json.dumps(found.as_dict()))
    assert told["item_id"] == item
    assert told["because"] == list(found.because)
    assert all(f["text"] == f"{f['count']} of {f['of']} {f['unit']}" for f in told["figures"])
    for shopper in ({}, {"text": "red garden spade"}, {"history": [item]}):
        e = rec.explain(shopper, "K001")
        assert (check(e.sentence, e.evidence.facts) == []) if e.sentence else e.kind is None
    with pytest.raises(KeyError, match="unknown item"):
        rec.explain(user, "nothing")


def test_assessment(rec: Recommender, pairs: list) -> None:
    plain = ReasonWriter(None, ExplainSettings(writer="template"))
    figures, table, _ = evaluate.assess(rec.explainer, pairs, {"template": plain})
    assert figures["completeness"] < 1e-6
    assert figures["lowered"] >= 0.99
    assert figures["drop_named"] > figures["drop_random"]
    assert table.loc["template", "grounded"] == 1.0
    assert table.loc["template", "by_writer"] == 0.0


def test_lists_are_explained_in_order_and_resumed(rec: Recommender, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(reasons_of, "PART_ROWS", 7)
    lists = rec.recommend_many([str(u) for u in rec.shop.user_ids[:8]], 3)
    asked: list[str] = []

    def shopper(user: str):
        asked.append(user)
        return rec.lookup.shopper(user).profile, int(rec.shop.user_index.get_loc(user))

    parts = tmp_path / "parts"
    run = reasons_of.explain_resumably(rec.explainer, lists, shopper, parts, "v1")
    next(run), next(run)  # and then the run is stopped
    before = len(asked)
    assert list(reasons_of.explain_resumably(rec.explainer, lists, shopper, parts, "v1"))[-1] == len(lists)
    assert "000" in asked
    assert asked.count("000") == 1, "finished parts are not done again"
    assert len(asked) > before
    result = reasons_of.collect(parts)
    pd.testing.assert_frame_equal(result[["user_id", "item_id"]], lists[["user_id", "item_id"]], check_dtype=False)
    assert (result.reason == [e.sentence for e in reasons_of.explain_lists(rec.explainer, lists, shopper)]).all()
    for _, one in result.groupby("user_id"):
        named = Counter(item for row in one.because for item in json.loads(row))
        assert max(named.values(), default=0) <= PER_PURCHASE
    asked.clear()
    list(reasons_of.explain_resumably(rec.explainer, lists, shopper, parts, "v2"))
    assert "000" in asked, "parts of another version are not continued"


def test_a_list_in_python_is_told_as_one(rec: Recommender) -> None:
    for user in rec.shop.user_ids[:10]:
        items = rec.recommend(str(user), k=5).item_id.tolist()
        told = rec.explain_list(str(user), items)
        assert [e.item_id for e in told] == items
        named = Counter(item for e in told for item in e.because)
        assert max(named.values(), default=0) <= PER_PURCHASE
        bought = rec.shop.tables.value.interactions.query("user_id == @user").item_id
        assert set(named) <= set(bought)
        sentences = [e.sentence for e in told if e.sentence]
        assert len(set(sentences)) == len(sentences)


def test_copy_for_products_and_bundles(rec: Recommender) -> None:
    table = pd.DataFrame({"item_id": ["G001", "G002", "K003"], "bundle": ["", "set", "set"]})
    copy = write_copy(rec.explainer, table, rec.lookup.codes(table.item_id.tolist()).tolist())
    assert rec.title("G001") in copy["copy"][0].lower()  # a sentence begins with a capital letter
    assert copy["copy"][1] == copy["copy"][2]
    assert rec.title("K003") in copy["copy"][1]
    wanted = pd.DataFrame({"item_id": ["G001"] * 3, "form": ["line", "promotion", "subject"]})
    texts = write_copy(rec.explainer, wanted, rec.lookup.codes(wanted.item_id.tolist()).tolist())["copy"]
    assert all("garden" in text for text in texts)
    with pytest.raises(BadInput, match="form"):
        write_copy(rec.explainer, wanted.assign(form="poem"), [0, 0, 0])


# --- the writer -------------------------------------------------------------------------------------------------------


class _Scripted:
    """A `TextWriter` that answers what it is told to."""

    name = "scripted"

    def __init__(self, answer: Callable[[str, int], str]) -> None:
        self.answer = answer
        self.asked = 0

    def write(self, prompts, sampling=None, *, seeds=0) -> list[str]:
        self.asked += len(prompts)
        return [self.answer(p, s) for p, s in zip(prompts, seeds, strict=True)]


SETTINGS = ExplainSettings()


def test_a_good_form_is_delivered_and_cached() -> None:
    facts = case(random.Random(0), Kind.BRAND, bought=True).facts
    model = _Scripted(lambda prompt, seed: 'You bought "{because_1}", and {item} is by {brand}, too.\nAnd more')
    writer = ReasonWriter(model, SETTINGS, trained=True)
    first, second = writer.write([facts])[0], writer.write([facts])[0]
    assert first == second
    assert first.writer == "scripted"
    assert first.tries == 1
    assert facts.item.name in first.sentence
    assert model.asked == 1


@pytest.mark.parametrize(
    "bad",
    [
        "We recommend {because_1} because you bought {item}.",
        "Because you bought {because_1}, we suggest {item}, a bestseller worth 5 stars.",
        "We suggest {item}.",
        "We suggest {item} and {because_1} and {password}.",
        "",
        "{item}" * 50,
    ],
)
def test_a_bad_form_is_tried_once_more_and_then_replaced(bad: str) -> None:
    facts = case(random.Random(0), Kind.BRAND, bought=True).facts
    model = _Scripted(lambda prompt, seed: bad)
    reason = ReasonWriter(model, SETTINGS, trained=True).write([facts])[0]
    assert reason.writer == "template"
    assert len(reason.refused) == 2
    assert model.asked == 2
    assert check(reason.sentence, facts) == []


def test_the_model_never_reads_a_name() -> None:
    seen: list[str] = []
    model = _Scripted(lambda prompt, seed: seen.append(str(prompt)) or "")
    for trained in (True, False):
        for kind in Kind:
            facts = case(random.Random(1), kind).facts
            ReasonWriter(model, SETTINGS, trained=trained).write([facts])
            names = [facts.item.name, *(p.product.name for p in facts.because)]
            assert not any(name in prompt for name in names for prompt in seen)


def test_a_late_writer_is_not_waited_for(rec: Recommender) -> None:
    import threading

    gate = threading.Event()
    slow = _Scripted(lambda prompt, seed: (gate.wait(20), "")[1])
    settings = ExplainSettings(seconds=0.2)
    explainer = Explainer(rec.shop, rec.ranker, settings, writer=lambda: ReasonWriter(slow, settings, trained=True))
    found = explainer.explain(rec.shop.profile(0), 3, user=0)
    gate.set()
    assert found.writer == "template"


def test_weights_that_cannot_be_fetched_leave_plain_sentences(rec: Recommender) -> None:
    def fails() -> ReasonWriter:
        raise RecsysError("offline")

    explainer = Explainer(rec.shop, rec.ranker, ExplainSettings(), writer=fails)
    evidence = explainer.evidence(rec.shop.profile(0), [3], user=0)
    assert explainer.write(evidence)[0].writer == "template"
    assert explainer.explain(rec.shop.profile(0), 3, user=0).writer == "template"


def test_a_guided_writer_gets_wordings_that_pass() -> None:
    class Guided(_Scripted):
        def write(self, prompts, sampling=None, *, seeds=0, within=()) -> list[str]:
            assert within[0]
            return [texts[seed % len(texts)] for texts, seed in zip(within, seeds, strict=True)]

    writer = ReasonWriter(Guided(lambda prompt, seed: ""), SETTINGS, trained=True, guided_from=0)
    for kind in Kind:
        facts = case(random.Random(6), kind).facts
        reason = writer.write([facts])[0]
        assert (reason.writer, reason.tries, reason.refused) == ("scripted", 1, ())
        assert check(reason.sentence, facts) == []


def test_a_guided_writer_reads_the_plan_and_draws_more_freely_untrained() -> None:
    asked: list[tuple[str, float]] = []

    class Guided(_Scripted):
        def write(self, prompts, sampling=None, *, seeds=0, within=()) -> list[str]:
            asked.extend((prompt, sampling.temperature) for prompt in prompts)
            return [texts[0] for texts in within]

    facts = case(random.Random(6), Kind.BRAND).facts
    for temperature, drawn in ((0.6, 2.4), (0.0, 0.0)):
        settings = ExplainSettings(temperature=temperature)
        ReasonWriter(Guided(lambda prompt, seed: ""), settings, trained=False, guided_from=0).write([facts])
        assert asked.pop() == (Plan.of(facts).line, pytest.approx(drawn))


def test_no_list_gets_one_wording_twice() -> None:
    class First(_Scripted):
        def write(self, prompts, sampling=None, *, seeds=0, within=()) -> list[str]:
            return [texts[seed % len(texts)] for texts, seed in zip(within, seeds, strict=True)]

    facts = [case(random.Random(seed), Kind.BRAND, bought=True).facts for seed in range(3)]
    writer = ReasonWriter(First(lambda prompt, seed: ""), SETTINGS, trained=True, guided_from=0)
    forms = [reason.form for reason in writer.write(facts, ["a", "a", "a"])]
    assert len(set(forms)) == 3


def test_nothing_worth_saying_is_not_said() -> None:
    silent = replace(case(random.Random(0), Kind.BRAND).facts, choice=None)
    model = _Scripted(lambda prompt, seed: "{item} is for you.")
    reason = ReasonWriter(model, SETTINGS, trained=True).write([silent])[0]
    assert (reason.sentence, reason.writer, model.asked) == ("", "", 0)


def test_a_refused_wording_is_followed_by_a_guided_one() -> None:
    class Careless(_Scripted):
        def write(self, prompts, sampling=None, *, seeds=0, within=None) -> list[str]:
            return ["Everyone loves {item}."] * len(prompts) if within is None else [texts[0] for texts in within]

    facts = case(random.Random(6), Kind.BRAND, bought=True).facts
    reason = ReasonWriter(Careless(lambda prompt, seed: ""), SETTINGS, trained=True, guided_from=1).write([facts])[0]
    assert (reason.writer, reason.tries, len(reason.refused)) == ("scripted", 2, 1)
    assert check(reason.sentence, facts) == []


def test_judge_refuses_what_the_check_refuses() -> None:
    for text, now in falsehoods("false popularity", random.Random(3), 20):
        plan = Plan.of(now.facts)
        form = text.replace(f"“{now.facts.item.name}”", "{item}")
        assert judge(form, plan, now.facts)[1]


def test_overlap_is_that_of_the_standard_tools() -> None:
    pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    text = "the shopper would buy the book because of its plot"
    perfect = evaluate.overlap([text], [text])
    assert perfect["bleu4"] == pytest.approx(100)
    assert perfect["rougeL"] == pytest.approx(1)
    assert evaluate.overlap(["nothing in common here at all"], [text])["rougeL"] == 0


def test_variety_and_kinds() -> None:
    forms = ["{item} is new here."] * 5 + ["you bought {because_1}, so {item}."] * 5
    assert evaluate.variety(forms)["unique"] == 0.2
    assert evaluate.kind_accuracy(forms, ["new"] * 5 + ["bought"] * 5) == 1.0
