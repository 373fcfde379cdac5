"""Times: each row by its own form, and the day or the month first by the whole column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.times import as_times

MOMENT = pd.Timestamp("2025-09-27 19:24:00", tz="UTC")
SECONDS = MOMENT.timestamp()


@pytest.mark.parametrize(
    "written",
    [
        "2025-09-27 19:24:00 UTC",
        "2025-09-27 19:24:00 GMT",
        "2025-09-27 19:24:00.000000 UTC",
        "20250927192400",
        20250927192400,
        "2025-09-27 21:24:00 +0200",
        "2025/9/27 19:24",
        "27/09/2025 19:24",
        "27.09.2025 19:24:00",
        "27.09.25 19:24",
        "9/27/2025 7:24 PM",
        "27 Sep 2025 19:24",
        "Sat, 27 Sep 2025 19:24:00 GMT",
        "Sep 27, 2025, 7:24:00 PM",
        "20250927T192400Z",
        "2025年9月27日 19:24",
    ],
)
def test_one_moment_in_many_spellings(written):
    times = as_times(pd.Series([written], dtype=object))
    assert times.seconds.tolist() == [SECONDS]
    assert not times.unreadable.any()


def test_seconds_and_milliseconds_in_one_column_are_told_apart_by_row():
    times = as_times(pd.Series([SECONDS, SECONDS * 1e3, SECONDS * 1e6]))
    assert times.seconds.tolist() == [SECONDS] * 3
    assert times.unit == "seconds and milliseconds and microseconds"
    mixed = as_times(pd.Series([str(int(SECONDS)), "2025-09-27 19:24"], dtype=object))
    assert mixed.seconds.tolist() == [SECONDS] * 2
    assert mixed.unit == "datetime and seconds"


def test_serial_days_of_a_spreadsheet_are_dates_and_small_numbers_stay_ordinals():
    times = as_times(pd.Series([45927.5, 45928.0]))
    assert pd.to_datetime(times.seconds, unit="s").astype(str).tolist() == [
        "2025-09-27 12:00:00",
        "2025-09-28 00:00:00",
    ]
    assert "serial days" in times.unit
    assert as_times(pd.Series([1, 2, 45927])).unit == "order"


def test_the_column_says_whether_the_day_comes_first():
    days = as_times(pd.Series(["03/04/2025", "27/09/2025"]))
    months = as_times(pd.Series(["03/04/2025", "09/27/2025"]))
    assert pd.to_datetime(days.seconds, unit="s").month.tolist() == [4, 9]
    assert pd.to_datetime(months.seconds, unit="s").month.tolist() == [3, 9]
    neither = as_times(pd.Series(["03/04/2025", "05/06/2025"]))
    assert neither.unreadable.all()
    assert neither.undecided == 2
    both = as_times(pd.Series(["27/09/2025", "09/27/2025", "03/04/2025"]))
    assert both.unreadable.tolist() == [False, False, True]
    assert as_times(pd.Series(["03.04.2025"])).seconds.tolist() == [pd.Timestamp("2025-04-03").timestamp()]


def test_lists_and_records_among_dates_are_unreadable_cells():
    cells = [
        "2025-09-27 19:24:00",
        ["2025-09-27", 1],
        {"at": [1]},
        MOMENT,
        np.array([1, 2]),
    ] * 20  # pandas caches long ones
    read = as_times(pd.Series(cells, dtype=object))
    assert read.seconds[[0, 3]].tolist() == [SECONDS] * 2
    assert read.unreadable.tolist() == [False, True, True, False, True] * 20


def test_what_is_no_date_is_unreadable():
    times = as_times(pd.Series(["2025-02-30", "yesterday", "13/13/2025", "27/09/2025", None], dtype=object))
    assert times.unreadable.tolist() == [True, True, True, False, False]


@settings(derandomize=True, max_examples=150)
@given(
    st.lists(st.datetimes(pd.Timestamp("2001-01-01"), pd.Timestamp("2030-12-31")), min_size=1, max_size=10),
    st.lists(
        st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S UTC", "%Y%m%d%H%M%S",
                         "%d %b %Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S"]),
        min_size=10, max_size=10,
    ),
)  # fmt: skip
def test_mixed_forms_are_read_by_row(moments, forms):
    moments = [moment.replace(microsecond=0) for moment in moments]
    written = [moment.strftime(form) for moment, form in zip(moments, forms, strict=False)]
    written.append("27/09/2025")  # shows that the day comes first
    times = as_times(pd.Series(written, dtype=object))
    expected = [pd.Timestamp(moment, tz="UTC").timestamp() for moment in moments]
    np.testing.assert_array_equal(times.seconds[:-1], expected)
