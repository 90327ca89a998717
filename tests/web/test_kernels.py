"""Who may run kernels, and what Jupyter's routes say without a socket."""

from __future__ import annotations

import socket
import time
from threading import Event
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec import Raw

from store import Key, Store, Turn
from tests.web.conftest import Device, MakeApp
from web.connections import Connection
from web.context import CONNECTION
from web.doors import kernels_sockets
from web.doors.kernels_frames import KEPT_BYTES_MAX, Header, Said, kept, stored
from web.doors.kernels_sockets import KernelSocket
from web.doors.kernels_turns import UnreadTurns
from web.notifier import RECHECK_S
from web.turns import Rate
from web.websockets import WebSocket

TOKEN = "a-token-of-the-operator"
UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, "", 403),
        ({"Authorization": "token wrong"}, "", 403),
        ({"Authorization": f"token {TOKEN}"}, "", 200),
        ({"Authorization": f"Bearer {TOKEN}"}, "", 200),
        ({"Authorization": "token "}, f"?token={TOKEN}", 200),
        ({}, f"?token={TOKEN}&1795232478224", 200),
        ({}, "?token=%00", 400),
    ],
)
def test_kernels_token_lets_in_who_sends_it(make_app: MakeApp, headers, query, status) -> None:
    guarded = make_app(kernels_token=TOKEN).test_client()
    answer = guarded.get(f"/api/kernelspecs{query}", headers=headers)
    assert answer.status_code == status, answer.text
    assert status == 200 or answer.get_json()["message"] == answer.get_json()["detail"]


def test_a_key_of_the_operators_is_a_token_where_keys_are_required(make_app: MakeApp, store: Store) -> None:
    closed = make_app(keys_required=True)
    key = closed.extensions["singlecell"].store.keys.make(Key("programs", "api"))
    client = closed.test_client()
    assert client.post("/api/kernels", headers={"Authorization": "token any"}).status_code == 401
    made = client.post("/api/kernels", headers={"Authorization": f"token {key}"})
    assert made.status_code == 201
    assert client.get("/api/kernels", headers={"Authorization": f"token {key}"}).get_json() == [made.get_json()]


def test_a_body_is_read_whatever_it_says_it_is(client: FlaskClient, device: Device) -> None:
    device.report()
    for data in (b"", b"{}", b'{"name": null}', b'{"name": "python3", "env": {"KERNEL_ID": "x"}, "path": ""}'):
        made = client.post("/api/kernels", data=data, content_type="text/plain;charset=UTF-8")
        assert made.status_code == 201 and made.headers["Location"].endswith(made.get_json()["id"])
    assert client.post("/api/kernels", data=b'{"name": 1}').status_code == 400
    assert client.post("/api/kernels", data=b'{"name": "r2d2"}').status_code == 501


def test_a_page_of_another_site_may_send_what_jupyters_clients_send(client: FlaskClient) -> None:
    asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "PATCH",
             "Access-Control-Request-Headers": "authorization, content-type, x-xsrftoken"}  # fmt: skip
    allowed = client.options("/api/sessions/x", headers=asked).headers
    assert "PATCH" in allowed["Access-Control-Allow-Methods"] and allowed["Access-Control-Allow-Origin"] == "*"
    assert "authorization" in allowed["Access-Control-Allow-Headers"].lower()
    asked["Access-Control-Request-Method"] = "DELETE"
    elsewhere = client.options("/sessions/x", headers=asked).headers
    assert "authorization" not in elsewhere["Access-Control-Allow-Headers"].lower()


def test_sockets_of_pages_that_may_not_are_refused(make_app: MakeApp) -> None:
    own = make_app(cors_origins="https://own.example").test_client()
    path = f"/api/kernels/{own.post('/api/kernels').get_json()['id']}/channels"
    for origin, status in (("https://other.example", 403), ("https://own.example", 501)):
        assert own.get(path, headers={**UPGRADE, "Origin": origin}).status_code == status
    assert own.get(path, headers={**UPGRADE, "Sec-WebSocket-Version": "12"}).status_code == 400


@pytest.mark.parametrize(("spare_bytes", "left"), [(-1, 1), (0, 2), (1, 2)])
def test_of_the_messages_kept_for_a_client_the_oldest_go_first(spare_bytes, left) -> None:
    messages = [Said("iopub", Header("stream", str(place)), Raw(b"{}"), Raw(b"{}"), Raw(b'""')) for place in range(2)]
    room = KEPT_BYTES_MAX - spare_bytes - sum(map(len, kept(messages)))
    messages[0].content = Raw(b'"%b"' % (b"x" * room))
    texts = kept(messages)
    assert len(texts) == left and stored(texts[-1]) == messages[-1]


def test_sockets_of_one_client_look_for_what_is_new_only_so_often(make_app: MakeApp, monkeypatch) -> None:
    app = make_app()
    context = app.extensions["singlecell"]
    monkeypatch.setitem(context.client_shares.__dict__, "looks", Rate(per_s=0.001, burst=1))
    connection = Connection()
    connection.client = "192.0.2.1"

    def pause(pause_s: float) -> None:
        raise Paused(pause_s)

    ours, theirs = socket.socketpair()
    with app.test_request_context(environ_overrides={CONNECTION: connection}), ours, theirs:
        kernel = context.store.kernels.create("python", "python3", None, None)
        loop = KernelSocket(WebSocket(ours.fileno()), kernel, None, None)
        loop.begin()
        looks = 0
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=pause)  # of the module: other threads sleep on
        monkeypatch.setattr(kernels_sockets, "time", clock)
        with pytest.raises(Paused):
            while looks < 5:
                context.notifier.wake(kernel.id)
                loop._round()
                looks += 1
        monkeypatch.undo()
        assert looks == 2
        loop.channels[0].leave()
        loop.socket.close(1000)


class Paused(Exception):
    """The loop was to pause."""


class Silent:
    """A socket over which nothing comes; to wait at it takes no time but the clock's."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def receive(self) -> tuple[()]:
        """Return that no message has come."""
        return ()

    def flush(self) -> None:
        """Have nothing to write."""

    def wait(self, event: Event, wait_s: float, *, hears: bool = True) -> None:
        """Let the time go by."""
        self.now_s += wait_s


def test_a_lost_hint_costs_a_new_socket_a_second_and_no_more(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = Silent()
    monkeypatch.setattr(kernels_sockets, "time", SimpleNamespace(monotonic=lambda: silent.now_s))
    with app.test_request_context(environ_overrides={CONNECTION: Connection()}):
        loop = kernels_sockets.SocketLoop(silent)  # type: ignore[arg-type]
        turns = UnreadTurns(loop.context, loop.event)
        turns.add(Turn("1", 0, False, False, -1, None))
        turns.hint.is_there = False  # it was looked at, and the hint that there is news was lost
        silence = {"is_to_look": False, "is_over": False, "held": ()}
        channel = SimpleNamespace(turns=turns, step=lambda: False, keep_reading=lambda: None, **silence)
        loop.channels.append(channel)  # type: ignore[arg-type]
        while not turns.hint.is_there:
            loop._round()
        turns.clear()
    assert silent.now_s - 1000.0 <= 2 * RECHECK_S
