"""The recommender over HTTP: the same calls and the same messages as in Python, nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys._public import lazily

if TYPE_CHECKING:
    from recsys.service.app import create_app

__all__ = ["create_app"]

__getattr__ = lazily(__name__, {"create_app": "recsys.service.app"})
