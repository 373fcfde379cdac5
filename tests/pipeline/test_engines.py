"""Ray does what this process does, also when a worker dies or the run was interrupted."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys import Recommender
from recsys.errors import BadInput
from recsys.pipeline import engines
from recsys.settings import load_settings

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One small Ray for all tests; starting it, and each worker of each job, takes most of their time."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)
    yield
    ray.shutdown()


@pytest.fixture
def settings(tiny):
    base = load_settings()
    # One worker: each imports torch, which is most of the time of these tests.
    small = base.cluster.model_copy(update={"batch": 64, "users_per_part": 16, "cpus_per_worker": 0.5, "workers": 1})
    return base.model_copy(update={"cluster": small})


@pytest.fixture
def rec(tiny_version, settings) -> Recommender:
    return Recommender.load(tiny_version, settings=settings)


def test_vectors_are_those_of_this_process_in_the_order_given(settings):
    settings = settings.model_copy(update={"cluster": settings.cluster.model_copy(update={"workers": 2})})
    texts = [f"text {i % 400} of many" for i in range(600)]
    here = engines.engine("local").encoder(settings).encode(texts)
    there = engines.engine("ray").encoder(settings)
    assert there.fingerprint == engines.engine("local").encoder(settings).fingerprint
    found = there.encode(texts)
    np.testing.assert_allclose(found.vectors, here.vectors, atol=1e-5)
    np.testing.assert_array_equal(found.cut, here.cut)
    assert found.unique == here.unique == 400


def test_lists_are_those_of_this_process_although_a_worker_is_killed_and_the_run_interrupted(
    rec, tmp_path, monkeypatch
):
    from recsys.pipeline import ray

    killed, out = tmp_path / "killed", tmp_path / "there.csv"

    class Mortal(ray._ListWorker):
        def __call__(self, batch):
            if not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(batch)

    users = [*rec.shop.user_ids.tolist(), "nobody"]
    engines.engine("local").lists(rec, users, 5, tmp_path / "here.csv")
    join = ray._join

    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ray, "_ListWorker", Mortal)
        patch.setattr(ray, "_join", interrupted)
        with pytest.raises(KeyboardInterrupt):
            engines.engine("ray").lists(rec, users, 5, out)
    assert killed.exists()
    assert not out.exists()
    parts = sorted((tmp_path / ".there.csv.parts").glob("part-*"))
    assert len(parts) == 6
    before = {p.name: p.stat().st_mtime_ns for p in parts}
    parts[2].unlink()
    after: dict[str, int] = {}

    def joined(found: list[Path], to: Path) -> int:
        after.update({p.name: p.stat().st_mtime_ns for p in found})
        return join(found, to)

    monkeypatch.setattr(ray, "_join", joined)
    rows = engines.engine("ray").lists(rec, users, 5, out)
    assert [name for name in before if before[name] != after[name]] == [parts[2].name]  # the others are kept
    here, there = (pd.read_csv(tmp_path / f"{n}.csv", dtype={"user_id": str}) for n in ("here", "there"))
    assert rows == len(here)
    pd.testing.assert_frame_equal(here, there, rtol=1e-6)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here.csv", "killed", "there.csv"]


@pytest.mark.parametrize("other", [{"k": 4}, {"candidates": ["K001", "G001"]}, {"exclude_seen": False}])
def test_parts_of_another_request_are_not_kept(rec, tmp_path, monkeypatch, other):
    from recsys.pipeline import ray

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ray, "_running", interrupted)
    users, out, folder = rec.shop.user_ids.tolist(), tmp_path / "lists.parquet", tmp_path / ".lists.parquet.parts"

    def begun(**request: object) -> list[int]:
        """Parts that a run which is stopped as soon as it has begun was about to make."""
        with pytest.raises(KeyboardInterrupt):
            engines.engine("ray").lists(rec, users, **{"k": 3, "out": out, **request})
        return pd.read_parquet(folder / "todo.parquet")["part"].tolist()

    assert begun() == [0, 1, 2, 3, 4]
    (folder / "part-000002.parquet").touch()
    assert begun() == [0, 1, 3, 4]
    assert begun(**other) == [0, 1, 2, 3, 4]


def test_the_command_takes_the_engine(tiny_tables, settings, tmp_path):
    from jobs import embed

    items, events = tiny_tables
    items.to_parquet(tmp_path / "items.parquet")
    events.to_parquet(tmp_path / "events.parquet")
    arguments = ["--items", str(tmp_path / "items.parquet"), "--interactions", str(tmp_path / "events.parquet")]
    vectors = []
    for engine in ("local", "ray"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("recsys.pipeline.ray.FEW", len(items) + 10)  # histories go there, and items stay here
            command = [*arguments, "--artifacts", str(tmp_path / engine), "--engine", engine]
            assert CliRunner().invoke(embed.app, command).exit_code == 0
        version = Recommender.load(tmp_path / engine, settings=settings)
        vectors.append((version.shop.item_pool.vectors, version.shop.history_pool.vectors))
    for a, b in zip(*vectors, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_an_unknown_engine_or_item_is_refused_before_any_work(rec, tmp_path):
    with pytest.raises(BadInput, match="expected one of local, ray"):
        engines.engine("spark")
    with pytest.raises(BadInput, match="none of the 1 is in the catalogue"):
        engines.engine("ray").lists(rec, ["000"], 3, tmp_path / "o.parquet", candidates=["nothing"])
    assert not list(Path(tmp_path).iterdir())
