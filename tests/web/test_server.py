"""Languages, limits, health, figures, pages and the headers on all of them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from store import StoreUnavailableError
from tests.web.conftest import ROOT, Device, MakeApp, check_problem, submit
from web import limits
from web_server import create_app
from wire import Limits


def test_every_limit_has_a_unit_and_the_value_of_the_settings(client: FlaskClient, settings) -> None:
    answer = client.get("/limits").get_json()["limits"]
    assert answer["code_bytes_max"] == {"value": settings.code_bytes_max, "unit": "bytes"}
    assert answer["cell_wall_s"] == {"value": settings.cell_wall_s, "unit": "s"}
    assert all(limit["unit"] for limit in answer.values())


def test_every_limit_of_cells_and_sessions_is_among_the_limits(settings) -> None:
    not_limits = {"session_cpu_weight", "session_idle_gives_way"}
    names = set(Limits.__struct_fields__) - not_limits
    assert names <= set(limits.UNITS)


def test_healthz_answers_without_the_database() -> None:
    import settings as settings_file

    nowhere = settings_file.load(mongo_uri="mongodb://127.0.0.1:1/", mongo_timeout_s=0.2)
    client = create_app(nowhere).test_client()
    assert client.get("/healthz").get_json() == {"alive": True}
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json() == {"ready": False, "reasons": ["The database does not answer."], "accounts": []}
    check_problem(client.post("/computations", json={"code": "1"}), 503, "database")
    assert client.get("/metrics").status_code == 200


def test_readyz_names_what_is_missing(client: FlaskClient, device: Device) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503 and answer.get_json()["reasons"] == ["No trusted device is alive."]
    device.report(free=0, sentence="The host key is not the known one.")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["reasons"] == ["The host key is not the known one."]
    device.report(free=0)
    assert client.get("/readyz").get_json()["reasons"] == ["No worker is free."]
    device.report(free=1)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    [account] = answer.get_json()["accounts"]
    assert account["limiter"] == "cgroup2" and account["layers"][0]["name"] == "seccomp"


OUTSIDERS: dict[str, dict] = {
    "another machine": {"environ_base": {"REMOTE_ADDR": "192.0.2.1"}},
    "an address that is none": {"environ_base": {"REMOTE_ADDR": ""}},
    "a proxy on this machine": {"headers": {"X-Forwarded-For": "192.0.2.1"}},
    "a proxy that says so otherwise": {"headers": {"Forwarded": "for=192.0.2.1"}},
    "a page of somebody else's": {"headers": {"Origin": "https://page.example"}},
    "a name that somebody else lets point here": {"headers": {"Host": "rebound.example"}},
    "a wrong key": {"environ_base": {"REMOTE_ADDR": "192.0.2.1"}, "headers": {"Authorization": f"Bearer {'k' * 23}"}},
    "a key in another scheme": {
        "environ_base": {"REMOTE_ADDR": "192.0.2.1"}, "headers": {"Authorization": f"Basic {'k' * 24}"}
    },
    "a key that is no text": {"headers": {"Authorization": "Bearer \xff", "Via": "x"}},
}  # fmt: skip


@pytest.fixture
def keyed(make_app: MakeApp) -> Flask:
    """The application of a server with an operator's key, on the same database as a device."""
    return make_app(operator_key="k" * 24)


@pytest.mark.parametrize("who", OUTSIDERS)
def test_outsiders_learn_no_more_than_ready_or_not(keyed: Flask, who: str) -> None:
    client, device = keyed.test_client(), Device(keyed.extensions["singlecell"].store)
    device.report(free=0, sentence="The host key is not the known one.")
    answer = client.get("/readyz", **OUTSIDERS[who])
    assert answer.status_code == 503
    assert answer.get_json() == {"ready": False, "reasons": ["No cell can run just now."], "accounts": []}
    device.report(free=1)
    answer = client.get("/readyz", **OUTSIDERS[who])
    assert answer.status_code == 200 and answer.get_json() == {"ready": True, "reasons": [], "accounts": []}
    figures = client.get("/metrics", **OUTSIDERS[who]).text
    assert [line for line in figures.splitlines() if not line.startswith("#")] == ["singlecell_ready 1.0"]


