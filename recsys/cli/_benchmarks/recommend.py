"""How fast a list is made: against encoding the catalogue for every request, and against ALS with a re-ranking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from recsys.cli._benchmarks.encode import Encode
from recsys.cli._benchmarks.race import machine, race
from recsys.data.catalogue import render
from recsys.encoders import checkpoint, pretrained
from recsys.encoders.checkpoint import FullModel
from recsys.encoders.protocol import Encodes
from recsys.encoders.tokens import Tokenizer
from recsys.errors import BadInput
from recsys.serving.recommender import Recommender

NAIVE = "encode every item per request"
QUICK = "the same with this package's encoder"
BATCH = 32
"""Texts in a batch of the simplest program: the default of sentence-transformers."""
K, SHORT = 10, 500


def bench_recommend(rec: Recommender, encoder: Encodes, *, users: int = 200, rounds: int = 3) -> dict[str, Any]:
    """Time a list of ten for known users, one request after another, on one thread.

    The first rival encodes the text of every item and of the history for each request and asks a logistic regression
    on both vectors for probabilities: the simplest program that does the job, with the model as transformers runs it,
    and once more with this package's encoder. Both are timed on one request a round. The others are ALS of `implicit`
    for as many candidates as this package scores (or `SHORT`), put in order by the same ranker.

    Returns
    -------
    dict
        JSON-ready; ``seconds`` are per request.
    """
    shop = rec.shop
    known = [shop.user_id(int(code)) for code in np.flatnonzero(np.diff(shop.histories.indptr))]
    if not known:
        raise BadInput("the recommend benchmark needs users with a history")
    rng = np.random.default_rng(0)
    asked = [known[i] for i in rng.choice(len(known), min(users, len(known)), replace=False)]
    rec.recommend(asked[0], k=K)
    contenders: dict[str, Callable[[], Any]] = {
        "recsys": lambda: [rec.recommend(u, k=K) for u in asked],
        NAIVE: _naive(rec, _plain(rec.settings.encoder.name, encoder), asked[0]),
        QUICK: _naive(rec, lambda texts: encoder.encode(texts).vectors, asked[0]),
    }
    per_turn = {"recsys": len(asked), NAIVE: 1, QUICK: 1}
    missing: dict[str, str] = {}
    try:
        for size in sorted({SHORT, len(shop.item_ids)} if len(shop.item_ids) <= 20_000 else {SHORT}):
            name = f"implicit ALS for {size}, then this ranker"
            contenders[name] = _als(rec, asked, size)
            per_turn[name] = len(asked)
    except ImportError as error:
        missing["implicit"] = f"{error.name} is not installed"
    return {
        "machine": machine(),
        "shop": {"items": len(shop.item_ids), "users": len(shop.user_ids), "requests": len(asked)},
        "reference": NAIVE,
        "contenders": race(contenders, NAIVE, rounds, per_turn=per_turn),
        "left_out": missing,
    }


def _plain(name: str, encoder: Encodes) -> Encode:
    """The model of this name as transformers runs it: padded batches in the order given, all of every layer."""
    model, backend = checkpoint.load(pretrained.resolve(name), name)
    full = FullModel(model, encoder.pooling, pad=backend.pad_token_id or 0)
    tokenizer = Tokenizer(backend, encoder.max_length)

    @torch.inference_mode()
    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
        return np.concatenate([full(tokenizer(batch)[0]).numpy() for batch in batches])

    return encode


def _naive(rec: Recommender, encode: Encode, user: str) -> Callable[[], Any]:
    shop = rec.shop
    items = shop.tables.value.items
    rng = np.random.default_rng(0)
    n = min(2_000, len(shop.item_ids))
    v = np.asarray(shop.facts.vectors[rng.choice(len(shop.item_ids), n, replace=False)])
    model = LogisticRegression().fit(np.concatenate([v[rng.permutation(n)], v], axis=1), rng.random(n) < 0.5)
    code = int(shop.user_index.get_indexer([user])[0])
    history = shop.histories.texts(rec.lookup.titles, rec.settings.history.max_words, [code])

    def request() -> Any:
        vectors = encode(render(items, rec.settings.encoder.template))
        own = np.broadcast_to(encode(history), vectors.shape)
        return np.argsort(-model.predict_proba(np.concatenate([own, vectors], axis=1))[:, 1])[:K]

    return request


def _als(rec: Recommender, users: Sequence[str], size: int) -> Callable[[], Any]:
    from implicit.als import AlternatingLeastSquares

    shop = rec.shop
    events = shop.events
    counts = sparse.csr_matrix(
        (events.weight, (events.user, events.item)), shape=(events.n_users, events.n_items), dtype=np.float32
    )
    model = AlternatingLeastSquares(factors=64, iterations=5, num_threads=1, random_state=0)
    model.fit(counts, show_progress=False)
    codes = shop.user_index.get_indexer(users)

    def requests() -> Any:
        lists = []
        for user in codes:
            found, _ = model.recommend(user, counts[user], N=size, filter_already_liked_items=True)
            few = shop.catalogue.take(np.sort(found[found >= 0]))
            order = rec.scoring.logits(shop.profile(int(user)), few)
            lists.append(few.codes[np.argsort(-order)[:K]])
        return lists

    return requests
