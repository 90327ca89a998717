"""The untrusted side alone: ``untrusted/`` and ``wire.py`` in an empty folder, spoken to over the wire."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import wire
from harness.processes import all_end, wait_for
from harness.supervisor import Supervisor, started
from host import descendants

POOL_READY = 4
LOOP = "print('in', flush=True)\nwhile True: pass"


@pytest.fixture(scope="module")
def supervisor():
    with started(pool_ready=POOL_READY) as supervisor:
        yield supervisor


def test_a_cell_runs_with_nothing_but_untrusted_and_wire(supervisor):
    end = supervisor.run("s1", "c1", "print('alone')\n1+1")
    assert (end.state, end.reason) == ("done", None)
    kinds = [kind for kind, _content in supervisor.messages("c1")]
    assert kinds == ["status", "execute_input", "stream", "execute_result", "execute_reply", "status"]


def frames(supervisor: Supervisor, session: str) -> list[list[str]]:
    """Return what each frame about a session says: the types of its messages, or its own."""
    about = [frame for frame in supervisor.heard if getattr(frame, "session", None) == session]
    return [
        [message.msg_type for message in frame.messages] if isinstance(frame, wire.Output) else [type(frame).__name__]
        for frame in about
    ]


def test_a_short_cell_is_told_in_four_frames(supervisor):
    supervisor.run("short", "short", "1+1")
    supervisor.wait(lambda frame: isinstance(frame, wire.Closed) and frame.session == "short")
    assert frames(supervisor, "short") == [
        ["status", "execute_input"],
        ["execute_result", "execute_reply", "status"],
        ["Finished"],
        ["Closed"],
    ]


@pytest.mark.parametrize("lines", [3, 4, 5, 500])
def test_two_streams_that_take_turns_come_whole_however_many_messages_that_makes(supervisor, lines):
    code = f"import sys\nfor i in range({lines}):\n    print(i)\n    print(-i, file=sys.stderr)\n42"
    end = supervisor.run(f"turns {lines}", f"turns {lines}", code)
    assert (end.state, end.reason) == ("done", None)
    said = [content for kind, content in supervisor.messages(f"turns {lines}") if kind == "stream"]
    for name, sign in (("stdout", ""), ("stderr", "-")):
        text = "".join(content["text"] for content in said if content["name"] == name)
        assert text.split() == [f"{sign if number else ''}{number}" for number in range(lines)]


@pytest.mark.parametrize(
    "code",
    [
        "get_ipython().run_cell('42')\nimport time\ntime.sleep(1000)",
        "import sys\nsys.displayhook(42)\nimport time\ntime.sleep(1000)",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n42",
        "for get_ipython().ast_node_interactivity in ['all']: pass\nget_ipython().run_cell('42\\n43')\n"
        "import time\ntime.sleep(1000)",
    ],
)
def test_a_value_with_something_behind_it_does_not_wait_for_the_end(supervisor, code):
    supervisor.send(wire.Open(code, "python"), wire.Execute(code, code, code, True, True))
    supervisor.wait(lambda _frame: any("execute_result" in frame for frame in frames(supervisor, code)))
    supervisor.send(wire.Interrupt(code, code))
    supervisor.wait(lambda frame: isinstance(frame, wire.Finished) and frame.computation == code)
    told = [frame for frame in frames(supervisor, code) if "execute_result" in frame]
    assert told and not any("execute_reply" in frame for frame in told)


def test_a_kept_session_remembers_and_its_end_is_told(supervisor):
    supervisor.run("s2", "c2", "x = 41", last=False)
    supervisor.run("s2", "c3", "print(x + 1)", opened=True)
    assert supervisor.text("c3") == "42\n"
    supervisor.wait(lambda frame: isinstance(frame, wire.Closed) and frame.session == "s2")


def test_files_come_before_the_reply(supervisor):
    supervisor.run("s3", "c4", "open('made.txt', 'w').write('hello')")
    about = [frame for frame in supervisor.heard if getattr(frame, "computation", "") == "c4"]
    file = next(i for i, frame in enumerate(about) if isinstance(frame, wire.File))
    assert (about[file].name, about[file].data, about[file].last) == ("made.txt", b"hello", True)
    assert "execute_reply" in [message.msg_type for message in about[file + 1].messages]


def test_an_uploaded_file_is_there(supervisor):
    pieces = [wire.Upload("s4", "c5", "in.txt", b"a", False), wire.Upload("s4", "c5", "in.txt", b"b", True)]
    supervisor.send(wire.Open("s4", "python"), *pieces)
    supervisor.run("s4", "c5", "print(open('in.txt').read())", opened=True)
    assert supervisor.text("c5") == "ab\n"


def test_an_interrupt_stops_a_loop_and_the_session_goes_on(supervisor):
    supervisor.send(wire.Open("s5", "python"), wire.Execute("s5", "c6", LOOP, True, False))
    supervisor.wait(lambda f: isinstance(f, wire.Output) and any(m.msg_type == "stream" for m in f.messages))
    supervisor.send(wire.Interrupt("s5", "c6"))
    end = supervisor.wait(lambda frame: isinstance(frame, wire.Finished) and frame.computation == "c6")
    assert end.state == "done"
    assert "KeyboardInterrupt" in str(supervisor.messages("c6"))
    supervisor.run("s5", "c7", "print('still here')", opened=True)
    assert supervisor.text("c7") == "still here\n"


def test_close_kills_at_once(supervisor):
    supervisor.send(wire.Open("s6", "python"), wire.Execute("s6", "c8", LOOP, True, True))
    supervisor.wait(lambda f: isinstance(f, wire.Output) and any(m.msg_type == "stream" for m in f.messages))
    supervisor.send(wire.Close("s6"))
    end = supervisor.wait(lambda frame: isinstance(frame, wire.Finished) and frame.computation == "c8")
    assert (end.state, end.reason) == ("failed", "cancelled")


def test_an_input_reply_reaches_input(supervisor):
    supervisor.send(wire.Open("s7", "python"), wire.Execute("s7", "c9", "print(input('name? '))", True, True))
    supervisor.wait(lambda f: isinstance(f, wire.Output) and any(m.msg_type == "input_request" for m in f.messages))
    supervisor.send(wire.InputReply("s7", "c9", "Ada"))
    supervisor.wait(lambda frame: isinstance(frame, wire.Finished) and frame.computation == "c9")
    assert supervisor.text("c9") == "Ada\n"


def test_completions_come_from_a_fresh_and_from_a_live_namespace(supervisor):
    supervisor.send(wire.Introspect(1, "", "python", "complete", "pri", 3))
    fresh = supervisor.wait(lambda frame: isinstance(frame, wire.IntrospectReply) and frame.request == 1)
    assert fresh.status == "ok" and b"print" in fresh.content
    supervisor.run("s8", "c10", "unusual_name = 1", last=False)
    supervisor.send(wire.Introspect(2, "s8", "python", "complete", "unusual_", 8))
    live = supervisor.wait(lambda frame: isinstance(frame, wire.IntrospectReply) and frame.request == 2)
    assert b"unusual_name" in live.content
    supervisor.send(wire.Close("s8"))


def test_credit_comes_back_when_sessions_end(supervisor):
    before = max(frame.granted for frame in supervisor.heard if isinstance(frame, wire.Credit))
    for i in range(6):
        supervisor.run(f"many{i}", f"cell{i}", "1")
    # The end of a computation is told before its session is buried, and credit after that.
    supervisor.wait(lambda frame: isinstance(frame, wire.Credit) and frame.granted >= before + 6)
    grants = [frame.granted for frame in supervisor.heard if isinstance(frame, wire.Credit)]
    assert grants == sorted(grants)


def test_the_pool_is_full_again_after_a_cell(supervisor):
    supervisor_pid = supervisor.process.pid

    def inits() -> set[str]:
        (zygote,) = Path(f"/proc/{supervisor_pid}/task/{supervisor_pid}/children").read_text().split()
        return set(Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split())

    # Sessions of the tests before may be among them, and end meanwhile.
    there = wait_for(lambda: len(found := inits()) >= POOL_READY and found)
    supervisor.run("taken", "c-taken", "1")
    wait_for(lambda: len(now := inits()) >= POOL_READY and there - now and now - there)


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")
def test_nothing_outlives_the_trusted_side():
    with started() as supervisor:
        supervisor.send(wire.Open("s", "python"), wire.Execute("s", "c", "import time; time.sleep(1000)", True, True))
        supervisor.wait(lambda frame: isinstance(frame, wire.Output))
        below = descendants.find(supervisor.process.pid)
        assert below
        with all_end(below):
            supervisor.hang_up()
