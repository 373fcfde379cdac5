"""A wrong byte anywhere in a version is refused by the name of its file, or changes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys import Recommender
from recsys.data import bounds, integrity
from recsys.data.forgotten import FORGOTTEN, Tombstones
from recsys.data.integrity import Manifest
from recsys.data.retention import PINS, read_pins, write_pins
from recsys.data.store import Store, Version
from recsys.errors import ArtifactError
from recsys.serving.opening import open_parts
from recsys.settings import load_settings

FLIPS = 240
SHOPPERS = ["000", "001", "017"]


@pytest.fixture
def shop(tiny, tiny_version, tmp_path) -> Path:
    """A copy of the tiny shop's artifacts."""
    return Path(shutil.copytree(tiny_version, tmp_path / "shop"))


def lists(shop: Path) -> pd.DataFrame:
    return Recommender.load(shop).recommend_many(SHOPPERS, k=8)


def test_a_flipped_bit_in_any_file_is_refused_or_changes_nothing(shop):
    rng = np.random.default_rng(0)
    want = lists(shop)
    version = Store(shop).require().path
    files = sorted(p for p in shop.rglob("*") if p.is_file() and p.stat().st_size and p.name != ".lock")
    assert len(files) > 50
    refused = {"named": 0, "harmless": 0}
    for number in range(FLIPS):
        file = files[number % len(files)]
        good = file.read_bytes()
        bad = bytearray(good)
        bad[rng.integers(len(bad))] ^= 1 << int(rng.integers(8))
        file.write_bytes(bad)
        said = None
        try:
            now = lists(shop)
        except ArtifactError as error:
            said = str(error)
        finally:
            file.write_bytes(good)
        refused["harmless" if said is None else "named"] += 1
        if said is None:
            assert now.equals(want), file
            assert not file.is_relative_to(version) or file.name == integrity.MANIFEST, file
        else:
            assert file.name in said, said
    assert lists(shop).equals(want)
    assert sum(refused.values()) == FLIPS
    assert refused["named"] > 0.9 * FLIPS


def test_a_second_opening_hashes_nothing_and_a_touched_file_again(shop, monkeypatch):
    hashed: list[str] = []
    sha256 = integrity.sha256
    monkeypatch.setattr(integrity, "sha256", lambda path: hashed.append(path.name) or sha256(path))
    version = Store(shop).require()
    assert len(hashed) == len(version.manifest["files"])
    hashed.clear()
    Store(shop).require()
    assert hashed == []
    file = version.path / "events" / "item.npy"
    file.write_bytes(file.read_bytes())
    Store(shop).require()
    assert hashed == ["item.npy"]
    # It was changed a moment ago, and could be again within the same tick: it is not yet taken for granted.
    Store(shop).require()
    assert hashed == ["item.npy"] * 2


@pytest.mark.parametrize("raw", ["{", "[]", "{}", '{"events/item.npy": 3}'])
def test_a_damaged_record_of_what_was_hashed_costs_time_only(shop, raw):
    record = shop / ".verified" / f"{Store(shop).require().id}.json"
    record.write_text(raw)
    want = lists(shop)
    file = Store(shop).require().path / "events" / "item.npy"
    assert len(want)
    record.write_text(raw)
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(ArtifactError, match=r"item\.npy"):
        Store(shop).require()


