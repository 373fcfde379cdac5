"""The live version is followed, and what cannot be opened changes nothing."""

from __future__ import annotations

import logging
import shutil
import threading

import pytest

from recsys.data.store import Store
from recsys.errors import ArtifactError
from recsys.serving import live
from recsys.serving.live import Live, follow, live_recommender
from recsys.settings import load_settings


class Shelf:
    """Something that goes live under a name and may fail to open."""

    def __init__(self, name: str) -> None:
        self.name, self.error, self.opened = name, None, 0

    def live(self) -> Live[str]:
        return Live(lambda: self.name, self.open)

    def open(self) -> str:
        self.opened += 1
        if self.error is not None:
            raise self.error
        return f"value of {self.name}"


def test_nothing_is_opened_before_it_is_asked_for_and_then_only_when_another_name_is_live():
    shelf = Shelf("a")
    held = shelf.live()
    assert not held.opened
    assert shelf.opened == 0
    assert [held.value, held.refresh(), held.value] == ["value of a"] * 3
    assert shelf.opened == 1
    shelf.name = "b"
    assert held.value == "value of a"
    assert held.refresh() == "value of b"
    assert shelf.opened == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ArtifactError("cut short"), "cut short"),
        (ValueError("bad header"), "ValueError: bad header"),
        (MemoryError("no room"), "MemoryError: no room"),
        (RecursionError(), "RecursionError: "),
    ],
)
def test_whatever_keeps_a_version_from_opening_the_old_one_serves_and_the_reason_is_said_once(
    error, said, caplog, monkeypatch
):
    monkeypatch.setattr(live, "RETRY", 0.0)
    shelf = Shelf("a")
    held = shelf.live()
    assert held.value == "value of a"
    shelf.name, shelf.error = "b", error
    with caplog.at_level(logging.ERROR, logger="recsys.serving.live"):
        assert [held.refresh(), held.refresh()] == ["value of a"] * 2
    assert shelf.opened == 3
    assert held.problem == said
    assert [record.getMessage() for record in caplog.records] == [f"what is live cannot be opened, a serves on: {said}"]
    shelf.error = None
    assert held.refresh() == "value of b"
    assert held.problem is None


def test_a_new_value_never_stands_beside_the_problem_of_the_one_before(monkeypatch):
    monkeypatch.setattr(live, "RETRY", 0.0)
    shelf = Shelf("a")
    held = shelf.live()
    held.refresh()
    shelf.name, shelf.error = "b", OSError("gone")
    held.refresh()
    assert held.problem == "OSError: gone"
    seen: list[tuple[str, str | None]] = []
    # What another thread would see while the version before is still being let go.
    monkeypatch.setattr(live.gc, "collect", lambda: seen.append((held.value, held.problem)))
    shelf.error = None
    held.refresh()
    assert seen == [("value of b", None)]
    shelf.error = OSError("gone")
    shelf.name = "c"
    held.refresh()
    # Back to what is held: nothing is opened, and nothing is wrong any more.
    shelf.name = "b"
    assert (held.refresh(), held.problem) == ("value of b", None)


def test_a_broken_version_is_not_opened_at_every_look_but_the_next_one_is_at_once():
    shelf = Shelf("a")
    held = shelf.live()
    held.refresh()
    shelf.name, shelf.error = "b", OSError("gone")
    for _ in range(5):
        held.refresh()
    assert shelf.opened == 2
    shelf.name, shelf.error = "c", None
    assert held.refresh() == "value of c"


def test_without_anything_to_serve_the_error_is_the_callers():
    shelf = Shelf("a")
    shelf.error = ValueError("bad header")
    held = shelf.live()
    for _ in range(2):
        with pytest.raises(ValueError, match="bad header"):
            held.value  # noqa: B018 - opening is what is tried
    assert held.problem is None


def test_while_one_thread_opens_the_others_serve_what_is_held():
    began, go_on = threading.Event(), threading.Event()
    names = iter(["a", "b"])

    def slow() -> str:
        name = next(names)
        if name == "b":
            began.set()
            assert go_on.wait(10)
        return name

    current = ["a"]
    held = Live(lambda: current[0], slow)
    held.refresh()
    current[0] = "b"
    opening = threading.Thread(target=held.refresh)
    opening.start()
    assert began.wait(10)
    assert held.refresh() == "a"
    go_on.set()
    opening.join()
    assert held.value == "b"


def flip_a_header_byte(store: Store) -> str:
    """Publish a version like the live one whose first vector file has a damaged header of the same size."""
    with store.writing() as draft:
        before = store.require()
        draft.carry(before, without="nothing")
        file = draft.path / "histories" / "items.npy"
        data = bytearray(file.read_bytes())
        data[data.index(b"descr") + 2] ^= 0x20
        file.unlink()  # it is a hard link to the good one
        file.write_bytes(data)
        body = {k: v for k, v in before.manifest.items() if k not in ("files", "format", "version", "created")}
        return store.publish(draft, body, live=before).id


def test_a_flipped_byte_in_a_header_leaves_the_version_before_in_place(tiny, tiny_version, tmp_path, monkeypatch):
    monkeypatch.setattr(live, "RETRY", 0.0)
    shutil.copytree(tiny_version, tmp_path / "shop")
    store = Store(tmp_path / "shop")
    good = store.require().id
    held = live_recommender(load_settings(artifacts=store.root))
    want = held.value.recommend("000", k=5)
    broken = flip_a_header_byte(store)
    assert store.current_id() == broken
    assert held.refresh().version.id == good
    assert held.refresh().recommend("000", k=5).equals(want)
    assert broken in held.problem
    assert "ValueError" in held.problem
    store.point_to(good)
    assert held.refresh().version.id == good
    assert held.problem is None
    # Whoever begins with the broken one is told in one sentence.
    store.point_to(broken)
    with pytest.raises(ArtifactError, match="cannot be opened"):
        follow(store.root, load_settings(artifacts=store.root))
