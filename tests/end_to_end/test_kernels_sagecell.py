"""SageMathCell's kernels: its clients' partial headers, a socket for one kernel, SockJS for many, and files."""

from __future__ import annotations

import json
import re
import uuid

import pytest
import requests

from harness.kernel_sockets import KernelClient, KernelSocket, printed

CODE = "open('made.txt', 'w').write('whole')\nprint(factorial(5) if 'factorial' in globals() else 120)\n"


@pytest.fixture
def kernel(server) -> dict:
    """A kernel, as SageMathCell's clients start one."""
    answer = requests.post(f"{server.url}/kernel", data={"accepted_tos": "true", "timeout": "inf"}, timeout=30)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert answer.headers["Jupyter-Kernel-ID"] == found["id"] and len(found["id"]) == 36
    assert found["ws_url"] == server.url.replace("http", "ws") + "/"
    return found


def asked(code: str) -> dict:
    """Return an execute_request as contrib/sagecell-client makes it: without date, version and store_history."""
    header = {"msg_type": "execute_request", "msg_id": str(uuid.uuid4()), "username": "", "session": str(uuid.uuid4())}
    expressions = {"_sagecell_files": "sys._sage_.new_files()"}
    content = {"code": code, "silent": False, "user_expressions": expressions, "allow_stdin": False}
    return {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}


def test_what_sagemathcells_own_client_does_works(server, kernel):
    url = f"{server.url}/kernel/{kernel['id']}"
    with KernelSocket(f"{url}/channels", None, "x", **{"Jupyter-Kernel-ID": kernel["id"]}) as socket:
        request = asked(CODE)
        socket.send_raw(json.dumps(request))
        said = socket.finish(request["header"]["msg_id"])
    assert printed(said) == "120\n" and all(found["channel"] and found["msg_type"] for found in said)
    assert [found["header"]["msg_type"] for found in said][-2:] == ["execute_reply", "status"]
    reply = said[-2]["content"]
    assert reply["payload"][0] == {"new_files": ["made.txt"]} and reply["status"] == "ok"
    assert reply["user_expressions"]["_sagecell_files"]["status"] == "error"
    made = requests.get(f"{url}/files/made.txt", timeout=30)
    assert (made.text, made.headers["Cache-Control"]) == ("whole", "no-cache")
    assert requests.get(f"{url}/files/other.txt", timeout=30).status_code == 404
    assert requests.delete(url, timeout=30).status_code == requests.delete(url, timeout=30).status_code == 200


@pytest.mark.parametrize("path", ["sockjs/123/abcdefgh/websocket", "sockjs/websocket"], ids=["framed", "raw"])
def test_sockjs_speaks_with_two_kernels_over_one_socket(server, kernel, path):
    is_framed = path.count("/") > 1
    assert requests.get(f"{server.url}/sockjs/info", timeout=30).json()["websocket"] is True
    other = requests.post(f"{server.url}/kernel", timeout=30).json()["id"]
    kernels = [kernel["id"], other]
    with KernelSocket(f"{server.url}/{path}", None, "x") as socket:
        if is_framed:
            assert socket.receive_raw() == "o"
        strangers = f"{uuid.uuid4()}/channels,{json.dumps(asked('1'))}"
        known = [f"{id}/channels,{json.dumps(asked('print(7)'))}" for id in kernels]
        for text in (strangers, "no address at all", *known):
            socket.send_raw(json.dumps([text]) if is_framed else text)
        texts: dict[str, str] = {}
        while "7\n" not in texts.get(kernels[0], "") or "7\n" not in texts.get(kernels[1], ""):
            frame = socket.receive_raw()
            [text] = json.loads(frame[1:]) if is_framed else [frame]
            id, prefix, said = text[:36], text[36:46], json.loads(text[46:])
            assert prefix == "/channels," and re.fullmatch("[0-9a-f-]{36}", id)
            texts[id] = texts.get(id, "") + printed([said])
        assert set(texts) == set(kernels)
    KernelClient(server.url).ask("DELETE", f"/kernels/{other}", 204)


def start(server, **fields: str) -> str:
    """Start a kernel; return its address."""
    id = requests.post(f"{server.url}/kernel", data=fields, timeout=30).json()["id"]
    return f"{server.url}/kernel/{id}"


