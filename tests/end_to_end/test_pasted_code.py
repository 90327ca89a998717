"""Code with signs that no keyboard has runs as it was meant, or its error names the sign and its place."""

from __future__ import annotations

import re

import pytest

MEANT = {
    "a space that does not break": ("x\u00a0=\u00a01\nif x:\n\u00a0\u00a0\u00a0\u00a0print(x)", "1"),
    "spaces of a mixed indentation": ("if 1:\n \u00a0 \u00a0print(1)\n    print(2)", "1\n2"),
    "a mark of the beginning": ("\ufeffprint(1)", "1"),
    "a mark of the beginning before a magic": ("\ufeff%%bash\necho 1", "1"),
    "marks of no width": ("pri\u200bnt(\u200b1\u2060)\ufeff", "1"),
    "line separators": ("x = 1 # one\u2028y = 2\u2029print(x, y)", "1 2"),
    "double quotes": ("print(\u201cit's\u201d, \u201ea\u201c, \u201cit\u2019s\u201d)", "it's a it\u2019s"),
    "single quotes": ('print(\u2018a "b"\u2019, f\u2018{1 + 1}\u2019, \u2018\u2019)', 'a "b" 2 '),
    "three quotes": ("print(\u201c\u201c\u201ca\nb\u201d\u201d\u201d)", "a\nb"),
    "a minus": ("print(5 \u2212 3, 5 \u2013 3, \u22121)", "2 2 -1"),
    "a cell that stays ASCII": ("print('a\\u00a0b')", "a\u00a0b"),
}
KEPT = {
    "in a string": ("print('a\u00a0b\u2212\u201cc\u201d\u200b' == 'a\\u00a0b\\u2212\\u201cc\\u201d\\u200b')", "True"),
    "in a long string": ('print("""a\u2212\n\u201cb\u201d""" == "a\\u2212\\n\\u201cb\\u201d")', "True"),
    "in a comment": ("print(1) # \u2212 it\u2019s \u201c", "1"),
    "in a command": ("!echo \u201ca\u201d", "\u201ca\u201d"),
    "in a cell that is no Python": ("%%writefile a.txt\na \u2212 \u201cb\u201d", "Writing a.txt"),
}
NAMED = {
    "a quotation that does not end": ("x = 1\nprint(\u201ca)", "\u201c", 2, 6),
    "a quotation that begins and ends differently": ('print(\u201ca")', "\u201c", 1, 6),
    "a quotation in a quotation": ("print(\u201ca \u201cb\u201d c\u201d)", "\u201c", 1, 6),
    "an apostrophe in single quotes": ("print(\u2018it\u2019s\u2019)", "\u2018", 1, 6),
    "a long dash": ("x = 5 \u2014 3", "\u2014", 1, 6),
    "text turned around": ("x = a\u202e", "\u202e", 1, 5),
    "text turned around after a number": ("x = 1\u202e", "\u202e", 1, 5),
    "a long dash after a number": ("x = 0x5\u20143", "\u2014", 1, 7),
    "a quotation inside a replacement": ("d = {}\nf'{d[\u2018a\u2019]}'", "\u2018", 2, None),
}


@pytest.mark.parametrize("name", MEANT | KEPT)
def test_signs_that_no_keyboard_has_are_read_as_meant_and_kept_in_texts(client, name):
    code, said = (MEANT | KEPT)[name]
    outcome = client.run(code)
    assert outcome.text() == said + "\n" and outcome.of_type("error") == []


@pytest.mark.parametrize("name", NAMED)
def test_a_sign_whose_meaning_is_not_clear_is_named_with_its_place(client, name):
    code, sign, line, column = NAMED[name]
    error = client.run(code).error
    assert error["ename"] == "SyntaxError" and f"U+{ord(sign):04X}" in error["evalue"]
    rows = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error["traceback"])).splitlines()
    assert f"line {line}" in rows[0]
    if column is not None:
        (shown,) = [number for number, row in enumerate(rows) if row.strip() == code.split("\n")[line - 1]]
        assert rows[shown + 1].index("^") - rows[shown].index(code.split("\n")[line - 1]) == column
