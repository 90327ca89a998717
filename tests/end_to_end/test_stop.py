"""An interrupt or a kill stops what it should and nothing else, and the student is told."""

from __future__ import annotations

import pytest

from tests.client import Outcome

CATCH = "import time\ntry:\n    print('in', flush=True)\n{0}\nexcept KeyboardInterrupt:\n    print('stopped')"

STOPPABLE = {
    "a loop": "    while True: pass",
    "time.sleep": "    time.sleep(1000)",
    "a subprocess": "    import subprocess\n    subprocess.run(['sleep', '1000'])",
    "numpy": "    import numpy\n    while True: numpy.linalg.svd(numpy.ones((200, 200)))",
    "a lock": "    import threading\n    threading.Event().wait()",
    "a join": "    import threading\n    t = threading.Thread(target=time.sleep, args=(8,))\n    t.start(); t.join()",
    "reading a pipe": "    import os\n    os.read(os.pipe()[0], 1)",
}


@pytest.mark.parametrize("where", STOPPABLE)
def test_an_interrupt_raises_keyboard_interrupt_in(client, where):
    computation = client.submit(CATCH.format(STOPPABLE[where]))["id"]
    client.until_printed(computation)
    assert client.interrupt(computation).status_code == 202
    outcome = client.finish(computation)
    assert (outcome.state, outcome.text()) == ("done", "in\nstopped\n")


@pytest.mark.parametrize("line", ["!sleep 1000", "%%bash\necho in\nsleep 1000", "import os\nos.system('sleep 1000')"])
def test_an_interrupt_ends_a_command_of_the_shell(client, line):
    code = line if line.startswith("%%") else f"print('in', flush=True)\n{line}"
    computation = client.submit(code, keep=True)
    if "echo" not in line:
        client.until_printed(computation["id"])
    else:
        client.until(computation["id"], lambda messages: len(messages) >= 2)
    client.interrupt(computation["id"])
    outcome = client.finish(computation["id"])
    assert outcome.state == "done"
    assert client.run("1 + 1", session=computation["session"]).result == "2"


def interrupted(client, code: str) -> Outcome:
    """Return the outcome of code that prints, goes on for ever and is stopped; its session is kept."""
    computation = client.submit(code, keep=True)
    client.until_printed(computation["id"])
    client.interrupt(computation["id"])
    return client.finish(computation["id"])


def test_an_interrupt_that_nobody_catches_is_an_error_and_the_session_goes_on(client):
    outcome = interrupted(client, "x = 5\nprint('in', flush=True)\nwhile True: pass")
    assert (outcome.state, outcome.error["ename"]) == ("done", "KeyboardInterrupt")
    assert outcome.of_type("execute_reply")[0]["status"] == "error"
    assert client.run("x", session=outcome.description["session"]).result == "5"


def test_an_interrupt_right_after_submission_stops_the_code_and_never_the_session(client):
    session = client.run("x = 5", keep=True).description["session"]
    for _ in range(20):
        computation = client.submit("while True: pass", session=session, keep=True)["id"]
        assert client.interrupt(computation).status_code == 202
        outcome = client.finish(computation)
        if outcome.state == "cancelled":  # it came before the code began
            assert outcome.of_type("execute_input") == [] and "started" not in outcome.description
        else:
            assert (outcome.state, outcome.error["ename"]) == ("done", "KeyboardInterrupt")
    assert client.run("x", session=session).result == "5"


def test_an_interrupt_ends_a_top_level_await_and_the_session_goes_on(client):
    outcome = interrupted(client, "import asyncio\nprint('in', flush=True)\nawait asyncio.sleep(1000)")
    assert (outcome.state, outcome.error["ename"]) == ("done", "KeyboardInterrupt")
    assert client.run("await asyncio.sleep(0, 'on')", session=outcome.description["session"]).result == "'on'"


def test_code_that_ignores_the_interrupt_is_killed_after_the_grace_and_cancelled(client):
    code = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('in', flush=True)\n"
    code += "while True: time.sleep(0.01)"
    computation = client.submit(code, keep=True)
    waiting = client.submit("1", session=computation["session"])["id"]
    client.until_printed(computation["id"])
    client.interrupt(computation["id"])
    outcome = client.finish(computation["id"])
    assert (outcome.state, outcome.reason) == ("cancelled", "cancelled")
    assert outcome.error["evalue"]
    assert client.finish(waiting).reason == "session_gone"


def test_interrupting_a_queued_cell_makes_sure_that_it_never_runs(client):
    first = client.submit("input()", keep=True)
    second = client.submit("print('ran')", session=first["session"], keep=True)["id"]
    client.until_asked(first["id"])
    assert client.get(second)["state"] == "queued"
    assert client.interrupt(second).status_code == 202
    client.answer(first["id"], "on")
    assert client.finish(first["id"]).result == "'on'"
    outcome = client.finish(second)
    assert (outcome.state, outcome.text()) == ("cancelled", "")


def test_deleting_a_queued_cell_makes_sure_that_it_never_runs_and_its_neighbours_do(client):
    first = client.submit("input()\nran = []", keep=True)
    session = first["session"]
    ids = [client.submit(f"ran.append({n})", session=session, keep=True)["id"] for n in range(3)]
    client.until_asked(first["id"])
    assert client.cancel(ids[1]).status_code == 202
    client.answer(first["id"], "")
    assert [client.finish(id).state for id in ids] == ["done", "cancelled", "done"]
    assert client.run("ran", session=session).result == "[0, 2]"


def test_delete_ends_the_session_of_a_running_cell_with_it(client):
    computation = client.submit("print('in', flush=True)\nwhile True: pass", keep=True)
    waiting = client.submit("1", session=computation["session"], keep=True)["id"]
    client.until_printed(computation["id"])
    assert client.cancel(computation["id"]).status_code == 202
    assert client.finish(computation["id"]).state == "cancelled"
    assert client.finish(waiting).reason == "session_gone"


def test_two_interrupts_are_no_more_than_two(client):
    code = """
print('in', flush=True)
import time
for _ in range(2):
    try:
        time.sleep(1000)
    except KeyboardInterrupt:
        print('caught', flush=True)
"""
    computation = client.submit(code)["id"]
    client.until_printed(computation)
    client.interrupt(computation)
    client.until(computation, lambda messages: any("caught" in m["content"].get("text", "") for m in messages))
    client.interrupt(computation)
    outcome = client.finish(computation)
    assert (outcome.state, outcome.text()) == ("done", "in\ncaught\ncaught\n")


def test_a_late_interrupt_does_not_hit_the_next_cell(client):
    first = client.submit("1", keep=True)
    client.finish(first["id"])
    second = client.submit("import time\nprint('in', flush=True)\ntime.sleep(0.3)", session=first["session"])["id"]
    client.until_printed(second)
    assert client.interrupt(first["id"]).status_code == 409
    assert client.cancel(first["id"]).status_code == 409
    outcome = client.finish(second)
    assert (outcome.state, outcome.text(), outcome.of_type("error")) == ("done", "in\n", [])
