"""The Python client: in step with the service, and the same answers as in Python."""

from __future__ import annotations

import asyncio
import threading

import pytest

pytest.importorskip("httpx", reason="the extra 'dev' is not installed")

import uvicorn

from recsys.client import AsyncClient, Client, ServiceError
from recsys.service import generating
from recsys.service.app import create_app
from recsys.service.replies import ExplainReply, ReasonsReply
from recsys.service.server import listen
from recsys.settings import load_settings


def test_client_and_openapi_file_are_what_the_service_makes_of_them():
    said = "run `python -m recsys.service.generating`"
    assert generating.CLIENT.read_text("utf-8") == generating.client(), said
    assert generating.DOCUMENT.read_text("utf-8") == generating.text_of(generating.openapi()), said


@pytest.fixture(scope="module")
def address(environment, tiny_version):
    listener = listen("127.0.0.1", 0)
    app = create_app(load_settings(artifacts=tiny_version))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(30)
    listener.close()


def test_answers_are_those_of_python(address, rec):
    with Client(address) as shop:
        found = shop.recommend(user_id="000", k=5, columns=["price"])
        assert [row.item_id for row in found.items] == rec.recommend("000", k=5).item_id.tolist()
        assert found.version == rec.version.id
        assert found.items[0].model_extra["price"] >= 5
        assert shop.similar(item={"title": "red spade"}, k=2).items[0].rank == 1
        assert shop.score(pairs=[{"user_id": "000", "item_id": "G001"}]).scores[0] > 0
        assert shop.batch(users=["000", "001"], k=2).lists[1].user_id == "001"
        assert shop.complete(basket=["G001"]).items
        assert isinstance(shop.explain(user_id="000", item_id="K003"), ExplainReply)
        assert isinstance(shop.explain(user_id="000", k=3), ReasonsReply)
        assert shop.item("G001").item["title"] == "red garden rake"
        assert shop.search("spade", k=1).items[0].rank == 1
        assert shop.history("000").user_id == "000"
        assert shop.version().counts["items"] == 50
        assert shop.healthz().status == "ok"
        assert shop.readyz().status == "ready"
        assert "recsys_requests_total" in shop.metrics()


def test_refusals_are_errors_with_their_status_and_words(address):
    with Client(address) as shop:
        with pytest.raises(ServiceError, match="unknown user 'nobody'") as unknown:
            shop.recommend(user_id="nobody")
        assert unknown.value.status == 404
        with pytest.raises(ServiceError, match="k: ") as unusable:
            shop.recommend(user_id="000", k=0)
        assert unusable.value.status == 422
        with pytest.raises(ServiceError, match="--knowledge") as later:
            list(shop.answer_stream("How long does delivery take?"))
        assert later.value.status == 503


def test_the_asynchronous_one_asks_side_by_side(address, rec):
    async def lists():
        async with AsyncClient(address) as shop:
            return await asyncio.gather(*(shop.recommend(user_id=f"{n:03d}", k=3) for n in range(20)))

    for n, found in enumerate(asyncio.run(lists())):
        assert [row.item_id for row in found.items] == rec.recommend(f"{n:03d}", k=3).item_id.tolist()
