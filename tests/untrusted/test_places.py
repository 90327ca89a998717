"""Who waits for an answer takes no worker's place: what the supervisor grants, and how long a computation may last."""

from __future__ import annotations

import time

import wire
from harness.processes import wait_for
from harness.supervisor import LIGHT, Supervisor, started

ASK = "input('?')"
THINKS_S = 0.1


def ask(supervisor: Supervisor, name: str, code: str = ASK) -> None:
    """Open a session and let it wait for an answer."""
    supervisor.send(wire.Open(name, LIGHT), wire.Execute(name, name, code, True, True))
    supervisor.wait(lambda frame: asks(frame, name))


def asks(frame: wire.Up, computation: str) -> bool:
    return (
        isinstance(frame, wire.Output)
        and frame.computation == computation
        and any(message.msg_type == "input_request" for message in frame.messages)
    )


def granted(supervisor: Supervisor) -> int:
    """Return the credit after everything that was sent was dealt with."""
    number = 100 + len(supervisor.heard)
    supervisor.send(wire.Ping(number))
    supervisor.wait(lambda frame: isinstance(frame, wire.Pong) and frame.number == number)
    supervisor.send(wire.Ping(number + 1))
    supervisor.wait(lambda frame: isinstance(frame, wire.Pong) and frame.number == number + 1)
    return max(frame.granted for frame in supervisor.heard if isinstance(frame, wire.Credit))


def memory_bytes(supervisor: Supervisor, session: str) -> int:
    """Return what the supervisor knows of a session's memory, after another turn of it."""
    return supervisor.run(session, f"turn {len(supervisor.heard)}", "1", last=False, opened=True).usage.memory_bytes


def finished(supervisor: Supervisor, name: str) -> wire.Finished:
    return supervisor.wait(lambda frame: isinstance(frame, wire.Finished) and frame.computation == name)


def test_sessions_that_ask_give_their_places_away_up_to_the_bound():
    with started(languages=(LIGHT,), workers=2, asking_max=2) as supervisor:
        for number, credit in enumerate((3, 4, 4, 4), 1):
            ask(supervisor, f"asks{number}")
            assert granted(supervisor) == credit
        assert granted(supervisor) == 4
        for number in (1, 4):
            supervisor.send(wire.InputReply(f"asks{number}", f"asks{number}", "42"))
            assert finished(supervisor, f"asks{number}").state == "done"
            supervisor.wait(lambda frame, number=number: isinstance(frame, wire.Closed)
                            and frame.session == f"asks{number}")  # fmt: skip
        assert granted(supervisor) == 6


def test_an_answer_lets_a_session_go_on_at_once_and_credit_waits_for_its_end():
    with started(languages=(LIGHT,), workers=1, asking_max=1) as supervisor:
        ask(supervisor, "asks", "input()\nimport time\ntime.sleep(1000)")
        assert granted(supervisor) == 2
        supervisor.send(wire.Open("new", LIGHT), wire.Execute("new", "new", "input()", True, True))
        supervisor.wait(lambda frame: asks(frame, "new"))
        assert granted(supervisor) == 2
        supervisor.send(wire.InputReply("asks", "asks", ""), wire.InputReply("new", "new", "42"))
        assert finished(supervisor, "new").state == "done"
        supervisor.wait(lambda frame: isinstance(frame, wire.Closed) and frame.session == "new")
        assert granted(supervisor) == 2
        supervisor.send(wire.Close("asks"))
        supervisor.wait(lambda frame: isinstance(frame, wire.Closed) and frame.session == "asks")
        assert granted(supervisor) == 3


def test_sessions_that_ask_with_too_much_memory_together_keep_their_places():
    with started(languages=(LIGHT,), workers=2, asking_max=4, sessions_asking_bytes_max=300 << 20) as supervisor:
        supervisor.run("large", "fills", "x = bytearray(b'1') * (400 << 20)", last=False)
        # What is known of its memory may be a tenth of a second old.
        wait_for(lambda: memory_bytes(supervisor, "large") > 300 << 20)
        supervisor.send(wire.Execute("large", "large", ASK, True, True))
        supervisor.wait(lambda frame: asks(frame, "large"))
        assert granted(supervisor) == 2
        ask(supervisor, "small")
        assert granted(supervisor) == 3


def test_a_computation_ends_at_its_total_time_however_often_it_is_answered():
    with started(languages=(LIGHT,), workers=1, cell_wall_s=2.0, cell_total_s=2.0) as supervisor:
        begun, requests = time.monotonic(), 0
        supervisor.send(wire.Open("s", LIGHT), wire.Execute("s", "c", "while True: input()", True, True))
        while True:
            frame = supervisor.wait(lambda frame: asks(frame, "c") or isinstance(frame, wire.Finished))
            if isinstance(frame, wire.Finished):
                break
            requests += 1
            time.sleep(THINKS_S)  # the reader thinks
            supervisor.send(wire.InputReply("s", "c", ""))
        assert (frame.state, frame.reason) == ("failed", "time_wall")
        took_s = time.monotonic() - begun
        assert requests > 1 and took_s >= 2.0
        assert frame.usage.wall_s < took_s - THINKS_S * (requests - 1)  # what it waited for the reader is not in it
