"""What one session makes the supervisor do is done in slices: files looked for and read, frames taken, questions."""

from __future__ import annotations

import os
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest

import wire
from tests.languages import untrusted_python
from tests.untrusted.device import Supervisor, ship
from untrusted.channel import SAID_MESSAGES_MAX
from untrusted.supervisor.delivery import OUTPUT_BYTES_MAX, Deliveries, outputs
from untrusted.supervisor.output_files import Walk

# Finds the socket to the supervisor, as hostile code can, and speaks on it.
SPEAK = """
import os, socket, stat, struct, threading, time
sys_socket = next(
    s for s in (socket.socket(fileno=os.dup(int(fd))) for fd in os.listdir('/proc/self/fd')
                if int(fd) > 2 and os.path.exists(f'/proc/self/fd/{fd}')
                and stat.S_ISSOCK(os.stat(f'/proc/self/fd/{fd}').st_mode))
    if s.type == socket.SOCK_STREAM)
def text(word): return bytes([0xa0 + len(word)]) + word.encode()
def raw(data): return b'\\xc4' + bytes([len(data)]) + data
message = (b'\\x84' + text('msg_type') + text('clear_output') + text('content') + raw(b'{"wait":true}')
           + text('metadata') + raw(b'{}') + text('buffers') + b'\\x90')
def said(count): return b'\\x82' + text('type') + text('said') + text('messages') + b'\\xdd' + struct.pack('>I', count)
def send(frame): sys_socket.sendall(struct.pack('>I', len(frame)) + frame)
"""


@pytest.fixture(scope="module")
def supervisor():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        started = Supervisor(ship(Path(folder)), untrusted_python(), pool_ready=2)
        started.ready()
        yield started
        started.stop()


# --- files ----------------------------------------------------------------------------------------------------------
def test_a_walk_over_many_files_pauses_again_and_again(tmp_path):
    for number in range(5000):
        (tmp_path / f"{'.' * (number % 2)}{number}").touch()
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    walk = Walk(handle)
    assert sum(1 for _pause in walk.slices()) >= 3
    assert walk.whole and len(walk.found) == 2500
    os.close(handle)


def test_a_walk_that_looks_for_a_change_ends_at_the_first(tmp_path):
    for number in range(100):
        (tmp_path / str(number)).touch()
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    walk = Walk(handle)
    list(walk.slices({}))
    assert len(walk.found) == len(walk.changed({})) == 1
    walk.close()
    os.close(handle)


def file(session: str, pieces: int, size: int):
    """Yield the frames of a file."""
    for number in range(pieces):
        yield wire.File(session, session, "f", size, b"x", number == pieces - 1)


def sent(deliveries: Deliveries) -> list[wire.File]:
    frames: list[wire.File] = []
    while deliveries:
        frames.extend(deliveries.frames())
    return frames


def test_a_short_file_comes_in_the_middle_of_a_long_one_and_a_long_one_waits():
    deliveries = Deliveries()
    for session, pieces in (("long", 20), ("longest", 30), ("short", 1)):
        deliveries.add(session, file(session, pieces, pieces))
    order = [frame.session for frame in sent(deliveries)]
    assert order.index("short") <= 2
    several = [session for session in order if session != "short"]
    assert sorted(several) == ["long"] * 20 + ["longest"] * 30
    changes = sum(one != other for one, other in pairwise(several))
    assert changes == 1


def test_the_shortest_of_the_files_that_wait_is_the_next():
    deliveries = Deliveries()
    for session, pieces in (("c", 30), ("b", 20), ("a", 10)):
        deliveries.add(session, file(session, pieces, pieces))
    order = list(dict.fromkeys(frame.session for frame in sent(deliveries)))
    assert order == ["a", "b", "c"]


def test_the_end_of_a_cell_does_not_wait_for_the_files_of_another(supervisor):
    big = "for i in range(2): open(f'big{i}', 'wb').write(bytes(30 << 20))"
    supervisor.send(wire.Open("big", "python"), wire.Open("small", "python"))
    supervisor.run("small", "first", "1", last=False, opened=True)
    supervisor.send(wire.Execute("big", "big", big, True, True))
    supervisor.wait(lambda frame: isinstance(frame, wire.File))
    supervisor.run("small", "small", "open('small', 'w').write('s')", opened=True)
    heard = [frame for frame in supervisor.heard if getattr(frame, "computation", "") == "big"]
    assert not any(isinstance(frame, wire.Finished) for frame in heard)
    supervisor.wait(lambda frame: isinstance(frame, wire.Finished) and frame.computation == "big")
    files = [frame.name for frame in supervisor.heard if isinstance(frame, wire.File) and frame.last]
    assert files == ["small", "big0", "big1"]


def test_files_of_a_kept_session_are_handed_over_once(supervisor):
    supervisor.run("kept", "k1", "open('a', 'w').write('1')", last=False)
    supervisor.run("kept", "k2", "open('b', 'w').write('2')", last=False, opened=True)
    supervisor.send(wire.Upload("kept", "k3", "c", b"3", True))
    supervisor.run("kept", "k3", "import os\nos.mkdir('d')\nos.chdir('d')", last=False, opened=True)
    supervisor.send(wire.Upload("kept", "k4", "strayed", b"4", True))
    supervisor.run("kept", "k4", "print(open('strayed').read())", opened=True)
    assert supervisor.text("k4") == "4\n"
    files = [(frame.computation, frame.name) for frame in supervisor.heard
             if isinstance(frame, wire.File) and frame.session == "kept"]  # fmt: skip
    assert files == [("k1", "a"), ("k2", "b")]


