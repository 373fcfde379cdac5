"""Events say the same whatever order their rows came in; steps and slices against the plainest definition."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.events import Events
from recsys.data.schema import TimeKind

USERS, ITEMS = ["u0", "u1", "u2", "u3"], ["a", "b", "c", "d", "e"]
PROPERTY = settings(max_examples=100)

rows = st.lists(
    st.tuples(
        st.sampled_from([*USERS, "stranger"]),
        st.sampled_from([*ITEMS, "gone", None]),
        st.integers(0, 6),
        st.sampled_from([0.2, 0.5, 1.0]),
    ),
    max_size=40,
)


def events_of(data, kind: TimeKind = TimeKind.ABSOLUTE) -> Events:
    table = pd.DataFrame(data, columns=["user_id", "item_id", "timestamp", "weight"]).astype(
        {"user_id": object, "item_id": object, "timestamp": "float64", "weight": "float32"}
    )
    return Events.from_table(table, USERS, ITEMS, kind)


def as_rows(events: Events) -> list[tuple[str, str, float, float]]:
    return [
        (USERS[u], ITEMS[i], t, round(float(w), 3))
        for u, i, t, w in zip(events.user, events.item, events.time, events.weight, strict=True)
    ]


@given(rows, st.randoms(use_true_random=False))
@PROPERTY
def test_known_rows_are_kept_sorted_and_the_order_of_the_file_does_not_matter(data, random):
    events = events_of(data)
    # All of it is one day, and on one day a shopper meets an item once: the last time counts.
    last = {}
    for u, i, t, w in data:
        if u in USERS and i in ITEMS:
            last[u, i] = max(last.get((u, i), (0.0, 0.0)), (float(t), w))
    known = [(u, i, t, w) for (u, i), (t, w) in last.items()]
    assert sorted(as_rows(events)) == sorted(known)
    assert [(u, t) for u, _, t, _ in as_rows(events)] == sorted((u, t) for u, _, t, _ in known)
    assert (events.n_users, events.n_items) == (len(USERS), len(ITEMS))
    shuffled = events_of(random.sample(data, len(data)))
    assert as_rows(shuffled) == as_rows(events)


@given(rows)
@PROPERTY
def test_pointers_and_steps(data):
    events = events_of(data)
    assert events.indptr[0] == 0
    assert events.indptr[-1] == len(events)
    for user in range(len(USERS)):
        own = slice(events.indptr[user], events.indptr[user + 1])
        assert (events.user[own] == user).all()
        times = events.time[own]
        assert events.steps[own].tolist() == [len({t for t in times if t > at}) for at in times]
    assert int(np.diff(events.indptr).sum()) == len(events)


@given(rows, st.integers(0, 7))
@PROPERTY
def test_before_is_strict_and_keeps_the_code_spaces(data, cut):
    events = events_of(data)
    earlier = events.before(float(cut))
    assert as_rows(earlier) == [row for row in as_rows(events) if row[2] < cut]
    assert (earlier.n_users, earlier.n_items, earlier.kind) == (events.n_users, events.n_items, events.kind)
    assert earlier.end == max((row[2] for row in as_rows(earlier)), default=0.0)


def test_ties_in_time_are_not_broken_by_item_number():
    # Newer products often have higher numbers: an order by id inside a basket would tell what comes next.
    items = [f"{n:04d}" for n in range(400)]
    table = pd.DataFrame({"user_id": "u", "item_id": items, "timestamp": 5.0, "weight": 1.0})
    order = Events.from_table(table, ["u"], items, TimeKind.ORDER).item
    assert sorted(order) == list(range(400))
    assert abs(np.corrcoef(order, np.arange(400))[0, 1]) < 0.2


def test_ids_stay_text():
    table = pd.DataFrame({"user_id": ["007"], "item_id": ["1.0"], "timestamp": [1.0], "weight": [1.0]})
    assert len(Events.from_table(table, ["007"], ["1.0"], TimeKind.ABSOLUTE)) == 1
    assert len(Events.from_table(table, ["7"], ["1"], TimeKind.ABSOLUTE)) == 0
