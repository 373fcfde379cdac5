"""`recsys trust` at a small share: what is kept is counted, and what is broken is told, by a case to try again."""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import sys
import time
from random import Random

import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys import cli
from recsys.cli import _trust as trials
from recsys.cli._trust import damage, faults, mutations, nights, readers, supervised
from recsys.cli._trust.result import Breach, Result, Tally, markdown
from recsys.cli._trust.supervised import LeftOut, Limits, supervise
from recsys.data.integrity import Version

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


#: Cases whose files are of all folders.
SPREAD = range(0, 72, 6)


def trust(*arguments: str):
    return CliRunner().invoke(cli.app, ["trust", "--workers", "1", *arguments])


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> trials.Plan:
    plan = trials.Plan(tmp_path_factory.mktemp("trust"), workers=1)
    trials.prepare(plan)
    return plan


def tally(plan, kind, make, cases) -> Tally:
    return plan.tally(kind, 0, make, Limits(seconds=120), cases=cases)


def test_what_a_worker_does_is_counted_whatever_it_does(tmp_path):
    """Kept, broken, an exception, a crash, a hang, too much memory: all told, and the rest is done all the same."""

    def make(_):
        held = []

        def work(number: int) -> str:
            match number:
                case 1:
                    raise Breach("not kept")
                case 2:
                    return str({}["missing"])
                case 3:
                    os.kill(os.getpid(), signal.SIGKILL)
                case 4:
                    time.sleep(60)
                case 5:
                    held.append(bytes(b"x" * 200 * 2**20))
            return "kept"

        return work

    told: list[int] = []
    limits = Limits(seconds=2, megabytes=100)
    found = supervise("kind", make, range(8), tmp_path, workers=2, limits=limits, advance=told.append, times=10)
    assert (found.tried, sum(told), found.ended["kept"], found.broken) == (80, 80, 30, 5)
    for said in ("kind:1: not kept", "kind:2: KeyError", "kind:3: crashes the process (SIGKILL)", "kind:4: hangs",
                 "kind:5: takes "):  # fmt: skip
        assert any(breach.startswith(said) for breach in found.breaches), found.breaches


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets the most memory that a process held")
def test_memory_that_is_given_back_hides_no_growth(tmp_path):
    """300 MB that the parent left to be collected, and 300 MB of set-up: a case that takes 200 is told all the same."""

    class Cycle:
        def __init__(self) -> None:
            self.me, self.held = self, b"x" * (300 * 2**20)

    Cycle()

    def make(_):
        Cycle()
        gc.collect()
        held = []

        def work(number: int) -> str:
            held.append(b"x" * (200 * 2**20 * number))
            return "kept"

        return work

    limits = Limits(seconds=20, megabytes=100)
    found = supervise("kind", make, range(2), tmp_path, workers=1, limits=limits, advance=lambda _: None)
    assert (found.ended["kept"], found.broken) == (1, 1)
    assert found.breaches[0].startswith("kind:1: takes ")


def test_a_kind_that_cannot_be_tried_is_left_out_by_name(tmp_path):
    def make(_):
        raise LeftOut("needs Linux")

    found = supervise("disk full", make, range(3), tmp_path, workers=1, limits=Limits(), advance=lambda _: None)
    table = markdown([Result("a promise", "a test", "faults", [found])])
    assert "0 faults: disk full: left out (needs Linux)" in table


def test_a_worker_that_cannot_begin_is_a_fault_of_ours(tmp_path):
    def make(_):
        raise ValueError("no shop")

    with pytest.raises(RuntimeError, match="no shop"):
        supervise("kind", make, [0], tmp_path, workers=1, limits=Limits(), advance=lambda _: None)


def test_strange_inputs_come_from_their_number_alone():
    for kind in mutations.FORMATS:
        if kind != "xlsx":  # an archive holds the time
            assert mutations.file(Random("0 7"), kind) == mutations.file(Random("0 7"), kind)
    assert mutations.file(Random("0 7"), "csv") != mutations.file(Random("0 8"), "csv")
    first, later = (nights.tables(night, 0) for night in (3, 4))
    assert len(first[1]) == pytest.approx(len(later[1]), rel=0.1)
    assert not first[0].equals(later[0])


def test_a_nasty_name_of_a_column_can_be_written_to_every_format():
    names = ["item_id", "half \ud83d surrogate"]
    assert pd.read_parquet(io.BytesIO(mutations._parquet(names, [["1", "\ud83d"]]))).columns[1] == "half ? surrogate"


