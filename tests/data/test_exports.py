"""Exports in the original layouts of shop systems, written here as their publishers document them.

Headers are those of Shopify's "Using CSV files to import and export products" (both generations) and "Exporting
orders", of WooCommerce's product exporter and its table `wc_order_product_lookup`, of Magento 2's `catalog_product`
export and its tables `sales_order` and `sales_order_item`, of Google's product data specification, of the GA4 BigQuery
export schema, and of RetailRocket's files.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys.cli import app
from recsys.data.schema import Checked, check_interactions, check_items
from recsys.data.sources import Tables, read_tables
from recsys.data.store import Store
from recsys.errors import BadInput

START = pd.Timestamp("2025-10-01T08:00:00Z")
N_ITEMS, N_USERS = 24, 30


def sales() -> pd.DataFrame:
    """Who bought which product when, as every layout tells it: even users like even products."""
    rng = np.random.default_rng(3)
    rows = []
    for user in range(N_USERS):
        own = np.arange(user % 2, N_ITEMS, 2)
        for visit, item in enumerate(rng.choice(own, 6, replace=False)):
            rows.append((user, int(item), START + pd.Timedelta(days=9 * visit + user % 7, minutes=user)))
    return pd.DataFrame(rows, columns=["user", "item", "time"])


def titles() -> list[str]:
    words = ["mug", "pot", "spade", "rake", "bowl", "hose", "pan", "seed", "tray", "pail", "knife", "glove"]
    return [f"{('Red', 'Blue')[n // 12]} {words[n % 12]}" for n in range(N_ITEMS)]


def save(folder: Path, name: str, header: str, rows: list[dict[str, object]]) -> Path:
    """A csv with the columns of `header`, empty where a row says nothing."""
    path = folder / name
    pd.DataFrame(rows).reindex(columns=header.split(",")).to_csv(path, index=False)
    return path


def checked(tables: Tables) -> tuple[Checked, Checked]:
    items = check_items(tables.items)
    return items, check_interactions(tables.interactions, set(items.table["item_id"]))


# --- Shopify ----------------------------------------------------------------------------------------------------------

PRODUCTS_2020 = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,"
    "Option2 Name,Option2 Value,Option3 Name,Option3 Value,Variant SKU,Variant Grams,"
    "Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Fulfillment Service,"
    "Variant Price,Variant Compare At Price,Variant Requires Shipping,Variant Taxable,Variant Barcode,"
    "Image Src,Image Position,Image Alt Text,Gift Card,SEO Title,SEO Description,Variant Image,"
    "Variant Weight Unit,Cost per item,Status"
)
PRODUCTS_2025 = (
    "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,"
    "Barcode,Option1 name,Option1 value,Option1 Linked To,Option2 name,Option2 value,Option2 Linked To,"
    "Option3 name,Option3 value,Option3 Linked To,Price,Compare-at price,Cost per item,Charge tax,Tax code,"
    "Inventory tracker,Inventory quantity,Continue selling when out of stock,Weight value (grams),"
    "Weight unit for display,Requires shipping,Fulfillment service,Product image URL,Image position,"
    "Image alt text,Variant image URL,Gift card,SEO title,SEO description"
)
NEW_NAMES = {
    "Handle": "URL handle",
    "Body (HTML)": "Description",
    "Product Category": "Product category",
    "Published": "Published on online store",
    "Option1 Name": "Option1 name",
    "Option1 Value": "Option1 value",
    "Variant SKU": "SKU",
    "Variant Price": "Price",
    "Variant Inventory Tracker": "Inventory tracker",
    "Variant Inventory Qty": "Inventory quantity",
    "Variant Inventory Policy": "Continue selling when out of stock",
    "Image Src": "Product image URL",
}
ORDERS = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,"
    "Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,"
    "Lineitem name,Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,"
    "Lineitem taxable,Lineitem fulfillment status,Billing Name,Billing Street,Notes,Note Attributes,"
    "Cancelled at,Payment Method,Payment Reference,Refunded Amount,Vendor,Id,Tags,Risk Level,Source,"
    "Lineitem discount,Phone"
)


def shopify_products(folder: Path, header: str = PRODUCTS_2020, skus: bool = True) -> Path:
    rows: list[dict[str, object]] = []
    for n, title in enumerate(titles()):
        shared = {"Title": title, "Body (HTML)": f"<p>A {title} for all.</p>", "Vendor": "Acme", "Type": "Home"}
        shared |= {"Published": "true", "Status": "active", "Option1 Name": "Size"}
        for size in ("S", "L"):
            rows.append(
                {
                    "Handle": title.lower().replace(" ", "-"),
                    **(shared if size == "S" else {}),
                    "Option1 Value": size,
                    "Variant SKU": f"{n:03d}-{size}" if skus else None,
                    "Variant Price": f"{5 + n}.50",
                    "Variant Inventory Tracker": "shopify",
                    "Variant Inventory Qty": "0" if n == 3 and size == "L" else "7",
                    "Variant Inventory Policy": "deny",
                }
            )
        rows.append({"Handle": title.lower().replace(" ", "-"), "Image Src": "https://cdn/2.jpg", "Image Position": 2})
    if header == PRODUCTS_2025:
        rows = [{NEW_NAMES.get(name, name): value for name, value in row.items()} for row in rows]
    return save(folder, "products_export.csv", header, rows)


def shopify_orders(folder: Path, skus: bool = True) -> Path:
    """Two lines an order: the order's own cells are only on the first."""
    rows: list[dict[str, object]] = []
    for n, ((user, day), lines) in enumerate(sales().groupby(["user", "time"])):
        order = f"#{1001 + n}"
        at = day.tz_convert("Europe/Berlin").strftime("%Y-%m-%d %H:%M:%S %z")
        whole = {"Email": f"u{user}@example.com", "Financial Status": "paid", "Paid at": at, "Currency": "EUR"}
        for number, item in enumerate([*lines["item"]] * 2):
            size = "SL"[number]
            rows.append(
                {
                    "Name": order,
                    **(whole | {"Created at": at} if number == 0 else {}),
                    "Lineitem quantity": 1,
                    "Lineitem name": f"{titles()[item]} - {size}",
                    "Lineitem price": f"{5 + item}.50",
                    "Lineitem sku": f"{item:03d}-{size}" if skus else None,
                }
            )
    rows[0] |= {"Cancelled at": rows[0]["Paid at"]}
    return save(folder, "orders_export.csv", ORDERS, rows)


