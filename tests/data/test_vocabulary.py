"""Columns, events and states under other names: what is declared is read and said, what is not is warned of."""

from __future__ import annotations

import pandas as pd
import pytest

from recsys.data.report import TableReport
from recsys.data.schema import Dialect, check_interactions, check_items
from recsys.data.vocabulary import plain, rename, vocabulary
from recsys.errors import BadInput

NOW = 1_767_225_600.0


def columns(kind: str, *names: str) -> dict[str, str]:
    report = TableReport()
    rename(pd.DataFrame({name: ["view"] for name in names}), kind, vocabulary(), {}, report)
    return report.columns


@pytest.mark.parametrize(
    ("kind", "theirs", "ours"),
    [
        ("interactions", ("event_type", "created_at", "customer_id", "sku"),
         {"event_type": "event", "created_at": "timestamp", "customer_id": "user_id", "sku": "item_id"}),
        ("interactions", ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"),  # Amazon Personalize
         {"USER_ID": "user_id", "ITEM_ID": "item_id", "TIMESTAMP": "timestamp", "EVENT_TYPE": "event"}),
        ("interactions", ("event_time", "event_type", "product_id", "user_id", "user_session"),  # REES46
         {"event_time": "timestamp", "event_type": "event", "product_id": "item_id"}),
        ("interactions", ("t_dat", "customer_id", "article_id", "price"),  # H&M
         {"t_dat": "timestamp", "customer_id": "user_id", "article_id": "item_id"}),
        ("interactions", ("timestamp", "visitorid", "event", "itemid", "transactionid"),  # RetailRocket
         {"visitorid": "user_id", "itemid": "item_id"}),
        ("interactions", ("user_id", "product_id", "order_id"),  # Instacart
         {"product_id": "item_id"}),
        ("items", ("Handle", "Title", "Body (HTML)", "Vendor", "Type", "Variant SKU", "Variant Price"),  # Shopify
         {"Title": "title", "Body (HTML)": "text", "Vendor": "brand", "Type": "category", "Variant SKU": "item_id",
          "Variant Price": "price"}),
        ("items", ("SKU", "Name", "Description", "Regular price", "Categories", "Brands"),  # WooCommerce
         {"SKU": "item_id", "Name": "title", "Description": "text", "Regular price": "price", "Categories": "category",
          "Brands": "brand"}),
        ("items", ("id", "title", "description", "price", "brand", "google_product_category"),  # Google Merchant
         {"id": "item_id", "description": "text", "google_product_category": "category"}),
    ],
)  # fmt: skip
def test_known_systems_need_no_renaming(kind, theirs, ours):
    assert columns(kind, *theirs) == ours


def test_our_own_names_win_and_what_is_given_wins_over_them():
    raw = pd.DataFrame({"user_id": ["u"], "item_id": ["a"], "event": ["nonsense"], "action": ["view"]})
    given = Dialect(columns={"event": "action"})
    checked = check_interactions(raw, now=NOW, dialect=given)
    assert checked.table["event"].tolist() == ["view"]
    assert checked.report.columns == {"action": "event"}
    assert checked.table["event_as_given"].tolist() == ["nonsense"]
    assert columns("interactions", "user_id", "item_id", "event", "event_type") == {}


def test_a_column_that_looks_like_ours_is_named_and_the_remedy_works():
    raw = pd.DataFrame({"user_id": ["u"], "item_id": ["a"], "timestmp": [NOW - 9], "colour": ["red"]})
    checked = check_interactions(raw, now=NOW)
    assert checked.report.warnings == [
        "column 'timestmp' is not used; if it is `timestamp`, give --map timestamp=timestmp"
    ]
    mended = check_interactions(raw, now=NOW, dialect=Dialect(columns={"timestamp": "timestmp"}))
    assert mended.report.times == "seconds"
    assert mended.table["timestamp"].tolist() == [NOW - 9]


def test_type_is_an_event_only_where_its_values_are():
    assert columns("interactions", "user_id", "item_id", "type") == {"type": "event"}
    raw = pd.DataFrame({"user_id": ["u"], "item_id": ["a"], "type": ["shoes"]})
    assert check_interactions(raw, now=NOW).table["event"].tolist() == ["purchase"]


