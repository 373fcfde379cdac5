"""Model card of a version: what it was made of, with which settings, how good it was found, and its known limits.

After Mitchell et al. (2019), "Model Cards for Model Reporting", with the figures of the night in place of prose. It is
written by the night itself, so that no version is without one and none describes another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from recsys.data import report, schema
from recsys.data.atomic import write_text
from recsys.settings import Settings

FILE = "card.md"


def write_card(directory: Path, manifest: Mapping[str, Any]) -> None:
    """Write the card into a version that is about to be published; its tables and report are there already.

    Parameters
    ----------
    manifest
        What the version's manifest will hold, without its files.
    """
    columns = pq.read_schema(directory / "items.parquet").names
    write_text(directory / FILE, card(manifest, report.load(directory), columns))


def card(manifest: Mapping[str, Any], intake: Mapping[str, Any], columns: Collection[str]) -> str:
    """The card as Markdown.

    Parameters
    ----------
    manifest
        As `write_card` takes it.
    intake
        The report of the reading as plain data; empty where the tables came from Python.
    columns
        Columns of the item table.
    """
    parts = {
        "Intended use": _use(manifest),
        "Data": _data(manifest, intake),
        "Model": _model(manifest),
        "Figures": _figures(manifest),
        "Known limits": _limits(manifest, intake, columns),
    }
    sections = [f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines) for title, lines in parts.items()]
    return "\n\n".join(["# Model card", *sections]) + "\n"


def _use(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield "Lists of products for one shop's shoppers, with reasons; not for decisions about persons, prices or credit."
    if manifest["serves"] == "ranker":
        yield "A score is the probability that this shopper, buying something new, buys this item among it."
    else:
        yield f"No ranker answers here: {manifest['serves']}."


def _data(manifest: Mapping[str, Any], intake: Mapping[str, Any]) -> Iterator[str]:
    counts = manifest["counts"]
    yield f"{counts['items']:,} items, {counts['users']:,} shoppers, {counts['events']:,} events."
    yield from (" ".join(line.split()) for line in intake.get("lines", ()))


def _model(manifest: Mapping[str, Any]) -> Iterator[str]:
    encoder = manifest["encoder"]
    yield f"Encoder: {encoder['name']}, weights {encoder['weights_hash'][:16]}, {encoder['precision']}."
    if ranker := manifest.get("ranker"):
        yield (
            f"Logistic regression on {', '.join(ranker['blocks'])}; {ranker['pairs']:,} pairs, "
            f"{ranker['bought']:,} of them bought; L2 strength {ranker['strength']}."
        )
    changed = _changed(manifest.get("recipe", {}))
    yield "Settings that differ from the defaults: " + ("; ".join(changed) or "none") + "."
    libraries = manifest.get("libraries", {})
    yield "Made with " + ", ".join(f"{name} {version}" for name, version in libraries.items()) + "."


def _changed(recipe: Mapping[str, Any]) -> list[str]:
    """Settings of the recipe that are not the defaults, as `section.name = value`."""
    defaults = Settings.model_construct().model_dump(mode="json")
    return [
        f"{section}.{name} = {value}"
        for section, values in recipe.items()
        if isinstance(values, Mapping)
        for name, value in values.items()
        if defaults[section].get(name) != value
    ]


def _figures(manifest: Mapping[str, Any]) -> Iterator[str]:
    gate = manifest.get("gate")
    if not gate:
        yield "Not compared with anything when it was published; `recsys evaluate` measures it."
        return
    ours, theirs, gap = ([f"{value:.3f}" for value in gate[name]] for name in ("candidate", "live", "difference"))
    yield (
        f"Per-user AUC on the latest events, held out: {ours[0]} [{ours[1]}, {ours[2]}], {gate['rival']} {theirs[0]}; "
        f"difference {gap[0]} [{gap[1]}, {gap[2]}] over {gate['users']:,} shoppers (95% intervals)."
    )
    yield from _fairness(gate.get("fairness"))
    if moved := manifest.get("drift"):
        most = sorted(moved.items(), key=lambda one: -one[1])[:3]
        told = ", ".join(f"{name} {value:.2f}" for name, value in most)
        yield f"Moved most since the version before (population stability index; above 0.25 is much): {told}."
    yield "`recsys evaluate --report page.html` has lists, segments, calibration and competitors."


def _fairness(found: Mapping[str, Any] | None) -> Iterator[str]:
    if not found:
        return
    yield (
        f"Exposure: the most popular tenth of items takes {found['exposure']:.0%} of places in lists and "
        f"{found['bought']:.0%} of later purchases."
    )
    if segments := found.get("segments"):
        told = ", ".join(f"{name} {one['auc']:.3f} ({one['users']:,})" for name, one in segments.items())
        gap = found["gap"]
        yield (
            f"Per-user AUC by segment (shoppers): {told}; gap {gap['value']:.3f}, segments drawn at random "
            f"{gap['chance']:.3f} (p = {gap['p']:.2f})."
        )


def _limits(manifest: Mapping[str, Any], intake: Mapping[str, Any], columns: Collection[str]) -> Iterator[str]:
    counts = manifest["counts"]
    if cold := counts.get("cold_items", 0):
        yield f"{cold:,} items have no event yet: text, brand, category and price alone rank them."
    if missing := counts.get("items_missing", 0):
        yield f"{missing:,} items left the feed: they are learnt from and never listed."
    if cut := counts.get("items_truncated", 0):
        yield f"{cut:,} item texts are longer than the encoder reads: what comes last in them counts for nothing."
    if counts.get("time") != "absolute":
        yield "Events have an order but no dates: what is lately popular, or new, is not known."
    told = {schema.PRICE: "price", schema.BRAND: "brand", schema.CATEGORY: "category", schema.AVAILABLE: "availability"}
    if unknown := [name for column, name in told.items() if column not in columns]:
        yield f"Not known of any item: {', '.join(unknown)}."
    for name, table in intake.get("tables", {}).items():
        yield from (f"{name}: {warning}." for warning in table.get("warnings", ()))
    yield "Figures are means over shoppers; a segment may do worse, and the past does not promise tomorrow."
