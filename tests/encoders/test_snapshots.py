"""A snapshot says the same before saving and after loading, and whatever order its tables came in."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.data import schema, snapshot
from recsys.data.schema import TimeKind
from recsys.data.snapshot import ShopTables, Snapshot
from recsys.encoders.encoder import Encoder
from recsys.encoders.snapshots import Built, build_snapshot
from recsys.settings import Settings, load_settings


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> Encoder:
    return Encoder.load(str(tiny_encoder), device="cpu")


@pytest.fixture(scope="module")
def chosen(tiny_environment) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        return load_settings()


def checked(items: pd.DataFrame, interactions: pd.DataFrame) -> ShopTables:
    kept = schema.check_items(items, "items").table
    events = schema.check_interactions(interactions, set(kept.item_id), "interactions")
    return ShopTables(kept, events.table, events.time_kind or TimeKind.ORDER)


@pytest.fixture(scope="module")
def built(tiny_tables, encoder, chosen) -> Built:
    return build_snapshot(checked(*tiny_tables), encoder, chosen)


def assert_same(one: Snapshot, two: Snapshot) -> None:
    np.testing.assert_array_equal(one.item_ids, two.item_ids)
    np.testing.assert_array_equal(one.user_ids, two.user_ids)
    np.testing.assert_array_equal(one.available, two.available)
    for part in ("events", "histories", "item_pool", "history_pool", "facts"):
        for field in dataclasses.fields(getattr(one, part)):
            a, b = getattr(getattr(one, part), field.name), getattr(getattr(two, part), field.name)
            if field.name == "terms":
                assert (a != b).nnz == 0
            else:
                np.testing.assert_array_equal(a, b)


def test_codes_follow_sorted_ids_and_facts_follow_codes(built, tiny_tables):
    shop, (items, events) = built.snapshot, tiny_tables
    assert shop.item_ids.tolist() == sorted(items.item_id)
    assert shop.user_ids.tolist() == sorted(events.user_id.unique())
    by_id = items.set_index("item_id")
    vocabulary = shop.vocabulary.value
    for code in (0, 7, 30, 49):
        row = by_id.loc[shop.item_ids[code]]
        assert vocabulary.brands[shop.facts.brand[code]] == row.brand
        assert vocabulary.categories[shop.facts.category[code]] == row.category
        assert np.expm1(float(shop.facts.price[code])) == pytest.approx(row.price, rel=1e-5)
        assert shop.available[code] == row.available
    assert shop.item_index.get_indexer(["K003", "nothing"]).tolist() == [sorted(items.item_id).index("K003"), -1]


def test_seen_and_profiles_are_the_users_own(built, tiny_tables):
    shop, (_, events) = built.snapshot, tiny_tables
    for user in ("000", "041", "079"):
        code = int(shop.user_index.get_indexer([user])[0])
        bought = set(events[events.user_id == user].item_id)
        assert set(shop.item_ids[shop.seen(code)]) == bought
        profile = shop.profile(code)
        assert set(shop.item_ids[profile.items]) == bought
        np.testing.assert_array_equal(profile.text, shop.history_pool.vectors[code])
        np.testing.assert_allclose(np.linalg.norm(profile.text), 1, rtol=1e-5)
    assert built.notes["events"] == len(events)
    assert built.notes["cold_items"] == 50 - events.item_id.nunique()


def test_what_is_loaded_is_what_was_saved(built, tmp_path):
    snapshot.save(built.snapshot, tmp_path)
    read = snapshot.load(tmp_path)
    assert_same(built.snapshot, read)
    assert_same(read, snapshot.load(tmp_path))
    assert isinstance(read.facts.vectors.base, np.memmap)
    for name in ("items", "interactions"):
        pd.testing.assert_frame_equal(
            getattr(read.tables.value, name).reset_index(drop=True),
            getattr(built.snapshot.tables.value, name).reset_index(drop=True),
        )
    assert read.tables.value.impressions is None
    assert read.now == built.snapshot.now
    one, two = (s.profile(3) for s in (built.snapshot, read))
    np.testing.assert_array_equal(one.mean, two.mean)


def test_no_saved_file_can_run_code(built, tmp_path):
    snapshot.save(built.snapshot, tmp_path)
    for file in (p for p in tmp_path.rglob("*") if p.is_file()):
        assert file.suffix in (".npy", ".parquet", ".json", ".txt", ".safetensors")
        if file.suffix == ".npy":
            np.load(file, allow_pickle=False)


def test_the_order_of_rows_does_not_matter(built, tiny_tables, encoder, chosen):
    items, events = (t.sample(frac=1, random_state=1) for t in tiny_tables)
    shuffled = build_snapshot(checked(items, events), encoder, chosen, previous=[built.snapshot.item_pool])
    assert_same(built.snapshot, shuffled.snapshot)
    assert shuffled.notes["items_encoded"] == 0


def test_one_changed_text_is_one_text_encoded(built, tiny_tables, encoder, chosen):
    items, events = tiny_tables
    changed = items.assign(title=items.title.where(items.item_id != "K003", "something new"))
    pools = [built.snapshot.item_pool, built.snapshot.history_pool]
    again = build_snapshot(checked(changed, events), encoder, chosen, previous=pools)
    assert again.notes["items_encoded"] == 1
    owners = events[events.item_id == "K003"].user_id.nunique()
    assert again.notes["histories_encoded"] <= owners
    row = int(again.snapshot.item_index.get_indexer(["K003"])[0])
    np.testing.assert_allclose(
        again.snapshot.facts.vectors[row], encoder.encode(["something new. KitchenCo0. kitchen"]).vectors[0], atol=1e-5
    )


def test_a_shop_with_nothing_but_titles_and_order(tiny_tables, encoder, chosen, tmp_path):
    items, events = tiny_tables
    bare = events.drop(columns="timestamp").assign(timestamp=events.groupby("user_id").cumcount())
    made = build_snapshot(checked(items[["item_id", "title"]], bare), encoder, chosen)
    snapshot.save(made.snapshot, tmp_path)
    read = snapshot.load(tmp_path)
    assert_same(made.snapshot, read)
    assert made.notes["time"] == "order"
    assert read.available.all()
    assert (read.facts.brand == -1).all()
    assert np.isnan(read.facts.price).all()


@pytest.mark.parametrize("order", [("torch", "recsys.serving.index"), ("faiss", "recsys.encoders.encoder")])
def test_torch_and_faiss_work_in_one_process_whichever_comes_first(order):
    code = f"""
import importlib
for name in {order!r}:
    importlib.import_module(name)
import numpy as np, torch, faiss
torch.randn(256, 256) @ torch.randn(256, 256)
index = faiss.IndexFlatIP(16)
vectors = np.random.default_rng(0).normal(size=(5000, 16)).astype(np.float32)
index.add(vectors)
index.search(vectors[:200], 5)
print((torch.randn(64, 64) @ torch.randn(64, 64)).shape)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert "64" in run.stdout
