"""Product search by words, meaning and what a sentence limits: prices, kinds, brands, measures."""

from recsys.serving.search.nearest import Nearest
from recsys.serving.search.product_search import Found, ProductSearch
from recsys.serving.search.product_table import ProductTable
from recsys.serving.search.query import Constraints, both_ends, content, in_own_units, matching, parse, refined

__all__ = [
    "Constraints",
    "Found",
    "Nearest",
    "ProductSearch",
    "ProductTable",
    "both_ends",
    "content",
    "in_own_units",
    "matching",
    "parse",
    "refined",
]
