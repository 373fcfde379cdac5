"""Training of the visit transformer: softmax over the catalogue of what each visit was followed by.

Given the visits so far, item ``j`` is met next with probability proportional to ``p_j exp(h . e_j)``, where ``p_j`` is
how often it is met by anybody: the network learns what order says beyond popularity, which other blocks know better.
Only first meetings count on either side, because a list holds what is new to its shopper. Visits are split at random,
so that what completes a visit is learnt beside what the next one brings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from recsys.data.catalogue import ItemFeatures
from recsys.data.events import DAY, Events
from recsys.encoders.encoder import pick_device
from recsys.ranking.visit_transformer import HEADS, SIZE, VISITS, VisitTransformer, slopes

#: Padded visits of an update, its peak learning rate, and the share of numbers dropped.
BATCH, RATE, DROPOUT = 1_024, 5e-3, 0.2
#: Share of visits that are split in two.
SPLIT = 0.5
#: Days of a stretch of time, whose popularity is given; and the share of popularity that is everlasting.
STRETCH, EVER = 30.0, 0.2
#: Items that a softmax is taken over at least; of a larger catalogue those met in the batch and a uniform draw.
CANDIDATES = 4_096
#: Meetings at which an item's own part counts half, items that have one at most, and principal components of texts.
SHRINKAGE, OWN, COMPONENTS = 5.0, 200_000, 96
#: Items that stand for what is met.
USUAL = 1_024


class _Network(nn.Module):
    """The layer of `VisitTransformer` for many visits of many shoppers at once."""

    def __init__(self, texts: Tensor, own: Tensor, met: Tensor, generator: torch.Generator) -> None:
        super().__init__()
        self.texts, self.own, self.shrinkage = texts, own, met / (met + SHRINKAGE)

        def drawn(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) * scale)

        self.reader = drawn(texts.shape[1], SIZE, scale=texts.shape[1] ** -0.5)
        self.parts = drawn(int(own.max()) + 2, SIZE, scale=0.02)  # the last is nobody's
        self.before, self.middle, self.after = (nn.LayerNorm(SIZE) for _ in range(3))
        self.attend, self.join = nn.Linear(SIZE, 3 * SIZE), nn.Linear(SIZE, SIZE)
        self.widen, self.narrow = nn.Linear(SIZE, 2 * SIZE), nn.Linear(2 * SIZE, SIZE)
        for linear in (self.attend, self.join, self.widen, self.narrow):
            with torch.no_grad():
                linear.weight.copy_(torch.randn(linear.weight.shape, generator=generator) * SIZE**-0.5)
                linear.bias.zero_()
        self.drop = nn.Dropout(DROPOUT)

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
class Sequences:
    """First meetings by visit: user, item, visit and stretch of time of each, in the events' order."""

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    visit: NDArray[np.int64]
    stretch: NDArray[np.int64]
    n_items: int

    @classmethod
    def of(cls, events: Events) -> Sequences:
        """The first event of each shopper with each item."""
        pair = events.user.astype(np.int64) * max(events.n_items, 1) + events.item
        rows = np.sort(np.unique(pair, return_index=True)[1])
        time = events.time[rows]
        stretch = ((time - time.min(initial=np.inf)) // (STRETCH * DAY)).astype(np.int64) * events.absolute
        user, item = events.user[rows].astype(np.int64), events.item[rows].astype(np.int64)
        return cls(user, item, events.visit[rows], stretch, events.n_items)

    def chances(self) -> NDArray[np.float32]:
        """Log frequency of each item in each stretch of time, some of it as ever; shape ``(s, n_items)``."""
        stretches = int(self.stretch.max(initial=0)) + 1
        counts = np.bincount(self.stretch * self.n_items + self.item, minlength=stretches * self.n_items)
        counts = counts.reshape(stretches, self.n_items)
        ever = counts.sum(axis=0) + 0.5
        now = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return np.log((1 - EVER) * now + EVER * ever / ever.sum()).astype(np.float32)

    def __len__(self) -> int:
        """Visits in which something new was met and that another such visit follows."""
        visits, first = np.unique(self.visit, return_index=True)
        return len(visits) - len(np.unique(self.user[first]))

    def split(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
        """Items by token; where each token begins (and the last ends); where each row does; each token's stretch.

        A row is at most `VISITS` tokens of one shopper; a token is a visit or, at random, one of two parts of it.
        """
        _, place = np.unique(self.visit, return_inverse=True)
        parted = rng.random(place.max(initial=-1) + 1) < SPLIT
        share = rng.random(len(parted))
        part = parted[place] & (rng.random(len(place)) > share[place])
        order = np.lexsort((part, place))
        token = place[order] * 2 + part[order]
        starts = np.flatnonzero(np.r_[True, np.diff(token) != 0])
        user = self.user[order][starts]
        first = np.searchsorted(user, user)
        row = (np.arange(len(user)) - first + rng.integers(0, VISITS, user.max(initial=-1) + 1)[user]) // VISITS
        rows = np.flatnonzero(np.r_[True, (np.diff(user) != 0) | (np.diff(row) != 0)])
        return self.item[order], np.r_[starts, len(order)], np.r_[rows, len(user)], self.stretch[order][starts]

    def batches(self, rng: np.random.Generator) -> Iterator[_Batch]:
        """All sequences once, in batches of about `BATCH` tokens of sequences about as long, in random order."""
        items, tokens, rows, stretch = self.split(rng)
        length = np.diff(rows)
        usable = np.flatnonzero(length > 1)
        by_length = usable[np.argsort(length[usable] + 2 * rng.random(len(usable)), kind="stable")]
        groups: list[list[int]] = [[]]
        for row in by_length.tolist():
            if groups[-1] and (len(groups[-1]) + 1) * length[row] > BATCH:
                groups.append([])
            groups[-1].append(row)
        for group in rng.permutation(len(groups)):
            yield _Batch.of(items, tokens, rows, stretch, np.array(groups[group], np.int64))


@dataclass(frozen=True)
class _Batch:
    """Tokens of some rows, and what each was followed by.

    Attributes
    ----------
    items, starts
        Items of the tokens, and where each token's begin.
    place
        Of each token in the padded matrix of shape ``(rows, longest)``.
    asks
        Places of the tokens that another follows, and the `stretch` of time in which it does.
    targets, asked
        Items that followed, and by number the asking token; beside them `weights`.
    """

    items: NDArray[np.int64]
    starts: NDArray[np.int64]
    place: NDArray[np.int64]
    shape: tuple[int, int]
    asks: NDArray[np.int64]
    stretch: NDArray[np.int64]
    targets: NDArray[np.int64]
    asked: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        items: NDArray[np.int64],
        tokens: NDArray[np.int64],
        rows: NDArray[np.int64],
        stretch: NDArray[np.int64],
        chosen: NDArray[np.int64],
    ) -> _Batch:
        length = rows[chosen + 1] - rows[chosen]
        flat = _ranges(rows[chosen], length)
        number = np.repeat(np.arange(len(chosen)), length)
        at = flat - rows[chosen][number]
        longest = int(length.max())
        sizes = tokens[flat + 1] - tokens[flat]
        follows = at > 0
        after = sizes[follows]
        return cls(
            items=items[_ranges(tokens[flat], sizes)],
            starts=np.cumsum(sizes) - sizes,
            place=number * longest + at,
            shape=(len(chosen), longest),
            asks=(number * longest + at)[follows] - 1,
            stretch=stretch[flat[follows]],
            targets=items[_ranges(tokens[flat[follows]], after)],
            asked=np.repeat(np.arange(len(after)), after),
            # A basket of n says more than one of 1, and less than n times as much.
            weights=np.repeat(1 / np.sqrt(after), after).astype(np.float32),
        )


def _ranges(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """``starts[0], starts[0] + 1, ...`` for `sizes[0]` numbers, and so on for each."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + sizes, sizes)


def train(events: Events, catalogue: ItemFeatures, *, passes: int, seed: int) -> VisitTransformer:
    """Train on the sequences of `events`, so many times over, and on the texts of the items."""
    device, rng = pick_device(), np.random.default_rng(seed)
    sequences = Sequences.of(events)
    met = np.bincount(sequences.item, minlength=events.n_items).astype(np.float32)
    vectors = catalogue.vectors
    reader, bias = _components(vectors, catalogue.directions)
    popular = np.argsort(-met, kind="stable")[: min(OWN, int((met > 0).sum()))]
    own = np.full(events.n_items, len(popular), np.int64)
    own[popular] = np.arange(len(popular))
    chances = torch.from_numpy(sequences.chances()).to(device)
    # The numbers that are drawn in training come from a generator of torch's own.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        network = _Network(
            torch.from_numpy(vectors @ reader + bias), torch.from_numpy(own), torch.from_numpy(met),
            torch.Generator().manual_seed(seed),
        )  # fmt: skip
        for name in ("texts", "own", "shrinkage"):
            setattr(network, name, getattr(network, name).to(device))
        network.to(device).train()
        optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.0)
        done = 0.0
        for _ in range(passes):
            batches = list(sequences.batches(rng))
            for batch in batches:
                for group in optimiser.param_groups:
                    group["lr"] = (
                        RATE * min(done / (0.15 * passes), 1.0) * 0.5 * (1 + math.cos(math.pi * done / passes))
                    )
                loss = _loss(network, batch, chances, rng, device)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                done += 1 / len(batches)
    return _arrays(network, reader, bias, met, passes)


def _loss(network: _Network, batch: _Batch, chances: Tensor, rng: np.random.Generator, device: torch.device) -> Tensor:
    """Weighted cross-entropy of what followed, over all items or an unbiased draw of them."""
    there = np.unique(np.concatenate([batch.items, batch.targets]))
    n = chances.shape[1]
    others = (
        np.setdiff1d(np.arange(n), there) if n <= CANDIDATES else np.setdiff1d(rng.integers(0, n, CANDIDATES), there)
    )
    codes = torch.from_numpy(np.r_[there, others]).to(device)
    # Each drawn item stands for as many of those that are not in the batch.
    each = math.log(max(n - len(there), 1) / max(len(others), 1))
    prior = chances[torch.from_numpy(batch.stretch).to(device)][:, codes] + torch.from_numpy(
        np.repeat([0.0, each], [len(there), len(others)]).astype(np.float32)
    ).to(device)
    vectors = network.items(codes)

    def rows(items: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(np.searchsorted(there, items)).to(device)

    tokens = functional.embedding_bag(
        rows(batch.items), vectors, torch.from_numpy(batch.starts).to(device), mode="mean"
    )
    visits = torch.zeros(batch.shape[0] * batch.shape[1], SIZE, device=device)
    visits = visits.index_copy(0, torch.from_numpy(batch.place).to(device), network.drop(tokens))
    state = network(visits.view(*batch.shape, SIZE)).view(-1, SIZE)[torch.from_numpy(batch.asks).to(device)]
    likely = functional.log_softmax(state @ vectors.T + prior, dim=1)
    weights = torch.from_numpy(batch.weights).to(device)
    return -(likely[torch.from_numpy(batch.asked).to(device), rows(batch.targets)] * weights).sum() / weights.sum()


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
    network: _Network, reader: NDArray[np.float32], bias: NDArray[np.float32], met: NDArray[np.float32], passes: int
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
        passes=np.array([passes], np.float32),
        **norms,
        **weights,
    )
