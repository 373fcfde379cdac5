"""Sequence models of RecTools as competing methods: SASRec, eSASRec and BERT4Rec.

They are the strongest published models of what comes next (Kang & McAuley 2018; eSASRec 2025: LiGR layers and a
sampled softmax; Sun et al. 2019). RecTools (MobileTeleSystems, Apache-2.0) needs pandas 2 and numpy
1, so it runs where this package is installed beside those, not beside the newest of either.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.events import Events
from recsys.evaluation.baselines import Scores

if TYPE_CHECKING:
    from recsys.evaluation.competitors import PeerInput

#: Models, and what tuning tries of each: the stated budget is two trainings on the inner split and one or two after it.
MODELS = ("SASRec", "eSASRec", "BERT4Rec")
EPOCHS = (10, 30)
#: Numbers of a vector, layers, heads, and latest events that are read.
SIZE, LAYERS, HEADS, LENGTH = 64, 2, 2, 50
#: Negatives of a sampled softmax (drawn and read for each event: 256 of them took seconds an update).
NEGATIVES = 64
#: Shoppers whose scores are computed together.
TOGETHER = 100


def fit(past: PeerInput, kind: str, epochs: int) -> Scores:
    """Train a model of `MODELS` on the events, in the order of their times."""
    import pytorch_lightning
    from rectools import Columns
    from rectools.dataset import Dataset

    for name in ("pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    pytorch_lightning.seed_everything(past.seed, verbose=False)
    with warnings.catch_warnings(action="ignore"):
        data = Dataset.construct(_table(past.events, Columns))
        model = _model(kind, epochs)
        model.fit(data)
    n_items = past.events.n_items
    cache: dict[int, NDArray[np.float64]] = {}

    def scores(user: int) -> NDArray[np.float64]:
        if user not in cache:
            cache.clear()
            at = int(np.searchsorted(past.users, user))
            users = past.users[at : at + TOGETHER]
            with warnings.catch_warnings(action="ignore"):
                found = model.recommend(users, data, k=n_items, filter_viewed=False, on_unsupported_targets="ignore")
            cache.update({int(one): np.full(n_items, -np.inf) for one in users})
            columns = (found[Columns.User], found[Columns.Item], found[Columns.Score])
            for one, part in pd.DataFrame(dict(zip(("user", "item", "score"), columns, strict=True))).groupby("user"):
                cache[int(one)][part["item"].to_numpy()] = part["score"].to_numpy()
            for row in cache.values():  # what nobody has met comes last
                row[np.isinf(row)] = row[np.isfinite(row)].min(initial=0.0) - 1.0
        return cache[user]

    return scores


def _table(events: Events, columns: Any) -> pd.DataFrame:
    """The events as RecTools reads them; ordinals of order-only tables become seconds."""
    return pd.DataFrame(
        {
            columns.User: events.user.astype(np.int64),
            columns.Item: events.item.astype(np.int64),
            columns.Weight: np.ones(len(events)),
            columns.Datetime: pd.to_datetime(events.time, unit="s"),
        }
    )


def _model(kind: str, epochs: int) -> Any:
    from pytorch_lightning import Trainer
    from rectools import models
    from rectools.models.nn.transformers.ligr import LiGRLayers

    def trainer() -> Any:
        return Trainer(
            max_epochs=epochs, deterministic=True, logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False,
        )  # fmt: skip

    size = {
        "n_factors": SIZE, "n_blocks": LAYERS, "n_heads": HEADS, "session_max_len": LENGTH, "get_trainer_func": trainer,
    }  # fmt: skip
    if kind == "SASRec":
        return models.SASRecModel(**size, loss="softmax")  # its best loss, by Klenitskiy & Vasilev 2023
    if kind == "eSASRec":
        return models.SASRecModel(
            **size, loss="sampled_softmax", n_negatives=NEGATIVES, transformer_layers_type=LiGRLayers
        )
    return models.BERT4RecModel(**size, loss="softmax")
