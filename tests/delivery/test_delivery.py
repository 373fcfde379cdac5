"""Delivery times: read from the layouts shops have, counted in delivery days, and honest about what is not known."""

# ruff: noqa: E501 - exports as they are
from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from typer.testing import CliRunner

from recsys import cli
from recsys.data.sample.parcels import make_parcels
from recsys.delivery import times
from recsys.delivery.calendar import Calendar
from recsys.delivery.parcels import check_orders
from recsys.delivery.published import Delivery, backtest, dated, histogram, learn, load, open_orders
from recsys.errors import ArtifactError, BadInput, NothingToLearn

OLIST = """order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date
e481f51c,9ef432eb,delivered,2017-10-02 10:56:33,2017-10-02 11:07:15,2017-10-04 19:55:00,2017-10-10 21:25:13,2017-10-18 00:00:00
53cdb2fc,b0830fb4,delivered,2018-07-24 20:41:37,2018-07-26 03:24:27,2018-07-26 14:31:00,2018-08-07 15:27:45,2018-08-13 00:00:00
47770eb9,41ce2a54,shipped,2018-08-08 08:38:49,2018-08-08 08:55:23,2018-08-08 13:50:00,,2018-09-04 00:00:00
949d5b44,f88197465,canceled,2017-11-18 19:28:06,2017-11-18 19:45:59,,,2017-12-15 00:00:00
"""
SHOPIFY = """Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Created at,Lineitem quantity,Lineitem name,Shipping Method,Shipping Country,Shipping Province,Delivered at
#1001,a@x.org,paid,2024-03-01 09:00:00 +0000,fulfilled,2024-03-02 10:00:00 +0000,2024-03-01 08:59:00 +0000,1,Mug,DHL Standard,DE,BE,2024-03-05 12:00:00 +0000
#1001,a@x.org,,,,,,2,Cup,,,,
#1002,b@x.org,paid,2024-03-04 09:00:00 +0000,unfulfilled,,2024-03-04 09:00:00 +0000,1,Mug,DHL Express,DE,BY,
"""
WOO = """Order Number;Order Date;Completed Date;Shipping Method Title;State (Shipping);Shipping Country;Estimated Delivery
501;12/01/2025 10:15;13/01/2025 08:00;Flat rate;Kent;GB;16/01/2025
502;25/01/2025 10:15;27/01/2025 08:00;Flat rate;Kent;GB;30/01/2025
"""

