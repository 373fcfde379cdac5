"""Put an assistant together from what a shop has published and its settings; publish its knowledge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recsys import gpt
from recsys.assistant import knowledge
from recsys.assistant.answers import Assistant
from recsys.assistant.knowledge import Knowledge
from recsys.assistant.orders import Orders
from recsys.assistant.sources import Passage, product_passages, read_knowledge, read_table
from recsys.assistant.wording import RETRIEVED, Wording
from recsys.encoder import Encoder
from recsys.errors import BadInput
from recsys.recommender import Recommender
from recsys.sample import sample_dir
from recsys.settings import Settings
from recsys.store import Store, Version

_ENDPOINT = "endpoint:"


def question_encoder(settings: Settings) -> Encoder:
    """The shop's encoder as the assistant uses it.

    English encoders with mean pooling, which raw cosine prefers; a Chinese one as it is configured.
    """
    e = settings.encoder
    pooling = "mean" if e.pooling == "cls" and "en" in settings.assistant.languages else e.pooling
    return Encoder.load(
        e.name, pooling=pooling, max_length=256, device=e.device, precision=e.precision, offline=settings.offline
    )


def publish_knowledge(paths: Sequence[Path], settings: Settings, *, progress: bool = False) -> Version:
    """Read FAQ tables, policies and directories of them, add the live catalogue's texts, and publish.

    Only texts that changed are encoded. The catalogue's texts are those of the live version, if there is one.

    Raises
    ------
    BadInput
        A file cannot be used; nothing is published.
    """
    passages = [passage for path in paths for passage in read_knowledge(path)]
    if Store(settings.artifacts).current_id() is not None:
        passages += _catalogue(Recommender.load(settings=settings), settings)
    return knowledge.publish(
        passages,
        question_encoder(settings),
        settings.artifacts,
        languages=settings.assistant.languages,
        keep=settings.keep_versions,
        progress=progress,
    )


def load_assistant(settings: Settings) -> Assistant:
    """The assistant of the live version; what is not published is taken from the sample shop, if that is what is live.

    Raises
    ------
    ArtifactError
        There is no published version, or no knowledge for it.
    """
    recommender = Recommender.load(settings=settings)
    assert recommender.version is not None
    sample = bool(recommender.version.manifest.get("counts", {}).get("sample_shop")) or _is_sample(recommender)
    encoder = question_encoder(settings)
    if sample and Store(settings.artifacts / "knowledge").current_id() is None:
        built = Knowledge.build(read_knowledge(sample_dir()), encoder, languages=settings.assistant.languages)
    else:
        built = knowledge.load_live(settings.artifacts, encoder)
    return Assistant(
        built, recommender, _orders(settings, sample), wording=_wording(settings), bound=settings.assistant.bound
    )


def _catalogue(recommender: Recommender, settings: Settings) -> list[Passage]:
    return product_passages(recommender.shop.tables.value.items, settings.encoder.template)


def _is_sample(recommender: Recommender) -> bool:
    """Whether the live catalogue is the sample shop's."""
    ids = read_table(sample_dir() / "orders.csv")["item_id"].astype(str)
    return bool((recommender.shop.item_index.get_indexer(ids.unique()) >= 0).all())


def _orders(settings: Settings, sample: bool) -> Orders | None:
    where = settings.assistant.orders
    if where is None:
        return Orders.from_table(read_table(sample_dir() / "orders.csv")) if sample else None
    if "://" in where:
        return Orders(where)
    return Orders.from_table(read_table(Path(where)))


def _wording(settings: Settings) -> Wording | None:
    name = settings.assistant.writer
    if name == RETRIEVED:
        return None
    if name.startswith(_ENDPOINT):
        if settings.offline:
            raise BadInput("assistant.writer: an endpoint cannot be reached offline; use 'retrieved' or a local model")
        return Wording(gpt.EndpointWriter(name.removeprefix(_ENDPOINT)))
    return Wording(gpt.load(name, settings.assistant.adapter, settings.encoder.device, offline=settings.offline))
