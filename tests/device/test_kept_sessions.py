"""Kept sessions outlive the death and the replacement of their device, and what is sent to them runs once."""

from __future__ import annotations

import signal

import pytest

from harness import processes
from singlecell_client import Client, Result
from tests.device.test_upgrade import END_S, Site, site

__all__ = ["site"]  # a fixture


def finish(client: Client, id: str) -> Result:
    """Return what came of a computation."""
    return client.result(id, list(client.follow(id)))


@pytest.mark.root
def test_kept_sessions_outlive_the_death_of_their_device(site: Site) -> None:
    device = site.start_device()
    client = Client(site.url)
    idle = client.run("n = 1", keep=True).session
    busy = client.run("n = 1", keep=True).session
    turn = client.submit("n += 1\nprint('in', flush=True)\nimport time\ntime.sleep(600)", session=busy, keep=True)["id"]
    processes.wait_for(lambda: site.store.computations.get(turn).sequence >= 2)
    device.signal(signal.SIGKILL)
    device.wait(END_S)
    # What is sent to them meanwhile waits for the next device.
    waiting = [client.submit("n += 10; n", session=session, keep=True)["id"] for session in (idle, busy)]
    site.start_device()
    assert [finish(client, id).text for id in waiting] == ["11\n", "12\n"]
    lost = finish(client, turn)
    assert (lost.state, lost.reason) == ("lost", "lost") and lost.text == "in\n"
    for session, expected in ((idle, "12\n"), (busy, "13\n")):
        assert client.run("n += 1; n", session=session, keep=True).text == expected


@pytest.mark.root
def test_a_device_that_is_restarted_in_order_hands_its_kept_sessions_over(site: Site) -> None:
    device = site.start_device("--hand-over")
    client = Client(site.url)
    session = client.run("n = 1", keep=True).session
    device.signal(signal.SIGTERM)
    assert device.wait(END_S) == 0
    site.start_device()
    assert client.run("n", session=session).text == "1\n"


@pytest.mark.root
def test_beside_another_device_in_the_same_account_they_end_at_once(site: Site) -> None:
    old = site.start_device("--hand-over")
    client = Client(site.url)
    session = client.run("n = 1", keep=True).session
    site.start_device()
    old.signal(signal.SIGTERM)
    assert old.wait(END_S) == 0
    found = site.store.sessions.get(session)
    assert found is not None and found.state == "gone"
