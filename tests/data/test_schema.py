"""Tables at the door: what is coerced, what is quarantined, and what the messages say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data import schema
from recsys.data.flags import as_flags
from recsys.data.numbers import as_amounts
from recsys.data.parsing import STRING, as_ids, as_text
from recsys.data.schema import (
    Dialect,
    TimeKind,
    check_columns,
    check_impressions,
    check_interactions,
    check_items,
    check_users,
)
from recsys.data.times import as_times
from recsys.errors import BadInput

NOW = 1_767_225_600.0  # 2026-01-01
SHARED = Path(__file__).parents[3] / "shared"

ITEMS = pd.DataFrame(
    {
        "item_id": ["b", "a", "c"],
        "title": ["Blue mug", "Ascot hat", "Candle"],
        "price": [4.5, 20.0, None],
    }
)


def events(**columns: object) -> pd.DataFrame:
    table = {
        "user_id": ["u2", "u1", "u1"],
        "item_id": ["a", "b", "a"],
        "timestamp": [NOW - 100, NOW - 200, NOW - 300],
    }
    return pd.DataFrame(table | columns)


def reasons(checked: schema.Checked) -> dict[int, str]:
    return dict(zip(checked.quarantine["row"], checked.quarantine["reason"], strict=True))


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        [12347, 7],
        [12347.0, 7.0],
        ["12347", "7"],
        ["12347.0", " 7 "],
        pd.array([12347, 7], dtype="Int64"),
        pd.Categorical(["12347", "7"]),
        np.array([12347, 7], dtype=np.int32),
        pd.Series([12347, "7"], dtype=object),
    ],
)
def test_ids_are_text_however_they_were_stored(values):
    assert as_ids(pd.Series(values)).tolist() == ["12347", "7"]


def test_ids_keep_zeros_and_letters_and_know_missing_values():
    found = as_ids(pd.Series(["007", "85123A", "1.50", "NA", None, "", "nan", np.nan]))
    assert found[:4].tolist() == ["007", "85123A", "1.50", "NA"]
    assert found[4:].isna().all()
    assert found.dtype == STRING


def test_big_integer_ids_keep_every_digit():
    assert as_ids(pd.Series([9007199254740993])).tolist() == ["9007199254740993"]


@settings(derandomize=True)
@given(st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=20), st.floats()), max_size=20))
def test_reading_ids_twice_changes_nothing(values):
    once = as_ids(pd.Series(values, dtype=object))
    pd.testing.assert_series_equal(once, as_ids(once))


def test_text_is_cut_and_cleaned_of_what_cannot_be_stored():
    text, cut = as_text(
        pd.Series(
            ["x" * 100_000, None, np.nan, "lone \ud83d", ["two", "parts"], 5, {"a": 1}, b"caf\xc3\xa9"], dtype=object
        ),
        20_000,
    )
    assert text.str.len().tolist() == [20_000, 0, 0, 6, 9, 1, 8, 4]
    assert text[4] == "two parts"
    assert cut == 1


def test_amounts_in_shop_spellings():
    written = pd.Series(["$1,299.00", "12,50", "£5", "7", "free", None, "-3", "1e400"])
    np.testing.assert_array_equal(as_amounts(written), [1299, 12.5, 5, 7, np.nan, np.nan, np.nan, np.nan])


def test_flags_in_usual_spellings():
    written = pd.Series(["True", "no", 1, 0.0, "maybe", None, "Out of stock"], dtype=object)
    np.testing.assert_array_equal(as_flags(written), [1, 0, 1, 0, np.nan, np.nan, 0])


MOMENT = pd.Timestamp("2025-03-01T12:30:15Z")


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([int(MOMENT.timestamp())], "seconds"),
        ([float(MOMENT.timestamp())], "seconds"),
        ([str(int(MOMENT.timestamp()))], "seconds"),
        ([int(MOMENT.timestamp() * 1e3)], "milliseconds"),
        ([int(MOMENT.timestamp() * 1e6)], "microseconds"),
        ([int(MOMENT.timestamp() * 1e9)], "nanoseconds"),
        ([MOMENT], "datetime"),
        ([MOMENT.tz_convert("Asia/Tokyo")], "datetime"),
        ([MOMENT.tz_localize(None)], "datetime"),
        ([MOMENT.to_pydatetime()], "datetime"),
        (["2025-03-01T12:30:15Z"], "datetime"),
        (["2025-03-01 12:30:15"], "datetime"),
        (["2025-03-01T14:30:15+02:00"], "datetime"),
    ],
)
def test_every_way_to_write_a_time(values, unit):
    times = as_times(pd.Series(values))
    assert times.unit == unit
    assert times.seconds.tolist() == [MOMENT.timestamp()]


# --- items ------------------------------------------------------------------------------------------------------------


def test_items_come_sorted_with_prices_and_availability():
    checked = check_items(ITEMS)
    assert checked.table["item_id"].tolist() == ["a", "b", "c"]
    assert checked.table["price"].dtype == np.float64
    assert checked.table["available"].tolist() == [True, True, True]
    assert checked.notes == {"rows": 3, "kept": 3, "quarantined": 0}
    assert checked.quarantine.empty
    assert list(checked.quarantine.columns) == ["file", "row", "reason", "raw"]


def test_an_item_with_only_text_gets_its_title_from_it_and_one_with_nothing_goes():
    raw = pd.DataFrame({"item_id": ["a", "b"], "title": [None, np.nan], "text": ["Teapot. " * 40, None]})
    checked = check_items(raw, "shop.csv")
    assert checked.table["title"].tolist() == [("Teapot. " * 40)[:120]]
    assert checked.notes["titles_from_text"] == 1
    quarantined = checked.quarantine.iloc[0]
    assert (quarantined["file"], quarantined["row"], quarantined["reason"]) == ("shop.csv", 2, "no title and no text")
    assert '"item_id": "b"' in quarantined["raw"]


def test_of_items_with_one_id_the_last_usable_row_is_kept():
    raw = pd.DataFrame({"item_id": [1, 1.0, "1"], "title": ["old", "new", None]}, dtype=object)
    checked = check_items(raw)
    assert checked.table["title"].tolist() == ["new"]
    assert "last row is kept" in reasons(checked)[1]
    assert reasons(checked)[3] == "no title and no text"
    assert checked.notes["duplicates"] == 1


def test_long_text_and_odd_cells_are_counted():
    raw = ITEMS.assign(text=["x" * 100_000, "", None], price=["12,50", "abc", None], available=["yes", "no", "perhaps"])
    checked = check_items(raw)
    table = checked.table.set_index("item_id")
    assert len(table.loc["b", "text"]) == schema.MAX_TEXT
    assert table.loc["c", "text"] == ""
    assert table.loc["b", "price"] == 12.5
    assert table["available"].tolist() == [False, True, False]  # "perhaps" is not guessed to be yes
    assert checked.notes["truncated_texts"] == 1
    assert checked.notes["coerced"] == 2


def test_a_missing_column_is_named_with_what_was_found_and_a_guess():
    with pytest.raises(
        BadInput, match=r"items\.csv: no column 'item_id' \(if it is 'itm_id', give --map item_id=itm_id\)\. Found"
    ):
        check_items(pd.DataFrame({"itm_id": [1], "title": ["x"]}), "items.csv")
    mapped = schema.Dialect(columns={"item_id": "itm_id"})
    assert len(check_items(pd.DataFrame({"itm_id": [1], "title": ["x"]}), "items.csv", dialect=mapped).table) == 1
    with pytest.raises(BadInput, match=r"no column 'title'\. Found: 'item_id', 'zzz'"):
        check_items(pd.DataFrame({"item_id": [1], "zzz": ["x"]}))


def test_a_line_break_in_the_name_of_a_column_is_a_blank():
    """As Alt+Enter in a spreadsheet's header gives it: the message is one line, and its `--map` works."""
    raw = pd.DataFrame({"item\r\nnumber": ["1"], "title": ["red pan"]})
    with pytest.raises(BadInput) as refused:
        check_items(raw, "items.csv")
    assert str(refused.value).splitlines() == [str(refused.value)]
    assert "Found: 'item number', 'title'" in str(refused.value)
    for theirs in ("item number", "item\r\nnumber"):  # as it is told, and as the file has it
        checked = check_items(raw, "items.csv", dialect=Dialect(columns={"item_id": theirs}))
        assert checked.table["item_id"].tolist() == ["1"]


