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