#: All 79 columns of Shopify's orders export (help.shopify.com, "Exporting orders to a CSV file"), with invented orders.
SHOPIFY_WHOLE = """Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,Billing City,Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,Id,Tags,Risk Level,Source,Lineitem discount,Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,Tax 4 Value,Tax 5 Name,Tax 5 Value,Phone,Receipt Number,Duties,Billing Province Name,Shipping Province Name,Payment ID,Payment Terms Name,Next Payment Due At,Payment References
#2001,a@x.org,paid,2026-04-06 01:50:00 +0400,fulfilled,2026-04-07 09:00:00 +0400,no,BDT,20.00,5.00,0.00,25.00,,0.00,Two days,2026-04-06 01:48:03 +0400,2,Mug,10.00,,MUG,true,true,fulfilled,Ann Ex,1 Road,1 Road,,,Dhaka,1000,,BD,,Ann Ex,1 Road,1 Road,,,Dhaka,1000,13,BD,,,"First name: Ann
City: Dhaka",,Cash,,0.00,Acme,0.00,,,,11,,Low,web,0.00,,,,,,,,,,,,,,,Dhaka,,,,
#2001,a@x.org,,,,,,,,,,,,,,2026-04-06 01:48:03 +0400,1,Cup,5.00,,CUP,true,true,fulfilled,,,,,,,,,,,,,,,,,,,,,,,,,,,Acme,,,,,,,,,0.00,,,,,,,,,,,,,,,,,,,
#2002,b@x.org,paid,2026-04-05 21:06:21 +0400,unfulfilled,,no,BDT,10.00,5.00,0.00,15.00,,0.00,Express,2026-04-05 21:06:21 +0400,1,Mug,10.00,,MUG,true,true,pending,Ben Ex,2 Road,2 Road,,,Khulna,2000,,BD,,Ben Ex,2 Road,2 Road,,,Khulna,2000,27,BD,,,,2026-04-06 10:00:00 +0400,Cash,,0.00,Acme,0.00,,,,12,,Low,web,0.00,,,,,,,,,,,,,,,Khulna,,,,
#2003,c@x.org,pending,,unfulfilled,,no,BDT,10.00,5.00,0.00,15.00,,0.00,Two days,2026-04-07 00:10:00 +0400,1,Mug,10.00,,MUG,true,true,pending,Cy Ex,3 Road,3 Road,,,Dhaka,1000,,BD,,Cy Ex,3 Road,3 Road,,,Dhaka,1000,13,BD,,,,,Cash,,0.00,Acme,15.00,,,,13,,Low,web,0.00,,,,,,,,,,,,,,,Dhaka,,,,
"""
#: The columns of WooCommerce's "Customer / Order CSV Export", default format, with invented orders.
WOO_WHOLE = """order_id,order_number_formatted,order_number,date,status,order_shipping,order_shipping_tax,order_fees,order_fee_tax,order_tax,cart_discount,order_discount,order_total,payment_method,shipping_method,customer_user,billing_first_name,billing_last_name,billing_email,billing_phone,billing_address_1,billing_address_2,billing_postcode,billing_city,billing_state,billing_country,billing_company,shipping_first_name,shipping_last_name,shipping_address_1,shipping_address_2,shipping_postcode,shipping_city,shipping_state,shipping_country,shipping_company,customer_note,order_item_1,order_item_2,download_permissions_granted,order_notes,shipping_method_1,shipping_cost_1
4993,4993,,5/31/2016 0:37,completed,0,0,0,0,0,0,0,30,paypal,Free Shipping,,Ann,Ex,a@x.org,,1 Road,,85345,Peoria,AZ,US,,Ann,Ex,1 Road,,85345,Peoria,AZ,US,,,product_id:4959|1|30|size: Medium,,1,,method:Free Shipping|total:0.00,0
4992,4992,,5/30/2016 22:00,cancelled,0,0,0,0,0,0,0,30,paypal,Free Shipping,,Ben,Ex,b@x.org,,2 Road,,73301,Austin,TX,US,,Ben,Ex,2 Road,,73301,Austin,TX,US,,,product_id:4959|1|30|size: Medium,,1,,method:Free Shipping|total:0.00,0
4991,4991,,5/4/2016 8:05,processing,0,0,0,0,0,0,0,30,paypal,Flat Rate,,Cy,Ex,c@x.org,,3 Road,,73301,Austin,TX,US,,Cy,Ex,3 Road,,73301,Austin,TX,US,,,product_id:4959|1|30|size: Medium,,1,,method:Flat Rate|total:5.00,5
"""


def day(text: str) -> int:
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days


def read(text: str, tmp_path, name: str = "orders.csv"):
    from recsys.delivery.parcels import read_orders

    (tmp_path / name).write_text(text, "utf-8")
    return read_orders(tmp_path / name)


def test_olist_is_read_as_it_is(tmp_path):
    checked = read(OLIST, tmp_path)
    assert checked.report.columns == {
        "order_purchase_timestamp": "ordered_at",
        "order_delivered_carrier_date": "shipped_at",
        "order_delivered_customer_date": "delivered_at",
        "order_estimated_delivery_date": "promised_at",
        "order_status": "status",
    }
    assert list(checked.table["order_id"]) == ["e481f51c", "53cdb2fc", "47770eb9"]  # what was called off is no parcel
    assert [dated(d) for d in checked.table["delivered_at"]] == ["2017-10-10", "2018-08-07", ""]
    assert [dated(d) for d in checked.table["promised_at"]] == ["2017-10-18", "2018-08-13", "2018-09-04"]
    assert "customer_id" not in checked.table


