"""Endpoints of the page: what a merchandiser looks at and no shop's own code needs. All of them only read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from recsys.data import evaluations, report
from recsys.data.schema import PRICE
from recsys.data.store import Store, Version
from recsys.delivery import published as delivery
from recsys.errors import ArtifactError
from recsys.explain import Explainer, Explanation
from recsys.explain.writer import TEMPLATE
from recsys.service.access import needs
from recsys.service.bodies import MAX_EXPLAINED, Id, K, Who, example
from recsys.service.problems import problems
from recsys.service.replies import ListReply, Versioned
from recsys.service.routes.prices import kept_forecast
from recsys.service.rows import STANDARD, Fields, listed, reply, version_of
from recsys.service.state import Service, service_of
from recsys.serving.fallback import recent_popularity
from recsys.serving.recommender import Recommender
from recsys.serving.samples import different_shoppers
from recsys.settings import Settings

# For the shop's own people: it tells of all shoppers and of how versions were made.
router = APIRouter(prefix="/insight", dependencies=[Depends(needs("admin"))])
_VersionId = Annotated[str, Field(pattern=r"^[0-9]{8}T[0-9]{6}-[0-9a-f]{4}$")]
#: Latest things a shopper met, by which a person knows them.
PAST = 3
#: Shoppers to choose from, where nobody was searched for.
SHOPPERS = 8
#: What of a manifest tells a person how a version was made.
_LISTED = ("created", "serves", "counts", "gate")
_CARD = ("version", "created", "serves", "encoder", "template", "counts", "index", "gate", "recipe", "libraries")


class Someone(Versioned):
    """Shoppers to look at."""

    shoppers: list[dict[str, Any]]
    """``user_id``, ``items`` (how many different ones they met) and ``latest`` (titles)."""


class ReasonsBody(Who):
    """`POST /insight/reasons`."""

    model_config = example(user_id="12347", items=["85123A", "71053"])

    items: Annotated[list[Id], Field(min_length=1, max_length=MAX_EXPLAINED)]
    """The items of one list, best first."""
    language: Literal["en", "zh"] = "en"


class PartedReasons(Versioned):
    """Reasons of one list beside the parts of each score."""

    blocks: dict[str, str]
    """What each block means."""
    items: list[dict[str, Any]]
    """``item_id, sentence, kind, because, parts`` (block to log-odds against the average candidate), ``worth`` (drop of
    the log-odds without each thing of the history, the text of the history left as it is)."""


class CompareBody(Who):
    """`POST /insight/compare`."""

    model_config = example(user_id="12347", by="popularity")

    by: Literal["ranker", "popularity"] = "ranker"
    """``popularity``: what sold most in the last 30 days, the same for everybody but for what they had."""
    version: _VersionId | None = None
    """A version that is kept; by default the live one."""
    k: K = 10


class CardReply(Versioned):
    """The model card of the live version."""

    card: dict[str, Any]
    """How it was made: parts of its manifest."""
    blocks: list[dict[str, Any]]
    """What the ranker looks at: ``name``, ``meaning``."""
    price: list[float] | None
    """Least and greatest price of the catalogue."""
    languages: list[str]
    figures: dict[str, Any] | None
    """What `recsys evaluate --keep` measured."""
    plots: dict[str, str]
    """Its plots as SVG, by name."""
    versions: list[dict[str, Any]]
    """All that are kept, the latest first."""
    intake: dict[str, Any]
    """What the night read, lost and decided about its tables."""
    supply: list[str]
    """What the version knows of supply: ``delivery``, ``prices``, ``forecast``."""
    pictures: bool
    """Whether the catalogue can be searched by picture."""
    voice: bool
    """Whether recordings can be transcribed."""


@router.get("/shoppers", response_model=Someone, responses=problems(503))
async def shoppers(request: Request, q: Annotated[str, Query(max_length=256)] = "", k: K = 8) -> Response:
    """Shoppers whose id begins with `q`; without one, a few whose tastes differ.

    Where ids are pseudonyms, only the one whose id is `q`: nobody else's can be told.
    """
    rec = service_of(request).served.rec

    def found() -> Response:
        ids = rec.shop.user_ids
        hidden = rec.shop.protection.pseudonyms is not None
        if hidden:
            code = rec.shop.user_code(q)
            codes = [] if code is None else [code]
        elif q:
            start = int(np.searchsorted(ids, q))  # ids are sorted
            codes = [c for c in range(start, min(start + k, len(ids))) if str(ids[c]).startswith(q)]
        else:
            codes = _different(rec, k)
        rows = []
        for code in codes:
            items = rec.shop.profile(code).items
            latest = [rec.lookup.titles[int(i)] for i in items[::-1][:PAST] if i >= 0]
            rows.append({"user_id": q if hidden else str(ids[code]), "items": len(items), "latest": latest})
        return reply({"version": version_of(rec), "shoppers": rows})

    return await run_in_threadpool(found)


@router.post("/reasons", response_model=PartedReasons, responses=problems(404, 503))
async def reasons(request: Request, body: ReasonsBody) -> Response:
    """Why each item is in a list, while somebody waits: plain sentences, chosen together, and the parts of the scores.

    `POST /explain` has the words of the writer and reads the history again without each purchase, which takes seconds.
    """
    service = service_of(request)

    def explained() -> Response:
        served = service.served
        rec, user = served.rec, served.user(body.user)
        explainer = _plain_explainer(rec, body.language)
        profile, codes = rec.lookup.shopper(user).profile, rec.lookup.codes(body.items).tolist()
        told = explainer.explain_list(profile, codes, user=rec.lookup.user_code(user))
        blocks = {part.block: part.meaning for one in told for part in one.evidence.parts}
        return reply({"version": version_of(rec), "blocks": blocks, "items": [_row(one) for one in told]})

    return await service.slow.run(explained)


@router.post("/compare", response_model=ListReply, responses=problems(404, 503))
async def compare(request: Request, body: CompareBody) -> Response:
    """A list by another version, or by what sold most lately, to lay beside the live one's."""
    service = service_of(request)

    def made() -> Response:
        served = service.served
        rec, user = served.rec, served.user(body.user)
        if body.version is not None and body.version != version_of(rec):
            store = Store(service.settings.artifacts)
            if body.version not in store.versions():
                raise HTTPException(404, f"unknown version {body.version!r}: GET /insight/card lists those kept")
            rec = _opened(store.version(body.version), service.settings)
        fields = Fields(rec, STANDARD)
        if body.by == "ranker":
            return listed(rec, rec.recommend(user, k=body.k, columns=fields.ask), fields)
        codes, shares = recent_popularity(rec.shop, rec.lookup.shopper(user).seen, body.k)
        return listed(rec, rec.tables.found(codes, shares, fields.ask), fields)

    return await service.slow.run(made)


