"""Named features and one logistic regression over them."""

from recsys.ranking.features import Block
from recsys.ranking.ranker import Ranker

__all__ = ["Block", "Ranker"]