def test_the_key_opens_it_from_anywhere(keyed: Flask) -> None:
    client, device = keyed.test_client(), Device(keyed.extensions["singlecell"].store)
    device.report(free=1)
    from_afar = {
        "environ_base": {"REMOTE_ADDR": "192.0.2.1"},
        "headers": {"Authorization": f"Bearer {'k' * 24}", "X-Forwarded-For": "192.0.2.1"},
    }
    assert client.get("/readyz", **from_afar).get_json()["accounts"]
    assert "singlecell_database_up" in client.get("/metrics", **from_afar).text


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_without_a_key_loopback_alone_sees_it_all(client: FlaskClient, device: Device, address: str) -> None:
    device.report(free=1)
    assert client.get("/readyz", environ_base={"REMOTE_ADDR": address}).get_json()["accounts"]
    nobody = {"environ_base": {"REMOTE_ADDR": "192.0.2.1"}, "headers": {"Authorization": "Bearer "}}
    assert not client.get("/readyz", **nobody).get_json()["accounts"]


def test_metrics_are_prometheus_text(client: FlaskClient, device: Device) -> None:
    device.report(free=3)
    submit(client)
    client.get("/nothing")
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }
    assert samples["singlecell_computations_submitted_total", "python"] == 1
    assert samples["singlecell_http_requests_total", "/computations", "201", "POST"] == 1
    assert samples["singlecell_http_requests_total", "404", "GET", "none"] == 1
    assert samples["singlecell_free", "untrusted@localhost"] == 3
    assert samples["singlecell_database_up",] == 1


def test_pages_have_a_policy_that_runs_only_our_own_scripts(client: FlaskClient) -> None:
    response = client.get("/")
    assert response.status_code == 200 and response.mimetype == "text/html"
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "frame-ancestors 'none'" in policy
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get("/embed").headers["Content-Security-Policy"] == policy


def test_a_public_address_is_what_pages_give_away_not_where_they_load_from(make_app: MakeApp) -> None:
    app = make_app(public_url="https://cells.example/cell/")
    client = app.test_client()
    for path in ("/", "/embed"):
        addresses = re.findall(r'(?:src|href)="([^"]+)"', client.get(path).text)
        assert all(address.startswith(("/", "data:")) for address in addresses), addresses
    assert 'data-server="https://cells.example/cell/"' in client.get("/embed").text
    url = client.post("/permalinks", json={"code": "1"}).get_json()["url"]
    assert url.startswith("https://cells.example/cell/?q=")


def test_the_frame_for_output_is_sandboxed_whoever_opens_it(client: FlaskClient) -> None:
    [frame] = (ROOT / "static" / "singlecell").glob("frame-*.html")
    response = client.get(f"/static/singlecell/{frame.name}")
    assert response.headers["Content-Security-Policy"] == "sandbox allow-scripts"


def test_the_embed_script_may_be_loaded_from_anywhere(client: FlaskClient) -> None:
    response = client.get("/embedded_singlecell.js")
    assert response.status_code == 200 and response.mimetype == "text/javascript"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize("path", ["/computations", "/limits", "/nothing", "/files/x/y"])
def test_any_origin_may_read_answers_and_errors(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers={"Origin": "https://book.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]


def test_a_preflight_is_answered_for_a_day(client: FlaskClient) -> None:
    asked = {
        "Origin": "https://book.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    response = client.options("/computations", headers=asked)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "content-type" in response.headers["Access-Control-Allow-Headers"].lower()
    assert int(response.headers["Access-Control-Max-Age"]) == 86400


def test_the_setting_narrows_the_origins(make_app: MakeApp) -> None:
    app = make_app(cors_origins="https://a.example, https://b.example")
    for origin, allowed in (("https://b.example", "https://b.example"), ("https://c.example", None)):
        response = app.test_client().get("/limits", headers={"Origin": origin})
        assert response.headers.get("Access-Control-Allow-Origin") == allowed
        assert allowed is None or response.headers["Vary"] == "Origin"


def test_importing_the_wsgi_entry_does_nothing() -> None:
    code = "import threading, web_server; assert callable(web_server.app) and not web_server.made_apps; " \
           "assert threading.active_count() == 1"  # fmt: skip
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_readyz_survives_a_database_that_goes_away(app: Flask, client: FlaskClient, monkeypatch) -> None:
    def fail() -> None:
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(app.extensions["singlecell"].store, "ping", fail)
    answer = client.get("/readyz")
    assert answer.status_code == 503 and answer.get_json()["reasons"] == ["The database does not answer."]


def test_a_request_that_is_turned_away_is_told_so_and_counted(app: Flask, client: FlaskClient, monkeypatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(app.extensions["singlecell"].connections, "move", lambda *_: False)
        check_problem(client.get("/limits"), 503, "too much to do")
    assert '{method="GET",route="/limits",status="503"} 1.0' in client.get("/metrics").text
