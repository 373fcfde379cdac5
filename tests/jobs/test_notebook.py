"""The notebooks run from the first cell to the last without noise, and are kept without outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

nbformat = pytest.importorskip("nbformat")


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_is_kept_without_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def run(name, monkeypatch, artifacts):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("RECSYS_ARTIFACTS", str(artifacts))
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    noise = [o for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    assert not noise, f"a reader would see {noise[0].text[:500]}"
    return outputs


def showing(outputs, kind, what=""):
    return [o for o in outputs if what in o.get("data", {}).get(kind, "")]


def test_the_analysis_runs(tiny, tiny_version, monkeypatch):
    outputs = run("analysis", monkeypatch, tiny_version)
    assert len([o for o in outputs if "image/svg+xml" in o.get("data", {})]) >= 4
    assert len([o for o in outputs if "text/html" in o.get("data", {})]) >= 5


def test_the_quickstart_runs_and_draws_what_scores_are_made_of(tiny, tiny_version, monkeypatch):
    outputs = run("quickstart", monkeypatch, tiny_version)
    assert showing(outputs, "text/plain", "<Recommender version ")
    assert len(showing(outputs, "text/html", "made of")) >= 4
    assert showing(outputs, "text/html", "<blockquote>")
    assert showing(outputs, "text/plain", "<Assessment: ")


def test_a_block_of_ones_own_is_part_of_the_score(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_TRAINING__SEQUENCE_PASSES", "0")  # the network of the sample shop is another's test
    outputs = run("own_feature_block", monkeypatch, tmp_path)
    assert showing(outputs, "text/plain", "'reviews'")
    assert showing(outputs, "text/html", "reviews")
    assert showing(outputs, "text/plain", "has ")
