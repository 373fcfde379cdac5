"""Erasing a user: no byte of them is left in any version, others get the lists of a shop that never had them."""

from __future__ import annotations

import json
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
from recsys.data.retention import read_pins
from recsys.data.store import Store, Version
from recsys.errors import BadInput, Unwritable
from recsys.pipeline.forget import forget
from recsys.pipeline.inputs import Inputs
from recsys.pipeline.runs import embed, nightly, train
from recsys.settings import load_settings

PLANTED = "planted-user-7c1e"
#: Times that nobody else has; a bit pattern can be looked for in any array.
TIMES = (1_700_123_457.0, 1_705_123_461.0, 1_712_123_479.0)
OTHERS = [f"{n:03d}" for n in range(80)]


def write_tables(folder: Path, items: pd.DataFrame, events: pd.DataFrame, *, planted: bool) -> Inputs:
    """Tables of the tiny shop, with or without the planted user in every one of them."""
    mine = pd.DataFrame({"user_id": PLANTED, "item_id": ["G001", "K002", "G003"], "timestamp": TIMES})
    users = pd.DataFrame({"user_id": ["000", PLANTED], "segment": ["a", "segment-of-planted"]})
    shown = pd.DataFrame(
        {
            "user_id": ["000", PLANTED],
            "item_id": "G004",
            "timestamp": [1_705_000_000.0, TIMES[1]],
            "clicked": [True, False],
        }
    )
    if not planted:
        mine, users, shown = mine[:0], users[:1], shown[:1]
    folder.mkdir()
    items.to_parquet(folder / "items.parquet")
    pd.concat([events, mine]).to_csv(folder / "events.csv", index=False)
    users.to_csv(folder / "users.csv", index=False)
    shown.to_csv(folder / "shown.csv", index=False)
    return Inputs(folder / "items.parquet", folder / "events.csv", folder / "shown.csv", folder / "users.csv")


def traces(root: Path, vector: np.ndarray | None = None) -> list[str]:
    """Files under `root` that hold the planted id, a planted time, or the user's history vector; columns decoded."""
    found = []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        raw = path.read_bytes()
        if path.suffix == ".parquet":
            columns = pq.read_table(path).to_pydict()
            cells = {str(cell) for column in columns.values() for cell in column}
            held = PLANTED in cells or "segment-of-planted" in cells or not cells.isdisjoint(map(str, TIMES))
        elif path.suffix == ".npy":
            array = np.load(path, allow_pickle=False)
            held = array.dtype == np.float64 and bool(np.isin(TIMES, array).any())
            if vector is not None and array.ndim == 2 and array.shape[1] == len(vector):
                held = held or bool((array == vector).all(axis=1).any())
        else:
            held = False
        if held or PLANTED.encode() in raw or b"segment-of-planted" in raw:
            found.append(path.relative_to(root).as_posix())
    return found


def contents(version: Version) -> dict[str, str]:
    return {name: entry["sha256"] for name, entry in version.manifest["files"].items()}


