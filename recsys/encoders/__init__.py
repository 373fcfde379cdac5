"""Text encoders: texts to vectors, on one device or several, each text once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys._public import lazily

if TYPE_CHECKING:
    from recsys.encoders.encoder import Encoder

__all__ = ["Encoder"]

__getattr__ = lazily(__name__, {"Encoder": "recsys.encoders.encoder"})
