"""Place names in a text, and the country or union each belongs to, in English and Chinese."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources

from recsys.llm.dictionary import senses

_GENERAL = {
    "en": {"uk": "the United Kingdom", "ireland": "Ireland", "eu": "the European Union"}
    | {"eu_country": "the European Union", "elsewhere": "another country"},
    "zh": {"uk": "英国", "ireland": "爱尔兰", "eu": "欧盟", "eu_country": "欧盟", "elsewhere": "国外"},
}


def places(text: str) -> set[str]:
    """Which of the places that shops deliver to or not a text names: a country or union, or a city of it."""
    return {region for _, region in place_names(text)}


def place_names(text: str) -> list[tuple[str, str]]:
    """The places that a text names, as it has them, each with what `places` says of it."""
    return [(match.group(), _regions()[match.group().lower()]) for match in _names().finditer(text)]


def english_names(text: str) -> list[str]:
    """English names of the places in a text: as they stand, by the dictionary, and of their country."""
    found: list[str] = []
    for form in (match.group().lower() for match in _names().finditer(text)):
        key = _regions()[form]
        country = _GENERAL["en"][key].removeprefix("the ") if key in {"uk", "ireland"} else ""
        found += [form, *senses(form), country]
    return list(filter(None, found))


def general_places(text: str, language: str) -> str:
    """A text with each place named by its country or union: what holds of Berlin is said of the European Union."""
    return _names().sub(lambda match: _GENERAL[language][_regions()[match.group().lower()]], text)


@cache
def _regions() -> dict[str, str]:
    source = resources.files(__package__).joinpath("meanings.toml").read_text(encoding="utf-8")
    regions = tomllib.loads(source)["places"]
    return {form.strip(): key for key, forms in regions.items() for form in forms.split(",")}


@cache
def _names() -> re.Pattern[str]:
    forms = sorted(_regions(), key=len, reverse=True)
    parts = [re.escape(f) if "\u3400" <= f[0] <= "\u9fff" else rf"(?<![a-z]){re.escape(f)}(?![a-z])" for f in forms]
    return re.compile("|".join(parts), re.IGNORECASE)
