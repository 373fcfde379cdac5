"""Evaluation in a few lines of Python: two tables in, data frames, plots and a page out."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recsys.errors import BadInput
from recsys.evaluation import Assessment, assessment, evaluate
from recsys.evaluation.figures import FIGURES, RANKER
from recsys.settings import load_settings


@pytest.fixture(scope="module")
def found(tiny_tables, tiny_environment) -> Assessment:
    shoppers = pd.DataFrame({"user_id": [f"{u:03d}" for u in range(80)], "segment": "only"})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        return evaluate(*tiny_tables, shoppers=shoppers, users=30)


def test_tables_give_the_figures_of_the_command(found, tiny, tiny_version):
    """The tiny version was published from the same tables with the same settings."""
    live = assessment.assess_live(load_settings(artifacts=tiny_version, evaluation={"max_users": 30}))
    mine, theirs = found.to_dict(), live.to_dict()
    assert theirs["protocol"].pop("version")
    assert theirs["protocol"].pop("reading") == []  # published from frames: no files were read
    assert list(mine) == [
        "protocol",
        "table",
        "leads",
        "slices",
        "fairness",
        "calibration",
        "ablation",
        "tuned",
        "skipped",
    ]
    for name in set(mine) - {"slices", "fairness"}:  # the version has no segments
        assert mine[name] == theirs[name], name
    assert json.dumps(mine, allow_nan=False)
    assert found.protocol["test_users"] == 30


def test_frames_hold_the_estimates(found):
    estimate = found.estimates[RANKER]["auc"]
    assert found.table.loc[RANKER, "auc"].tolist() == [estimate.value, estimate.low, estimate.high]
    assert list(found.table.index) == list(found.estimates)
    assert set(FIGURES) <= set(found.table.columns.get_level_values("figure"))
    slices = found.slices
    assert slices.index.names == ["model", "by", "part", "users"]
    assert {"activity", "segment", "item popularity"} <= set(slices.index.get_level_values("by"))
    part = found.parts[RANKER][0]
    assert slices.loc[(RANKER, part.by, part.name, part.users), ("auc", "value")] == part.figures["auc"].value
    assert found.calibration.loc["slope", "value"] == found.reliability.slope.value
    assert list(found.calibration.columns) == ["value", "low", "high"]
    assert found.ablation.empty
    bare = replace(found, reliability=None)
    assert bare.calibration.empty
    assert list(bare.calibration.columns) == ["value", "low", "high"]


def test_plots_a_page_and_what_a_notebook_shows(found, tmp_path):
    assert found.plot().axes
    assert found.plot("reliability").axes
    with pytest.raises(BadInput, match="there is no 'ablation' here; there are 'metric at k', 'ROC by group'"):
        found.plot("ablation")
    page = found.report(tmp_path / "report.html")
    assert page.read_text("utf-8").count("<svg") == 4
    with pytest.raises(BadInput, match="html"):
        found.report(tmp_path / "report.pdf")
    html = found._repr_html_()
    assert "<svg" in html
    assert f"{found.estimates[RANKER]['auc'].value:.3f}" in html
    assert "per-user AUC" in repr(found)
    assert len(repr(found)) < 250


def test_too_few_users_and_tables_without_a_future_are_refused(tiny, tiny_tables):
    items, events = tiny_tables
    with pytest.raises(BadInput, match="users: 0"):
        evaluate(items, events, users=0)
    with pytest.raises(BadInput, match="needs events at several times"):
        evaluate(items, events.assign(timestamp=1_700_000_000))


def test_reading_a_result_needs_neither_matplotlib_nor_torch(found):
    code = (
        "import sys\n"
        "for name in ('matplotlib', 'torch', 'jinja2'): sys.modules[name] = None\n"
        "from recsys.evaluation import Assessment\n"
        "from recsys.evaluation.figures import *\n"
        "row = {f: Estimate(.5, .4, .6) for f in (*FIGURES, 'pooled_auc')}\n"
        "leads = {f: Difference('popularity', Estimate(.1, 0, .2)) for f in FIGURES}\n"
        "found = Assessment({'test_users': 1}, {'ranker': row}, leads, {}, None, None, [], {}, {}, None, {}, {})\n"
        "assert found.table.shape == (1, 15) and '<svg' not in found._repr_html_() and '0.5' in found._repr_html_()\n"
        "for call in (found.plot, lambda: found.report('x.html')):\n"
        "    try: call()\n"
        "    except ValueError as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    matplotlib, jinja2 = out.stdout.strip().splitlines()
    assert "`matplotlib` is needed for this and is not installed: pip install 'shop-recsys[evaluation]'" in matplotlib
    assert "`jinja2` is needed" in jinja2


def test_the_ablation_frame_is_that_of_the_effects(found):
    from recsys.evaluation.figures import AblationEffect
    from recsys.evaluation.metrics import Estimate

    effects = [AblationEffect("taste", "what they like", {f: Estimate(0.01, -0.01, 0.02) for f in FIGURES})]
    frame = replace(found, effects=effects).ablation
    assert frame.index.tolist() == ["taste"]
    np.testing.assert_array_equal(frame["auc"].to_numpy(), [[0.01, -0.01, 0.02]])
