"""Put an assistant together from what a shop has published and its settings; publish its knowledge."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import astuple
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from recsys.assistant import knowledge
from recsys.assistant.answerability import ENCODER, OWN, Answerability, fetch_weights
from recsys.assistant.answers import Assistant
from recsys.assistant.knowledge import PRODUCT, Knowledge
from recsys.assistant.reply import Answer
from recsys.assistant.themes import bank_hash
from recsys.assistant.tool_choice import examples_hash
from recsys.assistant.turn_reader import TurnReader
from recsys.assistant.wishes import Wishes
from recsys.assistant.wording import RETRIEVED
from recsys.data.kept import kept
from recsys.data.orders import Orders
from recsys.data.passages import Passage, product_passages, read_knowledge
from recsys.data.sample import sample_dir
from recsys.data.sources import is_database, read_table
from recsys.data.store import Store, Version, knowledge_store
from recsys.encoders import universal
from recsys.encoders.encoder import Encoder
from recsys.encoders.protocol import Encodes
from recsys.errors import RecsysError
from recsys.llm.chat import DEFAULT_CHAT, ChatModel, load_chat
from recsys.llm.language import language_of
from recsys.serving.live import Live, follow
from recsys.serving.recommender import Recommender
from recsys.settings import Settings, load_settings

log = logging.getLogger(__name__)
T = TypeVar("T")

NONE = "none"
"""Answerability: judged by words and likeness alone. Turns: read by the regression alone. Wishes: told by words
and likeness alone."""
AUTO = "auto"
"""Writer: the default chat model where the extra ``llm`` is installed and the weights can be had, else none.

It chooses tools where a search of the products finds nothing, and leaves the words to the shop: of a rule it picks one
fact and leaves out the others too often ("three years" of "two years, three for laptops"), which no check of falsehoods
finds.
"""


def question_encoder(settings: Settings) -> Encodes:
    """The shop's encoder as the assistant uses it, beside the multilingual one where that is installed (extra ``zh``).

    English encoders with mean pooling, which raw cosine prefers; a Chinese one as it is configured.
    """
    e = settings.encoder
    pooling = "mean" if e.pooling == "cls" and "en" in settings.assistant.languages else e.pooling
    shop = Encoder.load(
        e.name, pooling=pooling, max_length=256, device=e.device, precision=e.precision, offline=settings.offline
    )
    if not universal.available():
        return shop
    read = settings.assistant.languages
    return universal.JoinedEncoder(shop, lambda text: language_of(text) in read)


def _languages(settings: Settings) -> tuple[str, ...]:
    """Languages the assistant's encoder reads."""
    return ("en", "zh") if universal.available() else settings.assistant.languages


def publish_knowledge(paths: Sequence[Path], settings: Settings, *, progress: bool = False) -> Version:
    """Read FAQ tables, policies and directories of them, add the live catalogue's texts, and publish.

    Only texts that changed are encoded. The catalogue's texts are those of the live version, if there is one.

    Raises
    ------
    BadInput
        A file cannot be used; nothing is published.
    """
    passages = [*(passage for path in paths for passage in read_knowledge(path)), *_catalogue(settings)]
    for base in _judges(settings):  # fetched by the night, and not by the first shopper
        if fetch_weights(*base, offline=settings.offline):
            break
    return _publish(passages, settings, question_encoder(settings), progress=progress)


def refresh_catalogue(settings: Settings, *, progress: bool = False) -> Version | None:
    """Publish the live knowledge again with the texts of the live catalogue, where these have changed.

    FAQ and policies stay as they are; only products whose text is new are encoded (all of it with a new encoder).

    Returns
    -------
    Version or None
        What was published; None where there is no knowledge, or none that is out of date.
    """
    live = knowledge_store(settings.artifacts).current()
    if live is None or Store(settings.artifacts).current_id() is None:
        return None
    known = knowledge.read_passages(live.path)
    passages = [*(p for p in known if p.kind != PRODUCT), *_catalogue(settings)]
    encoder = question_encoder(settings)
    if passages == known and knowledge.fits(live.path, encoder, _languages(settings)):
        return None
    return _publish(passages, settings, encoder, progress=progress)


def load_assistant(settings: Settings, recommender: Recommender | None = None) -> Assistant:
    """The assistant of the live version; what is not published is taken from the sample shop, if that is what is live.

    Parameters
    ----------
    recommender
        The version to answer from, where it is open already; by default the live one.

    Raises
    ------
    ArtifactError
        There is no published version, or no knowledge for it.
    """
    recommender = recommender or Recommender.load(settings=settings)
    assert recommender.version is not None
    sample = bool(recommender.version.manifest.get("counts", {}).get("sample_shop")) or _is_sample(recommender)
    published = None
    if not sample or knowledge_store(settings.artifacts).current_id() is not None:
        published = knowledge.live_version(settings.artifacts)  # where there is none, no model is loaded to say so
    judges = (Answerability.load(*base, offline=settings.offline) for base in _judges(settings))
    judge = next((found for found in judges if found is not None), None)
    if judge is None and settings.assistant.answerability != NONE:
        log.warning("whether a text answers a question is judged by words and likeness alone")
    encoder = question_encoder(settings)
    if published is None:
        built = sample_knowledge(encoder, _languages(settings))
    else:
        built = Knowledge.load(published.path, encoder)
    assistant = Assistant(
        built,
        recommender,
        _orders(settings, sample=sample),
        model=_model(settings),
        words=settings.assistant.writer != AUTO,
        tuned=settings.assistant.adapter is not None,
        bound=settings.assistant.bound,
        judge=judge,
        reader=_read(TurnReader.load, settings.assistant.turns, settings),
        wishes=_read(Wishes.load, settings.assistant.wishes, settings),
    )
    assistant.warm()
    return assistant