def test_a_shopify_export_has_a_row_for_each_line_and_is_one_parcel(tmp_path):
    checked = read(SHOPIFY, tmp_path)
    assert list(checked.table["order_id"]) == ["#1001", "#1002"]
    assert list(checked.table["method"]) == ["DHL Standard", "DHL Express"]
    assert [dated(d) for d in checked.table["shipped_at"]] == ["2024-03-02", ""]
    assert list(checked.table["region"]) == ["BE", "BY"]
    assert "Email" not in checked.table


def test_a_whole_shopify_export_is_read_by_the_shops_own_days(tmp_path):
    """Times as the shop wrote them: 01:48 on 6 April is no order of 5 April, wherever the server stands."""
    checked = read(SHOPIFY_WHOLE, tmp_path)
    assert checked.report.columns == {
        "Name": "order_id",
        "Created at": "ordered_at",
        "Fulfilled at": "shipped_at",
        "Shipping Method": "method",
        "Shipping Province Name": "region",
        "Shipping Country": "country",
        "Fulfillment Status": "status",
        "Cancelled at": "cancelled_at",
    }
    table = checked.table.sort_values("order_id")
    assert table["order_id"].tolist() == ["#2001", "#2003"]  # the second was cancelled, whatever its payment says
    assert [dated(d) for d in table["ordered_at"]] == ["2026-04-06", "2026-04-07"]
    assert [dated(d) for d in table["shipped_at"]] == ["2026-04-07", ""]
    assert table["delivered_at"].isna().all()  # the export does not say when parcels came
    assert table[["method", "country", "region"]].to_numpy().tolist() == [["Two days", "BD", "Dhaka"]] * 2
    assert table["carrier"].tolist() == ["", ""]  # "Shipping Company" is where the buyer works
    assert not {"Email", "Shipping Name", "Phone", "Note Attributes"} & set(checked.table)


def test_a_whole_woocommerce_export(tmp_path):
    checked = read(WOO_WHOLE, tmp_path)
    table = checked.table.sort_values("order_id")
    assert table["order_id"].tolist() == ["4991", "4993"]
    assert [dated(d) for d in table["ordered_at"]] == ["2016-05-04", "2016-05-31"]  # months first: 31 is no month
    assert table["method"].tolist() == ["Flat Rate", "Free Shipping"]
    assert table[["country", "region"]].to_numpy().tolist() == [["US", "TX"], ["US", "AZ"]]


def test_a_woocommerce_export_with_days_first(tmp_path):
    checked = read(WOO, tmp_path)
    assert [dated(d) for d in checked.table["ordered_at"]] == ["2025-01-12", "2025-01-25"]
    assert [dated(d) for d in checked.table["promised_at"]] == ["2025-01-16", "2025-01-30"]
    assert checked.report.columns["Shipping Country"] == "country"


def test_a_table_without_times_of_ordering_is_refused_with_its_columns():
    with pytest.raises(BadInput, match=r"no column 'ordered_at'.*'colour'"):
        check_orders(pd.DataFrame({"colour": ["red"], "n": [1]}))


def test_times_that_cannot_be_are_left_out():
    table = pd.DataFrame({"ordered_at": ["2025-01-02", "2025-01-02"], "delivered_at": ["2025-01-01", "2025-01-04"]})
    checked = check_orders(table)
    assert len(checked.table) == 1
    assert list(checked.quarantine["reason"]) == ["delivered_at is before ordered_at"]


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        ("2025-12-19", 1, "2025-12-22"),  # a Friday: the next delivery day is Monday
        ("2025-12-20", 1, "2025-12-22"),  # a Saturday, too
        ("2025-12-24", 1, "2025-12-29"),  # Christmas, Boxing Day and a weekend
        ("2025-12-24", 0, "2025-12-24"),
    ],
)
def test_delivery_days_skip_weekends_and_holidays(start, count, end):
    pytest.importorskip("holidays")
    calendar = Calendar.of(check_orders(make_parcels(7)).table)
    assert calendar.week == (True,) * 5 + (False,) * 2
    assert calendar.after(day(start), count, "United Kingdom") == day(end)
    counted = calendar.between(np.array([day(start)]), np.array([day(end)]), "United Kingdom")
    assert counted.tolist() == [count]


