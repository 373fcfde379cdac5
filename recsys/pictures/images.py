"""Images: files and addresses as small RGB pictures, read within bounds.

What a shop's feed or a stranger's browser sends is decoded only in the formats of photographs, and only where its
header says that it stays small; an SVG is a program and is not read.
"""

from __future__ import annotations

import io
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from recsys.errors import DISTRIBUTION, BadInput, require

MAX_BYTES = 10 * 2**20
"""Bytes of one picture."""
MAX_PIXELS = 40_000_000
"""Pixels that a header may promise; a photograph of a good camera has half of them."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
#: Longest side that is kept: models look at far fewer pixels.
_KEPT = 1_024
_SECONDS = 10.0

Reader = Callable[[str], bytes]


def open_image(content: bytes) -> Any:
    """The picture in a file's bytes: RGB, upright, its longest side at most 1,024 pixels.

    Returns
    -------
    PIL.Image.Image
        Of an animation, the first frame; what is transparent is white.

    Raises
    ------
    BadInput
        It is too large, or is no picture in one of the formats that are read.
    """
    require("PIL", "pictures")
    from PIL import Image, ImageOps, UnidentifiedImageError

    if len(content) > MAX_BYTES:
        raise BadInput(f"picture: at most {MAX_BYTES:,} bytes; found {len(content):,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes that are refused below, and of odd metadata
            found = Image.open(io.BytesIO(content), formats=FORMATS)
            if found.width * found.height > MAX_PIXELS:
                raise BadInput(f"picture: at most {MAX_PIXELS:,} pixels; found {found.width} x {found.height}")
            found.draft("RGB", (_KEPT, _KEPT))  # a JPEG is decoded at the scale that is kept
            upright = ImageOps.exif_transpose(_plain(found))
            upright.thumbnail((_KEPT, _KEPT))
            whole = upright.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
    except UnidentifiedImageError:
        raise BadInput(f"picture: no image in one of the formats {', '.join(FORMATS)}") from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, ZeroDivisionError) as error:
        raise BadInput(f"picture: the image is damaged ({type(error).__name__})") from None
    except Image.DecompressionBombError:
        raise BadInput(f"picture: at most {MAX_PIXELS:,} pixels") from None


def _plain(image: Any) -> Any:
    """Eight bits a channel and no palette: Pillow cuts deeper grey off, and picks pixels where it shrinks a palette."""
    if image.mode.startswith("I"):
        return image.point(lambda value: value / 257).convert("L")
    return image.convert("RGBA") if image.mode in ("1", "P") else image


def reader(folder: Path, *, offline: bool = False) -> Reader:
    """What gives the bytes of an ``image`` cell: an address, or a path within `folder`.

    The reader raises `BadInput` with what keeps it from giving them.
    """
    root = folder.resolve()

    def read(source: str) -> bytes:
        if urlsplit(source).scheme in ("http", "https"):
            return _download(source, offline)
        if "\0" in source:
            raise BadInput("the path holds a zero byte")
        path = (root / source).resolve()
        if not path.is_relative_to(root):
            raise BadInput(f"the path leads out of {root}; pictures.folder names the folder of pictures")
        try:
            if path.stat().st_size > MAX_BYTES:
                raise BadInput(f"more than {MAX_BYTES:,} bytes")
            return path.read_bytes()
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}") from None

    return read


def _download(address: str, offline: bool) -> bytes:
    if offline:
        raise BadInput("this run is offline")
    request = urllib.request.Request(address, headers={"User-Agent": DISTRIBUTION})  # noqa: S310 - http(s) alone
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310  # nosec B310
            content: bytes = response.read(MAX_BYTES + 1)
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise BadInput(f"it cannot be fetched: {getattr(error, 'reason', error)}") from None
    if len(content) > MAX_BYTES:
        raise BadInput(f"more than {MAX_BYTES:,} bytes")
    return content


def difference_hash(image: Any) -> int:
    """Difference hash: 64 bits that say where brightness falls from one pixel to the next, in a 9 by 8 picture.

    Two prints of one photograph differ in a few bits (Krawetz 2013, "Kind of like that").
    """
    import numpy as np

    small = np.asarray(image.convert("L").resize((9, 8)), np.int16)
    bits = (small[:, 1:] < small[:, :-1]).ravel()
    return int("".join("1" if bit else "0" for bit in bits), 2)
