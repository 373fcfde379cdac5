"""The commands, as a user types them: results, messages, exit codes, and what stays as it was."""

from __future__ import annotations

import errno
import importlib
import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

import jobs
from recsys import Recommender, cli
from recsys.cli._command import _Lines
from recsys.data.store import Store
from recsys.errors import unwritable

COMMANDS = sorted(m.name for m in pkgutil.iter_modules(jobs.__path__) if not m.name.startswith("_"))


def run(name: str, *arguments: object):
    return CliRunner().invoke(importlib.import_module(f"jobs.{name}").app, [str(a) for a in arguments])


def message(result) -> str:
    return " ".join((result.output + getattr(result, "stderr", "")).split())


@pytest.fixture
def files(tmp_path, tiny_tables):
    items, events = tiny_tables
    items.to_parquet(tmp_path / "items.parquet")
    events.to_csv(tmp_path / "events.csv", index=False)
    return tmp_path


@pytest.fixture
def shop(files, tiny):
    """Artifacts directory with a nightly version of the tiny shop."""
    result = run(
        "nightly",
        "--items",
        files / "items.parquet",
        "--interactions",
        files / "events.csv",
        "--artifacts",
        files / "a",
    )
    assert result.exit_code == 0, message(result)
    return files / "a"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name):
    for result in (run(name, "--help"), CliRunner().invoke(cli.app, [name, "--help"])):
        assert result.exit_code == 0
        assert f"Example: recsys {name}" in message(result) or f"Examples: recsys {name}" in message(result)


def test_embed_twice_encodes_nothing_and_says_so(files, tiny):
    arguments = ["--items", files / "items.parquet", "--interactions", files / "events.csv", "--artifacts", files / "a"]
    first = json.loads(run("embed", *arguments, "--json").stdout)
    assert first["items_encoded"] == 50
    again = run("embed", *arguments)
    assert "nothing to encode" in message(again)


def test_embed_encodes_exactly_the_changed_texts_and_the_histories_that_hold_them(shop, files, tiny_tables):
    items, events = tiny_tables
    items = items.copy()
    items.loc[items.item_id == "G003", "title"] = "a wholly new wheelbarrow"
    items.to_parquet(files / "items2.parquet")
    # Items given alone update that part; the events are the live version's.
    summary = json.loads(run("embed", "--items", files / "items2.parquet", "--artifacts", shop, "--json").stdout)
    assert summary["items_encoded"] == 1
    assert summary["histories_encoded"] == events[events.item_id == "G003"].user_id.nunique()
    assert summary["events"] == len(events)
    assert summary["ranker"] == "carried over"


def test_interactions_alone_update_that_part_and_append_adds(shop, files):
    new = pd.DataFrame({"user_id": ["new"], "item_id": ["K001"], "timestamp": [1_720_000_000]})
    new.to_csv(files / "new.csv", index=False)
    before = len(Recommender.load(shop).shop.events)
    added = json.loads(
        run("embed", "--interactions", files / "new.csv", "--append", "--artifacts", shop, "--json").stdout
    )
    assert added["events"] == before + 1
    assert added["items_encoded"] == 0
    assert len(Recommender.load(shop).recommend("new", k=3)) == 3
    replaced = json.loads(run("embed", "--interactions", files / "new.csv", "--artifacts", shop, "--json").stdout)
    assert (replaced["events"], replaced["users"]) == (1, 1)


def test_embed_alone_serves_cosine_until_train(files, tiny, caplog):
    artifacts = files / "a"
    result = run(
        "embed", "--items", files / "items.parquet", "--interactions", files / "events.csv", "--artifacts", artifacts
    )
    assert "similarity (cosine) serves" in message(result)
    assert Store(artifacts).require().manifest["serves"].startswith("cosine")
    assert len(Recommender.load(artifacts).recommend("000", k=4)) == 4
    assert "no ranker" in caplog.text
    assert run("train", "--artifacts", artifacts).exit_code == 0
    assert Store(artifacts).require().manifest["serves"] == "ranker"
    assert Recommender.load(artifacts).recommend("000", k=4).score.between(0, 1).all()


