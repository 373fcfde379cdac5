"""`recsys doctor`: what is whole is said to be, what is not is named with its remedy, nothing is written or fetched."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple

import pytest
from typer.testing import CliRunner

from recsys import cli
from recsys.pipeline import doctor
from recsys.settings import load_settings

pytestmark = pytest.mark.usefixtures("tiny")


def found(artifacts, **settings) -> dict[str, doctor.Finding]:
    return {one.check: one for one in doctor.examine(load_settings(artifacts=artifacts, **settings))}


def test_a_whole_shop_has_nothing_to_mend(tiny_version):
    run = CliRunner().invoke(cli.app, ["doctor", "--artifacts", str(tiny_version), "--json"])
    assert run.exit_code == 0
    findings = {one["check"]: one for one in json.loads(run.stdout)["findings"]}
    assert findings["artifacts"]["state"] == "ok"
    assert "50 items, 80 users" in findings["artifacts"]["said"]
    assert findings["device"]["said"].startswith(("cpu", "cuda", "mps"))
    assert {"machine", "settings", "encoder", "disk"} <= {n for n, one in findings.items() if one["state"] == "ok"}
    assert "encoder.name (RECSYS_ENCODER__NAME)" in findings["settings"]["said"]


def test_what_is_wrong_is_named_and_the_exit_code_says_so(tiny_version, tmp_path, monkeypatch):
    damaged = shutil.copytree(tiny_version, tmp_path / "damaged")
    weights = next(damaged.glob("versions/*/ranker/weights.npy"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    monkeypatch.setenv("RECSYS_ENCODER__NAME", "nowhere/model")
    run = CliRunner().invoke(cli.app, ["doctor", "--artifacts", str(damaged)])
    said = " ".join(run.output.split())
    assert run.exit_code == 2
    assert "fail artifacts" in said
    assert "weights.npy" in said
    assert "fail encoder nowhere/model is not here and settings say offline" in said
    assert "mend: run once with network access" in said
    assert said.endswith(" to mend (0.0 s)") or " 2 to mend" in said


def test_nothing_published_yet_is_a_warning_with_the_command(tmp_path):
    one = found(tmp_path / "none")["artifacts"]
    assert (one.state, one.mend) == ("warn", f"recsys nightly --artifacts {tmp_path / 'none'}")
    assert not (tmp_path / "none").exists()


def test_a_device_that_is_not_there_fails(tiny_version, monkeypatch):
    monkeypatch.setenv("RECSYS_DEVICE", "cuda:7")
    one = found(tiny_version)["device"]
    assert one.state == "fail"
    assert "cuda:7" in one.said


@pytest.mark.parametrize(("free", "state"), [(10 * 2**30, "ok"), (2 * 2**30, "warn"), (2**20, "fail")])
def test_room_on_disk(tiny_version, monkeypatch, free, state):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage(0, 0, free))
    assert found(tiny_version)["disk"].state == state


def test_extras_that_are_missing_are_named(tiny_version, monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "redis" else object())
    findings = found(tiny_version)
    assert findings["extra redis"].state == "warn"
    assert "pip install 'shop-recsys[redis]'" in findings["extra redis"].mend
    assert findings["extra serve"].state == "ok"
