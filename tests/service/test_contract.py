"""Whatever is sent, the service answers as its OpenAPI document declares, and never with a fault."""

from __future__ import annotations

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="the extra 'dev' is not installed")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from schemathesis.specs.openapi import checks as openapi  # noqa: E402

from recsys.settings import load_settings  # noqa: E402

#: Requests that are made of each endpoint.
EXAMPLES = 25
CHECKS = [openapi.status_code_conformance, openapi.content_type_conformance, openapi.response_schema_conformance]


@pytest.fixture(scope="module")
def schema(environment, tiny_version, tmp_path_factory):
    import shutil

    from recsys.service.app import create_app

    folder = tmp_path_factory.mktemp("contract") / "shop"
    shutil.copytree(tiny_version, folder)
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(load_settings(artifacts=folder)))


def test_every_answer_is_declared_and_none_is_a_fault(schema):
    asked = []
    for operation in schema.get_all_operations():
        one = operation.ok()

        @settings(max_examples=EXAMPLES, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=one.as_strategy())
        def conforms(case):
            response = case.call()
            assert response.status_code < 500 or response.status_code == 503, response.text
            case.validate_response(response, checks=CHECKS)

        conforms()
        asked.append(one.label)
    assert len(asked) >= 18
