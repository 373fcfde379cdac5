"""One served shop for the tests of the service; without the extra 'serve' there are no such tests."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

if find_spec("fastapi") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="module")
def rec(environment, tiny_version):
    from recsys import Recommender

    return Recommender.load(tiny_version)


@pytest.fixture(scope="module")
def client(environment, tiny_version):
    from starlette.testclient import TestClient

    from recsys.service.app import create_app
    from recsys.settings import load_settings

    with TestClient(create_app(load_settings(artifacts=tiny_version))) as client:
        yield client
