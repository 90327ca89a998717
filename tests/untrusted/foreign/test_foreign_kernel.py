"""A kernel of somebody else's is a language like others: the reader sees what it says, and limits hold."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, cast

import pytest

import wire
from harness.processes import wait_for
from harness.supervisor import Supervisor

_numbers = itertools.count()


class Conversation:
    """A session in the odd kernel's language."""

    def __init__(self, supervisor: Supervisor, language: str = "odd") -> None:
        self.supervisor, self.session = supervisor, f"session{next(_numbers)}"
        supervisor.send(wire.Open(self.session, language))

    def begin(self, code: str, last: bool = False) -> str:
        """Send a cell; return the id of its computation."""
        computation = f"c{next(_numbers)}"
        self.supervisor.send(wire.Execute(self.session, computation, code, True, last))
        return computation

    def end(self, computation: str) -> wire.Finished:
        """Return the end of a computation."""
        frame = self.supervisor.wait(lambda up: isinstance(up, wire.Finished) and up.computation == computation)
        return cast("wire.Finished", frame)

    def run(self, code: str, last: bool = False) -> list[tuple[str, dict[str, Any]]]:
        """Return the messages of a cell that comes to its end."""
        computation = self.begin(code, last)
        assert self.end(computation).state == "done"
        return self.supervisor.messages(computation)

    def said(self, code: str) -> list[tuple[str, dict[str, Any]]]:
        """Return what a cell says between its input and its reply."""
        messages = self.run(code)
        assert [kind for kind, _ in messages[:2]] == ["status", "execute_input"]
        assert [kind for kind, _ in messages[-2:]] == ["execute_reply", "status"]
        return messages[2:-2]

    def wait_for(self, computation: str, msg_type: str) -> None:
        """Return when a message of this type has come."""
        self.supervisor.wait(
            lambda up: isinstance(up, wire.Output) and up.computation == computation
            and any(message.msg_type == msg_type for message in up.messages)
        )  # fmt: skip


@pytest.fixture
def talk(supervisor: Supervisor) -> Conversation:
    """A session of the test's own."""
    return Conversation(supervisor)


def stream(text: str, name: str = "stdout") -> tuple[str, dict[str, str]]:
    return "stream", {"name": name, "text": text}


def test_its_version_is_what_the_kernel_says(supervisor: Supervisor) -> None:
    reports = [report for frame in supervisor.heard if isinstance(frame, (wire.Hello, wire.Languages))
               for report in frame.languages if report.name == "odd" and report.state == "ready"]  # fmt: skip
    assert (reports[0].version, reports[0].packages) == ("1.5", {})


def test_values_displays_and_errors_are_passed_on_and_variables_kept(talk: Conversation) -> None:
    value = {"execution_count": 1, "data": {"text/plain": "4"}, "metadata": {}}
    code = "x += 1\nkernel.say('execute_result', {'data': {'text/plain': str(x)}, 'metadata': {}})"
    assert talk.said(code) == [("execute_result", value)]
    shown = "kernel.say('display_data', {'data': {'text/plain': str(x)}, 'metadata': {}, 'transient': {}})"
    assert talk.said(shown) == [("display_data", {"data": {"text/plain": "4"}, "metadata": {}})]
    messages = talk.run("1 / 0")
    assert messages[2][1]["ename"] == "ZeroDivisionError"
    assert messages[-2][1]["status"] == "error" and messages[-2][1]["execution_count"] == 3


def test_many_small_texts_become_few_messages_in_their_order(talk: Conversation) -> None:
    code = "for n in range(5000): kernel.say('stream', {'name': 'stdout', 'text': f'{n}\\n'})"
    said = talk.said(code)
    assert "".join(content["text"] for _kind, content in said) == "".join(f"{n}\n" for n in range(5000))
    assert len(said) < 500


def test_what_it_and_its_programs_print_past_the_protocol_is_shown(talk: Conversation) -> None:
    code = "import os, subprocess; os.write(2, b'past\\n'); subprocess.run(['echo', 'a program'])"
    assert sorted(talk.said(code), key=str) == sorted([stream("past\n", "stderr"), stream("a program\n")], key=str)


def test_its_environment_is_the_kernelspecs_its_directory_the_sessions_own(talk: Conversation) -> None:
    code = "import os; os.write(1, f\"{os.environ['GREETING']} {os.environ['PLAIN']} {os.getcwd()}\".encode())"
    assert talk.said(code) == [stream("${GREETING}hello from /home/cell 1 /home/cell")]


