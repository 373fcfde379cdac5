"""Pseudonymous ids: the shop asks by its own ids through every door, and no file under the artifacts holds one."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from recsys import Recommender, cli
from recsys.data.event_log import EVENTS, EXPOSURES, EventLog, EventWriter
from recsys.data.feedback import Feedback
from recsys.data.handovers import Handovers
from recsys.data.protection import Protection
from recsys.data.pseudonyms import Pseudonym, Pseudonyms
from recsys.settings import load_settings
from tests.jobs.test_ids import NASTY, run

KEY = "k" * 32
#: What every id of a shopper ends in, so that an id in clear is found wherever it is.
TAIL = "~zq7"
USERS = [f"{name}{TAIL}" for name in NASTY]
SHOP = {"RECSYS_PRIVACY__PSEUDONYMS": "true", "RECSYS_ID_KEY": KEY}


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Tables in which ids are wherever ids can be: own columns, an address, who brought whom, bad rows, robots."""
    rng = np.random.default_rng(5)
    items = pd.DataFrame({"item_id": [f"i{n:02d}" for n in range(50)], "title": [f"thing {n}" for n in range(50)]})
    rows = [
        (user, f"i{item:02d}", 1_700_000_000 + 86_400 * (n + 10 * visit))
        for n, user in enumerate(USERS)
        for visit, item in enumerate(rng.choice(50, 5, replace=False))
    ]
    robot = [(USERS[0], f"i{n % 50:02d}", 1_700_000_000 + n) for n in range(3_000)]
    bad = [(USERS[1], "i01", "never"), (USERS[2], None, 1_700_000_000)]
    columns = ["user_id", "item_id", "timestamp"]
    found = {
        "items": items,
        "interactions": pd.DataFrame(rows + robot + bad, columns=columns).assign(
            email=lambda t: t.user_id, source="web"
        ),
        "impressions": pd.DataFrame(
            {"user_id": USERS[:9], "item_id": "i03", "timestamp": 1_700_000_000, "clicked": True}
        ),
        "users": pd.DataFrame({"user_id": USERS, "segment": "a", "brought_by": USERS[1:] + USERS[:1]}),
    }
    for name, table in found.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return found


def given_files(folder: Path) -> list[object]:
    return [
        part
        for name in ("items", "interactions", "impressions", "users")
        for part in (f"--{name}", folder / f"{name}.csv")
    ]


def in_clear(root: Path) -> list[str]:
    """Files that hold the end of an id, in their bytes or, compressed columns decoded, in a cell."""
    found = []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        held = TAIL.encode() in path.read_bytes() or TAIL.encode("utf-16-le") in path.read_bytes()
        if path.suffix == ".parquet":
            held = held or any(TAIL in str(cell) for c in pq.read_table(path).to_pydict().values() for cell in c)
        if held or TAIL in path.name:
            found.append(path.relative_to(root).as_posix())
    return found


@pytest.fixture(scope="module")
def night(tmp_path_factory, tiny_environment, tiny_version):  # the tiny shop is made before the settings are these
    """Tables and a published night of them, with pseudonyms."""
    folder = tmp_path_factory.mktemp("pseudonyms")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (tiny_environment | SHOP).items():
            patch.setenv(name, value)
        found = tables(folder)
        result = CliRunner().invoke(
            cli.app, ["nightly", *map(str, given_files(folder)), "--artifacts", str(folder / "a")]
        )
        assert result.exit_code == 0, result.output
        yield folder, found, result.output


@pytest.fixture
def shop(night, tmp_path) -> Path:
    shutil.copytree(night[0] / "a", tmp_path / "a")
    return tmp_path / "a"


def test_no_file_and_no_word_of_a_night_has_an_id(night):
    folder, found, said = night
    # The search finds ids where they are: in all tables of the shop but its catalogue.
    assert in_clear(folder)[:3] == ["impressions.csv", "interactions.csv", "users.csv"]
    assert in_clear(folder / "a") == []
    assert TAIL not in said
    rec = Recommender.load(folder / "a")
    kept = rec.shop.tables.value
    assert (kept.interactions.email == kept.interactions.user_id).all()
    assert set(kept.users.brought_by) == set(kept.users.user_id)
    assert pd.read_csv(folder / "a" / "quarantine" / "interactions.csv")["row"].tolist()  # the rows are still named
    assert len(found["users"]) == len(rec.shop.user_ids)


