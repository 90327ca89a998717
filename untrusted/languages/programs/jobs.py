"""Runs a job: a whole program with its files, its input and limits of its own, as Jobe runs one.

What it prints comes as streams when it has ended, its outcome as a bundle. The limits lie below those of the session,
which hold whatever a job does.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from IPython.display import display

from untrusted.languages.programs.job_languages import KINDS, LANGUAGES
from untrusted.languages.programs.job_process import JobLimits, Printed, run_limited

JOB_TYPE = "application/vnd.single-cell.job+json"
COMPILE_ERROR, RUNTIME_ERROR, TIME_LIMIT, SUCCESS = 11, 12, 13, 15  # Jobe's numbers
CMPINFO_CHARS_MAX = 64 << 10
SWEEP_S, LOOK_S = 2.0, 0.002  # for what a job has left running to die
NO_END = b"The compiler did not come to its end.\n"


def run(text: str) -> None:
    """Run the job that a JSON object describes; show what it prints and its outcome."""
    job = json.loads(text)
    before = _processes()
    directory = Path(tempfile.mkdtemp(prefix="job-", dir=os.getcwd()))
    try:
        outcome, cmpinfo, printed = _run_in(directory, job)
    finally:
        _sweep(before)
        shutil.rmtree(directory, ignore_errors=True)
    sys.stdout.write(readable(printed.stdout))
    sys.stderr.write(readable(printed.stderr))
    display({JOB_TYPE: {"outcome": outcome, "cmpinfo": readable(cmpinfo)[:CMPINFO_CHARS_MAX]}}, raw=True)


def _run_in(directory: Path, job: dict[str, Any]) -> tuple[int, bytes, Printed]:
    """Compile and run a job; return its outcome, what the compiler says and what the program prints."""
    language, limits, source = LANGUAGES[job["language"]], JobLimits(**job["limits"]), job["sourcecode"]
    name = language.name(job["sourcefilename"], source)
    (directory / name).write_bytes(source.encode())
    for file in job["files"]:
        with suppress(OSError):  # it could not be put in its place, which standard error says
            shutil.move(file, directory / file)
    given = {**dict.fromkeys(KINDS, ""), **language.arguments, **job["arguments"]}
    if fault := language.fault(source, name):
        return COMPILE_ERROR, fault, Printed()
    if command := language.compiler(name, given):
        said = run_limited(command, directory, b"", limits.for_a_compiler())
        if said.stderr or said.exit_code:
            return COMPILE_ERROR, said.stderr or said.stdout or NO_END, Printed()
    printed = run_limited(language.program(name, given), directory, job["input"].encode(), limits)
    if printed.is_late:
        return TIME_LIMIT, b"", Printed(printed.stdout)
    if printed.exit_code == -signal.SIGSEGV:
        return RUNTIME_ERROR, b"", Printed(printed.stdout)
    if printed.exit_code < 0 and not printed.stderr:
        said_of_it = f"The program was ended by {signal.Signals(-printed.exit_code).name}.\n"
        return RUNTIME_ERROR, b"", Printed(printed.stdout, said_of_it.encode())
    # To Jobe a program is wrong that writes to standard error, and none is by its exit code.
    return (RUNTIME_ERROR if printed.stderr else SUCCESS), b"", printed


def readable(said: bytes) -> str:
    r"""Return UTF-8 as it is; of other bytes those that are no plain ASCII as \x and two digits, as Jobe does."""
    with suppress(UnicodeDecodeError):
        return said.decode()
    return "".join(chr(byte) if byte in b"\n\r\t" or 32 <= byte < 127 else f"\\x{byte:02x}" for byte in said)


def _processes() -> set[int]:
    """Return the session's processes, none where the layers that tell them from those of others are waived."""
    is_ours = os.readlink("/proc/self") == str(os.getpid()) and os.stat("/proc/1").st_uid == os.getuid()
    return {int(name) for name in os.listdir("/proc") if name.isdecimal()} if is_ours else set()


def _sweep(before: set[int]) -> None:
    """Kill what a job has left running; the session has nothing else that began meanwhile."""
    until_s = time.monotonic() + SWEEP_S
    while (left := _processes() - before) and time.monotonic() < until_s:
        for process in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(LOOK_S)
