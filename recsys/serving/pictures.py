"""Search by picture: items whose pictures are nearest to a picture or to words, by the version's own encoder."""

from __future__ import annotations

import io
import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.columns import IMAGES
from recsys.data.products import one_of_each
from recsys.data.snapshot import Snapshot
from recsys.data.store import Version
from recsys.errors import ArtifactError, BadInput
from recsys.ranking.topk import top_k
from recsys.serving.item_columns import ItemColumns
from recsys.serving.lookup import Lookup
from recsys.serving.results import ResultTables, check_length
from recsys.settings import Settings

if TYPE_CHECKING:
    from recsys.pictures.encoder import PictureEncoder


#: Longest side of a picture on the page, in pixels.
THUMBNAIL = 256


class PictureSearch:
    """Nearest pictures of one version; the encoder is loaded when the first picture comes. Safe in several threads."""

    def __init__(self, shop: Snapshot, settings: Settings, version: Version | None) -> None:
        self._shop, self._settings = shop, settings
        self._made_with = (version.manifest.get("pictures") or {}) if version else {}
        self._encoder: PictureEncoder | None = None
        self._lock = threading.Lock()

    @property
    def there(self) -> bool:
        """Whether this version has pictures and the settings name what reads them."""
        return bool(self._settings.pictures.model) and self._shop.facts.pictures is not None

    def image(self, content: bytes, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Codes and cosines of the `k` available items that look most like a picture.

        Raises
        ------
        BadInput
            It is no picture, or too large.
        ArtifactError
            This version has no vectors of pictures, or those of another encoder.
        """
        from recsys.pictures.images import open_image

        vectors = self._vectors()
        picture = open_image(content)
        with self._lock:
            vector = self._loaded().images([picture])[0]
        return self._nearest(vectors, vector, k)

    def text(self, text: str, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Codes and cosines of the `k` available items whose pictures fit a text best; raises as `image`."""
        if not text.strip():
            raise BadInput("text: what should the picture show?")
        vectors = self._vectors()
        with self._lock:
            vector = self._loaded().texts([text])[0]
        return self._nearest(vectors, vector, k)

    def thumbnail(self, item_id: str, items: ItemColumns, lookup: Lookup) -> bytes:
        """The picture of an item as a small JPEG, where its cell names a file of the shop's folder.

        Raises
        ------
        KeyError
            There is no such item, or it has no file of a picture.
        """
        from recsys.pictures.images import open_image, reader

        code = int(lookup.codes([item_id])[0])
        column = next((name for name in IMAGES if name in items.names), None)
        source = "" if column is None else str(items.column(column).iloc[code] or "")
        if not source or urlsplit(source).scheme:
            raise KeyError(f"unknown picture: item {item_id!r} names no file of one")
        try:
            image = open_image(reader(self._settings.pictures.folder, offline=True)(source))
        except BadInput:
            raise KeyError(f"unknown picture: that of item {item_id!r} cannot be read") from None
        image.thumbnail((THUMBNAIL, THUMBNAIL))
        held = io.BytesIO()
        image.save(held, "JPEG", quality=85)
        return held.getvalue()

    def like(self, code: int, k: int) -> NDArray[np.int64]:
        """Codes of the `k` available items whose pictures look most like that of an item; none where it has none."""
        vectors = self._vectors()
        codes, _ = self._nearest(vectors, vectors[code], k + 1)
        return codes[codes != code][:k] if vectors[code].any() else codes[:0]

    def _vectors(self) -> NDArray[np.float32]:
        found = self._shop.facts.pictures
        if found is None:
            raise ArtifactError(
                "this version has no vectors of pictures: set pictures.model and run `recsys embed` with items that "
                "have a column `image`"
            )
        return found

    def _loaded(self) -> PictureEncoder:
        if self._encoder is None:
            from recsys.pictures.encoder import PictureEncoder

            settings = self._settings
            name = self._made_with.get("model") or settings.pictures.model
            encoder = PictureEncoder.load(name, device=settings.encoder.device, offline=settings.offline)
            made_with = self._made_with.get("fingerprint", encoder.fingerprint)
            if encoder.fingerprint != made_with:
                raise ArtifactError(
                    f"the pictures of this version were encoded with other weights than those of {name!r} now; run "
                    "`recsys embed` again"
                )
            self._encoder = encoder
        return self._encoder

    def _nearest(
        self, vectors: NDArray[np.float32], vector: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        shop = self._shop
        # Exact: a hundred thousand pictures are one product of a matrix and a vector, a few milliseconds.
        cosines = vectors @ vector
        score = np.where(shop.available & (cosines != 0), cosines, -np.inf)
        if shop.products is not None:
            score = one_of_each(score, shop.products, np.zeros(len(score)))
        best = top_k(score, k)
        best = best[np.isfinite(score[best])]
        return best.astype(np.int64), score[best].astype(np.float64)


class ByPicture:
    """Lists of items by what their pictures show; results are those of `Recommender.similar`."""

    pictures: PictureSearch
    tables: ResultTables

    def similar_to_image(
        self, image: bytes | str | Path, k: int = 10, *, columns: Collection[str] | None = ()
    ) -> pd.DataFrame:
        """Items whose pictures look most like a picture, given as the bytes of a file or by its path.

        `score` is the cosine of both pictures' vectors; unavailable items and items without a picture are left out.
        `columns` are as in `recommend`.

        Raises
        ------
        BadInput
            It is no picture, or too large.
        ArtifactError
            The version has no vectors of pictures.
        """
        check_length(k)
        return self.tables.found(*self.pictures.image(_content(image), k), columns)

    def pictures_of(self, text: str, k: int = 10, *, columns: Collection[str] | None = ()) -> pd.DataFrame:
        """Items whose pictures show what a text says, in the languages of the picture model; as `similar_to_image`."""
        check_length(k)
        return self.tables.found(*self.pictures.text(text, k), columns)


def _content(image: bytes | str | Path) -> bytes:
    """Bytes of a picture that is given as such or by its path.

    Raises
    ------
    BadInput
        The file cannot be read.
    """
    from recsys.pictures.images import MAX_BYTES

    if isinstance(image, bytes):
        return image
    try:
        with Path(image).open("rb") as file:
            return file.read(MAX_BYTES + 1)  # one more than is read of a picture, which is then refused as too large
    except (OSError, ValueError) as error:
        raise BadInput(f"{image!s}: {getattr(error, 'strerror', None) or error}") from None
