"""Write the cell that makes a table of attempts and prints what came of each, for a test to judge."""

from __future__ import annotations

import json

MARK = "verdicts: "
# An attempt is statements; the value of the name ``value`` is reported when nothing was raised.
SOURCE = """
import ctypes, errno, fcntl, json, mmap, os, resource, signal, socket, stat, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def checked(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result

def call(number, *arguments):
    return checked(libc.syscall(
        ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))

SETUP

def verdict(attempt):
    names = dict(globals())
    try:
        exec(attempt, names)
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)
    except BaseException as error:
        return type(error).__name__
    return "ok" if names.get("value") is None else f"ok {names['value']}"

print("MARK" + json.dumps({name: verdict(attempt) for name, attempt in ATTEMPTS.items()}))
"""


def source_of(attempts: dict[str, str], setup: str = "") -> str:
    """Return the code of a cell that makes the attempts one after another."""
    return SOURCE.replace("SETUP", setup).replace("MARK", MARK).replace("ATTEMPTS", repr(attempts))


def as_it_is(code: str) -> str:
    """Return a cell that runs Python code in a language that would read it another way."""
    return f"exec({code!r}, globals())"


def verdicts_in(text: str) -> dict[str, str]:
    """Return what the cell printed of its attempts."""
    (line,) = [line for line in text.splitlines() if line.startswith(MARK)]
    return json.loads(line.removeprefix(MARK))
