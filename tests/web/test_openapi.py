"""openapi.json and docs/http.md say what the routes are."""

from __future__ import annotations

import re

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
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
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