@pytest.mark.parametrize("header", [PRODUCTS_2020, PRODUCTS_2025], ids=["2020", "2025"])
@pytest.mark.parametrize("skus", [True, False], ids=["skus", "no skus"])
def test_shopify(tmp_path, header, skus):
    tables = read_tables(shopify_products(tmp_path, header, skus), shopify_orders(tmp_path, skus))
    assert tables.notes["format"] == "shopify"
    assert tables.notes["image_rows"] == N_ITEMS
    assert tables.notes["cancelled_lines"] == 2
    items, events = checked(tables)
    assert len(items.table) == 2 * N_ITEMS
    assert items.quarantine.empty
    first = items.table.set_index("item_id").loc["000-L" if skus else "red-mug-L"]
    assert first[["title", "brand", "category", "price", "parent_id"]].tolist() == [
        *("Red mug", "Acme", "Home", 5.5, "red-mug")
    ]
    assert "A Red mug for all." in first["text"]
    columns = tables.report.lines()[1]
    assert "read `Body (HTML)` as `text`" in columns or "read `Description` as `text`" in columns
    assert "read `Lineitem quantity` as `quantity`" in columns
    sold_out = items.table.loc[~items.table["available"], "item_id"].tolist()
    assert sold_out == (["003-L"] if skus else ["red-rake-L"])
    assert events.quarantine.empty
    assert len(events.table) == 2 * len(sales()) - 2
    assert set(events.table["event"]) == {"purchase"}
    assert events.table["timestamp"].min() >= START.timestamp()
    assert set(events.table["user_id"]) == {f"u{n}@example.com" for n in range(N_USERS)}


# --- WooCommerce ------------------------------------------------------------------------------------------------------

WOO = (
    "ID,Type,SKU,Name,Published,Is featured?,Visibility in catalog,Short description,Description,"
    "Date sale price starts,Date sale price ends,Tax status,Tax class,In stock?,Stock,Low stock amount,"
    "Backorders allowed?,Sold individually?,Weight (kg),Length (cm),Width (cm),Height (cm),"
    "Allow customer reviews?,Purchase note,Sale price,Regular price,Categories,Tags,Shipping class,Images,"
    "Download limit,Download expiry days,Parent,Grouped products,Upsells,Cross-sells,External URL,Button text,"
    "Position,Attribute 1 name,Attribute 1 value(s)"
)
WOO_LINES = (
    "order_item_id,order_id,product_id,variation_id,customer_id,date_created,product_qty,product_net_revenue,"
    "product_gross_revenue,coupon_amount,tax_amount,shipping_amount,shipping_tax_amount"
)


