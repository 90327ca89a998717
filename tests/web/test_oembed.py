"""GET /oembed and /iframe: a link to code becomes a frame in pages of others, and pages say where to ask for it."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import Device, MakeApp, check_problem

OWN = "http://localhost"


def ask(client: FlaskClient, url: str, more: str = "") -> Any:
    """Return the answer to the question for an address."""
    return client.get(f"/oembed?url={quote(url, safe='')}{more}")


def frame_of(client: FlaskClient, url: str) -> dict[str, str]:
    """Return the arguments of the frame for an address; the frame's page is there."""
    answer = ask(client, url)
    assert answer.status_code == 200, answer.text
    found = answer.get_json()
    assert (found["version"], found["type"]) == ("1.0", "rich")
    [source] = re.findall(r'src="([^"]+)"', found["html"])
    parts = urlsplit(html.unescape(source))
    assert (f"{parts.scheme}://{parts.netloc}", parts.path) == (OWN, "/iframe")
    assert client.get(f"{parts.path}?{parts.query}").status_code == 200
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def test_a_link_to_code_is_a_frame_with_the_code(client: FlaskClient, device: Device) -> None:
    device.report()
    language = {"language": "python"}
    assert frame_of(client, f"{OWN}/?c=print(%22%3Cb%3E%22)&lang=python") == {"code": 'print("<b>")', **language}
    assert frame_of(client, f"{OWN}?c=1&setup=x%3D1&autoeval=true") == {"code": "1", "setup": "x=1", **language}
    cell = "code=1&theme=dark&language=python"
    assert frame_of(client, f"{OWN}/cell?{cell}") == frame_of(client, f"{OWN}/iframe?{cell}") == {
        "code": "1", "theme": "dark", "language": "python",
    }  # fmt: skip
    id = client.post("/permalinks", json={"code": "1", "language": "python"}).get_json()["id"]
    assert frame_of(client, f"{OWN}/?q={id}") == {"q": id}
    assert ask(client, f"{OWN}/?q={id}").get_json()["title"] == "Python cell"


def test_text_of_the_address_stays_text_in_the_lines(client: FlaskClient) -> None:
    lines = ask(client, f"{OWN}/cell?label=%22%3E%3Cscript%3E&code=%22%3E%3Cscript%3E").get_json()["html"]
    assert "<script" not in lines and lines.count("<") == 2


@pytest.mark.parametrize(("more", "size"), [("", (640, 360)), ("&maxwidth=640&maxheight=361", (640, 360)),
                                            ("&maxwidth=639&maxheight=1", (639, 1))])  # fmt: skip
def test_a_frame_is_no_larger_than_it_may_be(client: FlaskClient, more: str, size: tuple[int, int]) -> None:
    found = ask(client, f"{OWN}/cell?code=1", more).get_json()
    assert (found["width"], found["height"]) == size
    assert f'width="{size[0]}" height="{size[1]}"' in found["html"]


@pytest.mark.parametrize(
    ("url", "more", "status", "words"),
    [
        ("https://elsewhere.example/?q=abc", "", 404, "a page of this server"),
        ("http://localhost.elsewhere.example/cell?code=1", "", 404, "a page of this server"),
        ("javascript://localhost/cell?code=1", "", 404, "a page of this server"),
        ("http://[/cell", "", 404, "a page of this server"),
        (f"{OWN}/", "", 404, "shows code"),
        (f"{OWN}/embed?c=1", "", 404, "shows code"),
        (f"{OWN}/?q=none", "", 404, "no permalink"),
        (f"{OWN}/?c=1", "&format=xml", 501, "JSON"),
        (f"{OWN}/?c=1", "&maxwidth=0", 400, "`maxwidth`"),
        (f"{OWN}/?c=1", "&maxheight=x", 400, "`maxheight`"),
        ("x" * 7001, "", 400, "`url`"),
    ],
)
def test_what_is_no_link_to_code_here_is_a_problem(
    client: FlaskClient, url: str, more: str, status: int, words: str
) -> None:
    check_problem(ask(client, url, more), status, words)


def test_a_question_without_an_address_is_a_problem(client: FlaskClient) -> None:
    check_problem(client.get("/oembed"), 400, "`url` is missing")


@pytest.mark.parametrize("path", ["/?c=1%2B1&lang=python", "/cell?code=1&language=python", "/iframe?code=a%26b"])
def test_a_page_with_code_says_where_to_ask_for_its_frame(client: FlaskClient, path: str) -> None:
    page = client.get(path).text
    [address] = re.findall(r'<link rel="alternate" type="application/json\+oembed" href="([^"]+)">', page)
    asked = urlsplit(html.unescape(address))
    assert parse_qs(asked.query)["url"] == [f"{OWN}{path}"]
    assert client.get(f"{asked.path}?{asked.query}").status_code == 200


def test_a_page_without_code_and_one_with_a_very_long_address_say_nothing(client: FlaskClient) -> None:
    for path in ("/", "/?lang=python", f"/cell?code={'%20' * 700}"):
        assert "json+oembed" not in client.get(path).text


def test_behind_a_public_address_that_one_counts(make_app: MakeApp) -> None:
    app = make_app(public_url="https://cells.example.org/run/")
    found = ask(app.test_client(), "https://cells.example.org/run/?c=1").get_json()
    assert 'src="https://cells.example.org/run/iframe?' in found["html"]
    check_problem(ask(app.test_client(), "https://cells.example.org/?c=1"), 404, "this server")
