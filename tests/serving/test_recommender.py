from __future__ import annotations

import copy
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as configured
from hypothesis import strategies as st

from recsys import Recommender, recommend
from recsys.data.store import Store
from recsys.encoders.loading import encoder_for
from recsys.errors import BadInput
from recsys.ranking.recipe import HistoryEncoder, prepare_ranker
from recsys.settings import load_settings

KINDS = {"G": "garden", "K": "kitchen"}


@pytest.fixture(scope="module")
def rec(tiny_version, tiny_environment):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        yield Recommender.load(tiny_version)


def test_each_taste_gets_its_own_department(rec):
    for user, initial in (("000", "K"), ("001", "G"), ("040", "K"), ("041", "G")):
        found = rec.recommend(user, k=8)
        assert (found.item_id.str[0] == initial).mean() >= 0.8, found


def test_two_tastes_order_the_same_items_differently_which_concatenation_alone_cannot(rec, tiny_tables, tiny):
    same = ["G001", "G002", "K001", "K002", "G010", "K010"]
    cook, gardener = (rec.recommend(u, items=same).item_id.tolist() for u in ("000", "001"))
    assert cook != gardener

    settings = load_settings()
    others = [block.name for block in rec.ranker.blocks if block.name != "text vectors"]
    encoder = encoder_for(settings)
    texts = HistoryEncoder(encoder, rec.shop, settings, progress=False)
    ranker = prepare_ranker(rec.shop.facts, rec.shop.events, texts, settings).ranker(without=others)
    flat = Recommender(rec.shop, ranker, rec.scoring.index, settings, lambda: encoder)
    cook, gardener = (flat.recommend(u, items=same).item_id.tolist() for u in ("000", "001"))
    assert cook == gardener


def test_list_is_sorted_unique_unseen_available_and_as_long_as_asked(rec, tiny_tables):
    items, events = tiny_tables
    for user in ("000", "001", "033"):
        found = rec.recommend(user, k=10)
        seen = set(events[events.user_id == user].item_id)
        assert len(found) == 10
        assert found["rank"].tolist() == list(range(1, 11))
        assert (np.diff(found.score) <= 0).all()
        assert found.score.between(0, 1).all()
        assert found.item_id.is_unique
        assert not seen & set(found.item_id)
        assert not set(items[~items.available].item_id) & set(found.item_id)


def test_fewer_possible_items_make_a_shorter_list(rec, tiny_tables):
    items, events = tiny_tables
    possible = (
        items.available.sum()
        - events[(events.user_id == "000") & events.item_id.isin(items[items.available].item_id)].item_id.nunique()
    )
    assert len(rec.recommend("000", k=10_000)) == possible
    assert len(rec.recommend("000", k=10_000, exclude_seen=False)) == items.available.sum()
    assert rec.recommend("000", k=3, candidates=["G001"]).item_id.tolist() == ["G001"]


@configured(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_pair_a_list_and_a_batch_score_the_same(rec, data):
    ids = rec.shop.item_ids.tolist()
    users = data.draw(st.lists(st.sampled_from(rec.shop.user_ids.tolist()), min_size=1, max_size=4, unique=True))
    items = data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=12, unique=True))
    pairs = pd.DataFrame([(u, i) for u in users for i in items], columns=["user_id", "item_id"])
    batch = rec.score_pairs(pairs).reshape(len(users), len(items))
    for row, user in zip(batch, users, strict=True):
        listed = rec.recommend(user, items=items).set_index("item_id").score
        np.testing.assert_allclose(listed[items], row, rtol=1e-5)
        alone = rec.recommend(user, items=items[:1]).score[0]
        np.testing.assert_allclose(alone, row[0], rtol=1e-5)
        searched = rec.recommend(user, k=len(ids), exclude_seen=False).set_index("item_id").score
        both = [i for i in items if i in searched.index]
        np.testing.assert_allclose(searched[both], listed[both], rtol=1e-5)


def test_many_lists_equal_single_lists_and_strangers_get_the_empty_history(rec):
    many = rec.recommend_many(["000", "nobody", "001"], k=5)
    assert list(many.columns) == ["user_id", "rank", "item_id", "score", "title"]
    for user, asked in (("000", "000"), ("001", "001"), ("nobody", {})):
        one = rec.recommend(asked, k=5)
        mine = many[many.user_id == user]
        assert mine.item_id.tolist() == one.item_id.tolist()
        np.testing.assert_allclose(mine.score, one.score, rtol=1e-5)


