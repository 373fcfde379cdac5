"""What an evaluation found, kept beside the version it measured."""

from __future__ import annotations

import json
import shutil

from typer.testing import CliRunner

from recsys import cli
from recsys.data import evaluations
from recsys.data.store import Store


def test_the_command_keeps_figures_and_plots_of_the_live_version(tiny, tiny_version, tmp_path):
    shutil.copytree(tiny_version, tmp_path / "shop")
    store = Store(tmp_path / "shop")
    live = store.require().id
    assert evaluations.read(store, live) == (None, {})
    run = CliRunner().invoke(cli.app, ["evaluate", "--artifacts", str(store.root), "--users", "40", "--keep", "--json"])
    assert run.exit_code == 0, run.output
    figures, plots = evaluations.read(store, live)
    assert figures["table"] == json.loads(run.stdout)["table"]
    assert {"metric-at-k", "roc-by-group", "popularity-bias"} <= set(plots)
    assert all(svg.startswith("<svg") for svg in plots.values())


def test_what_was_kept_is_replaced_and_goes_with_its_version(tiny_version, tmp_path):
    shutil.copytree(tiny_version, tmp_path / "shop")
    store = Store(tmp_path / "shop")
    live = store.require().id
    (store.root / evaluations.FOLDER / "20200101T000000-0000").mkdir(parents=True)
    evaluations.keep(store, live, {"auc": 0.8}, {"ROC by group": "<svg/>"})
    evaluations.keep(store, live, {"auc": 0.9}, {"metric at k": "<svg/>"})
    assert evaluations.read(store, live) == ({"auc": 0.9}, {"metric-at-k": "<svg/>"})
    assert [folder.name for folder in (store.root / evaluations.FOLDER).iterdir()] == [live]