def test_recommend_writes_lists_and_pair_scores(shop, files, tiny_tables, monkeypatch):
    users = pd.DataFrame({"user_id": ["000", "001", "stranger"]})
    users.to_csv(files / "users.csv", index=False)
    result = run(
        "recommend", "--users", files / "users.csv", "--k", 5, "--out", files / "recs.parquet", "--artifacts", shop
    )
    assert result.exit_code == 0
    assert "1 of them new" in message(result)
    recs = pd.read_parquet(files / "recs.parquet")
    assert recs.groupby("user_id").size().to_dict() == {"000": 5, "001": 5, "stranger": 5}
    run(
        "recommend", "--users", files / "users.csv", "--k", 60, "--repeats", "--out", files / "all.csv", "--artifacts",
        shop,
    )  # fmt: skip
    met = tiny_tables[1][tiny_tables[1].user_id == "000"].item_id
    listed = pd.read_csv(files / "all.csv", dtype=str).query("user_id == '000'").item_id
    items = tiny_tables[0]
    assert set(listed) == set(items[items.available].item_id)  # seen ones included
    assert set(met) & set(listed)
    assert run("recommend", "--pairs", files / "all.csv", "--repeats", "--out", files / "x.csv").exit_code == 2
    pairs = recs[["user_id", "item_id"]]
    pairs.to_parquet(files / "pairs.parquet")
    monkeypatch.setenv("RECSYS_EXPLAIN__WRITER", "template")
    run(
        "recommend", "--users", files / "users.csv", "--k", 2, "--explain", "--out", files / "why.csv", "--artifacts",
        shop,
    )  # fmt: skip
    why = pd.read_csv(files / "why.csv", dtype={"user_id": str, "item_id": str})
    assert list(why.columns) == ["user_id", "rank", "item_id", "score", "reason", "kind", "because"]
    assert why.reason.str.endswith((".", "!")).all()
    assert not list(files.glob(".why*"))
    run("recommend", "--pairs", files / "pairs.parquet", "--out", files / "scores.csv", "--artifacts", shop)
    scores = pd.read_csv(files / "scores.csv", dtype={"user_id": str})
    assert scores.user_id.tolist() == pairs.user_id.tolist()
    np.testing.assert_allclose(scores.score, recs.score, rtol=1e-6)


def test_a_night_in_a_pipe_says_its_stages_and_shows_lists_only_when_asked(files, tiny, caplog, capsys):
    tables = ["--items", files / "items.parquet", "--interactions", files / "events.csv", "--artifacts", files / "a"]
    first = run("nightly", *tables)
    assert first.exit_code == 0
    stages = [record for record in caplog.records if record.name == "recsys.progress"]
    assert [re.fullmatch(r"(.+?) +[0-9]+\.[0-9] s", record.getMessage())[1] for record in stages] == [
        "read and check tables",
        "encode texts",
        "compare with what is live",
        "train the ranker",
        "write and publish",
    ]
    assert "last met:" not in first.stdout
    assert re.search(r"no sequence block: [0-9]+ visits are followed by another with something new", message(first))
    shown = run("nightly", "--show", *tables)
    assert shown.stdout.count("last met:") == 3
    assert json.loads(run("nightly", "--json", "--show", *tables).stdout)["version"]
    _Lines().emit(stages[0])  # how a log file gets it: one line, whatever its length
    assert re.fullmatch(r"[0-9:]{8} INFO +read and check tables +[0-9.]+ s\n", capsys.readouterr().err)