def test_every_nasty_id_finds_its_person_and_lists_are_written_under_the_shops_ids(night, tmp_path):
    folder, found, _ = night
    rec = Recommender.load(folder / "a")
    bought = found["interactions"].dropna().query("timestamp != 'never'").groupby("user_id")["item_id"].agg(set)
    for user in USERS:
        code = rec.lookup.user_code(user)
        assert {str(rec.shop.item_ids[i]) for i in rec.shop.profile(code).items} <= bought[user]
    pd.DataFrame({"user_id": USERS}).to_csv(tmp_path / "users.csv", index=False)
    out = tmp_path / "lists.parquet"
    run("recommend", "--users", tmp_path / "users.csv", "--k", 3, "--out", out, "--artifacts", folder / "a")
    lists = pd.read_parquet(out)
    pd.DataFrame({"user_id": USERS, "item_id": "i04"}).to_parquet(tmp_path / "pairs.parquet")
    scored = tmp_path / "scores.parquet"
    run("recommend", "--pairs", tmp_path / "pairs.parquet", "--out", scored, "--artifacts", folder / "a")
    scores = pd.read_parquet(scored).set_index("user_id")["score"]
    for user in USERS:
        assert lists.item_id[lists.user_id == user].tolist() == rec.recommend(user, k=3).item_id.tolist()
        assert scores[user] == pytest.approx(rec.recommend(user, items=["i04"]).score.iloc[0], rel=1e-6)
    with pytest.raises(KeyError):  # who knows a pseudonym cannot ask by it
        rec.recommend(str(rec.shop.user_ids[0]))


def test_http_events_feedback_and_hand_overs(shop, night):
    pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
    from starlette.testclient import TestClient

    from recsys.service.app import create_app

    rec = Recommender.load(shop)
    settings = load_settings(artifacts=shop, experiment={"name": "e", "variants": {"a": {}, "b": {}}})
    with TestClient(create_app(settings)) as client:
        for user in USERS[:12]:
            got = client.post("/recommend", json={"user_id": user, "k": 4}).json()["items"]
            assert [row["item_id"] for row in got] == rec.recommend(user, k=4).item_id.tolist()
        sent = [{"user_id": USERS[3], "item_id": "i10", "event": "purchase"}]
        assert client.post("/events", json={"events": sent}).status_code == 202
        met = client.get(f"/users/{USERS[3]}/history").json()
        assert (met["user_id"], met["items"][-1]["item_id"]) == (USERS[3], "i10")
        said = {"question": f"I am {USERS[3]}", "answer": "yes", "rating": 1, "user_id": USERS[3]}
        assert client.post("/feedback", json=said).status_code == 202
        assert client.get("/insight/shoppers", params={"q": USERS[3]}).json()["shoppers"][0]["user_id"] == USERS[3]
        assert client.get("/insight/shoppers").json()["shoppers"] == []
    Handovers(shop).add("where is it?", f"{USERS[3]} asked", USERS[3])
    assert in_clear(shop) == []
    assert len(EventLog.of(shop).read()[0]) == 1
    assert len(EventLog.of(shop, "exposures").read()[0]) == 12
    # The shop's own table of users says who waits; others stay unnamed.
    assert Handovers(shop).named(pd.Series(USERS)).user_id.tolist() == [USERS[3]]
    assert Handovers(shop).named(pd.Series(USERS[:2])).user_id.tolist() == [rec.shop.protection.id(USERS[3])]

    run("embed", "--artifacts", shop)
    after = Recommender.load(shop)
    assert "i10" in {str(after.shop.item_ids[i]) for i in after.shop.profile(after.lookup.user_code(USERS[3])).items}
    run("forget", "--user", USERS[3], "--artifacts", shop)
    assert Recommender.load(shop).lookup.user_code(USERS[3]) is None
    assert EventLog.of(shop).read()[0] == []
    assert len(Handovers(shop).table()) == len(Feedback(shop / "feedback").table()) == 0