def test_events_of_other_systems_are_understood_and_unknown_ones_named_with_their_counts():
    names = {
        "view_item": "view", "Product Viewed": "view", "pageview": "view", "Add to Cart": "cart", "addToCart": "cart",
        "begin_checkout": "cart", "Order Completed": "purchase", "ordered": "purchase", "transaction": "purchase",
    }  # fmt: skip
    raw = pd.DataFrame({"user_id": [f"u{i}" for i in range(len(names))], "item_id": "a", "event": list(names)})
    assert check_interactions(raw, now=NOW).table["event"].tolist() == list(names.values())
    strange = check_interactions(pd.concat([raw, raw.assign(event="teleport")]), now=NOW)
    assert strange.notes["unknown_events"] == 9
    assert any("'teleport' 9" in warning for warning in strange.report.warnings)


def test_a_shops_own_vocabulary_adds_to_ours_and_mistakes_in_it_are_named(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('[events]\nview = ["teleport"]\n[columns.items]\ntitle = ["überschrift"]\n', "utf-8")
    words = vocabulary(own)
    raw = pd.DataFrame({"user_id": ["u"], "item_id": ["a"], "event": ["Teleport"]})
    assert check_interactions(raw, now=NOW, dialect=Dialect(words)).table["event"].tolist() == ["view"]
    titled = pd.DataFrame({"sku": ["a"], "Überschrift": ["Tee"]})
    assert check_items(titled, dialect=Dialect(words)).table["title"].tolist() == ["Tee"]
    own.write_text('[event]\nview = ["x"]\n', "utf-8")
    vocabulary.cache_clear()
    with pytest.raises(BadInput, match=r"unknown 'event'; known: .*events"):
        vocabulary(own)


def test_no_spelling_means_yes_and_no():
    words = vocabulary()
    import tomllib
    from importlib import resources

    declared = tomllib.loads(resources.files("recsys.data").joinpath("vocabulary.toml").read_text("utf-8"))
    yes, no = ({plain(word) for word in declared["availability"][key]} for key in ("yes", "no"))
    assert not yes & no
    kinds = [plain(word) for kind in declared["events"].values() for word in kind]
    assert len(kinds) == len(set(kinds))
    assert words.events["view_item"] == "view"


@pytest.mark.parametrize(
    "no",
    ["out_of_stock", "-2", "0.00", "0", "sold out", "Sold-Out", "discontinued", "archived", "disabled", "draft", "nein",
     "https://schema.org/OutOfStock", "http://schema.org/SoldOut/", "缺货", "下架", "Nicht auf Lager", "agotado",
     "Rupture de stock", "нет в наличии", "在庫切れ", "품절", "0 pcs", "FALSE"],
)  # fmt: skip
def test_every_no_is_no(no):
    raw = pd.DataFrame({"item_id": ["a", "b"], "title": "x", "available": [no, "yes"]})
    checked = check_items(raw)
    assert checked.table["available"].tolist() == [False, True]
    assert checked.report.availability[no] == (1, False)


@pytest.mark.parametrize(
    "yes", ["in_stock", "preorder", "backorder", "5", "12.0", "ja", "有货", "https://schema.org/InStock", None]
)
def test_every_yes_is_yes(yes):
    raw = pd.DataFrame({"item_id": ["a", "b"], "title": "x", "available": [yes, "no"]}, dtype=object)
    assert check_items(raw).table["available"].tolist() == [True, False]


def test_an_unknown_state_is_named_with_its_count_and_not_guessed_to_be_yes(tmp_path):
    raw = pd.DataFrame({"item_id": list("abc"), "title": "x", "available": ["yes", "wobbly", "wobbly"]})
    checked = check_items(raw)
    assert checked.table["available"].tolist() == [True, False, False]
    assert any("'wobbly' 2" in warning for warning in checked.report.warnings)
    with pytest.raises(
        BadInput, match=r"no item is available, as these states are not known: 'wobbly' 3.*\[availability\]"
    ):
        check_items(raw.assign(available="wobbly"))
    own = tmp_path / "own.toml"
    own.write_text('[availability]\nyes = ["wobbly"]\n', "utf-8")
    assert check_items(raw.assign(available="wobbly"), dialect=Dialect(vocabulary(own))).table["available"].all()


def test_every_column_that_speaks_of_stock_must_say_yes():
    raw = pd.DataFrame(
        {"sku": list("abcd"), "title": "x", "Status": ["active", "archived", "active", "active"],
         "Variant Inventory Qty": ["3", "2", "0", "-1"]}
    )  # fmt: skip
    checked = check_items(raw)
    assert checked.table["available"].tolist() == [True, False, False, False]
    untracked = check_items(raw.assign(**{"Variant Inventory Qty": "0"}))
    assert untracked.table["available"].tolist() == [True, False, True, True]
    assert any("says that no item is available" in warning for warning in untracked.report.warnings)