def woo_products(folder: Path) -> Path:
    rows: list[dict[str, object]] = []
    for n, title in enumerate(titles()):
        kind = "variable" if n < 2 else "simple"
        rows.append(
            {
                "ID": 100 + n,
                "Type": kind,
                "SKU": f"W-{n:02d}",
                "Name": title,
                "Published": 1,
                "In stock?": int(n != 5),
                "Short description": f"A {title}.",
                "Regular price": "9.50",
                "Categories": "Home, Home > Kitchen",
                **({"Sale price": "8.00"} if n == 4 else {}),
            }
        )
        if kind == "variable":
            rows += [
                {
                    "ID": 900 + 2 * n + k,
                    "Type": "variation",
                    "SKU": f"W-{n:02d}-{k}",
                    "Name": f"{title} - {k}",
                    "Published": 1,
                    "In stock?": 1,
                    "Regular price": "9.90",
                    "Parent": (f"id:{100 + n}", f"W-{n:02d}")[k],
                }
                for k in (0, 1)
            ]
    return save(folder, "wc-product-export.csv", WOO, rows)


def woo_lines(folder: Path, variations: bool) -> Path:
    rows = [
        {
            "order_item_id": n,
            "order_id": 5000 + n,
            "product_id": 100 + row.item,
            "customer_id": 1 + row.user,
            "variation_id": 900 + 2 * row.item if variations and row.item < 2 else 0,
            "product_qty": 1,
            "date_created": row.time.strftime("%Y-%m-%d %H:%M:%S"),
            "product_gross_revenue": "9.50",
        }
        for n, row in enumerate(sales().itertuples())
    ]
    return save(folder, "wp_wc_order_product_lookup.csv", WOO_LINES, rows)


@pytest.mark.parametrize("variations", [True, False])
def test_woocommerce(tmp_path, variations):
    items, events = checked(read_tables(woo_products(tmp_path), woo_lines(tmp_path, variations)))
    ids = set(items.table["item_id"])
    assert events.quarantine.empty
    assert len(events.table) == len(sales())
    assert ("100" in ids) is not variations  # the product, or its variations: what the orders name
    assert ("900" in ids) is variations
    table = items.table.set_index("item_id")
    assert table.loc["104", ["price", "category", "text"]].tolist() == [8.0, "Kitchen", "A Red bowl."]
    assert not table.loc["105", "available"]
    if variations:
        assert table.loc["901", ["parent_id", "category", "text"]].tolist() == ["100", "Kitchen", "A Red mug."]


def test_events_by_sku_take_the_sku_of_the_catalogue(tmp_path):
    log = sales().assign(item_id=lambda t: t["item"].map("W-{:02d}".format), user_id=lambda t: t["user"])
    log["timestamp"] = log["time"].astype(str)
    log[["user_id", "item_id", "timestamp"]].to_csv(tmp_path / "log.csv", index=False)
    tables = read_tables(woo_products(tmp_path), tmp_path / "log.csv")
    assert tables.notes["item_ids"] == "column 'SKU' of the items, which the events use"
    assert tables.notes["format"] == "woocommerce + own"
    items, events = checked(tables)
    assert events.quarantine.empty
    assert "W-04" in set(items.table["item_id"])


# --- Magento 2 --------------------------------------------------------------------------------------------------------

MAGENTO = (
    "sku,store_view_code,attribute_set_code,product_type,categories,product_websites,name,description,"
    "short_description,weight,product_online,tax_class_name,visibility,price,special_price,url_key,meta_title,"
    "created_at,updated_at,additional_attributes,qty,out_of_stock_qty,allow_backorders,is_in_stock,"
    "manage_stock,related_skus,configurable_variations,configurable_variation_labels"
)
MAGENTO_LINES = (
    "customer_id,customer_email,item_id,order_id,parent_item_id,created_at,product_id,product_type,sku,name,"
    "qty_ordered,qty_invoiced,qty_canceled,qty_refunded,price"
)


