"""GET /languages, and what a computation in each of them is answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from settings import Settings
from tests.web.conftest import Device, check_problem, make_settings, submit

OWN = {
    "label": "Own", "mime": "text/x-own", "extension": ".own", "highlighting": "lisp", "environment": "own",
    "install": "apt-get install own", "limits": {"cell_wall_s": 5.0},
}  # fmt: skip


@pytest.fixture
def settings(mongo_directory: Path, database_name: str) -> Settings:
    """Settings with a language more."""
    return make_settings(mongo_directory, mongo_database=database_name, languages={"own": OWN})


def read_languages(client: FlaskClient) -> dict[str, dict]:
    """Return what GET /languages says now, by name."""
    client.application.extensions["singlecell"].device_reports.reports(fresh=True)
    return {language["name"]: language for language in client.get("/languages").get_json()["languages"]}


def test_languages_are_those_of_the_settings_in_their_order(client: FlaskClient) -> None:
    languages = read_languages(client)
    assert [*languages][-1] == "own" and "python" in languages
    assert languages["own"] == {
        "name": "own", "label": "Own", "version": "", "available": False, "expected": True, "mime": "text/x-own",
        "extension": ".own", "highlighting": "lisp", "install": "apt-get install own", "packages": {},
    }  # fmt: skip


def test_a_language_that_a_device_can_run_is_available_with_its_version(client: FlaskClient, device: Device) -> None:
    device.report(languages=("python", "own"))
    languages = read_languages(client)
    assert [name for name, language in languages.items() if language["available"]] == ["python", "own"]
    assert languages["own"]["version"] == "3.11" and not languages["own"]["expected"]
    assert submit(client, language="own")["language"] == "own"


def test_a_language_that_is_not_installed_is_422_with_the_command_that_installs_it(
    client: FlaskClient, device: Device
) -> None:
    device.report(languages=("python",))
    sentence = "Own is not installed on this server; its owner can install it with: apt-get install own"
    check_problem(client.post("/computations", json={"code": "1", "language": "own"}), 422, sentence)
    body = {"code": "1", "cursor_pos": 1, "language": "own"}
    check_problem(client.post("/sessions/-/complete", json=body), 422, sentence)
    assert submit(client)["language"] == "python"


def come(client: FlaskClient, name: str) -> tuple[bool, bool]:
    """Return whether a language is there, and whether it is expected."""
    language = read_languages(client)[name]
    return language["available"], language["expected"]


def test_a_cell_in_a_language_that_is_being_loaded_is_taken_in_and_waits(client: FlaskClient, device: Device) -> None:
    device.report(languages=("python",), loading=("own",))
    assert come(client, "own") == (False, True)
    assert submit(client, language="own")["state"] == "queued"
    device.report(languages=("python", "own"))
    assert come(client, "own") == (True, False)


def test_a_language_that_cannot_be_loaded_is_422_until_it_comes_back(client: FlaskClient, device: Device) -> None:
    device.report(languages=("python",), failed=("own",))
    assert come(client, "own") == (False, False)
    sentence = "Own cannot be loaded on this server now; its log says why."
    check_problem(client.post("/computations", json={"code": "1", "language": "own"}), 422, sentence)
    device.report(languages=("python", "own"))
    assert come(client, "own") == (True, False)
    assert submit(client, language="own")["state"] == "queued"


def test_a_language_that_only_a_device_knows_is_not_served(client: FlaskClient, device: Device) -> None:
    device.report(languages=("python", "stranger"))
    assert "stranger" not in read_languages(client)
    check_problem(client.post("/computations", json={"code": "1", "language": "stranger"}), 422, "unknown")


def test_cells_wait_for_an_account_that_is_away(client: FlaskClient, device: Device) -> None:
    device.report(free=0, languages=(), sentence="it has not been dialled yet")
    assert submit(client)["state"] == "queued"
    assert submit(client, language="own")["state"] == "queued"


def test_a_limit_that_differs_for_a_language_is_told(client: FlaskClient) -> None:
    answer = client.get("/limits").get_json()
    assert answer["limits"]["cell_wall_s"]["value"] != 5.0
    assert answer["languages"]["own"] == {"cell_wall_s": {"value": 5.0, "unit": "s"}}


def test_packages_are_those_that_every_account_has(client: FlaskClient, device: Device) -> None:
    device.report(packages=({"numpy": "2.4", "polars": "2.1"}, {"numpy": "2.4", "tqdm": "4.70"}))
    assert read_languages(client)["python"]["packages"] == {"numpy": "2.4"}
    device.report(packages=({"numpy": "2.4", "polars": "2.1"},))
    assert read_languages(client)["python"]["packages"] == {"numpy": "2.4", "polars": "2.1"}


def test_the_page_of_what_is_installed_names_languages_and_packages(client: FlaskClient, device: Device) -> None:
    device.report(languages=("python", "sage"), packages=({"numpy": "2.4.6", "zz-top": "1.0<b>"},))
    read_languages(client)
    page = client.get("/installed")
    assert page.status_code == 200 and page.mimetype == "text/html" and "<b>" not in page.text
    text = " ".join(re.sub("<[^>]+>", " ", page.text).split())
    assert "Python 3.11 numpy 2.4.6 zz-top 1.0&lt;b&gt; Sage 3.11" in text
    assert "Own: its owner installs it with apt-get install own" in text


def test_the_page_of_what_is_installed_says_that_nothing_is_ready_yet(client: FlaskClient, device: Device) -> None:
    device.report(languages=(), loading=("python",))
    read_languages(client)
    page = client.get("/installed").text
    assert "No language is ready" in page and "Python: is being loaded" in page
