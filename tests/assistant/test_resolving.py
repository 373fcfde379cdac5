"""What becomes of a model's plan: orders as the shopper named them, products by name, rules by the way of asking."""

from __future__ import annotations

import pandas as pd
import pytest

from recsys.assistant import Knowledge
from recsys.assistant.dialogue import Turn
from recsys.assistant.listener import Listener
from recsys.assistant.prices import PriceQuestion
from recsys.assistant.resolving import Resolver
from recsys.assistant.router import Router
from recsys.assistant.tools import (
    Call,
    Compare,
    Context,
    GoesWith,
    OrderStatus,
    ProductFacts,
    Reply,
    SearchPolicies,
    SearchProducts,
)
from recsys.data.passages import faq_passages
from recsys.encoders.encoder import Encoder
from recsys.serving.search import ProductSearch, ProductTable

pytestmark = pytest.mark.weights

ITEMS = pd.DataFrame(
    {
        "item_id": ["RED1", "BLU2", "TNT3"],
        "title": ["Rain Co. Red Umbrella", "Rain Co. Blue Umbrella", "Base Co. Dome Tent"],
        "category": ["Umbrellas", "Umbrellas", "Tents"],
        "brand": ["Rain Co.", "Rain Co.", "Base Co."],
        "price": [12.0, 20.0, 300.0],
        "text": ["A red umbrella.", "A blue umbrella.", "A tent for two."],
    }
)
FAQ = pd.DataFrame({"question": ["How long does delivery take?"], "answer": ["Delivery takes 2 to 5 working days."]})
OF_AN_ORDER = [Turn("user", "my pan came broken"), Turn("assistant", "Order A20731 ...", ("order:A20731",))]


@pytest.fixture(scope="module")
def resolver() -> Resolver:
    knowledge = Knowledge.build(faq_passages(FAQ), Encoder.load(pooling="mean"))
    search = ProductSearch(ProductTable(ITEMS), lambda: pytest.fail("nothing is compared by meaning here"))
    listener = Listener(knowledge, search.table)
    context = Context(knowledge, search, None, None, listener=listener)
    return Resolver(context, Router(context, listener))


def resolved(resolver: Resolver, call: Call, question: str = "hm", turns: list[Turn] | None = None) -> list[Call]:
    return resolver.calls([call], question, turns or [])


def test_an_order_is_the_one_told_of_unless_the_shopper_wrote_another_number(resolver: Resolver) -> None:
    made_up = OrderStatus(question="how long is left to send the photo", order="100001")
    (call,) = resolved(resolver, made_up, "how long have i got to send the photo", OF_AN_ORDER)
    assert (call.order, call.told) == ("A20731", True)
    (call,) = resolved(resolver, made_up.model_copy(update={"order": "A777"}), "and A777?", OF_AN_ORDER)
    assert (call.order, call.told) == ("A777", False)
    (call,) = resolved(resolver, OrderStatus(question="where is the tent"), "and the tent?", OF_AN_ORDER)
    assert call.order is None  # the one that holds it


def test_what_is_wished_is_read_in_the_shoppers_words_first(resolver: Resolver) -> None:
    (call,) = resolved(resolver, OrderStatus(question="cancel the order", wish="damaged"), "then cancel it")
    assert call.wish == "cancel"
    (call,) = resolved(resolver, OrderStatus(question="the other thing", wish="change"), "hm")
    assert call.wish == "change"


def test_products_are_found_by_their_names_where_no_number_says_which(resolver: Resolver) -> None:
    named = ProductFacts(question="is the Base Co. Dome Tent for two")
    assert resolved(resolver, named) == [ProductFacts(items=["TNT3"], question=named.question)]
    one = Compare(items=["RED1"], question="or the Rain Co. Blue Umbrella")
    assert resolved(resolver, one)[0].items == ["RED1", "BLU2"]
    assert resolved(resolver, PriceQuestion(question="was it cheaper")) == [Reply(kind="which_product")]
    assert resolved(resolver, ProductFacts(question="is it waterproof")) == []


def test_what_goes_with_a_kind_is_asked_of_the_kind(resolver: Resolver) -> None:
    assert resolved(resolver, GoesWith(question="tents")) == [GoesWith(question="tents", kinds=["Tents"])]
    assert resolved(resolver, GoesWith(question="zebras")) == [SearchProducts(query="zebras")]


def test_a_question_of_the_shop_is_read_as_if_it_had_been_asked_first(resolver: Resolver) -> None:
    query = "how long does delivery take"
    assert resolved(resolver, SearchPolicies(query=query)) == [SearchPolicies(query=query)]
    assert resolved(resolver, SearchProducts(query="tent", instead="others")) == [
        SearchProducts(query="tent", instead="others")
    ]