def test_the_full_numbers_are_those_that_were_promised():
    injected = sum(count for count, _ in damage.KINDS.values()) + sum(f.count for f in faults.KINDS.values())
    assert injected + trials.network.COUNT >= 10_000
    cells = sum(count for count, _ in readers.CELL_KINDS.values())
    assert sum(readers.FILES.values()) + cells + trials.requests.COUNT + trials.templates.COUNT >= 1_000_000
    assert trials.erasure.TOGETHER + trials.erasure.ALONE >= 500
    assert nights.COUNT >= 100


def test_a_kind_is_tried_alone_whole_or_one_case_of_it(tmp_path):
    for case, numbers in ((("csv", None), range(3)), (("csv", 7), [7]), (("tsv", None), []), (None, range(3))):
        assert list(trials.Plan(tmp_path, share=0.1, case=case).cases("csv", 30)) == list(numbers)


def test_damage_is_refused_by_name_and_a_check_that_is_taken_away_is_found_out(plan, monkeypatch):
    base = plan.folder / "base" / "shop"
    make = damage.maker("bit flipped", base, plan.variables, seed=0)
    kept = tally(plan, "bit flipped", make, SPREAD)
    assert (kept.tried, kept.broken) == (12, 0), kept.breaches
    assert kept.ended["refused by name"] >= 6
    monkeypatch.setattr(Version, "check", lambda *_: None)
    broken = tally(plan, "bit flipped", make, SPREAD)
    assert broken.broken >= 4
    assert any("was not noticed" in breach for breach in broken.breaches)


@pytest.mark.parametrize("kind", ["killed at a random moment", "two at once", "current lost"])
def test_commands_under_faults(plan, kind):
    make = faults.maker(kind, plan.folder / "base" / "shop", plan.variables, seed=0)
    kept = tally(plan, kind, make, range(2))
    assert (kept.tried, kept.broken) == (2, 0), kept.breaches


def test_a_stack_trace_of_a_reader_is_told_with_a_case_that_is_tried_again(monkeypatch):
    def faulty(*_: object, **__: object) -> None:
        raise ZeroDivisionError("in a reader")

    monkeypatch.setattr(readers, "as_flags", faulty)
    monkeypatch.setattr(trials, "prepare", lambda _: None)
    monkeypatch.setattr(trials.requests, "maker", lambda *_: lambda _: lambda _: "status 200")
    monkeypatch.setattr(trials.templates, "maker", lambda *_: lambda _: lambda _: "refused")
    result = trust("--only", "inputs", "--share", "0.0001", "--json")
    assert result.exit_code == 1, result.output
    found = json.loads(result.stdout)["promises"][0]
    flags = found["kinds"]["flags"]
    assert (found["broken"], flags["tried"]) == (1, 100)
    assert "ZeroDivisionError: in a reader" in flags["breaches"][0]
    again = trust("--only", "inputs", "--case", flags["breaches"][0].rsplit(": Zero", 1)[0])
    assert again.exit_code == 1
    assert "1 broke a promise" in again.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "everything"], "the stages are faults, inputs, erasure, nights"),
        (["--share", "0"], "above 0 and at most 1"),
        (["--out", "table.txt"], ".md"),
        (["--case", "csv:x"], "KIND:N"),
        (["--case", ":7"], "KIND:N"),
    ],
)
def test_options_that_make_no_sense_are_told(arguments, says):
    result = trust(*arguments)
    assert result.exit_code == 2
    assert says in " ".join((result.output + getattr(result, "stderr", "")).split())


def test_a_run_leaves_nothing_and_looks_at_no_settings_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_ARTIFACTS", str(tmp_path / "mine"))
    monkeypatch.setattr(supervised, "_SET_UP", 300.0)
    monkeypatch.setattr(trials, "STAGES", {"cells": lambda plan: Result("p", "t", "cells", [
        plan.tally("ids", 100, readers.cell_maker("ids", plan.variables, 0), times=100)
    ])})  # fmt: skip
    monkeypatch.setattr(trials, "prepare", lambda _: None)
    result = trust("--out", str(tmp_path / "table.md"))
    assert result.exit_code == 0, result.output
    assert "100 cases: every promise was kept" in result.output
    assert (tmp_path / "table.md").read_text("utf-8").startswith("| promise |")
    assert [p.name for p in tmp_path.iterdir()] == ["table.md"]