def test_lists_carry_titles_and_what_is_asked_for_behind_the_columns_of_old(rec, tiny_tables):
    items = tiny_tables[0].set_index("item_id")
    for found, before in (
        (rec.recommend("000", k=4), []),
        (rec.recommend("000", k=4, columns=("price", "category")), []),
        (rec.recommend("000", k=4, rules={}, columns=("price",)), ["rules"]),
        (rec.recommend("000", items=["K003", "G001"], columns=("price",)), ["position"]),
        (rec.similar("G000", k=4, columns=("brand",)), []),
        (rec.complete(["G001"], k=4, columns=("brand",)), []),
    ):
        assert list(found.columns[: 4 + len(before)]) == ["item_id", "score", "rank", *before, "title"]
        for name in found.columns[3 + len(before) :]:
            assert found[name].tolist() == items[name][found.item_id].tolist()
    many = rec.recommend_many(["000", "001"], k=3, columns=("price",))
    assert list(many.columns) == ["user_id", "rank", "item_id", "score", "title", "price"]
    assert many.price.tolist() == items.price[many.item_id].tolist()
    assert list(rec.recommend("000", columns=None).columns) == ["item_id", "score", "rank"]


def test_a_described_product_brings_its_own_title_and_columns(rec):
    described = {"title": "red kitchen teapot", "price": 3}
    found = rec.recommend("000", items=["K003", described, {"text": "a garden thing"}], columns=("price", "brand"))
    by_position = found.set_index("position")
    assert by_position.title[1] == "red kitchen teapot"
    assert by_position.price[1] == 3
    assert pd.isna(by_position.brand[1])
    assert by_position.brand[0] == rec.shop.tables.value.items.set_index("item_id").brand["K003"]


def test_a_list_shows_bars_that_sum_to_its_scores(rec):
    found = rec.recommend("000", k=5)
    parts = found._parts.of(found["rank"].to_numpy())
    logits = found._parts.intercept + np.array([sum(row.values()) for row in parts])
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), found.score, rtol=1e-6)
    shown = found._repr_html_()
    assert shown.count("<svg") == 5
    assert found.title[0] in shown
    # Of a list sorted or cut the bars are still those of its rows.
    tail = found.sort_values("score").head(2)
    assert tail._repr_html_().count("<svg") == 2
    again = tail._parts.of(tail["rank"].to_numpy())
    assert [list(row.values()) for row in again] == [pytest.approx(list(parts[at].values()), abs=1e-4) for at in (4, 3)]
    given = rec.recommend("000", items=["K003", {"title": "red <3 teapot"}])
    assert "red &lt;3 teapot" in given._repr_html_()
    assert given._repr_html_().count("<svg") == 2


def test_a_list_is_a_table_like_any_other(rec):
    found = rec.recommend("000", k=4)
    plain = pd.DataFrame(found)
    for made in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found), pd.concat([found.iloc[:2], found.iloc[2:]])):
        pd.testing.assert_frame_equal(pd.DataFrame(made), plain)
        assert "K0" in made._repr_html_()
    assert len(pickle.dumps(found)) < 5_000
    assert type(found.score) is pd.Series
    assert found.drop(columns="rank")._repr_html_() == plain.drop(columns="rank")._repr_html_()
    assert found.merge(plain[["item_id"]]).item_id.tolist() == plain.item_id.tolist()
    assert rec.recommend("000", candidates=["G007"])._repr_html_()  # an empty list: it cannot be had


def test_explanations_show_each_part_and_the_sum(rec):
    found = rec.explain("001", str(rec.recommend("001", k=1).item_id[0]))
    shown = found._repr_html_()
    assert shown.count("<svg") == len(found.evidence.parts)
    assert f"{1 / (1 + np.exp(-found.evidence.logit)):.2%}" in shown


def test_it_says_what_it_serves(rec):
    said = repr(rec)
    assert said.startswith(f"<Recommender version {rec.version.id}: 50 items, 80 users, a ranker of ")
    assert said.endswith(f"encoder {Path(rec.settings.encoder.name).name}>")


def test_given_items_come_back_once_each_with_their_position(rec):
    asked = ["K003", {"title": "red kitchen teapot", "price": 3}, "G004", "K003", {"text": "a garden thing"}]
    found = rec.recommend("000", items=asked)
    assert sorted(found.position) == [0, 1, 2, 3, 4]
    assert found["rank"].tolist() == [1, 2, 3, 4, 5]
    by_position = found.set_index("position")
    assert by_position.item_id[0] == by_position.item_id[3] == "K003"
    assert by_position.score[0] == by_position.score[3]
    assert pd.isna(by_position.item_id[1])
    assert pd.isna(by_position.item_id[4])


def test_history_of_an_unseen_shopper_steers_the_list(rec):
    gardener = rec.recommend({"history": ["G001", "G002", "G003"]}, k=6)
    cook = rec.recommend({"history": ["K001", "K002", "K003"]}, k=6)
    assert (gardener.item_id.str[0] == "G").sum() > (cook.item_id.str[0] == "G").sum()
    assert not {"G001", "G002", "G003"} & set(gardener.item_id)


