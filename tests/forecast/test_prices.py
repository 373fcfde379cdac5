"""Prices: what is usual, what is below it and what was a sale, as the table says and as pandas counts it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.sample import sample_dir
from recsys.data.snapshot import Lazy
from recsys.errors import BadInput
from recsys.forecast.outlook import drops, price_path
from recsys.forecast.prices import PriceHistory, check_prices, percent, sales_of
from recsys.ranking.features import PriceDrop, TrainingContext

DAY = 86_400.0


def day(text: str) -> int:
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days


def history(
    *rows: tuple[str, str, float], items: dict[str, float] | None = None, now: str = "2026-03-31"
) -> PriceHistory:
    table = check_prices(pd.DataFrame(rows, columns=["item_id", "date", "price"])).table
    catalogue = pd.DataFrame({"item_id": sorted({row[0] for row in rows})})
    if items is not None:
        catalogue["price"] = catalogue["item_id"].map(items)
    return PriceHistory.of(table, catalogue, day(now) * DAY + 5_000)


def test_the_usual_price_is_the_median_of_the_days_before_today():
    """10 until 20 March, then 8: of the 90 days before the 31st 79 had 10, so 10 is usual and 8 is 20% below."""
    known = history(("a", "2025-06-01", 10.0), ("a", "2026-03-20", 8.0))
    assert known.usual(day("2026-03-31")).tolist() == [10.0]
    assert known.below_usual(day("2026-03-31"))[0] == pytest.approx(0.2)
    assert percent(known.below_usual(day("2026-03-31"))[0]) == 20
    assert known.usual(day("2026-06-20")).tolist() == [8.0]  # by then it has been 8 for 92 days
    assert known.below_usual(day("2026-06-20")).tolist() == [0.0]


def test_a_price_known_for_less_than_thirty_days_is_not_usual():
    known = history(("a", "2026-03-02", 10.0), ("a", "2026-03-25", 5.0))
    assert np.isnan(known.usual(day("2026-03-31"))[0])
    assert known.below_usual(day("2026-03-31"))[0] == 0
    assert known.usual(day("2026-04-01"))[0] == 10.0  # thirty days


def test_the_price_of_the_catalogue_is_todays():
    known = history(("a", "2025-06-01", 10.0), items={"a": 7.0})
    assert known.at(day("2026-03-31")).tolist() == [7.0]
    assert known.at(day("2026-03-30")).tolist() == [10.0]


def test_percent_is_never_more_than_it_is():
    assert percent(0.2) == 20
    assert percent(1 - 7.49 / 10.99) == 31  # 31.8
    assert percent(0.0999) == 9


prices = st.lists(
    st.tuples(st.integers(0, 200), st.sampled_from([5.0, 8.0, 9.4, 9.5, 10.0, 12.0])), min_size=1, max_size=12
)


@settings(max_examples=60, derandomize=True)
@given(rows=prices, today=st.integers(20, 260))
def test_usual_and_below_are_as_pandas_counts_days(rows, today):
    start = day("2025-06-01")
    steps = dict(rows)  # of one day the last
    table = pd.DataFrame(
        {"item_id": "a", "timestamp": [(start + d) * DAY for d, _ in rows], "price": [p for _, p in rows]}
    )
    checked = check_prices(table).table
    known = PriceHistory.of(checked, pd.DataFrame({"item_id": ["a"]}), (start + 400) * DAY)
    series = pd.Series(steps).sort_index().reindex(range(today + 1)).ffill()
    window = series.loc[max(today - 90, 0) : today - 1].dropna()
    found, below = known.usual(start + today)[0], known.below_usual(start + today)[0]
    if len(window) < 30:
        assert np.isnan(found)
        assert below == 0
        return
    usual = float(np.quantile(window, 0.5, method="inverted_cdf"))
    assert found == usual
    part = 1 - series.loc[today] / usual
    assert below == pytest.approx(part if part >= 0.05 - 1e-9 else 0.0)


def test_sales_have_a_beginning_an_end_and_a_depth():
    known = history(
        ("a", "2025-06-01", 10.0), ("a", "2025-11-20", 8.0), ("a", "2025-11-25", 7.5), ("a", "2025-12-01", 10.0),
        ("a", "2026-03-25", 9.0), ("b", "2025-06-01", 3.0),
    )  # fmt: skip
    first, lasting = sales_of(known, 0, day("2026-03-31"))
    assert (first.start, first.end, first.price) == (day("2025-11-20"), day("2025-11-30"), 7.5)
    assert first.part == pytest.approx(0.25)
    assert (lasting.start, lasting.end) == (day("2026-03-25"), -1)
    assert sales_of(known, 1, day("2026-03-31")) == []


def test_prices_that_are_none_go_to_the_quarantine():
    rows = [("a", "2026-01-01", "9.99"), ("a", "never", "5"), ("b", "2026-01-01", "free"), ("", "2026-01-01", "5")]
    checked = check_prices(pd.DataFrame(rows, columns=["sku", "valid_from", "amount"]))
    assert checked.report.columns == {"sku": "item_id", "valid_from": "timestamp", "amount": "price"}
    assert len(checked.table) == 1
    assert len(checked.quarantine) == 3
    with pytest.raises(BadInput, match="no column 'price'"):
        check_prices(pd.DataFrame({"sku": ["a"], "date": ["2026-01-01"]}))


def test_the_sample_shops_prices_end_where_its_catalogue_is():
    table = check_prices(pd.read_csv(sample_dir() / "prices.csv.gz", dtype=str)).table
    items = pd.read_csv(sample_dir() / "items.csv.gz").sort_values("item_id", ignore_index=True)
    known = PriceHistory.of(table, items.drop(columns="price"), day("2026-03-31") * DAY)
    assert known.at(day("2026-03-31")).tolist() == items["price"].tolist()
    below = drops(known, items, day("2026-03-31"))
    assert 30 < len(below) < 120
    assert below["percent"].is_monotonic_decreasing
    path = price_path(known, day("2026-03-31"), reduced=True)
    assert (np.diff(path.quantiles, axis=1) >= 0).all()
    assert path.quantiles[-1, 3] > 1.05  # what was on sale went up again


def context(now: str) -> TrainingContext:
    from recsys.data.catalogue import Vocabulary
    from recsys.data.events import Events
    from recsys.data.schema import TimeKind

    items = pd.DataFrame({"item_id": ["a", "b"], "title": ["A", "B"]})
    rows = pd.DataFrame(
        {"user_id": ["u", "u"], "item_id": ["a", "b"], "timestamp": [day("2025-01-01") * DAY, day(now) * DAY]}
    )
    rows["weight"] = np.float32(1)
    facts = Vocabulary.fit(items, ("title",)).facts(items, np.eye(2, dtype=np.float32))
    events = Events.from_table(rows, np.array(["u"], object), items["item_id"].to_numpy(object), TimeKind.ABSOLUTE)
    known = history(("a", "2025-06-01", 10.0), ("a", "2026-03-20", 8.0), ("b", "2025-06-01", 5.0))
    return TrainingContext.as_of(facts, events, day(now) * DAY, 30.0, table=Lazy(lambda: items), prices=known)


def test_the_block_knows_the_prices_up_to_its_moment_alone():
    from recsys.data.catalogue import Candidates

    late, early = PriceDrop(), PriceDrop()
    now = context("2026-03-31")
    assert PriceDrop.applies(now)
    late.fit(now)
    early.fit(context("2026-03-10"))
    both = Candidates.of(now.catalogue)
    assert late.transform(None, both).tolist() == [[pytest.approx(0.2), 1.0], [0.0, 0.0]]
    assert early.transform(None, both).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert late.describe(None, both) == ["costs 20% less than it usually does", None]
    unknown = Candidates(np.array([-1]), now.catalogue.take([0]))
    assert late.transform(None, unknown).tolist() == [[0.0, 0.0]]
    again = PriceDrop()
    again.restore({name: np.array(value) for name, value in late.state().items()})
    assert again.describe(None, both) == late.describe(None, both)


def test_a_shop_without_prices_has_no_such_block():
    now = context("2026-03-31")
    assert not PriceDrop.applies(TrainingContext.as_of(now.catalogue, now.events, now.now, 30.0))
