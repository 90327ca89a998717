"""What the device gets at the end of a turn comes bit by bit, and nobody waits for the files of another."""

from __future__ import annotations

from itertools import pairwise

import wire
from untrusted.supervisor.delivery import OUTPUT_BYTES_MAX, Deliveries, outputs


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
    assert sorted(files) == ["big0", "big1", "small"] and files[-1] == "big1"


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


def test_much_that_was_said_between_two_turns_comes_in_frames_that_fit(supervisor):
    code = """
import os, threading, time
def speak():
    while not os.path.exists('go'): time.sleep(0.01)
    for _ in range(4): display({'text/plain': 'x' * (3 << 20)}, raw=True)
speaking = threading.Thread(target=speak)
speaking.start()
"""
    supervisor.run("held", "h1", code, last=False)
    supervisor.send(wire.Upload("held", "h2", "go", b"", True))
    supervisor.run("beside held", "beside held", "import time\ntime.sleep(1)")  # meanwhile it has said most
    assert supervisor.run("held", "h2", "speaking.join()", opened=True).state == "done"
    assert sum(kind == "display_data" for kind, _content in supervisor.messages("h2")) == 4


def test_messages_are_cut_into_frames_by_bytes_and_by_number():
    large = wire.Message("x", bytes(OUTPUT_BYTES_MAX // 2 - 2))
    frames = list(outputs("s", "c", [large] * 5))
    assert [len(frame.messages) for frame in frames] == [2, 2, 1]
    assert all(len(wire.encode(frame)) <= wire.FRAME_BYTES_MAX for frame in frames)
    small = [wire.Message("x", b"{}")] * (2 * wire.MESSAGES_MAX + 1)
    assert [len(frame.messages) for frame in outputs("s", "c", small)] == [wire.MESSAGES_MAX] * 2 + [1]
