"""Sage's sessions converse as Python's do: they are kept, linked, ask, complete, take files and stop."""

from __future__ import annotations

import ast

import pytest

from harness.processes import cpu_s, wait_for
from tests.client import of_type
from tests.sage.test_programs import members

# Each takes minutes when nobody stops it, most of them in C without a look at Python.
LONG = {
    "factor": "factor(next_prime(10^45) * next_prime(10^46 + 10^40))",
    "a Groebner basis": "from sage.rings.ideal import Cyclic\n"
    "Cyclic(PolynomialRing(QQ, 8, 'x')).groebner_basis('libsingular:std')",
    "Maxima as a library": "from sage.interfaces.maxima_lib import maxima_lib as m\nm.eval('for i:1 thru 10^9 do 1')",
    "GAP as a library": "libgap.eval('function() while true do od; end')()",
    "GAP as a program": "gap.eval('while true do od;')",
    "Maxima as a program": "maxima.eval('for i:1 thru 10^9 do 1')",
    "a loop": "n = 0\nwhile True: n += 1",
}


# So long at work that it is inside what is slow: on the way there, Sage's own code may make another error of a stop.
BUSY_S = 0.3


@pytest.mark.parametrize("name", LONG)
def test_a_stop_is_answered_inside(client, name):
    code = "import os\nkept = 2^5\nprint(os.readlink('/proc/self/ns/pid'), flush=True)"
    computation = client.submit(f"{code}\n{LONG[name]}", keep=True)
    messages = client.until_printed(computation["id"])
    (space,) = [message["content"]["text"].strip() for message in messages if message["header"]["msg_type"] == "stream"]
    busy = cpu_s(members(space)) + BUSY_S
    wait_for(lambda: cpu_s(members(space)) > busy)
    assert client.interrupt(computation["id"]).status_code == 202
    outcome = client.finish(computation["id"])
    # Within the grace: else it would have been killed, and the state would say so.
    assert (outcome.state, outcome.error["ename"]) == ("done", "KeyboardInterrupt")
    assert client.run("kept^2", session=computation["session"]).result == "1024"


def test_a_kept_session_keeps_rings_functions_and_assumptions(client):
    first = client.run("R.<t> = QQ[]\nf(x) = x^2\na = var('a')\nassume(a > 0)", keep=True)
    session = first.description["session"]
    assert client.run("t^2 + 1, f(1/2)", session=session, keep=True).result == "(t^2 + 1, 1/4)"
    assert client.run("sqrt(a^2).simplify()", session=session).result == "a"


def test_old_results_can_be_named_in_a_session(client):
    session = client.run("2^10", keep=True).description["session"]
    assert client.run("_ / 3", session=session).result == "1024/3"


def test_linked_cells_run_in_their_order(client):
    first = client.submit("n = input('n? ')", keep=True)
    later = [client.submit(f"n = Integer(n)^{k}; n", session=first["session"], keep=True)["id"] for k in (2, 3)]
    client.until_asked(first["id"])
    client.answer(first["id"], "2")
    client.finish(first["id"])
    assert [client.finish(id).result for id in later] == ["4", "64"]


def test_a_question_is_asked_and_its_answer_is_text_that_sage_can_read(client):
    computation = client.submit("n = sage_eval(input('A number? '))\nfactor(n)")["id"]
    (question,) = of_type(client.until_asked(computation), "input_request")
    assert question["content"] == {"prompt": "A number? ", "password": False}
    client.answer(computation, "2^10 - 1")
    assert client.finish(computation).result == "3 * 11 * 31"


def test_names_of_sage_are_completed_without_a_session(client):
    assert "EllipticCurve" in client.complete("-", "EllipticC", language="sage")["matches"]
    reply = client.inspect("-", "factor", language="sage")
    assert reply["found"] and "factorization" in reply["data"]["text/plain"]


def test_names_and_methods_of_a_session_are_completed_and_explained(client):
    session = client.run("R.<x> = QQ[]\ncurve = EllipticCurve([0, 1])", keep=True).description["session"]
    assert any(match.endswith("rank") for match in client.complete(session, "y = curve.ran")["matches"])
    assert any(match.endswith("torsion_order") for match in client.complete(session, "2^3 + curve.tors")["matches"])
    reply = client.inspect(session, "curve.rank")
    assert reply["found"] and "rank" in reply["data"]["text/plain"]


@pytest.mark.parametrize("code", ["factor?", "EllipticCurve??"])
def test_a_question_mark_brings_a_page_of_help(client, code):
    (reply,) = client.run(code).of_type("execute_reply")
    (page,) = [payload for payload in reply["payload"] if payload["source"] == "page"]
    assert len(page["data"]["text/plain"]) > 1000


def test_files_go_in_and_come_out(client):
    code = "load('lib.sage')\nA = matrix(QQ, [[QQ(n) for n in line.split(',')] for line in open('data.csv')])\n"
    code += "open('out.txt', 'w').write(str(twice(A.det())))\nA.det(), half"
    files = (("lib.sage", b"half = 1/2\ndef twice(n): return 2^1 * n\n"), ("data.csv", b"1,2\n3,4/5\n"))
    outcome = client.run_with(code, *files, language="sage")
    assert outcome.result == "(-26/5, 1/2)"
    (file,) = outcome.files
    assert (file["name"], client.fetch(file).text) == ("out.txt", "-52/5")


def test_random_numbers_differ_between_sessions(client):
    code = """
import os, random as pythons, numpy
print([int(randint(0, 10^9)), int(ZZ.random_element(10^12)), str(RR.random_element()), str(random()),
       int(libgap.eval('Random(GlobalMersenneTwister, [1..10^9])')), int(libgap.eval('Random([1..10^9])')),
       int(gap('Random([1..10^9])')), int(pari('random(10^9)')), int(gp('random(10^9)')),
       int(numpy.random.randint(10^9)), int(numpy.random.default_rng().integers(10^9)), pythons.random(),
       int(current_randstate().ZZ_seed()), int(maxima('random(10^9)')), initial_seed()])
"""
    sessions = [client.submit(code)["id"] for _ in range(3)]
    drawn = [ast.literal_eval(client.finish(computation).text()) for computation in sessions]
    for values in zip(*drawn, strict=True):
        assert len(set(values)) == len(drawn), values
