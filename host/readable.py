"""Says which lines of the services an operator needs to see, and makes MongoDB's JSON readable."""

from __future__ import annotations

import json
import re
from contextlib import suppress

# What our own programs log begins so: `2026-11-30 01:56:23,887 WARNING …`, in the web part behind the logger's name.
_LEVEL = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (?:[\w.]+ )?(DEBUG|INFO|WARNING|ERROR|CRITICAL) ")
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")
_URGENT = ("WARNING", "ERROR", "CRITICAL")
# A program's own sentence about why it cannot run; the launcher says it when it ends for that.
_OWN_SENTENCE = re.compile(r"^(?:trusted_db\.py|store\.embedded): (.*)")
# What uWSGI says from here on until its workers are there describes the machine.
_BANNER_BEGIN, _BANNER_END = "*** Starting uWSGI", "spawned uWSGI worker"
_CHATTER = re.compile(
    r"^(?:spawned uWSGI |\*\*\* |WSGI app |SIGINT/SIGTERM received|Brutally killing worker |worker \d+ buried |"
    r"goodbye to |.* - (?:stopping|main) gevent |Server listening on |Accepted publickey for |Received signal 15;|"
    r"Received disconnect from |Disconnected from )"
)
# Of MongoDB's lines: severity and what is shown for it.
_SEVERITIES = {"F": "FATAL", "E": "ERROR", "W": "WARNING"}
_ATTRIBUTES_CHARS = 300


class Filter:
    """Which lines of one service are shown. It knows whether uWSGI is describing the machine."""

    def __init__(self) -> None:
        self._in_banner = False

    def shown(self, line: str, *, quiet: bool) -> str:
        """Return a line as it is shown, "" where only the log file has it. ``quiet``: whether all but warnings is."""
        if line.startswith((_BANNER_BEGIN, _BANNER_END)):
            self._in_banner = line.startswith(_BANNER_BEGIN)
        if self._in_banner or is_chatter(line):
            return ""
        if mongod := of_mongod(line):
            return mongod
        level, text = parts(line)
        return "" if quiet and level not in _URGENT else text


def parts(line: str) -> tuple[str, str]:
    """Return the level of a line of our programs, "" of another, and the line as it is shown (log_lines.py)."""
    if found := _LEVEL.match(line):
        return found[1], _STAMP.sub("", line)
    if line.startswith('{"at":'):
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            said = json.loads(line)
            return str(said["level"]), f"{said['level']} {said['message']}"
    return "", line


def is_chatter(line: str) -> bool:
    """Return whether a line tells an operator nothing, or is said by the launcher itself."""
    return of_mongod(line) == "" or bool(_CHATTER.match(line) or _OWN_SENTENCE.match(line))


def of_mongod(line: str) -> str | None:
    """Return a line of MongoDB's log for people, "" when it is no warning; None for another line."""
    if not line.startswith('{"t":'):
        return None
    try:
        said = json.loads(line)
        severity, message = _SEVERITIES.get(said["s"]), f"{said['c']}: {said['msg']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if severity is None:
        return ""
    attributes = said.get("attr") or {}
    text = "; ".join(f"{name}: {value}" for name, value in attributes.items()) if isinstance(attributes, dict) else ""
    if len(text) > _ATTRIBUTES_CHARS:
        text = text[: _ATTRIBUTES_CHARS - 1] + "…"
    return " ".join(f"{severity} {message}{f' ({text})' if text else ''}".split())


def last_words(lines: list[str]) -> list[str]:
    """Return what of a service's last lines may tell why it ended: no chatter, no JSON, no routine."""
    # A banner that has come to its end tells nothing; one that has not says how far uWSGI came.
    begun = max((number for number, line in enumerate(lines) if line.startswith(_BANNER_END)), default=-1) + 1
    said = [(of_mongod(line) or line, parts(line)[0]) for line in lines[begun:] if not is_chatter(line)]
    return [text for text, level in said if level in ("", *_URGENT)]


def own_sentences(lines: list[str]) -> list[str]:
    """Return what a program has said about why it cannot run."""
    return list(dict.fromkeys(found[1] for line in lines if (found := _OWN_SENTENCE.match(line))))
