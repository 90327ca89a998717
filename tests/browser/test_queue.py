"""A cell that waits says so, and at which place."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Route

from tests.browser.cell import Cell
from tests.browser.sight import expect


@contextmanager
def nobody_claims(server) -> Iterator[None]:
    """Stop the device for as long as the block takes, so that what is submitted stays queued."""
    devices = [pid for pid in server.process.descendants() if b"trusted_db.py" in cmdline(pid)]
    assert devices
    try:
        for pid in devices:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in devices:
            os.kill(pid, signal.SIGCONT)


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""  # it has ended


def test_waiting_cells_say_their_place_and_run_in_their_turn(embed, page, server):
    first = embed("<single-cell>print('first')</single-cell><single-cell>print('second')</single-cell>")
    second = Cell(page, "single-cell:nth-of-type(2)").ready()
    with nobody_claims(server):
        first.start()
        expect(first.node).to_have_attribute("state", "queued")
        expect(first.status).to_contain_text("Waiting for a free place")
        second.start()
        expect(second.status).to_contain_text("Number 2 in the queue")
    first.shows("first")
    second.shows("second")


def test_a_cell_whose_long_polls_find_no_place_asks_again_after_a_pause(embed, page, server):
    asked_at: list[float] = []

    def cut(route: Route) -> None:
        asked_at.append(time.monotonic())
        queued = {"messages": [], "next": -1, "state": "queued", "finished": False}
        route.fulfill(json=queued, headers={"Access-Control-Allow-Origin": "*"})

    cell = embed("<single-cell>print('come')</single-cell>")
    page.route("**/messages?**", cut)
    with nobody_claims(server):
        with page.expect_response("**/messages?**"):
            cell.start()
        with page.expect_response("**/messages?**"):
            pass
    page.unroute("**/messages?**")
    cell.shows("come")
    assert asked_at[1] - asked_at[0] > 1.0  # it would be a few milliseconds