def magento_products(folder: Path) -> Path:
    rows: list[dict[str, object]] = []
    for n, title in enumerate(titles()):
        base = {"sku": f"24-{n:02d}", "attribute_set_code": "Default", "product_type": "simple", "name": title}
        base |= {"categories": "Default Category,Default Category/Gear,Default Category/Gear/Bags", "weight": "0.5"}
        base |= {"description": f"<p>A {title}.</p>", "price": f"{5 + n}.000000", "product_online": 1, "is_in_stock": 1}
        rows.append(base | {"additional_attributes": "color=Red,manufacturer=Acme,eco=No", "qty": "10.0000"})
        rows.append({"sku": f"24-{n:02d}", "store_view_code": "de", "product_type": "simple", "name": f"{title} (de)"})
    rows[4] |= {"is_in_stock": 0}
    rows[6] |= {"product_online": 2}
    variations = "sku=24-00,size=S|sku=24-01,size=M"
    rows.append(
        {
            "sku": "CONF",
            "attribute_set_code": "Default",
            "product_type": "configurable",
            "name": "Mugs",
            "price": "5",
            "product_online": 1,
            "is_in_stock": 1,
            "configurable_variations": variations,
        }
    )
    return save(folder, "export_catalog_product.csv", MAGENTO, rows)


def magento_lines(folder: Path, buyer: bool = True) -> Path:
    rows: list[dict[str, object]] = []
    for n, row in enumerate(sales().itertuples()):
        line = {
            "item_id": 2 * n,
            "order_id": n,
            "sku": f"24-{row.item:02d}",
            "product_type": "configurable",
            "price": 7,
        }
        line |= {"qty_ordered": "1.0000", "qty_canceled": "0.0000", "qty_refunded": "0.0000"}
        line |= {"created_at": row.time.strftime("%Y-%m-%d %H:%M:%S")}
        line |= {"customer_id": row.user + 1} if row.user else {"customer_email": "guest@example.com"}
        rows += [line, line | {"item_id": 2 * n + 1, "parent_item_id": 2 * n, "product_type": "simple", "price": 0}]
    rows[0] |= {"qty_refunded": "1.0000"}
    header = MAGENTO_LINES if buyer else MAGENTO_LINES.partition("customer_email,")[2]
    return save(folder, "sales_order_item.csv", header, rows)


def test_magento(tmp_path):
    tables = read_tables(magento_products(tmp_path), magento_lines(tmp_path))
    assert tables.notes["store_view_rows"] == N_ITEMS
    assert tables.notes["repeated_lines"] == len(sales())
    assert tables.notes["undone_lines"] == 1
    items, events = checked(tables)
    table = items.table.set_index("item_id")
    assert table.loc["24-01", ["title", "brand", "category", "price", "parent_id"]].tolist() == [
        *("Red pot", "Acme", "Bags", 6.0, "CONF")
    ]
    assert table.index[~table["available"]].tolist() == ["24-02", "24-03"]
    assert events.quarantine.empty
    assert len(events.table) == len(sales()) - 1
    assert {"guest@example.com", "2"} <= set(events.table["user_id"])


def test_magento_lines_without_a_buyer_name_the_query_that_has_one(tmp_path):
    import sqlalchemy as sa

    magento_products(tmp_path)
    with pytest.raises(BadInput, match="does not say who bought; export it with its order: SELECT") as told:
        read_tables(interactions=magento_lines(tmp_path, buyer=False))
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = sa.create_engine(url)
    lines = pd.read_csv(magento_lines(tmp_path))
    lines.drop(columns=["customer_id", "customer_email"]).to_sql("sales_order_item", engine, index=False)
    orders = lines[["order_id", "customer_id", "customer_email"]].drop_duplicates()
    orders.rename(columns={"order_id": "entity_id"}).to_sql("sales_order", engine, index=False)
    engine.dispose()
    query = str(told.value).rpartition("its order: ")[2]
    _, events = checked(read_tables(tmp_path / "export_catalog_product.csv", f"{url}#{query}"))
    assert len(events.table) == len(sales()) - 0  # the query does not select what was refunded
    assert "2" in set(events.table["user_id"])


# --- Google Merchant --------------------------------------------------------------------------------------------------

MERCHANT = "id,title,description,link,image_link,availability,price,brand,google_product_category,gtin,condition"


