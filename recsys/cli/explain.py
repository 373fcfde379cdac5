"""Reasons for the lists of many users, or marketing copy for products, from the live version."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Json, Place, command, file, interactive
from recsys.errors import BadInput
from recsys.settings import load_settings


@command
def explain(
    out: Annotated[Path, file("--out", help="File to write (parquet or csv).")],
    users: Annotated[Place | None, file("--users", help="Table with user_id, one row each.")] = None,
    copy: Annotated[
        Place | None, file("--copy", help="Table with item_id [, form, segment, bundle]: write copy instead.")
    ] = None,
    k: Annotated[int, Option("--k", help="Items explained per user.")] = 5,
    tone: Annotated[str | None, Option("--tone", help="friendly, neutral or expert.")] = None,
    language: Annotated[str | None, Option("--language", help="en, or zh (templates).")] = None,
    writer: Annotated[str | None, Option("--writer", help="template, a causal model, or endpoint:MODEL.")] = None,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Write user_id, rank, item_id, score, reason, kind, because, writer for the top k of each user.

    Every claim can be looked up in the tables; `because` lists the ids of the purchases that the sentence names, and
    where nothing worth saying is true there is no reason. A run that is stopped leaves its parts beside the output
    file; the same command goes on from there. With --copy: item_id, copy, writer.

    Example: recsys explain --users users.parquet --k 5 --out reasons.parquet
    """
    from recsys.cli._output import known_items, requested, skipped_line
    from recsys.data import outputs
    from recsys.data.schema import ITEM, USER
    from recsys.explain.copywriting import write_copy
    from recsys.pipeline import reasons
    from recsys.serving.recommender import Recommender

    if (users is None) == (copy is None):
        raise BadInput("give either --users F (reasons for their lists) or --copy F (copy for products)")
    outputs.check_writable(out)
    chosen = {"tone": tone, "language": language, "writer": writer}
    settings = load_settings(artifacts=artifacts)
    wanted = {**settings.explain.model_dump(), **{key: value for key, value in chosen.items() if value}}
    rec = Recommender.load(settings=load_settings(artifacts=artifacts, explain=wanted))
    assert rec.version is not None
    parts = out.with_name(f".{out.name}.parts")
    if copy is not None:
        table, blank = requested(copy, [ITEM], "copy")
        table, unknown = known_items(rec, table, copy)
        codes = rec.lookup.codes(table[ITEM].tolist())
        result = write_copy(rec.explainer, table, codes.tolist())
        rows, what = len(result), f"copy for {len(table)} products"
    else:
        assert users is not None
        table, blank = requested(users, [USER], "users")
        asked, unknown = table[USER].drop_duplicates(), 0
        lists = rec.recommend_many(asked.tolist(), k, columns=None, progress=interactive())
        result = reasons.explain_lists(rec, lists, parts, progress=interactive())
        rows, what = len(result), f"reasons for {len(asked)} users"
    outputs.write_table(result, out)
    shutil.rmtree(parts, ignore_errors=True)
    told = result["writer"].dropna()
    by_writer = float((told != "template").mean()) if len(told) else 0.0
    silent = f", {rows - len(told)} without a reason" if len(told) < rows else ""
    return {
        "version": rec.version.id,
        "rows": rows,
        "by_writer": by_writer,
        "without_reason": rows - len(told),
        "skipped": blank + unknown,
        "out": str(out),
        "line": f"{what} from version {rec.version.id}: {rows} rows in {out}, {by_writer:.0%} in the writer's words"
        f"{silent}{skipped_line(blank, unknown)}",
    }
