"""A shop's own feature blocks: imported by dotted name, and tried on a sample of the shop before it is encoded."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recsys.data import schema
from recsys.data.catalogue import Candidates, Vocabulary
from recsys.data.events import Events
from recsys.data.histories import Profile, ad_hoc_profile
from recsys.data.snapshot import Lazy, ShopTables
from recsys.errors import BadInput
from recsys.ranking.features import BLOCKS, Block, EvidenceKind, TrainingContext
from recsys.settings import Settings

T = TypeVar("T")

#: Events of the sample, and length of its made-up vectors.
SAMPLE, DIM = 500, 8
_SHAPE = "name, meaning, columns and transform(profile, candidates)"


def extra_blocks(names: Sequence[str]) -> list[type[Block]]:
    """Import blocks by dotted name (the setting ``training.extra_blocks``).

    Raises
    ------
    BadInput
        There is no such class, or it is no block; the message says what to write.
    """
    found: list[type[Block]] = []
    taken = {kind.name for kind in BLOCKS}
    for dotted in names:
        module, _, attribute = dotted.rpartition(".")
        try:
            kind = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise BadInput(
                f"extra_blocks: cannot import {dotted!r} ({error}); give package.module.ClassName."
            ) from error
        where = f"extra_blocks: {dotted}"
        if not (isinstance(kind, type) and issubclass(kind, Block)):
            raise BadInput(
                f"{where} is not a feature block; make it a subclass of recsys.ranking.features.Block with {_SHAPE}."
            )
        missing = [a for a in ("name", "meaning") if not (isinstance(getattr(kind, a, None), str) and getattr(kind, a))]
        if missing := [*missing, *sorted(kind.__abstractmethods__)]:
            raise BadInput(f"{where} has no {' and no '.join(missing)}; a block needs {_SHAPE}.")
        if kind.name in taken:
            raise BadInput(f"{where} is called {kind.name!r} as another block is; give it a name of its own.")
        if unknown := [str(k) for k in kind.evidence_kinds if k not in list(EvidenceKind)]:
            raise BadInput(f"{where}: evidence_kinds holds {unknown}; use recsys.ranking.features.EvidenceKind.")
        taken.add(kind.name)
        found.append(kind)
    return found


def check_extra_blocks(settings: Settings, tables: ShopTables) -> None:
    """Fit, use, store and read back each extra block on a few items of the shop.

    A night encodes for minutes or hours before it comes to the blocks; a mistake in one should be told at once.

    Raises
    ------
    BadInput
        A block cannot be imported, fails, or returns something else than a block must.
    """
    kinds = extra_blocks(settings.training.extra_blocks)
    context = _sample(settings, tables) if kinds else None
    if context is None:
        return
    for dotted, kind in zip(settings.training.extra_blocks, kinds, strict=True):
        _try(f"extra_blocks: {dotted}", kind, context)


def _sample(settings: Settings, tables: ShopTables) -> TrainingContext | None:
    """The shop's first events with their items, under vectors drawn at random; None where there are no events."""
    events = tables.interactions
    rows = events[events[schema.ITEM].isin(tables.items[schema.ITEM])].head(SAMPLE)
    items = tables.items[tables.items[schema.ITEM].isin(rows[schema.ITEM])]
    items = items.sort_values(schema.ITEM, ignore_index=True)
    if not len(items):
        return None
    vectors = np.random.default_rng(0).normal(size=(len(items), DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    template = settings.encoder.template
    catalogue = Vocabulary.fit(items, template).facts(items, vectors.astype(np.float32))
    users = np.array(sorted(rows[schema.USER].unique()), dtype=object)
    known = Events.from_table(rows, users, items[schema.ITEM].to_numpy(object), tables.kind)
    half_life = settings.training.half_life
    return TrainingContext.as_of(catalogue, known, known.end, half_life, seed=settings.seed, table=Lazy(lambda: items))


def _try(where: str, kind: type[Block], context: TrainingContext) -> None:
    def step(what: str, run: Callable[[], T]) -> T:
        try:
            return run()
        except BadInput:
            raise
        except Exception as error:
            raise BadInput(
                f"{where}: {what} failed on a sample of the shop: {type(error).__name__}: {error}"
            ) from error

    if not step("applies(context)", lambda: kind.applies(context)):
        return
    block = step("creating it without arguments", kind)
    step("fit(context)", lambda: block.fit(context))
    columns = block.columns
    if not isinstance(columns, tuple) or not columns or not all(isinstance(c, str) for c in columns):
        raise BadInput(f"{where}: columns is {columns!r}; make it a tuple of names, in the class or in fit().")

    def features(block: Block, who: Profile, what: Candidates) -> NDArray[np.float32]:
        values = step("transform(profile, candidates)", lambda: block.transform(who, what))
        wanted = (len(what), len(columns))
        if not isinstance(values, np.ndarray) or values.shape != wanted or values.dtype.kind != "f":
            got = f"{values.dtype} of shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            raise BadInput(
                f"{where}: transform() returned {got} for {wanted[0]} candidates and {wanted[1]} columns; return a "
                f"float32 array of shape {wanted}."
            )
        if not np.isfinite(values).all():
            raise BadInput(f"{where}: transform() returned NaN or infinity; give what is not known a number.")
        return values

    catalogue = context.catalogue
    nothing = np.zeros(0, np.int64)
    user = int(np.argmax(np.diff(context.histories.indptr)))
    somebody = context.histories.profile(user, catalogue, catalogue.vectors[0])
    nobody = ad_hoc_profile(catalogue.take(nothing), nothing, np.zeros(DIM, np.float32), 1.0)
    unknown = Candidates(np.array([-1]), catalogue.take([0]))
    everything = Candidates.of(catalogue)
    for who in (somebody, nobody):
        for what in (everything, unknown, everything.take(nothing)):
            features(block, who, what)
            clauses = step("describe(profile, candidates)", lambda: block.describe(who, what))  # noqa: B023 - run now
            said = isinstance(clauses, list) and all(c is None or isinstance(c, str) for c in clauses)
            if not said or len(clauses) != len(what):
                raise BadInput(f"{where}: describe() must return a list with a clause or None for each candidate.")
    again = kind()
    state = step("state()", block.state)
    step("restore(state)", lambda: again.restore({key: np.array(value) for key, value in state.items()}))
    if again.columns != columns or not np.array_equal(
        features(again, somebody, everything), features(block, somebody, everything)
    ):
        raise BadInput(
            f"{where}: what restore() makes of state() gives other features; keep what fit() learns in numpy arrays."
        )
