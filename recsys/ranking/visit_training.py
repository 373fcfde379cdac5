"""Training of the visit transformer: softmax over the catalogue of what each visit was followed by.

Given the visits so far, item ``j`` is met next with probability proportional to ``p_j exp(h . e_j)``, where ``p_j`` is
how often it is met by anybody: the network learns what order says beyond popularity, which other blocks know better.
Only first meetings count on either side, because a list holds what is new to its shopper. Visits are split at random,
so that what completes a visit is learnt beside what the next one brings. The softmax's sum is estimated from items
drawn by their popularity (Bengio & Senecal 2008), which costs a fifth of the whole catalogue and loses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from recsys.data.catalogue import ItemFeatures
from recsys.data.events import Events
from recsys.encoders.encoder import pick_device
from recsys.ranking.visit_sequences import Batch, Sequences
from recsys.ranking.visit_transformer import HEADS, SIZE, VisitTransformer, slopes

#: Peak learning rate, the share of all updates in which it rises to that, and the share of numbers dropped.
RATE, WARM_UP, DROPOUT = 5e-3, 0.15, 0.2
#: Items drawn for each update, from whose fit the sum over all items is estimated.
NEGATIVES = 512
#: Meetings at which an item's own part counts half, items that have one at most, and principal components of texts.
SHRINKAGE, OWN, COMPONENTS = 20.0, 200_000, 96
#: Items that stand for what is met, and batches that stand for all in the mean of what shoppers are likely to meet.
USUAL, SAMPLED = 1_024, 64


class _Network(nn.Module):
    """The layer of `VisitTransformer` for many visits of many shoppers at once."""

    def __init__(self, texts: Tensor, own: Tensor, met: Tensor, device: torch.device, seed: int) -> None:
        super().__init__()
        self.texts, self.own = texts.to(device), own.to(device)
        self.shrinkage = (met / (met + SHRINKAGE)).to(device)
        generator = torch.Generator().manual_seed(seed)

        def drawn(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) * scale)

        self.reader = drawn(texts.shape[1], SIZE, scale=texts.shape[1] ** -0.5)
        self.parts = drawn(int(own.max()) + 2, SIZE, scale=0.02)  # the last is nobody's
        self.before, self.middle, self.after = (nn.LayerNorm(SIZE) for _ in range(3))
        shapes = (SIZE, 3 * SIZE), (SIZE, SIZE), (SIZE, 2 * SIZE), (2 * SIZE, SIZE)
        # Drawn below: torch's own start would take from the random numbers of the whole process.
        self.attend, self.join, self.widen, self.narrow = (
            nn.utils.skip_init(nn.Linear, *shape)  # type: ignore[no-untyped-call]
            for shape in shapes
        )
        for linear in (self.attend, self.join, self.widen, self.narrow):
            with torch.no_grad():
                linear.weight.copy_(torch.randn(linear.weight.shape, generator=generator) * SIZE**-0.5)
                linear.bias.zero_()
        self.chance = torch.Generator(device).manual_seed(seed)
        self.to(device)

    def drop(self, numbers: Tensor) -> Tensor:
        """Dropout (Srivastava et al. 2014) by a generator of the network's own, so that others may train beside it."""
        if not self.training:
            return numbers
        kept = torch.rand(numbers.shape, generator=self.chance, device=numbers.device) >= DROPOUT
        return numbers * kept / (1 - DROPOUT)

    def items(self, codes: Tensor) -> Tensor:
        """Vectors of items, shape ``(m, SIZE)``."""
        return self.texts[codes] @ self.reader + self.parts[self.own[codes]] * self.shrinkage[codes, None]

    def forward(self, visits: Tensor) -> Tensor:
        """What follows each visit, given it and those before it; shapes ``(shoppers, visits, SIZE)``."""
        shoppers, length, _ = visits.shape
        at = torch.arange(length, device=visits.device)
        distance = (at[:, None] - at[None, :]).float()
        bias = -torch.from_numpy(slopes()).to(visits.device)[:, None, None] * distance.clamp(min=0)
        bias = bias.masked_fill(distance < 0, -math.inf)
        heads = self.attend(self.before(visits)).view(shoppers, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        weights = heads[0] @ heads[1].transpose(-1, -2) / math.sqrt(SIZE // HEADS) + bias
        found = (weights.softmax(dim=-1) @ heads[2]).transpose(1, 2).reshape(shoppers, length, SIZE)
        state = visits + self.drop(self.join(found))
        return self.after(state + self.drop(self.narrow(functional.relu(self.widen(self.middle(state))))))


@dataclass(frozen=True)
class _Popularity:
    """How often items are met by anybody: the prior of the softmax, and the distribution that its sum is drawn from.

    Attributes
    ----------
    chances
        Log frequency of each item in each stretch of time, shape ``(s, n_items)``.
    ever, total
        Frequency as ever, from which the sum's items are drawn, and its running total; shape ``(n_items,)``.
    """

    chances: Tensor
    ever: NDArray[np.float64]
    total: NDArray[np.float64]

    @classmethod
    def of(cls, sequences: Sequences, met: NDArray[np.float32], device: torch.device) -> _Popularity:
        """Of these sequences, whose items were met so often."""
        ever = (met + 0.5).astype(np.float64) / (met + 0.5).sum()
        return cls(_tensor(sequences.chances(), device), ever, np.cumsum(ever))

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """`NEGATIVES` items by systematic sampling, which varies less than free draws, and the log chance of each."""
        drawn = np.searchsorted(self.total, (np.arange(NEGATIVES) + rng.random()) / NEGATIVES * self.total[-1])
        return drawn, np.log(self.ever[drawn]).astype(np.float32)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for each training: more would wait for each other at products this small.

    What is learnt does not depend on the number of a machine's processors then.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    events: Events, catalogue: ItemFeatures, *, passes: int, seed: int, stop: Event | None = None
) -> VisitTransformer:
    """Train on the sequences of `events`, so many times over, and on the texts of the items; ends early on `stop`."""
    device, rng = pick_device(), np.random.default_rng(seed)
    sequences = Sequences.of(events)
    met = np.bincount(sequences.item, minlength=events.n_items).astype(np.float32)
    vectors = catalogue.vectors
    reader, bias = _components(vectors, catalogue.directions)
    popular = np.argsort(-met, kind="stable")[: min(OWN, int((met > 0).sum()))]
    own = np.full(events.n_items, len(popular), np.int64)
    own[popular] = np.arange(len(popular))
    popularity = _Popularity.of(sequences, met, device)
    network = _Network(
        torch.from_numpy(vectors @ reader + bias), torch.from_numpy(own), torch.from_numpy(met), device, seed
    ).train()
    if not len(sequences):  # nothing follows anything, as after almost all was erased: every item is as usual
        nn.init.zeros_(network.reader)
        nn.init.zeros_(network.parts)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    for done, batch in sequences.updates(passes, rng):
        if stop is not None and stop.is_set():
            break
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(done / WARM_UP, 1.0) * 0.5 * (1 + math.cos(math.pi * done))
        loss = _loss(network, batch, popularity, rng, device)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    usual_shopper = _mean_state(network, sequences, rng, device)
    return _arrays(network, reader, bias, met, passes, usual_shopper)


def _tensor(array: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(array).to(device)


def _loss(
    network: _Network, batch: Batch, popularity: _Popularity, rng: np.random.Generator, device: torch.device
) -> Tensor:
    """Weighted cross-entropy of what followed; the softmax's sum is estimated from a draw of the items."""
    drawn, chance = popularity.draw(rng)
    codes, rows = np.unique(np.concatenate([batch.items, batch.targets, drawn]), return_inverse=True)
    met, followed, others = (
        _tensor(part, device) for part in np.split(rows, np.cumsum([len(batch.items), len(batch.targets)]))
    )
    vectors = network.items(_tensor(codes, device))
    state = _states(network, batch, vectors, met)
    stretch, asked = _tensor(batch.stretch, device), _tensor(batch.asked, device)
    lift = (popularity.chances[:, _tensor(drawn, device)] - _tensor(chance, device))[stretch]
    rest = torch.logsumexp(torch.addmm(lift, state, vectors[others].T), dim=1) - math.log(NEGATIVES)
    fit = (state[asked] * vectors[followed]).sum(dim=1)
    # What followed is in the sum whether it was drawn or not, so that a loss is never below zero.
    prior = popularity.chances[stretch[asked], _tensor(batch.targets, device)]
    loss = torch.logaddexp(rest[asked], fit + prior) - fit - prior
    weights = _tensor(batch.weights, device)
    return (loss * weights).sum() / weights.sum()


def _states(network: _Network, batch: Batch, vectors: Tensor, met: Tensor) -> Tensor:
    """What each asking token is likely followed by, as a direction; `met` are the rows of `vectors` in tokens."""
    tokens = functional.embedding_bag(met, vectors, _tensor(batch.starts, vectors.device), mode="mean")
    visits = torch.zeros(batch.shape[0] * batch.shape[1], SIZE, device=vectors.device)
    visits = visits.index_copy(0, _tensor(batch.place, vectors.device), network.drop(tokens))
    return network(visits.view(*batch.shape, SIZE)).view(-1, SIZE)[_tensor(batch.asks, vectors.device)]


@torch.no_grad()
def _mean_state(
    network: _Network, sequences: Sequences, rng: np.random.Generator, device: torch.device
) -> NDArray[np.float32]:
    """Mean direction over the tokens of a sample of batches, shape ``(SIZE,)``."""
    network.eval()
    total, count = torch.zeros(SIZE, device=device), 0
    for batch in islice(sequences.batches(rng) if len(sequences) else (), SAMPLED):
        codes, rows = np.unique(batch.items, return_inverse=True)
        vectors = network.items(_tensor(codes, device))
        states = _states(network, batch, vectors, _tensor(rows, device))
        total, count = total + states.sum(dim=0), count + len(states)
    return np.asarray((total / max(count, 1)).cpu().numpy(), np.float32)


def _components(
    vectors: NDArray[np.float32], directions: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Principal components of text vectors, of mean length 1, as an affine map of a vector."""
    reader = directions[:, :COMPONENTS]
    centred = (vectors - vectors.mean(axis=0)) @ reader
    reader = reader / max(float(np.linalg.norm(centred, axis=1).mean()), 1e-6)
    return reader.astype(np.float32), -(vectors.mean(axis=0) @ reader).astype(np.float32)


@torch.no_grad()
def _arrays(
    network: _Network,
    reader: NDArray[np.float32],
    bias: NDArray[np.float32],
    met: NDArray[np.float32],
    passes: int,
    usual_shopper: NDArray[np.float32],
) -> VisitTransformer:
    """The trained network as arrays."""
    network.eval()

    def array(tensor: Tensor) -> NDArray[np.float32]:
        return np.ascontiguousarray(tensor.detach().cpu().numpy(), np.float32)

    items = array(network.items(torch.arange(len(met), device=network.texts.device)))
    total = np.cumsum(met)
    usual = np.searchsorted(total, (np.arange(min(USUAL, max(len(met), 1))) + 0.5) / min(USUAL, len(met)) * total[-1])
    weights = {
        f"{name}{suffix}": array(value)
        for name in ("attend", "join", "widen", "narrow")
        for suffix, value in (("", getattr(network, name).weight.T), ("_bias", getattr(network, name).bias))
    }
    norms = {
        name: np.stack([array(getattr(network, name).weight), array(getattr(network, name).bias)])
        for name in ("before", "middle", "after")
    }
    return VisitTransformer(
        items=np.concatenate([items, np.zeros((1, SIZE), np.float32)]),
        reader=reader @ array(network.reader),
        reader_bias=bias @ array(network.reader),
        usual=items[usual],
        usual_shopper=usual_shopper,
        passes=np.array([passes], np.float32),
        **norms,
        **weights,
    )