def test_lists_go_to_a_database_whole(shop, files):
    users = pd.DataFrame({"user_id": ["000", "001"]})
    users.to_csv(files / "users.csv", index=False)
    url = f"sqlite:///{files / 'lists.db'}"
    asked = ["--users", files / "users.csv", "--k", 4, "--artifacts", shop]
    result = run("recommend", *asked, "--out", url)
    assert result.exit_code == 0, message(result)
    assert f"8 rows in {url}" in message(result)
    table = pd.read_sql("SELECT * FROM recommendations", sa.create_engine(url))
    run("recommend", *asked, "--out", files / "lists.parquet")
    pd.testing.assert_frame_equal(table, pd.read_parquet(files / "lists.parquet"), check_dtype=False)
    refused = run("recommend", "--pairs", files / "users.csv", "--artifacts", shop, "--out", "redis://127.0.0.1:1/0")
    assert refused.exit_code == 2
    assert "a Redis hash holds the lists of --users" in message(refused)


def test_requests_are_read_from_a_database(shop, files):
    url = f"sqlite:///{files / 'shop.db'}"
    engine = sa.create_engine(url)
    pd.DataFrame({"user_id": ["000", "001"]}).to_sql("users", engine, index=False)
    pd.DataFrame({"sku": ["G001", "G002"]}).to_sql("in_season", engine, index=False)
    query = f"{url}#SELECT sku AS item_id FROM in_season"
    run("recommend", "--users", url, "--candidates", query, "--out", files / "r.csv", "--artifacts", shop)
    lists = pd.read_csv(files / "r.csv", dtype=str)
    assert set(lists.item_id[lists.user_id == "000"]) == {"G001", "G002"}
    result = run("recommend", "--pairs", url, "--out", files / "r.csv", "--artifacts", shop)
    assert result.exit_code == 2
    assert "no table 'pairs'. There are: in_season, users" in message(result)


def test_candidates_restrict_lists(shop, files):
    pd.DataFrame({"user_id": ["000"]}).to_csv(files / "users.csv", index=False)
    pd.DataFrame({"item_id": ["G001", "G002"]}).to_csv(files / "only.csv", index=False)
    run(
        "recommend", "--users", files / "users.csv", "--candidates", files / "only.csv",
        "--out", files / "r.csv", "--artifacts", shop,
    )  # fmt: skip
    assert set(pd.read_csv(files / "r.csv").item_id) == {"G001", "G002"}


def test_a_worse_night_is_refused_and_the_live_version_stays(shop, files, tiny_tables):
    live = Store(shop).current_id()
    items, _ = tiny_tables
    broken = items.assign(title="x", brand=None, category=None)[:12]
    broken.to_parquet(files / "broken.parquet")
    result = run("nightly", "--items", files / "broken.parquet", "--artifacts", shop)
    assert result.exit_code == 1
    assert "refused" in message(result)
    assert Store(shop).current_id() == live


def test_a_night_with_another_setting_and_the_same_items_is_judged_against_the_last(shop, monkeypatch):
    """As after an upgrade: the live version's recipe is trained again beside tonight's, on its own facts."""
    live = Store(shop).current_id()
    monkeypatch.setenv("RECSYS_TRAINING__STRENGTHS", "[0.01]")
    result = run("nightly", "--artifacts", shop)
    assert result.exit_code == 0, message(result)
    assert f"version {live}" in message(result)
    assert Store(shop).current_id() != live


def _write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


ITEMS = "item_id,title\n1,pan\n2,pot\n"
EVENTS = "user_id,item_id,timestamp\nu,1,1700000000\nu,2,1700086400\n"


