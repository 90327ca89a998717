"""Serves GET /openapi.json, made from the routes, the notes beside the views, and the structs of the bodies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, current_app
from werkzeug.routing import Rule

from settings import Settings
from web import forms, multipart, operations, problems, request_schemas
from web.context import here
from web.operations import Operation, operation
from web.problems import ProblemDetail

VERSION = "1.0.0"  # of the contract
REF_TEMPLATE = "#/components/schemas/{name}"
FORM_TYPE = "application/x-www-form-urlencoded"
_PLACE = re.compile(r"<(?:\w+:)?(\w+)>")
_EVERYWHERE = {
    500: "Something went wrong on the server.",
    503: "The server cannot answer just now; `Retry-After` says when to try again.",
    429: "Too many requests come from this address, or it has its share of something already.",
}
_WITH_A_BODY = {408: "The body did not arrive, or too slowly."}

routes = Blueprint("openapi", __name__)


@routes.get("/openapi.json")
@operation("This description", {200: "application/json"})
def describe() -> Response:
    """Answer with the description of every route."""
    return Response(msgspec.json.encode(document(current_app, here().settings)), content_type="application/json")


def document(app: Flask, settings: Settings) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of the application."""
    described = list(_described(app))
    schemas = _Schemas([found for _rule, found in described], settings)
    paths: dict[str, dict[str, Any]] = {}
    for rule, found in described:
        # A route has one method; HEAD and OPTIONS come with it, or HEAD is the one.
        method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}), "HEAD").lower()
        paths.setdefault(_PLACE.sub(r"{\1}", rule.rule), {})[method] = _operation(rule, found, settings, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Single-cell server", "version": VERSION},
        "paths": paths,
        "components": {"schemas": schemas.components},
    }


def _described(app: Flask) -> Iterator[tuple[Rule, Operation]]:
    for rule in app.url_map.iter_rules():
        found = operations.of(app.view_functions[rule.endpoint])
        if found is not None:
            yield rule, found


class _Schemas:
    """The JSON Schemas of all structs that the operations name."""

    def __init__(self, all_operations: list[Operation], settings: Settings) -> None:
        self._types: list[type] = [ProblemDetail]
        for found in all_operations:
            wanted = [found.body, *found.answers.values()]
            self._types += [it for it in wanted if isinstance(it, type) and it not in self._types]
        references, self.components = msgspec.json.schema_components(self._types, ref_template=REF_TEMPLATE)
        self._references = dict(zip(self._types, references, strict=True))
        request_schemas.describe_rules(self.components, settings)

    def content(self, what: type | str | None) -> dict[str, Any]:
        """Return the `content` of an answer or a body."""
        if what is None:
            return {}
        if isinstance(what, str):
            return {"content": {what: {"schema": {}}}}
        media_type = problems.MEDIA_TYPE if what is ProblemDetail else "application/json"
        return {"content": {media_type: {"schema": self._references[what]}}}


def _operation(rule: Rule, found: Operation, settings: Settings, schemas: _Schemas) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in sorted(rule.arguments)
    ]
    for parameter in found.parameters:
        parameters.append(
            {
                "name": parameter.name,
                "in": parameter.place,
                "description": parameter.description,
                "schema": parameter.schema(settings),
            }
        )
    answers = {
        str(status): {
            "description": "Success." if status < 400 else found.problems.get(status, "Not ready."),
            **schemas.content(what),
        }
        for status, what in found.answers.items()
    }
    promised = {**_EVERYWHERE, **(_WITH_A_BODY if found.body is not None else {}), **found.problems}
    for status, reason in promised.items():
        answers.setdefault(str(status), {"description": reason, **schemas.content(ProblemDetail)})
    described: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"),
        "summary": found.summary,
        "parameters": parameters,
        "responses": answers,
    }
    if found.form is not None:
        required = found.needs_body and bool(found.form.get("required"))
        described["requestBody"] = {"required": required, "content": {FORM_TYPE: {"schema": found.form}}}
    if found.body is not None:
        described["requestBody"] = {"required": found.needs_body, **schemas.content(found.body)}
        if found.multipart:
            form = multipart.schema(found.body, settings)
            described["requestBody"]["content"][forms.MEDIA_TYPE] = {"schema": form}
    return described
