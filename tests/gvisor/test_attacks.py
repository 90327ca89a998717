"""Attacks of the adversarial suite, made by cells under gVisor."""

from __future__ import annotations

import platform

import pytest

from tests.adversarial.attempts import source_of, verdicts_in
from tests.adversarial.test_exhaustion import ATTACKS
from tests.adversarial.test_reaching import REFUSED, RIGHT
from tests.gvisor.conftest import needs_runsc

pytestmark = needs_runsc
# What the guest's kernel gives of its own, one release more than the other: sockets that end in it, namespaces and
# rings that it emulates, the memory of its first process, which is the session's.
OF_THE_GUEST = {
    "D2 memory of another read", "D2 memory of another written",
    "D8 netlink", "D8 uevents", "D9 io_uring", "D12 terminal", "D12 new terminal", "D14 user", "D14 mount", "D14 net",
    "D14 pid", "D14 ipc", "D14 uts", "D14 cgroup", "D14 time", "D14 user and net", "D14 clone",
    "D14 clone3", "D14 entering init's", "D14 the program for it", "D16 handle of a file", "D16 open by handle",
    "D19 the socket to the supervisor opened anew",
}  # fmt: skip
# One for each limit, and one for each way to end.
BOMBS = (
    "A1 fork bomb", "A7 shared memory that no heap counts", "A13 no signal and no exception is heeded",
    "A15 flood of output", "A25 segmentation fault",
)  # fmt: skip


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of the calls are those of x86-64")
def test_nothing_outside_the_guest_is_reached(client, session):
    outcome = client.run(source_of(REFUSED), session=session, keep=True)
    found = verdicts_in(outcome.text())
    assert {name: said for name, said in found.items() if said not in RIGHT and name not in OF_THE_GUEST} == {}


def test_no_capability_is_held_even_by_the_guests_user_0(client, session):
    lines = client.run("print(open('/proc/self/status').read())", session=session, keep=True).text().splitlines()
    held = {line.split(":")[0]: int(line.split()[1], 16) for line in lines if line.startswith("Cap")}
    assert len(held) >= 4 and not any(held.values())


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_its_own_session_alone(client, session, name):
    code, reasons = ATTACKS[name]
    outcome = client.run(code)
    assert outcome.state == "failed"
    # Guest and runsc are limited together: a bomb of processes may meet the limit of memory first.
    assert outcome.reason in reasons | {"memory"}
    assert client.run("kept", session=session, keep=True).result == "41"


def test_a_full_disk_is_the_cells_own(client):
    code = """
import os
for path in ('/home/cell/f', '/tmp/f', '/dev/shm/f'):
    try:
        with open(path, 'wb') as file:
            for _ in range(200): file.write(bytes(1 << 20))
    except OSError as error: print(path, error.errno)
    os.truncate(path, 0)
for number in range(100_000):
    try: open(f'n{number}', 'x').close()
    except OSError as error:
        print('files', error.errno, number < 4096)
        break
"""
    said = client.run(code).text().split("\n")
    # ENOSPC, or EFBIG: one file may have as much as the disk.
    assert [line.split()[1] in ("28", "27") for line in said[:3]] == [True] * 3, said
    assert said[3] == "files 28 True"
