"""Lists for many users, or scores for many pairs, from the live version."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Engine, Json, Place, command, file, interactive
from recsys.errors import BadInput
from recsys.settings import load_settings


@command
def recommend(
    out: Annotated[
        str, file("--out", help="Where to: a file (parquet, csv), a database's URL#TABLE, or redis://HOST/0#NAME.")
    ],
    users: Annotated[Place | None, file("--users", help="Table with user_id, one row each.")] = None,
    pairs: Annotated[Place | None, file("--pairs", help="Table with user_id, item_id.")] = None,
    candidates: Annotated[Place | None, file("--candidates", help="Table with item_id: only these may appear.")] = None,
    k: Annotated[int, Option("--k", help="Length of each list.")] = 20,
    repeats: Annotated[
        bool, Option("--repeats", help="With --users: also what they have met before, where they are likely to return.")
    ] = False,
    explain: Annotated[
        bool, Option("--explain", help="With --users: say why, in `reason`, `kind`, `because` (see `explain`).")
    ] = False,
    artifacts: Artifacts = None,
    engine: Engine = "local",
    as_json: Json = False,
) -> dict[str, Any]:
    """Write user_id, rank, item_id, score [, reason, kind, because] for --users; user_id, item_id, score for --pairs.

    Users the version does not know get the list of a shopper with no history; they are counted. A table or a Redis
    hash is replaced in one step: readers see the lists of one night or of the next.

    Examples: recsys recommend --users users.parquet --k 20 --out recs.parquet;
    recsys recommend --users users.parquet --out 'postgresql://shop:${PASSWORD}@db/shop#recommendations'
    """
    from recsys.cli._output import known_items, requested, skipped_line
    from recsys.data import outputs, sinks, sources
    from recsys.data.schema import ITEM, USER
    from recsys.pipeline import engines, reasons
    from recsys.serving.recommender import Recommender
    from recsys.serving.results import SCORE

    if (users is None) == (pairs is None):
        raise BadInput("give either --users F (lists) or --pairs F (scores)")
    if candidates is not None and pairs is not None:
        raise BadInput("--candidates restricts lists; it goes with --users")
    if pairs is not None and engine != "local":
        raise BadInput("--engine spreads lists over workers; it goes with --users")
    if repeats and pairs is not None:
        raise BadInput("--repeats says what lists may hold; it goes with --users")
    if explain and pairs is not None:
        raise BadInput("--explain says why an item is on a list; it goes with --users")
    if pairs is not None and sinks.is_hash(out):
        raise BadInput("--pairs go to a file or a database; a Redis hash holds the lists of --users")
    with sinks.sink(out) as path:
        rec = Recommender.load(settings=load_settings(artifacts=artifacts))
        if pairs is not None:
            table, blank = requested(pairs, [USER, ITEM], "pairs")
            table, unknown = known_items(rec, table, pairs)
            strangers = _strangers(rec, table[USER])
            scores = rec.score_pairs(table, progress=interactive())
            outputs.write_table(table[[USER, ITEM]].assign(**{SCORE: scores}), path)
            rows, what = len(table), f"{len(table)} pairs"
        else:
            assert users is not None
            table, blank = requested(users, [USER], "users")
            asked, unknown = table[USER].drop_duplicates(), 0
            strangers = _strangers(rec, asked)
            allowed = None
            if candidates is not None:
                named, empty = requested(candidates, [ITEM], "candidates")
                named, unknown = known_items(rec, named, candidates)
                allowed, blank = named[ITEM].tolist(), blank + empty
            place = engines.engine(engine)
            if explain:
                rec.explainer  # noqa: B018 - a version that cannot explain says so before the work
            lists = path.with_name(f".{path.name}.lists.parquet") if explain else path
            rows = place.lists(
                rec, asked.tolist(), k, lists, exclude_seen=not repeats, candidates=allowed, progress=interactive()
            )
            if explain:
                reasons.explain_file(rec, lists, path, progress=interactive())
            what = f"lists of up to {k} for {len(asked)} users"
    new = f" ({strangers} of them new to this version)" if strangers else ""
    assert rec.version is not None
    where = sources.shown(out)
    return {
        "version": rec.version.id,
        "rows": rows,
        "unknown_users": strangers,
        "skipped": blank + unknown,
        "out": where,
        "line": f"{what}{new} from version {rec.version.id}: {rows} rows in {where}{skipped_line(blank, unknown)}",
    }


def _strangers(rec: Any, ids: Any) -> int:
    return int((rec.shop.user_index.get_indexer(ids.unique()) < 0).sum())