def test_a_frame_of_endless_columns_is_refused():
    wide = pd.DataFrame({f"c{n}": ["x"] for n in range(2_001)})
    with pytest.raises(BadInput, match="items: more than 2,000 columns"):
        check_items(wide)


def test_empty_tables_twice_named_columns_and_all_bad_rows():
    with pytest.raises(BadInput, match="items: the table has no rows"):
        check_items(ITEMS.iloc[:0])
    with pytest.raises(BadInput, match="column 'title' appears twice"):
        check_items(pd.DataFrame([[1, "x", "y"]], columns=["item_id", "title", "title"]))
    with pytest.raises(BadInput, match=r"none of its 2 rows can be used: no title and no text \(2 rows\)"):
        check_items(pd.DataFrame({"item_id": [1, 2], "title": [None, ""]}))


def test_the_callers_table_is_left_alone():
    raw, before = ITEMS.copy(), ITEMS.copy(deep=True)
    check_items(raw)
    pd.testing.assert_frame_equal(raw, before)
    raw, before = events(item_id=[1, 2, 3]), events(item_id=[1, 2, 3])
    check_interactions(raw, now=NOW)
    check_columns(raw, ["item_id"], "pairs")
    pd.testing.assert_frame_equal(raw, before)


# --- interactions -----------------------------------------------------------------------------------------------------


