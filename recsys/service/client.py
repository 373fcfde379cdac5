"""Client of the HTTP service, synchronous and asynchronous; made by `recsys.service.generating`.

>>> from recsys.client import Client                                         # doctest: +SKIP
>>> with Client("http://127.0.0.1:8000", key="rk_...") as shop:               # doctest: +SKIP
...     shop.recommend(user_id="12347", k=5, columns=["price"]).items
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from recsys.service.replies import (
    AnswerReply,
    BatchReply,
    DeliveryReply,
    EventsReply,
    ExplainReply,
    FeedbackReply,
    GenerateReply,
    HealthReply,
    HistoryReply,
    ItemReply,
    ListReply,
    OpinionReply,
    PriceDropsReply,
    ReadyReply,
    ReasonsReply,
    ScoreReply,
    TokenReply,
    TranscriptReply,
    VersionReply,
)
from recsys.service.transport import AsyncTransport, ServiceError, StreamEvent, Transport

__all__ = ["AsyncClient", "Client", "ServiceError", "StreamEvent"]


class Client(Transport):
    """The service, as the Python interface has it; a method for each endpoint."""

    def recommend(
        self,
        *,
        user_id: str | None = None,
        without: Sequence[str] = (),
        history: Sequence[str] = (),
        text: str = "",
        items: Sequence[str | Mapping[str, Any]] | None = None,
        k: int = 10,
        exclude_seen: bool = True,
        candidates: Sequence[str] | None = None,
        rules: Mapping[str, Any] | None = None,
        columns: Sequence[str] | None = (),
        reasons: bool = False,
    ) -> ListReply:
        """A list for one shopper, under rules, or these items in this shopper's order."""
        found: ListReply = self._ask(
            "POST",
            "/recommend",
            ListReply,
            body={
                "user_id": user_id,
                "without": without,
                "history": history,
                "text": text,
                "items": items,
                "k": k,
                "exclude_seen": exclude_seen,
                "candidates": candidates,
                "rules": rules,
                "columns": columns,
                "reasons": reasons,
            },
        )
        return found

    def batch(
        self,
        *,
        users: Sequence[str],
        k: int = 10,
        exclude_seen: bool = True,
        candidates: Sequence[str] | None = None,
        columns: Sequence[str] | None = (),
    ) -> BatchReply:
        """Lists for many users at once; users that the shop does not know get the list of a shopper with no history."""
        found: BatchReply = self._ask(
            "POST",
            "/batch",
            BatchReply,
            body={"users": users, "k": k, "exclude_seen": exclude_seen, "candidates": candidates, "columns": columns},
        )
        return found

    def score(self, *, pairs: Sequence[Mapping[str, Any]]) -> ScoreReply:
        """Scores of pairs of a shopper and an item, in the order given."""
        found: ScoreReply = self._ask("POST", "/score", ScoreReply, body={"pairs": pairs})
        return found

    def similar(self, *, item: str | Mapping[str, Any], k: int = 10, columns: Sequence[str] | None = ()) -> ListReply:
        """Substitutes for one item of the catalogue or for a described product."""
        found: ListReply = self._ask("POST", "/similar", ListReply, body={"item": item, "k": k, "columns": columns})
        return found

    def complete(
        self,
        *,
        basket: Sequence[str],
        k: int = 10,
        rules: Mapping[str, Any] | None = None,
        columns: Sequence[str] | None = (),
    ) -> ListReply:
        """Complements of a basket."""
        found: ListReply = self._ask(
            "POST", "/complete", ListReply, body={"basket": basket, "k": k, "rules": rules, "columns": columns}
        )
        return found

    def buy_again(
        self,
        *,
        user_id: str | None = None,
        without: Sequence[str] = (),
        history: Sequence[str] = (),
        text: str = "",
        k: int = 10,
        columns: Sequence[str] | None = (),
    ) -> ListReply:
        """What this shopper has bought, likeliest to be bought again first."""
        found: ListReply = self._ask(
            "POST",
            "/buy-again",
            ListReply,
            body={"user_id": user_id, "without": without, "history": history, "text": text, "k": k, "columns": columns},
        )
        return found

    def new_arrivals(
        self,
        *,
        user_id: str | None = None,
        without: Sequence[str] = (),
        history: Sequence[str] = (),
        text: str = "",
        k: int = 10,
        columns: Sequence[str] | None = (),
    ) -> ListReply:
        """New items in this shopper's order."""
        found: ListReply = self._ask(
            "POST",
            "/new-arrivals",
            ListReply,
            body={"user_id": user_id, "without": without, "history": history, "text": text, "k": k, "columns": columns},
        )
        return found

    def recently_viewed(
        self,
        *,
        user_id: str | None = None,
        without: Sequence[str] = (),
        history: Sequence[str] = (),
        text: str = "",
        k: int = 10,
        columns: Sequence[str] | None = (),
    ) -> ListReply:
        """What this shopper met last, the latest first."""
        found: ListReply = self._ask(
            "POST",
            "/recently-viewed",
            ListReply,
            body={"user_id": user_id, "without": without, "history": history, "text": text, "k": k, "columns": columns},
        )
        return found

    def trending(self, *, k: int = 10, columns: Sequence[str] | None = ()) -> ListReply:
        """Items that more shoppers met lately than before lets expect."""
        found: ListReply = self._ask("POST", "/trending", ListReply, body={"k": k, "columns": columns})
        return found

    def explain(
        self,
        *,
        user_id: str | None = None,
        without: Sequence[str] = (),
        history: Sequence[str] = (),
        text: str = "",
        item_id: str | None = None,
        items: Sequence[str] | None = None,
        k: int | None = None,
    ) -> ExplainReply | ReasonsReply:
        """Why an item has its score for a shopper, with all parts of the score; or the reasons of a list."""
        found: ExplainReply | ReasonsReply = self._ask(
            "POST",
            "/explain",
            ExplainReply | ReasonsReply,
            body={
                "user_id": user_id,
                "without": without,
                "history": history,
                "text": text,
                "item_id": item_id,
                "items": items,
                "k": k,
            },
        )
        return found

    def answer(
        self, *, question: str, history: Sequence[Mapping[str, Any]] = (), user_id: str | None = None
    ) -> AnswerReply:
        """An answer from the shop's own text, with its sources. `user_id` is who your site says is signed in."""
        found: AnswerReply = self._ask(
            "POST", "/answer", AnswerReply, body={"question": question, "history": history, "user_id": user_id}
        )
        return found

    def generate(self, *, prompt: str, max_tokens: int = 128, temperature: float = 0.0) -> GenerateReply:
        """Text that the configured model writes to a prompt; what it says is the model's, nobody has checked it."""
        found: GenerateReply = self._ask(
            "POST",
            "/generate",
            GenerateReply,
            body={"prompt": prompt, "max_tokens": max_tokens, "temperature": temperature},
        )
        return found

    def feedback(
        self,
        *,
        answer: str,
        rating: Literal[-1, 1],
        question: str = "",
        kind: Literal["answer", "recommendation"] = "answer",
        sources: Sequence[str] = (),
        user_id: str | None = None,
    ) -> FeedbackReply:
        """Keep what a shopper thought of an answer or a recommendation."""
        found: FeedbackReply = self._ask(
            "POST",
            "/feedback",
            FeedbackReply,
            body={
                "question": question,
                "answer": answer,
                "rating": rating,
                "kind": kind,
                "sources": sources,
                "user_id": user_id,
            },
        )
        return found

    def item(self, item_id: str) -> ItemReply:
        """One item with all of its columns."""
        found: ItemReply = self._ask("GET", f"/items/{quote(item_id, safe='')}", ItemReply)
        return found

    def opinion(self, item_id: str) -> OpinionReply:
        """What reviews praise and blame of an item: stars and quotes by aspect."""
        found: OpinionReply = self._ask("GET", f"/opinions/{quote(item_id, safe='')}", OpinionReply)
        return found

    def search(self, q: str, *, k: int = 10, columns: Sequence[str] = ()) -> ListReply:
        """Products for a sentence, in the words of `Recommender.search`: prices, kinds and brands in it are filters."""
        found: ListReply = self._ask("GET", "/search", ListReply, params={"q": q, "k": k, "columns": columns})
        return found

    def history(self, user_id: str) -> HistoryReply:
        """What a shopper met, oldest first."""
        found: HistoryReply = self._ask("GET", f"/users/{quote(user_id, safe='')}/history", HistoryReply)
        return found

    def delivery(
        self, *, method: str = "", country: str = "", region: str = "", ordered_at: str | None = None
    ) -> DeliveryReply:
        """When an order arrives: the days between which nine parcels in ten come, and the chance of each number."""
        found: DeliveryReply = self._ask(
            "GET",
            "/delivery",
            DeliveryReply,
            params={"method": method, "country": country, "region": region, "ordered_at": ordered_at},
        )
        return found

    def price_drops(self, *, k: int = 20) -> PriceDropsReply:
        """Items on sale: at least 5% below the median of their own last 90 days, greatest drop first."""
        found: PriceDropsReply = self._ask("GET", "/price-drops", PriceDropsReply, params={"k": k})
        return found

    def events(self, *, events: Sequence[Mapping[str, Any]]) -> EventsReply:
        """Take in what shoppers did: on the disk before the answer, in the next list, and in the next night."""
        found: EventsReply = self._ask("POST", "/events", EventsReply, body={"events": events})
        return found

    def version(self) -> VersionReply:
        """What the served version was made of."""
        found: VersionReply = self._ask("GET", "/version", VersionReply)
        return found

    def healthz(self) -> HealthReply:
        """Whether the process answers, from which version, and what keeps a newer one from being served."""
        found: HealthReply = self._ask("GET", "/healthz", HealthReply)
        return found

    def readyz(self) -> ReadyReply:
        """Whether requests should come here; `problem` says what keeps a newer version from being served."""
        found: ReadyReply = self._ask("GET", "/readyz", ReadyReply)
        return found

    def metrics(self) -> str:
        """What is counted, for Prometheus."""
        found: str = self._ask("GET", "/metrics", str)
        return found

    def tokens(self, *, user_id: str, seconds: float = 900) -> TokenReply:
        """A signed, short-lived token with which a browser may ask for this shopper, and for nobody else."""
        found: TokenReply = self._ask("POST", "/tokens", TokenReply, body={"user_id": user_id, "seconds": seconds})
        return found

    def search_image(self, content: bytes, *, k: int = 10, columns: Sequence[str] = ()) -> ListReply:
        """Items whose pictures look most like the picture in the body; nothing of it is kept."""
        found: ListReply = self._ask(
            "POST",
            "/search/image",
            ListReply,
            params={"k": k, "columns": columns},
            content=content,
            media_type="image/jpeg",
        )
        return found

    def picture(self, item_id: str) -> str:
        """The picture of one item, small, where the shop's table names a file rather than an address."""
        found: str = self._ask("GET", f"/pictures/{quote(item_id, safe='')}", str)
        return found

    def transcribe(self, content: bytes, *, language: str | None = None) -> TranscriptReply:
        """The words of a recording: a WAV file, 16-bit PCM, at most a minute. Nothing of it is kept."""
        found: TranscriptReply = self._ask(
            "POST",
            "/transcribe",
            TranscriptReply,
            params={"language": language},
            content=content,
            media_type="audio/wav",
        )
        return found


