"""GAP, Maxima, PARI and Singular run as programs beside Sage, and nothing is left of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.processes import wait_for


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("%%gap\nG := SymmetricGroup(5);;\nSize(G);", "120"),
        ("%%maxima\nfactor(x^4 - 1);", "x"),
        ("%%gp\nfactor(2^32 + 1)", "641"),
        ("%%singular\nring r = 0, (x, y), dp;\nideal i = x2 - y, xy - 1;\nstd(i);", "y2-x"),
        ("gap('Size(AlternatingGroup(6))')", "360"),
        ("maxima('integrate(x^2, x)')", "x^3/3"),
        ("gp('nextprime(100)')", "101"),
        ("singular('2^10')", "1024"),
        ("gap.eval('1+1;'), singular.eval('1+2;'), gp.eval('1+3')", "('2', '3', '4')"),
    ],
)
def test_another_system_answers(client, code, says):
    outcome = client.run(code)
    assert (outcome.state, outcome.of_type("error")) == ("done", []), outcome.messages[-3:]
    shown = [content["data"]["text/plain"] for content in outcome.of_type("execute_result", "display_data")]
    assert says in outcome.text() + "\n".join(shown)


def test_a_value_goes_there_and_back(client):
    assert client.run("QQ(gap(3/4) * 2), ZZ(singular(2^70)), maxima(x^2 + 1).sage()").result == (
        "(3/2, 1180591620717411303424, x^2 + 1)"
    )


def test_what_another_system_complains_of_is_the_cells_error(client):
    outcome = client.run("gap('1/0')")
    assert outcome.state == "done" and "division by zero" in str(outcome.error).lower().replace(
        "must not be zero", "division by zero"
    )


EATERS = {
    "GAP as a program": "gap.eval('s := \"twice\"; while true do s := Concatenation(s, s); od;')",
    "GAP as a library": "eat = 'function(s) while true do s := Concatenation(s, s); od; end'\n"
    "libgap.eval(eat)('twice')",
    "Singular as a program": "singular.eval('list l; int i; intvec v = 1..1000000; while(1) { i++; l[i] = v; }')",
    "PARI as a library": "pari.allocatemem(2^33, silent=True)\npari('vector(10^8, i, i^2)')",
    "Sage itself": "kept = []\nwhile True: kept.append(2^(10^8) - 1)",
}


@pytest.mark.parametrize("name", EATERS)
def test_memory_that_is_eaten_there_ends_the_cell_with_a_sentence(client, name):
    outcome = client.run(EATERS[name])
    assert (outcome.state, outcome.reason) == ("failed", "memory"), (outcome.description, outcome.messages[-3:])
    assert "memory" in outcome.of_type("error")[-1]["evalue"].lower()


def members(space: str) -> list[int]:
    """Return the processes of this machine that live in a pid namespace, such as ``pid:[4026531836]``."""
    found = []
    for directory in Path("/proc").iterdir():
        try:
            if directory.name.isdecimal() and os.readlink(directory / "ns" / "pid") == space:
                found.append(int(directory.name))
        except OSError:
            continue
    return found


START = """
import os, subprocess
singular('1'), gap('1'), maxima('1'), gp('1')
for program in (singular, gap, maxima, gp): os.kill(program.pid(), 0)
subprocess.Popen(['sleep', '1000'], start_new_session=True)
print(os.readlink('/proc/self/ns/pid'), flush=True)
"""


@pytest.mark.parametrize(
    "end", ["", "os._exit(1)", "os.kill(os.getpid(), 9)", "1/0"], ids=["done", "exit", "kill", "error"]
)
def test_no_program_outlives_its_cell(client, end):
    outcome = client.run(START + end)
    space = outcome.text().strip()
    assert space.startswith("pid:[")
    wait_for(lambda: not members(space))


def test_programs_stay_with_a_kept_session_and_end_with_it(client):
    first = client.run("a = gap('6 * 7')\n" + START, keep=True)
    session, space = first.description["session"], first.text().strip()
    assert client.run("a + 1", session=session, keep=True).result == "43"
    assert members(space)
    client.end_session(session)
    wait_for(lambda: not members(space))
