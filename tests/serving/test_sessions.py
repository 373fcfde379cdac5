"""What a shopper does now counts in their next list, as the log tells it."""

from __future__ import annotations

import numpy as np
import pytest

from recsys import Recommender
from recsys.data.event_log import EVENTS, EventWriter
from recsys.data.forgotten import Tombstones
from recsys.data.histories import Histories
from recsys.errors import BadInput
from recsys.serving import sessions
from recsys.serving.sessions import Sessions


@pytest.fixture(scope="module")
def rec(tiny_version, tiny_environment):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        yield Recommender.load(tiny_version)


def row(user: str, item: str, event: str = "view", when: float = 1.0) -> dict[str, object]:
    return {"user_id": user, "item_id": item, "event": event, "timestamp": when}


def test_events_of_any_writer_are_there_at_once_and_only_after_the_position(tmp_path):
    one, other = EventWriter(tmp_path / EVENTS), EventWriter(tmp_path / EVENTS)
    one.append([row("1", "a")])
    everything = Sessions(tmp_path, {})
    position = everything._log.read()[1]
    later = Sessions(tmp_path, position)
    other.append([row("1", "b", "cart", 2.0), row("2", "c")])
    assert [m.item_id for m in everything.of("1")] == ["a", "b"]
    assert [(m.item_id, m.event) for m in later.of("1")] == [("b", "cart")]
    assert everything.of("3") == ()


def test_late_events_take_their_place_and_few_are_held(tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "LATEST", 3)
    monkeypatch.setattr(sessions, "SHOPPERS", 2)
    writer, held = EventWriter(tmp_path / EVENTS), Sessions(tmp_path, {})
    writer.append([row("1", "b", when=2.0), row("1", "a", when=1.0), row("1", "c", when=3.0)])
    assert [m.item_id for m in held.of("1")] == ["a", "b", "c"]
    writer.append([row("1", "d", when=4.0), row("2", "x"), row("3", "y")])
    assert held.of("1") == ()  # the longest silent of three
    assert [m.item_id for m in held.of("3")] == ["y"]


def test_an_erased_shopper_is_gone_from_memory_too(tmp_path):
    writer, held = EventWriter(tmp_path / EVENTS), Sessions(tmp_path, {})
    writer.append([row("1", "a"), row("2", "b")])
    assert held.of("1")
    Tombstones.read(tmp_path).with_users(["1"]).write(tmp_path)
    assert held.of("1") == ()
    assert held.of("2")
    writer.append([row("1", "c")])
    assert held.of("1") == ()


def test_a_visit_now_is_the_latest_and_what_is_met_again_moves_there(rec):
    shopper = rec.lookup.shopper("000")
    old = shopper.profile
    again = str(rec.shop.item_ids[old.items[0]])
    new = rec.lookup.shopper({"user": "000", "since": ["G001", {"item_id": again, "event": "view"}]})
    profile = new.profile
    assert len(profile) == len(old) + 1
    assert [str(rec.shop.item_ids[i]) for i in profile.items[-2:]] == ["G001", again]
    assert profile.steps[-2:].tolist() == [0, 0]
    assert (profile.steps[:-2] == old.steps[1:] + 1).all()
    assert profile.weights[-1] == pytest.approx(old.weights[0] + 0.2)
    assert profile.recency.sum() == pytest.approx(1.0)
    assert profile.ages[-2:].tolist() == [0, 0]
    assert set(new.seen.tolist()) == {*shopper.seen.tolist(), *rec.lookup.codes(["G001"]).tolist()}
    assert not np.array_equal(profile.text, old.text)


def test_lists_follow_what_is_met_and_leave_it_out(rec):
    before = rec.recommend("000", k=5).item_id.tolist()
    after = rec.recommend({"user": "000", "since": ["G001", "G002", "G003"]}, k=5).item_id.tolist()
    assert before != after
    assert any(item.startswith("G") for item in after)  # a cook who looks at spades
    assert not {"G001", "G002", "G003"} & set(after)
    assert rec.recommend({"user": "000", "since": []}, k=5).item_id.tolist() == before


def test_a_stranger_who_has_done_something_is_a_shopper_with_that_history(rec):
    after = rec.recommend({"user": "nobody", "since": ["G001"]}, k=5)
    assert after.item_id.tolist() == rec.recommend({"history": ["G001"]}, k=5).item_id.tolist()
    with pytest.raises(KeyError, match="unknown user 'nobody'"):
        rec.recommend({"user": "nobody", "since": []})


def test_what_was_met_now_can_be_left_out_again(rec):
    undone = rec.recommend({"user": "000", "since": ["G001"], "without": ["G001"]}, k=5)
    assert len(undone) == 5
    with pytest.raises(BadInput, match="not in the history"):
        rec.recommend({"user": "000", "since": ["G001"], "without": ["G002"]})


def test_unknown_items_are_left_out_and_said_and_long_histories_stay_bounded(rec):
    table = rec.recommend({"user": "000", "since": ["new tonight", "G001"]})
    assert table.attrs["notes"] == ["history: 'new tonight' is not in the catalogue and is left out"]
    many = rec.lookup.shopper({"user": "000", "since": rec.shop.item_ids.tolist()})
    assert len(many.profile) == min(Histories.LIMIT, len(rec.shop.item_ids))
    with pytest.raises(BadInput, match="nothing else"):
        rec.recommend({"user": "000", "since": "G001"})
