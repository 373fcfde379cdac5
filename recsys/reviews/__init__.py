"""Opinion of shoppers: sentiment of reviews, what they praise and blame of an item, and what to improve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from recsys.reviews.opinions import Read, read_reviews

__all__ = ["Read", "read_reviews"]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, submod_attrs={"opinions": ["Read", "read_reviews"]})
