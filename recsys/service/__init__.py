"""The recommender over HTTP: the same calls and the same messages as in Python, nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from recsys.service import client
    from recsys.service.app import create_app

__all__ = ["client", "create_app"]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, ["client"], {"app": ["create_app"]})