def test_it_asks_and_is_answered(talk: Conversation) -> None:
    computation = talk.begin("kernel.say('stream', {'name': 'stdout', 'text': 'Hm. '})\nname = kernel.ask('Who? ')\n"
                             "kernel.say('stream', {'name': 'stdout', 'text': name})")  # fmt: skip
    talk.wait_for(computation, "input_request")
    talk.supervisor.send(wire.InputReply(talk.session, computation, "Zoë"))
    assert talk.end(computation).state == "done"
    asked = ("input_request", {"prompt": "Who? ", "password": False})
    assert talk.supervisor.messages(computation)[2:-2] == [stream("Hm. "), asked, stream("Zoë")]


@pytest.mark.parametrize(
    "code",
    [
        "import time\nkernel.say('stream', {'name': 'stdout', 'text': 'go'})\ntime.sleep(600)",
        "kernel.say('stream', {'name': 'stdout', 'text': 'go'})\nwhile True: pass",
        "import subprocess\nkernel.say('stream', {'name': 'stdout', 'text': 'go'})\nsubprocess.run(['sleep', '600'])",
    ],
    ids=["sleeping", "computing", "waiting for a program"],
)
def test_stop_ends_the_cell_and_not_the_session(talk: Conversation, code: str) -> None:
    talk.run("kept = 7")
    computation = talk.begin(code)
    talk.wait_for(computation, "stream")
    talk.supervisor.send(wire.Interrupt(talk.session, computation))
    assert talk.end(computation).state == "done"
    (error,) = [content for kind, content in talk.supervisor.messages(computation) if kind == "error"]
    assert error["ename"] == "KeyboardInterrupt"
    assert talk.said("import os; os.write(1, str(kept).encode())") == [stream("7")]


@pytest.mark.parametrize("_time", range(5))
def test_a_stop_at_the_very_beginning_is_not_lost(talk: Conversation, _time: int) -> None:
    talk.run("kept = 7")
    computation = talk.begin("import time; time.sleep(600)")
    talk.wait_for(computation, "status")
    talk.supervisor.send(wire.Interrupt(talk.session, computation))
    assert talk.end(computation).state == "done"
    assert talk.said("import os; os.write(1, str(kept).encode())") == [stream("7")]


def test_a_kernel_that_wants_to_be_told_of_stop_is_told_by_a_message(supervisor: Supervisor) -> None:
    talk = Conversation(supervisor, "told")
    computation = talk.begin("import time\nkernel.say('stream', {'name': 'stdout', 'text': 'go'})\ntime.sleep(600)")
    talk.wait_for(computation, "stream")
    supervisor.send(wire.Interrupt(talk.session, computation))
    assert talk.end(computation).state == "done"
    assert talk.said("import os; os.write(1, b'on')") == [stream("on")]


def test_stop_ends_a_question(talk: Conversation) -> None:
    computation = talk.begin("kernel.ask('Who? ')")
    talk.wait_for(computation, "input_request")
    talk.supervisor.send(wire.Interrupt(talk.session, computation))
    assert talk.end(computation).state == "done"
    assert talk.said("import os; os.write(1, b'on')") == [stream("on")]


def test_a_stop_between_a_question_and_the_wait_for_its_answer_is_not_lost(talk: Conversation) -> None:
    # The question lies there when the worker, its parent, is interrupted: as if the reader had pressed Stop just then.
    computation = talk.begin(
        "import os, signal\nasked = {'prompt': '', 'password': False}\n"
        "kernel.send('stdin', 'input_request', asked, [kernel.identity])\n"
        "os.kill(os.getppid(), signal.SIGINT)\nkernel.receive('stdin')"
    )
    assert talk.end(computation).state == "done"
    (error,) = [content for kind, content in talk.supervisor.messages(computation) if kind == "error"]
    assert error["ename"] == "KeyboardInterrupt"
    assert talk.said("import os; os.write(1, b'on')") == [stream("on")]


def test_a_kernel_that_ignores_stop_ends_with_its_session(talk: Conversation) -> None:
    code = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    computation = talk.begin(code + "kernel.say('stream', {'name': 'stdout', 'text': 'go'})\ntime.sleep(600)")
    talk.wait_for(computation, "stream")
    talk.supervisor.send(wire.Interrupt(talk.session, computation))
    finished = talk.end(computation)
    assert (finished.state, finished.reason) == ("failed", "cancelled")