@pytest.mark.parametrize(
    ("items", "events", "says"),
    [
        (None, EVENTS, "nothing.csv"),
        ("item_id,label\n1,pan\n", EVENTS, "title"),
        ("title\npan\n", EVENTS, "item_id"),
        ("", EVENTS, "empty"),
        ("item_id,title\n", EVENTS, "no"),
        ("item_id,title\n,\n,\n", EVENTS, "no usable row|none of"),
        (ITEMS, "user_id,item_id,timestamp\nu,8,1700000000\n", "catalogue"),
        (ITEMS, "person,item_id,timestamp\nu,1,1700000000\n", "user_id"),
        (ITEMS, "user_id,item_id,timestamp\nu,1,4900000000\n", "future|usable"),
    ],
)
def test_unusable_tables_are_one_message_exit_2_nothing_published(tmp_path, tiny, items, events, says):
    table = tmp_path / "nothing.csv" if items is None else _write(tmp_path / "items.csv", items)
    result = run(
        "embed",
        "--items",
        table,
        "--interactions",
        _write(tmp_path / "events.csv", events),
        "--artifacts",
        tmp_path / "a",
    )
    assert result.exit_code == 2, message(result)
    assert "Traceback" not in message(result)
    assert any(word in message(result) for word in says.split("|")), message(result)
    assert Store(tmp_path / "a").current_id() is None


def test_csv_in_another_encoding_is_read_and_said(tmp_path, tiny):
    items = _write(tmp_path / "items.csv", "item_id,title\n1,caf\u00e9\n", "utf-16")
    result = run("embed", "--items", items, "--artifacts", tmp_path / "a")
    assert result.exit_code == 0, message(result)
    assert "UTF-16" in message(result)
    assert Recommender.load(tmp_path / "a").title("1") == "café"


@pytest.mark.parametrize(
    ("times", "kind"),
    [
        ("1700000000,1700086400", "absolute"),
        ("1700000000000,1700086400000", "absolute"),
        ("1,2", "order"),
        (",", "order"),
    ],
)
def test_times_in_seconds_milliseconds_ordinals_or_absent(tmp_path, tiny, times, kind, monkeypatch):
    monkeypatch.setenv("RECSYS_INTAKE__MAX_BAD", "0.25")  # one of four items has no title
    a, b = times.split(",")
    items = _write(tmp_path / "items.csv", ITEMS + "3,\n4," + "long " * 20_000 + "\n")
    events = _write(tmp_path / "events.csv", f"user_id,item_id,timestamp\n12347.0,1,{a}\n12347,2,{b}\n")
    result = run("embed", "--items", items, "--interactions", events, "--artifacts", tmp_path / "a", "--json")
    assert result.exit_code == 0, message(result)
    summary = json.loads(result.stdout)
    assert summary["time"] == kind
    assert summary["items"] == 3  # the one without a title is in quarantine
    assert (tmp_path / "a" / "quarantine" / "items.csv").exists()
    rec = Recommender.load(tmp_path / "a")
    assert rec.shop.user_ids.tolist() == ["12347"]
    if kind == "absolute":
        assert rec.shop.events.end == 1_700_086_400


def test_artifacts_of_another_encoder_are_refused_with_both_names(shop, monkeypatch):
    monkeypatch.setenv("RECSYS_ENCODER__POOLING", "mean")
    result = run("train", "--artifacts", shop)
    assert result.exit_code == 2
    assert "cls pooling" in message(result)
    assert "mean" in message(result)


def test_a_truncated_artifact_file_is_named(shop, files):
    file = Store(shop).require().path / "vectors" / "items.npy"
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data[:-100])
    pd.DataFrame({"user_id": ["000"]}).to_csv(files / "users.csv", index=False)
    result = run("recommend", "--users", files / "users.csv", "--out", files / "r.csv", "--artifacts", shop)
    assert result.exit_code == 2
    assert "items.npy" in message(result)


def test_a_new_night_with_all_tables_mends_a_damaged_version(shop, files):
    (Store(shop).require().path / "vectors" / "items.npy").unlink()
    assert run("nightly", "--items", files / "items.parquet", "--artifacts", shop).exit_code == 2
    both = ["--items", files / "items.parquet", "--interactions", files / "events.csv"]
    assert run("nightly", *both, "--artifacts", shop).exit_code == 0
    assert len(Recommender.load(shop).recommend("000", k=3)) == 3


