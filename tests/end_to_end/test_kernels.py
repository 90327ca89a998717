"""Jupyter's kernel API runs code, asks, stops, restarts and loses nothing, over sockets in both of their forms."""

from __future__ import annotations

import json
import socket as sockets
import time
import uuid
from contextlib import ExitStack

import pytest
from tornado.httpclient import HTTPClientError

from harness.kernel_sockets import (
    V1,
    KernelClient,
    KernelSocket,
    kinds,
    message,
    packed,
    printed,
    reply,
    unpacked,
    without_repeats,
)  # fmt: skip
from harness.processes import wait_for

FORMS = pytest.mark.parametrize("form", [None, V1], ids=["default", "v1"])
# An address of documentation: who comes from it has the shares of a client.
SOMEBODY = {"X-Forwarded-For": "203.0.113.21"}


@FORMS
def test_a_kernel_tells_of_itself_and_runs_code(kernels, kernel, form):
    with kernels.open(kernel, form) as socket:
        info = socket.finish(socket.send("kernel_info_request", {}))
        assert kinds(info) == ["status", "kernel_info_reply", "status"]
        assert info[1]["content"]["language_info"]["name"] == "python" and info[1]["channel"] == "shell"
        said = socket.run("print('hello')\n6 * 7", user_expressions={"x": "1 + 1"})
        assert kinds(said) == ["status", "execute_input", "stream", "execute_result", "execute_reply", "status"]
        assert said[3]["content"]["data"]["text/plain"] == "42"
        assert reply(said)["user_expressions"]["x"]["data"]["text/plain"] == "2"
        # Clients take a message with another session than kernel_info's for one of an earlier kernel.
        assert len({found["header"]["session"] for found in [*info, *said]}) == 1


@FORMS
def test_input_completion_and_inspection_over_a_socket(kernels, kernel, form):
    with kernels.open(kernel, form) as socket:
        asked = socket.execute("name = input('who? ')\nprint('hello', name)", allow_stdin=True)
        request = socket.until(lambda found: found["channel"] == "stdin")[-1]
        assert request["content"] == {"prompt": "who? ", "password": False}
        socket.send("input_reply", {"value": "Emmy"}, "stdin")
        assert printed(socket.finish(asked)).endswith("hello Emmy\n")
        done = socket.finish(socket.send("complete_request", {"code": "nam", "cursor_pos": 3}))
        assert "name" in reply(done, "complete_reply")["matches"]
        done = socket.finish(socket.send("inspect_request", {"code": "name", "cursor_pos": 4, "detail_level": 0}))
        assert "Emmy" in reply(done, "inspect_reply")["data"]["text/plain"]
        history = socket.finish(socket.send("history_request", {"hist_access_type": "tail", "n": 5, "raw": True}))
        code = "name = input('who? ')\nprint('hello', name)"
        assert reply(history, "history_reply")["history"] == [[0, 1, code]]
        history = socket.finish(socket.send("history_request", {"hist_access_type": "tail", "n": 5, "output": True}))
        assert reply(history, "history_reply")["history"] == [[0, 1, [code, None]]]


def test_a_kernel_is_interrupted_restarted_and_ended(kernels, kernel):
    with kernels.open(kernel) as socket:
        endless = socket.execute("x = 1\nprint('on', flush=True)\nwhile True: pass")
        socket.until(lambda found: found["header"]["msg_type"] == "stream")
        assert kernels.ask("GET", f"/kernels/{kernel}", 200)["execution_state"] == "busy"
        kernels.ask("POST", f"/kernels/{kernel}/interrupt", 204)
        assert reply(socket.finish(endless))["ename"] == "KeyboardInterrupt"
        session = socket.run("x")[0]["header"]["session"]
        assert kernels.ask("POST", f"/kernels/{kernel}/restart", 200, json={})["id"] == kernel
        again = socket.run("x")
        assert reply(again)["ename"] == "NameError" and again[-1]["header"]["session"] != session
        stopped = socket.finish(socket.send("interrupt_request", {}, "control"))
        assert kinds(stopped) == ["status", "interrupt_reply", "status"]
        kernels.ask("DELETE", f"/kernels/{kernel}", 204)
        dead = socket.until(lambda found: found["content"].get("execution_state") == "dead")
        assert dead[-1]["channel"] == "iopub" and socket.receive() is None and socket.code == 1000
    assert "exist" in kernels.ask("GET", f"/kernels/{kernel}", 404)["message"]


