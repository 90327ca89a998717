"""``make load``: let students use a server, by Tsung, and show what became of their computations.

The environment's LOAD_RATE, LOAD_SECONDS, LOAD_USERS, LOAD_URL, LOAD_RAMP and LOAD_MIX say how; the table goes to
standard output, all else to standard error. Exit code 0: every computation was right or honestly refused; 1: some were
not; 2: asked for wrongly; 3: Tsung is missing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from harness.server import ROOT
from harness.usage import Usage, Watch
from host.errors import EXIT_MISSING, EXIT_SETTINGS
from tests.load import outcomes, ramp, report, server, tsung
from tests.load.options import BadOption, Options, read
from tests.load.report import Result
from tests.load.server import Server

REPORTS = ROOT / ".build" / "load"
PREFIX = "LOAD_"  # SECONDS alone is a variable of some shells


def main() -> int:
    """Run what was asked for; return the exit code."""
    # As Ctrl-C does, it ends the server and Tsung too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        options = read({name[len(PREFIX) :]: value for name, value in os.environ.items() if name.startswith(PREFIX)})
        if lacking := tsung.missing():
            say(f"this machine lacks {' and '.join(lacking)}; its owner can install them with: apt-get install tsung")
            return EXIT_MISSING
        tsung.raise_limits(options.users)
        return load(options)
    except BadOption as error:
        say(str(error))
        return EXIT_SETTINGS
    except KeyboardInterrupt:
        return 130


def load(options: Options) -> int:
    """Put a server under load. Raises BadOption."""
    with server.running(options.url, say) as ready:
        folder = report.make_folder(REPORTS)
        if options.ramp:
            return climb(options.on(ready.url), ready, folder)
        result = run(options.on(ready.url), ready, folder)
        print(report.table(result))
        print(f"report with graphs: {folder / 'report.html'}")
    return 0 if result.outcomes.good else 1


def climb(options: Options, ready: Server, folder: Path) -> int:
    """Look for the knee on one server."""

    def step(rate: float) -> Result:
        below = folder / f"rate-{rate:g}"
        below.mkdir()
        tsung.raise_limits(options.at(rate).users)
        result = run(options.at(rate), ready, below)
        print(ramp.table([result]), file=sys.stderr, flush=True)
        return result

    results = ramp.climb(options.rate, step)
    found = {"runs": [one.figures() for one in results], "limit": ramp.limit(results)}
    (folder / "ramp.json").write_text(json.dumps(found, indent=1, ensure_ascii=False))
    print(ramp.table(results))
    knee = ramp.knee(results)
    if knee is None:
        print(f"at no rate did every computation end within {ramp.GOAL_S:g} s")
    else:
        print(f"\nthe knee: {knee.options.rate:g} students a second")
        print(report.table(knee))
    print(ramp.limit(results))
    print(f"reports with graphs: {folder}/rate-*/report.html")
    return 0 if knee else 1


def run(options: Options, ready: Server, folder: Path) -> Result:
    """Let students come at one rate; leave the report in the folder."""
    say(f"{options.rate:g} students a second for {options.seconds} s, at most {options.users}, at {options.url}")
    usage = Usage()

    def watch(tsung_pid: int) -> Watch:
        pids = {"tsung": tsung_pid} | ({"server": ready.pid} if ready.pid else {})
        return Watch(pids, ready.group, options.seconds, usage)

    tsung.run(options, folder, say, watch)
    result = Result(options, outcomes.read(folder), usage)
    for one in result.outcomes.computations:
        if one.outcome in ("wrong", "lost") and one.id:
            became = server.save_computation(options.url, one.id, folder)
            say(f"{one.outcome}: {one.kind}, {became}: {folder / one.id}.json")
    report.write(result, folder)
    return result


def say(sentence: str) -> None:
    """Tell the person who waits."""
    print(f"load: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