@pytest.mark.parametrize("user", [{}, {"history": []}, {"text": "blue whisk"}, {"history": ["K001"], "text": "rake"}])
def test_nothing_one_click_or_a_sentence_is_enough(rec, user):
    found = rec.recommend(user, k=5)
    assert len(found) == 5
    assert np.isfinite(found.score).all()


def test_saved_and_loaded_scores_are_those_before_saving(rec, tiny_tables, tiny):
    built = Recommender.build(*tiny_tables)
    a, b = (r.recommend("007", k=20) for r in (built, rec))
    assert a.item_id.tolist() == b.item_id.tolist()
    np.testing.assert_allclose(a.score, b.score, rtol=1e-5)


def test_order_of_input_rows_does_not_matter(rec, tiny_tables, tiny):
    items, events = (t.sample(frac=1, random_state=3) for t in tiny_tables)
    shuffled = Recommender.build(items, events)
    for user in ("000", "001", "055"):
        a, b = (r.recommend(user, k=20) for r in (shuffled, rec))
        assert a.item_id.tolist() == b.item_id.tolist()
        np.testing.assert_allclose(a.score, b.score, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda r: r.recommend("nobody"), KeyError, "'history'"),
        (lambda r: r.recommend("000", items=["K001", "nothing"]), KeyError, "'nothing'.*described product"),
        (lambda r: r.recommend("000", candidates=["nothing"]), BadInput, "candidates: none of the 1.*'nothing'"),
        (lambda r: r.recommend("000", k=0), BadInput, "k: 0"),
        (lambda r: r.recommend("000", k=2.5), BadInput, "k: 2.5"),
        (lambda r: r.recommend("000", items=[]), BadInput, "at least one"),
        (lambda r: r.recommend("000", items="K001"), BadInput, "list"),
        (lambda r: r.recommend("000", items=[{"price": 3}]), BadInput, "title"),
        (lambda r: r.recommend({"past": ["K001"]}), BadInput, "'past'"),
        (lambda r: r.recommend({"history": "K001"}), BadInput, "'history' is a list"),
        (lambda r: r.recommend({"text": 5}), BadInput, "'text' is a string"),
        (lambda r: r.recommend(["000", "001"]), BadInput, r"recommend_many\(users\)"),
        (lambda r: r.explain(["000", "001"], "G001"), BadInput, r"recommend_many\(users\)"),
        (lambda r: r.recommend_many("000"), BadInput, "'000'.*is for one"),
        (lambda r: r.explain("000", {"title": "red spade"}), BadInput, "described product"),
        (lambda r: r.recommend("000", columns=("colour",)), BadInput, "no 'colour'; there are title, brand"),
        (lambda r: r.similar("G000", columns="price"), BadInput, r"\['price'\]"),
    ],
)
def test_mistakes_are_named(rec, call, error, says):
    with pytest.raises(error, match=says):
        call(rec)