def test_interactions_come_sorted_with_event_and_weight():
    checked = check_interactions(events(), now=NOW)
    table = checked.table
    assert table[["user_id", "item_id"]].to_numpy().tolist() == [["u1", "a"], ["u1", "b"], ["u2", "a"]]
    assert set(table["event"]) == {"purchase"}
    assert table["weight"].dtype == np.float32
    assert table["timestamp"].dtype == np.float64
    assert checked.time_kind is TimeKind.ABSOLUTE
    assert checked.notes == {"rows": 3, "timestamps": "seconds", "kept": 3, "quarantined": 0, "duplicates": 0}


def test_events_have_their_weight_unless_the_table_says_otherwise():
    checked = check_interactions(events(event=["View", "addtocart", "steal"], weight=[None, 3, 1]), now=NOW)
    assert reasons(checked) == {3: "event is none of view, cart, purchase, search"}
    assert checked.table["event"].tolist() == ["cart", "view"]
    np.testing.assert_allclose(checked.table["weight"], [3.0, 0.2])
    heavier = check_interactions(events(event="view"), event_weights={"view": 7.0}, now=NOW)
    assert set(heavier.table["weight"]) == {7.0}


def test_a_search_needs_a_query_and_no_item():
    raw = events(event=["search", "search", "view"], item_id=[None, None, "a"], query=["red mug", None, None])
    checked = check_interactions(raw, {"a"}, now=NOW)
    assert reasons(checked) == {2: "a search without a query"}
    search = checked.table[checked.table["event"] == "search"].iloc[0]
    assert (search["item_id"], search["query"]) == ("", "red mug")


def test_bad_rows_each_get_a_reason():
    raw = pd.DataFrame(
        {
            "user_id": ["u", None, "u", "u", "u", "u", "u", "u" * 300, "never bought it"],
            "item_id": ["a", "a", None, "zz", "a", "a", "a", "a", "a"],
            "timestamp": [NOW, NOW, NOW, NOW, NOW + 9e5, None, "soon", NOW, NOW],
            "quantity": [1, 1, 1, 1, 1, 1, 1, 1, -2],
        }
    )
    checked = check_interactions(raw, {"a"}, "log.csv", now=NOW)
    assert reasons(checked) == {
        2: "user_id is missing",
        3: "item_id is missing",
        4: "item_id is not in the catalogue",
        5: "timestamp lies in the future",
        6: "timestamp is missing",
        7: "timestamp cannot be read as a time",
        8: "user_id is over 256 characters",
        9: "quantity is not above zero: a return, not a purchase",
    }
    assert checked.notes["unknown_items"] == 1
    assert checked.notes["kept"] == 1


def test_exact_repeats_are_dropped_and_counted():
    checked = check_interactions(pd.concat([events(), events(), events(event="view")]), now=NOW)
    assert len(checked.table) == 6
    assert checked.notes["duplicates"] == 3
    assert checked.notes["missing_events"] == 6  # read as purchases


