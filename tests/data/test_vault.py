"""Encryption at rest: what a vault seals is opened whole or not at all, and holds no clear text."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.data.event_log import EventLog, EventWriter
from recsys.data.memmap import MappedTable, open_array, save_array
from recsys.data.vault import CHUNK, KEY, Vault, create, is_sealed
from recsys.errors import ArtifactError, BadInput

pytest.importorskip("cryptography", reason="the extra `vault` is not installed")

SECRET = "a key of at least thirty-two characters"


@pytest.fixture(autouse=True)
def vault(monkeypatch) -> Vault:
    monkeypatch.setenv(KEY, SECRET)
    return Vault.from_environment()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_was_sealed_comes_out_and_is_nowhere_in_the_file(vault, tmp_path, size):
    clear = os.urandom(size)
    with create(tmp_path / "f", vault) as file:
        for start in range(0, size, 70_001):  # written in pieces that are no chunks
            file.write(clear[start : start + 70_001])
    sealed = (tmp_path / "f").read_bytes()
    assert is_sealed(tmp_path / "f")
    assert bytes(vault.open(tmp_path / "f")) == clear
    assert not clear or clear[:64] not in sealed or size < 8
    with create(tmp_path / "g", vault) as file:
        file.write(clear)
    assert (tmp_path / "g").read_bytes() != sealed  # equal files do not look equal


def sealed_file(vault: Vault, tmp_path) -> bytes:
    with create(tmp_path / "whole", vault) as file:
        file.write(bytes(range(256)) * (CHUNK // 128))  # two chunks and a last, empty of none
        file.write(b"end")
    return (tmp_path / "whole").read_bytes()


def test_any_changed_byte_cut_or_exchanged_chunk_is_refused(vault, tmp_path):
    whole, path = sealed_file(vault, tmp_path), tmp_path / "f"
    rng = np.random.default_rng(1)
    cuts = [whole[:n] for n in (0, 5, 31, 32, 40, 32 + CHUNK + 16, len(whole) - 1)]
    flips = []
    for at in [*range(8, 32), *rng.integers(32, len(whole), 40).tolist()]:
        changed = bytearray(whole)
        changed[at] ^= 1 << int(rng.integers(8))
        flips.append(bytes(changed))
    head, step = whole[:32], CHUNK + 16
    exchanged = head + whole[32 + step : 32 + 2 * step] + whole[32 : 32 + step] + whole[32 + 2 * step :]
    for broken in [*cuts, *flips, exchanged, whole + b"x", head + whole[32 + step :]]:
        path.write_bytes(broken)
        with pytest.raises((ArtifactError, BadInput)):
            vault.open(path)


def test_another_key_and_no_key_are_told(vault, tmp_path, monkeypatch):
    save_array(tmp_path / "a.npy", np.arange(5), vault)
    monkeypatch.setenv(KEY, "another key of thirty-two characters or more")
    with pytest.raises(BadInput, match="another key than RECSYS_VAULT_KEY holds"):
        open_array(tmp_path / "a.npy")
    monkeypatch.delenv(KEY)
    with pytest.raises(BadInput, match="RECSYS_VAULT_KEY is not set: tables of users are encrypted"):
        open_array(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "array",
    [np.arange(12.0).reshape(3, 4), np.zeros((0, 7), np.float32), np.array([b"k" * 32, b""], "S32"), np.zeros(3, bool),
     np.asfortranarray(np.arange(6).reshape(2, 3))],
)  # fmt: skip
def test_arrays_and_tables_are_what_they_were(vault, tmp_path, array):
    save_array(tmp_path / "a.npy", array, vault)
    found = open_array(tmp_path / "a.npy")
    np.testing.assert_array_equal(found, array)
    assert (found.dtype, found.flags.writeable) == (array.dtype, False)
    table = pd.DataFrame({"user_id": ["007", "é"], "n": [1, 2]})
    with create(tmp_path / "t.parquet", vault) as file:
        table.to_parquet(file, index=False)
    mapped = MappedTable(tmp_path / "t.parquet")
    (tmp_path / "t.parquet").unlink()  # what is mapped stays readable when its version goes
    pd.testing.assert_frame_equal(mapped.read(), table, check_dtype=False)
    assert mapped.columns == ["user_id", "n"]
    assert mapped.read(["n"]).n.tolist() == [1, 2]


def test_no_array_of_objects_is_loaded(vault, tmp_path):
    with create(tmp_path / "a.npy", vault) as file:
        np.lib.format.write_array(file, np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="never loaded"):
        open_array(tmp_path / "a.npy")


def test_writing_and_reading_hold_little_more_than_a_chunk_beside_the_content(vault, tmp_path):
    size = 24 * CHUNK
    array = np.arange(size // 8)
    tracemalloc.start()
    save_array(tmp_path / "a.npy", array, vault)
    written = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    open_array(tmp_path / "a.npy")
    read = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # numpy hands over sixteen megabytes at a time; the file itself is larger.
    assert written < 16 * CHUNK * 2.5 + 4 * CHUNK
    assert read < size + 8 * CHUNK


def test_a_log_is_sealed_line_by_line_and_erased_in_its_place(vault, tmp_path, monkeypatch):
    writer, log = EventWriter(tmp_path / "e", vault=vault), EventLog(tmp_path / "e")
    rows = [{"user_id": user, "item_id": "a", "event": "view", "timestamp": 1.5} for user in ("secret-1", "secret-2")]
    writer.append(rows)
    EventWriter(tmp_path / "e").append([{**rows[0], "user_id": "from before"}])
    assert [row["user_id"] for row in log.read()[0]] == ["secret-1", "secret-2", "from before"]
    raw = b"".join(path.read_bytes() for path in (tmp_path / "e").iterdir())
    assert b"secret" not in raw
    _, position = log.read()
    sizes = log.sizes()
    assert log.erase({"secret-1"}) == 1
    assert log.sizes() == sizes == position
    assert [row["user_id"] for row in log.read()[0]] == ["secret-2", "from before"]
    monkeypatch.delenv(KEY)
    with pytest.raises(BadInput, match="RECSYS_VAULT_KEY is not set"):
        log.read()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.binary(max_size=200), damage=st.integers(0, 400))
def test_a_sealed_line_is_the_line_or_none(vault, line, damage):
    sealed = vault.seal_line(line)
    assert b"\n" not in sealed
    assert vault.open_line(sealed + b"\n") == line
    broken = bytearray(sealed)
    broken[damage % len(broken)] ^= 4
    if broken[:1] == sealed[:1]:  # else it is no sealed line, and `clear_line` takes it for what it is
        assert vault.open_line(bytes(broken)) is None
