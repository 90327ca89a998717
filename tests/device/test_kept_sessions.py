"""Kept sessions outlive the death and the replacement of their device, and what is sent to them runs once."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from bench.chaos.faults import HOUR_S, set_clock
from harness import processes
from harness.server import ROOT
from singlecell_client import Client, Result
from tests.device.test_upgrade import END_S, Site, newer_checkout, site

__all__ = ["site"]  # a fixture


def give_clock(site: Site, folder: Path, by_s: int) -> None:
    """Let the clock of the next device be off, where there is a C compiler."""
    if shutil.which("cc") is None:
        return
    library, clock = folder / "clock.so", folder / f"clock{by_s}"
    source = ROOT / "bench" / "chaos" / "clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    set_clock(clock, by_s)
    site.env.update(LD_PRELOAD=str(library), CHAOS_CLOCK=str(clock))
    said = subprocess.run(["date", "+%s"], env=site.env, check=True, capture_output=True, text=True).stdout
    assert abs(int(said) - time.time() - by_s) < HOUR_S / 2


def finish(client: Client, id: str) -> Result:
    """Return what came of a computation."""
    return client.result(id, list(client.follow(id)))


@pytest.mark.root
def test_kept_sessions_outlive_the_death_of_their_device_whatever_its_clock_says(site: Site, tmp_path: Path) -> None:
    give_clock(site, tmp_path, HOUR_S)
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
    give_clock(site, tmp_path, -HOUR_S)
    site.start_device()
    assert [finish(client, id).text for id in waiting] == ["11\n", "12\n"]
    lost = finish(client, turn)
    assert (lost.state, lost.reason) == ("lost", "lost") and lost.text == "in\n"
    for session, expected in ((idle, "12\n"), (busy, "13\n")):
        assert client.run("n += 1; n", session=session, keep=True).text == expected


@pytest.mark.root
def test_a_device_restarted_with_one_more_account_goes_on_with_its_kept_sessions(site: Site) -> None:
    device = site.start_device("--hand-over")
    client = Client(site.url)
    session = client.run("n = 1", keep=True).session
    device.signal(signal.SIGTERM)
    assert device.wait(END_S) == 0
    site.start_device("--untrusted-account", "untrusted@127.0.0.1:1")  # where nobody is, for the moment
    assert client.run("n", session=session).text == "1\n"


@pytest.mark.root
def test_a_newer_checkout_with_the_same_untrusted_code_goes_on_with_them(site: Site, tmp_path: Path) -> None:
    newer = newer_checkout(tmp_path / "newer")
    device = site.start_device("--hand-over")
    client = Client(site.url)
    session = client.run("n = 1", keep=True).session
    device.signal(signal.SIGTERM)
    assert device.wait(END_S) == 0
    site.start_device(checkout=newer)
    assert client.run("n", session=session).text == "1\n"


def change_untrusted_code(checkout: Path) -> Path:
    """Let a checkout ship other code to its accounts; return it."""
    with open(checkout / "untrusted" / "__init__.py", "a") as file:
        file.write("# other code\n")
    return checkout


@pytest.mark.root
def test_with_other_untrusted_code_they_end_with_their_reason(site: Site, tmp_path: Path) -> None:
    newer = change_untrusted_code(newer_checkout(tmp_path / "newer"))
    device = site.start_device("--hand-over")
    client = Client(site.url)
    session = client.run("n = 1", keep=True).session
    device.signal(signal.SIGTERM)
    assert device.wait(END_S) == 0
    turn = client.submit("n", session=session)["id"]
    site.start_device(checkout=newer)
    ended = finish(client, turn)
    assert (ended.state, ended.reason) == ("failed", "session_gone")
    assert client.run("print(1)").text == "1\n"


@pytest.mark.root
def test_a_device_that_retires_serves_its_kept_sessions_until_they_end(site: Site, tmp_path: Path) -> None:
    newer = change_untrusted_code(newer_checkout(tmp_path / "newer"))
    old = site.start_device()
    client = Client(site.url)
    first = client.run("n = 1", keep=True)
    site.start_device(checkout=newer)
    old.signal(signal.SIGUSR1)
    old.wait_for_line("begins no session more", END_S)
    new = [client.run("print(1)") for _ in range(4)]
    turn = client.run("n += 1; n", session=first.session, keep=True)
    assert turn.text == "2\n" and [one.text for one in new] == ["1\n"] * 4
    old_one, served = client.describe(first.id)["device"], [client.describe(one.id)["device"] for one in (turn, *new)]
    assert [device == old_one for device in served] == [True] + [False] * 4
    client.end_session(first.session)
    assert old.wait(END_S) == 0


@pytest.mark.root
def test_beside_another_device_in_the_same_account_they_end_at_once(site: Site) -> None:
    old = site.start_device("--hand-over")
    client = Client(site.url)
    session = client.run("n = 1", keep=True).session
    site.start_device()
    old.signal(signal.SIGTERM)
    assert old.wait(END_S) == 0
    assert "kept sessions end with this device, for " in old.log
    found = site.store.sessions.get(session)
    assert found is not None and found.state == "gone"
