"""What a machine makes once: kept by all that it is made of, made again where it cannot be read."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from recsys.data.kept import kept


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda _: str(tmp_path / "cache"))
    return []


def _kept(made: list[str], parts: list[str]) -> str:
    def make() -> str:
        made.append("-".join(parts))
        return made[-1]

    return kept(
        "thing",
        parts,
        lambda folder: (folder / "text").read_text("utf-8"),
        make,
        lambda text, folder: (folder / "text").write_text(text, "utf-8"),
    )


def test_it_is_made_once_and_anew_of_other_parts(made: list[str]) -> None:
    assert [_kept(made, parts) for parts in (["a"], ["a"], ["a", "b"])] == ["a", "a", "a-b"]
    assert made == ["a", "a-b"]


def test_what_cannot_be_read_is_made_again(made: list[str], tmp_path: Path) -> None:
    _kept(made, ["a"])
    (file,) = (tmp_path / "cache").glob("thing-*/text")
    file.unlink()
    assert _kept(made, ["a"]) == "a"
    assert made == ["a", "a"]


def test_a_cache_that_cannot_be_written_is_no_fault(made: list[str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert [_kept(made, ["a"]), _kept(made, ["a"])] == ["a", "a"]
    assert made == ["a"]  # once a process