def test_holidays_on_which_parcels_come_are_no_days_of_rest():
    first = day("2024-01-01")
    rows = [{"ordered_at": float(first + n), "delivered_at": float(first + n), "country": "GB"} for n in range(700)]
    assert Calendar.of(pd.DataFrame(rows)).holidays == {}


def parcels(taken: list[int], *, region: str = "North", start: str = "2025-01-06") -> pd.DataFrame:
    """Parcels ordered a day after another, delivered so many calendar days later."""
    first = day(start)
    return pd.DataFrame(
        {
            "ordered_at": [float(first + n) for n in range(len(taken))],
            "shipped_at": np.nan,
            "delivered_at": [float(first + n + d) for n, d in enumerate(taken)],
            "promised_at": np.nan,
            "carrier": "Post",
            "method": "Standard",
            "country": "",
            "region": region,
        }
    )


def test_shrinkage_is_the_mean_with_the_wider_group():
    """40 parcels of the north took 1 day, 60 of the south 3: worked out by hand with a prior weight of 20."""
    both = pd.concat([parcels([1] * 40), parcels([3] * 60, region="South")])
    known = times.DeliveryTimes(
        calendar=Calendar(), groups=times._counted(both, Calendar(), "ordered_at"), radii=(0.5,) * 2
    )
    everywhere = (40 + 1 / 61) / 101  # one parcel's worth of "anything" on top of the 100
    method = (40 + 20 * everywhere) / 120
    north = (40 + 20 * method) / 60
    assert known.distribution("Standard", region="North")[1] == pytest.approx(north)
    assert known.distribution("Standard", region="North").sum() == pytest.approx(1)
    assert known.distribution("Standard", region="Elsewhere")[1] == pytest.approx((0 + method * 20) / 20)


def test_nothing_is_promised_where_under_thirty_parcels_were_delivered():
    few = pd.concat([parcels([2, 3] * 100), parcels([9] * 29, region="Island")])
    found = times.DeliveryTimes.fit(few, Calendar())
    assert found.span(day("2025-06-02"), "Standard", "", "Island") is None
    assert found.risk(day("2025-06-02"), day("2025-06-20"), day("2025-06-03"), "Standard", "", "Island") is None
    assert found.span(day("2025-06-02"), "Standard", "", "Nowhere") is None
    assert found.span(day("2025-06-02"), "Standard", "", "North") is not None
    with pytest.raises(NothingToLearn, match="29 parcels have both"):
        times.DeliveryTimes.fit(few.iloc[200:], Calendar())


def test_only_fast_parcels_of_the_last_days_do_not_flatter():
    """Of the last days only what came at once is known; those days say nothing yet."""
    table = parcels([10] * 100)
    end = table["delivered_at"].max()
    fast = parcels([0] * 5).assign(ordered_at=end, delivered_at=end)
    assert (times.settled(pd.concat([table, fast]))["delivered_at"] < end + 1).all()
    assert end not in set(times.settled(pd.concat([table, fast]))["ordered_at"])


def test_what_has_gone_by_is_no_longer_possible():
    found = times.DeliveryTimes.fit(parcels([1, 2, 3, 4, 5] * 40), Calendar())
    monday = day("2025-11-03")
    assert found.span(monday, "Standard", today=monday + 4).earliest == monday + 4
    # of 1..5 days equally likely, not yet there after three: 4 or 5, so late for a promise of four days half the time
    assert found.risk(monday, monday + 4, monday + 3, "Standard") == pytest.approx(0.5, abs=0.03)
    assert found.risk(monday, monday + 4, monday + 4, "Standard") == 1.0
    assert found.span(monday, "Standard", today=monday + 58) is None  # nothing ever took so long: it may be lost