def test_what_is_no_message_is_left_out_and_said(talk: Conversation) -> None:
    said = talk.said("kernel.sockets['iopub'].send_multipart([b'nonsense', b'<IDS|MSG>', b'', b'[', b'', b'', b''])")
    assert said == [stream("What the kernel said is no message of Jupyter's protocol, and was left out.\n", "stderr")]


@pytest.mark.parametrize(
    ("msg_type", "content"),
    [
        ("stream", {"name": "stdout"}),
        ("stream", {"name": 7, "text": ["a"]}),
        ("made_up", {"a": 1}),
        ("display_data", {"data": {}, "metadata": {}}),
        ("status", {"execution_state": "starting"}),
        ("execute_input", {"code": 7, "execution_count": "two"}),
    ],
)
def test_messages_that_say_nothing_are_no_messages(talk: Conversation, msg_type: str, content: dict[str, Any]) -> None:
    assert talk.said(f"kernel.say({msg_type!r}, {content!r})") == []


@pytest.mark.parametrize(
    ("msg_type", "content", "made"),
    [
        ("error", {}, {"ename": "Error", "evalue": "", "traceback": []}),
        ("error", {"ename": 5, "traceback": [1, None]}, {"ename": "5", "evalue": "", "traceback": ["1", ""]}),
        ("clear_output", {"more": 1}, {"wait": False}),
        (
            "display_data",
            {"data": {"application/json": {"a": float("nan")}}, "metadata": 5, "transient": [], "extra": 1},
            {"data": {"application/json": {"a": None}}, "metadata": {}},
        ),
        (
            "execute_result",
            {"data": {"text/plain": "1"}, "execution_count": 10**30},
            {"data": {"text/plain": "1"}, "metadata": {}, "execution_count": 1},
        ),
    ],
)
def test_messages_of_another_shape_are_given_the_right_one(
    talk: Conversation, msg_type: str, content: dict[str, Any], made: dict[str, Any]
) -> None:
    code = f"import json; kernel.say({msg_type!r}, json.loads({json.dumps(content)!r}))"
    assert talk.said(code) == [(msg_type, made)]


def test_a_bundle_that_cannot_be_sent_is_said_in_a_sentence(talk: Conversation) -> None:
    ((kind, content),) = talk.said("kernel.say('display_data', {'data': 5})")
    assert kind == "stream" and content["text"].startswith("An output was left out: its MIME bundle is of type int")


def test_an_error_that_stands_in_the_reply_alone_is_shown(talk: Conversation) -> None:
    ((kind, content),) = talk.said("reply.clear(); reply.update(status='error', ename='Oops', evalue='no')")
    assert (kind, content["ename"], content["evalue"]) == ("error", "Oops", "no")


def test_one_that_never_says_that_it_is_idle_comes_to_an_end_all_the_same(talk: Conversation) -> None:
    assert talk.said("kernel.says_idle = False") == []
    assert talk.said("import os; os.write(1, b'on')") == [stream("on")]


def test_a_kernel_that_dies_in_a_cell_says_its_last_words_and_no_neighbour_notices(talk: Conversation) -> None:
    neighbour = Conversation(talk.supervisor)
    neighbour.run("y = 5")
    computation = talk.begin("import os; os.write(2, b'Segmentation fault'); os._exit(139)")
    finished = talk.end(computation)
    assert (finished.state, finished.reason) == ("failed", "kernel_died")
    assert talk.supervisor.text(computation) == "Segmentation fault"
    assert neighbour.said("import os; os.write(1, str(y).encode())") == [stream("5")]


def test_a_kernel_that_dies_between_two_cells_ends_its_session(talk: Conversation) -> None:
    talk.run("import os, threading; threading.Timer(0.3, os._exit, [1]).start()")
    closed = talk.supervisor.wait(lambda up: isinstance(up, wire.Closed) and up.session == talk.session)
    assert cast("wire.Closed", closed).reason == "kernel_died"


def test_a_flood_ends_with_the_limit_of_output(talk: Conversation) -> None:
    code = "while True: kernel.say('display_data', {'data': {'text/plain': 'x' * 100}, 'metadata': {}})"
    finished = talk.end(talk.begin(code))
    assert (finished.state, finished.reason) == ("failed", "output")


def test_what_it_leaves_running_ends_with_the_session(talk: Conversation) -> None:
    talk.run("import subprocess\nfor _ in range(3): subprocess.Popen(['sleep', '987'], start_new_session=True)")
    wait_for(lambda: len(sleepers()) == 3)  # a program has its name a moment after it has begun
    talk.supervisor.send(wire.Close(talk.session))
    talk.supervisor.wait(lambda up: isinstance(up, wire.Closed) and up.session == talk.session)
    assert sleepers() == []


