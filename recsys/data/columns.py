"""Column names and kinds of events, once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

USER, ITEM, TIME = "user_id", "item_id", "timestamp"
#: Columns that may hold the address of an item's picture, the first that is there counts.
IMAGES = ("image", "image_url", "image_link", "picture", "photo")
EVENT, WEIGHT, RATING, PRICE, QUANTITY, QUERY = "event", "weight", "rating", "price", "quantity", "query"
TITLE, TEXT, BRAND, CATEGORY, AVAILABLE = "title", "text", "brand", "category", "available"
CURRENCY, PARENT = "currency", "parent_id"
CLICKED, SEGMENT = "clicked", "segment"
REVIEW, LANGUAGE = "review", "language"

VIEW, CART, PURCHASE, SEARCH = "view", "cart", "purchase", "search"
EVENTS = (VIEW, CART, PURCHASE, SEARCH)
#: Kinds that are understood and not learnt from: they take something back, say dislike, or nothing.
REFUND, REMOVE, DISLIKE, NOTHING = "refund", "remove", "dislike", "nothing"
#: How much each kind of event says about taste when the table has no `weight`.
EVENT_WEIGHTS: Mapping[str, float] = MappingProxyType({VIEW: 0.2, CART: 0.5, PURCHASE: 1.0, SEARCH: 0.1})
