"""Time split of the sequence network: the windows share one that saw only what all of them know.

A network that had seen a window's purchases would repeat them, and the ranker would trust it too much; one for each
window would take as many trainings. The network that serves sees everything, as the other blocks' statistics do.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import numpy as np

from recsys.data.events import Events
from recsys.ranking.features import TrainingContext
from recsys.ranking.visit_sequences import Sequences
from recsys.ranking.visit_transformer import VisitTransformer
from recsys.ranking.windows import TrainingWindow
from recsys.settings import TrainingConfig

#: Visits that another with something new follows, below which a network learns nothing that counts do not say.
LEAST = 2_000


def common_past(windows: Sequence[TrainingWindow], events: Events) -> Events:
    """What all windows know: each knows the beginning of every shopper's events, so it is the shortest of those."""
    known = np.min([np.bincount(window.context.events.user, minlength=events.n_users) for window in windows], axis=0)
    return events.where(np.arange(len(events)) - events.indptr[events.user] < known[events.user])


def _trained(context: TrainingContext, pasts: Sequence[Events], passes: int) -> list[VisitTransformer]:
    """Networks of several pasts, in order, trained at the same time, a thread each."""
    from recsys.ranking import visit_training  # torch, which only training needs

    stop = Event()
    with visit_training.one_thread(), ThreadPoolExecutor(thread_name_prefix="recsys-networks") as pool:
        networks = [
            pool.submit(visit_training.train, events, context.catalogue, passes=passes, seed=context.seed, stop=stop)
            for events in pasts
        ]
        try:
            return [network.result() for network in networks]
        finally:
            stop.set()  # Ctrl-C, or one that failed, ends the others


def with_networks(
    context: TrainingContext, windows: Sequence[TrainingWindow], config: TrainingConfig
) -> tuple[TrainingContext, list[TrainingWindow], str]:
    """The present with a network of its own, the windows with one of their common past, and why there is none, or "".

    Both stay without one where none is wanted, or the common past holds too few visits to learn from.
    """
    if not config.sequence_passes:
        return context, list(windows), ""
    past = common_past(windows, context.events)
    if (visits := len(Sequences.of(past))) < LEAST:
        return (
            context,
            list(windows),
            f"{visits:,} visits are followed by another with something new, {LEAST:,} are needed",
        )
    shared, present = _trained(context, (past, context.events), config.sequence_passes)
    return (
        replace(context, network=present),
        [replace(window, context=replace(window.context, network=shared)) for window in windows],
        "",
    )
