"""The benchmark of planted columns: what an oracle gains is said first, then what the ranker has of it."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from jobs import benchmark


def test_gains_are_paired_and_saved(tiny_version, tiny, tmp_path):
    file = tmp_path / "figures.json"
    arguments = ["columns", "--artifacts", str(tiny_version), "--size", "80", "--out", str(file)]
    result = CliRunner().invoke(benchmark.app, arguments)
    assert result.exit_code == 0, result.output
    assert "of an oracle's AUC gain" in result.output
    saved = json.loads(file.read_text())
    assert next(iter(saved["gains"])) == "oracle over none"
    assert all(f["low"] <= f["value"] <= f["high"] for gain in saved["gains"].values() for f in gain.values())
    figures = saved["figures"]
    assert saved["gains"]["oracle over none"]["auc"]["value"] > 0
    assert (
        abs(saved["gains"]["planted over none"]["auc"]["value"] - figures["planted"]["auc"] + figures["none"]["auc"])
        < 1e-9
    )
