"""Lists in a database or in Redis: one night or the next for every reader, never a part of either."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import threading
import time

import pandas as pd
import pytest
import sqlalchemy as sa

from recsys.data.outputs import write_table
from recsys.data.sinks import sink
from recsys.errors import BadInput


def lists(night: int, users: int = 3, k: int = 2) -> pd.DataFrame:
    rows = [(f"u{u}", rank, f"i{night}-{rank}", night + rank / 10) for u in range(users) for rank in range(1, k + 1)]
    return pd.DataFrame(rows, columns=["user_id", "rank", "item_id", "score"])


def deliver(place, table: pd.DataFrame) -> None:
    with sink(place) as path:
        write_table(table, path)


@pytest.fixture
def database(tmp_path):
    return f"sqlite:///{tmp_path / 'shop.db'}"


def rows(database: str, table: str = "recommendations") -> pd.DataFrame:
    engine = sa.create_engine(database)
    found = pd.read_sql(f"SELECT * FROM {table} ORDER BY user_id, rank", engine)
    engine.dispose()
    return found


def test_a_file_is_written_as_it_is(tmp_path):
    deliver(tmp_path / "r.csv", lists(1))
    assert (tmp_path / "r.csv").read_text().startswith("user_id,rank,item_id,score\nu0,1,i1-1,1.1\n")
    with pytest.raises(BadInput, match=r"r\.txt: write to a file that ends in"):
        deliver(tmp_path / "r.txt", lists(1))


def test_a_table_is_made_then_replaced_and_what_hangs_on_it_stays(database):
    deliver(database, lists(1))
    pd.testing.assert_frame_equal(rows(database), lists(1), check_dtype=False)
    engine = sa.create_engine(database)
    assert [index["column_names"] for index in sa.inspect(engine).get_indexes("recommendations")] == [["user_id"]]
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE VIEW best AS SELECT * FROM recommendations WHERE rank = 1"))
    deliver(database, lists(2, users=2))
    assert len(rows(database)) == 4
    assert rows(database, "best")["item_id"].tolist() == ["i2-1", "i2-1"]
    assert sa.inspect(engine).get_table_names() == ["recommendations"]  # what waited is gone
    deliver(f"{database}#other", lists(3))
    assert len(rows(database, "other")) == 6


def test_a_reader_sees_one_night_or_the_next(database, monkeypatch):
    monkeypatch.setattr("recsys.data.sinks.BATCH", 50)
    deliver(database, lists(1, users=200))
    seen, done = [], threading.Event()

    def read() -> None:
        engine = sa.create_engine(database, connect_args={"timeout": 30})
        while not done.is_set():
            with engine.connect() as connection:
                seen.append(
                    connection.execute(
                        sa.text("SELECT count(*), count(DISTINCT substr(item_id, 1, 2)) FROM recommendations")
                    ).one()
                )
        engine.dispose()

    reader = threading.Thread(target=read)
    reader.start()
    for night in range(2, 8):
        deliver(database, lists(night, users=200))
    done.set()
    reader.join()
    assert len(seen) > 10
    assert {tuple(row) for row in seen} == {(400, 1)}


def test_a_night_that_fails_leaves_the_one_before(database):
    deliver(database, lists(1))
    with contextlib.suppress(RuntimeError), sink(database) as path:
        write_table(lists(2), path)
        raise RuntimeError("the work failed")
    with pytest.raises(BadInput, match=r"no column 'why'; it has user_id, rank, item_id, score"):
        deliver(database, lists(2).assign(why="because"))
    assert len(rows(database)) == 6
    assert rows(database)["item_id"].iloc[0] == "i1-1"


def test_what_cannot_be_written_is_said_before_the_work_without_the_password(database, tmp_path, monkeypatch):
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE VIEW v AS SELECT 1 AS user_id"))
    for place, said in (
        (f"{database}#v", "is a view"),
        (f"sqlite:///{tmp_path / 'none' / 'x.db'}", "cannot be written"),
        ("nosuchdb://u:secret@h/d", "no dialect 'nosuchdb'"),
        ("sqlite:///${NOT_SET_ANYWHERE}", "the environment has no NOT_SET_ANYWHERE"),
        ("redis://:secret@127.0.0.1:1/0", "cannot be written"),
    ):
        with pytest.raises(BadInput, match=said) as caught, sink(place):
            pytest.fail("the work began")
        assert "secret" not in str(caught.value)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    import redis

    url = f"redis://127.0.0.1:{port}/0"
    client = redis.Redis.from_url(url)
    for _ in range(600):  # a busy machine starts it slowly
        try:
            client.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    yield url
    client.close()
    server.terminate()
    server.wait(10)


def test_a_hash_is_replaced_by_one_rename(redis_url, monkeypatch):
    import redis

    monkeypatch.setattr("recsys.data.sinks.BATCH", 3)  # a user's rows lie in two batches
    client = redis.Redis.from_url(redis_url)
    deliver(f"{redis_url}#recs", lists(1))
    assert json.loads(client.hget("recs", "u1")) == [
        {"rank": 1, "item_id": "i1-1", "score": 1.1},
        {"rank": 2, "item_id": "i1-2", "score": 1.2},
    ]
    deliver(f"{redis_url}#recs", lists(2, users=1))
    assert client.hkeys("recs") == [b"u0"]
    deliver(redis_url, lists(3))
    assert sorted(client.keys()) == [b"recommendations", b"recs"]  # nothing is left waiting
    deliver(redis_url, lists(4).head(0))
    assert client.keys() == [b"recs"]
    client.set("text", "x")
    with pytest.raises(BadInput, match="there is a string of that name"), sink(f"{redis_url}#text"):
        pytest.fail("the work began")


def test_readers_of_a_hash_see_one_night(redis_url):
    import redis

    client = redis.Redis.from_url(redis_url)
    deliver(f"{redis_url}#n", lists(1, users=2_500))
    seen, done = set(), threading.Event()

    def read() -> None:
        own = redis.Redis.from_url(redis_url)
        while not done.is_set():
            found = own.hgetall("n")
            seen.add((len(found), len({json.loads(v)[0]["item_id"] for v in found.values()})))

    reader = threading.Thread(target=read)
    reader.start()
    for night in range(2, 5):
        deliver(f"{redis_url}#n", lists(night, users=2_500))
    done.set()
    reader.join()
    assert seen == {(2_500, 1)}
    client.close()
