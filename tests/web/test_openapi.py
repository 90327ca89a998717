"""openapi.json and docs/http.md say what the routes are."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from tests.web.conftest import ROOT

ASIDE = {"static"}  # endpoints that are files, not calls


def routes(app: Flask) -> set[tuple[str, str]]:
    """Return method and path of every route."""
    return {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in ASIDE
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"} or {"HEAD"}
    }


def test_the_description_is_valid(client: FlaskClient) -> None:
    validate(client.get("/openapi.json").get_json())


def test_the_description_has_every_route_and_no_other(app: Flask, client: FlaskClient) -> None:
    described = {
        (method.upper(), path)
        for path, methods in client.get("/openapi.json").get_json()["paths"].items()
        for method in methods
    }
    assert described == routes(app)


def test_every_operation_has_a_summary_and_its_parameters(client: FlaskClient) -> None:
    for path, methods in client.get("/openapi.json").get_json()["paths"].items():
        for operation in methods.values():
            assert operation["summary"]
            declared = {found["name"] for found in operation["parameters"] if found["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))


def test_every_problem_is_described_as_one(client: FlaskClient) -> None:
    for methods in client.get("/openapi.json").get_json()["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                assert answer["description"]
                if status >= "400":
                    assert answer["content"]


def test_the_page_for_people_mentions_every_route(app: Flask) -> None:
    page = (ROOT / "docs" / "http.md").read_text()
    mentioned = set(re.findall(r"^### `(\w+) (\S+)`$", page, re.MULTILINE))
    assert mentioned == {(method, path.replace("{", "<").replace("}", ">")) for method, path in routes(app)}


MESSAGE: dict[str, Any] = {"msg_type": "comm_msg", "content": {}}
BODIES: dict[str, tuple[dict[str, Any], int]] = {
    "code": ({"code": "1", "language": "python", "user_expressions": {"x": "1"}}, 201),
    "a message": ({"message": MESSAGE, "session": "s", "user_expressions": {}}, 404),
    "neither": ({}, 400),
    "both": ({"code": "1", "message": MESSAGE, "session": "s"}, 400),
    "a message without a session": ({"message": MESSAGE}, 400),
    "a message with expressions": ({"message": MESSAGE, "session": "s", "user_expressions": {"x": "1"}}, 400),
    "NUL": ({"code": "a\0"}, 400),
    "NUL in an expression": ({"code": "1", "user_expressions": {"x": "\0"}}, 400),
    "no base64": ({"message": {**MESSAGE, "buffers": ["a"]}, "session": "s"}, 400),
    "an unknown language": ({"code": "1", "language": "no"}, 422),
    "an unknown field": ({"code": "1", "cod": "2"}, 400),
}


@pytest.mark.parametrize("case", BODIES)
def test_the_schema_of_a_submission_allows_what_the_server_takes(client: FlaskClient, case: str) -> None:
    body, status = BODIES[case]
    components = client.get("/openapi.json").get_json()["components"]
    schema = {"$ref": "#/components/schemas/NewComputation", "components": components}
    assert client.post("/computations", json=body).status_code == status
    assert jsonschema.Draft202012Validator(schema).is_valid(body) == (status in (201, 404))


def test_what_sagemathcells_permalink_takes_is_described_as_a_form(client: FlaskClient) -> None:
    operation = client.get("/openapi.json").get_json()["paths"]["/permalink"]["post"]
    schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert (schema["required"], set(schema["properties"])) == (["code"], {"code", "language", "interacts", "n"})
    form = {"code": "1", "language": "gap", "interacts": "[]", "n": "3"}
    assert client.post("/permalink", data=form).get_json()["n"] == 3
    assert client.post("/permalink", data={**form, "code": "\0"}).status_code == 400


@pytest.mark.parametrize(("after", "status"), [(-2, 400), (-1, 200), (10**15 - 1, 400), (10**15, 400)])
def test_the_range_of_after_is_described(client: FlaskClient, after: int, status: int) -> None:
    id = client.post("/computations", json={"code": "1"}).get_json()["id"]
    operation = client.get("/openapi.json").get_json()["paths"]["/computations/{id}/messages"]["get"]
    (described,) = (found["schema"] for found in operation["parameters"] if found["name"] == "after")
    assert (described["minimum"], described["maximum"]) == (-1, 10**15 - 1)
    answer = client.get(f"/computations/{id}/messages?after={after}")
    assert answer.status_code == status
    assert ("has to be the sequence" in answer.text) == (not described["minimum"] <= after <= described["maximum"])