def test_what_waits_behind_an_error_is_aborted_where_its_client_wants_it(kernels, kernel):
    with kernels.open(kernel) as socket:
        codes = ("a = 1", "input()\n1 / 0", "a = 2")
        ids = [socket.execute(code, stop_on_error=True, allow_stdin=True) for code in codes]
        # The last one waits there when what was sent behind it is answered.
        said = socket.finish(socket.send("kernel_info_request", {}))
        if "input_request" not in kinds(said):
            said += socket.until(lambda found: found["channel"] == "stdin")
        socket.send("input_reply", {"value": ""}, "stdin")
        said += socket.finish(ids[-1])
        replies = [found["content"]["status"] for found in said if found["header"]["msg_type"] == "execute_reply"]
        assert replies == ["ok", "error", "aborted"]
        socket.execute("1 / 0")
        assert reply(socket.run("a", stop_on_error=True))["status"] == "ok"


def test_a_socket_that_is_opened_again_loses_nothing(kernels, kernel):
    code = "import time\nfor i in range(60):\n    print(i, flush=True)\n    time.sleep(0.02)\n"
    with kernels.open(kernel, session_id="reader") as socket:
        running = socket.execute(code)
        said = socket.until(lambda found: found["header"]["msg_type"] == "stream")
    said += [unpacked(found, V1) for found in socket.last]
    with kernels.open(kernel, session_id="reader") as socket:
        said = without_repeats([*said, *socket.finish(running)])
    assert printed(said) == "".join(f"{i}\n" for i in range(60))
    assert reply(said)["status"] == "ok"
    assert {found["parent_header"]["msg_id"] for found in said} == {running}


def test_two_clients_of_a_kernel_see_its_output_and_one_has_the_reply(kernels, kernel):
    with kernels.open(kernel, None) as first, kernels.open(kernel) as second:
        wait_for(lambda: kernels.ask("GET", f"/kernels/{kernel}", 200)["connections"] == 2)
        ran = first.execute("print('for all')")
        assert "execute_reply" in kinds(first.finish(ran))
        seen = second.finish(ran)
        assert printed(seen) == "for all\n" and "execute_reply" not in kinds(seen)


def test_of_a_client_with_two_sockets_the_newer_one_stays(kernels, kernel):
    with kernels.open(kernel, session_id="page") as older, kernels.open(kernel, session_id="page") as newer:
        assert older.receive() is None and older.code == 1000
        assert printed(newer.run("print('here')")) == "here\n"


def fastest_s(socket: KernelSocket) -> float:
    """Return how long the fastest of some answers of the server took, each asked for behind the one before."""
    times = []
    for _ in range(10):
        began = time.perf_counter()
        socket.finish(socket.send("kernel_info_request", {}))
        times.append(time.perf_counter() - began)
    return min(times)


def test_a_client_that_collects_its_packets_waits_for_no_acknowledgement(kernels, kernel):
    with kernels.open(kernel) as collects, kernels.open(kernel) as sends:
        sends.send_at_once()
        # TCP puts an acknowledgement off for 40 ms; an answer takes one.
        assert fastest_s(collects) < 10 * fastest_s(sends)


COMM = """
from comm import create_comm, get_comm_manager
def opened(comm, message):
    def heard(message):
        comm.send({'sum': sum(message['buffers'][0])}, buffers=[bytes(message['buffers'][0])[::-1]])
    comm.on_msg(heard)
get_comm_manager().register_target('echo', opened)
"""


@FORMS
def test_comm_messages_have_binary_buffers_both_ways(kernels, kernel, form):
    with kernels.open(kernel, form) as socket:
        opening = {"comm_id": "c", "target_name": "echo", "data": {}}
        closed = socket.finish(socket.send("comm_open", opening))
        assert kinds(closed) == ["status", "comm_close", "status"]  # nothing has run, so nobody is there
        socket.run(COMM)
        socket.finish(socket.send("comm_open", opening))
        said = socket.finish(socket.send("comm_msg", {"comm_id": "c", "data": {}}, "shell", b"\x01\x02\xff"))
        [answer] = [found for found in said if found["header"]["msg_type"] == "comm_msg"]
        assert answer["content"]["data"] == {"sum": 258} and answer["buffers"] == [b"\xff\x02\x01"]