def merchant_rows() -> list[dict[str, object]]:
    return [
        {
            "id": f"{n:04d}",
            "title": title,
            "description": f"A {title} <b>for all</b>",
            "condition": "new",
            "availability": "out_of_stock" if n == 2 else "in_stock",
            "price": f"{5 + n}.50 EUR",
            "brand": "Acme",
            "google_product_category": "Home & Garden > Kitchen",
            "link": f"https://shop/{n}",
        }
        for n, title in enumerate(titles())
    ]


def merchant_feed(folder: Path, kind: str) -> Path:
    if kind == "tsv":
        path = folder / "feed.txt"
        pd.DataFrame(merchant_rows()).reindex(columns=MERCHANT.split(",")).to_csv(path, sep="\t", index=False)
        return path
    from xml.sax.saxutils import escape

    cells = [
        "".join(f"<g:{name}>{escape(str(value))}</g:{name}>" for name, value in row.items())
        + "<g:shipping><g:country>DE</g:country><g:price>4.95 EUR</g:price></g:shipping>"
        for row in merchant_rows()
    ]
    rss = (
        '<?xml version="1.0" encoding="{}"?>\n<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>'
        "<title>Shop</title><link>https://shop</link><description>All</description>{}</channel></rss>"
    )
    atom = (
        '<?xml version="1.0" encoding="{}"?>\n<feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title>{}</feed>'
    )
    encoding = "utf-16" if kind == "atom" else "utf-8"
    body = atom.format(encoding, "".join(f"<entry>{cell}</entry>" for cell in cells)) if kind == "atom" else None
    body = body or rss.format(encoding, "".join(f"<item>{cell}</item>" for cell in cells))
    path = folder / "feed.xml"
    path.write_bytes(body.encode(encoding))
    return path


def own_log(folder: Path, spell: str = "{:04d}") -> Path:
    log = sales().assign(item_id=lambda t: t["item"].map(spell.format), user_id=lambda t: t["user"])
    log["timestamp"] = (log["time"] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)
    log[["user_id", "item_id", "timestamp"]].to_csv(folder / "log.csv", index=False)
    return folder / "log.csv"


@pytest.mark.parametrize("kind", ["tsv", "rss", "atom"])
def test_google_merchant(tmp_path, kind):
    items, events = checked(read_tables(merchant_feed(tmp_path, kind), own_log(tmp_path)))
    table = items.table.set_index("item_id")
    assert len(table) == N_ITEMS
    assert table.loc["0001", ["title", "brand", "price"]].tolist() == ["Red pot", "Acme", 6.5]
    assert table.index[~table["available"]].tolist() == ["0002"]
    assert events.quarantine.empty


