"""The ranker: one logistic regression (scikit-learn) over named feature blocks.

Scores are probabilities of a stated event: *a shopper who buys something new within the training horizon buys this
item among it*. Calibration is affine in the logit and folded into the weights, so the order of a list and the exact
split of a score into blocks both survive it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from recsys.data.bounds import checking
from recsys.data.catalogue import Candidates, ItemFeatures
from recsys.data.events import Events
from recsys.data.histories import Profile
from recsys.data.memmap import open_array
from recsys.data.snapshot import Lazy
from recsys.errors import ArtifactError, BadInput
from recsys.forecast.prices import PriceHistory
from recsys.ranking.extra_blocks import extra_blocks
from recsys.ranking.features import BLOCKS, Block, BuyingAgain, TrainingContext
from recsys.ranking.features.columns import column_block, column_blocks
from recsys.ranking.features.fitting import fitted_ahead
from recsys.ranking.networks import with_networks
from recsys.ranking.regression import Regression, TrainingSplit
from recsys.ranking.repeats import RepeatWeights
from recsys.ranking.sampling import HistoryVectors, Impressions, training_pairs
from recsys.ranking.windows import training_windows
from recsys.settings import TrainingConfig

_BLOCKS: tuple[type[Block], ...] = (*BLOCKS, BuyingAgain)
_META, _WEIGHTS, _REPEAT_WEIGHTS = "ranker.json", "weights.npy", "repeat_weights.npy"


@dataclass(frozen=True)
class Ranker:
    """A fitted linear ranker over feature blocks; immutable, safe to use from several threads.

    Attributes
    ----------
    blocks
        Fitted feature blocks.
    weights
        One array per block, a weight for each of its columns; float64.
    offsets
        One number per block, its mean contribution in training, so that a contribution is a difference from the usual.
    intercept
        Logit of the usual candidate.
    facts_of_fit
        Numbers about the training that belong in a manifest.
    products
        Product of each item, where the blocks know products (`Snapshot.by_product`) and items are their variants.
    repeats
        Weights of pairs in which the shopper has met the item before; None where those are scored as new ones.
    """

    blocks: tuple[Block, ...]
    weights: tuple[NDArray[np.float64], ...]
    offsets: NDArray[np.float64]
    intercept: float
    facts_of_fit: dict[str, Any]
    repeats: RepeatWeights | None = None
    products: NDArray[np.int32] | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """``block: column`` of every weight, in order."""
        return tuple(f"{b.name}: {c}" for b in self.blocks for c in b.columns)

    def contributions(self, profile: Profile, candidates: Candidates) -> NDArray[np.float64]:
        """What each block adds to the logit, shape ``(m, n_blocks)``; rows sum with the intercept to `logit`."""
        profile, candidates = self.product_level(profile, candidates)
        parts = np.stack(
            [
                b.score(profile, candidates, w) - o
                for b, w, o in zip(self.blocks, self.weights, self.offsets, strict=True)
            ],
            axis=1,
        )
        if self.repeats is not None:
            rows, again = self.repeats.contributions(self.blocks, profile, candidates, self.intercept)
            parts[rows] = again
        return parts

    def product_level(self, profile: Profile, candidates: Candidates) -> tuple[Profile, Candidates]:
        """The same shopper and candidates under the codes that the blocks know; texts and prices stay the variants'."""
        if self.products is None:
            return profile, candidates
        codes = np.append(self.products.astype(np.int64), -1)  # the last is what -1 (unknown) picks
        return replace(profile, items=codes[profile.items]), replace(candidates, codes=codes[candidates.codes])

    def logit(self, profile: Profile, candidates: Candidates) -> NDArray[np.float64]:
        """Calibrated log-odds of each candidate, float64, shape ``(m,)``."""
        return np.asarray(self.intercept + self.contributions(profile, candidates).sum(axis=1))

    def score(self, profile: Profile, candidates: Candidates) -> NDArray[np.float64]:
        """Probability that the shopper, buying something new within the horizon, buys this; shape ``(m,)``."""
        return np.asarray(expit(self.logit(profile, candidates)))

    def linear_query(self, profile: Profile) -> tuple[NDArray[np.float64], float]:
        """The part of the logit that is linear in an item's vector: ``(q, c)`` with ``q @ v + c``.

        It is what an inner-product index can search; popularity, co-purchase and maxima are not in it.
        """
        query, constant = np.zeros(len(profile.text)), 0.0
        for block, weights, offset in zip(self.blocks, self.weights, self.offsets, strict=True):
            part = block.linear_query(profile, weights)
            if part is not None:
                query, constant = query + part[0], constant + part[1] - float(offset)
        return query, constant

    def with_statistics(self, context: TrainingContext) -> Ranker:
        """The same weights over statistics of newer events (or a newer catalogue)."""
        blocks = tuple(block.refreshed(context) for block in self.blocks)
        for old, new in zip(self.blocks, blocks, strict=True):
            if old.columns != new.columns:
                raise BadInput(f"the ranker's block {old.name!r} has other columns on these events; train it again.")
        return replace(self, blocks=blocks)

    def save(self, directory: Path) -> dict[str, Any]:
        """Write npy and JSON files into `directory`; returns what belongs in a manifest."""
        directory.mkdir(parents=True, exist_ok=True)
        meta: dict[str, Any] = {
            "blocks": [],
            "intercept": self.intercept,
            "offsets": [float(o) for o in self.offsets],
            "fit": self.facts_of_fit,
        }
        for number, block in enumerate(self.blocks):
            state = block.state()
            for key, array in state.items():
                np.save(directory / f"{number:02d}-{key}.npy", np.ascontiguousarray(array), allow_pickle=False)
            kind = type(block)
            meta["blocks"].append(
                {
                    "name": block.name,
                    "class": f"{kind.__module__}.{kind.__qualname__}",
                    "columns": list(block.columns),
                    "state": sorted(state),
                }
            )
        np.save(directory / _WEIGHTS, np.concatenate(self.weights), allow_pickle=False)
        if self.repeats is not None:
            np.save(directory / _REPEAT_WEIGHTS, np.concatenate(self.repeats.weights), allow_pickle=False)
            meta["repeats"] = {
                "intercept": self.repeats.intercept,
                "offsets": [float(o) for o in self.repeats.offsets],
                "fit": self.repeats.facts_of_fit,
            }
        (directory / _META).write_text(json.dumps(meta, indent=1), encoding="utf-8")
        return self.info()

    def info(self) -> dict[str, Any]:
        """What belongs in a manifest: blocks, feature names, and numbers about the training."""
        again = {} if self.repeats is None else {"repeats": self.repeats.facts_of_fit}
        names = {"blocks": [b.name for b in self.blocks], "features": list(self.feature_names)}
        return {**names, **self.facts_of_fit, **again}

    @classmethod
    def load(cls, directory: Path, allowed: Sequence[str] = ()) -> Ranker:
        """Open what `save` wrote; arrays stay memory-mapped.

        Parameters
        ----------
        allowed
            Dotted names of extra blocks that may be imported (the setting ``training.extra_blocks``); a stored version
            alone never decides what code runs.

        Raises
        ------
        ArtifactError
            A file is missing or damaged, or a block is not known.
        """
        # Blocks of the library are known by their names, which outlive moves of the code; yours by their dotted names.
        own = {kind.name: kind for kind in _BLOCKS}
        extra = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in extra_blocks(allowed)}
        try:
            meta = json.loads((directory / _META).read_text(encoding="utf-8"))
            blocks = []
            for number, entry in enumerate(meta["blocks"]):
                kind = extra.get(entry["class"]) or (
                    own.get(entry["name"]) or column_block(entry["name"])
                    if entry["class"].startswith("recsys.")
                    else None
                )
                if kind is None:
                    raise ArtifactError(
                        f"{directory}: the ranker uses the block {entry['class']!r}; if it is yours, name it in "
                        "training.extra_blocks, else train it again (`recsys train`)."
                    )
                block = kind()
                with checking(directory):
                    block.restore({k: open_array(directory / f"{number:02d}-{k}.npy") for k in entry["state"]})
                if list(block.columns) != entry["columns"]:
                    raise ArtifactError(f"{directory}: block {entry['name']!r} has other columns now; train again.")
                blocks.append(block)
            repeats = None
            if (again := meta.get("repeats")) is not None:  # versions of before have none
                parts = _weights(directory / _REPEAT_WEIGHTS, blocks)
                repeats = RepeatWeights(
                    parts, np.asarray(again["offsets"], np.float64), float(again["intercept"]), dict(again["fit"])
                )
            return cls(
                tuple(blocks),
                _weights(directory / _WEIGHTS, blocks),
                np.asarray(meta["offsets"], np.float64),
                float(meta["intercept"]),
                dict(meta["fit"]),
                repeats,
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise ArtifactError(f"{directory}: the ranker cannot be read ({error}); train it again.") from error


def _weights(path: Path, blocks: Sequence[Block]) -> tuple[NDArray[np.float64], ...]:
    """Weights by block, as `save` wrote them."""
    weights = np.load(path, allow_pickle=False).astype(np.float64)
    cuts = np.cumsum([len(b.columns) for b in blocks])
    if len(weights) != cuts[-1]:
        raise ArtifactError(f"{path}: {len(weights)} weights for {cuts[-1]} columns.")
    return tuple(np.split(weights, cuts[:-1]))


@dataclass(frozen=True)
class RankerTrainer:
    """Trainer of rankers: labelled pairs of the past and blocks with today's statistics, made once for many fits.

    Attributes
    ----------
    blocks
        Fitted on all events.
    split
        Pairs with the columns of all blocks, in order.
    report
        Numbers about the pairs that belong in a manifest.
    context
        The present.
    """

    blocks: tuple[Block, ...]
    split: TrainingSplit
    config: TrainingConfig
    report: dict[str, Any]
    context: TrainingContext

    @classmethod
    def prepare(
        cls,
        catalogue: ItemFeatures,
        events: Events,
        text_vectors: HistoryVectors,
        config: TrainingConfig | None = None,
        *,
        seed: int = 0,
        impressions: Impressions | None = None,
        table: Lazy[pd.DataFrame] | None = None,
        prices: PriceHistory | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> RankerTrainer:
        """Make pairs and statistics from `events`.

        Parameters
        ----------
        catalogue
            Facts of all items.
        events
            All events; none later than the moment of use.
        text_vectors
            ``(histories, users) -> (len(users), dim)``: vectors of the users' history texts as `histories` has them.
        config
            How pairs are made; defaults to `TrainingConfig()`.
        seed
            Of sampling and of the randomised decomposition.
        impressions
            Items shown, clicked or not; those not clicked are preferred as negatives.
        table
            The items table, for extra blocks that read further columns of it.
        prices
            What items cost from when on, where the shop says so.
        progress
            Called with a line of text as each step begins.

        Raises
        ------
        BadInput
            There is nothing to learn from, or an extra block cannot be loaded.
        """
        config = config or TrainingConfig()
        announce = progress or (lambda line: None)
        context = TrainingContext.as_of(
            catalogue, events, events.end, config.half_life, seed=seed, table=table, prices=prices
        )
        context, windows, without = with_networks(context, training_windows(context, config), config)
        kinds = [kind for kind in (*BLOCKS, *extra_blocks(config.extra_blocks)) if kind.applies(context)]
        kinds += column_blocks(context, config.columns)
        fitted = fitted_ahead(kinds, [*(window.context for window in windows), context])
        pairs = training_pairs(
            windows, fitted, text_vectors, config, seed=seed, impressions=impressions, progress=announce
        )
        announce("fitting the statistics on all events")
        blocks = next(fitted)
        if (columns := [c for b in blocks for c in b.columns]) != list(pairs.columns):
            raise BadInput(f"features differ between past and present: {sorted(set(columns) ^ set(pairs.columns))}.")
        report = {
            "pairs": len(pairs.bought),
            "bought": int(pairs.bought.sum()),
            "training_windows": [{"kind": w.kind, "users": len(w.users), "bought": len(w.items)} for w in windows],
            **({"no_sequence_block": without} if without else {}),
        }
        announce("fitting the weights")
        return cls(blocks, TrainingSplit.of(pairs, seed), config, report, context)

    def ranker(self, without: Sequence[str] = (), *, calibrated: bool = True) -> Ranker:
        """Fit the weights, leaving out the blocks of these names (for ablations); see `Regression.fit`."""
        sizes = [len(b.columns) for b in self.blocks]
        kept = [b.name not in without for b in self.blocks]
        columns = slice(None) if all(kept) else np.flatnonzero(np.repeat(kept, sizes))
        model = Regression.fit(self.split, self.config.strengths, columns, calibrated=calibrated)
        blocks = tuple(b for b, keep in zip(self.blocks, kept, strict=True) if keep)
        cuts = np.cumsum([len(b.columns) for b in blocks])[:-1]
        weights = tuple(np.split(model.weights, cuts))
        offsets = np.array([w @ m for w, m in zip(weights, np.split(model.means, cuts), strict=True)])
        report = {
            **self.report,
            "strength": model.strength,
            "iterations": model.iterations,
            "calibration": {"slope": model.slope, "shift": model.shift},
        }
        return Ranker(blocks, weights, offsets, model.intercept, report)

    def with_repeats(self, ranker: Ranker) -> Ranker:
        """The same ranker with weights for what was met before, where there is enough of it to learn from.

        They are fitted apart: what is compared on new things only, at the gate and in figures, needs none of them.
        """
        again = BuyingAgain()
        again.fit(self.context)
        blocks = (*ranker.blocks, again)
        repeats = RepeatWeights.fit(blocks, self.context, self.config, self.context.seed)
        if repeats is None:
            return ranker
        weights = (*ranker.weights, np.zeros(len(again.columns)))
        return replace(ranker, blocks=blocks, weights=weights, offsets=np.append(ranker.offsets, 0.0), repeats=repeats)
