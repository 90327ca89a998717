"""What services say is shown as far as it is for an operator: no banner, no JSON, no routine."""

from __future__ import annotations

import json

import pytest

from host.readable import Filter, last_words, own_sentences

BANNER = """\
*** Starting uWSGI 2.0.30 (64bit) on [Mon Nov 30 01:56:22 2026] ***
compiled with version: 14.2.1
mapped 294541312 bytes (287638 KB) for 2048 cores
*** Operational MODE: async ***
WSGI app 0 (mountpoint='') ready in 0 seconds on interpreter 0xa840f8 pid: 29084 (default app)
spawned uWSGI master process (pid: 29084)
spawned uWSGI worker 1 (pid: 29182, cores: 2048)
*** running gevent loop engine [addr:0x7fb93371fb50] ***""".splitlines()
INFO = "2026-11-30 01:56:25,174 INFO python is ready"
WARNING = "2026-11-30 01:56:25,174 WARNING the disk is slow"
OF_WEB = "2026-11-30 01:56:25,174 web.problems ERROR GET / failed"
DAMN = "DAMN ! worker 1 (pid: 9) died, killed by signal 9 :( trying respawn ..."


def mongod(severity: str, **attributes: object) -> str:
    """Return a line of MongoDB's log."""
    line = {"t": {"$date": "2026-11-30T01:56:23.157Z"}, "s": severity, "c": "STORAGE", "id": 1, "ctx": "-"}
    return json.dumps({**line, "msg": "Write failed", "attr": attributes}, separators=(",", ":"))


@pytest.mark.parametrize("quiet", [True, False])
def test_the_banner_of_uwsgi_is_never_shown_and_what_follows_is(quiet):
    reader = Filter()
    assert [reader.shown(line, quiet=quiet) for line in BANNER] == [""] * len(BANNER)
    assert reader.shown(DAMN, quiet=quiet) == ("" if quiet else DAMN)
    assert [reader.shown(line, quiet=quiet) for line in BANNER] == [""] * len(BANNER)  # of the next one


@pytest.mark.parametrize(
    ("line", "shown", "shown_when_quiet"),
    [
        (INFO, "INFO python is ready", ""),
        (WARNING, "WARNING the disk is slow", "WARNING the disk is slow"),
        (OF_WEB, "web.problems ERROR GET / failed", "web.problems ERROR GET / failed"),
        ("Accepted publickey for untrusted from 127.0.0.1 port 5 ssh2", "", ""),
        ("trusted_db.py: workers is 0", "", ""),
        ('{"at": "2026", "level": "INFO", "message": "it runs"}', "INFO it runs", ""),
        ('{"at": "2026", "level": "ERROR", "message": "it fails"}', *["ERROR it fails"] * 2),
        ('{"at": "2026"', '{"at": "2026"', ""),
        (mongod("I", a=1), "", ""),
        (mongod("W", a=1, b="x"), *["WARNING STORAGE: Write failed (a: 1; b: x)"] * 2),
        (mongod("F"), *["FATAL STORAGE: Write failed"] * 2),
        ('{"t":1}', '{"t":1}', ""),
        ('{"t":' * 9999, '{"t":' * 9999, ""),
    ],
)
def test_a_line_is_shown_for_people_and_when_it_is_quiet_only_a_warning(line, shown, shown_when_quiet):
    assert (Filter().shown(line, quiet=False), Filter().shown(line, quiet=True)) == (shown, shown_when_quiet)


def test_a_long_line_of_mongodb_is_shortened_with_a_mark():
    assert Filter().shown(mongod("E", a="x" * 1000), quiet=True).endswith("x…)")


def test_last_words_are_what_may_tell_why_a_service_ended():
    assert last_words([*BANNER, INFO, mongod("I"), mongod("F"), WARNING, "Traceback"]) == [
        "FATAL STORAGE: Write failed", WARNING, "Traceback",
    ]  # fmt: skip
    in_banner = [*BANNER[:3], "bind(): Address already in use"]
    assert last_words(in_banner) == in_banner[1:]
    assert own_sentences(["noise", "trusted_db.py: a", "trusted_db.py: b", "trusted_db.py: a"]) == ["a", "b"]
