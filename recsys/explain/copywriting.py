"""Marketing copy for one product or a bundle, by the same path as reasons: facts, then words, then the check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pandas as pd

from recsys.data.schema import ITEM
from recsys.explain import Explainer
from recsys.explain.facts import OFTEN, Facts, Kind
from recsys.explain.grounding import limits
from recsys.explain.slot_templates import quoted
from recsys.explain.writer import TEMPLATE

BUNDLE = "bundle"
#: What copy may say of a product by itself, the most telling first.
_SAYS = (Kind.POPULAR, Kind.NEW)


def write_copy(explainer: Explainer, table: pd.DataFrame, codes: Sequence[int]) -> pd.DataFrame:
    """Copy for each row of `table` (``item_id`` and optionally ``bundle``), whose catalogue codes are `codes`.

    Rows with the same filled ``bundle`` share one text about all of them. Returns ``item_id, copy, writer``.
    """
    bundle = table[BUNDLE].fillna("").astype(str) if BUNDLE in table.columns else pd.Series("", index=table.index)
    text = [""] * len(table)
    writer = [TEMPLATE] * len(table)
    single = [row for row, name in enumerate(bundle) if not name]
    for row, reason in zip(single, explainer.writer.write([_facts(explainer, codes[r]) for r in single]), strict=True):
        text[row], writer[row] = reason.sentence, reason.writer
    for name, rows in bundle.reset_index(drop=True).groupby(bundle.to_numpy()).indices.items():
        if name:
            together = _bundle(explainer, list(dict.fromkeys(int(codes[row]) for row in rows)))
            for row in rows:
                text[row] = together
    return pd.DataFrame({ITEM: table[ITEM].to_numpy(object), "copy": text, "writer": writer})


def _facts(explainer: Explainer, code: int) -> Facts:
    statistics = explainer.statistics
    facts = Facts(item=statistics.product(code), new=statistics.is_new(code), n_items=statistics.n_items)
    return replace(facts, extra=tuple(kind for kind in _SAYS if facts.holds(kind)))


def _bundle(explainer: Explainer, codes: Sequence[int]) -> str:
    """One plain sentence about products as a set: what is true of all of them, or just their names."""
    statistics = explainer.statistics
    products = [statistics.product(code) for code in codes]
    names = [quoted(product.name) for product in products]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    brands, categories = {p.brand for p in products}, {p.category for p in products}
    if len(codes) > 1 and all(statistics.together(a, b) >= OFTEN for a, b in pairwise(codes)):
        sentence = f"Often bought together: {listed}."
    elif len(codes) > 1 and len(brands) == 1 and None not in brands:
        sentence = f"A set from {brands.pop()}: {listed}."
    elif len(codes) > 1 and len(categories) == 1 and None not in categories:
        sentence = f"A set from {categories.pop()}: {listed}."
    else:
        sentence = f"Our suggestion for one basket: {listed}."
    # Profane titles are the shop's to mend, not ours to advertise.
    return sentence if not limits(sentence, "", max_length=10**6) else "Our suggestion for one basket."