def test_all_items_unknown_shows_both_spellings():
    with pytest.raises(BadInput, match=r"none of its 3 rows.*not in the catalogue.*'a' here is '00a' in the catalogue"):
        check_interactions(events(), ["00a"], now=NOW)
    with pytest.raises(BadInput, match=r"not in the catalogue.*Ids here: 'a', 'b'; in the catalogue: 'SHOP-1'"):
        check_interactions(events(), ["SHOP-1"], now=NOW)


def test_milliseconds_are_detected_converted_and_said():
    raw = events()
    checked = check_interactions(raw.assign(timestamp=(raw["timestamp"] * 1e3).astype(np.int64)), now=NOW)
    assert checked.notes["timestamps"] == "milliseconds"
    pd.testing.assert_frame_equal(checked.table, check_interactions(raw, now=NOW).table)


def test_ordinals_are_order_only():
    checked = check_interactions(events(timestamp=[0, 1, 0]), now=NOW)
    assert checked.time_kind is TimeKind.ORDER
    assert checked.table["timestamp"].tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("raw", [events().drop(columns="timestamp"), events(timestamp=-1), events(timestamp=None)])
def test_without_times_the_order_of_rows_counts(raw):
    checked = check_interactions(raw, now=NOW)
    assert checked.time_kind is TimeKind.ORDER
    assert checked.table[["item_id", "timestamp"]].to_numpy().tolist() == [["b", 0.0], ["a", 1.0], ["a", 0.0]]
    assert "order of rows" in str(checked.notes["timestamps"])


def test_mostly_missing_times_are_order_only_and_few_are_quarantined():
    most = events(timestamp=[NOW, -1, -1])
    few = events(timestamp=[NOW, NOW, -1])
    assert check_interactions(most, now=NOW).time_kind is TimeKind.ORDER
    checked = check_interactions(few, now=NOW)
    assert checked.time_kind is TimeKind.ABSOLUTE
    assert reasons(checked) == {3: "timestamp is missing"}


def test_unreadable_times_are_one_clear_error():
    with pytest.raises(BadInput, match=r"'timestamp': 3 of 3 values cannot be read, for example 'last week'.*Use UTC"):
        check_interactions(events(timestamp="last week"), now=NOW)


def test_impressions_and_users():
    checked = check_impressions(events(clicked=[True, "no", "dunno"]), {"a", "b"}, now=NOW)
    assert checked.table["clicked"].tolist() == [False, True]
    assert reasons(checked) == {3: "clicked is neither true nor false"}
    with pytest.raises(BadInput, match="no column 'clicked'"):
        check_impressions(events(), now=NOW)
    users = check_users(pd.DataFrame({"user_id": [2, 1, 1], "segment": ["x", None, "y"], "age": [1, 2, 3]}))
    assert users.table.to_dict("list") == {"user_id": ["1", "2"], "segment": ["y", "x"], "age": [3, 1]}


def test_request_tables_keep_their_order_and_count_the_bad_rows():
    pairs = pd.DataFrame({"user_id": [9, 1], "item_id": [1.0, 2.0], "extra": ["x", "y"]})
    found, left_out = check_columns(pairs, ["user_id", "item_id"], "pairs")
    assert found.to_numpy().tolist() == [["9", "1", "x"], ["1", "2", "y"]]
    assert left_out == 0
    found, left_out = check_columns(pd.DataFrame({"user_id": ["a", None, "b"]}), ["user_id"], "pairs.csv")
    assert (found["user_id"].tolist(), left_out) == (["a", "b"], 1)
    with pytest.raises(BadInput, match=r"pairs\.csv: none of its 2 rows has user_id"):
        check_columns(pd.DataFrame({"user_id": ["", None]}), ["user_id"], "pairs.csv")


def test_a_quarantine_is_bounded_but_everything_is_counted(monkeypatch):
    monkeypatch.setattr("recsys.data.validation.MAX_QUARANTINE", 2)
    checked = check_items(pd.DataFrame({"item_id": range(9), "title": ["x" * 9_000] + [None] * 8}))
    assert checked.quarantine["row"].tolist() == [2, 3]
    assert checked.notes["quarantined"] == 8


