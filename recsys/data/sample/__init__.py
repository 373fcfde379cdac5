"""The sample shop: a synthetic catalogue, shoppers whose tastes drift, their events, and the shop's own texts.

Everything here is invented by a seeded generator; no row describes a real product, person or order. It exists so that
every command runs on a fresh clone and a person can judge the lists by eye.
"""

from __future__ import annotations

import gzip
import io
import shutil
from importlib import resources
from pathlib import Path

import pandas as pd
import platformdirs

from recsys.data.atomic import replacing
from recsys.data.sample.drawings import draw_all
from recsys.data.sample.parcels import make_parcels
from recsys.data.sample.prices import make_prices
from recsys.data.sample.products import make_products, synonym_lists, words
from recsys.data.sample.reviews import make_reviews
from recsys.data.sample.shoppers import make_history

__all__ = ["PARCELS", "sample_dir", "write_sample"]

SEED = 7
PICTURES = "pictures"
ITEMS, INTERACTIONS, USERS, ORDERS = "items.csv.gz", "interactions.csv.gz", "users.csv", "orders.csv"
REVIEWS, PARCELS, PRICES = "reviews.csv.gz", "parcels.csv.gz", "prices.csv.gz"

_ABOUT = """\
# Sample shop

Synthetic: written by `python -m recsys.data.sample OUT_DIR`. No real product, person, order or policy.
The files are described in the data contract, `data/README.md`.
"""


def write_sample(out: Path, seed: int = SEED, language: str = "en", *, pictures: bool = False) -> None:
    """Write the sample shop into the directory `out` (made if need be); the same seed gives the same bytes.

    In the `language` ``zh`` its products have the titles, texts, categories and departments of a Chinese storefront;
    who bought what is the same. With `pictures` each product has a drawing, ``pictures/<item_id>.png``, which its
    column ``image`` names.

    Files: `items.csv.gz`, `interactions.csv.gz`, `users.csv`, `orders.csv`, `reviews.csv.gz`, `parcels.csv.gz`,
    `prices.csv.gz`, `faq.csv`, `policies/*.md`, `README.md`; the Chinese storefront is `faq.zh.csv`,
    `policies/zh/*.md` and `synonyms.csv`.
    """
    out.mkdir(parents=True, exist_ok=True)
    products = make_products(seed)
    history = make_history(products, seed)
    items = pd.DataFrame([product.row(language) for product in products])
    if pictures:
        # Of the English names, whatever the language: the picture is the product's.
        drawn = pd.DataFrame([product.row("en") for product in products])[["item_id", "title", "category"]]
        draw_all(drawn.itertuples(index=False, name=None), out / PICTURES)
        items["image"] = [f"{PICTURES}/{item_id}.png" for item_id in items["item_id"]]
    _write_csv(items, out / ITEMS)
    _write_csv(history.events, out / INTERACTIONS)
    _write_csv(history.users, out / USERS)
    _write_csv(make_reviews(products, history.events, seed, language), out / REVIEWS)
    _write_csv(history.orders, out / ORDERS)
    _write_csv(make_parcels(seed), out / PARCELS)
    _write_csv(make_prices(products, history.events, seed), out / PRICES)
    (out / "README.md").write_bytes(_ABOUT.encode())
    texts = resources.files(__package__) / "shop"
    with resources.as_file(texts) as folder:
        for name in ("faq.csv", "faq.zh.csv"):
            shutil.copyfile(folder / name, out / name)
        shutil.copytree(folder / "policies", out / "policies", dirs_exist_ok=True, copy_function=shutil.copyfile)
    _write_csv(synonyms(), out / "synonyms.csv")


def synonyms() -> pd.DataFrame:
    """Synonyms of the catalogue's words, Chinese above all: ``words`` a shopper says, and what the catalogue ``means``.

    What the generator prints in either language is a pair of its own vocabulary; how else shoppers call a category is
    listed beside it.
    """
    pairs = [(said, means) for means, forms in synonym_lists().items() for said in forms]
    for spec in words()["types"].values():
        for options in spec["slots"].values():
            for option in options:
                english, chinese = ([*option.split("|"), ""])[:2]
                if chinese != english and chinese and not any(character.isdigit() for character in chinese):
                    pairs.append((chinese, english))
    pairs += [(theme["zh"], theme["words"][0]) for theme in words()["themes"].values()]
    return pd.DataFrame(pairs, columns=["words", "means"]).drop_duplicates("words", ignore_index=True)


def sample_dir() -> Path:
    """Where the sample shop is: the checkout's `data/sample`, else a copy made once in the user's cache directory."""
    checkout = Path(__file__).resolve().parents[3] / "data" / "sample"
    if (checkout / REVIEWS).is_file():
        return checkout
    cached = Path(platformdirs.user_cache_dir("recsys")) / f"sample-{SEED}-reviews"
    if not cached.is_dir():
        cached.parent.mkdir(parents=True, exist_ok=True)
        try:
            with replacing(cached) as made:
                write_sample(made)
        except OSError:
            if not cached.is_dir():  # otherwise another process was faster, with the same bytes
                raise
    return cached


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    text = table.to_csv(index=False, lineterminator="\n").encode()
    if path.suffix == ".gz":
        packed = io.BytesIO()
        # No name and no time in the header: the same table gives the same file.
        with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as stream:
            stream.write(text)
        text = packed.getvalue()
    path.write_bytes(text)
