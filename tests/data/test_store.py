"""A version is whole or not there: whatever is killed, cut short or written at the same time."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.data.retention import expendable, read_pins
from recsys.data.store import MANIFEST, Store, Version
from recsys.errors import ArtifactError, BadInput

FILES = {"a.npy": 1, "deep/b.npy": 2, "deep/er/c.npy": 3}


def publish(store: Store, value: int, *, same: str | None = None, keep: int = 3) -> Version:
    """A version whose arrays all hold `value`, except `same`, which never changes."""
    with store.writing() as draft:
        for name in FILES:
            file = draft.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, np.full(500, 0 if name == same else value))
        return store.publish(draft, {"value": value}, live=store.current(), keep=keep)


def whole(version: Version) -> bool:
    values = {int(v) for name in FILES for v in np.unique(np.load(version.path / name))}
    return version.verify() == [] and values == {version.manifest["value"]}


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "artifacts")


def test_nothing_published_says_how_to_begin(store):
    assert store.current() is None
    assert store.versions() == []
    with pytest.raises(ArtifactError, match=r"recsys nightly"):
        store.require()
    assert not store.root.exists()


def test_what_is_published_is_what_is_read(store):
    made = publish(store, 7)
    read = store.require()
    assert read.id == made.id == store.current_id()
    assert read.manifest == made.manifest
    assert set(read.manifest["files"]) == set(FILES)
    assert whole(read)
    assert [p.name for p in store.versions_dir.iterdir()] == [made.id]


def test_unchanged_files_are_kept_once_and_old_versions_stay_as_they_were(store):
    first = publish(store, 1, same="a.npy")
    second = publish(store, 2, same="a.npy")
    assert (first.path / "a.npy").samefile(second.path / "a.npy")
    assert not (first.path / "deep/b.npy").samefile(second.path / "deep/b.npy")
    assert np.load(first.path / "deep/b.npy")[0] == 1
    assert second.verify() == first.verify() == []


def test_carried_files_are_those_outside_the_named_directory(store):
    live = publish(store, 5)
    with store.writing() as draft:
        draft.carry(live, without="deep")
        assert [p.name for p in draft.path.iterdir()] == ["a.npy"]
        np.save(draft.path / "new.npy", np.zeros(3))
        made = store.publish(draft, {}, live=live)
    assert set(made.manifest["files"]) == {"a.npy", "new.npy"}
    assert made.verify() == []


def test_old_versions_go_but_readers_keep_what_they_mapped(store):
    first = publish(store, 1)
    mapped = np.load(first.path / "a.npy", mmap_mode="r")
    for value in (2, 3, 4):
        publish(store, value, keep=2)
    assert not first.path.exists()
    assert len(store.versions()) == 2
    assert store.current_id() in store.versions()
    assert (np.asarray(mapped) == 1).all()


def test_a_version_that_cannot_be_deleted_is_never_half_there(store, monkeypatch):
    """As where its directory may not be written: the rest of it is out of sight, and goes when the next writer can."""
    first = publish(store, 1)
    with monkeypatch.context() as patch:
        patch.setattr("recsys.data.store.shutil.rmtree", lambda *_, **__: None)
        for value in (2, 3):
            publish(store, value, keep=2)
    assert first.id not in store.versions()
    assert all(whole(store.version(name)) for name in store.versions())
    assert [path.name for path in store.remains()] == [f".draft-{first.id}"]
    publish(store, 4)
    assert store.remains() == []


def test_names_sort_in_the_order_of_publishing(store):
    published = [publish(store, value, keep=20).id for value in range(12)]  # most of them within one second
    assert store.versions() == published


def test_going_back(store):
    first, second = publish(store, 1), publish(store, 2)
    store.point_to(first.id)
    assert store.require().id == first.id
    with pytest.raises(BadInput, match=second.id):
        store.point_to("20000101T000000-0000")
    assert publish(store, 3, keep=1).id == store.current_id()
    assert len(store.versions()) == 1


def test_an_unpublished_draft_leaves_no_trace(store):
    live = publish(store, 1)
    with suppress(RuntimeError), store.writing() as draft:
        (draft.path / "half").write_text("half")
        raise RuntimeError
    with store.writing() as draft:
        (draft.path / "never published").write_text("x")
    assert [p.name for p in store.versions_dir.iterdir()] == [live.id]
    assert store.require().id == live.id


def test_one_writer_at_a_time(store):
    with store.writing():
        with pytest.raises(BadInput, match="another job"), Store(store.root).writing():
            pass
        other = "from recsys.data.store import Store\nimport sys\nwith Store(sys.argv[1]).writing(): pass"
        run = subprocess.run([sys.executable, "-c", other, str(store.root)], capture_output=True, text=True)
        assert "another job is writing here" in run.stderr
    assert publish(store, 1).id == store.current_id()


def test_a_place_that_cannot_be_written_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("x")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(BadInput, match="cannot be used"), Store(root).writing():
            pass


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def modes(store: Store) -> set[str]:
    """Permissions of what a version is made of."""
    version = store.require()
    paths = [store.versions_dir, version.path, *version.path.rglob("*")]
    return {f"{'d' if p.is_dir() else '-'}{p.stat().st_mode & 0o777:o}" for p in paths}


def test_versions_are_for_the_account_that_published_and_for_whom_it_lets_into_their_directory(store):
    before = os.umask(0o022)
    try:
        publish(store, 1)
        assert modes(store) == {"d700", "-600"}
        assert store.root.stat().st_mode & 0o777 == 0o700
        store.versions_dir.chmod(0o750)
        publish(store, 2)
        assert modes(store) == {"d750", "-640"}
    finally:
        os.umask(before)


@given(name=st.sampled_from(sorted(FILES)), cut=st.integers(0, 400), how=st.sampled_from(["cut", "longer", "gone"]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_named_on_opening(tmp_path_factory, name, cut, how):
    store = Store(tmp_path_factory.mktemp("damaged"))
    version = publish(store, 1)
    file = version.path / name
    raw = file.read_bytes()
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(raw[:cut] if how == "cut" else raw + b"x")
    with pytest.raises(ArtifactError, match=file.name):
        store.require()


@given(at=st.integers(0, 4_000))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_is_found_by_verify(tmp_path_factory, at):
    store = Store(tmp_path_factory.mktemp("changed"))
    version = publish(store, 1)
    file = version.path / "deep/b.npy"
    raw = bytearray(file.read_bytes())
    raw[at] ^= 1
    file.write_bytes(raw)
    assert Version.open(version.path).verify() == ["deep/b.npy"]
    with pytest.raises(ArtifactError, match=r"deep/b\.npy: differs .* No other version is whole"):
        store.require()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
manifests = st.one_of(
    st.binary(max_size=40),
    json_values.map(lambda v: json.dumps(v).encode()),
    st.fixed_dictionaries({"files": json_values}, optional={"format": json_values}).map(
        lambda v: json.dumps(v).encode()
    ),
    st.dictionaries(st.text(max_size=8), json_values, max_size=3).map(lambda v: json.dumps({"files": v}).encode()),
)


@given(raw=manifests)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_manifest_of_anything_is_an_artifact_error(tmp_path, raw):
    folder = tmp_path / "20260101T000000-0000"
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST).write_bytes(raw)
    with suppress(ArtifactError):
        assert Version.open(folder).manifest["files"] == {}


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "deep/../../outside"])
def test_a_manifest_cannot_name_files_outside_its_version(tmp_path, name):
    (tmp_path / "outside").write_text("x")
    folder = tmp_path / "20260101T000000-0000"
    folder.mkdir()
    size = (folder / name).stat().st_size if (folder / name).exists() else 1
    (folder / MANIFEST).write_text(json.dumps({"files": {name: {"size": size, "sha256": ""}}}))
    with pytest.raises(ArtifactError, match="outside"):
        Version.open(folder)


def test_a_newer_format_asks_for_an_upgrade(store):
    version = publish(store, 1)
    (version.path / MANIFEST).write_text(json.dumps({**version.manifest, "format": 99}))
    with pytest.raises(ArtifactError, match="newer release"):
        store.require()


@given(raw=st.binary(max_size=30) | st.sampled_from([b"..", b"../../etc", b"20260101T000000-0000/..", b"/"]))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_current_holds_the_name_of_a_version_or_is_refused(store, raw):
    store.root.mkdir(exist_ok=True)
    (store.root / "current").write_bytes(raw)
    with pytest.raises(ArtifactError, match="current"):
        store.current()


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.data.test_store import publish
from recsys.data.store import Store
store = Store(sys.argv[1])
value = int(sys.argv[3])
print("ready", flush=True)
while True:
    value += 1
    publish(store, value, same=None, keep=2)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_writer_killed_at_any_moment_leaves_a_whole_version_and_a_store_that_works(store):
    rng = random.Random(0)
    value, live = 0, publish(store, 0)
    for _ in range(10):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.root), str(Path(__file__).parents[2]), str(value)],
            stdout=subprocess.PIPE,
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0, 0.06))
        writer.kill()
        writer.communicate()
        live = store.require()
        assert whole(live)
        value = max(live.manifest["value"], value) + 100
        assert whole(publish(store, value))
        assert {p.name for p in store.versions_dir.iterdir()} == set(store.versions())
        assert not [p.name for p in store.root.iterdir() if p.name.startswith(".current-")]


def test_a_lost_current_says_which_version_to_use(store):
    first, second = publish(store, 1), publish(store, 2)
    (store.root / "current").unlink()
    for ask in (store.current, store.require):
        with pytest.raises(ArtifactError, match=f"current: lost.*recsys versions --use {second.id}"):
            ask()
    store.point_to(first.id)
    assert store.require().id == first.id


@pytest.mark.parametrize("name", ["{}/", "../../x", "{}/../{}", "", ".", "/etc", "20000101T000000-0000", "{}\n", " {}"])
def test_only_the_name_of_a_version_goes_live_or_is_pinned(store, name):
    live = publish(store, 1).id
    for do in (store.point_to, store.version, store.pin):
        with pytest.raises(BadInput, match="no such version"):
            do(name.format(live, live))
    assert (store.root / "current").read_text() == f"{live}\n"


def test_after_going_back_neither_that_version_nor_last_nights_goes(store):
    v1, _, v3 = (publish(store, value) for value in (1, 2, 3))
    store.point_to(v1.id)
    v4 = publish(store, 4)
    assert store.versions() == [v1.id, v3.id, v4.id]


def test_a_clock_set_back_changes_nothing_about_what_is_kept(store, monkeypatch):
    class SetBack(datetime):
        year_now = 2030

        @classmethod
        def now(cls, tz=None):
            cls.year_now -= 1
            return datetime(cls.year_now, 1, 1, tzinfo=tz)

    monkeypatch.setattr("recsys.data.store.datetime", SetBack)
    published = [publish(store, value).id for value in range(6)]
    assert published == sorted(published, reverse=True)  # by name, the latest is the oldest
    assert store.versions() == published[-3:]
    assert store.current_id() == published[-1]


def test_a_tag_is_a_name_of_a_pinned_version(store):
    first, second = (publish(store, value).id for value in (1, 2))
    store.pin(first, tag="before-sale")
    assert (store.id_of("before-sale"), store.id_of(second), store.id_of("other")) == (first, second, "other")
    for value in (3, 4, 5):
        publish(store, value, keep=2)
    assert first in store.versions()
    last = store.versions()[-1]
    store.pin(last, tag="before-sale")  # it moves, and both stay pinned
    assert store.id_of("before-sale") == last
    assert read_pins(store.root) == {first, last}
    store.pin(last, pinned=False)
    assert store.id_of("before-sale") == "before-sale"
    for wrong in ("", "a b", "../x", "20260101T000000-0001", "x" * 61):
        with pytest.raises(BadInput, match="--tag"):
            store.pin(first, tag=wrong)
    assert read_pins(store.root) == {first}


def test_a_pinned_version_stays_and_does_not_count(store):
    first = publish(store, 1).id
    store.pin(first)
    later = [publish(store, value, keep=2).id for value in (2, 3, 4)]
    assert store.versions() == [first, *later[1:]]
    store.pin(first, pinned=False)
    last = publish(store, 5, keep=2).id
    assert store.versions() == [later[-1], last]
    (store.root / "pins.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"pins\.json"):
        publish(store, 6, keep=1)
    assert store.versions() == [later[-1], last]  # while it is not known what is pinned nothing comes or goes


@given(
    turns=st.lists(st.tuples(st.sampled_from(["night", "back", "pin", "unpin"]), st.integers(0, 5)), max_size=30),
    keep=st.integers(1, 4),
)
def test_whatever_happened_before_the_live_the_one_before_it_and_pins_stay(turns, keep):
    versions, live, pins = ["v000"], "v000", set()
    for what, which in turns:
        chosen = versions[which % len(versions)]
        if what == "night":
            new = f"v{int(versions[-1][1:]) + 1:03d}"
            before = live
            versions.append(new)
            live = new
            gone = expendable(versions, live=live, before=before, pinned=pins, keep=keep)
            versions = [v for v in versions if v not in gone]
            assert {live, *(p for p in pins)} <= set(versions)
            assert keep == 1 or before in versions
            assert len([v for v in versions if v not in pins]) <= keep + (live in pins)
        elif what == "back":
            live = chosen
        else:
            pins = pins | {chosen} if what == "pin" else pins - {chosen}