def test_an_order_is_told_to_its_shopper_alone(shop, tmp_path, monkeypatch):
    """They stay under the shop's own ids: each finds theirs by the command and over HTTP, nobody by a pseudonym."""
    pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
    from starlette.testclient import TestClient

    from recsys.service.app import create_app

    number = {user: f"ZQ{n:05d}" for n, user in enumerate(USERS)}
    pd.DataFrame({"order_id": [*number.values()], "user_id": USERS, "item_id": "i01", "status": "shipped",
                  "ordered_at": "2026-01-01"}).to_csv(tmp_path / "orders.csv", index=False)  # fmt: skip
    monkeypatch.setenv("RECSYS_ASSISTANT__ORDERS", str(tmp_path / "orders.csv"))
    (tmp_path / "returns.md").write_text("# Returns\n\nYou may return things within 30 days.\n", "utf-8")
    run("embed", "--knowledge", tmp_path / "returns.md", "--artifacts", shop)
    asking = [*USERS[:12], str(Recommender.load(shop).shop.user_ids[0])]
    question = "Where is my order?"
    pd.DataFrame({"question": question, "user_id": asking}).to_csv(tmp_path / "questions.csv", index=False)
    out = tmp_path / "answers.parquet"
    run("answer", "--questions", tmp_path / "questions.csv", "--out", out, "--artifacts", shop)
    with TestClient(create_app(load_settings(artifacts=shop))) as client:
        answered = [client.post("/answer", json={"question": question, "user_id": user}) for user in asking]
    assert {answer.status_code for answer in answered} == {200}, answered[0].text
    over_http = [answer.json()["text"] for answer in answered]
    for answers in (pd.read_parquet(out)["answer"], over_http):
        told = [set(re.findall(r"ZQ\d{5}", answer)) for answer in answers]
        assert told == [*({number[user]} for user in USERS[:12]), set()]
    assert in_clear(shop) == []


def test_what_is_measured_of_whom_does_not_hang_on_a_name(night, tmp_path, monkeypatch):
    """Test users, and figures without a draw in them, also by segment, are those of the shop in clear."""
    from recsys import evaluate

    monkeypatch.setattr("recsys.evaluation.subgroups.SMALLEST", 5)
    folder, found, _ = night
    halves = pd.DataFrame({"user_id": USERS, "segment": [("a", "b")[n // 20 % 2] for n in range(len(USERS))]})

    def measured(artifacts: Path) -> list[object]:
        of_tables = evaluate(found["items"], found["interactions"], shoppers=halves)
        live = json.loads(run("evaluate", "--json", "--artifacts", artifacts))
        rival = of_tables.leads["ndcg@10"].rival
        segments = of_tables.slices.loc[rival].loc["segment"]["ndcg@10"]["value"].reset_index()
        told = [live["table"]["popularity"][name]["value"] for name in ("auc", "ndcg@10")]
        whom = [live["protocol"][name] for name in ("test_users", "test_positives", "train_events")]
        return [rival, *segments.round(12).to_numpy().tolist(), *whom, *np.round(told, 12)]

    mine = measured(folder / "a")
    (_, first, _), (_, second, _) = mine[1:3]
    assert [row[0] for row in mine[1:3]] == ["a", "b"]
    assert first > second  # forty of the shoppers are in `a`
    for name in SHOP:
        monkeypatch.delenv(name)
    run("nightly", *given_files(folder), "--artifacts", tmp_path / "clear")
    assert measured(tmp_path / "clear") == mine


def test_an_erased_user_stays_away_and_their_look_alikes_stay(shop, night):
    rec = Recommender.load(shop)
    kept, mine = rec.shop.tables.value, rec.shop.protection.id(USERS[0])
    rows = sum(int((table.user_id == mine).sum()) for table in (kept.interactions, kept.impressions, kept.users))
    run("forget", "--user", USERS[0], "--artifacts", shop)
    said = json.loads(run("embed", *given_files(night[0]), "--artifacts", shop, "--json"))
    assert said["rows_of_erased_users"] == rows > 10
    rec = Recommender.load(shop)
    assert rec.lookup.user_code(USERS[0]) is None
    assert all(rec.lookup.user_code(user) is not None for user in USERS[1:])
    assert in_clear(shop) == []


def test_more_events_are_added_to_the_same_persons(shop, tmp_path):
    pd.DataFrame({"user_id": [USERS[5]], "item_id": ["i42"], "timestamp": [1_790_000_000]}).to_csv(
        tmp_path / "more.csv", index=False
    )
    run("embed", "--interactions", tmp_path / "more.csv", "--append", "--artifacts", shop)
    rec = Recommender.load(shop)
    assert str(rec.shop.item_ids[rec.shop.profile(rec.lookup.user_code(USERS[5])).items[-1]]) == "i42"
    assert len(rec.shop.user_ids) == len(USERS)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"RECSYS_ID_KEY": None}, "RECSYS_ID_KEY is not set"),
        ({"RECSYS_ID_KEY": "x" * 32}, "RECSYS_ID_KEY is another key"),
        ({"RECSYS_ID_KEY": "short"}, "at least 32 characters"),
        ({"RECSYS_PRIVACY__PSEUDONYMS": "false"}, "Turn it on, or publish afresh under another --artifacts"),
    ],
)
def test_a_missing_or_other_key_ends_a_night_in_one_sentence(shop, night, monkeypatch, change, says):
    before = sorted(p.name for p in (shop / "versions").iterdir()), (shop / "current").read_text()
    for name, value in change.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    others = [] if "RECSYS_PRIVACY__PSEUDONYMS" in change else [("recommend", "--users", night[0] / "users.csv")]
    for command in [("nightly", *given_files(night[0])), ("train",), *others]:
        more = ["--out", str(shop / "out.parquet")] if command[0] == "recommend" else []
        result = CliRunner().invoke(cli.app, [*map(str, command), *more, "--artifacts", str(shop)])
        assert result.exit_code == 2, result.output
        assert says in " ".join(result.output.split())
        assert "Traceback" not in result.output
    assert (sorted(p.name for p in (shop / "versions").iterdir()), (shop / "current").read_text()) == before