@cache
def _followed(root: Path) -> Live[Assistant]:
    """Follower of the assistant of a directory; its recommender is the one that `recsys.recommend` keeps open."""
    settings = load_settings(artifacts=root)
    stores = Store(root), knowledge_store(root)
    return Live(lambda: tuple(s.current_id() for s in stores), lambda: load_assistant(settings, follow(root)))


def answer(
    question: str, history: Sequence[Any] | None = None, user: str | None = None, *, artifacts: Path | str | None = None
) -> Answer:
    """`Assistant.answer` on the default artifacts directory (``RECSYS_ARTIFACTS`` or ``./artifacts``).

    One assistant is kept open a directory; it is made again when the live version or its knowledge is another.

    Raises
    ------
    ArtifactError
        There is no published version, or no knowledge for it.
    """
    root = Path(load_settings(artifacts=artifacts).artifacts).resolve()
    return _followed(root).refresh().answer(question, history, user)


def sample_knowledge(encoder: Encodes, languages: tuple[str, ...]) -> Knowledge:
    """What the sample shop says, read once per machine: a fresh clone answers at once the second time."""
    passages = read_knowledge(sample_dir())
    made_of = [encoder.fingerprint, languages, bank_hash(), examples_hash(), [astuple(p) for p in passages]]
    return kept(
        "assistant-sample",
        made_of,
        lambda folder: Knowledge.load(folder, encoder),
        lambda: Knowledge.build(passages, encoder, languages=languages),
        Knowledge.save,
    )


def _publish(passages: Sequence[Passage], settings: Settings, encoder: Encodes, *, progress: bool) -> Version:
    languages, keep = _languages(settings), settings.keep_versions
    return knowledge.publish(passages, encoder, settings.artifacts, languages=languages, keep=keep, progress=progress)


def _catalogue(settings: Settings) -> list[Passage]:
    """Texts of the live catalogue; none where no version is live."""
    if Store(settings.artifacts).current_id() is None:
        return []
    items = Recommender.load(settings=settings).shop.tables.value.items
    return product_passages(items, settings.encoder.template)


def _is_sample(recommender: Recommender) -> bool:
    """Whether the live catalogue is the sample shop's."""
    ids = read_table(sample_dir() / "orders.csv")["item_id"].astype(str)
    return bool((recommender.shop.item_index.get_indexer(ids.unique()) >= 0).all())


def orders_table(settings: Settings, *, sample: bool) -> pd.DataFrame | None:
    """The table of orders that is answered from; None where there is none, or a database that is asked for each."""
    where = settings.assistant.orders or (sample_dir() / "orders.csv" if sample else None)
    return None if where is None or is_database(where) else read_table(where)


def _orders(settings: Settings, *, sample: bool) -> Orders | None:
    where = settings.assistant.orders
    if where is not None and is_database(where):
        return Orders(where)
    table = orders_table(settings, sample=sample)
    return None if table is None else Orders.from_table(table)


def _judges(settings: Settings) -> list[tuple[Path | None, str]]:
    """What may tell whether a text answers, the best first: directories of adapters, or None, and models of `OWN`."""
    named = settings.assistant.answerability
    if named == NONE:
        return []
    if named in OWN:
        return [(None, named)]
    if named != AUTO:
        return [(Path(named), ENCODER)]
    return [(None, base) for base in ([DEFAULT_CHAT] if _reads(settings) else []) + [ENCODER]]


def _reads(settings: Settings) -> bool:
    """Whether the default writer's layers read what shoppers ask."""
    writes = settings.assistant.writer in {AUTO, DEFAULT_CHAT}
    return writes and all(map(find_spec, ("xllamacpp", "gguf", "accelerate")))


def _read(load: Callable[..., T | None], named: str, settings: Settings) -> T | None:
    """What an adapter of the default writer reads, the package's own or of a directory; None where it is not used."""
    if named == NONE or (named == AUTO and not _reads(settings)):
        return None
    return load(None if named == AUTO else Path(named), offline=settings.offline)


def _model(settings: Settings) -> ChatModel | None:
    """The chat model of the settings; None where there is none, which is said."""
    ours = settings.assistant
    if ours.writer == RETRIEVED:
        return None
    name = DEFAULT_CHAT if ours.writer == AUTO else ours.writer
    try:
        return load_chat(name, ours.adapter, settings.encoder.device, planner=ours.planner, offline=settings.offline)
    except RecsysError as error:
        if ours.writer != AUTO:  # a model that was asked for by name has to be there
            raise
        log.warning("the assistant works without a language model: %s", error)
        return None
