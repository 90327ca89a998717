"""GET /cell: what its address says becomes a page of one cell, or a sentence, and the settings say who may frame it."""

from __future__ import annotations

import base64
import html
import re
import zlib
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from settings import SettingsError, load
from tests.web.conftest import ROOT, MakeApp
from web import cell_page

# Attributes that an address must not set, with the reason in web/cell_page.py; `language` has a parameter of its own.
NOT_OF_ADDRESSES = {"language", "server", "frame-hosts", "link-key", "locations"}


def packed(text: str) -> str:
    return base64.urlsafe_b64encode(zlib.compress(text.encode())).decode()


def get(client: FlaskClient, **arguments: str) -> TestResponse:
    return client.get(f"/cell?{urlencode(arguments)}")


def blocks(page: TestResponse) -> list[str]:
    """Return the texts of the page's `<pre>`s: setup, if there is any, and code."""
    return [html.unescape(text) for text in re.findall(r"<pre[^>]*>\n(.*?)</pre>", page.text, re.DOTALL)]


def sentence(page: TestResponse, status: int) -> str:
    """Return what the page says is wrong."""
    assert page.status_code == status and page.mimetype == "text/html", page.text
    assert "<single-cell" not in page.text
    [found] = re.findall(r'<p role="alert">(.*?)</p>', page.text)
    return html.unescape(found)


HOSTILE = "</pre></single-cell><script>alert(1)</script>\n\n\"'&amp; é \U0001f600"


@pytest.mark.parametrize("names", [("code", "setup"), ("z", "zsetup")])
def test_code_and_setup_of_the_address_stand_in_the_page_as_text(client: FlaskClient, names: tuple[str, str]) -> None:
    form: Callable[[str], str] = packed if names[0] == "z" else str
    page = get(client, **{names[0]: form(HOSTILE), names[1]: form("\nx = '<b>'")}, language="python")
    assert page.status_code == 200 and "<script>alert" not in page.text
    assert blocks(page) == ["\nx = '<b>'", HOSTILE]
    assert re.search(r"<pre data-setup hidden>", page.text)


def test_options_of_the_address_become_attributes_and_nothing_else_does(client: FlaskClient) -> None:
    page = get(
        client, code="1", autorun="", hide='files"><b>', onclick="alert(1)", server="//evil", id="x", theme="dark"
    )
    [tag] = re.findall(r"<single-cell ([^>]*)>", page.text)
    assert tag == 'language="python" autorun="" hide="files&#34;&gt;&lt;b&gt;" theme="dark"'
    assert 'class="dark"' in page.text


def test_every_attribute_of_the_documentation_is_an_option_or_is_left_out_on_purpose() -> None:
    table = (ROOT / "docs" / "embedding.md").read_text().split("## Attributes")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `([a-z-]+)", table, re.MULTILINE))
    assert documented == set(cell_page.ATTRIBUTES) | NOT_OF_ADDRESSES


def test_a_permalink_brings_code_setup_and_language(client: FlaskClient) -> None:
    kept = {"code": "print(x)", "setup": "x = 1", "language": "python"}
    id = client.post("/permalinks", json=kept).get_json()["id"]
    assert client.get(f"/permalinks/{id}").get_json() == kept
    page = get(client, q=id, readonly="")
    assert blocks(page) == ["x = 1", "print(x)"] and 'language="python" readonly=""' in page.text
    without = client.post("/permalinks", json={"code": "print(x)"}).get_json()["id"]
    assert without != id and client.get(f"/permalinks/{without}").get_json().keys() == {"code", "language"}


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ({"code": "a\0"}, 400, "`code` is not right"),
        ({"code": "1", "z": packed("1")}, 400, "`code` and `z`"),
        ({"z": "nonsense"}, 400, "`z` is damaged"),
        ({"z": "a"}, 400, "`z` is damaged"),
        ({"z": packed("1")[:-6]}, 400, "`z` is damaged"),
        ({"z": base64.urlsafe_b64encode(zlib.compress(b"\xff")).decode()}, 400, "`z` is damaged"),
        ({"zsetup": "<b>"}, 400, "`zsetup` is not right"),
        ({"q": "none"}, 404, "no permalink"),
        ({"q": "none", "code": "1"}, 400, "stands for the code"),
        ({"code": "1", "language": "klingon"}, 422, "klingon"),
        ({"code": "1", "language": "<b>"}, 400, "`language`"),
        ({"code": "1", "lang": "<b>"}, 400, "`lang`"),
        ({"code": "1", "label": "x" * 301}, 400, "`label`"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_in_the_page(
    client: FlaskClient, arguments: dict[str, str], status: int, words: str
) -> None:
    assert words in sentence(get(client, **arguments), status)


@pytest.mark.parametrize(("more", "status"), [(-1, 200), (0, 200), (1, 413)])
@pytest.mark.parametrize("name", ["code", "z", "zsetup"])
def test_code_in_an_address_is_bounded_compressed_or_not(
    client: FlaskClient, settings, name: str, more: int, status: int
) -> None:
    text = "#" * (settings.code_bytes_max + more)
    page = get(client, **{name: text if name == "code" else packed(text)})
    assert page.status_code == status
    if status == 413:
        assert "longer than 1000 bytes" in sentence(page, 413)


def test_a_compressed_flood_is_not_unpacked(client: FlaskClient) -> None:
    flood = zlib.compress(b"#" * 40_000_000, 9)
    assert len(flood) < 45_000
    page = client.get("/cell", query_string={"z": base64.urlsafe_b64encode(flood).decode()})
    assert "longer than" in sentence(page, 413)


def test_the_page_speaks_the_language_of_the_address_else_of_the_browser(client: FlaskClient) -> None:
    german = {"Accept-Language": "de-AT,fr;q=0.5"}
    assert '<html lang="de-AT" dir="ltr"' in client.get("/cell?code=1", headers=german).text
    assert '<html lang="ar" dir="rtl"' in client.get("/cell?code=1&lang=ar", headers=german).text
    assert '<html lang="en"' in client.get("/cell?code=1", headers={"Accept-Language": "*,<b>"}).text
    assert "Accept-Language" in client.get("/cell?code=1").headers["Vary"]


@pytest.fixture
def framed(make_app: MakeApp) -> Callable[[str], str]:
    """Return the policy of /cell under a setting, and check that no other page follows it."""

    def policy(frame_origins: str) -> str:
        client = make_app(frame_origins=frame_origins).test_client()
        for path in ("/", "/embed", "/limits"):
            assert "frame-ancestors 'none'" in client.get(path).headers["Content-Security-Policy"]
        return client.get("/cell?code=1").headers["Content-Security-Policy"]

    return policy


def test_the_setting_says_whose_pages_may_frame_the_cell_and_no_other_page(framed: Callable[[str], str]) -> None:
    assert "frame-ancestors" not in framed("*")
    assert framed("https://a.example, https://*.b.example").endswith(
        "; frame-ancestors https://a.example https://*.b.example"
    )
    assert framed("").endswith("; frame-ancestors 'none'")
    assert "script-src 'self';" in framed("*")


@pytest.mark.parametrize(
    "setting", ["a.example", "https://a.example/x", "https://a; script-src *", "* https://a", "'self'"]
)
def test_a_setting_that_names_no_origin_is_refused(setting: str) -> None:
    with pytest.raises(SettingsError, match=r"frame_origins: .* is no origin"):
        load(frame_origins=setting)
