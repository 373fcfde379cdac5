"""A shop whose persons are encrypted at rest: the same lists, no clear text, and one sentence without the key."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from recsys import Recommender, cli
from recsys.data.feedback import Feedback
from recsys.data.handovers import Handovers
from recsys.data.orders import Orders
from recsys.data.protection import Protection
from recsys.data.sources import read_table
from recsys.data.store import Store
from recsys.data.vault import is_sealed
from recsys.errors import BadInput
from tests.jobs.test_ids import run

pytest.importorskip("cryptography", reason="the extra `vault` is not installed")

PLANTED = "planted-user-7c1e"
VAULT = {"RECSYS_PRIVACY__ENCRYPT": "true", "RECSYS_VAULT_KEY": "v" * 40}
#: Files of a version that hold what single persons did.
SEALED = {
    "interactions.parquet", "users.parquet", "impressions.parquet", "user_ids.parquet",
    *(f"events/{name}.npy" for name in ("user", "item", "time", "weight", "bought")),
    *(f"histories/{name}.npy" for name in ("indptr", "items", "ages", "steps", "weights", "recency", "counts",
                                           "purchases", "first_ages", "first_steps")),
    *(f"vectors/histories{part}.npy" for part in ("", "_keys", "_truncated")),
}  # fmt: skip


@pytest.fixture(scope="module")
def shops(tmp_path_factory, tiny_environment, tiny_tables, tiny_version):  # made before the settings are these
    """The same shop twice: sealed and in clear."""
    folder = tmp_path_factory.mktemp("encrypted")
    items, events = tiny_tables
    mine = pd.DataFrame({"user_id": PLANTED, "item_id": ["G001", "K002", "G003"], "timestamp": 1_705_123_461.0})
    items.to_parquet(folder / "items.parquet")
    pd.concat([events, mine]).to_parquet(folder / "events.parquet")
    pd.DataFrame({"user_id": ["000", PLANTED], "segment": "s"}).to_parquet(folder / "users.parquet")
    shown = {"user_id": ["000", PLANTED], "item_id": "G004", "timestamp": 1_705_000_000.0, "clicked": [True, False]}
    pd.DataFrame(shown).to_parquet(folder / "shown.parquet")
    night = ["embed", "--items", folder / "items.parquet", "--interactions", folder / "events.parquet"]
    night += ["--users", folder / "users.parquet", "--impressions", folder / "shown.parquet"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        run(*night, "--artifacts", folder / "clear")
        run("train", "--artifacts", folder / "clear")
        for name, value in VAULT.items():
            patch.setenv(name, value)
        run(*night, "--artifacts", folder / "sealed")
        run("train", "--artifacts", folder / "sealed")
        yield folder


@pytest.fixture
def sealed(shops, tmp_path) -> Path:
    shutil.copytree(shops / "sealed", tmp_path / "a")
    return tmp_path / "a"


def test_lists_are_those_of_the_shop_in_clear(shops):
    sealed, clear = (Recommender.load(shops / name) for name in ("sealed", "clear"))
    users = [*clear.shop.user_ids, "nobody"]
    pd.testing.assert_frame_equal(sealed.recommend_many(users, 5), clear.recommend_many(users, 5))
    assert sealed.explain("000", "K001").sentence == clear.explain("000", "K001").sentence


def test_exactly_what_is_of_persons_is_sealed(shops):
    version = Store(shops / "sealed").require()
    found = {name for name in version.manifest["files"] if is_sealed(version.path / name)}
    assert found == SEALED
    # Nothing else of the version knows the person, or a bit pattern of when they bought.
    for name in version.manifest["files"]:
        raw = (version.path / name).read_bytes()
        assert PLANTED.encode() not in raw
        if name.endswith(".npy") and name not in SEALED:
            array = np.load(version.path / name)
            assert array.dtype != np.float64 or not (array == 1_705_123_461.0).any()
        if name.endswith(".parquet") and name not in SEALED:
            assert "user_id" not in pq.read_schema(version.path / name).names
    assert version.verify() == []


def test_a_night_goes_on_and_unchanged_files_of_items_are_shared(sealed, shops):
    made = Store(shops / "sealed")
    embedded, trained = (made.versions_dir / name for name in made.versions())
    assert (embedded / "users.parquet").samefile(trained / "users.parquet")  # a training shares all tables
    store = Store(sealed)
    first = store.require()
    run("embed", "--artifacts", sealed)
    last = store.require()
    assert {name for name in last.manifest["files"] if is_sealed(last.path / name)} == SEALED
    assert (first.path / "facts" / "brand.npy").samefile(last.path / "facts" / "brand.npy")
    run("versions", "--verify", "--artifacts", sealed)


def test_queue_feedback_and_erasure(sealed, shops):
    Handovers(sealed).add("where is it?", f"{PLANTED} asked", PLANTED)
    Handovers(sealed).add("and mine?", "another asked", "000")
    feedback = Feedback(sealed / "feedback", Protection.live(sealed))
    feedback.add("where is it?", "there", user_id=PLANTED)
    feedback.add("and mine?", "there", user_id="000")
    for path in sealed.rglob("*"):
        assert path.is_dir() or PLANTED.encode() not in path.read_bytes(), path
        assert path.is_dir() or b"and mine" not in path.read_bytes(), path
    assert feedback.table().question.tolist() == ["where is it?", "and mine?"]
    run("forget", "--user", PLANTED, "--artifacts", sealed)
    rec = Recommender.load(sealed)
    assert rec.lookup.user_code(PLANTED) is None
    assert Handovers(sealed).table().user_id.tolist() == feedback.table().user_id.tolist() == ["000"]
    assert {name for name in rec.version.manifest["files"] if is_sealed(rec.version.path / name)} == SEALED


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"RECSYS_VAULT_KEY": None}, "RECSYS_VAULT_KEY is not set"),
        ({"RECSYS_VAULT_KEY": "x" * 40}, "RECSYS_VAULT_KEY is another key"),
        ({"RECSYS_PRIVACY__ENCRYPT": "false"}, "Turn it on, or publish afresh under another --artifacts"),
    ],
)
def test_without_its_key_a_shop_says_so_and_stays_as_it_was(sealed, shops, monkeypatch, change, says):
    before = sorted(p.name for p in (sealed / "versions").iterdir()), (sealed / "current").read_text()
    for name, value in change.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    result = CliRunner().invoke(cli.app, ["train", "--artifacts", str(sealed)])
    assert (result.exit_code, says in " ".join(result.output.split())) == (2, True), result.output
    assert (sorted(p.name for p in (sealed / "versions").iterdir()), (sealed / "current").read_text()) == before


def test_another_key_takes_another_directory(sealed, tmp_path, monkeypatch):
    """As docs/trust.md says: the tables under the old key, a night under the new one, and the old directory goes."""
    tables = Recommender.load(sealed).shop.tables.value
    arguments: list[object] = ["nightly", "--artifacts", tmp_path / "new"]
    for name in ("items", "interactions", "users", "impressions"):
        getattr(tables, name).to_parquet(tmp_path / f"{name}.parquet")
        arguments += [f"--{name}", tmp_path / f"{name}.parquet"]
    run("forget", "--user", "001", "--artifacts", sealed)
    (tmp_path / "new").mkdir()
    shutil.copy(sealed / "forgotten.json", tmp_path / "new")
    monkeypatch.setenv("RECSYS_VAULT_KEY", "w" * 40)
    run(*arguments)
    shutil.rmtree(sealed)
    found = Recommender.load(tmp_path / "new")
    assert found.lookup.user_code("001") is None  # who was erased under the old key stays away
    assert set(found.shop.user_ids) == set(tables.interactions["user_id"]) - {"001"}
    assert found.shop.profile(found.lookup.user_code(PLANTED)).items.size == 3
    monkeypatch.setenv("RECSYS_VAULT_KEY", VAULT["RECSYS_VAULT_KEY"])
    with pytest.raises(BadInput, match="RECSYS_VAULT_KEY is another key"):
        Recommender.load(tmp_path / "new")


@pytest.mark.parametrize("packed", ["orders.csv", "orders.csv.gz"])
def test_the_shops_own_tables_are_read_sealed(sealed, shops, tmp_path, monkeypatch, packed):
    orders = pd.DataFrame(
        {
            "order_id": ["A00001"],
            "user_id": ["007"],
            "item_id": ["G001"],
            "status": ["shipped"],
            "ordered_at": ["2026-01-01"],
        }
    )
    orders.to_csv(tmp_path / packed, index=False)
    run("seal", "--file", tmp_path / packed, "--out", tmp_path / "orders.sealed")
    assert b"shipped" not in (tmp_path / "orders.sealed").read_bytes()
    found = Orders.from_table(read_table(tmp_path / "orders.sealed"))
    assert [order.item_ids for order in found.latest("007")] == [("G001",)]
    assert found.latest("7") == []
    monkeypatch.delenv("RECSYS_VAULT_KEY")
    with pytest.raises(BadInput, match="RECSYS_VAULT_KEY is not set"):
        read_table(tmp_path / "orders.sealed")