def test_a_shop_in_clear_goes_on_only_as_it_is(tiny, tiny_version, tmp_path, monkeypatch):
    shutil.copytree(tiny_version, tmp_path / "a")
    for name, value in SHOP.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(cli.app, ["train", "--artifacts", str(tmp_path / "a")])
    assert (result.exit_code, "was made without it" in " ".join(result.output.split())) == (2, True), result.output
    # It is served as it was made: a version says itself what it is.
    assert len(Recommender.load(tmp_path / "a").recommend("000", k=3)) == 3


def test_events_taken_in_before_are_of_the_same_persons(shop):
    pseudonyms = Protection.live(shop).pseudonyms
    row = {"user_id": USERS[7], "item_id": "i11", "event": "purchase", "timestamp": 1_790_000_000.0}
    EventWriter(shop / EVENTS).append([row, {**pseudonyms.row(row), "item_id": "i12"}])
    run("embed", "--artifacts", shop)
    rec = Recommender.load(shop)
    items = {str(rec.shop.item_ids[i]) for i in rec.shop.profile(rec.lookup.user_code(USERS[7])).items}
    assert {"i11", "i12"} <= items
    assert len(rec.shop.user_ids) == len(USERS)


def test_an_experiment_counts_who_was_shown_something_before_and_bought_it_after(shop):
    """Logs of before pseudonyms are in clear, and are of the same shoppers; those of another key are of nobody."""
    hidden = Protection.live(shop).pseudonyms
    when = {"timestamp": 1_790_000_000.0}
    shown = [
        {
            "user_id": user,
            "items": ["i11"],
            "experiment": "e",
            "variant": "ab"[n % 2],
            "shares": {"a": 1, "b": 1},
            **when,
        }
        for n, user in enumerate(USERS[:8])
    ]
    bought = [{"user_id": u, "item_id": "i11", "event": "purchase", "timestamp": 1_790_000_100.0} for u in USERS[:8]]
    EventWriter(shop / EXPOSURES).append([*shown[:4], *map(hidden.row, shown[4:])])
    EventWriter(shop / EVENTS).append([*map(hidden.row, bought[:6]), *bought[6:]])
    strange = Pseudonyms(b"2" * 32)
    EventWriter(shop / EVENTS).append([strange.row(bought[0])])
    found = json.loads(run("evaluate", "online", "--experiment", "e", "--artifacts", shop, "--json"))
    assert [(row["shoppers"], row["outcomes"]) for row in found["variants"]] == [(4, 4), (4, 4)]


@given(st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=20, unique=True))
def test_no_two_ids_share_a_pseudonym_and_none_is_hashed_twice(ids):
    one, other = Pseudonyms(b"1" * 32), Pseudonyms(b"2" * 32)
    names = [one.of(user) for user in ids]
    assert len(set(names)) == len(ids)
    assert [one.of(name) for name in names] == names
    assert not set(names) & {str(other.of(user)) for user in ids}
    assert all(one.of(str(name)) != name for name in names)  # as an id of the shop's own it is another's
    assert isinstance(names[0], Pseudonym)
