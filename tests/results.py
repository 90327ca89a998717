"""What the parts of the tests came to: their times, and their failures in a few lines each."""

from __future__ import annotations

import xml.etree.ElementTree as Xml
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

SLOWEST = 10
# What shows of a long output is its end: whoever reads only that sees which tests failed, and why.
FAILURE_CHARS_MAX = 600


@dataclass(frozen=True)
class Result:
    """What a part came to. ``times_s``: of each test, with what was set up and taken down for it.

    ``failures``: by test, where it failed and what was said there.
    """

    name: str
    code: int
    elapsed_s: float
    times_s: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def read(file: Path, name: str, code: int, elapsed_s: float) -> Result:
    """Return the result of a part whose pytest has written this file, or ended before it could."""
    result = Result(name, code, elapsed_s)
    for case in Xml.parse(file).iter("testcase") if file.exists() else ():
        test = f"{case.get('classname')}::{case.get('name')}"
        result.times_s[test] = float(case.get("time") or 0)
        for failure in (*case.iter("failure"), *case.iter("error")):
            place = (failure.text or "").strip().rpartition("\n")[2]
            result.failures[test] = f"{place}\n{(failure.get('message') or '')[:FAILURE_CHARS_MAX]}"
    return result


def table(results: Sequence[Result], elapsed_s: float, busy: float) -> str:
    """Return the time of each part, the slowest tests, and the failures, as text.

    ``busy``: the share of all processors that was used while parts ran beside each other.
    """
    lines = [f"{'part':<24}{'tests':>6}{'seconds':>9}"]
    for result in results:
        failed = f"   failed ({result.code})" if result.code else ""
        lines.append(f"{result.name:<24}{len(result.times_s):>6}{result.elapsed_s:>9.0f}{failed}")
    lines.append(f"{'all':<24}{sum(len(result.times_s) for result in results):>6}{elapsed_s:>9.0f}")
    lines += ["", f"while parts ran beside each other, the processors were busy for {busy:.0%} of the time"]
    times_s = {test: time_s for result in results for test, time_s in result.times_s.items()}
    slowest = sorted(times_s, key=times_s.__getitem__, reverse=True)[:SLOWEST]
    lines += ["", "the slowest tests, in seconds, each with what was started for it"]
    lines += [f"{times_s[test]:6.1f}  {test}" for test in slowest]
    for result in results:
        for test, said in result.failures.items():
            lines += ["", f"failed: {test}", *(f"    {line}" for line in said.splitlines())]
    return "\n".join(lines)
