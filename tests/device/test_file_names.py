"""A file keeps its name or is refused with a sentence; what the harvest hands out and what an upload may be agree."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import file_path_fault
from untrusted.supervisor import output_files
from web.names import check_name
from web.problems import ProblemError

GOOD = {
    "a plain name": "plot.png",
    "a directory": "figures/plot.png",
    "four parts": "a/b/c/d.txt",
    "spaces": " a b ",
    "accents and emoji": "größe 📈.csv",
    "Arabic and Hebrew": "ملف קובץ.txt",
    "a no-break space": "a\u00a0b",
    "a hidden file": ".hidden",
    "dots": "...",
    "quotes and marks": "'\"$(rm -rf)&<b>%2e%2e;?#.txt",
    "254 bytes": "x" * 254,
    "255 bytes": "x" * 255,
    "255 bytes of UTF-8": "é" * 127 + "x",
}
BAD = {
    "nothing": "",
    "here": ".",
    "above": "..",
    "above in front": "../x",
    "above in the middle": "a/../x",
    "above at the end": "a/..",
    "an absolute path": "/etc/passwd",
    "an empty part": "a//b",
    "a slash at the end": "a/",
    "five parts": "a/b/c/d/e",
    "a backslash": "a\\b",
    "NUL": "a\0b",
    "a line end": "a\nb",
    "an escape": "a\x1b[31m",
    "DEL": "a\x7f",
    "a C1 control": "a\x9b",
    "a line separator": "a\u2028b",
    "a right-to-left override": "gnp\u202egpj.exe",
    "an isolate": "a\u2067b",
    "256 bytes": "x" * 256,
    "256 bytes in short parts": "x" * 127 + "/" + "y" * 128,
    "256 bytes of UTF-8": "é" * 128,
}


@pytest.mark.parametrize("what", GOOD)
def test_kept(what):
    assert file_path_fault(GOOD[what]) is None


@pytest.mark.parametrize("what", BAD)
def test_refused_with_a_sentence(what):
    sentence = file_path_fault(BAD[what])
    assert sentence and sentence.startswith(("is ", "has "))


@given(st.text(max_size=300))
def test_any_text_is_judged(name):
    sentence = file_path_fault(name) if _is_utf8(name) else ""
    assert sentence is None or isinstance(sentence, str)
    if sentence is None:
        assert not os.path.isabs(name) and ".." not in name.split("/")


def may_be_uploaded(name: str) -> bool:
    try:
        return check_name(name) == name
    except ProblemError:
        return False


@given(st.text(max_size=260))
def test_a_name_may_be_uploaded_if_and_only_if_it_may_come_back(name):
    assert may_be_uploaded(name) == ("/" not in name and file_path_fault(name) is None)


def test_each_character_has_one_rule_for_uploads_for_the_harvest_and_for_the_device():
    differing = []
    for character in map(chr, range(sys.maxunicode + 1)):
        name = f"a{character}b"
        if character in "/\\" or "\ud800" <= character <= "\udfff":
            continue
        fits = file_path_fault(name) is None
        if not may_be_uploaded(name) == fits == (output_files.checked_name(name.encode())[1] == ""):
            differing.append(character)
    assert not differing


@pytest.mark.parametrize("what", [what for what in GOOD if not GOOD[what].startswith(".")])
def test_the_harvest_hands_out_every_good_name(what):
    assert output_files.checked_name(GOOD[what].encode()) == (GOOD[what], "")



def _is_utf8(text: str) -> bool:
    try:
        return bool(text.encode()) or True
    except UnicodeEncodeError:
        return False
