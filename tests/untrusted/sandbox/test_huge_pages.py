"""A zygote's memory lies on huge pages, and takes no more room for it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Objects are loaded as with libraries: in between, memory is taken for something else, and some is given back.
LOAD = """
import json, mmap, sys
sys.path.insert(0, sys.argv[1])
from untrusted.sandbox import huge_pages

def sizes():
    with open("/proc/self/smaps_rollup") as rollup:
        lines = dict(line.split(":") for line in rollup.readlines()[1:])
    return [int(lines[name].split()[0]) for name in ("Anonymous", "AnonHugePages")]

reserved = huge_pages.reserve() if sys.argv[2] == "reserved" else []
kept = []
for number in range(150):
    kept.append([[value] for value in range(2500)])
    kept.append(mmap.mmap(-1, (1 << 20) + (number % 7 << 17)))
    if number % 3 == 0:
        kept.pop()
del reserved
before = sizes()
huge_pages.gather()
print(json.dumps([before, sizes()]))
"""


def load(python: str, account: dict[str, int], how: str) -> list[list[int]]:
    """Return memory in KiB, all and that on huge pages, before and after it was gathered."""
    answer = subprocess.run(
        [python, "-I", "-B", "-c", LOAD, ROOT, how], capture_output=True, text=True, check=True, cwd="/", env={},
        **account,
    )  # fmt: skip
    found: list[list[int]] = json.loads(answer.stdout)
    return found


def test_what_is_loaded_lies_on_huge_pages_and_takes_no_more_room(python, account):
    (before, _huge), (after, huge) = load(python, account, "reserved")
    if not huge:
        pytest.skip("this kernel puts nothing on huge pages when it is asked to (Linux 6.1)")
    assert huge > 0.8 * after
    assert after < before + (6 << 10)
    (scattered, _huge), (_after, scattered_huge) = load(python, account, "as it comes")
    assert before < scattered + (6 << 10)
    assert scattered_huge < 0.7 * huge