def test_an_output_of_ipywidgets_names_the_message_whose_output_it_catches(kernels, kernel):
    with kernels.open(kernel) as socket:
        ran = socket.execute("import ipywidgets\nout = ipywidgets.Output()\nwith out: print('caught')")
        said = [found["content"] for found in socket.finish(ran) if found["header"]["msg_type"] == "comm_msg"]
        assert [found["data"]["state"]["msg_id"] for found in said] == [ran, ""]


def test_a_kernel_that_dies_is_begun_anew_and_says_so(kernels, kernel):
    with kernels.open(kernel) as socket:
        died = socket.run("import os\nx = 1\nos._exit(1)")
        assert reply(died)["ename"] == "KernelDied"
        socket.until(lambda found: found["content"].get("execution_state") == "restarting")
        assert reply(socket.run("x"))["ename"] == "NameError"
        over = socket.finish(socket.send("shutdown_request", {"restart": False}, "control"))
        assert reply(over, "shutdown_reply") == {"status": "ok", "restart": False}
        while socket.receive() is not None:
            pass
        assert socket.code == 1000
    kernels.ask("GET", f"/kernels/{kernel}", 404)


def test_what_is_not_run_is_refused_in_a_sentence(kernels, kernel):
    with kernels.open(kernel) as socket:
        for content, word in (({"code": "a\0"}, "NUL"), ({"code": 1}, "str"), ({"code": "1" * 70_000}, "longer")):
            refused = socket.finish(socket.send("execute_request", content))
            assert kinds(refused) == ["status", "error", "execute_reply", "status"]
            assert word in reply(refused)["evalue"]
        assert reply(socket.run("1"))["status"] == "ok"


def test_jupyters_sessions_are_made_renamed_given_other_kernels_and_ended(kernels):
    body = {"name": "thebe.ipynb", "path": "/", "type": "notebook", "kernel": {"name": "python3"}}
    text = {"data": json.dumps(body), "headers": {"Content-Type": "text/plain;charset=UTF-8"}}
    made = kernels.ask("POST", "/sessions?1795232478224", 201, **text)
    path, first = f"/sessions/{made['id']}", made["kernel"]["id"]
    assert (made["name"], made["path"], made["type"]) == ("thebe.ipynb", "/", "notebook")
    assert kernels.ask("PATCH", path, 200, json={"name": "b.ipynb"})["kernel"]["id"] == first
    other = kernels.ask("PATCH", path, 200, json={"kernel": {"name": "python"}})
    assert other["kernel"]["id"] != first and (other["id"], other["name"]) == (made["id"], "b.ipynb")
    kernels.ask("GET", f"/kernels/{first}", 404)
    kernels.ask("DELETE", path, 204)
    kernels.ask("GET", path, 404)


def test_kernels_are_listed_for_a_program_with_a_token_and_for_nobody_else(kernels, server):
    mine = KernelClient(server.url, Authorization=f"token {uuid.uuid4()}")
    id = mine.start()
    assert [found["id"] for found in mine.ask("GET", "/kernels", 200)] == [id]
    assert mine.ask("GET", "/sessions", 200) == []
    other = KernelClient(server.url, Authorization=f"token {uuid.uuid4()}")
    assert other.ask("GET", "/kernels", 200) == []
    for path in ("/kernels", "/sessions"):
        kernels.ask("GET", path, 403)
        mine.ask("GET", path, 403, headers={"Origin": "https://page.example"})
    mine.ask("DELETE", f"/kernels/{id}", 204)
    assert mine.ask("GET", "/kernels", 200) == []


def test_the_server_says_what_jupyters_clients_ask_it(kernels):
    specs = kernels.ask("GET", "/kernelspecs", 200)
    assert specs["default"] == "python" and specs["kernelspecs"]["python"]["spec"]["argv"] == []
    assert kernels.ask("GET", "/kernelspecs/python", 200)["spec"]["display_name"] == "Python"
    assert kernels.ask("GET", "/status", 200)["kernels"] == 0 and kernels.ask("GET", "/me", 200)["identity"]
    assert kernels.ask("GET", "/terminals", 404)["message"] and kernels.ask("GET", "", 200)["version"]
    assert "cobol" in kernels.ask("POST", "/kernels", 501, json={"name": "cobol"})["message"]


