"""Each endpoint gives what the Python interface gives, in the shape that its model declares."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from recsys.service.replies import ExplainReply, ListReply, ReasonsReply


def items_of(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_every_response_names_its_version_in_a_header_too(client, rec):
    for path in (
        "/recommend",
        "/version",
        "/healthz",
        "/readyz",
        "/items/G001",
        "/search?q=spade",
        "/similar?item_id=G001",
    ):
        answer = client.get(path)
        assert answer.headers["x-recsys-version"] == rec.version.id == answer.json()["version"], path


def test_rows_carry_the_columns_that_are_asked_for_and_null_where_the_shop_has_none(client):
    rows = items_of(
        client.post("/recommend", json={"user_id": "000", "k": 3, "columns": ["price", "category", "image"]})
    )
    assert [set(row) for row in rows] == [{"item_id", "score", "rank", "title", "price", "category", "image"}] * 3
    assert all(row["image"] is None and row["category"] == "kitchen" and row["price"] >= 5 for row in rows)
    bare = items_of(client.post("/recommend", json={"user_id": "000", "k": 3, "columns": None}))
    assert [set(row) for row in bare] == [{"item_id", "score", "rank"}] * 3
    assert [row["item_id"] for row in bare] == [row["item_id"] for row in rows]
    refused = client.post("/recommend", json={"user_id": "000", "columns": ["colour"]})
    assert refused.status_code == 422
    assert "the items have no 'colour'" in refused.json()["detail"]
    assert items_of(client.get("/recommend", params={"user_id": "000", "columns": ["price"]}))[0]["price"] >= 5


def test_reasons_in_rows_are_those_of_the_list_in_python(client, rec):
    rows = items_of(client.post("/recommend", json={"user_id": "000", "k": 5, "reasons": True}))
    told = rec.explain_list("000", [row["item_id"] for row in rows])
    assert [row["reason"] for row in rows] == [one.sentence or None for one in told]
    assert [row["because"] for row in rows] == [list(one.because) for one in told]
    assert [row["kind"] for row in rows] == [one.kind for one in told]
    assert any(row["reason"] for row in rows)
    assert client.post("/recommend", json={"user_id": "000", "k": 51, "reasons": True}).status_code == 422


def test_a_past_purchase_can_be_left_out(client, rec):
    past = client.get("/users/000/history").json()["items"]
    gone = past[-1]["item_id"]
    got = items_of(client.post("/recommend", json={"user_id": "000", "without": [gone]}))
    expected = rec.recommend({"user": "000", "without": [gone]})
    assert [row["item_id"] for row in got] == expected["item_id"].tolist()
    never = client.post("/recommend", json={"user_id": "000", "without": ["G000"]})
    assert never.status_code == 422
    assert never.json()["detail"].startswith("without: ")
    assert client.post("/recommend", json={"without": [gone]}).status_code == 422


def test_batch_and_score_equal_python(client, rec):
    got = client.post("/batch", json={"users": ["001", "000", "nobody"], "k": 4, "columns": ["price"]}).json()
    table = rec.recommend_many(["001", "000", "nobody"], 4, columns=["price"])
    assert [one["user_id"] for one in got["lists"]] == ["001", "000", "nobody"]
    for one in got["lists"]:
        expected = table[table.user_id == one["user_id"]].drop(columns="user_id")
        assert one["items"] == expected.to_dict("records")
    pairs = [{"user_id": "000", "item_id": "G001"}, {"user_id": "nobody", "item_id": "K003"}]
    scores = client.post("/score", json={"pairs": pairs}).json()["scores"]
    assert scores == rec.score_pairs(pd.DataFrame(pairs)).tolist()
    assert client.post("/score", json={"pairs": [{"user_id": "000", "item_id": "nothing"}]}).status_code == 404


def test_similar_and_search_are_those_of_python(client, rec):
    got = items_of(client.post("/similar", json={"item": {"title": "red garden spade"}, "k": 3}))
    assert [row["item_id"] for row in got] == rec.similar({"title": "red garden spade"}, 3)["item_id"].tolist()
    found = items_of(client.get("/search", params={"q": "red garden spade", "k": 3}))
    assert [row["item_id"] for row in found] == rec.search("red garden spade", 3)["item_id"].tolist()
    cheap = items_of(client.get("/search", params={"q": "garden under 7", "k": 9, "columns": ["price"]}))
    assert cheap
    assert all(row["price"] <= 7 for row in cheap)  # what a sentence limits is a filter
    by_id = items_of(client.get("/search", params={"q": "K003", "k": 3}))
    assert by_id[0]["item_id"] == "K003"
    assert [row["rank"] for row in by_id] == [1, 2, 3]


@pytest.mark.parametrize("name", ["buy_again", "new_arrivals", "recently_viewed", "trending"])
def test_named_lists_are_those_of_python_where_it_has_them(client, rec, name):
    body = {"k": 4} if name == "trending" else {"user_id": "000", "k": 4}
    got = client.post("/" + name.replace("_", "-"), json=body)
    if not hasattr(rec, name):
        assert got.status_code == 503
        return
    made = getattr(rec, name)(*(() if name == "trending" else ("000",)), k=4)
    assert [row["item_id"] for row in items_of(got)] == made.item_id.tolist()


def test_an_item_with_all_its_columns(client):
    answer = client.get("/items/G001").json()["item"]
    assert answer == {
        "item_id": "G001",
        "title": "red garden rake",
        "brand": "GardenCo1",
        "category": "garden",
        "price": 6.0,
        "available": True,
    }
    assert client.get("/items/nothing").status_code == 404


def test_the_history_of_a_shopper_is_that_of_the_tables(client, tiny_tables):
    got = client.get("/users/003/history").json()
    events = tiny_tables[1]
    expected = events[events.user_id == "003"].sort_values("timestamp")
    assert [one["item_id"] for one in got["items"]] == expected["item_id"].tolist()
    assert [one["timestamp"] for one in got["items"]] == expected["timestamp"].tolist()
    assert client.get("/users/nobody/history").status_code == 404


def test_explanations_of_one_item_and_of_a_list_have_their_shapes(client, rec):
    item = items_of(client.post("/recommend", json={"user_id": "000", "k": 1}))[0]["item_id"]
    one = client.post("/explain", json={"user_id": "000", "item_id": item}).json()
    assert ExplainReply.model_validate(one).purchases
    several = client.post("/explain", json={"user_id": "000", "k": 4}).json()
    assert [r.item_id for r in ReasonsReply.model_validate(several).items] == rec.recommend("000", k=4).item_id.tolist()
    both = client.post("/explain", json={"user_id": "000", "k": 4, "item_id": item})
    assert both.status_code == 422


def test_errors_speak_http(client):
    nobody = client.post("/recommend", json={"user_id": "nobody"})
    assert nobody.headers["content-type"] == "application/problem+json"
    assert nobody.json()["title"] == "Not Found"
    assert nobody.json()["detail"] == nobody.json()["error"]
    assert "`history`" in nobody.json()["detail"]
    assert "{'" not in nobody.json()["detail"]


def test_the_documented_pages_load_nothing_from_elsewhere(client):
    for page in ("/docs", "/redoc"):
        html = client.get(page).text
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', html)
        for asset in re.findall(r'(?:src|href)="(/[^"]+)"', html):
            assert client.get(asset).status_code == 200, asset
        assert "script-src 'self'" in client.get(page).headers["content-security-policy"]


def test_every_operation_has_an_example_and_declares_its_errors(client):
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for name, operation in operations.items():
            assert "422" in operation["responses"], (name, path)
            assert "application/problem+json" in operation["responses"]["500"]["content"]
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if body:
                schema = document["components"]["schemas"][body["$ref"].rsplit("/", 1)[1]]
                assert schema["examples"], schema["title"]


def test_an_example_of_a_list_is_one():
    assert ListReply.model_validate(ListReply.model_config["json_schema_extra"]["examples"][0])


@pytest.mark.parametrize("given", ["mine-1", "x" * 65, "two words"])
def test_requests_have_ids_their_own_where_they_are_plain(client, given):
    got = client.get("/healthz", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert (got == given) == (given == "mine-1")
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", got)


def test_browsers_are_told_to_load_nothing(client):
    headers = client.get("/healthz").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "access-control-allow-origin" not in client.get("/healthz", headers={"Origin": "https://a.example"}).headers


def test_a_server_without_a_model_says_so(client):
    answer = client.post("/generate", json={"prompt": "Hello"})
    assert answer.status_code == 503
    assert "no model" in answer.json()["detail"]