def damaged(shop: Path, name: str, change) -> Version:
    """A version whose file holds what its manifest says, and is wrong all the same: written by a faulty program."""
    version = Store(shop).require()
    array = np.load(version.path / name)
    np.save(version.path / name, change(array))
    return version


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("histories/indptr.npy", lambda a: a[::-1]),
        ("histories/indptr.npy", lambda a: a * 2),
        ("histories/indptr.npy", lambda a: a[:-1]),
        ("histories/items.npy", lambda a: a + 1_000),
        ("histories/ages.npy", lambda a: a[:-1]),
        ("histories/items.npy", lambda a: a.astype(np.float64)),
        ("events/item.npy", lambda a: a - 100),
        ("events/user.npy", lambda a: a[::-1]),
        ("events/time.npy", lambda a: a[1:]),
        ("facts/terms_indices.npy", lambda a: a + 10_000),
        ("facts/terms_indptr.npy", lambda a: np.r_[a[:-1], a[-1] + 5]),
        ("facts/brand.npy", lambda a: a[:3]),
        ("facts/available.npy", lambda a: a[:3]),
        ("vectors/items.npy", lambda a: a[:-2]),
        ("vectors/histories_keys.npy", lambda a: a[:-2]),
        ("index/rows.npy", lambda a: a + 1),
        ("index/labels.npy", lambda a: a[:-1]),
        ("ranker/04-partners_items.npy", lambda a: a + 10_000),
    ],
)
def test_arrays_that_contradict_each_other_are_refused_before_they_index_anything(shop, name, change):
    version = damaged(shop, name, change)
    with pytest.raises(ArtifactError, match="contradict each other"):
        open_parts(version, load_settings())


def test_bounds_say_what_they_found():
    for check, said in [
        (lambda: bounds.rows(3, np.zeros(2)), "shape"),
        (lambda: bounds.codes(np.array([0, 7]), 7), "from 0 to 7 where 7"),
        (lambda: bounds.csr(np.array([0, 2, 1]), np.array([0]), 2, 1), "where 2 are possible"),
    ]:
        with pytest.raises(ArtifactError, match=said), bounds.checking(Path("here")):
            check()


def test_a_key_that_a_manifest_lacks_is_an_artifact_error_also_below(shop):
    path = Store(shop).require().path / integrity.MANIFEST
    body = json.loads(path.read_text())
    del body["recipe"], body["checksum"], body["encoder"]["fingerprint"]
    path.write_text(json.dumps(integrity.sealed(body)))
    manifest = Store(shop).require().manifest
    assert isinstance(manifest, Manifest)
    for read in (lambda: manifest["recipe"], lambda: manifest["encoder"]["fingerprint"]):
        with pytest.raises(ArtifactError, match="has no"):
            read()


def test_a_flipped_bit_in_pins_or_tombstones_is_refused_or_changes_nothing(tmp_path):
    """A pin that is lost lets a version go, a tombstone that is lost lets an erased user come back."""
    Tombstones.read(tmp_path).with_users(["gone"]).write(tmp_path)
    write_pins(tmp_path, ["20260101T000000-0001"])
    reads = {
        FORGOTTEN: lambda: Tombstones.read(tmp_path).among(["gone", "here"]) == {"gone"},
        PINS: lambda: read_pins(tmp_path) == {"20260101T000000-0001"},
    }
    for name, unchanged in reads.items():
        assert unchanged()
        good = (tmp_path / name).read_bytes()
        refused = 0
        for bit in range(8 * len(good)):
            bad = bytearray(good)
            bad[bit // 8] ^= 1 << bit % 8
            (tmp_path / name).write_bytes(bad)
            try:
                assert unchanged(), (name, bit)
            except ArtifactError as error:
                refused += name in str(error)
        (tmp_path / name).write_bytes(good)
        assert refused > 7 * len(good)
    (tmp_path / PINS).write_text('["20260101T000000-0002"]')  # by hand, or by an older release
    assert read_pins(tmp_path) == {"20260101T000000-0002"}
    old = {"salt": "00" * 32, "hashes": []}
    (tmp_path / FORGOTTEN).write_text(json.dumps(old))
    assert Tombstones.read(tmp_path).salt == bytes(32)


def test_a_damaged_live_version_says_which_one_is_whole(shop):
    store = Store(shop)
    first = store.require()
    with store.writing() as draft:
        draft.carry(first, without="nothing")
        (draft.path / "events" / "item.npy").unlink()
        shutil.copyfile(first.path / "events" / "item.npy", draft.path / "events" / "item.npy")
        second = store.publish(draft, dict(first.manifest))
    assert second.manifest["sequence"] == first.manifest["sequence"] + 1
    file = second.path / "events" / "item.npy"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    with pytest.raises(ArtifactError, match=rf"item\.npy: differs .* `recsys versions --use {first.id}`"):
        Recommender.load(shop)
    store.point_to(first.id)
    assert len(lists(shop))