def test_a_feed_resolves_no_entity_and_says_what_is_wrong(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    entity = f'<!DOCTYPE r [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    evil = f"{entity}<r><p><id>1</id><title>&x;</title></p><p><id>2</id></p></r>"
    (tmp_path / "feed.xml").write_text(evil)
    assert "hunter2" not in read_tables(tmp_path / "feed.xml").items.to_csv()
    (tmp_path / "torn.xml").write_text("<rss><channel><item><id>1</id>")
    with pytest.raises(BadInput, match="no well-formed XML"):
        read_tables(tmp_path / "torn.xml")
    (tmp_path / "empty.xml").write_text("<rss><channel/></rss>")
    with pytest.raises(BadInput, match="no product is to be found; export the table as csv"):
        read_tables(tmp_path / "empty.xml")


# --- GA4 --------------------------------------------------------------------------------------------------------------


def ga4_events() -> list[dict[str, object]]:
    def record(name: str, user: int, time: pd.Timestamp, **more: object) -> dict[str, object]:
        known = {"user_id": f"U{user}"} if user % 3 else {}
        micros = (time - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1)
        return {
            "event_date": time.strftime("%Y%m%d"),
            "event_timestamp": str(micros),
            "event_name": name,
            "user_pseudo_id": f"{user}.17{user}",
            "platform": "WEB",
            "geo": {"country": "DE"},
            **known,
            **more,
        }

    out = []
    for row in sales().itertuples():
        item = {
            "item_id": f"{row.item:03d}",
            "item_name": titles()[row.item],
            "item_brand": "Acme",
            "price": 5.5,
            "item_category": "Home",
            "item_category2": "Kitchen",
            "quantity": 1,
        }
        out.append(record("view_item", row.user, row.time, items=[item]))
        out.append(record("purchase", row.user, row.time + pd.Timedelta(minutes=3), items=[item], ecommerce={"n": 1}))
        out.append(record("page_view", row.user, row.time, items=[]))
    words = [{"key": "page", "value": {"int_value": "1"}}, {"key": "search_term", "value": {"string_value": "tea pot"}}]
    out.append(record("view_search_results", 1, START, event_params=words, items=[]))
    return out


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_ga4(tmp_path, kind):
    path = tmp_path / f"events_20251001.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(event) + "\n" for event in ga4_events()))
    else:
        pd.DataFrame(ga4_events()).to_parquet(path)
    tables = read_tables(interactions=path)
    assert tables.notes["format"] == "ga4"
    assert tables.notes["events_without_item"] == len(sales())
    items, events = checked(tables)
    assert items.table.set_index("item_id").loc["001", ["title", "brand", "category"]].tolist() == [
        *("Red pot", "Acme", "Kitchen")
    ]
    assert events.table["event"].value_counts().to_dict() == {
        "view": len(sales()),
        "purchase": len(sales()),
        "search": 1,
    }
    assert events.table.loc[events.table["event"] == "search", "query"].tolist() == ["tea pot"]
    assert {"U1", "0.170"} <= set(events.table["user_id"])
    assert events.table["timestamp"].min() == START.timestamp()


# --- RetailRocket -----------------------------------------------------------------------------------------------------


def retailrocket(folder: Path) -> tuple[Path, Path]:
    log = sales()
    millis = (log["time"] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(milliseconds=1)
    events = pd.DataFrame({"timestamp": millis, "visitorid": log["user"], "event": "view", "itemid": log["item"]})
    bought = events.assign(timestamp=millis + 5, event="transaction", transactionid=range(len(log)))
    pd.concat([events, bought]).to_csv(folder / "events.csv", index=False)
    for part, numbers in ((1, range(0, N_ITEMS, 2)), (2, range(1, N_ITEMS, 2))):
        rows = [
            (1_430_000_000_000 + at, n, name, value)
            for n in numbers
            for at, name, value in (
                *((0, "categoryid", "1"), (9, "categoryid", str(1000 + n % 3)), (0, "available", "1")),
                *((5, "available", "0" if n == 4 else "1"), (0, "888", f"44{n} n7.000"), (1, "790", f"n{n}000.000")),
            )
        ]
        table = pd.DataFrame(rows, columns=["timestamp", "itemid", "property", "value"])
        table.to_csv(folder / f"item_properties_part{part}.csv", index=False)
    return folder / "item_properties_part*.csv", folder / "events.csv"


def test_retailrocket(tmp_path):
    tables = read_tables(*retailrocket(tmp_path))
    assert tables.notes["format"] == "retailrocket"
    items, events = checked(tables)
    table = items.table.set_index("item_id")
    assert table.loc["4", ["title", "category"]].tolist() == ["Item 4 of category 1001", "1001"]
    assert table.loc["4", "text"] == "n4000.000 444 n7.000"
    assert table.index[~table["available"]].tolist() == ["4"]
    assert events.quarantine.empty
    assert events.table["event"].value_counts().to_dict() == {"view": len(sales()), "purchase": len(sales())}


# --- whole nights -----------------------------------------------------------------------------------------------------


def exports(folder: Path) -> dict[str, tuple[Path | None, Path]]:
    feed, ga4 = merchant_feed(folder, "rss"), folder / "ga4.jsonl"
    ga4.write_text("".join(json.dumps(event) + "\n" for event in ga4_events()))
    return {
        "shopify": (shopify_products(folder), shopify_orders(folder)),
        "woocommerce": (woo_products(folder), woo_lines(folder, variations=True)),
        "magento": (magento_products(folder), magento_lines(folder)),
        "google-merchant": (feed, own_log(folder)),
        "ga4": (None, ga4),
        "retailrocket": retailrocket(folder),
    }


@pytest.mark.parametrize("system", ["shopify", "woocommerce", "magento", "google-merchant", "ga4", "retailrocket"])
def test_a_night_needs_no_option_but_the_files(system, tmp_path, tiny):
    items, interactions = exports(tmp_path)[system]
    given = [*(["--items", str(items)] if items else []), "--interactions", str(interactions)]
    result = CliRunner().invoke(app, ["nightly", *given, "--artifacts", str(tmp_path / "shop"), "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["format"] in (system, "own")
    counts = Store(tmp_path / "shop").require().manifest["counts"]
    assert counts["users"] == N_USERS
    assert counts["events"] >= len(sales()) - 2