# --- laws -------------------------------------------------------------------------------------------------------------

CELLS = st.one_of(st.none(), st.sampled_from(["a", "b", "", " c ", 1, 2.0, "1", "nan", True]))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": CELLS,
            "item_id": CELLS,
            "timestamp": st.one_of(st.none(), st.integers(-1, 3), st.integers(1_700_000_000, 1_700_000_003)),
            "event": st.sampled_from(["view", "cart", "purchase", "search", "PURCHASE", "click", "x", None]),
            "weight": st.one_of(st.none(), st.floats(-1, 2)),
            "query": st.sampled_from([None, "", "mug"]),
        }
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=100, derandomize=True)
@given(ROWS)
def test_every_row_is_kept_quarantined_or_a_duplicate(rows):
    rows.append({"user_id": "a", "item_id": "b", "timestamp": 1_700_000_000, "event": "view", "weight": 1, "query": ""})
    try:
        checked = check_interactions(pd.DataFrame(rows), {"a", "b", "1", "2"}, now=NOW)
    except BadInput:  # most times unreadable, or no usable row: tested above
        return
    table, notes = checked.table, checked.notes
    assert notes["rows"] == len(rows) == len(table) + len(checked.quarantine) + notes["duplicates"]
    assert notes["kept"] == len(table)
    assert (checked.quarantine["reason"] != "").all()
    assert table["weight"].notna().all()
    assert np.isfinite(table["timestamp"]).all()
    assert set(table["event"]) <= set(schema.EVENTS)
    again = check_interactions(table, {"a", "b", "1", "2"}, now=NOW)
    assert again.time_kind is checked.time_kind
    pd.testing.assert_frame_equal(again.table, table)


@settings(max_examples=30, derandomize=True)
@given(st.permutations(range(12)))
def test_shuffled_files_give_the_same_tables(order):
    number = np.arange(12)
    raw = pd.DataFrame(
        {
            "user_id": number % 3,
            "item_id": number % 4,
            "timestamp": NOW - number // 6,
            "event": np.where(number % 2, "view", "cart"),
        }
    )
    shuffled = raw.iloc[list(order)]
    pd.testing.assert_frame_equal(check_interactions(shuffled, now=NOW).table, check_interactions(raw, now=NOW).table)
    items = pd.DataFrame({"item_id": number, "title": number.astype(str)})
    pd.testing.assert_frame_equal(check_items(items.iloc[list(order)]).table, check_items(items).table)


def test_a_checked_table_survives_parquet(tmp_path):
    items = check_items(ITEMS.assign(text=["x", None, "z"])).table
    log = check_interactions(events(event="view", price=[1, None, 2]), now=NOW).table
    for table in (items, log):
        table.to_parquet(tmp_path / "t.parquet", index=False)
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), table)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("online_retail", TimeKind.ABSOLUTE),
        ("amazon14_beauty", TimeKind.ABSOLUTE),
        ("amazon18_office", TimeKind.ORDER),
        ("xrec_amazon", TimeKind.ORDER),
    ],
)
def test_real_tables_pass_without_a_bad_row(name, kind):
    folder = SHARED / "data" / name
    if not folder.is_dir():
        pytest.skip("the evaluation data is not beside the checkout")
    items = check_items(pd.read_parquet(folder / "items.parquet"))
    log = check_interactions(pd.read_parquet(folder / "interactions.parquet"), set(items.table["item_id"]))
    assert items.quarantine.empty
    assert log.quarantine.empty
    assert log.time_kind is kind


def test_a_missing_column_is_told_with_the_names_of_the_file_and_the_remedy_works():
    raw = pd.DataFrame({"product_name": ["Red pot", "Blue pot"], "itemid_x": ["1", "2"]})
    with pytest.raises(BadInput, match=r"\(if it is 'itemid_x', give --map item_id=itemid_x\)\. Found: 'product_name'"):
        check_items(raw, source="items.csv")
    mapped = check_items(raw, source="items.csv", dialect=Dialect(columns={"item_id": "itemid_x"}))
    assert mapped.table[["item_id", "title"]].to_numpy().tolist() == [["1", "Red pot"], ["2", "Blue pot"]]