def test_versions_verify_and_go_back(shop, files):
    first = Store(shop).current_id()
    assert run("embed", "--artifacts", shop).exit_code == 0
    assert Store(shop).current_id() != first
    assert run("versions", "--verify", "--artifacts", shop).exit_code == 0
    assert run("versions", "--use", first, "--artifacts", shop).exit_code == 0
    assert Store(shop).current_id() == first
    assert run("versions", "--use", "20200101T000000-0000", "--artifacts", shop).exit_code == 2


def test_no_version_yet_says_how_to_make_one(tmp_path, tiny):
    result = run("train", "--artifacts", tmp_path)
    assert result.exit_code == 2
    assert "recsys nightly" in message(result)


#: A process that has everything imported runs the command it was given in a child for each line it reads.
_NURSERY = """
import os, sys
import recsys.pipeline.runs, recsys.encoders.fast_bert, transformers
from recsys.cli import app
for _ in sys.stdin:
    child = os.fork()
    if not child:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1), os.dup2(null, 2)
        try:
            app(sys.argv[1:], standalone_mode=False)
        finally:
            os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_killed_embed_leaves_the_live_version_and_the_next_run_finishes(shop, files, tiny_environment, tiny_tables):
    items, _ = tiny_tables
    live = Store(shop).current_id()
    command = [sys.executable, "-c", _NURSERY, "embed", "--items", files / "changed.parquet", "--artifacts", shop]
    items.assign(title=items.title + " again").to_parquet(files / "changed.parquet")
    environment = {**os.environ, **tiny_environment, "RECSYS_KEEP_VERSIONS": "20"}
    expected = Recommender.load(shop).recommend("000", k=5)
    rng = np.random.default_rng(5)
    killed = 0
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as nursery:

        def begin() -> int:
            nursery.stdin.write("\n")
            nursery.stdin.flush()
            return int(nursery.stdout.readline())

        begin()
        started = time.monotonic()
        assert nursery.stdout.readline() == "ended\n"
        whole = time.monotonic() - started
        assert Store(shop).current_id() != live
        assert run("versions", "--use", live, "--artifacts", shop).exit_code == 0
        for moment in np.sort(rng.uniform(0.05, 1.0, 8)) * whole:
            items.assign(title=items.title + f" {moment}").to_parquet(files / "changed.parquet")
            child = begin()
            time.sleep(moment)
            with suppress(ProcessLookupError):  # it finished before the kill
                os.kill(child, signal.SIGKILL)
            assert nursery.stdout.readline() == "ended\n"
            if Store(shop).current_id() == live:
                killed += 1
                pd.testing.assert_frame_equal(Recommender.load(shop).recommend("000", k=5), expected)
            else:
                assert run("versions", "--use", live, "--artifacts", shop).exit_code == 0
        nursery.stdin.close()
    assert killed  # of eight moments spread over its work, some are before its end
    assert run("embed", "--items", files / "changed.parquet", "--artifacts", shop).exit_code == 0
    assert not list((shop / "versions").glob(".draft-*"))


def test_impressions_are_kept_and_used_as_negatives(files, tiny, tiny_tables):
    _items, events = tiny_tables
    shown = events.assign(clicked=True)
    missed = events.assign(item_id=["K001" if i[0] == "G" else "G001" for i in events.item_id], clicked=False)
    pd.concat([shown, missed]).to_parquet(files / "shown.parquet")
    both = ["--items", files / "items.parquet", "--interactions", files / "events.csv"]
    for name, extra in (("plain", []), ("shown", ["--impressions", files / "shown.parquet"])):
        result = run("nightly", *both, *extra, "--artifacts", files / name)
        assert result.exit_code == 0, message(result)
    plain, with_shown = (Recommender.load(files / name) for name in ("plain", "shown"))
    assert with_shown.shop.tables.value.impressions is not None
    # They reach the training; what the pair builder makes of them is tested with it.
    weights = [np.concatenate(r.ranker.weights) for r in (plain, with_shown)]
    assert not np.allclose(*weights)


def test_the_sample_shop_never_replaces_a_shop_whose_current_is_lost(shop):
    store = Store(shop)
    live, kept = store.current_id(), store.versions()
    (shop / "current").unlink()
    for name in ("embed", "nightly", "train"):
        result = run(name, "--artifacts", shop)
        assert result.exit_code == 2, message(result)
        assert f"recsys versions --use {live}" in message(result)
    assert store.versions() == kept
    assert not (shop / "current").exists()
    assert run("versions", "--use", live, "--artifacts", shop).exit_code == 0
    assert len(Recommender.load(shop).recommend("000", k=3)) == 3


def test_versions_are_pinned_and_named_exactly(shop):
    live = Store(shop).current_id()
    pinned = json.loads(run("versions", "--pin", live, "--artifacts", shop, "--json").stdout)
    assert pinned["pinned"] == [live]
    assert "(pinned)" in message(run("versions", "--artifacts", shop))
    assert json.loads(run("versions", "--unpin", live, "--artifacts", shop, "--json").stdout)["pinned"] == []
    assert run("versions", "--tag", "before-sale", "--artifacts", shop).exit_code == 2  # of which version?
    assert "(pinned, before-sale)" in message(
        run("versions", "--pin", live, "--tag", "before-sale", "--artifacts", shop)
    )
    assert run("versions", "--use", "before-sale", "--card", "before-sale", "--artifacts", shop).exit_code == 0
    assert json.loads(run("versions", "--unpin", "before-sale", "--artifacts", shop, "--json").stdout)["tags"] == {}
    for name in (f"{live}/", "../../x", ""):
        for what in ("--use", "--pin", "--unpin", "--card"):
            assert run("versions", what, name, "--artifacts", shop).exit_code == 2
    assert Store(shop).current_id() == live
    file = Store(shop).require().path / "events" / "item.npy"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    result = run("versions", "--verify", "--artifacts", shop)
    assert result.exit_code == 2
    assert "item.npy: differs from what was published" in message(result)


def test_each_kind_of_trouble_has_its_exit_code_and_one_line(shop, files, monkeypatch):
    both = ["--items", files / "items.parquet", "--interactions", files / "events.csv", "--artifacts"]
    with Store(shop).writing():
        locked = run("embed", *both, shop)
    assert locked.exit_code == 3, message(locked)
    assert "another job is writing here" in message(locked)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("recsys.encoders.vector_cache.os.posix_fallocate", full, raising=False)
    live = Store(shop).current_id()
    for where in (shop, files / "first"):
        no_space = run("embed", *both, where)
        assert no_space.exit_code == 4, message(no_space)
        assert "make room" in message(no_space)
        assert "report" not in message(no_space)
    assert Store(shop).current_id() == live
    assert Store(files / "first").versions() == []
    # numpy says of a full disk how much it wrote, and no more.
    assert unwritable(OSError("64000 requested and 4096 written"))
    assert not unwritable(OSError(errno.EIO, "Input/output error"))


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_what_a_night_writes_is_for_its_own_account(shop, files):
    events = pd.read_csv(files / "events.csv", dtype=str)
    events.loc[len(events)] = ["000", "no such item", "1700000000"]
    events.to_csv(files / "events.csv", index=False)
    both = ["--items", files / "items.parquet", "--interactions", files / "events.csv", "--artifacts", shop]
    assert run("embed", *both).exit_code == 0
    assert (shop / "quarantine" / "interactions.csv").is_file()
    folders = [shop / "versions", shop / "quarantine"]
    written = [*folders, *(path for folder in folders for path in folder.rglob("*"))]
    assert [path for path in written if path.stat().st_mode & 0o077] == []
    assert shop.stat().st_mode & 0o777 == 0o700  # so what else lies below it cannot be reached either
