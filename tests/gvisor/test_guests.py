"""Cells under gVisor: the whole conversation, through the whole server."""

from __future__ import annotations

import os

import pytest

from harness.processes import wait_for
from tests.gvisor.conftest import guests, needs_runsc

pytestmark = needs_runsc


def test_readiness_names_the_layer_and_not_what_it_replaces(client):
    (account,) = client.http.get(f"{client.url}/readyz", timeout=30).json()["accounts"]
    states = {layer["name"]: layer["state"] for layer in account["layers"]}
    assert set(states.values()) == {"on"}
    assert "gvisor" in states and "network_namespace" in states
    assert not {"seccomp", "landlock"} & set(states)


def test_a_cell_meets_another_kernel_than_the_hosts(client, session):
    code = "import getpass, os\nprint(*os.uname(), *os.listdir('/home'), getpass.getuser())"
    said = client.run(code, session=session, keep=True).text().split()
    assert os.uname().release not in said
    assert [said[1], *said[-2:]] == ["cell", "cell", "cell"]


def test_text_errors_and_pictures_come_back(client, session):
    code = "import matplotlib.pyplot as plt\nprint('text')\nplt.plot([1, 2])\nplt.show()\n1 / 0"
    outcome = client.run(code, session=session, keep=True)
    assert outcome.text() == "text\n"
    assert outcome.error["ename"] == "ZeroDivisionError"
    assert "image/png" in outcome.of_type("display_data")[0]["data"]


def test_files_go_in_and_come_out(client):
    code = "open('out.txt', 'w').write(open('in.txt').read() * 2)\nimport os\nos.symlink('/etc/passwd', 'link')"
    answer = client.http.post(
        f"{client.url}/computations", data={"code": code}, files={"file": ("in.txt", b"both ways")}, timeout=30
    ).json()
    outcome = client.finish(answer["id"])
    assert outcome.text("stderr") == "The file 'link' was not handed over: it is a link.\n"
    (file,) = client.http.get(answer["links"]["files"], timeout=30).json()["files"]
    assert client.http.get(file["url"], timeout=30).content == b"both waysboth ways"


def test_a_question_is_answered(client, session):
    computation = client.submit("print(input('name? ') + '!')", session=session, keep=True)["id"]
    client.until(computation, lambda messages: any(m["header"]["msg_type"] == "input_request" for m in messages))
    client.http.post(f"{client.url}/computations/{computation}/input", json={"value": "Ann"}, timeout=30)
    assert client.finish(computation).text() == "Ann!\n"


@pytest.mark.parametrize(
    "endless",
    ["while True: pass", "import time; time.sleep(1000)", "import subprocess; subprocess.run(['sleep', '1000'])"],
)
def test_stop_reaches_code_and_the_session_goes_on(client, session, endless):
    first = client.submit(f"print('in', flush=True)\n{endless}", session=session, keep=True)
    client.until(first["id"], lambda messages: any(m["header"]["msg_type"] == "stream" for m in messages))
    client.http.post(f"{client.url}/computations/{first['id']}/interrupt", timeout=30)
    assert client.finish(first["id"]).error["ename"] == "KeyboardInterrupt"
    assert client.run("kept + 1", session=session, keep=True).result == "42"


def test_names_are_completed_and_described_in_a_guest(client, session):
    assert "kept" in client.complete(session, "kep")["matches"]
    assert client.inspect(session, "kept")["found"]


def test_a_guest_ends_with_its_session(client, server):
    first = client.submit("import os\nos.fork() or os.setsid()\nimport time\nprint(1, flush=True)\ntime.sleep(1000)")
    client.until(first["id"], lambda messages: any(m["header"]["msg_type"] == "stream" for m in messages))
    there = guests(server.process.pid)
    client.http.delete(f"{client.url}/computations/{first['id']}", timeout=30)
    wait_for(lambda: there - guests(server.process.pid))


def test_sessions_share_no_files(client, session):
    client.run("open('/tmp/seed', 'w'), open('/dev/shm/seed', 'w'), open('seed', 'w')", session=session, keep=True)
    outcome = client.run("import os\nprint([os.path.exists(p) for p in ('/tmp/seed', '/dev/shm/seed', 'seed')])")
    assert outcome.text() == "[False, False, False]\n"
