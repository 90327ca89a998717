"""What the web says when there is no room: 503 or 429 with a sentence, and how /readyz tells."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from store import Store
from tests.web.conftest import Device, MakeApp, check_problem, submit
from web.forms import HEADS_BYTES

TIGHT = {"disk_free_bytes_min": 1 << 60, "disk_free_bytes_end": 1}
FULL = "nearly full"
LARGE = {"request_bytes_max": 3_000_000, "cell_file_bytes_max": 2_500_000}


@pytest.fixture
def tight(make_app: MakeApp) -> FlaskClient:
    """A client of a server whose floor lies above what is free."""
    return make_app(**TIGHT).test_client()


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.post("/computations", json={"code": "1"}),
        lambda client: client.post("/computations", data={"code": "1", "file": (io.BytesIO(b"x"), "a")}),
        lambda client: client.post("/permalinks", json={"code": "1"}),
        lambda client: client.post("/permalink", data={"code": "1"}),
        lambda client: client.post("/sessions/-/complete", json={"code": "x", "cursor_pos": 1, "language": "python"}),
    ],
)
def test_what_would_write_is_refused_with_a_sentence(tight: FlaskClient, ask: Callable[[FlaskClient], Any]) -> None:
    answer = ask(tight)
    check_problem(answer, 503, FULL)
    assert int(answer.headers["Retry-After"]) > 0


def test_no_kernel_is_begun_without_room(tight: FlaskClient) -> None:
    answer = tight.post("/api/kernels")
    assert answer.status_code == 503 and FULL in answer.get_json()["message"]


def test_readyz_says_that_there_is_no_room(tight: FlaskClient) -> None:
    answer = tight.get("/readyz")
    assert answer.status_code == 503 and FULL in answer.get_json()["reasons"][0]
    assert tight.get("/healthz").status_code == 200


def test_an_upload_is_refused_before_it_is_read(make_app: MakeApp) -> None:
    bounds = {"stored_bytes_max": 2_000_000, "client_stored_bytes_max": 2_000_000}
    client = make_app(**LARGE, **bounds).test_client()
    for content, status in ((b"x" * 1000, 201), (b"x" * 2_100_000, 503)):
        answer = client.post("/computations", data={"code": "1", "file": (io.BytesIO(content), "a")})
        assert answer.status_code == status, answer.text
    check_problem(answer, 503, "no room for an upload of this size")


def test_an_upload_that_its_client_has_no_room_for_is_refused_before_it_is_read(make_app: MakeApp) -> None:
    client = make_app(client_stored_bytes_max=1_000_000, **LARGE).test_client()
    for length, status in ((1_000_000 + HEADS_BYTES, 413), (1_000_001 + HEADS_BYTES, 429)):
        answer = client.post(
            "/computations", data=b"x" * length, content_type="multipart/form-data; boundary=none",
            environ_base={"REMOTE_ADDR": "192.0.2.1"},
        )  # fmt: skip
        # What is read turns out to be one head that is too long.
        check_problem(answer, status, "larger" if status == 413 else "from your address")


def report(store: Store, **room: Any) -> None:
    """Report as a device does that has looked what is stored."""
    status = {"accounts": [], "room": {"stored_bytes": 1, "is_full": False, "full_clients": [], **room}}
    store.devices.report("device-2", "host", status)


def test_what_a_device_finds_full_is_refused_until_it_finds_room(
    client: FlaskClient, store: Store, device: Device
) -> None:
    device.report()
    report(store, is_full=True)
    check_problem(client.post("/computations", json={"code": "1"}), 503, "as much as it may")
    kernel = client.post("/api/kernels")
    assert kernel.status_code == 503 and "as much as it may" in kernel.get_json()["message"]
    file = client.put("/jobe/index.php/restapi/files/0123456789", json={"file_contents": ""})
    assert file.status_code == 503 and "as much as it may" in file.text
    assert client.get("/readyz").status_code == 503
    report(store)
    client.get("/readyz")  # which asks anew
    submit(client)


def test_a_client_with_too_much_is_refused_and_no_other_is(client: FlaskClient, store: Store) -> None:
    report(store, full_clients=[store.clients.identity("192.0.2.1")])
    for address, status in (("192.0.2.1", 429), ("192.0.2.2", 201)):
        answer = client.post("/computations", json={"code": "1"}, environ_base={"REMOTE_ADDR": address})
        assert answer.status_code == status, answer.text
        if status == 429:
            check_problem(answer, 429, "from your address")
            assert int(answer.headers["Retry-After"]) > 0


def test_a_computation_is_kept_under_a_hash_and_no_address(client: FlaskClient, device: Device, store: Store) -> None:
    client.post("/computations", json={"code": "1"}, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    claim = device.claim()
    assert claim.client == store.clients.identity("192.0.2.1") and "192.0" not in claim.client


def test_permalinks_of_a_day_are_refused_when_they_are_too_many(make_app: MakeApp) -> None:
    client = make_app(client_permalinks_day_bytes_max=600).test_client()
    assert client.post("/permalinks", json={"code": "1"}).status_code == 201
    assert client.post("/permalink", data={"code": "2"}).status_code == 200
    check_problem(client.post("/permalinks", json={"code": "3"}), 429, "tomorrow")
    check_problem(client.post("/permalink", data={"code": "3"}), 429, "tomorrow")
    assert client.post("/permalinks", json={"code": "1"}).status_code == 201
