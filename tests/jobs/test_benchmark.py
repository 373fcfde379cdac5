"""Benchmarks run, compare within the run, and say what they left out; they are not themselves timed."""

from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from jobs import benchmark
from recsys.cli._benchmarks import bench_search, enlarged
from recsys.cli._benchmarks.race import machine, race
from tests.tiny_gpt import write_gpt2


def test_ratios_are_of_the_same_round_and_everyone_takes_turns():
    order: list[str] = []

    def contender(name: str, seconds: float):
        def run() -> None:
            order.append(name)
            time.sleep(seconds)

        return run

    figures = race({"quick": contender("quick", 0.01), "slow": contender("slow", 0.1)}, "slow", 3)
    assert order == ["quick", "slow", "slow", "quick", "quick", "slow"]
    assert figures["slow"]["times_as_fast"] == {"median": 1, "least": 1, "most": 1}
    assert figures["quick"]["times_as_fast"]["median"] > 2
    assert {"cpu", "cores", "versions"} <= set(machine())


def test_search_finds_what_brute_force_finds():
    vectors = enlarged(np.eye(16, dtype=np.float32), 200)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    found = bench_search(vectors, vectors[:7], rounds=1)
    assert found["contenders"]["recsys"]["recall@10"] >= 0.95
    assert found["contenders"]["numpy brute force"]["recall@10"] == 1
    assert json.dumps(found)


@pytest.mark.parametrize("what", ["search", "recommend", "train"])
def test_the_command_prints_ratios_and_saves_json(what, tiny_version, tiny, tmp_path):
    file = tmp_path / "figures.json"
    arguments = [what, "--artifacts", str(tiny_version), "--rounds", "1", "--out", str(file)]
    result = CliRunner().invoke(benchmark.app, arguments)
    assert result.exit_code == 0, result.output
    assert "times as fast as" in result.output
    saved = json.loads(file.read_text())
    assert saved["reference"] in saved["contenders"]
    assert saved["machine"]["versions"]["numpy"]


def test_reasons_are_timed_against_a_pipeline(tiny_version, tiny, tmp_path, monkeypatch):
    write_gpt2(tmp_path / "gpt", ["Why {item}? bought before {because_1}. friendly:"], positions=512)
    command = ["explain", "--artifacts", str(tiny_version), "--rounds", "1", "--size", "10"]
    program = benchmark.app
    monkeypatch.setenv("RECSYS_EXPLAIN__WRITER", "template")
    assert CliRunner().invoke(program, command).exit_code == 2  # nothing to time
    monkeypatch.setenv("RECSYS_EXPLAIN__WRITER", str(tmp_path / "gpt"))
    result = CliRunner().invoke(program, command)
    assert result.exit_code == 0, result.output
    assert "times as fast as transformers pipeline" in " ".join(result.output.split())


def test_bad_requests_are_refused(tiny_version, tiny):
    run = CliRunner().invoke
    program = benchmark.app
    assert run(program, ["fly", "--artifacts", str(tiny_version)]).exit_code == 2
    assert run(program, ["search", "--size", "3", "--artifacts", str(tiny_version)]).exit_code == 2


def test_forecasts_are_judged_beside_naive_ones(tmp_path):
    """Items that sell at a rate of their own: a mean of weeks is nearer than the last week, and intervals hold."""
    rng = np.random.default_rng(5)
    rates = np.exp(rng.uniform(np.log(0.3), np.log(30), 60))
    rows = [
        (f"i{item:02d}", 1_700_000_000 - 7 * 86_400 * week, int(pieces))
        for item, rate in enumerate(rates)
        for week, pieces in enumerate(rng.poisson(rate, 50))
        if pieces
    ]
    table = pd.DataFrame(rows, columns=["item_id", "timestamp", "quantity"]).assign(user_id="u", event="purchase")
    table.to_csv(tmp_path / "bought.csv", index=False)
    asked = ["forecast", "--interactions", str(tmp_path / "bought.csv"), "--size", "40", "--json"]
    result = CliRunner().invoke(benchmark.app, asked)
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert [cut["weeks_before_the_end"] for cut in found["cuts"]] == [8, 16, 24]
    assert found["items"] == 40
    mase = found["mase"]["all"]
    assert mase["chosen by the backtest"] < 0.9 * min(mase["naive"], mase["seasonal naive"])
    assert 0.7 < found["held"]["all"]["80%"] < 0.92
    assert 0.9 < found["held"]["all"]["95%"] <= 1
    refused = CliRunner().invoke(benchmark.app, ["search", "--interactions", str(tmp_path / "bought.csv")])
    assert refused.exit_code == 2
