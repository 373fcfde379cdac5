"""Reviews: the table, sentences, duplicates, sentiment, aspects, opinions, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.data.columns import ITEM, REVIEW
from recsys.data.reviews import OPINION, Opinions, check_reviews
from recsys.data.schema import TimeKind
from recsys.data.snapshot import ShopTables
from recsys.encoders.encoder import Encoder
from recsys.errors import BadInput
from recsys.explain.praise import praises
from recsys.reviews import read_reviews, sentiment, training
from recsys.reviews.aspects import Aspect, mine
from recsys.reviews.duplicates import counted, repeats
from recsys.reviews.improve import improvements
from recsys.reviews.opinions import quotable
from recsys.reviews.sentences import scripts, sentences
from recsys.reviews.sentiment import Examples
from recsys.reviews.view import liked, opinion_of

GOOD = ["The battery works great", "The battery is great", "I love the battery, the battery is excellent"]
BAD = ["The screen is awful and broke", "The screen was terrible", "Horrible, the screen is poor"]


def shop(n: int = 24) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two phones; the battery of `p1` is praised and its screen blamed, of `p2` nobody says much."""
    items = pd.DataFrame(
        {
            "item_id": ["p1", "p2"],
            "title": ["Kestrel Nine", "Arclight Two"],
            "category": ["Phones"] * 2,
            "price": [100.0, 50.0],
        }
    )
    rows = [
        {
            "item_id": "p1",
            "review": f"{GOOD[i % 3]}. {BAD[i % 3]}.",
            "user_id": f"u{i}",
            "timestamp": 1.7e9 + i * 86_400,
        }
        for i in range(n)
    ]
    rows.append({"item_id": "p2", "review": "The battery is fine.", "user_id": "u99", "timestamp": 1.7e9})
    return items, pd.DataFrame(rows)


# --- the table --------------------------------------------------------------------------------------------------------


def test_a_table_in_other_words_is_read_and_bad_rows_are_told() -> None:
    raw = pd.DataFrame(
        {
            "ASIN": ["a", "a", "zz", "a", "a"],
            "reviewText": ["<b>good</b> one", "good two", "of nothing", "  ", "good two"],
            "overall": [5, 1, 3, 4, 1],
            "unixReviewTime": [1_700_000_000, 1_700_000_500, 1_700_000_600, 1_700_000_700, 1_700_000_500],
        }
    )
    checked = check_reviews(raw, {"a"})
    assert checked.table[REVIEW].tolist() == ["good one", "good two"]
    assert checked.table["rating"].tolist() == [5, 1]
    assert set(checked.quarantine["reason"]) == {
        "item_id is not in the catalogue", "review is missing", "the same row again",
    }  # fmt: skip
    assert checked.report.bad == 2  # a repeat is no fault


def test_a_table_without_words_is_refused_with_what_it_has() -> None:
    with pytest.raises(BadInput, match=r"no column 'review'.*Found: 'item_id', 'rating'"):
        check_reviews(pd.DataFrame({"item_id": ["a"], "rating": [1]}))


def test_opinions_of_before_hold_no_later_review() -> None:
    table = pd.DataFrame(
        {"item_id": ["a", "b", "a", "x"], "timestamp": [1.0, 5.0, np.nan, 1.0], OPINION: [0.9, 0.1, 0.5, 1]}
    )
    found = Opinions.from_table(table, ["a", "b"])
    assert found is not None
    assert found.item.tolist() == [0, 1, 0]  # x is not in the catalogue
    assert found.before(5.0).item.tolist() == [0, 0]  # without a time it always was


# --- sentences --------------------------------------------------------------------------------------------------------


def test_sentences_part_where_praise_turns_to_blame() -> None:
    assert sentences("The battery is great but the case is ugly. It costs 3.50!") == [
        "The battery is great", "but the case is ugly", "It costs 3.50",
    ]  # fmt: skip
    assert sentences("电池很耐用，但是物流太慢。屏幕不错") == ["电池很耐用", "但是物流太慢", "屏幕不错"]


@given(st.text(max_size=300))
def test_every_sentence_stands_in_its_review(text: str) -> None:
    assert all(piece in text for piece in sentences(text))


