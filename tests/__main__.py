"""``python -m tests``: all tests, in two halves; with arguments one pytest that gets them.

Each half has servers, ports and databases of its own. They run beside each other where there are cores for both: on two
that is faster, and every deadline comes nearer.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from harness.processes import tied
from harness.server import ROOT

PYTEST = [sys.executable, "-m", "pytest"]
CORES_FOR_BOTH = 4
SLOWEST = 10  # tests that each half names with their times
# Those that ask little of the whole server, which the others share; a room that is not named here is in the first half.
SECOND = ["device", "host", "load", "store", "untrusted", "web", "wire"]


def main(arguments: list[str]) -> int:
    """Run the tests; return the worse of the exit codes."""
    if arguments:
        os.execv(sys.executable, [*PYTEST, *arguments])
    rooms = [f"tests/{room}" for room in SECOND]
    all_of = [*PYTEST, f"--durations={SLOWEST}"]
    halves = [[*all_of, "tests", *(f"--ignore={room}" for room in rooms)], [*all_of, *rooms]]
    if len(os.sched_getaffinity(0)) < CORES_FOR_BOTH:
        return max([wait(subprocess.Popen(tied(half), cwd=ROOT)) for half in halves])
    with tempfile.TemporaryFile() as said:
        second = subprocess.Popen(
            tied(halves[1]), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        first = subprocess.Popen(tied(halves[0]), cwd=ROOT)
        codes = [wait(first), wait(second)]
        said.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(said.read())
        sys.stdout.flush()
    return max(codes)


def wait(half: subprocess.Popen[bytes]) -> int:
    """Return the exit code of a half; Ctrl-C reaches both halves by itself, and they end in order."""
    while True:
        try:
            code = half.wait()
            return code if code >= 0 else 128 - code
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
