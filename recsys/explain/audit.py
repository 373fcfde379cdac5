"""Human audit of explanations: reasons beside the rows of the tables that prove them, and grades that come back.

No check knows whether a true sentence is worth reading. A person does, in ten minutes, when the rows are beside it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys.data import schema
from recsys.data.atomic import write_text
from recsys.errors import BadInput
from recsys.explain import Explainer, Explanation
from recsys.explain.measures import DEFINITIONS, Kind
from recsys.explain.statistics import ShopStatistics

#: Grades that a person gives, the first two are good ones.
GRADES = ("useful", "says little", "clumsy", "misleading", "false")
GRADE, REMARK = "grade", "remark"
#: Orders (or shoppers) and events of the shopper that a row of the sheet shows.
SHOWN = 6
#: Normal quantile of the two-sided 95% interval.
_Z = 1.96


def sheet(explainer: Explainer, users: Sequence[str], explanations: Sequence[Explanation]) -> pd.DataFrame:
    """One row per reason: who, what, the sentence, the rows that prove it, and empty columns for the grade.

    Rows without a reason are left out.
    """
    rows = []
    for user, told in zip(users, explanations, strict=True):
        if told.sentence and told.kind is not None:
            rows.append(
                {
                    schema.USER: user,
                    schema.ITEM: told.item_id,
                    "title": _title(explainer.statistics, told.item_id),
                    "reason": told.sentence,
                    "kind": told.kind,
                    "because": json.dumps(list(told.because)),
                    "means": DEFINITIONS[Kind(told.kind)],
                    "proof": "\n".join(proof(explainer.statistics, user, told)),
                    GRADE: "",
                    REMARK: "",
                }
            )
    return pd.DataFrame(rows)


def proof(statistics: ShopStatistics, user: str, told: Explanation) -> list[str]:
    """The rows of the tables behind a reason, one line each."""
    out = []
    item = int(statistics.snapshot.item_index.get_loc(told.item_id))
    for other in told.because:
        code = int(statistics.snapshot.item_index.get_loc(other))
        out.append(f"{other} {_title(statistics, other)}: {_events(statistics, user, other)}")
        past, choice = told.evidence.facts.named, told.evidence.facts.choice
        if past is not None and choice is not None and (kind := choice.kind) in past.measures:
            measure = past.measures[kind]
            out.append(f"{kind.value}: {measure.text}, {_members(statistics, kind, code, item)}")
    product = told.evidence.facts.item
    when = "" if product.recent is None else f", {product.recent} of them lately"
    out.append(f"{told.item_id}: {product.buyers} buyers{when}; brand {product.brand}; category {product.category}")
    out.append(f"price {product.price}, usually paid {told.evidence.facts.usual_price}; rating {product.rating}")
    out.append(f"the shopper's latest: {_latest(statistics, user)}")
    return out


def _events(statistics: ShopStatistics, user: str, item: str) -> str:
    table = statistics.snapshot.tables.value.interactions
    own = table[(table[schema.USER] == user) & (table[schema.ITEM] == item)]
    return ", ".join(
        f"{getattr(row, schema.EVENT, schema.PURCHASE)} {_when(statistics, getattr(row, schema.TIME))}"
        for row in own.tail(SHOWN).itertuples()
    )


def _latest(statistics: ShopStatistics, user: str) -> str:
    table = statistics.snapshot.tables.value.interactions
    own = table[(table[schema.USER] == user) & (table[schema.ITEM] != "")].tail(SHOWN)
    event = own[schema.EVENT] if schema.EVENT in own.columns else [schema.PURCHASE] * len(own)
    return "; ".join(f"{e} {_title(statistics, str(i))}" for e, i in zip(event, own[schema.ITEM], strict=True))


def _when(statistics: ShopStatistics, time: float) -> str:
    return str(pd.Timestamp(time, unit="s").date()) if statistics.snapshot.events.absolute else f"no. {time:g}"


def _members(statistics: ShopStatistics, kind: Kind, past: int, item: int) -> str:
    """Some of the shoppers with both, by id."""
    records = statistics.records
    held = records.viewers if kind is Kind.VIEWED_TOGETHER else records.buyers
    both = np.intersect1d(held[past], held[item], assume_unique=True)[:SHOWN]
    return "shoppers with both: " + ", ".join(statistics.snapshot.user_ids[both])


def _title(statistics: ShopStatistics, item: str) -> str:
    return statistics.titles[int(statistics.snapshot.item_index.get_loc(item))]


def read_grades(path: Path) -> dict[str, Any]:
    """Shares of each grade in a sheet that was filled in, each with Wilson's 95% interval.

    Raises
    ------
    BadInput
        The file is no such sheet, nothing is graded, or a grade is none of `GRADES`.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read as a CSV sheet ({error})") from None
    if GRADE not in table.columns:
        raise BadInput(f"{path}: no column {GRADE!r}; give a sheet that `evaluate explanations --sheet` wrote")
    grades = table[GRADE].str.strip().str.lower()
    wrong = grades[(grades != "") & ~grades.isin(GRADES)]
    if len(wrong):
        raise BadInput(f"{path}, row {wrong.index[0] + 1}: grade {wrong.iloc[0]!r} is none of {', '.join(GRADES)}")
    n = int((grades != "").sum())
    if not n:
        raise BadInput(f"{path}: nothing is graded; fill the column {GRADE!r} with {', '.join(GRADES)}")
    return {"graded": n, **{grade: interval(int((grades == grade).sum()), n) for grade in GRADES}}


def interval(count: int, of: int) -> dict[str, float]:
    """A share with Wilson's two-sided 95% interval."""
    share, z2 = count / of, _Z * _Z
    centre, margin = share + z2 / (2 * of), _Z * (share * (1 - share) / of + z2 / (4 * of * of)) ** 0.5
    low, high = ((centre + sign * margin) / (1 + z2 / of) for sign in (-1, 1))
    return {"share": share, "low": max(low, 0.0), "high": min(high, 1.0)}


def keep(file: Path, figures: dict[str, Any], version: str) -> list[dict[str, Any]]:
    """Add grades to the file of all grades so far, and return them all, the latest last."""
    kept: list[dict[str, Any]] = json.loads(file.read_text("utf-8")) if file.is_file() else []
    kept.append({"version": version, **figures})
    write_text(file, json.dumps(kept, indent=1))
    return kept