def test_module_level_recommend_follows_the_live_version(tiny_tables, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_ARTIFACTS", str(tmp_path))
    Recommender.build(*tiny_tables, artifacts=tmp_path)
    first = recommend("000", k=5)
    items, events = tiny_tables
    Recommender.build(items, events[events.user_id != "000"], artifacts=tmp_path)
    with pytest.raises(KeyError, match="unknown user"):
        recommend("000", k=5)
    assert len(first) == 5


def test_rules_shape_the_list_and_say_so(rec):
    plain = rec.recommend("000", k=8)
    ruled = rec.recommend(
        "000", k=8, rules={"max_per_brand": 2, "exclude_items": [plain.item_id[0]], "pinned": {3: "G001"}}
    )
    assert ruled.item_id[2] == "G001"
    assert ruled.rules[2] == "pinned"
    assert plain.item_id[0] not in set(ruled.item_id)
    brands = rec.shop.tables.value.items.set_index("item_id").brand
    assert brands[ruled.item_id].value_counts().max() <= 2
    same = rec.recommend("000", k=8, rules={})
    assert same.item_id.tolist() == plain.item_id.tolist()
    with pytest.raises(BadInput, match="rules: "):
        rec.recommend("000", rules={"max_per_brands": 2})


def test_similar_items_are_of_a_kind_and_available(rec):
    found = rec.similar("G000", k=5)
    assert "G000" not in set(found.item_id)
    assert "G007" not in set(found.item_id)
    assert (found.item_id.str[0] == "G").all()
    described = rec.similar({"title": "red garden spade"}, k=3)
    assert described.item_id[0] == "G000"


def test_a_basket_is_completed_from_its_own_department_in_any_order(rec):
    found = rec.complete(["G001", "G002"], k=5)
    assert (found.item_id.str[0] == "G").mean() >= 0.8
    assert rec.complete(["G002", "G001"], k=5).item_id.tolist() == found.item_id.tolist()


def test_explanations_sum_to_the_score_and_name_purchases(rec, monkeypatch):
    item = str(rec.recommend("001", k=1).item_id[0])
    evidence = rec.explain("001", item).evidence
    assert sum(p.value for p in evidence.parts) == pytest.approx(evidence.logit - evidence.baseline, abs=1e-9)
    score = rec.recommend("001", items=[item]).score[0]
    assert score == pytest.approx(1 / (1 + np.exp(-evidence.logit)), rel=1e-6)


@pytest.mark.skipif(os.name != "posix", reason="Windows does not delete what is mapped")
def test_a_recommender_whose_version_was_deleted_answers_as_before(tiny, tiny_version, tmp_path):
    shop = shutil.copytree(tiny_version, tmp_path / "shop")
    whole, held = Recommender.load(tiny_version), Recommender.load(shop)
    shutil.rmtree(shop)  # before anything lazy was read
    for do in (
        lambda r: r.recommend("000", k=5, columns=("brand", "price")),
        lambda r: r.recommend({"history": ["K001", "K003"], "text": "a red bowl"}, k=5),
        lambda r: r.recommend("000", k=5, rules={"max_per_brand": 1}),
        lambda r: r.similar("K001", k=5),
        lambda r: r.complete(["K001"], k=5),
    ):
        assert do(held).equals(do(whole))
    assert held.explain("000", "K001").as_dict() == whole.explain("000", "K001").as_dict()
    assert held.shop.tables.value.interactions.equals(whole.shop.tables.value.interactions)


def test_a_reader_takes_the_next_version_when_the_one_it_began_with_is_deleted(
    tiny, tiny_version, tmp_path, monkeypatch
):
    store = Store(shutil.copytree(tiny_version, tmp_path / "shop"))
    first = store.require()
    opened = Recommender.open

    def slow(version, settings):
        if version.id == first.id:  # meanwhile a night publishes, keeping one version
            with store.writing() as draft:
                draft.carry(version, without="nothing")
                store.publish(draft, dict(version.manifest), live=version, keep=1)
        return opened(version, settings)

    monkeypatch.setattr(Recommender, "open", slow)
    rec = Recommender.load(store.root)
    assert rec.version.id == store.current_id() != first.id
    assert store.versions() == [rec.version.id]


def test_what_the_catalogue_does_not_have_is_left_out_and_named(rec):
    some = rec.recommend({"history": ["K001", "NEW1"]}, k=5)
    pd.testing.assert_frame_equal(pd.DataFrame(some), pd.DataFrame(rec.recommend({"history": ["K001"]}, k=5)))
    assert some.attrs["notes"] == ["history: 'NEW1' is not in the catalogue and is left out"]
    nobody = rec.recommend({"history": ["NEW1"]}, k=5)
    assert nobody.item_id.tolist() == rec.recommend({}, k=5).item_id.tolist()
    assert rec.complete(["K001", "NEW1"], k=3).item_id.tolist() == rec.complete(["K001"], k=3).item_id.tolist()
    assert len(rec.complete(["NEW1"], k=3)) == 3
    two = rec.recommend("000", candidates=["K001", "G002", "NEW1"], k=5, exclude_seen=False)
    assert sorted(two.item_id) == ["G002", "K001"]
    assert two.attrs["notes"] == ["candidates: 'NEW1' is not in the catalogue and is left out"]


def test_a_history_may_describe_what_the_catalogue_does_not_have_yet(rec):
    described = rec.recommend({"history": ["K001", {"title": "red kitchen teapot"}]}, k=5)
    assert len(described) == 5
    assert "notes" not in described.attrs


def test_rules_match_names_without_regard_to_case_and_say_what_matches_nothing(rec):
    brand = str(rec.scoring.rule_items.brands[0])
    exact = rec.recommend("000", k=5, rules={"brands": [brand]})
    loud = rec.recommend("000", k=5, rules={"brands": [brand.upper()], "boost_categories": {"no such": 1.0}})
    assert loud.item_id.tolist() == exact.item_id.tolist()
    assert len(exact)
    assert "notes" not in exact.attrs
    assert loud.attrs["notes"] == ["rules: boost_categories: 'no such' matches nothing"]
    pinned = rec.recommend("000", k=5, rules={"pinned": ["NEW1"]})
    assert pinned.attrs["notes"] == ["rules: pinned: 'NEW1' is not in the catalogue"]
