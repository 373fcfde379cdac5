"""One account, one account's day and one day of the shop weigh a bounded part; honest shops are left as they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recsys.data.activity import bounded
from recsys.data.events import DAY, Events
from recsys.data.schema import TimeKind

START = 1_700_006_400.0  # a midnight
RNG = np.random.default_rng(0)


def honest(n_users: int = 400) -> pd.DataFrame:
    """Shoppers of a year, among them a wholesaler with ten times the orders of the keenest."""
    rows = [
        (f"u{user:03d}", f"i{item:03d}", START + DAY * int(day))
        for user in range(n_users)
        for item, day in zip(RNG.integers(0, 300, 12), RNG.integers(0, 365, 12), strict=True)
    ]
    rows += [
        ("wholesaler", f"i{RNG.integers(0, 300):03d}", START + DAY * int(RNG.integers(0, 365))) for _ in range(900)
    ]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


def events_of(table: pd.DataFrame, kind: TimeKind = TimeKind.ABSOLUTE) -> tuple[Events, np.ndarray]:
    users = np.array(sorted(table.user_id.unique()), dtype=object)
    table = table.assign(weight=np.float32(1))
    return Events.from_table(table, users, sorted({*table.item_id, *(f"i{n:03d}" for n in range(3_000))}), kind), users


def weight_of(events: Events, users: np.ndarray, name: str) -> float:
    return float(events.weight[users[events.user] == name].sum())


def test_an_honest_shop_with_a_wholesaler_is_left_as_it_is():
    events, users = events_of(honest())
    found = bounded(events, users)
    assert found.events is events
    assert found.said == []


def test_a_robot_of_one_day_weighs_as_a_busy_shoppers_day_and_is_named():
    robot = pd.DataFrame({"user_id": "bot", "item_id": [f"i{n:03d}" for n in range(3_000)], "timestamp": START})
    events, users = events_of(pd.concat([honest(), robot]))
    found = bounded(events, users)
    assert weight_of(found.events, users, "bot") <= 100.01
    assert len(found.events) == len(events)
    assert "'bot' does as much as many shoppers together" in found.said[0]
    others = users[events.user] != "bot"
    assert np.array_equal(found.events.weight[others], events.weight[others])


def test_a_robot_of_many_days_is_bounded_in_all_and_without_times_too():
    robot = pd.DataFrame({"user_id": "bot", "item_id": [f"i{n % 3_000:03d}" for n in range(30_000)]})
    robot["timestamp"] = START + DAY * (np.arange(30_000) % 360)
    for kind in TimeKind:
        events, users = events_of(pd.concat([honest(), robot]), kind)
        assert weight_of(bounded(events, users).events, users, "bot") <= 1_000.01


def test_an_import_under_one_date_weighs_as_twenty_usual_days():
    table = honest()
    imported = pd.DataFrame(
        {
            "user_id": [f"u{n % 400:03d}" for n in range(6_000)],
            "item_id": [f"i{n:03d}" for n in RNG.integers(0, 300, 6_000)],
            "timestamp": START + 100 * DAY,
        }
    )
    events, users = events_of(pd.concat([table, imported]))
    found = bounded(events, users)
    day = (found.events.time // DAY).astype(int)
    usual = np.median(np.unique((events.time // DAY).astype(int), return_counts=True)[1])
    assert found.events.weight[day == day[found.events.time == START + 100 * DAY][0]].sum() <= 20 * usual + 0.01
    assert "holds" in found.said[0]
    assert "as an import under one date does" in found.said[0]
    assert "2024-02-23" in found.said[0]


def test_a_busy_day_is_no_import_and_a_trial_account_is_only_said():
    table = honest()
    busy = table.head(120).assign(timestamp=START + 40 * DAY)  # nine times a usual day
    trial = pd.DataFrame({"user_id": "test@shop.example", "item_id": ["i001", "i002"], "timestamp": START + DAY})
    events, users = events_of(pd.concat([table, busy, trial]))
    found = bounded(events, users)
    assert found.events is events
    assert found.said == [
        "user_id 'test@shop.example' looks like a trial account; its 2 events are learnt from, leave them out of the "
        "file if they are none of a shopper's"
    ]
