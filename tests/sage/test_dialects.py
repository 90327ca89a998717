"""GAP, GP, Maxima and Singular are languages of their own, and their cells run in sessions of Sage."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sage.directly import run_directly
from tests.sage.program_cells import CELLS


def command_line(pid: int) -> list[str]:
    """Return the words with which a process was started, none of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return [""]


SAYS = {
    "gap": ("G := SymmetricGroup(5);;\nfor i in [1..3] do\n  Print(i, \"\\n\");\nod;\nSize(G);", ["1\n2\n3", "120"]),
    "gp": ("f(x) = {\n  my(y = x + 1);\n  y^2\n}\nfactor(2^32 + 1)\nf(6)", ["641", "49"]),
    "maxima": ("f(x) :=\n  x^2 + 1;\ndiff(f(x), x);\nfactor(x^4 - 1);", ["2*x", "(x-1)*(x+1)*(x^2+1)"]),
    "singular": ("ring r = 0, (x, y), dp; // a ring\nideal i = x2 - y,\n  xy - 1;\nstd(i);", ["y2-x", "xy-1"]),
}  # fmt: skip
WRONG = {
    "gap": ("1 + nope;", "nope"),
    "maxima": ("1/0;", "undefined"),
    "singular": ("nope;", "nope"),
}


@pytest.mark.parametrize("language", SAYS)
def test_a_cell_prints_what_the_program_says(client, language):
    code, parts = SAYS[language]
    outcome = client.run(code, language=language)
    assert (outcome.state, outcome.of_type("error")) == ("done", []), outcome.messages
    for part in parts:
        assert part in outcome.text()
    assert outcome.of_type("execute_input")[0]["code"] == code


@pytest.mark.parametrize("language", CELLS)
def test_ten_cells_print_what_the_program_prints_directly(client, language):
    session, said = {}, []
    assert len(CELLS[language]) == 10
    for code in CELLS[language]:
        outcome = client.run(code, language=language, keep=True, **session)
        assert (outcome.state, outcome.of_type("error")) == ("done", []), outcome.messages
        session = {"session": outcome.description["session"]}
        said.append(outcome.text().split())
    client.end_session(session["session"])
    assert said == [text.split() for text in run_directly(language, CELLS[language])]


def test_gp_says_itself_what_is_wrong(client):
    assert "impossible inverse" in client.run("1/0", language="gp").text()


@pytest.mark.parametrize("language", WRONG)
def test_what_the_program_complains_of_is_an_error_of_a_few_lines(client, language):
    code, word = WRONG[language]
    outcome = client.run(code, language=language)
    assert outcome.state == "done"
    said = "\n".join(outcome.error["traceback"])
    assert word in said and "sage/" not in said and "Cell In" not in said and "Traceback" not in said


@pytest.mark.parametrize(("language", "first", "second"), [("gap", "a := 6;", "a * 7;"), ("gp", "a = 6", "a * 7")])
def test_a_kept_session_keeps_what_the_program_holds(client, language, first, second):
    session = client.run(first, language=language, keep=True).description["session"]
    assert client.http.get(f"{client.url}/sessions/{session}").json()["language"] == language
    assert client.run(second, session=session).text() == "42\n"


def test_its_languages_are_served_with_sage_and_need_no_workers_of_their_own(client, server):
    languages = {found["name"]: found for found in client.http.get(f"{client.url}/languages").json()["languages"]}
    of_sage = [languages[name] for name in ("gap", "gp", "maxima", "singular")]
    assert all(found["available"] and found["version"] == f"sage {languages['sage']['version']}" for found in of_sage)
    assert {found["install"] for found in of_sage} == {"make sage"}
    lines = [command_line(pid) for pid in server.process.descendants()]
    zygotes = {line[-1] for line in lines if any("untrusted.worker.zygote" in word for word in line)}
    assert zygotes - {"r"} == {"python", "sage"}


@pytest.mark.parametrize("code", ["Siz", "print(len("])
def test_completion_in_them_offers_no_names_of_another_language(client, code):
    assert client.complete("-", code, language="gap")["matches"] == []
    assert client.inspect("-", code, language="gap")["found"] is False
