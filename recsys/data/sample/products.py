"""The sample shop's catalogue: products composed from `words.json`."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

#: The shop's year in days; products may be launched or withdrawn within it.
YEAR = 365
_NEVER = 10_000.0
#: Products that nobody has met yet, and products no longer sold.
BRAND_NEW, WITHDRAWN = 9, 14
_CHINESE_SHARE, _LAUNCHED_SHARE = 0.145, 0.2
_THEME_PRICE = {"luxury": 0.35, "pro": 0.22, "gaming": 0.2, "outdoor": 0.05, "everyday": -0.3, "kids": -0.1}


@dataclass(frozen=True)
class SampleProduct:
    """One product: what the shop shows, and what only the generator knows.

    `tier` is how dear it is among its kind (0: average), `appeal` how much everybody likes it; it is sold from day
    `launched` to day `withdrawn`.
    """

    item_id: str
    kind: str
    title: str
    text: str
    brand: str
    category: str
    department: str
    price: float
    theme: str
    chinese: bool
    tier: float
    appeal: float
    launched: float
    withdrawn: float
    in_chinese: tuple[str, str]
    """Title and text as a Chinese storefront prints them; without a Chinese title the Chinese kind comes first."""

    def row(self, language: str = "en") -> dict[str, Any]:
        """The row of `items.csv.gz`, in the storefront ``zh`` in Chinese."""
        chinese = language == "zh"
        title, text = self.in_chinese if chinese else (self.title, self.text)
        return {
            "item_id": self.item_id,
            "title": title,
            "text": text,
            "brand": self.brand,
            "category": synonym_lists()[self.category][0] if chinese else self.category,
            "department": synonym_lists()[self.department][0] if chinese else self.department,
            "price": f"{self.price:.2f}",
            "available": self.withdrawn > YEAR,
        }


@cache
def words() -> dict[str, Any]:
    """The vocabulary: themes, brands, product types, what goes with what, and segments of shoppers."""
    source = resources.files(__package__) / "words.json"
    loaded: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return loaded


@cache
def synonym_lists() -> dict[str, list[str]]:
    """For each word of the catalogue what shoppers call it, the usual Chinese word first."""
    source = resources.files(__package__) / "synonyms.json"
    loaded: dict[str, list[str]] = json.loads(source.read_text(encoding="utf-8"))
    return loaded


def make_products(seed: int) -> list[SampleProduct]:
    """The catalogue, ordered by id."""
    rng = np.random.default_rng([seed, 1])
    titles: set[str] = set()
    total = sum(spec["n"] for spec in words()["types"].values())
    special = rng.permutation(total)
    brand_new, withdrawn = set(special[:BRAND_NEW].tolist()), set(special[BRAND_NEW:][:WITHDRAWN].tolist())
    products: list[SampleProduct] = []
    for kind, spec in words()["types"].items():
        for number in range(1, spec["n"] + 1):
            place = len(products)
            launched = float(rng.integers(10, YEAR - 30)) if rng.random() < _LAUNCHED_SHARE else -1.0
            gone = float(rng.integers(200, YEAR - 20)) if place in withdrawn else _NEVER
            life = (_NEVER, _NEVER) if place in brand_new else (min(launched, gone - 90), gone)
            products.append(_compose(rng, f"{kind}{number:03d}", kind, spec, titles, life))
    return products


def _pick(rng: np.random.Generator, options: list[Any]) -> Any:
    return options[int(rng.integers(len(options)))]


def _compose(
    rng: np.random.Generator,
    item_id: str,
    kind: str,
    spec: dict[str, Any],
    taken: set[str],
    life: tuple[float, float],
) -> SampleProduct:
    chinese = "zh" in spec and rng.random() < _CHINESE_SHARE
    while True:
        brand, theme, parts, translated, factor = _attributes(rng, spec, chinese)
        title = _fill(spec["zh"]["title"], translated) if chinese else _fill(spec["title"], parts)
        if title not in taken:
            break
    taken.add(title)
    zh = spec.get("zh", {"title": "", "text": ""})
    in_chinese = _fill(zh["title"], translated), _fill(zh["text"], translated) + translated["theme_text"]
    text = in_chinese[1] if chinese else _fill(_pick(rng, spec["text"]), parts) + parts["theme_text"]
    if "zh" not in spec:
        in_chinese = f"{synonym_lists()[spec['category']][0]} {title}", text
    low, high = spec["price"]
    tier = 0.7 * words()["brands"][brand] + _THEME_PRICE.get(theme, 0.0) + float(rng.normal(0.0, 0.08))
    price = min(max(math.sqrt(low * high) * factor * math.exp(tier), low), high * 1.15)
    return SampleProduct(
        item_id=item_id,
        kind=kind,
        title=title,
        text=text,
        brand=brand,
        category=spec["category"],
        department=spec["dept"],
        price=_shelf_price(price),
        theme=theme,
        chinese=chinese,
        tier=tier,
        appeal=float(rng.normal(0.0, 0.7)),
        launched=life[0],
        withdrawn=life[1],
        in_chinese=in_chinese,
    )


def _attributes(
    rng: np.random.Generator, spec: dict[str, Any], chinese: bool
) -> tuple[str, str, dict[str, str], dict[str, str], float]:
    """Draw brand, theme and one value per slot; returns them with the words to print and the price factor.

    The words come twice, as drawn and in Chinese; a product sold under its Chinese title draws no English wording.
    """
    brand = _pick(rng, spec["brands"])
    if "own_themes" in spec:
        theme = _pick(rng, list(spec["own_themes"]))
        word, theme_text = zh_word, zh_text = spec["own_themes"][theme]
    else:
        theme = _pick(rng, spec["themes"])
        said = words()["themes"][theme]
        zh_word, zh_text, theme_text = said["zh"], said["zh_text"], said["text"]
        word = zh_word if chinese else _pick(rng, said["words"])
    parts = {"brand": brand, "theme": word, "theme_text": f" {theme_text}"}
    translated = {"brand": brand, "theme": zh_word, "theme_text": zh_text}
    factor = 1.0
    for slot, options in spec["slots"].items():
        parts[slot], in_chinese, times = ([*_pick(rng, options).split("|"), "", ""])[:3]
        translated[slot] = in_chinese or parts[slot]
        factor *= float(times or 1.0)
    return brand, theme, parts, translated, factor


def _fill(template: str, parts: dict[str, str]) -> str:
    return template.format(**parts).strip()


def _shelf_price(price: float) -> float:
    if price >= 100:
        return round(price / 10) * 10 - 1.0
    return max(math.floor(price), 1) + (0.99 if price % 1 >= 0.5 else 0.49)
