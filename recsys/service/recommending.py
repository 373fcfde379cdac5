"""One list for one shopper: as the recommender makes it, with what they did just now, reasons, and the experiment."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import pandas as pd
from starlette.responses import Response

from recsys.data.schema import ITEM
from recsys.service.bodies import RecommendBody
from recsys.service.experiments import Experiment
from recsys.service.rows import Fields, content, reply
from recsys.service.served import Served
from recsys.serving.experiment import interleaved
from recsys.serving.lookup import User
from recsys.serving.recommender import Recommender
from recsys.serving.rules import Rules


class Made(NamedTuple):
    """A list as it goes out, and what the experiment logs of it."""

    response: Response
    version: str
    items: list[str]
    variant: str | None = None
    teams: list[int] | None = None


def cache_key(served: Served, body: RecommendBody, variant: str | None) -> Hashable | None:
    """What a plain list depends on within a version; None for lists that hardly anybody asks for twice."""
    if body.user_id is None or body.without or body.items is not None or body.candidates is not None:
        return None
    if body.rules is not None or body.reasons:
        return None
    columns = None if body.columns is None else tuple(body.columns)
    return body.user_id, served.sessions.of(body.user_id), body.k, body.exclude_seen, columns, variant


def recommended(served: Served, body: RecommendBody, rules: Rules | None, variant: str | None) -> Made:
    """The list of one version and, in an experiment, of one variant."""
    found = _rows(served, body, rules)
    more = {} if variant is None else {"variant": variant}
    ids = [row[ITEM] for row in found["items"]]
    return Made(reply({"version": served.version, **found, **more}), served.version, ids, variant)


def mixed(one: Served, other: Served, body: RecommendBody, experiment: Experiment) -> Made:
    """The lists of both variants in one, and which of them picked each place."""
    names = list(experiment.shares)
    lists = [
        _rows(served, body, experiment.rules(name, body.rules))
        for name, served in zip(names, (one, other), strict=True)
    ]
    rows = [{row[ITEM]: row for row in found["items"]} for found in lists]
    ids, teams = interleaved(list(rows[0]), list(rows[1]), body.k, f"{experiment.name}\x1f{body.user_id}")
    merged = [{**rows[team][item], "rank": place} for place, (item, team) in enumerate(zip(ids, teams, strict=True), 1)]
    found = {**lists[0], "items": merged, "variant": "interleaved"}
    return Made(reply({"version": one.version, **found}), one.version, ids, None, teams)


def _rows(served: Served, body: RecommendBody, rules: Rules | None) -> dict[str, Any]:
    rec = served.rec
    fields, user = Fields(rec, body.columns), served.user(body.user)
    found = rec.recommend(
        user,
        body.items,
        body.k,
        exclude_seen=body.exclude_seen,
        candidates=body.candidates,
        rules=rules,
        columns=fields.ask,
    )
    return content(with_reasons(rec, user, found) if body.reasons else found, fields)


def with_reasons(rec: Recommender, user: User, table: pd.DataFrame) -> pd.DataFrame:
    """A list with `reason`, `kind` and `because` beside each item of the catalogue."""
    named = table[ITEM].notna()
    reasons = iter(rec.explain_list(user, table.loc[named, ITEM].tolist()))
    told = [next(reasons) if known else None for known in named]
    columns = {
        "reason": [one.sentence or None if one else None for one in told],
        "kind": [one.kind if one else None for one in told],
        "because": [list(one.because) if one else None for one in told],
    }
    for name, values in columns.items():
        table[name] = pd.Series(values, index=table.index, dtype=object)
    return table