def test_intervals_hold_on_later_parcels_of_the_sample_shop():
    """The bar: 90% intervals hold 88 to 92% of the parcels that were ordered later than all that was known."""
    held = {one.level: one for one in backtest(check_orders(make_parcels(7)).table)}
    assert held[0.9].parcels > 1_000
    assert 0.88 <= held[0.9].held <= 0.92
    assert 0.76 <= held[0.8].held <= 0.84
    assert held[0.8].days < held[0.9].days


@pytest.fixture(scope="module")
def shop() -> tuple[pd.DataFrame, Delivery]:
    table = check_orders(make_parcels(7)).table
    return table, learn(table)


def test_the_carrier_report_counts_what_the_table_holds(shop):
    table, found = shop
    for one in found.carriers:
        mine = table[(table["carrier"] == one.carrier) & table["delivered_at"].notna()]
        hits = int((mine["delivered_at"] <= mine["promised_at"]).sum())
        assert (one.parcels, one.on_time) == (len(mine), pytest.approx(hits / len(mine)))
        assert one.on_time_interval == pytest.approx(tuple(binomtest(hits, len(mine)).proportion_ci(method="wilson")))
    assert [one.parcels for one in found.carriers] == sorted((one.parcels for one in found.carriers), reverse=True)


def test_open_orders_say_how_late_they_are(shop):
    table, found = shop
    waiting = open_orders(table, found)
    assert set(waiting["order_id"]) == set(table.loc[table["delivered_at"].isna(), "order_id"])
    today = dt.date(1970, 1, 1) + dt.timedelta(days=found.as_of)
    for row in waiting.to_dict("records"):
        late = (today - dt.date.fromisoformat(row["promised_at"])).days
        assert row["late_days"] == max(late, 0)
        assert (row["late_risk"] == 1.0) == (late >= 0)
        assert row["earliest"] == "" or row["earliest"] > today.isoformat()
    lost = waiting[waiting["ordered_at"] < "2026-01-01"]
    assert len(lost)
    assert (lost["earliest"] == "").all()  # no day is named for what will hardly come


def test_histogram_is_the_distribution_on_calendar_days(shop):
    _, found = shop
    friday = day("2026-03-27")
    bars = histogram(found.ordered, "Standard", "United Kingdom", "England", friday)
    assert sum(chance for _, chance in bars) == pytest.approx(1, abs=0.05)
    weekend = [chance for after, chance in bars if after in (1, 2)]  # Saturday, Sunday
    assert not weekend


def test_what_was_learnt_is_read_back_and_a_damaged_file_is_told(shop, tmp_path):
    _, found = shop
    found.save(tmp_path)
    assert load(tmp_path) == found
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "delivery.json").write_text('{"as_of": "soon"}')
    with pytest.raises(ArtifactError, match=r"delivery\.json: damaged"):
        load(tmp_path / "other")
    assert load(tmp_path / "nothing") is None


