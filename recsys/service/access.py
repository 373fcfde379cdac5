"""Access control of requests: a key or token for the scope, a shopper for themselves only, and a rate."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache

from fastapi import HTTPException, Request
from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from recsys._serve_settings import ServeSettings
from recsys.errors import BadInput
from recsys.service.keys import ANYBODY, Caller, Keys

_rate = lru_cache(1_024)(parse)


class Access:
    """Tells who calls and whether they may, now."""

    def __init__(self, settings: ServeSettings, keys: Keys) -> None:
        try:
            self._rates: tuple[RateLimitItem, RateLimitItem] = (_rate(settings.rate), _rate(settings.shopper_rate))
        except ValueError as error:
            raise BadInput(f"serve.rate: {error}; write a number and a span, such as 600/minute") from None
        self.keys = keys
        self._limiter = FixedWindowRateLimiter(storage_from_string(settings.rate_storage))

    def admit(self, request: Request, scope: str) -> Caller:
        """The caller of a request.

        Raises
        ------
        HTTPException
            401 without a good credential, 403 where it is not for this, 429 where there were too many requests.
        """
        if not self.keys:
            return ANYBODY
        caller = self.keys.caller(_credential(request))
        if caller is None:
            raise HTTPException(
                401,
                "send `Authorization: Bearer KEY` with a key of this server or a shopper's token that has not expired",
                {"WWW-Authenticate": "Bearer"},
            )
        if scope not in caller.scopes:
            raise HTTPException(403, f"this credential is not for {scope!r}: {', '.join(sorted(caller.scopes))}")
        item = _rate(caller.rate) if caller.rate else self._rates[caller.user is not None]
        if not self._limiter.hit(item, caller.name):
            wait = max(1, round(self._limiter.get_window_stats(item, caller.name).reset_time - time.time()))
            raise HTTPException(429, f"more than {item}; try again in {wait} seconds", {"Retry-After": str(wait)})
        return caller


def needs(scope: str) -> Callable[[Request], Awaitable[None]]:
    """Dependency of endpoints that are for one scope."""

    async def admitted(request: Request) -> None:
        request.scope["caller"] = request.app.state.service.access.admit(request, scope)

    return admitted


def caller_of(request: Request) -> Caller:
    """Who called, as `needs` found it."""
    found: Caller = request.scope["caller"]
    return found


def only_own(request: Request, users: Iterable[str | None]) -> None:
    """Refuse a shopper's token that asks for another shopper."""
    own = caller_of(request).user
    if own is not None and any(user not in (None, own) for user in users):
        raise HTTPException(403, "this token is for one shopper, and the request is about another one")


def _credential(request: Request) -> str:
    kind, _, credential = request.headers.get("authorization", "").partition(" ")
    return credential.strip() if kind.lower() == "bearer" else request.headers.get("x-api-key", "")
