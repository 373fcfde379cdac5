"""A feature block of your own: how many reviews an item has, from a further column of the items table.

Put the file where Python finds it (PYTHONPATH) and name the class in recsys.toml, then run a night:

    [training]
    extra_blocks = ["review_count_block.ReviewCount"]
"""

from __future__ import annotations

import numpy as np

from recsys.ranking.features import Block


class ReviewCount(Block):
    """Logarithm of an item's number of reviews, and whether it has none."""

    name = "reviews"
    meaning = "how many reviews the item has"
    columns = ("log_reviews", "no_reviews")
    personal = False  # the same for every shopper

    def fit(self, context):
        """Keep one number per item; what is an array attribute is stored with the version."""
        reviews = context.items["reviews"].fillna(0).to_numpy(np.float32)
        self.reviews = np.append(reviews, np.float32(0))  # the last row: a product the catalogue does not have

    def transform(self, profile, candidates):
        """One row per candidate, one column per name in `columns`."""
        reviews = self.reviews[candidates.codes]
        return np.stack([np.log1p(reviews), reviews == 0], axis=1).astype(np.float32)

    def describe(self, profile, candidates):
        """What a reason may say after "It"; None where there is nothing to say."""
        return [f"has {n:,.0f} reviews" if n > 1 else None for n in self.reviews[candidates.codes]]
