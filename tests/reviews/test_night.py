"""A night with reviews and one without: block, tables, erasure, endpoint, and that nothing changes without them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.data import snapshot
from recsys.data.store import Store
from recsys.pipeline import Inputs, runs
from recsys.pipeline.forget import forget
from recsys.ranking.features.opinion import Opinion
from recsys.serving.recommender import Recommender
from recsys.settings import load_settings

PRAISED, BLAMED = "G000", "G001"


@pytest.fixture(scope="module")
def nights(tiny_tables, tiny_environment, tmp_path_factory):
    """Artifacts of two nights of one shop, without reviews and with them."""
    folder = tmp_path_factory.mktemp("reviewed")
    items, events = tiny_tables
    items.to_parquet(folder / "items.parquet")
    events.to_parquet(folder / "events.parquet")
    start = float(pd.to_numeric(events["timestamp"]).min())
    said = {PRAISED: "The handle is excellent and works great.", BLAMED: "The handle is terrible, it broke. Very poor."}
    rows = [
        {"item_id": item, "review": f"{text} Number {n}.", "user_id": f"{n:03d}", "timestamp": start + n}
        for item, text in said.items()
        for n in range(12)
    ]
    pd.DataFrame(rows).to_csv(folder / "reviews.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        given = (folder / "items.parquet", folder / "events.parquet")
        for name, reviews in (("plain", None), ("reviewed", folder / "reviews.csv")):
            runs.nightly(Inputs(*given, reviews=reviews), load_settings(artifacts=folder / name))
        yield folder


def test_reviews_become_opinions_and_aspects_of_the_version(nights: Path) -> None:
    live = Store(nights / "reviewed").require()
    tables = snapshot.load(live.path).tables.value
    assert tables.reviews is not None
    assert tables.aspects is not None
    mean = tables.reviews.groupby("item_id")["opinion"].mean()
    assert mean[PRAISED] > 0.6 > 0.4 > mean[BLAMED]
    sides = tables.aspects.set_index(["item_id", "aspect"])
    assert sides.loc[(PRAISED, "handle"), "praised"] == 12
    assert sides.loc[(BLAMED, "handle"), "criticised"] == 12
    assert live.manifest["counts"]["opinions"]["scored"] == 24


def test_the_block_knows_who_is_praised_and_nothing_from_later(nights: Path) -> None:
    rec = Recommender.load(nights / "reviewed")
    block = next(b for b in rec.ranker.blocks if isinstance(b, Opinion))
    codes = rec.shop.item_index.get_indexer([PRAISED, BLAMED])
    good, bad = block.table[codes]
    assert good[0] > 0 > bad[0]
    assert good[1] == pytest.approx(np.log1p(12))
    assert block.table[-1].tolist() == [0, 0, 0, 0, 1]  # a product the catalogue does not have
    early = rec.shop.events.opinions.before(float(rec.shop.events.opinions.time.min()) + 3)
    assert len(early) == 6


def test_without_reviews_there_is_no_block_and_nothing_of_the_room(nights: Path) -> None:
    plain = Recommender.load(nights / "plain")
    assert "opinion" not in [block.name for block in plain.ranker.blocks]
    assert not (Store(nights / "plain").require().path / "aspects.parquet").exists()
    code = (
        "import sys; from recsys import Recommender; r = Recommender.load(sys.argv[1]); r.recommend({}, k=2);"
        "import recsys.assistant, recsys.assistant.answers;"
        "print([m for m in sys.modules if m.startswith('recsys.reviews') or m in ('yake', 'jieba.posseg')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(nights / "plain")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_endpoint_tells_stars_by_aspect(nights: Path) -> None:
    pytest.importorskip("fastapi")
    from starlette.testclient import TestClient

    from recsys.service.app import create_app

    with TestClient(create_app(load_settings(artifacts=nights / "reviewed"))) as client:
        said = client.get(f"/opinions/{PRAISED}").json()["opinion"]
        assert said["reviews"] == said["praise"] == 12
        assert said["stars"] > 3.4
        side = said["aspects"][0]
        assert (side["aspect"], side["praised"], side["stars"]) == ("handle", 12, 5.0)
        assert client.get("/opinions/G005").json()["opinion"] is None
        assert client.get("/opinions/nothing").status_code == 404
    with TestClient(create_app(load_settings(artifacts=nights / "plain"))) as client:
        assert client.get(f"/opinions/{PRAISED}").json()["opinion"] is None


def test_the_report_quotes_what_reviews_say_and_is_silent_without_them(nights: Path) -> None:
    pytest.importorskip("matplotlib")
    from recsys.evaluation.report.shop import sections

    found = sections(Store(nights / "reviewed").require().path)
    assert list(found) == ["opinions"]
    assert found["opinions"]["reviews"] == 24
    sides = [
        (side.aspect, side.stars, side.quotes[0].text)
        for one in found["opinions"]["products"]
        for side in one["aspects"]
    ]
    assert ("handle", 5.0, "The handle is excellent and works great") in [(a, s, q.rstrip(".")) for a, s, q in sides]
    assert sections(Store(nights / "plain").require().path) == {}


def test_erasing_a_user_takes_their_reviews_and_what_quotes_them(nights: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(nights / "reviewed", tmp_path / "shop")
    receipt = forget(["003"], load_settings(artifacts=tmp_path / "shop"))
    assert receipt["versions"][-1]["removed"]["reviews"] == 2
    live = Store(tmp_path / "shop").require()
    shop = snapshot.load(live.path)
    assert "003" not in set(shop.tables.value.reviews["user_id"])
    assert len(shop.events.opinions) == 22
    assert not len(shop.tables.value.aspects)  # both items lost a review; the next night counts again
    assert not (live.path / "vectors" / "reviews.npy").exists()
