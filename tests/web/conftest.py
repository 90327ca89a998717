"""The web program over a real store on a real mongod, and a device whose part the test plays."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import settings as settings_file
import store as stores
from settings import Settings
from store import Claim, Store, embedded
from tests.mongod import Databases, new_name
from web import openapi, operations
from web_server import create_app

ROOT = Path(__file__).parents[2]
DEADLINE_S = 20.0
MakeApp = Callable[..., Flask]


@pytest.fixture
def settings(mongo_directory: Path, database_name: str) -> Settings:
    """Settings of a server with a database of its own and limits that tests can reach."""
    return make_settings(mongo_directory, mongo_database=database_name)


def make_settings(directory: Path, **changes: Any) -> Settings:
    """Return settings for a database of its own in this mongod."""
    chosen: dict[str, Any] = {
        "mongo_uri": embedded.uri(directory),
        "mongo_database": new_name(),
        "code_bytes_max": 1000,
        "request_bytes_max": 300_000,
        "message_bytes_max": 200_000,
        "cell_file_bytes_max": 100_000,
        "cell_files_max": 3,
        "queue_length_max": 50,
    }
    return settings_file.load(**{**chosen, **changes})


@pytest.fixture
def app(settings: Settings, databases: Databases) -> Iterator[Flask]:
    """The application; its database is empty, and each of its answers has to be as openapi.json says."""
    with application(settings) as app:
        databases.spare(app.extensions["singlecell"].store)
        yield app


@contextmanager
def application(settings: Settings) -> Iterator[Flask]:
    """Make an application for the block; each of its answers has to be as openapi.json says."""
    app = create_app(settings)
    app.after_request(described_answers(app, settings))
    try:
        yield app
    finally:
        app.extensions["singlecell"].store.close()


@pytest.fixture
def make_app(mongo_directory: Path, databases: Databases) -> Iterator[MakeApp]:
    """Return what makes an application with changed settings over an empty database of its own."""
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        app = create_app(make_settings(mongo_directory, **{"mongo_database": databases.take(), **changes}))
        databases.spare(app.extensions["singlecell"].store)
        made.append(app)
        return app

    yield make
    for app in made:
        shared = app.extensions["singlecell"]
        shared.store.close()
        databases.give_back(shared.settings.mongo_database)


_documents: dict[str, dict[str, Any]] = {}


def described_answers(app: Flask, settings: Settings) -> Callable[[Response], Response]:
    """Return a check that fails a request whose answer openapi.json does not describe."""
    described_by = repr(msgspec.structs.replace(settings, mongo_database=""))
    if described_by not in _documents:
        _documents[described_by] = openapi.document(app, settings)
    document = _documents[described_by]

    def check(response: Response) -> Response:
        rule = request.url_rule
        if rule is None or request.method == "OPTIONS" or not operations.of(app.view_functions[rule.endpoint]):
            return response
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        method = request.method.lower()
        methods = document["paths"][path]
        described = methods[method if method in methods else "get"]["responses"][str(response.status_code)]
        content = described.get("content", {})
        if response.is_json and content:
            schema = {**content[response.mimetype]["schema"], "components": document["components"]}
            jsonschema.Draft202012Validator(schema).validate(response.get_json())
        return response

    return check


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the application."""
    return app.test_client()


@pytest.fixture
def store(settings: Settings, databases: Databases) -> Iterator[Store]:
    """The store as a device has it: a connection of its own."""
    door = stores.connect(settings)
    databases.spare(door)
    yield door
    door.close()


@pytest.fixture
def device(store: Store) -> Device:
    """A device that takes and runs what the test tells it."""
    return Device(store)


class Device:
    """Play a trusted device: take computations and write what a kernel might have said."""

    def __init__(self, store: Store, languages: tuple[str, ...] = ("python",)) -> None:
        self.store = store
        self.languages = languages
        self.sessions: list[str] = []

    def report(
        self, *, free: int = 4, languages: tuple[str, ...] | None = None, loading: tuple[str, ...] = (),
        failed: tuple[str, ...] = (), sentence: str = "", packages: tuple[dict[str, str], ...] = ({},),
    ) -> None:  # fmt: skip
        """Say that this device is alive; ``packages``: of each language in each of its accounts."""
        account: dict[str, Any] = {
            "account": "untrusted@localhost",
            "state": "ready",
            "sentence": sentence,
            "layers": [{"name": "seccomp", "state": "on", "detail": ""}],
            "limiter": "cgroup2",
            "languages": [
                {"name": name, "version": "3.11"} for name in (self.languages if languages is None else languages)
            ],
            "loading": list(loading),
            "failed": list(failed),
            "capacity": 4,
            "free": free,
        }
        accounts = [
            {**account, "languages": [{**language, "packages": own} for language in account["languages"]]}
            for own in packages
        ]
        self.store.devices.report("device-1", "host-1", {"accounts": accounts})

    def claim(self) -> Claim:
        """Take the next computation, which has to be there."""
        claim = self.store.claims.claim(
            "device-1", languages=list(self.languages), sessions=self.sessions, new_sessions=True
        )
        assert claim is not None, "no computation is queued"
        return claim

    def say(self, claim: Claim, *texts: str) -> None:
        """Print these texts, a message each."""
        self.store.claims.append(claim, [stream(text) for text in texts])

    def ask(self, claim: Claim) -> None:
        """Ask for input."""
        input_request = message("input_request", {"prompt": "?", "password": False}, "stdin")
        self.store.claims.append(claim, [input_request], asking=True)

    def finish(self, claim: Claim, *texts: str, state: str = "done") -> None:
        """Print these texts and end the computation."""
        self.store.claims.finish(claim, state, messages=[stream(text) for text in texts])

    def run(self, *texts: str) -> Claim:
        """Take the next computation, print these texts and end it."""
        claim = self.claim()
        self.finish(claim, *texts)
        return claim


def stream(text: str) -> bytes:
    """Return a stream message's JSON as a device writes it."""
    return message("stream", {"name": "stdout", "text": text})


def message(msg_type: str, content: dict[str, Any], channel: str = "iopub") -> bytes:
    """Return a message's JSON as a device writes it."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": msg_type, "session": "s", "username": "", "version": "5.4"}
    return json.dumps(
        {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": channel},
        separators=(",", ":"),
    ).encode()


def texts(messages: list[dict[str, Any]]) -> list[str]:
    """Return the printed texts."""
    return [found["content"]["text"] for found in messages if found["header"]["msg_type"] == "stream"]


def submit(client: FlaskClient, code: str = "1+1", **fields: Any) -> dict[str, Any]:
    """Submit a computation and return the answer."""
    response = client.post("/computations", json={"code": code, **fields})
    assert response.status_code == 201, response.text
    return response.get_json()  # type: ignore[no-any-return]


def check_problem(response: TestResponse, status: int, mentions: str = "") -> None:
    """Fail unless this is a problem detail with this status, whose sentence mentions these words."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    problem = response.get_json()
    assert set(problem) - ({"reason", "challenge"} if status == 429 else set()) == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert problem["title"]
    assert mentions in problem["detail"], problem["detail"]
    assert "Traceback" not in response.text
