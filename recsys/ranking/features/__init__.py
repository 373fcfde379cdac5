"""Named feature blocks of a shopper and candidate items; the ranker is a weighted sum of their columns."""

from __future__ import annotations

from recsys.ranking.features.base import Block, EvidenceKind, TrainingContext
from recsys.ranking.features.content import (
    Category,
    ElementwiseProduct,
    Pictures,
    Price,
    Similarity,
    TextVectors,
    Words,
)
from recsys.ranking.features.copurchase import (
    ContentBridgedKNN,
    ItemKNN,
    LatentFactors,
    LocalEASE,
    RecentItemKNN,
    SequentialKNN,
)
from recsys.ranking.features.dislikes import Disliked
from recsys.ranking.features.new_products import NewProducts
from recsys.ranking.features.opinion import Opinion
from recsys.ranking.features.popularity import LastVisitPopularity, Popularity, Recency
from recsys.ranking.features.prices import PriceDrop
from recsys.ranking.features.repeats import BuyingAgain
from recsys.ranking.features.sequence import Sequence

#: All blocks of the library, in the order in which they are shown.
BLOCKS: tuple[type[Block], ...] = (
    TextVectors,
    ElementwiseProduct,
    Similarity,
    Words,
    Pictures,
    ItemKNN,
    SequentialKNN,
    LocalEASE,
    ContentBridgedKNN,
    RecentItemKNN,
    LatentFactors,
    Sequence,
    Popularity,
    Recency,
    LastVisitPopularity,
    Price,
    PriceDrop,
    Category,
    Disliked,
    Opinion,
    NewProducts,
)

__all__ = ["BLOCKS", "Block", "BuyingAgain", "EvidenceKind", "TrainingContext"]