def test_languages_are_told_by_letters_then_by_what_is_declared() -> None:
    english = ["this is a very good phone with a wonderful screen and a battery that lasts"] * 9
    assert scripts(["电池很好", *english, "ok"]) == ["zh", *["en"] * 10]
    assert scripts(["sehr gut"], ["de-DE"]) == ["de"]


# --- duplicates -------------------------------------------------------------------------------------------------------


def test_pasted_texts_count_once_and_short_ones_each() -> None:
    pasted = "Amazing product, best purchase of my whole life, everybody should buy this from the shop today!"
    near = pasted.replace("whole life", "whole  LIFE").replace("!", "!!!")
    other = "The handle came off on the second day and nobody of the shop answered any of my letters about it."
    assert repeats([pasted, near, other, "Great!", "Great!"]).tolist() == [False, True, False, False, False]


def test_one_shopper_has_one_opinion_of_an_item_the_latest() -> None:
    table = pd.DataFrame(
        {
            "item_id": ["a", "a", "b", "a"],
            "user_id": ["u", "u", "u", None],
            "review": ["old", "new", "x", "y"],
            "timestamp": [1.0, 2, 1, 1],
        }
    )
    assert counted(table).tolist() == [False, True, True, True]


# --- sentiment --------------------------------------------------------------------------------------------------------


def test_labels_follow_the_scale_of_the_stars() -> None:
    praise, says = sentiment.labels(np.array([1, 2, 3, 4, 5, np.nan]))
    assert praise[says].tolist() == [False, False, True, True]
    assert sentiment.labels(np.array([0, 1.0]))[0].tolist() == [False, True]
    assert sentiment.labels(np.array([3, 9.0, 6]))[1].tolist() == [True, True, False]  # of ten


def test_pinned_words_know_good_from_bad_in_both_languages() -> None:
    for language, good, bad in (
        ("en", "works great, I love it", "terrible, broke after a week and a waste of money"),
        ("zh", "质量很好，非常满意", "太差了，很失望，要求退货"),
    ):
        model = sentiment.pinned(f"words-{language}")
        assert model is not None
        praise, blame = sentiment.probability(model(sentiment.ngrams([good, bad], language)))
        assert praise > 0.6
        assert blame < 0.4


def test_short_chinese_praise_is_no_blame() -> None:
    """Pieces between two commas hold a few signs; what whole reviews teach is an intercept that blames them."""
    praise = [
        "电池很耐用",
        "包装非常结实",
        "屏幕很清晰",
        "物流很快",
        "做工很精细",
        "味道非常清新",
        "颜色很正",
        "手感很舒服",
    ]
    blame = ["电池不耐用", "包装破了", "屏幕有划痕", "物流太慢", "做工很粗糙", "味道刺鼻", "连接老是断", "手感很差"]
    model = sentiment.pinned("words-zh")
    assert model is not None
    said = sentiment.probability(model(sentiment.ngrams([*praise, *blame], "zh")))
    assert said[:8].min() >= 0.6
    assert said[8:].max() <= 0.4


def test_sentences_teach_words_with_the_label_of_their_review() -> None:
    texts = ["The lid shuts. A fine jar.", "The lid leaks. An ugly jar."] * 5
    examples = Examples.of_words(texts, "en")
    assert examples.features.shape[0] == 10
    assert examples.review.tolist() == [row for row in range(10) for _ in range(2)]
    praise = np.array([True, False] * 5)
    taught = np.arange(10) < 4  # the others' sentences teach nothing
    weights = examples.fit(praise, taught).weights
    assert np.array_equal(weights, Examples.of_words(texts[:4], "en").fit(praise[:4]).weights)
    assert not np.array_equal(weights, Examples(examples.features).fit(praise, taught).weights)


def test_reviews_without_a_word_teach_nothing_and_break_nothing() -> None:
    examples = Examples.of_words(["👍", "5/5", "!!!"] * 4, "en")
    assert examples.sentences.shape[0] == 0
    assert np.isfinite(examples.fit(np.array([True, False, True] * 4)).bias)