@router.get("/card", response_model=CardReply, responses=problems(503))
async def card(request: Request) -> Response:
    """The live version's model card: how it was made, how good it is, what the night read and decided."""
    service = service_of(request)

    def carded() -> Response:
        rec = service.served.rec
        held, store = rec.version, Store(service.settings.artifacts)
        assert held is not None
        figures, plots = evaluations.read(store, held.id)
        blocks = rec.ranker.blocks if rec.ranker else ()
        prices = rec.items.column(PRICE).dropna() if PRICE in rec.items.names else []
        return reply(
            {
                "version": held.id,
                "card": {name: held.manifest.get(name) for name in _CARD} | {"training": _training(held)},
                "blocks": [{"name": block.name, "meaning": block.meaning} for block in blocks],
                "price": [float(min(prices)), float(max(prices))] if len(prices) else None,
                "languages": list(service.settings.assistant.languages),
                "figures": figures,
                "plots": plots,
                "versions": _versions(store, held.id),
                "intake": _without_folders(report.load(held.path)),
                "supply": _supply(service, rec),
                "pictures": rec.pictures.there,
                "voice": bool(service_of(request).settings.voice.model),
            }
        )

    return await run_in_threadpool(carded)


def _supply(service: Service, rec: Recommender) -> list[str]:
    """Which parts of supply a version knows."""
    assert rec.version is not None
    known = {
        "delivery": delivery.load(rec.version.path) is not None,
        "prices": rec.shop.tables.value.prices is not None,
        "forecast": kept_forecast(service, rec) is not None,
    }
    return [name for name, there in known.items() if there]


def _training(version: Version) -> dict[str, Any]:
    ranker = version.manifest.get("ranker") or {}
    return {name: ranker.get(name) for name in ("pairs", "bought", "training_windows", "strength", "calibration")}


def _row(one: Explanation) -> dict[str, Any]:
    return {
        "item_id": one.item_id,
        "sentence": one.sentence or None,
        "kind": one.kind,
        "because": list(one.because),
        "parts": {part.block: part.value for part in one.evidence.parts},
        "worth": {p.item_id: p.worth for p in one.evidence.purchases if p.item_id is not None},
        "logit": one.evidence.logit,
        "baseline": one.evidence.baseline,
    }


#: What was made of a recommender for the page; it goes with the recommender.
_made: WeakKeyDictionary[Recommender, dict[str, Any]] = WeakKeyDictionary()
#: The one older version that is open for comparison.
_older: dict[Path, Recommender] = {}


def _plain_explainer(rec: Recommender, language: str) -> Explainer:
    if rec.ranker is None:
        raise HTTPException(503, "this version has no ranker, so there is no score to explain")
    made = _made.setdefault(rec, {})
    if language not in made:
        plain = rec.settings.explain.model_copy(update={"writer": TEMPLATE, "adapter": None, "language": language})
        made[language] = Explainer(rec.shop, rec.ranker, plain)
    explainer: Explainer = made[language]
    return explainer


def _different(rec: Recommender, n: int) -> list[int]:
    made = _made.setdefault(rec, {})
    if "different" not in made:
        made["different"] = different_shoppers(rec.shop, SHOPPERS)
    codes: list[int] = made["different"]
    return codes[:n]


def _opened(version: Version, settings: Settings) -> Recommender:
    rec = _older.get(version.path)
    if rec is None:
        rec = Recommender.open(version, settings)
        _older.clear()
        _older[version.path] = rec
    return rec


def _versions(store: Store, live: str) -> list[dict[str, Any]]:
    found = []
    for name in reversed(store.versions()):
        try:
            manifest = Version.open(store.versions_dir / name).manifest
        except ArtifactError:
            continue  # damaged: `recsys versions --verify` says so, nothing can be made with it here
        found.append({"version": name, "live": name == live, **{key: manifest.get(key) for key in _LISTED}})
    return found


def _without_folders(intake: Mapping[str, Any]) -> dict[str, Any]:
    """The report of the night's reading, its files named without the server's folders."""
    tables = {
        name: {**table, "source": PurePath(table.get("source", "")).name}
        for name, table in intake.get("tables", {}).items()
    }
    return {"tables": tables, "warnings": intake.get("warnings", [])}
