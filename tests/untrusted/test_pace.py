"""Files and long output give way to the cells of others, and only to those."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

import wire
from untrusted.supervisor.delivery import Deliveries
from untrusted.supervisor.pace import FILES_BYTES_S, FREE_BYTES, LATELY_S, OUTPUT_BYTES_S, Pace
from wire import CHUNK_BYTES

MIB, LINES = 1 << 20, 12


@pytest.fixture
def pace() -> Pace:
    """A pace after more than what is free has gone of session "files"."""
    pace = Pace(FILES_BYTES_S)
    pace.begin("files", 0.0)
    pace.count("files", FREE_BYTES, 1.0)
    return pace


def test_nobody_waits_who_is_alone(pace):
    assert pace.wait_s("files", 1.0) == 0.0


def test_files_beside_another_go_at_their_pace(pace):
    pace.begin("other", 1.0)
    wait_s = pace.wait_s("files", 1.0)
    assert wait_s == pytest.approx(FREE_BYTES / FILES_BYTES_S)
    assert pace.wait_s("files", 1.0 + wait_s / 2) == pytest.approx(wait_s / 2)
    assert pace.wait_s("files", 1.0 + wait_s) == pytest.approx(0.0, abs=1e-9)


def test_pieces_add_up(pace):
    pace.begin("other", 1.0)
    pace.count("files", FILES_BYTES_S, 1.0)
    assert pace.wait_s("files", 1.0) > 1.0


@pytest.mark.parametrize("size_bytes,waits", [(FREE_BYTES - 1, False), (FREE_BYTES, True), (FREE_BYTES + 1, True)])
def test_what_most_cells_hand_over_does_not_wait(size_bytes, waits):
    pace = Pace(FILES_BYTES_S)
    pace.begin("other", 1.0)
    pace.count("few", size_bytes, 1.0)
    assert (pace.wait_s("few", 1.0) > 0) == waits


def test_who_began_long_ago_does_not_slow_files(pace):
    pace.begin("other", 1.0)
    pace.count("files", int(3 * LATELY_S * FILES_BYTES_S), 1.0)
    assert pace.wait_s("files", 1.0 + LATELY_S) > 0
    assert pace.wait_s("files", 1.1 + LATELY_S) == 0.0


def test_the_next_turn_has_its_free_bytes_again(pace):
    pace.begin("other", 1.0)
    pace.over("files")
    assert pace.wait_s("files", 1.0) == 0.0


def test_a_short_file_overtakes_one_that_waits_for_its_pace(monkeypatch):
    now = [time.monotonic()]
    monkeypatch.setattr("untrusted.supervisor.delivery.time", SimpleNamespace(monotonic=lambda: now[0]))

    def file(session: str, pieces: int):
        for number in range(pieces):
            yield wire.File(session, session, "f", pieces, bytes(CHUNK_BYTES), number == pieces - 1)

    deliveries = Deliveries()
    deliveries.pace.begin("other", now[0])
    deliveries.pace.count("long", FREE_BYTES + FILES_BYTES_S // 2, now[0])
    deliveries.add("long", file("long", 3))
    assert list(deliveries.frames()) == [] and 0 < deliveries.wait_s(now[0]) <= 1
    deliveries.add("short", file("short", 1))
    assert deliveries.wait_s(now[0]) == 0.0
    sent = []
    while deliveries:
        sent.extend(frame.session for frame in deliveries.frames())
        now[0] += 0.1
    assert sent == ["short", "long", "long", "long"]


@pytest.mark.parametrize("beside", [0, 3])
def test_much_output_comes_whole_alone_and_beside_cells_of_others(supervisor, beside):
    much = f"much beside {beside}"
    code = f"for n in range({LINES}): print(str(n % 10) * {MIB}, flush=True)"
    supervisor.run(f"before {much}", f"before {much}", "1 + 1")  # whose visitor may run the next: long output gives way
    supervisor.send(wire.Open(much, "python"), wire.Execute(much, much, code, True, True))
    supervisor.wait(lambda frame: isinstance(frame, wire.Output) and frame.session == much)
    others = [supervisor.run(f"{n} beside {much}", f"{n} beside {much}", "1 + 1") for n in range(beside)]
    assert [end.state for end in others] == ["done"] * beside

    def ended(frame: wire.Up) -> bool:
        return isinstance(frame, wire.Finished) and frame.session == much

    end = next(filter(ended, supervisor.heard), None) or supervisor.wait(ended)
    assert end.state == "done"
    assert supervisor.text(much) == "".join(str(n % 10) * MIB + "\n" for n in range(LINES))


def test_output_costs_more_than_files():
    pace = Pace(OUTPUT_BYTES_S)
    pace.begin("other", 1.0)
    pace.count("much", 2 * FREE_BYTES, 1.0)
    assert pace.wait_s("much", 1.0) == pytest.approx(2 * FREE_BYTES / OUTPUT_BYTES_S)
