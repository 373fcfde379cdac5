"""Drawn pictures of the sample shop's products: the shape says the kind of product, the colours its name.

They are drawings and not photographs; they exist so that search by picture and its page can be tried without anybody's
photographs.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from recsys.errors import require

SIDE = 256
#: Colours that titles name.
_COLOURS = {
    "black": "#26262a", "white": "#f4f2ec", "grey": "#8a8d91", "gray": "#8a8d91",
    "silver": "#bfc4c9", "red": "#c0392b", "blue": "#2e6fb7", "navy": "#1f2f57",
    "green": "#3c8d4f", "olive": "#74773a", "yellow": "#e6c229", "ochre": "#c98b2b",
    "orange": "#e07b39", "brown": "#7a5230", "pink": "#e39ab5", "purple": "#7d4fa0",
    "beige": "#d9c9a8", "gold": "#cda434", "sand": "#d8c39a", "teal": "#2a8c8c",
    "rose": "#d98c9f", "cream": "#f3ead3", "charcoal": "#3d4147", "coral": "#ec7063",
}  # fmt: skip


def draw(item_id: str, title: str, category: str) -> bytes:
    """A picture of one product as a PNG file; the same product always gives the same bytes."""
    require("PIL", "pictures")
    from PIL import Image, ImageDraw

    kind = _draws(category or title.split(" ")[0])
    own = _draws(f"{item_id} {title}")
    base = next((_COLOURS[w] for w in title.lower().replace(",", " ").split() if w in _COLOURS), None)
    colour = base or _colour(own)
    image = Image.new("RGB", (SIDE, SIDE), _colour(_draws(category), pale=True))
    pen = ImageDraw.Draw(image)
    outline = _outline(kind)
    turned = [(SIDE / 2 + x * SIDE * 0.36, SIDE / 2 + y * SIDE * 0.36) for x, y in outline]
    pen.polygon(turned, fill=colour, outline="#202020", width=3)
    for _ in range(int(own.integers(2, 5))):  # what tells this one from others of its kind
        x, y, size = own.uniform(0.3, 0.7) * SIDE, own.uniform(0.3, 0.7) * SIDE, own.uniform(0.04, 0.13) * SIDE
        form = (pen.ellipse, pen.rectangle)[int(own.integers(2))]
        form((x - size, y - size * own.uniform(0.5, 1.0), x + size, y + size), fill=_colour(own))
    held = io.BytesIO()
    image.save(held, "PNG")
    return held.getvalue()


def draw_all(items: Iterable[tuple[str, str, str]], folder: Path) -> None:
    """Write ``<item_id>.png`` for each ``(item_id, title, category)``."""
    folder.mkdir(parents=True, exist_ok=True)
    for item_id, title, category in items:
        (folder / f"{item_id}.png").write_bytes(draw(item_id, title, category))


def _draws(text: str) -> Any:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def _colour(draws: Any, *, pale: bool = False) -> str:
    low, high = (205, 250) if pale else (40, 220)
    return "#" + "".join(f"{int(draws.integers(low, high)):02x}" for _ in range(3))


def _outline(draws: Any) -> list[tuple[float, float]]:
    """A star-shaped outline with a few corners, the same for all products of a kind."""
    corners = int(draws.integers(3, 9))
    angles = (np.arange(corners) + draws.uniform(-0.3, 0.3, corners)) * 2 * np.pi / corners
    radii = draws.uniform(0.55, 1.0, corners)
    return [(float(r * np.cos(a)), float(r * np.sin(a))) for a, r in zip(angles, radii, strict=True)]