def until_dead(socket: KernelSocket) -> list[dict]:
    return socket.until(lambda found: found["content"].get("execution_state") == "dead")


def test_a_kernel_without_a_timeout_ends_with_what_it_runs_and_its_files_stay(server):
    url = start(server)
    for run in range(2):  # under its name another session begins
        with KernelSocket(f"{url}/channels", None, "x") as socket:
            code = f"print('kept' in globals())\nkept = 1\nopen('made.txt', 'w').write('{run}')"
            socket.send_raw(json.dumps(asked(code)))
            said = until_dead(socket)
            assert printed(said) == "False\n"
            assert [one["header"]["msg_type"] for one in said][-3:] == ["execute_reply", "status", "status"]
        assert requests.get(f"{url}/files/made.txt", timeout=30).text == str(run)


def test_a_kernel_that_is_to_stay_says_that_its_session_has_ended(server):
    with KernelSocket(f"{start(server, timeout='inf')}/channels", None, "x") as socket:
        socket.send_raw(json.dumps(asked("import os\nos._exit(1)")))
        until_dead(socket)
        assert socket.receive_raw() is None and socket.code == 1000


def test_a_kernel_may_be_idle_for_as_long_as_its_page_says(server):
    with KernelSocket(f"{start(server, timeout='2')}/channels", None, "x") as socket:
        first = asked("x = 1")
        socket.send_raw(json.dumps(first))
        socket.finish(first["header"]["msg_id"])
        socket.send_raw(json.dumps(asked("print(x)")))
        assert printed(until_dead(socket)) == "1\n"


@pytest.mark.parametrize("timeout", ["-1", "nan", "soon", "1e", "1e3", "٣", " 1"])
def test_a_timeout_that_is_none_is_refused(server, timeout):
    answer = requests.post(f"{server.url}/kernel?timeout={timeout}", timeout=30)
    assert (answer.status_code, answer.json()["detail"]) == (
        400, "`timeout` has to be a number of seconds, 0 or more, or `inf`.",
    )  # fmt: skip


def test_the_completer_answers_once_and_passes_over_what_it_does_not_know(server):
    def question(msg_type: str, **content: object) -> str:
        header = {"msg_type": msg_type, "msg_id": msg_type, "session": "s", "username": ""}
        return "complete," + json.dumps({"header": header, "content": content, "parent_header": {}, "metadata": {}})

    with KernelSocket(f"{server.url}/sockjs/1/abc/websocket", None, "x") as socket:
        socket.receive_raw()
        asks = [
            question("execute_request", code="print(1)"),
            question("complete_request", text="", line="prin", cursor_pos=4, mode="python"),
            question("object_info_request", oname="print", detail_level=0),
        ]
        socket.send_raw(json.dumps(asks))
        replies = {}
        while len(replies) < 2:
            [text] = json.loads(socket.receive_raw()[1:])
            assert text.startswith("complete,")
            said = json.loads(text.removeprefix("complete,"))
            assert said["parent_header"]["msg_id"] not in replies
            replies[said["parent_header"]["msg_id"]] = said["content"]
        assert "print" in replies["complete_request"]["matches"] and replies["complete_request"]["cursor_start"] == 0
        assert replies["object_info_request"]["found"]
        socket.send_raw(json.dumps([question("complete_request", line=5)]))
        assert socket.receive_raw() is None and socket.code == 1007


@pytest.mark.parametrize("content", [{}, {"interact_id": 5, "values": {}}, {"interact_id": "no", "values": {"n": 1}}])
def test_moving_a_control_that_is_not_there_does_no_harm(server, kernel, content):
    with KernelSocket(f"{server.url}/kernel/{kernel['id']}/channels", None, "x") as socket:
        for made in ({**asked(""), "content": content}, asked("print(7)")):
            if made["content"] is content:
                made["header"]["msg_type"] = "sagenb.interact.update_interact"
            socket.send_raw(json.dumps(made))
        assert printed(socket.finish(made["header"]["msg_id"])) == "7\n"


def test_its_script_is_told_that_there_are_no_terms(server):
    answer = requests.post(f"{server.url}/tos.html", headers={"Origin": "https://a.example"}, timeout=30)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert requests.get(f"{server.url}/help.html", timeout=30).url == f"{server.url}/installed"
