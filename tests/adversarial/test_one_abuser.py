"""One address that asks for far more than its share.

No other visitor of an abuser's is refused or held up, and a class is served.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from bench.attackers import ATTACKS, Attack
from bench.siege import NEIGHBOURS, neighbours, returns
from harness.processes import wait_for
from harness.server import Server, serve
from harness.usage import sessions_group
from tests.checking_client import CheckingClient

BESIDE_S = 1.5
CLASS = 40
KINDS = [*ATTACKS["shares"], "permalinks", "long outputs", "uploads"]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def besieged() -> Iterator[Server]:
    """A server with all the shares that it has by default; what an abuser leaves behind is over soon."""
    with serve("cell_wall_s = 6.0\ncell_cpu_s = 4.0\nqueue_length_max = 150\n") as server:
        yield server


def test_a_long_turn_weighs_less_than_a_short_one_and_the_next_is_a_short_one_again(besieged: Server) -> None:
    """J9"""
    client = CheckingClient(besieged.url)
    group = sessions_group(besieged.data)
    if group is None:
        pytest.skip("no control groups here: sessions weigh the same")

    def weights() -> set[str]:
        """Return what the sessions weigh, in the files of either version."""
        places = [Path(str(group).replace("/cpuacct/", "/cpu/")), group]
        found = set()
        for file in [file for place in places for name in ("cpu.shares", "cpu.weight") for file in place.glob(f"*/{name}")]:
            with suppress(OSError):  # its session has ended meanwhile
                found.add(file.read_text().strip())
        return found

    [usual] = wait_for(lambda: len(found := weights()) == 1 and found)
    long = client.submit("while True: pass", keep=True)
    wait_for(lambda: any(int(weight) < int(usual) / 4 for weight in weights()))
    client.interrupt(long["id"])
    client.finish(long["id"])
    assert client.run("1", session=long["session"], keep=True).state == "done"
    wait_for(lambda: weights() == {usual})
    client.end_session(long["session"])


@pytest.mark.parametrize("kind", KINDS)
def test_one_abuser_makes_no_request_of_others_fail_and_starves_nobody(besieged: Server, kind: str) -> None:
    """J9"""
    # Each from an address of its own: what one left behind is no matter of the next.
    attack = Attack(kind, besieged.url, KINDS.index(kind), 2 if kind == "uploads" else None, one_address=True)
    try:
        assert attack.has_begun()
        beside = neighbours(besieged.url, BESIDE_S)
    finally:
        got = attack.stop()
    # How much slower others become is measured on a machine of its own (docs/speed.md).
    assert beside.ends["right"] >= NEIGHBOURS and not beside.bad, (beside, got)
    assert not beside.refusals, (beside, got)
    assert returns(besieged.url)


def test_a_class_behind_one_address_is_served_beside_an_abuser(besieged: Server) -> None:
    """J9"""
    attack = Attack("endless loops", besieged.url, 20, one_address=True)

    def student(number: int) -> str:
        headers = {"X-Forwarded-For": "192.0.2.200"}
        address = f"{besieged.url}/computations?wait=30&page=student-{number}"
        answer = requests.post(address, json={"code": f"{number} * 2"}, headers=headers, timeout=90)
        if answer.status_code != 201:
            return f"{answer.status_code}: {answer.text}"
        there = answer.json()["links"]["messages"]
        while not (page := requests.get(f"{there}?wait=30", headers=headers, timeout=90).json())["finished"]:
            pass
        results = [message["content"] for message in page["messages"] if "data" in message["content"]]
        return "right" if results and results[0]["data"]["text/plain"] == str(2 * number) else str(page)

    try:
        assert attack.has_begun()
        with ThreadPoolExecutor(CLASS) as students:
            assert Counter(students.map(student, range(CLASS))) == {"right": CLASS}
    finally:
        attack.stop()
