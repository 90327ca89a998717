"""What Sage's cells cannot have is said in a sentence; what was pasted into them runs as it was meant."""

from __future__ import annotations

import re

import pytest

NO_NETWORK = (
    "Cells have no network. Put the data into the code, or add it to the cell as a file and open it by its name."
)
MEANT = {
    "spaces and a minus": ("x\u00a0=\u00a02^3 \u2212 1/2\nif x:\n\u00a0\u00a0print(x)", "15/2"),
    "quotes": ("R.<t> = QQ[]\nprint(\u201cf =\u201d, factor(t^2 \u2013 1))", "f = (t - 1) * (t + 1)"),
    "no width": ("\ufeffprint(fac\u200btor(12))", "2^2 * 3"),
    "line separators": ("a = 2^2\u2028print(a)", "4"),
}


@pytest.mark.parametrize(
    "code",
    ["load('https://example.com/a.sage')", "import urllib.request\nurllib.request.urlopen('https://example.com')"],
)
def test_loading_from_an_address_says_that_there_is_no_network(client, code):
    error = client.run(code).error
    assert error["traceback"][-1] == NO_NETWORK
    assert error["evalue"].endswith(f"\n{NO_NETWORK}")


@pytest.mark.parametrize("name", MEANT)
def test_signs_that_no_keyboard_has_are_read_as_meant(client, name):
    code, said = MEANT[name]
    outcome = client.run(code)
    assert outcome.text() == said + "\n" and outcome.of_type("error") == []


@pytest.mark.parametrize(
    ("code", "sign"), [("x = 2^3\nprint(\u201ca)", "U+201C"), ("x = 5\u20143", "U+2014"), ("y = x\u202e", "U+202E")]
)
def test_a_sign_whose_meaning_is_not_clear_is_named(client, code, sign):
    error = client.run(code).error
    assert error["ename"] == "SyntaxError" and sign in error["evalue"]
    assert f"line {len(code.splitlines())}" in re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error["traceback"]))


def test_the_command_python_is_sages_own(client):
    outcome = client.run("import sys\n!python3 -c 'import sys; print(sys.prefix)'\nprint(sys.prefix)")
    assert len(set(outcome.text().split())) == 1


def test_lines_of_standard_input_are_asked_for(client):
    computation = client.submit("import sys\nprint(sum(Integer(line) for line in sys.stdin))")["id"]
    for number, answer in enumerate(("1", "2", ""), 1):
        client.until_asked(computation, number)
        client.answer(computation, answer)
    assert client.finish(computation).text() == "3\n"
