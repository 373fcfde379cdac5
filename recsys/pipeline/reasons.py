"""The live version's reasons: for whole lists, and measured on what it recommends today."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys.data import outputs, sources
from recsys.data.store import Store
from recsys.errors import BadInput
from recsys.explain import audit, evaluate
from recsys.explain import lists as reasons_of
from recsys.explain.evaluate import Figures, Pair
from recsys.explain.writer import TEMPLATE, ZERO_SHOT, ReasonWriter, load_local
from recsys.progress import progress_bar
from recsys.serving.recommender import Recommender
from recsys.settings import Settings

#: Ranks from which the explained item of each shopper is drawn.
TOP = 10
#: All grades that people gave reasons of this shop.
GRADES_FILE = "explanation_grades.json"


def explain_lists(rec: Recommender, lists: pd.DataFrame, parts: Path, *, progress: bool = False) -> pd.DataFrame:
    """`lists` (``user_id, item_id``, more) with the columns of `recsys.explain.lists.with_reasons`.

    Parts are kept in the directory `parts`, from which a run that was stopped goes on; the caller removes it.
    """
    assert rec.version is not None

    def shopper(user: str) -> reasons_of.Known:
        return rec.lookup.known_or_new(user).profile, rec.lookup.user_code(user)

    with progress_bar(progress) as bar:
        task = bar.add_task("explaining", total=len(lists))
        for done in reasons_of.explain_resumably(rec.explainer, lists, shopper, parts, rec.version.id):
            bar.update(task, completed=done)
    return reasons_of.collect(parts)


def explain_file(rec: Recommender, lists: Path, out: Path, *, progress: bool = False) -> None:
    """Write the lists of one file to another with ``reason, kind, because``; the first file is gone afterwards."""
    parts = out.with_name(f".{out.name}.parts")
    table = explain_lists(rec, sources.read_table(lists), parts, progress=progress)
    outputs.write_table(table.drop(columns="writer", errors="ignore"), out)
    lists.unlink()
    shutil.rmtree(parts, ignore_errors=True)


def sample_pairs(rec: Recommender, size: int, *, seed: int = 0) -> list[Pair]:
    """Random shoppers, each with one item drawn from the top of their list; a small shop's shoppers come up again."""
    rng = np.random.default_rng(seed)
    n_users = len(rec.shop.user_ids)
    pairs = []
    for user in rng.choice(n_users, size, replace=size > n_users):
        items = rec.recommend(rec.shop.user_id(user), k=TOP)["item_id"].tolist()
        if items:
            code = int(rec.lookup.codes([items[int(rng.integers(len(items)))]])[0])
            pairs.append(Pair(rec.shop.profile(int(user)), int(user), code))
    return pairs


def assess_live(
    settings: Settings, size: int, sheet: Path | None = None, *, progress: bool = False
) -> tuple[Figures, pd.DataFrame]:
    """Figures on `size` pairs, and one row per writer: the template, the bare model where an adapter is used, and the
    settings' own writer.

    Parameters
    ----------
    sheet
        Also write the reasons of the settings' own writer beside the rows that prove them here (CSV), for a person to
        grade; `keep_grades` takes it back.

    Raises
    ------
    BadInput
        The sheet cannot be written, or there is nothing to explain.
    """
    if sheet is not None and (sheet.suffix != ".csv" or not sheet.parent.is_dir()):
        raise BadInput(f"{sheet}: an audit sheet is a .csv file in a directory that exists")
    rec = Recommender.load(settings=settings)
    writers = {TEMPLATE: ReasonWriter(None, settings.explain)}
    if settings.explain.adapter is not None and (bare := load_local(settings.explain, bare=True)) is not None:
        writers[ZERO_SHOT] = ReasonWriter(bare, settings.explain)
    # A writer that cannot be loaded for want of an extra is said, not measured as the template it would fall back to.
    local = load_local(settings.explain)
    own = rec.explainer.writer if local is None else ReasonWriter.around(local, settings.explain)
    writers[own.name] = own
    pairs = sample_pairs(rec, size)
    figures, table, written = evaluate.assess(rec.explainer, pairs, writers, progress=progress)
    if sheet is not None:
        users = [str(rec.shop.user_ids[pair.user]) for pair in pairs]
        outputs.write_table(audit.sheet(rec.explainer, users, written[own.name]), sheet)
    return figures, table


def keep_grades(settings: Settings, sheet: Path) -> dict[str, Any]:
    """The grades of a sheet that was filled in as shares with intervals; kept beside the versions, in `GRADES_FILE`.

    Raises
    ------
    BadInput
        The file is no graded sheet.
    """
    figures = audit.read_grades(sheet)
    version = Store(settings.artifacts).require()
    audit.keep(Path(settings.artifacts) / GRADES_FILE, figures, version.id)
    return figures
