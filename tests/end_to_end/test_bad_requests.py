"""A request that makes no sense gets a problem that says what is wrong, and the server goes on."""

from __future__ import annotations

import http.client
import uuid
from urllib.parse import urlsplit

import pytest
import requests

JSON = "application/problem+json"


def check_problem(answer: requests.Response, status: int) -> str:
    """Fail unless the answer is a problem detail with this status; return its sentence."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith(JSON)
    problem = answer.json()
    assert problem["status"] == status and problem["title"]
    assert len(problem["detail"]) > 10 and "Traceback" not in problem["detail"]
    return problem["detail"]


@pytest.fixture(scope="module")
def finished(server) -> str:
    """The id of a computation that is over, and of a session that is gone."""
    answer = requests.post(f"{server.url}/computations?wait=30", json={"code": "1"}, timeout=60)
    assert answer.json()["state"] == "done"
    return answer.json()["id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/computations/{0}"),
        ("GET", "/computations/{0}/messages"),
        ("GET", "/computations/{0}/events"),
        ("GET", "/computations/{0}/files"),
        ("DELETE", "/computations/{0}"),
        ("POST", "/computations/{0}/interrupt"),
        ("POST", "/computations/{0}/input"),
        ("GET", "/files/{0}/x"),
        ("GET", "/sessions/{0}"),
        ("DELETE", "/sessions/{0}"),
        ("POST", "/sessions/{0}/complete"),
        ("POST", "/sessions/{0}/inspect"),
        ("GET", "/permalinks/{0}"),
    ],
)
@pytest.mark.parametrize(
    "id", [str(uuid.uuid4()), "nonsense", "%00", "%2e%2e%2f", "x" * 300, "' || '1'=='1", '{"$ne": 1}']
)
def test_an_unknown_id_is_404(client, method, path, id):
    bodies = {
        "input": {"value": "x"},
        "complete": {"code": "a", "cursor_pos": 1},
        "inspect": {"code": "a", "cursor_pos": 1},
    }
    body = bodies.get(path.rpartition("/")[2])
    url = f"{client.url}{path.format(id)}"
    answer = client.http.request(method, url, json=body, timeout=30)
    assert answer.status_code == 404, answer.text
    assert answer.headers["Content-Type"].startswith(JSON)


def test_nothing_can_be_done_to_a_cell_that_is_over(client, finished):
    url = f"{client.url}/computations/{finished}"
    assert "over" in check_problem(client.http.post(f"{url}/interrupt", timeout=30), 409)
    assert "over" in check_problem(client.http.delete(url, timeout=30), 409)
    assert "over" in check_problem(client.http.post(f"{url}/input", json={"value": "x"}, timeout=30), 409)


def test_nothing_can_be_done_to_a_session_that_is_gone(client, finished):
    session = client.get(finished)["session"]
    url = f"{client.url}/sessions/{session}"
    question = {"code": "a", "cursor_pos": 1}
    assert "ended" in check_problem(client.http.post(f"{url}/complete", json=question, timeout=30), 410)
    assert "ended" in check_problem(client.http.delete(url, timeout=30), 410)
    cell = {"code": "1", "session": session}
    assert "ended" in check_problem(client.http.post(f"{client.url}/computations", json=cell, timeout=30), 410)
    files = [("file", ("a.txt", b"x"))]
    answer = client.http.post(f"{client.url}/computations", data=cell, files=files, timeout=30)
    assert "ended" in check_problem(answer, 410)
    message = {"msg_type": "comm_msg", "content": {"comm_id": "c", "data": {}}}
    answer = client.http.post(f"{client.url}/computations", json={"session": session, "message": message}, timeout=30)
    assert "ended" in check_problem(answer, 410)


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 400, "code"),
        ({"code": 5}, 400, "code"),
        ({"code": "1", "language": "klingon"}, 422, "klingon"),
        ({"code": "1", "keep": "yes"}, 400, "keep"),
        ({"code": "1", "stdin": 1}, 400, "stdin"),
        ({"code": "1", "session": 7}, 400, "session"),
        ({"code": "1", "session": str(uuid.uuid4())}, 404, "session"),
        ({"code": "1", "typo": 1}, 400, "typo"),
        ({"code": "a\0b"}, 400, "code"),
        ({"code": "x" * 65537}, 413, "65536"),
        ([], 400, "object"),
        ({"message": {"msg_type": "comm_msg", "content": {}}}, 400, "session"),
    ],
)
def test_a_wrong_submission_is_refused_with_the_name_of_what_is_wrong(client, body, status, word):
    assert word in check_problem(client.http.post(f"{client.url}/computations", json=body, timeout=30), status)


@pytest.mark.parametrize("body", [{}, {"value": 1}, {"value": None}, {"value": "x" * 100_000}, {"value": "a\0b"}])
def test_a_wrong_answer_is_refused_and_the_question_stays_open(client, body):
    computation = client.submit("print(input())")["id"]
    client.until_asked(computation)
    url = f"{client.url}/computations/{computation}/input"
    check_problem(client.http.post(url, json=body, timeout=30), 413 if len(str(body)) > 1000 else 400)
    assert client.http.post(url, json={"value": "right"}, timeout=30).status_code == 202
    assert client.finish(computation).text() == "right\n"


@pytest.mark.parametrize("query", ["wait=x", "wait=-1", "wait=31", "wait=1&wait=2"])
def test_a_wrong_wait_is_refused_and_nothing_runs(client, query):
    answer = client.http.post(f"{client.url}/computations?{query}", json={"code": "1"}, timeout=60)
    assert "wait" in check_problem(answer, 400)


def multipart(client, body: bytes, content_type: str = "multipart/form-data; boundary=b") -> requests.Response:
    headers = {"Content-Type": content_type}
    return client.http.post(f"{client.url}/computations", data=body, headers=headers, timeout=30)


PART = b'--b\r\nContent-Disposition: form-data; name="code"\r\n\r\n1\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nx\r\n'


@pytest.mark.parametrize(
    "body",
    [b"", b"rubbish", PART, PART[:-1], PART + FILE, (PART + FILE)[:-5], PART + b"--b", PART + FILE[:20], b"--b--\r\n"],
    ids=["empty", "rubbish", "no end", "cut in a field", "no end after a file", "cut in a file", "half a boundary",
         "cut in a header", "no parts"],
)  # fmt: skip
def test_a_multipart_body_that_is_cut_short_is_refused_and_nothing_runs(client, body):
    check_problem(multipart(client, body), 400)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (PART + FILE + FILE + b"--b--\r\n", "multipart/form-data; boundary=b", 400),
        (PART + PART + b"--b--\r\n", "multipart/form-data; boundary=b", 400),
        (PART + b"--b--\r\n", "multipart/form-data", 400),
        (PART.replace(b"code", b"typo") + b"--b--\r\n", "multipart/form-data; boundary=b", 400),
        (PART + FILE.replace(b'name="file"', b'name="other"') + b"--b--\r\n", "multipart/form-data; boundary=b", 400),
        (PART + b"--b--\r\n", "text/plain", 400),
        (b"code=1", "application/x-www-form-urlencoded", 415),
    ],
    ids=["same name twice", "field twice", "no boundary", "unknown field", "other part", "plain text", "form"],
)
def test_a_multipart_body_that_is_wrong_is_refused(client, body, content_type, status):
    check_problem(multipart(client, body, content_type), status)


def test_a_body_that_is_shorter_than_its_length_says_starts_nothing(client, server):
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    connection.putrequest("POST", "/computations")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b'{"code": "print(1)"}')
    connection.sock.shutdown(1)
    try:
        answer = connection.getresponse()
        assert answer.status == 400
    except (http.client.HTTPException, OSError):
        pass  # hung up, which says as much
    finally:
        connection.close()
    assert client.run("1").result == "1"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
def test_a_method_that_is_not_there_is_405(client, method):
    answer = client.http.request(method, f"{client.url}/computations", timeout=30)
    check_problem(answer, 405)
    assert "POST" in answer.headers["Allow"]


def test_an_address_that_is_not_there_is_404(client):
    check_problem(client.http.get(f"{client.url}/no/such/place", timeout=30), 404)


def test_a_comm_message_with_wrong_buffers_is_refused(client):
    session = client.run("1", keep=True).description["session"]
    content = {"comm_id": "c", "data": {}}
    for buffers in (["?"], [1], "abc", [""] * 10_000):
        message = {"msg_type": "comm_msg", "content": content, "buffers": buffers}
        answer = client.http.post(
            f"{client.url}/computations", json={"session": session, "message": message}, timeout=30
        )
        check_problem(answer, answer.status_code)
        assert answer.status_code in (400, 413)
    assert client.run("1", session=session).result == "1"