@pytest.fixture(scope="module")
def published(tiny_environment, tiny_tables, tmp_path_factory) -> Path:
    """Artifacts of two versions with the planted user, and of one without."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        for name in ("with", "without"):
            inputs = write_tables(folder / name, *tiny_tables, planted=name == "with")
            nightly(inputs, load_settings(artifacts=folder / f"shop-{name}"))
        embed(Inputs(), load_settings(artifacts=folder / "shop-with"))
    return folder


@pytest.fixture
def shops(tiny, published, tiny_tables, tmp_path) -> tuple[Path, Path, Inputs]:
    """Copies of both, and the old export that has the planted user."""
    for name in ("shop-with", "shop-without"):
        shutil.copytree(published / name, tmp_path / name)
    old_export = write_tables(tmp_path / "with", *tiny_tables, planted=True)
    return tmp_path / "shop-with", tmp_path / "shop-without", old_export


def test_nothing_is_left_of_a_user_and_others_get_what_a_shop_without_them_gives(shops):
    shop, without, old_export = shops
    store = Store(shop)
    before = store.versions()
    store.pin(before[0], tag="before-sale")
    Feedback(shop / "feedback").add("where is it?", "there", user_id=PLANTED)
    queue = Handovers(shop)
    queue.add("where is it?", f"{PLANTED} asked where it is", PLANTED)
    queue.add("and mine?", "another asked", "another")
    stale = Recommender.load(shop)
    vector = stale.lookup.shopper(PLANTED).profile.text.copy()
    # Of both versions at least: interactions, impressions, users, ids, times of events, vectors of histories.
    assert len(traces(shop, vector)) >= 2 * 6

    result = CliRunner().invoke(
        cli.app,
        ["forget", "--user", PLANTED, "--artifacts", str(shop), "--feedback", str(shop / "feedback"), "--json"],
    )
    assert result.exit_code == 0, result.output
    receipt = json.loads(result.stdout)
    assert traces(shop, vector) == []
    assert PLANTED not in result.stdout
    assert [v["version"] for v in receipt["versions"]] == before
    assert [v["removed"] for v in receipt["versions"]] == [{"interactions": 3, "impressions": 1, "users": 1}] * 2
    assert store.versions() == [v["now"] for v in receipt["versions"]]
    assert receipt["feedback_rows"] == 1
    assert receipt["handover_rows"] == 1
    assert queue.table()["user_id"].tolist() == ["another"]
    assert store.current_id() == receipt["versions"][1]["now"]
    assert read_pins(shop) == {receipt["versions"][0]["now"]} == {store.id_of("before-sale")}

    # Whoever holds the old version answers on; a new reader does not know the user.
    assert len(stale.explain("000", "K001").sentence)
    with pytest.raises(KeyError, match="unknown user"):
        Recommender.load(shop).recommend(PLANTED)

    # Every file but the weights is that of a shop that never had them; the reading report, which may quote them, goes,
    # and with it the lines of the card that are taken from it.
    mine, theirs = contents(store.require()), contents(Store(without).require())
    learnt = {name for name in theirs if mine.get(name) != theirs[name]}
    assert learnt <= {"intake.json", "card.md", "drift.json", "ranker/weights.npy", "ranker/ranker.json"} | {
        f"vectors/training{part}.npy" for part in ("", "_keys", "_truncated")
    }
    # With the next training the weights are, too, and so are all lists.
    train(load_settings(artifacts=shop))
    train(load_settings(artifacts=without))
    lists = Recommender.load(shop).recommend_many(OTHERS, k=10)
    assert lists.equals(Recommender.load(without).recommend_many(OTHERS, k=10))

    # An old export brings nothing back.
    outcome = embed(old_export, load_settings(artifacts=shop))
    assert outcome.notes["rows_of_erased_users"] == 5
    assert traces(shop) == []


def test_a_version_that_cannot_be_cleaned_goes_and_a_damaged_live_one_stops_it_all(shops):
    shop, _, _ = shops
    store = Store(shop)
    first, live = store.versions()
    damaged = store.versions_dir / first / "events" / "user.npy"
    damaged.unlink()
    receipt = forget([PLANTED], load_settings(artifacts=shop))
    assert receipt["versions"][0] == {"version": first, "damaged": "deleted"}
    assert len(store.versions()) == 1
    assert traces(shop) == []
    again = forget([PLANTED], load_settings(artifacts=shop))
    assert [v["removed"] for v in again["versions"]] == [{"interactions": 0, "impressions": 0, "users": 0}]
    assert again["versions"][0]["now"] == again["versions"][0]["version"] == store.current_id() != live


def test_who_cannot_be_deleted_is_not_called_erased(shops, monkeypatch):
    shop, _, _ = shops
    with monkeypatch.context() as patch:
        patch.setattr("recsys.data.store.shutil.rmtree", lambda *_, **__: None)
        for _ in range(2):  # and a second run does not find that there is nothing to do
            with pytest.raises(Unwritable, match=r"\.draft-\S+: cannot be deleted and still holds rows of the erased"):
                forget([PLANTED], load_settings(artifacts=shop))
    assert [name for name in traces(shop) if ".draft-" not in name] == []
    Recommender.load(shop)
    forget([PLANTED], load_settings(artifacts=shop))
    assert traces(shop) == []


def test_quarantined_rows_of_an_erased_user_are_not_written_again(shops, tiny_tables, tmp_path):
    shop, _, old_export = shops
    forget([PLANTED], load_settings(artifacts=shop))
    events = pd.read_csv(old_export.interactions, dtype=str)
    events.loc[len(events)] = [PLANTED, "no such item", "1700000000"]
    events.loc[len(events)] = ["000", "no such item", "1700000000"]
    events.to_csv(old_export.interactions, index=False)
    embed(old_export, load_settings(artifacts=shop))
    rows = pd.read_csv(shop / "quarantine" / "interactions.csv")["raw"]
    assert rows.str.contains("no such item").sum() == 1
    assert traces(shop) == []


def test_whom_to_forget_must_be_said_and_lost_tombstones_stop_a_night(shops):
    shop, _, old_export = shops
    settings = load_settings(artifacts=shop)
    with pytest.raises(BadInput, match="--user"):
        forget([], settings)
    forget([PLANTED], settings)
    (shop / "forgotten.json").write_text("{")
    result = CliRunner().invoke(
        cli.app, ["embed", "--interactions", str(old_export.interactions), "--artifacts", str(shop)]
    )
    assert result.exit_code == 2
    assert "erased users must stay erased" in " ".join(result.output.split())
    shutil.rmtree(shop)
