"""Code that makes its kernel say what it may not ends its own session, and no other."""

from __future__ import annotations

import pytest

import wire
from tests.device.stage.cells import busy, said
from tests.device.stage.scripted import BUSY, IDLE, REPLY, RESULT, message, printed
from tests.store.conftest import submit

FAULTS = {
    "no JSON": ([wire.Message("stream", b"{")], "protocol"),
    "an unknown type": ([message("debug_event", {})], "protocol"),
    "a second busy": ([BUSY], "protocol"),
    "something after idle": ([REPLY, IDLE, printed("x")], "protocol"),
    "too much": ([printed("x" * 30_000)], "output"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_code_makes_its_kernel_say_ends_its_session_and_no_other(make_stage, what):
    stage = make_stage(cell_output_bytes_max=10_000)
    supervisor = stage.supervisor()
    supervisor.on_run = busy
    good, bad = submit(stage.store), submit(stage.store)
    stage.play(lambda: len(supervisor.frames(wire.Execute)) == 2)
    runs = {run.computation: run for run in supervisor.frames(wire.Execute)}
    messages, reason = FAULTS[what]
    supervisor.output(runs[bad], *messages)
    supervisor.output(runs[bad], printed("still on its way"))
    computation = stage.finish(bad)
    assert (computation.state, computation.reason) == ("failed", reason)
    said(stage.store, bad)
    supervisor.output(runs[good], RESULT, REPLY, IDLE)
    supervisor.done(runs[good])
    assert stage.finish(good).state == "done"
    assert len(stage.site.started) == 1


def test_a_cell_that_claims_its_end_without_saying_idle_is_closed(stage, running):
    supervisor, run, id = running()
    supervisor.done(run)
    computation = stage.finish(id)
    assert (computation.state, computation.reason) == ("failed", "protocol")
    said(stage.store, id)