@pytest.mark.parametrize(
    ("ratings", "leaning"),
    [
        ([1, 2, 3, 4, 5, np.nan], [-1, -0.5, 0, 0.5, 1, 0]),
        ([0, 1, np.nan], [-1, 1, 0]),
        ([1, 6, 10], [-1, 0, 1]),
        ([np.nan, np.nan], [0, 0]),
    ],
)
def test_stars_lean_by_their_scale(ratings: list[float], leaning: list[float]) -> None:
    assert sentiment.leaning(np.array(ratings, np.float64)) == pytest.approx(leaning)


def test_a_shops_stars_teach_where_they_order_better() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(400, 8)).astype(np.float32)
    ratings = np.where(vectors[:, 0] > 0, 5.0, 1.0)
    wrong = sentiment.Sentiment(np.eye(8, dtype=np.float32)[1], 0.0)
    model, notes = sentiment.best(Examples(vectors), ratings, wrong)
    assert model is not wrong
    assert notes["taught_by"] == "the shop's stars"
    assert notes["auc"] > 0.95
    right = sentiment.Sentiment(np.eye(8, dtype=np.float32)[0], 0.0)
    assert sentiment.best(Examples(vectors), ratings, right)[0] is right
    assert sentiment.best(Examples(vectors[:50]), ratings[:50], right)[1]["taught_by"] == "pinned weights"


def test_weights_are_written_as_safetensors_with_a_card(tiny_encoder: Path, tmp_path: Path) -> None:
    labels = training.read_labels(
        pd.DataFrame(
            {
                "review": [f"great number {i}" for i in range(20)] + [f"awful number {i}" for i in range(20)],
                "positive": [1] * 20 + [0] * 20,
            }
        )
    )
    figures = training.fit_sentiment(labels, [Encoder.load(str(tiny_encoder), device="cpu")], tmp_path)
    assert figures["words-en"]["auc"] == 1.0
    assert (tmp_path / "sentiment.safetensors").is_file()
    assert "| `words-en` | hashed n-grams | en | 40 |" in (tmp_path / "README.md").read_text("utf-8")
    with pytest.raises(BadInput, match="all 2 labels say the same"):
        training.read_labels(pd.DataFrame({"review": ["a", "b"], "positive": [1, 1]}))


# --- aspects ----------------------------------------------------------------------------------------------------------


def test_aspects_are_what_something_is_said_of() -> None:
    reviews = [
        [f"The battery {w}", "I bought this on Monday", "The screen is bright"] for w in ("lasts", "is great", "died")
    ] * 4
    names = [aspect.name for aspect in mine(reviews, "en", {"phone"})]
    assert {"battery", "screen"} <= set(names)
    assert "monday" not in names
    assert "battery" not in [aspect.name for aspect in mine(reviews, "en", {"battery"})]


def test_chinese_aspects() -> None:
    pytest.importorskip("jieba")
    reviews = [["电池很耐用", "屏幕不清晰", "昨天在网上买的"]] * 8
    assert {"电池", "屏幕"} <= {aspect.name for aspect in mine(reviews, "zh")}


def test_an_aspect_is_spoken_of_in_whole_words() -> None:
    fit = Aspect("fit", ("fit", "fits"), "en")
    assert fit.in_("It fits well")
    assert not fit.in_("a benefit")
    assert not fit.in_("outfit")


def test_quotes_hold_nothing_personal() -> None:
    assert quotable("the zip runs smoothly", "en")
    assert not quotable("write to me at jane@example.org about the zip", "en")
    assert not quotable("call 030 123 45678 about the zip", "en")
    assert not quotable("bad", "en")
    assert quotable("包装破了", "zh")
    assert not quotable("很差", "zh")


# --- all together -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def read(tiny_encoder: Path) -> ShopTables:
    items, reviews = shop()
    found = read_reviews(check_reviews(reviews).table, items, Encoder.load(str(tiny_encoder), device="cpu"))
    events = pd.DataFrame(
        {"user_id": ["a", "b"], "item_id": ["p1", "p1"], "timestamp": [1.7e9, 1.7e9 + 5], "event": "purchase"}
    )
    return ShopTables(items, events, TimeKind.ABSOLUTE, reviews=found.reviews, aspects=found.aspects)