# --- what a worker says ---------------------------------------------------------------------------------------------
HOSTILE = {
    "too many messages in a frame": f"send(said({SAID_MESSAGES_MAX + 1}) + message * {SAID_MESSAGES_MAX + 1})",
    "400,000 messages in a frame": "send(said(400_000) + bytes(400_000))",
    "a field said again and again": (
        "send(b'\\xdf' + struct.pack('>I', 300_002) + text('type') + text('said')"
        " + (text('messages') + b'\\x90') * 300_000 + text('messages') + b'\\x91' + message)"
    ),
    "a type that is a novel": (
        "send(said(1) + b'\\x82' + text('msg_type') + b'\\xdb' + struct.pack('>I', 1 << 20) + b'x' * (1 << 20)"
        " + text('content') + raw(b'{}'))"
    ),
    "65 buffers": "send(said(1) + message[:-1] + b'\\xdc' + struct.pack('>H', 65) + raw(b'') * 65)",
    "the end of a cell, twice": "for _ in range(2): send(b'\\x81' + text('type') + text('over'))",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_only_hostile_code_says_ends_its_session_alone(supervisor, what):
    supervisor.send(wire.Open(f"beside {what}", "python"))
    end = supervisor.run(what, what, f"{SPEAK}{HOSTILE[what]}\ntime.sleep(1000)", last=False)
    assert (end.state, end.reason) == ("failed", "protocol") or "twice" in what
    beside = supervisor.run(f"beside {what}", f"beside {what}", "1 + 1", opened=True)
    assert beside.state == "done"


def test_as_many_messages_as_a_frame_may_hold_are_passed_on(supervisor):
    code = f"{SPEAK}send(said({SAID_MESSAGES_MAX}) + message * {SAID_MESSAGES_MAX})"
    assert supervisor.run("most", "most", code).state == "done"
    assert sum(kind == "clear_output" for kind, _content in supervisor.messages("most")) == SAID_MESSAGES_MAX


def test_a_worker_that_closes_its_socket_and_lives_on_is_ended(supervisor):
    code = "import os, time\nos.closerange(3, 500)\ntime.sleep(1000)"
    end = supervisor.run("hung up", "hung up", code)
    assert (end.state, end.reason) == ("failed", "kernel_died")


def test_much_that_was_said_between_two_turns_comes_in_frames_that_fit(supervisor):
    code = """
import threading, time
def speak():
    time.sleep(0.5)
    for _ in range(4): display({'text/plain': 'x' * (3 << 20)}, raw=True)
threading.Thread(target=speak).start()
"""
    supervisor.run("held", "h1", code, last=False)
    supervisor.run("beside held", "beside held", "import time\ntime.sleep(2)")
    assert supervisor.run("held", "h2", "1", opened=True).state == "done"
    assert sum(kind == "display_data" for kind, _content in supervisor.messages("h2")) == 4


def test_messages_are_cut_into_frames_by_bytes_and_by_number():
    large = wire.Message("x", bytes(OUTPUT_BYTES_MAX // 2 - 2))
    frames = list(outputs("s", "c", [large] * 5))
    assert [len(frame.messages) for frame in frames] == [2, 2, 1]
    assert all(len(wire.encode(frame)) <= wire.FRAME_BYTES_MAX for frame in frames)
    small = [wire.Message("x", b"{}")] * (2 * wire.MESSAGES_MAX + 1)
    assert [len(frame.messages) for frame in outputs("s", "c", small)] == [wire.MESSAGES_MAX] * 2 + [1]


# --- questions ------------------------------------------------------------------------------------------------------
def answers(supervisor, *codes: str) -> list[tuple[int, str, bytes]]:
    """Put these questions at once to a fresh namespace; return (number, status, content) of each answer as it comes."""
    first = 1 + max((frame.request for frame in supervisor.heard if isinstance(frame, wire.IntrospectReply)), default=0)
    for request, code in enumerate(codes, first):
        supervisor.send(wire.Introspect(request, "", "python", "complete", code, len(code)))
    found: list[wire.IntrospectReply] = []
    while len(found) < len(codes):
        found.append(supervisor.wait(lambda frame: isinstance(frame, wire.IntrospectReply)))
    return [(answer.request - first, answer.status, answer.content) for answer in found]


@pytest.mark.parametrize("bomb", ["(" * 30_000, "a" * 60_000, "[(\n" * 20_000])
def test_code_that_nobody_writes_is_answered_with_nothing_at_once(supervisor, bomb):
    (first, second) = answers(supervisor, bomb, "pri")
    assert first[:2] == (0, "ok") and b'"matches":[]' in first[2]
    assert second[:2] == (1, "ok") and b'"print"' in second[2]


def test_a_slow_question_holds_nobody_up_and_is_answered_once(supervisor):
    slow = "x = 1\n" * 400_000
    found = answers(supervisor, slow, "pri", "str.", slow, "len")
    assert sorted(number for number, _status, _content in found) == [0, 1, 2, 3, 4]
    assert [number for number, status, _content in found if status == "ok"][:3] == [1, 2, 4]


def test_a_question_that_is_too_much_for_a_worker_is_an_error_and_not_put_again(supervisor):
    endless = "x = 1\n" * 1_300_000
    found = answers(supervisor, endless, "pri")
    assert [(number, status) for number, status, _content in found] == [(1, "ok"), (0, "error")]
    assert answers(supervisor, "pri")[0][1] == "ok"