def sleepers() -> list[str]:
    """Return the commands of programs that the test above leaves running."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [words for words in [command.read_bytes().decode()] if words == "sleep\x00987\x00"]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_a_kernel_that_overwrites_its_connection_file_goes_on(talk: Conversation) -> None:
    talk.run("open(kernel.connection_file, 'w').write('{}')")
    assert talk.said("import os; os.write(1, b'on')") == [stream("on")]


def test_it_is_under_the_same_lockdown(talk: Conversation) -> None:
    code = """
import os, socket
for attempt in (lambda: socket.socket(socket.AF_INET), lambda: os.unshare(os.CLONE_NEWUSER) if hasattr(os, 'unshare')
                else os.chroot('/'), lambda: open('/etc/shadow'), lambda: open('/usr/x', 'w'),
                lambda: os.kill(1, 9) or os.stat('/proc/1/root/root')):
    try:
        attempt()
        os.write(1, b'!')
    except OSError:
        os.write(1, b'.')
"""
    assert talk.said(code) == [stream(".....")]


def test_completion_and_inspection_are_the_kernels(talk: Conversation) -> None:
    talk.run("1")
    assert introspect(talk, "complete")["matches"] == ["odd"]
    assert introspect(talk, "inspect")["data"] == {"text/plain": "odd"}
    talk.run("completions = {'status': 'ok', 'matches': [5, 'b'], 'cursor_start': -1, 'cursor_end': 'x'}")
    assert introspect(talk, "complete") == {
        "status": "ok", "matches": [], "cursor_start": 2, "cursor_end": 2, "metadata": {},
    }  # fmt: skip


def test_a_kernel_that_does_not_know_inspection_says_nothing_and_lives(talk: Conversation) -> None:
    talk.run("silent = True")
    assert introspect(talk, "inspect") == {"status": "ok", "found": False, "data": {}, "metadata": {}}
    assert talk.said("import os; os.write(1, b'on')") == [stream("on")]


def introspect(talk: Conversation, kind: Any) -> dict[str, Any]:
    number = next(_numbers) + 1000
    talk.supervisor.send(wire.Introspect(number, talk.session, "odd", kind, "ab", 2))
    frame = talk.supervisor.wait(lambda up: isinstance(up, wire.IntrospectReply) and up.request == number)
    assert isinstance(frame, wire.IntrospectReply) and frame.status == "ok"
    found: dict[str, Any] = json.loads(frame.content)
    return found


def test_comms_go_both_ways_with_their_buffers(talk: Conversation) -> None:
    talk.run("1")
    computation = f"c{next(_numbers)}"
    # Longer than a kernel may be silent after a reply.
    content = json.dumps({"comm_id": "a", "data": {"slow_s": 1.5}}).encode()
    talk.supervisor.send(wire.Deliver(talk.session, computation, "comm_msg", content, b"{}", [b"\x01\x02"], False))
    assert talk.end(computation).state == "done"
    (message,) = [
        message for frame in talk.supervisor.heard
        if isinstance(frame, wire.Output) and frame.computation == computation
        for message in frame.messages if message.msg_type == "comm_msg"
    ]  # fmt: skip
    assert json.loads(message.content) == {"comm_id": "a", "data": {"heard": {"slow_s": 1.5}}}
    assert message.buffers == [b"\x02\x01"]


@pytest.mark.parametrize(
    ("payload", "made"),
    [
        ({"source": "page", "data": {"a/b": "c"}, "d": 1}, [{"source": "page", "data": {"a/b": "c"}, "start": 0}]),
        ({"source": "set_next_input", "text": "b"}, [{"source": "set_next_input", "text": "b", "replace": False}]),
        ({"source": "ask_exit"}, []),
        ({"source": "made_up"}, []),
        ("none", []),
    ],
)  # fmt: skip
def test_payloads_are_those_that_pages_obey(talk: Conversation, payload: Any, made: list[dict[str, Any]]) -> None:
    assert talk.run(f"reply['payload'] = [{payload!r}]")[-2][1]["payload"] == made


def test_values_of_expressions_are_the_kernels(talk: Conversation) -> None:
    value = {"status": "ok", "data": {"text/plain": "3"}, "metadata": {}}
    reply = talk.run(f"reply['user_expressions'] = {{'x': {value!r}, 'y': 5}}")[-2][1]
    assert reply["user_expressions"] == {"x": value}