class AsyncClient(AsyncTransport):
    """The service for asyncio; methods as of `Client`."""

    async def recommend(
        self,
        *,
        user_id: str | None = None,
        without: Sequence[str] = (),
        history: Sequence[str] = (),
        text: str = "",
        items: Sequence[str | Mapping[str, Any]] | None = None,
        k: int = 10,
        exclude_seen: bool = True,
        candidates: Sequence[str] | None = None,
        rules: Mapping[str, Any] | None = None,
        columns: Sequence[str] | None = (),
        reasons: bool = False,
    ) -> ListReply:
        """A list for one shopper, under rules, or these items in this shopper's order."""
        found: ListReply = await self._ask(
            "POST",
            "/recommend",
            ListReply,
            body={
                "user_id": user_id,
                "without": without,
                "history": history,
                "text": text,
                "items": items,
                "k": k,
                "exclude_seen": exclude_seen,
                "candidates": candidates,
                "rules": rules,
                "columns": columns,
                "reasons": reasons,
            },
        )
        return found

    async def batch(
        self,
        *,
        users: Sequence[str],
        k: int = 10,
        exclude_seen: bool = True,
        candidates: Sequence[str] | None = None,
        columns: Sequence[str] | None = (),
    ) -> BatchReply:
        """Lists for many users at once; users that the shop does not know get the list of a shopper with no history."""
        found: BatchReply = await self._ask(
            "POST",
            "/batch",
            BatchReply,
            body={"users": users, "k": k, "exclude_seen": exclude_seen, "candidates": candidates, "columns": columns},
        )
        return found

    async def score(self, *, pairs: Sequence[Mapping[str, Any]]) -> ScoreReply:
        """Scores of pairs of a shopper and an item, in the order given."""
        found: ScoreReply = await self._ask("POST", "/score", ScoreReply, body={"pairs": pairs})
        return found

    async def similar(
        self, *, item: str | Mapping[str, Any], k: int = 10, columns: Sequence[str] | None = ()
    ) -> ListReply:
        """Substitutes for one item of the catalogue or for a described product."""
        found: ListReply = await self._ask(
            "POST", "/similar", ListReply, body={"item": item, "k": k, "columns": columns}
        )
        return found

    async def complete(
        self,
        *,
        basket: Sequence[str],
        k: int = 10,
        rules: Mapping[str, Any] | None = None,
        columns: Sequence[str] | None = (),
    ) -> ListReply:
        """Complements of a basket."""
        found: ListReply = await self._ask(
            "POST", "/complete", ListReply, body={"basket": basket, "k": k, "rules": rules, "columns": columns}
        )
        return found

    async def buy_again(
        self,
        *,
        user_id: str | None = None,
        without: Sequence[str] = (),
        history: Sequence[str] = (),
        text: str = "",
        k: int = 10,
        columns: Sequence[str] | None = (),
    ) -> ListReply:
        """What this shopper has bought, likeliest to be bought again first."""
        found: ListReply = await self._ask(
            "POST",
            "/buy-again",
            ListReply,
            body={"user_id": user_id, "without": without, "history": history, "text": text, "k": k, "columns": columns},
        )
        return found

    async def new_arrivals(
        self,
        *,
        user_id: str | None = None,
        without: Sequence[str] = (),
        history: Sequence[str] = (),
        text: str = "",
        k: int = 10,
        columns: Sequence[str] | None = (),
    ) -> ListReply:
        """New items in this shopper's order."""
        found: ListReply = await self._ask(
            "POST",
            "/new-arrivals",
            ListReply,
            body={"user_id": user_id, "without": without, "history": history, "text": text, "k": k, "columns": columns},
        )
        return found

    async def recently_viewed(
        self,
        *,
        user_id: str | None = None,
        without: Sequence[str] = (),
        history: Sequence[str] = (),
        text: str = "",
        k: int = 10,
        columns: Sequence[str] | None = (),
    ) -> ListReply:
        """What this shopper met last, the latest first."""
        found: ListReply = await self._ask(
            "POST",
            "/recently-viewed",
            ListReply,
            body={"user_id": user_id, "without": without, "history": history, "text": text, "k": k, "columns": columns},
        )
        return found

    async def trending(self, *, k: int = 10, columns: Sequence[str] | None = ()) -> ListReply:
        """Items that more shoppers met lately than before lets expect."""
        found: ListReply = await self._ask("POST", "/trending", ListReply, body={"k": k, "columns": columns})
        return found

    async def explain(
        self,
        *,
        user_id: str | None = None,
        without: Sequence[str] = (),
        history: Sequence[str] = (),
        text: str = "",
        item_id: str | None = None,
        items: Sequence[str] | None = None,
        k: int | None = None,
    ) -> ExplainReply | ReasonsReply:
        """Why an item has its score for a shopper, with all parts of the score; or the reasons of a list."""
        found: ExplainReply | ReasonsReply = await self._ask(
            "POST",
            "/explain",
            ExplainReply | ReasonsReply,
            body={
                "user_id": user_id,
                "without": without,
                "history": history,
                "text": text,
                "item_id": item_id,
                "items": items,
                "k": k,
            },
        )
        return found

    async def answer(
        self, *, question: str, history: Sequence[Mapping[str, Any]] = (), user_id: str | None = None
    ) -> AnswerReply:
        """An answer from the shop's own text, with its sources. `user_id` is who your site says is signed in."""
        found: AnswerReply = await self._ask(
            "POST", "/answer", AnswerReply, body={"question": question, "history": history, "user_id": user_id}
        )
        return found

    async def generate(self, *, prompt: str, max_tokens: int = 128, temperature: float = 0.0) -> GenerateReply:
        """Text that the configured model writes to a prompt; what it says is the model's, nobody has checked it."""
        found: GenerateReply = await self._ask(
            "POST",
            "/generate",
            GenerateReply,
            body={"prompt": prompt, "max_tokens": max_tokens, "temperature": temperature},
        )
        return found

    async def feedback(
        self,
        *,
        answer: str,
        rating: Literal[-1, 1],
        question: str = "",
        kind: Literal["answer", "recommendation"] = "answer",
        sources: Sequence[str] = (),
        user_id: str | None = None,
    ) -> FeedbackReply:
        """Keep what a shopper thought of an answer or a recommendation."""
        found: FeedbackReply = await self._ask(
            "POST",
            "/feedback",
            FeedbackReply,
            body={
                "question": question,
                "answer": answer,
                "rating": rating,
                "kind": kind,
                "sources": sources,
                "user_id": user_id,
            },
        )
        return found

    async def item(self, item_id: str) -> ItemReply:
        """One item with all of its columns."""
        found: ItemReply = await self._ask("GET", f"/items/{quote(item_id, safe='')}", ItemReply)
        return found

    async def opinion(self, item_id: str) -> OpinionReply:
        """What reviews praise and blame of an item: stars and quotes by aspect."""
        found: OpinionReply = await self._ask("GET", f"/opinions/{quote(item_id, safe='')}", OpinionReply)
        return found

    async def search(self, q: str, *, k: int = 10, columns: Sequence[str] = ()) -> ListReply:
        """Products for a sentence, in the words of `Recommender.search`: prices, kinds and brands in it are filters."""
        found: ListReply = await self._ask("GET", "/search", ListReply, params={"q": q, "k": k, "columns": columns})
        return found

    async def history(self, user_id: str) -> HistoryReply:
        """What a shopper met, oldest first."""
        found: HistoryReply = await self._ask("GET", f"/users/{quote(user_id, safe='')}/history", HistoryReply)
        return found

    async def delivery(
        self, *, method: str = "", country: str = "", region: str = "", ordered_at: str | None = None
    ) -> DeliveryReply:
        """When an order arrives: the days between which nine parcels in ten come, and the chance of each number."""
        found: DeliveryReply = await self._ask(
            "GET",
            "/delivery",
            DeliveryReply,
            params={"method": method, "country": country, "region": region, "ordered_at": ordered_at},
        )
        return found

    async def price_drops(self, *, k: int = 20) -> PriceDropsReply:
        """Items on sale: at least 5% below the median of their own last 90 days, greatest drop first."""
        found: PriceDropsReply = await self._ask("GET", "/price-drops", PriceDropsReply, params={"k": k})
        return found

    async def events(self, *, events: Sequence[Mapping[str, Any]]) -> EventsReply:
        """Take in what shoppers did: on the disk before the answer, in the next list, and in the next night."""
        found: EventsReply = await self._ask("POST", "/events", EventsReply, body={"events": events})
        return found

    async def version(self) -> VersionReply:
        """What the served version was made of."""
        found: VersionReply = await self._ask("GET", "/version", VersionReply)
        return found

    async def healthz(self) -> HealthReply:
        """Whether the process answers, from which version, and what keeps a newer one from being served."""
        found: HealthReply = await self._ask("GET", "/healthz", HealthReply)
        return found

    async def readyz(self) -> ReadyReply:
        """Whether requests should come here; `problem` says what keeps a newer version from being served."""
        found: ReadyReply = await self._ask("GET", "/readyz", ReadyReply)
        return found

    async def metrics(self) -> str:
        """What is counted, for Prometheus."""
        found: str = await self._ask("GET", "/metrics", str)
        return found

    async def tokens(self, *, user_id: str, seconds: float = 900) -> TokenReply:
        """A signed, short-lived token with which a browser may ask for this shopper, and for nobody else."""
        found: TokenReply = await self._ask(
            "POST", "/tokens", TokenReply, body={"user_id": user_id, "seconds": seconds}
        )
        return found

    async def search_image(self, content: bytes, *, k: int = 10, columns: Sequence[str] = ()) -> ListReply:
        """Items whose pictures look most like the picture in the body; nothing of it is kept."""
        found: ListReply = await self._ask(
            "POST",
            "/search/image",
            ListReply,
            params={"k": k, "columns": columns},
            content=content,
            media_type="image/jpeg",
        )
        return found

    async def picture(self, item_id: str) -> str:
        """The picture of one item, small, where the shop's table names a file rather than an address."""
        found: str = await self._ask("GET", f"/pictures/{quote(item_id, safe='')}", str)
        return found

    async def transcribe(self, content: bytes, *, language: str | None = None) -> TranscriptReply:
        """The words of a recording: a WAV file, 16-bit PCM, at most a minute. Nothing of it is kept."""
        found: TranscriptReply = await self._ask(
            "POST",
            "/transcribe",
            TranscriptReply,
            params={"language": language},
            content=content,
            media_type="audio/wav",
        )
        return found