MADE = packed(message("execute_request", {"code": "1"}), V1)
assert isinstance(MADE, bytes)
FORMLESS = {
    "half a message": (V1, MADE[: len(MADE) // 2]),
    "offsets beyond the end": (V1, MADE[:8] + b"\xff" * 8 + MADE[16:]),
    "more offsets than bytes": (V1, b"\xff" * 7 + b"\0" + MADE[8:]),
    "a few bytes": (V1, b"abc"),
    "half a text": (None, '{"header": {"msg_type": "execute_req'),
    "no header": (None, "{}"),
    "parts that are not there": (None, b"\0\0\0\x02\0\0\0\x0c\0\0\xff\xff{}"),
    "a header of 5000 bytes": (None, json.dumps({"header": {"msg_type": "x" * 5000, "msg_id": "1"}})),
}


@pytest.mark.parametrize("case", FORMLESS)
def test_what_is_no_message_closes_the_socket(kernels, kernel, case):
    form, data = FORMLESS[case]
    with kernels.open(kernel, form) as socket:
        socket.send_raw(data)
        assert socket.receive() is None and socket.code == 1007


def test_unknown_types_channels_and_signatures_are_left_alone(kernels, kernel):
    with kernels.open(kernel, None) as socket:
        socket.send("debug_request", {"command": "attach"}, "control")
        socket.send("no_such_request", {})
        socket.send("execute_request", {"code": "print('no')"}, "iopub")
        socket.send("execute_request", {"code": "print('no')"}, "hb")
        socket.send("input_reply", {"value": "nobody asked"}, "stdin")
        signed = {**message("execute_request", {"code": "print('yes')"}), "signature": "f00", "hmac": "wrong"}
        # As jupyter_server's gateway sends it: without a channel, and a number as its date.
        del signed["channel"]
        signed["header"]["date"] = 1796037845.4
        socket.send_raw(json.dumps({**signed, "buffers": []}))
        assert printed(socket.finish(signed["header"]["msg_id"])) == "yes\n"


def test_what_opens_no_socket_is_refused_over_http(kernels, kernel):
    path = f"/kernels/{kernel}/channels"
    kernels.ask("GET", path, 400)
    kernels.ask("GET", f"/kernels/{uuid.uuid4()}/channels", 400)
    with pytest.raises(HTTPClientError, match="404"):
        kernels.open(str(uuid.uuid4()))
    with pytest.raises(HTTPClientError, match="400"):
        kernels.open(kernel, "another.subprotocol")


def test_half_a_frame_and_a_socket_that_never_reads_hold_up_nobody(kernels, kernel, server):
    with ExitStack() as opened:
        half = opened.enter_context(sockets.create_connection(("127.0.0.1", server.port), timeout=30))
        silent = opened.enter_context(sockets.create_connection(("127.0.0.1", server.port), timeout=30))
        for raw in (half, silent):
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            raw.sendall(
                f"GET /api/kernels/{kernel}/channels?session_id=silent{raw.fileno()} HTTP/1.1\r\nHost: localhost\r\n"
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in raw.recv(4096)  # the example of RFC 6455
        half.sendall(b"\x81\xfe\x10\x00mask{half")
        other = kernels.start()
        with kernels.open(kernel) as socket, kernels.open(other) as neighbour:
            flood = socket.execute("for i in range(80): print('x' * 65536, flush=True)")
            assert printed(neighbour.run("print('not held up')")) == "not held up\n"
            assert len(printed(socket.finish(flood))) == 80 * 65537
        kernels.ask("DELETE", f"/kernels/{other}", 204)


def test_one_client_has_a_share_of_the_sockets(kernels, kernel, server, client):
    share = client.limit("client_sockets_max")
    with ExitStack() as opened:
        url = f"{kernels.url}/kernels/{kernel}/channels"
        for number in range(share):
            opened.enter_context(Opened(url, f"s{number}"))
        with pytest.raises(HTTPClientError, match="429"):
            KernelSocket(url, V1, "one-too-many", **SOMEBODY)
        assert printed(opened.enter_context(kernels.open(kernel)).run("print('others')")) == "others\n"


class Opened:
    """A socket of somebody's, opened and left alone."""

    def __init__(self, url: str, session_id: str) -> None:
        host, path = url.removeprefix("http://").split("/", 1)
        name, port = host.split(":")
        self._socket = sockets.create_connection((name, int(port)), timeout=30)
        lines = [f"GET /{path}?session_id={session_id} HTTP/1.1", f"Host: {host}", "Connection: Upgrade",
                 "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                 *(f"{name}: {value}" for name, value in SOMEBODY.items())]  # fmt: skip
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        assert self._socket.recv(4096).startswith(b"HTTP/1.1 101 ")

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
