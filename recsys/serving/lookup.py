"""Users and items as callers give them: a known id, or a description of one the shop has never seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data import schema
from recsys.data.catalogue import Candidates, ItemFeatures, render
from recsys.data.histories import Profile, ad_hoc_profile, after_visit, history_text
from recsys.data.schema import EVENT, EVENT_WEIGHTS, ITEM, PURCHASE, TITLE
from recsys.data.snapshot import Lazy, Snapshot
from recsys.encoders.protocol import Encodes
from recsys.errors import BadInput
from recsys.serving.item_columns import ItemColumns
from recsys.settings import Settings

User = str | Mapping[str, Any]
"""A user id; or someone new, ``{"history": [item ids, oldest first]}``, ``{"text": "..."}`` or both; or a user after
what they met since the version was made, ``{"user": id, "since": [item ids, oldest first]}``, or had they never met
some items, ``{"user": id, "without": [item ids]}``. An entry of `since` may say what happened,
``{"item_id": id, "event": "view"}``; a purchase is the default."""
Item = str | Mapping[str, Any]
"""An item id, or a described product such as ``{"title": "Red enamel teapot", "price": 12.5}``."""

MAX_ITEMS = 1_000_000
MAX_HISTORY = 10_000
#: History texts whose vectors are kept.
READ_TEXTS = 2_048


@dataclass(frozen=True)
class Shopper:
    """Shopper profile, and the catalogue items they have met already.

    `barred` are items that are never listed to them: disliked, or sent back.
    `skipped` are ids of their history that the catalogue does not have: a product listed today, or dropped last night.
    """

    profile: Profile
    seen: NDArray[np.integer]
    skipped: tuple[str, ...] = ()
    barred: NDArray[np.integer] = field(default_factory=lambda: np.zeros(0, np.int64))

    def left_out(self, repeat: Literal["never", "always"] | float) -> NDArray[np.integer]:
        """Codes of items that may not be listed: those barred, and of those met all, none, or the ones met lately.

        A number is the days after which something may be listed again; without times nothing is known to be long ago.
        """
        if repeat in ("always", 0):
            return self.barred
        met = self.seen
        if repeat != "never" and self.profile.ages.any():
            met = np.setdiff1d(met, self.profile.items[self.profile.ages >= float(repeat)])
        return np.union1d(met, self.barred).astype(np.int64) if len(self.barred) else met


class GivenItems(NamedTuple):
    """Items that a caller names or describes.

    Attributes
    ----------
    candidates
        One row each, in the order given; code -1 for described products.
    ids
        Their ids, None for described products.
    described
        The checked table of the described products, in their order; None where there are none.
    """

    candidates: Candidates
    ids: NDArray[np.object_]
    described: pd.DataFrame | None


class Lookup:
    """Turns users and items, however they are given, into profiles and candidates of one snapshot.

    The encoder is loaded when the first text has to be read; known users and items need none.
    """

    def __init__(self, shop: Snapshot, settings: Settings, encoder: Callable[[], Encodes], items: ItemColumns) -> None:
        self.shop = shop
        self._items = items
        self._settings = settings
        self._encoder = Lazy(encoder)
        self._encoder_lock = threading.Lock()
        # A shopper asks again and again with the same history, also the one they have after what they did just now.
        self._read_text = lru_cache(READ_TEXTS)(lambda text: self._encode([text])[0])

    @property
    def encoder(self) -> Encodes:
        """The encoder, loaded when first asked for."""
        with self._encoder_lock:
            return self._encoder.value

    def shopper(self, user: User) -> Shopper:
        """The shopper a `User` argument means."""
        if not isinstance(user, str) and pd.api.types.is_list_like(user) and not isinstance(user, Mapping):
            raise BadInput("user: a list of users; recommend_many(users) is for several, recommend(user) for one")
        if isinstance(user, Mapping):
            return self._changed(user) if "user" in user else self._described_shopper(user)
        code = self.shop.user_code(user)
        if code is None:
            raise KeyError(
                f"unknown user {str(user)!r}: pass {{'history': [item ids]}} or {{'text': '...'}} for a shopper this "
                "version has not seen, or {} for one nothing is known of"
            )
        return self._known(code)

    def _known(self, code: int) -> Shopper:
        return Shopper(self.shop.profile(code), self.shop.seen(code), barred=self.shop.barred(code))

    def user_code(self, user: User) -> int | None:
        """The code of a user the shop knows, None for others."""
        name = user.get("user") if isinstance(user, Mapping) else user
        return None if name is None else self.shop.user_code(name)

    def _changed(self, user: Mapping[str, Any]) -> Shopper:
        """A user after what they met since, and without what is left out of their history."""
        left_out, since = user.get("without", ()), user.get("since", ())
        lists = all(isinstance(given, Sequence) and not isinstance(given, str) for given in (left_out, since))
        if set(user) - {"user", "without", "since"} or not lists or len(since) > MAX_HISTORY:
            raise BadInput(
                "user: a known shopper is given as {'user': id, 'without': [item ids], 'since': [item ids]} and "
                "nothing else"
            )
        name = user["user"]
        known = self.user_code(name) is not None
        shopper = self.shopper(name) if known or not since else self.shopper({})
        return self._without(self._since(shopper, since), name, left_out)

    def _since(self, shopper: Shopper, since: Sequence[Any]) -> Shopper:
        """The shopper after one more visit, to these items; the history's text is read again."""
        named = [
            (str(m[ITEM]), str(m.get(EVENT, PURCHASE))) if isinstance(m, Mapping) else (str(m), PURCHASE) for m in since
        ]
        codes, skipped = self._distinct([name for name, _ in named])
        if not len(codes):
            return replace(shopper, skipped=skipped)
        strength: dict[str, float] = {}
        for name, event in named:
            strength[name] = strength.get(name, 0.0) + EVENT_WEIGHTS.get(event, EVENT_WEIGHTS[PURCHASE])
        weights = np.array([strength[str(self.shop.item_ids[code])] for code in codes], np.float32)
        bought = np.isin(self.shop.item_ids[codes], [name for name, event in named if event == PURCHASE])
        profile = self._as_met_now(shopper.profile, codes)
        profile = after_visit(profile, self.shop.facts, codes, weights, self._settings.training.half_life, bought)
        profile = replace(profile, text=self.encode_history(profile))
        return replace(
            shopper, profile=profile, seen=np.union1d(shopper.seen, self.shop.variants(codes)), skipped=skipped
        )

    def _as_met_now(self, profile: Profile, codes: NDArray[np.int64]) -> Profile:
        """The history under the variants that are met now, where other ones of their products were met before."""
        products = self.shop.products
        if products is None:
            return profile
        now = dict(zip(products[codes].tolist(), codes.tolist(), strict=True))
        items = [now.get(int(products[item]), int(item)) if item >= 0 else -1 for item in profile.items]
        return replace(profile, items=np.array(items, np.int64))

    def _without(self, shopper: Shopper, user: str, left_out: Sequence[str]) -> Shopper:
        """The history as it would be without some items: times and all else stay, its text is read again."""
        profile, seen = shopper.profile, shopper.seen
        for name, code in zip(left_out, self.codes([str(i) for i in left_out]), strict=True):
            rows = np.flatnonzero(np.isin(profile.items, self.shop.variants(np.array([code]))))
            if not len(rows):
                raise BadInput(f"user: 'without' names {name!r}, which is not in the history of {user!r}")
            profile = profile.without(int(rows[0]))
            seen = seen[~np.isin(seen, self.shop.variants(np.array([code])))]
        if len(profile) < len(shopper.profile):
            profile = replace(profile, text=self.encode_history(profile))
        return replace(shopper, profile=profile, seen=seen)

    def known_or_new(self, user: str) -> Shopper:
        """The user with this id, or a shopper nothing is known of."""
        code = self.shop.user_code(user)
        return self.shopper({}) if code is None else self._known(code)

    def _described_shopper(self, user: Mapping[str, Any]) -> Shopper:
        if unknown := set(user) - {"history", "text"}:
            raise BadInput(
                f"user: unknown field {sorted(unknown)[0]!r}; a shopper is described by 'history' and 'text'"
            )
        history, text = user.get("history", ()), user.get("text", "")
        if isinstance(history, str) or not isinstance(history, Sequence) or len(history) > MAX_HISTORY:
            raise BadInput(f"user: 'history' is a list of at most {MAX_HISTORY} item ids, oldest first")
        if not isinstance(text, str):
            raise BadInput("user: 'text' is a string")
        codes, skipped = self._distinct([item for item in history if not isinstance(item, Mapping)])
        facts, read = self.shop.facts.take(codes), self._history_text(codes)
        items = codes
        if described := [item for item in history if isinstance(item, Mapping)]:
            # Products that the catalogue does not have yet, met after those it has.
            table = _described(described)
            facts, items = ItemFeatures.concat(facts, self._facts(table)), np.append(codes, np.full(len(table), -1))
            read = "; ".join([*table[TITLE].tolist()[::-1], *([read] if read else [])])
        if text.strip():
            # A sentence is a history of one product the catalogue does not have, the latest thing they wanted.
            said = self._facts(pd.DataFrame({TITLE: [text[: schema.MAX_TEXT]]}), kind="query")
            facts, items = ItemFeatures.concat(facts, said), np.append(items, -1)
            read = f"{text[: schema.MAX_TEXT]}; {read}" if read else text[: schema.MAX_TEXT]
        vector = self._read_text(read) if read else np.zeros(facts.vectors.shape[1], np.float32)
        profile = ad_hoc_profile(facts, items, vector, self._settings.training.half_life)
        return Shopper(profile, self.shop.variants(codes), skipped)

    def basket(self, ids: Sequence[str]) -> Shopper:
        """A shopper known only by items taken together, in one visit that is going on now."""
        if isinstance(ids, str) or not len(ids) or len(ids) > MAX_HISTORY:
            raise BadInput(f"basket: a list of one to {MAX_HISTORY} item ids")
        codes, skipped = self._distinct(ids)
        codes = np.sort(codes)
        if not len(codes):
            return replace(self.shopper({}), skipped=skipped)
        vector = self._read_text(self._history_text(codes))
        profile = ad_hoc_profile(
            self.shop.facts.take(codes), codes, vector, self._settings.training.half_life, one_visit=True
        )
        return Shopper(profile, self.shop.variants(codes), skipped)

    def encode_history(self, profile: Profile) -> NDArray[np.float32]:
        """The vector of a profile's history as text, encoded now; zeros where nothing of it is in the catalogue."""
        read = self._history_text(profile.items[profile.items >= 0])
        return self._read_text(read) if read else np.zeros_like(profile.text)

    def _distinct(self, ids: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Codes of a history, and ids of it that are unknown; an item met twice counts once, where it was met last."""
        codes, skipped = self.known([str(i) for i in ids])
        codes = codes[np.sort(len(codes) - 1 - np.unique(codes[::-1], return_index=True)[1])]
        return codes[-self.shop.histories.LIMIT :], skipped

    def known(self, ids: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Codes of those ids that the catalogue has, in their order, and the others."""
        codes = self.shop.item_index.get_indexer(pd.Index(ids, dtype=object)).astype(np.int64)
        return codes[codes >= 0], tuple(dict.fromkeys(ids[int(at)] for at in np.flatnonzero(codes < 0)))

    def _history_text(self, codes: NDArray[np.int64]) -> str:
        read = [self.titles[code] for code in codes]
        return history_text(read, self._settings.history.max_words)

    @cached_property
    def titles(self) -> list[str]:
        """Titles of all items, by code."""
        return [str(title) for title in self._items.column(TITLE)]

    def candidate_codes(self, ids: Collection[str] | None) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
        """Codes of the candidates that the catalogue has, and ids of the others; None for all items.

        Raises
        ------
        BadInput
            The catalogue has none of them.
        """
        if ids is None:
            return None, ()
        codes, left_out = self.known([str(item) for item in ids])
        if left_out and not len(codes):
            raise BadInput(f"candidates: none of the {len(left_out)} is in the catalogue, for example {left_out[0]!r}")
        return codes, left_out

    def codes(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Catalogue codes of item ids, shape ``(len(ids),)``; a `KeyError` names the first unknown one."""
        codes = self.shop.item_index.get_indexer(pd.Index(ids, dtype=object)).astype(np.int64)
        if (codes < 0).any():
            missing = ids[int(np.argmin(codes))]
            raise KeyError(
                f"unknown item {missing!r}: pass a described product such as {{'title': '...'}} for one the catalogue "
                "does not have, or embed the new catalogue first"
            )
        return codes

    def _facts(self, table: pd.DataFrame, kind: str = "document") -> ItemFeatures:
        """Item features of products the catalogue does not have."""
        vocabulary = self.shop.vocabulary.value
        return vocabulary.facts(table, self._encode(render(table, vocabulary.template), kind))

    def _encode(self, texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
        with self._encoder_lock:  # one load, and one batch at a time on the device
            return self._encoder.value.encode(texts, kind=kind).vectors

    def candidates(self, items: Sequence[Item]) -> GivenItems:
        """Candidates for a list of ids and described products."""
        if isinstance(items, (str, Mapping)) or not len(items):
            raise BadInput("items: a list of at least one item id or described product")
        if len(items) > MAX_ITEMS:
            raise BadInput(f"items: {len(items)} is more than {MAX_ITEMS} in one call; split the list")
        codes = np.full(len(items), -1, np.int64)
        named = [i for i, item in enumerate(items) if not isinstance(item, Mapping)]
        codes[named] = self.codes([str(items[i]) for i in named])
        described = np.flatnonzero(codes < 0)
        facts, table = self.shop.facts.take(codes[named]), None
        if len(described):
            table = _described([items[int(i)] for i in described])
            facts = ItemFeatures.concat(facts, self._facts(table))
        place = np.empty(len(items), np.int64)
        place[np.concatenate([np.array(named, np.int64), described])] = np.arange(len(items))
        ids = self.shop.item_ids[codes]
        ids[codes < 0] = None
        return GivenItems(Candidates(codes, facts.take(place)), ids, table)


def _described(items: Sequence[Any]) -> pd.DataFrame:
    """A checked table of described products, in the order given."""
    # As objects: pandas 3 would refuse a lone surrogate (half of an emoji, in JSON) before the check can replace it.
    raw = pd.DataFrame([dict(item) for item in items], dtype=object)
    raw[ITEM] = [f"{i:09d}" for i in range(len(raw))]  # keeps the order through the check, which sorts by id
    checked = schema.check_items(raw, "items")
    if len(checked.quarantine):
        bad = checked.quarantine.iloc[0]
        raise BadInput(f"items: described product {int(bad['row'])}: {bad['reason']}")
    return checked.table
