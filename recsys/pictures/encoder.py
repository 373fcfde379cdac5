"""CLIP-type encoders: vectors of pictures and of texts in one space (Radford et al. 2021, arXiv:2103.00020)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.encoders.pretrained import resolve, weights_hash
from recsys.errors import BadInput

#: Architectures with a picture tower and a text tower in one space.
KINDS = ("clip", "chinese_clip", "siglip")
_BATCH = 32
#: Longer sides, in shorter ones, of which the middle is looked at.
_LONGEST = 8


class PictureEncoder:
    """Unit vectors of pictures and texts from one model of transformers.

    Attributes
    ----------
    fingerprint
        SHA-256 of the weights and their configuration: vectors of two encoders are never compared.
    dim
        Length of a vector.
    """

    def __init__(self, folder: Path, *, device: str = "cpu") -> None:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        config = json.loads((folder / "config.json").read_text("utf-8"))
        if config.get("model_type") not in KINDS:
            raise BadInput(
                f"{folder}: a {config.get('model_type')!r} model has no vectors of pictures; it takes one of "
                f"{', '.join(KINDS)}"
            )
        self._size, self._mean, self._deviation = _preparation(folder)
        try:
            self._model: Any = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{folder}: the model cannot be loaded: {error}") from None
        self._model.to(device).eval()
        self._device = device
        self._words = int(getattr(self._model.config.text_config, "max_position_embeddings", 77))
        self.fingerprint = weights_hash(folder)
        self.dim = int(self._model.config.projection_dim if hasattr(self._model.config, "projection_dim") else 0)

    @classmethod
    def load(cls, name: str, *, device: str | None = None, offline: bool = False) -> PictureEncoder:
        """Load a directory, or a model of the hub such as ``openai/clip-vit-base-patch32``.

        Raises
        ------
        BadInput, RecsysError
            It is no such model, cannot be fetched, or the device is not here (see `pick_device`).
        """
        from recsys.encoders.encoder import pick_device

        return cls(resolve(name, offline=offline), device=str(pick_device(device)))

    def images(self, images: Sequence[Any]) -> NDArray[np.float32]:
        """Vectors of RGB pictures, shape ``(len(images), dim)``."""
        import torch

        found = []
        for start in range(0, len(images), _BATCH):
            pixels = np.stack([self._pixels(image) for image in images[start : start + _BATCH]])
            with torch.inference_mode():
                vectors = self._model.get_image_features(pixel_values=torch.from_numpy(pixels).to(self._device))
            found.append(_unit(vectors))
        return np.concatenate(found) if found else np.zeros((0, self.dim), np.float32)

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of texts, shape ``(len(texts), dim)``."""
        import torch

        read = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self._words, return_tensors="pt"
        ).to(self._device)
        given = {name: read[name] for name in ("input_ids", "attention_mask") if name in read}
        with torch.inference_mode():
            return _unit(self._model.get_text_features(**given))

    def _pixels(self, image: Any) -> NDArray[np.float32]:
        """A picture as the model reads it: its shorter side scaled, the middle cut out, each channel standardised."""
        from PIL import Image, ImageOps

        narrow = min(image.size)
        if max(image.size) > _LONGEST * narrow:  # a line that is scaled to a square's width would fill the memory
            image = ImageOps.fit(image, tuple(min(side, _LONGEST * narrow) for side in image.size))
        scale = self._size / min(image.size)
        width, height = (max(self._size, round(side * scale)) for side in image.size)
        scaled = image.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - self._size) // 2, (height - self._size) // 2
        cut = scaled.crop((left, top, left + self._size, top + self._size))
        values = (np.asarray(cut, np.float32) / 255 - self._mean) / self._deviation
        return np.ascontiguousarray(values.transpose(2, 0, 1), np.float32)


def _preparation(folder: Path) -> tuple[int, NDArray[np.float32], NDArray[np.float32]]:
    """Side of the square that the model looks at, and mean and deviation of each channel."""
    path = folder / "preprocessor_config.json"
    if not path.is_file():
        raise BadInput(f"{folder}: preprocessor_config.json is missing: it says how the model looks at pictures")
    try:
        said = json.loads(path.read_text("utf-8"))
        size = said.get("crop_size") or said["size"]
        side = int(size if isinstance(size, int) else size.get("height") or size["shortest_edge"])
        mean, deviation = (np.array(said[name], np.float32).reshape(3) for name in ("image_mean", "image_std"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path}: size, image_mean and image_std are not understood ({error})") from None
    if not 8 <= side <= 1_024 or not (deviation > 0).all():
        raise BadInput(f"{path}: a picture of {side} pixels, deviations {deviation.tolist()}")
    return side, mean, deviation


def _unit(vectors: Any) -> NDArray[np.float32]:
    """Vectors of length 1; transformers returns them bare, or as the pooled output of a tower."""
    plain = getattr(vectors, "pooler_output", vectors)
    values = plain.float().cpu().numpy()
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12), np.float32)
