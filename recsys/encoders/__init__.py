"""Text encoders: texts to vectors, on one device or several, each text once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from recsys.encoders.encoder import Encoder

__all__ = ["Encoder"]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, submod_attrs={"encoder": ["Encoder"]})
