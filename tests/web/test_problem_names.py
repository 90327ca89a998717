"""What readers of a page are often refused has a name and values, so that the page can say it in their language."""

from __future__ import annotations

import io
from urllib.parse import parse_qs

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from store import Store
from tests.web.conftest import MakeApp, submit

HEADER = "Singlecell-Problem"


def problem(response: TestResponse) -> tuple[str, dict[str, list[str]]]:
    """Return the name of what was refused, and its values."""
    kind, _, values = response.headers[HEADER].partition("?")
    return kind, parse_qs(values)


@pytest.mark.parametrize(
    ("files", "kind", "values"),
    [
        ({"é.csv": 100_001}, "file_long", {"name": ["é.csv"], "bytes": ["100000"]}),
        ({"a": 1, "b": 1, "c": 1, "d": 1}, "files_many", {"name": ["d"], "count": ["3"]}),
        ({"a\u202eb": 1}, "file_name", {"name": ["a\u202eb"]}),
        ({"a/b": 1}, "file_name", {"name": ["a/b"]}),
    ],
)
def test_files_are_refused_by_name(client: FlaskClient, files, kind, values) -> None:
    uploads = [(io.BytesIO(b"x" * size), name) for name, size in files.items()]
    response = client.post("/computations", data={"code": "1", "file": uploads})
    assert problem(response) == (kind, values)


@pytest.mark.parametrize(
    ("body", "name", "values"),
    [
        ({"code": "#" * 1001}, "code_long", {"bytes": ["1000"]}),
        ({"code": "1", "language": "perl & co"}, "language_missing", {"language": ["perl & co"]}),
    ],
)
def test_code_is_refused_by_name(client: FlaskClient, body, name, values) -> None:
    assert problem(client.post("/computations", json=body)) == (name, values)


def test_a_server_without_room_says_which(make_app: MakeApp, client: FlaskClient, store: Store) -> None:
    full = make_app(queue_length_max=1).test_client()
    submit(full)
    assert problem(full.post("/computations", json={"code": "1"})) == ("queue_full", {})
    tight = make_app(disk_free_bytes_min=1 << 60, disk_free_bytes_end=1).test_client()
    assert problem(tight.post("/computations", json={"code": "1"})) == ("no_space", {})
    links = make_app(client_permalinks_day_bytes_max=1).test_client()
    assert problem(links.post("/permalinks", json={"code": "1"})) == ("stored", {})


def test_pages_of_any_origin_may_read_the_name(client: FlaskClient) -> None:
    response = client.get("/limits", headers={"Origin": "https://book.example"})
    assert HEADER in response.headers["Access-Control-Expose-Headers"]