def test_praise_and_blame_are_counted_by_review(read: ShopTables) -> None:
    said = opinion_of(read, "p1")
    assert said is not None
    assert said.reviews == 24
    sides = {one.aspect: one for one in said.aspects}
    assert (sides["battery"].praised, sides["battery"].criticised) == (24, 0)
    assert (sides["screen"].praised, sides["screen"].criticised) == (0, 24)
    assert sides["battery"].low == pytest.approx(0.862, abs=0.001)  # Wilson, 24 of 24
    assert all(quote.praises for quote in sides["battery"].quotes)
    assert opinion_of(read, "nobody") is None


def test_what_a_sentence_leaves_open_its_stars_decide(tiny_encoder: Path) -> None:
    items = pd.DataFrame({"item_id": ["good", "bad"], "title": ["Jar One", "Jar Two"], "category": "Jars"})
    rows = [(name, f"The lid is round {n}.", stars) for n in range(6) for name, stars in (("good", 5), ("bad", 1))]
    table = pd.DataFrame(rows, columns=["item_id", "review", "rating"])
    encoder = Encoder.load(str(tiny_encoder), device="cpu")
    lids = []
    for reviews in (table, table.drop(columns="rating")):
        aspects = read_reviews(check_reviews(reviews).table, items, encoder).aspects
        lids.append(aspects[aspects["aspect"] == "lid"].set_index("item_id"))
    rated, unrated = lids
    assert rated.loc["good", "share"] == 1 and rated.loc["bad", "share"] == 0  # noqa: PT018 - one claim
    assert len(set(unrated["praised"] - unrated["criticised"])) <= 1  # the words are the same


def test_every_quote_stands_in_a_review_of_its_item(read: ShopTables) -> None:
    assert read.aspects is not None
    assert read.reviews is not None
    texts = read.reviews.groupby(ITEM)[REVIEW].apply("\n".join)
    for row in read.aspects.itertuples():
        for quote in (row.quote_1, row.quote_2):
            assert quote in texts[row.item_id]


def test_what_to_improve_is_ordered_by_money(read: ShopTables) -> None:
    table, money = improvements(read)
    first = table.iloc[0]
    assert money
    assert (first["item_id"], first["aspect"], first["criticised"]) == ("p1", "screen", 24)
    assert first["sales"] == 200
    assert first["at_stake"] == 200
    assert first["at_stake_low"] == pytest.approx(172.4, abs=0.1)
    assert first["quote"] in BAD or any(first["quote"] in text for text in BAD)


def test_praise_for_a_reason_has_enough_reviews_and_a_quote(read: ShopTables) -> None:
    praise = praises(read.aspects)["p1"]
    assert (praise.aspect, praise.count, praise.of) == ("battery", 24, 24)
    assert "p2" not in praises(read.aspects)  # one review is no reason
    assert praises(None) == {}
    assert "p1" not in praises(read.aspects, "zh")


def test_one_happy_buyer_does_not_make_an_item_the_best_liked() -> None:
    opinion = {"ONE": [1.0], "MANY": [0.95] * 20, "POOR": [0.3] * 20}
    table = pd.DataFrame(
        [(item, score) for item, scores in opinion.items() for score in scores], columns=[ITEM, OPINION]
    )
    found = liked(table)
    # the shop's mean is 26 / 41; five such reviews are added to each item's own
    assert found["ONE"] == pytest.approx((1 + 5 * 26 / 41) / 6)
    assert found["MANY"] > found["ONE"] > found["POOR"]


def test_a_few_reviews_of_a_category_are_no_category_to_judge_by():
    """A thousand reviews of one category and strays of eight others are judged in five folds, every review once."""
    from recsys.cli._benchmarks.reviews import _splits

    strays = [f"other {n}" for n in range(8)]
    labels = pd.DataFrame({"category": ["phones"] * 1000 + strays})
    tests, how = _splits(labels, 0)
    assert how == "5 folds"
    assert (np.sum(tests, axis=0) == 1).all()
