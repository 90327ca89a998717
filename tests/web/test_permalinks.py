"""Permalinks."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import check_problem


def test_a_permalink_gives_the_code_back(client: FlaskClient) -> None:
    code = "é = '\U0001f600'\r\n\tprint(é)"
    response = client.post("/permalinks", json={"code": code, "language": "python"})
    assert response.status_code == 201
    permalink = response.get_json()
    assert permalink["url"] == f"http://localhost/?q={permalink['id']}"
    assert client.get(f"/permalinks/{permalink['id']}").get_json() == {"code": code, "language": "python"}
    assert client.get(response.headers["Location"]).status_code == 200


def test_a_permalink_keeps_the_setup_that_runs_before_its_code(client: FlaskClient) -> None:
    kept = {"code": "print(x)", "setup": "x = 1", "language": "python"}
    ids = {
        client.post("/permalinks", json={**kept, **other}).get_json()["id"]
        for other in ({}, {"setup": ""}, {"setup": "x"})
    }
    assert len(ids) == 3
    id = client.post("/permalinks", json=kept).get_json()["id"]
    assert id in ids and client.get(f"/permalinks/{id}").get_json() == kept


def test_setup_of_a_permalink_has_the_bounds_of_code(client: FlaskClient, settings) -> None:
    most = settings.code_bytes_max
    for length, status in ((most - 1, 201), (most, 201), (most + 1, 413)):
        answer = client.post("/permalinks", json={"code": "1", "setup": "#" * length})
        assert answer.status_code == status
    check_problem(client.post("/permalinks", json={"code": "1", "setup": "\0"}), 400, "NUL")


def unzipped(text: str) -> str:
    """Return what SageMathCell's zipped base64 holds."""
    return zlib.decompress(base64.urlsafe_b64decode(text)).decode()


def test_permalinks_are_kept_and_given_back_as_sagemathcell_does(client: FlaskClient) -> None:
    form = {"code": "print('é')", "language": "gap", "interacts": '[{"a": 1}]', "n": "7"}
    answer = client.post("/permalink", data=form).get_json()
    assert (unzipped(answer["zip"]), unzipped(answer["interacts"]), answer["n"]) == (form["code"], '[{"a": 1}]', 7)
    kept = client.get(f"/permalink?q={answer['query']}")
    assert kept.content_type == "application/json"
    assert kept.get_json() == [form["code"], "gap", '[{"a": 1}]']
    assert client.get(f"/permalinks/{answer['query']}").get_json() == {"code": form["code"], "language": "gap"}


def test_without_arguments_the_language_is_sage_and_nothing_else_is_said(client: FlaskClient) -> None:
    answer = client.post("/permalink?code=1").get_json()
    assert set(answer) == {"zip", "query", "interacts"} and unzipped(answer["interacts"]) == "[]"
    assert client.get(f"/permalink?q={answer['query']}").get_json() == ["1", "sage", "[]"]


def test_a_callback_gets_the_list_as_text_and_can_be_nothing_but_a_name(client: FlaskClient) -> None:
    query = client.post("/permalink", data={"code": "</script>'\""}).get_json()["query"]
    script = client.get(f"/permalink?q={query}&callback=my.back")
    assert script.mimetype == "application/javascript"
    assert script.text.startswith('my.back("') and script.text.endswith('");')
    assert json.loads(json.loads(script.text[len("my.back(") : -2])) == ["</script>'\"", "sage", "[]"]
    check_problem(client.get(f"/permalink?q={query}&callback=alert(1);x"), 400, "callback")


def test_old_browsers_get_their_permalink_in_a_frame_that_can_do_nothing_else(client: FlaskClient) -> None:
    page = client.post("/permalink", data={"code": "</script><b>", "frame": "1", "n": "3"})
    assert page.mimetype == "text/html" and "sandbox" in page.headers["Content-Security-Policy"]
    message = page.text.removeprefix("<script>parent.postMessage(").removesuffix(',"*");</script>')
    answer = json.loads(json.loads(message))
    assert unzipped(answer["zip"]) == "</script><b>" and answer["n"] == 3


@pytest.mark.parametrize(
    ("form", "status", "word"),
    [({}, 400, "code"), ({"code": "1", "n": "x"}, 400, "n"), ({"code": "1", "language": "<b>"}, 400, "language"),
     ({"code": "1" * 1001}, 413, "code")],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(client: FlaskClient, form: dict[str, str], status: int, word: str) -> None:
    check_problem(client.post("/permalink", data=form), status, word)


def test_an_unknown_permalink_is_not_found(client: FlaskClient) -> None:
    check_problem(client.get("/permalink?q=nothing"), 404)
    check_problem(client.get("/permalink"), 404)
