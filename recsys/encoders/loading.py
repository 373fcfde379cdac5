"""The encoder that settings name, and the one that made a version's vectors."""

from __future__ import annotations

from recsys.data.store import Version
from recsys.encoders.encoder import Encoder
from recsys.encoders.parallel import ParallelEncoder, all_devices
from recsys.encoders.protocol import Encodes
from recsys.errors import ArtifactError
from recsys.settings import Settings


def encoder_for(settings: Settings) -> Encodes:
    """The encoder the settings name, on all the devices they name."""
    e = settings.encoder
    how = e.model_dump(include={"name", "pooling", "max_length", "precision"}) | {"offline": settings.offline}
    devices = all_devices(e.device)
    return ParallelEncoder(devices, **how) if len(devices) > 1 else Encoder.load(device=e.device, **how)


def review_encoder(settings: Settings, name: str | None = None) -> Encodes:
    """The encoder of reviews: the one the settings (or `name`) name, with [CLS] vectors of 128 tokens.

    Sentiment weights are known by the encoder's weights, so that pooling and length have to be always the same.
    """
    wanted = {"pooling": "cls", "max_length": None} | ({} if name is None else {"name": name})
    return encoder_for(settings.model_copy(update={"encoder": settings.encoder.model_copy(update=wanted)}))


def encoder_of(version: Version, settings: Settings) -> Encodes:
    """The encoder that made a version's vectors.

    Raises
    ------
    ArtifactError
        When the settings name another one: its vectors would not mean the same.
    """
    encoder = encoder_for(settings)
    made_by = version.manifest["encoder"]
    if encoder.fingerprint != made_by["fingerprint"]:
        raise ArtifactError(
            f"{version.path}: its vectors were made by {made_by['name']} ({made_by['pooling']} pooling, "
            f"{made_by['max_length']} tokens, {made_by['precision']}), the settings name {encoder.info['name']} "
            f"({encoder.pooling}, {encoder.max_length}, {encoder.info['precision']}). Set the encoder back, or run "
            "`recsys nightly` to encode everything with the new one"
        )
    return encoder