def test_the_command_reports_and_writes_open_orders(tmp_path):
    orders = make_parcels(7).rename(columns={"ordered_at": "order_purchase_timestamp"})
    orders.to_csv(tmp_path / "orders.csv", index=False)
    arguments = ["delivery", "--orders", str(tmp_path / "orders.csv"), "--out", str(tmp_path / "open.csv")]
    done = CliRunner().invoke(cli.app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["columns"] == {"ordered_at": "order_purchase_timestamp"}
    waiting = pd.read_csv(tmp_path / "open.csv")
    assert told["open"] == len(waiting)
    lost = waiting[waiting["earliest"].isna() & (waiting["late_risk"] == 1)]
    assert told["maybe_lost"] == len(lost) > 0
    assert lost["late_days"].min() > 14  # of what is so late no day is named
    assert waiting["late_risk"].dropna().round(3).equals(waiting["late_risk"].dropna())
    refused = CliRunner().invoke(cli.app, ["delivery", "--orders", str(tmp_path / "nothing.csv")])
    assert refused.exit_code == 2


def test_the_times_of_a_table_are_written_alike(tmp_path):
    """Of orders of early February no day is above 12; the days they came on show that the day comes first."""
    rows = ["Order ID;Order Date;Shipped;Delivered;Courier"]
    rows += [f"{n};0{1 + n % 9}/02/2025 23:30 +0200;1{n % 3}/02/2025;{13 + n % 9}/02/2025;DHL" for n in range(30)]
    rows += ["30;03/02/2025 09:00;;-;DHL", "31;04/02/2025 09:00;;;DHL"]
    checked = read("\n".join(rows), tmp_path)
    table = checked.table.set_index("order_id")
    assert [dated(d) for d in table.loc["4", ["ordered_at", "shipped_at", "delivered_at"]]] == [
        "2025-02-05", "2025-02-11", "2025-02-17",
    ]  # fmt: skip
    assert dated(table.loc["30", "ordered_at"]) == "2025-02-03"
    assert table.loc[["30", "31"], "delivered_at"].isna().all()
    assert len(table) == 32


@pytest.mark.parametrize(
    ("written", "on"),
    [
        ("2024-03-05T00:30:00+01", "2024-03-05"),
        ("2024-03-05T00:30:00.000+0100", "2024-03-05"),
        ("Tue Mar 05 2024 00:30:00 GMT+0100 (Central European Standard Time)", "2024-03-05"),
        ("5 March 2024 00:30 CET", "2024-03-05"),
        ("3/5/2024 11:30 PM", "2024-03-05"),
        ("2024-03-05 00:30:00", "2024-03-05"),
        ("2024年3月5日 00:30:00", "2024-03-05"),
    ],
)
def test_a_day_is_the_shops_own_however_it_writes_its_clock(written, on):
    table = pd.DataFrame({"ordered_at": ["3/15/2024", "2024-03-01"], "delivered_at": [None, written]})
    assert dated(check_orders(table).table["delivered_at"].dropna().iloc[0]) == on


def test_orders_of_marketplaces():
    """Amazon's report of shipments, eBay's and Etsy's orders: their headings, with an invented order each."""
    amazon = {"Amazon Order Id": "1", "Purchase Date": "2024-03-01T23:30:00+00:00", "Shipment Date": "2024-03-02",
              "Ship Service Level": "Expedited", "Ship To State": "Kent", "Ship To Country": "GB", "Carrier": "Royal Mail",
              "Estimated Arrival Date": "2024-03-05T19:00:00+00:00", "Tracking Number": "T"}  # fmt: skip
    ebay = {"Order Number": "1", "Ship To State": "CA", "Ship To Country": "United States", "Sale Date": "Mar-01-24",
            "Maximum Estimated Delivery Date": "Mar-08-24", "Shipped On Date": "Mar-02-24", "Shipping Service": "USPS"}  # fmt: skip
    etsy = {"Sale Date": "03/25/24", "Order ID": "1", "Date Shipped": "03/27/24", "Ship State": "TX",
            "Ship Country": "United States", "Status": "Shipped"}  # fmt: skip
    for raw, ordered, shipped, promised, method, place in (
        (amazon, "2024-03-01", "2024-03-02", "2024-03-05", "Expedited", ["GB", "Kent"]),
        (ebay, "2024-03-01", "2024-03-02", "2024-03-08", "USPS", ["United States", "CA"]),
        (etsy, "2024-03-25", "2024-03-27", "", "", ["United States", "TX"]),
    ):
        row = check_orders(pd.DataFrame([raw])).table.iloc[0]
        assert [dated(row[m]) for m in ("ordered_at", "shipped_at", "promised_at")] == [ordered, shipped, promised]
        assert [row[name] for name in ("order_id", "method", "country", "region")] == ["1", method, *place]
