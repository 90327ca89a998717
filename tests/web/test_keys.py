"""Keys over HTTP: who needs one, what it is for, and how soon it is taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import settings as settings_file
import store as stores
from store import Key, Store
from tests.web.conftest import Device, MakeApp, check_problem, described_answers, make_settings, submit
from web_server import create_app

OPERATOR_KEY = "k" * 24
RUNS_OR_STORES = {
    "/computations": {"code": "1"},
    "/sessions/-/complete": {"code": "1", "cursor_pos": 1, "language": "python"},
    "/sessions/-/inspect": {"code": "1", "cursor_pos": 1, "language": "python"},
    "/permalinks": {"code": "1"},
}


@pytest.fixture
def keyed(make_app: MakeApp) -> Iterator[tuple[FlaskClient, Store]]:
    """A server that runs nothing without a key, and its store."""
    app = make_app(keys_required=True, operator_key=OPERATOR_KEY)
    settings = app.extensions["singlecell"].settings
    app.after_request(described_answers(app, settings))
    store = stores.connect(settings)
    yield app.test_client(), store
    store.close()


@pytest.mark.parametrize("path", RUNS_OR_STORES)
def test_nothing_runs_or_is_stored_without_a_key_where_one_is_required(keyed, path: str) -> None:
    client, store = keyed
    refused = client.post(path, json=RUNS_OR_STORES[path])
    check_problem(refused, 401, "only for those who have a key")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    for door in ("/permalink", "/service"):
        check_problem(client.post(door, data={"code": "1"}), 401, "key")
    assert store.claims.claim("d", languages=["python"], sessions=[], new_sessions=True) is None


def test_a_page_key_in_the_address_and_an_api_key_in_the_header_let_code_run(keyed) -> None:
    client, store = keyed
    page, api = (store.keys.make(Key(f"of-{kind}", kind)) for kind in ("page", "api"))
    assert client.post(f"/computations?key={page}", json={"code": "1"}).status_code == 201
    for text in (page, api):
        answer = client.post("/computations", json={"code": "1"}, headers={"Authorization": f"Bearer {text}"})
        assert answer.status_code == 201
    check_problem(client.post(f"/computations?key={api}", json={"code": "1"}), 400, "header")
    operator = client.post("/computations", json={"code": "1"}, headers={"Authorization": f"Bearer {OPERATOR_KEY}"})
    assert operator.status_code == 201
    claims = [store.claims.claim("d", languages=["python"], sessions=[], new_sessions=True) for _ in range(4)]
    assert [claim.key for claim in claims if claim] == ["of-page", "of-page", "of-api", "operator"]


def test_what_was_submitted_with_a_key_is_read_and_stopped_without_it(keyed) -> None:
    client, store = keyed
    text = store.keys.make(Key("course", "page"))
    id = client.post(f"/computations?key={text}", json={"code": "1"}).get_json()["id"]
    assert client.get(f"/computations/{id}").status_code == 200
    assert client.get(f"/computations/{id}/messages").status_code == 200
    assert client.delete(f"/computations/{id}").status_code == 202


def test_a_key_that_is_unknown_or_revoked_is_refused_although_none_is_required(
    client: FlaskClient, store: Store
) -> None:
    submit(client)
    text = store.keys.make(Key("course", "page"))
    for untrusted_text in (f"page_{'x' * 32}", text[:-1] + ("a" if text[-1] != "a" else "b")):
        check_problem(client.post(f"/computations?key={untrusted_text}", json={"code": "1"}), 401, "not known")
    check_problem(client.post("/computations?key=nonsense", json={"code": "1"}), 400, "key")
    look_again(client)
    assert client.post(f"/computations?key={text}", json={"code": "1"}).status_code == 201
    store.keys.revoke("course")
    look_again(client)
    check_problem(client.post(f"/computations?key={text}", json={"code": "1"}), 401, "taken back")


def test_a_key_is_for_its_origins_alone(client: FlaskClient, store: Store) -> None:
    text = store.keys.make(Key("course", "page", origins=("https://a.example",)))
    address = f"/computations?key={text}"
    for origin, status in (("https://a.example", 201), ("https://A.example", 201), ("https://b.example", 403),
                           ("https://a.example:8443", 403), ("null", 403)):  # fmt: skip
        answer = client.post(address, json={"code": "1"}, headers={"Origin": origin})
        assert answer.status_code == status, origin
    check_problem(client.post(address, json={"code": "1"}), 403, "programs")


def test_a_key_is_for_its_languages_alone(client: FlaskClient, device: Device, store: Store) -> None:
    device.languages = ("python", "sage")
    device.report()
    text = store.keys.make(Key("course", "page", languages=("python",)))
    sage = submit(client, "1", language="sage", keep=True)["session"]
    assert client.post(f"/computations?key={text}", json={"code": "1"}).status_code == 201
    for path, fields in (
        ("/computations", {"code": "1", "language": "sage"}),
        ("/computations", {"code": "1", "session": sage}),
        ("/sessions/-/complete", {"code": "1", "cursor_pos": 1, "language": "sage"}),
    ):
        refused = client.post(f"{path}?key={text}", json=fields)
        check_problem(refused, 403, "not for sage")
        assert refused.headers["Singlecell-Problem"] == "key_language?language=Sage"


def test_nothing_runs_for_a_banned_client_origin_or_key_until_the_ban_is_lifted(
    client: FlaskClient, store: Store
) -> None:
    text = store.keys.make(Key("course", "page"))
    asks = {"json": {"code": "1"}, "headers": {"Origin": "https://a.example"}}
    address = f"/computations?key={text}"
    for kind, subject in (("client", "127.0.0.1"), ("origin", "https://a.example"), ("key", "course")):
        store.bans.add(kind, subject, "mining")
        look_again(client)
        check_problem(client.post(address, **asks), 403, "runs nothing more for you")
        for path, fields in RUNS_OR_STORES.items():
            answer = client.post(f"{path}?key={text}", json=fields, headers=asks["headers"])
            assert answer.status_code == 403, path
        store.bans.lift(kind, subject)
        look_again(client)
        assert client.post(address, **asks).status_code == 201


@pytest.mark.parametrize("path", ["/", "/embed", "/exercises"])
def test_cells_of_our_own_pages_have_our_key_or_the_page_says_that_they_do_not_run(
    keyed, mongo_directory: Path, path: str
) -> None:
    client, store = keyed
    said = client.get(path).text
    assert "runs code only with a key" in said and "page_" not in said.replace('placeholder="page_', "")
    text = store.keys.make(Key("ours", "page"))
    database = store._database.settings.mongo_database
    app = create_app(make_settings(mongo_directory, mongo_database=database, keys_required=True, pages_key=text))
    page = app.test_client().get(path).text
    cells = re.findall(r"<single-cell [^>]*|<main id=\"embed\"[^>]*", page)
    assert cells and all(f'key="{text}"' in cell for cell in cells)
    assert "runs code only with a key" not in page
    app.extensions["singlecell"].store.close()


def test_who_asked_is_stored_with_the_computation(client: FlaskClient, store: Store) -> None:
    for untrusted_origin, kept in (("https://a.example", "https://a.example"), ("javascript:alert(1)", None)):
        client.post("/computations", json={"code": "1"}, headers={"Origin": untrusted_origin})
        claim = store.claims.claim("d", languages=["python"], sessions=[], new_sessions=True)
        assert claim is not None and claim.origin == kept and claim.key is None and claim.client


def test_code_that_was_taken_down_is_neither_shown_nor_kept_again(client: FlaskClient, store: Store) -> None:
    id = client.post("/permalinks", json={"code": "phish()"}).get_json()["id"]
    store.deletion.permalink(id, "phishing")
    check_problem(client.get(f"/permalinks/{id}"), 410, "taken this code down")
    check_problem(client.get(f"/permalink?q={id}"), 410, "taken this code down")
    check_problem(client.post("/permalinks", json={"code": "phish()"}), 410, "taken this code down")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("abuse@a.example", 'href="mailto:abuse@a.example?subject=Report%3A%20abc"'),
        ("https://a.example/report?x=1", 'href="https://a.example/report?x=1"'),
    ],
)
def test_pages_with_somebodys_code_say_where_to_report_it(make_app: MakeApp, address: str, shown: str) -> None:
    app = make_app(report_address=address)
    page = app.test_client()
    assert shown in page.get("/?q=abc").text and "Report it" in page.get("/?c=1").text
    assert "Report it" not in page.get("/").text


def test_pages_of_a_server_without_such_an_address_offer_none(client: FlaskClient) -> None:
    assert "Report it" not in client.get("/?q=abc").text


@pytest.mark.parametrize("wrong", ["javascript:alert(1)", "nobody", "a@b@c", 'https://a.example/"onclick='])
def test_what_is_no_address_for_reports_is_refused(wrong: str) -> None:
    with pytest.raises(settings_file.SettingsError, match="report_address"):
        settings_file.load(report_address=wrong)


def look_again(client: FlaskClient) -> None:
    """Have the web part read the rules now, as it does by itself within two seconds."""
    client.application.extensions["singlecell"].store.access._looked_at = float("-inf")
