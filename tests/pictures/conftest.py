"""Without Pillow there are no such tests."""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("PIL") is None:
    collect_ignore_glob = ["test_*.py"]
