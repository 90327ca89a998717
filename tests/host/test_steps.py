"""What must be installed first is a line for each step; what programs say is seen when they fail, and in a log."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.server import ROOT
from tests.host.terminal import on_terminal

SCRIPT = """
set -eu
cd "{root}"
prefix={prefix}
say() {{ printf 'singlecell: %s\\n' "$*" >&2; }}
. deploy/steps.sh
{lines}
"""
LOG_CHARS = 5_000_000


@pytest.fixture
def script(tmp_path):
    """Return a function that gives the command for a script of steps."""

    def script(lines: str) -> list[str]:
        return ["sh", "-c", SCRIPT.format(root=ROOT, prefix=tmp_path, lines=lines)]

    return script


def run(argv: list[str]) -> tuple[int, list[str]]:
    """Run a script to its end; return its exit code and its lines."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def test_a_step_that_succeeds_is_one_line_and_its_words_are_in_the_log(script, tmp_path):
    code, said = run(script('step "packages" sh -c "echo loud; echo louder >&2"\nstep "more" true'))
    assert code == 0
    assert said[0].endswith(f"what the programs say is in {tmp_path}/build.log")
    assert [re.sub(r" +\d+\.\d s$", "", line) for line in said[1:]] == ["singlecell: packages", "singlecell: more"]
    assert "loud\nlouder\n" in (tmp_path / "build.log").read_text()


def test_a_step_that_fails_shows_its_own_last_words_and_names_the_log(script, tmp_path):
    numbers = "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo line-$i; done; exit 7"
    code, said = run(script(f"step first echo earlier\nstep second sh -c '{numbers}'"))
    assert code == 7
    assert re.fullmatch(r"singlecell: second: this failed after \d+\.\d s; it said last:", said[2])
    assert said[3:-1] == [f"  line-{number}" for number in range(19, 31)]
    assert said[-1] == f"singlecell: all of it is in {tmp_path}/build.log"


def test_a_step_that_fails_shows_the_errors_alone_where_they_are_named(script):
    words = r'printf "Looking\nERROR: No such thing\nIgnoring that\nERROR: No such thing\n  error: nor this\n"; exit 1'
    code, said = run(script(f"step first sh -c '{words}'"))
    assert (code, said[2:-1]) == (1, ["  ERROR: No such thing", "    error: nor this"])


def test_a_log_that_is_too_long_begins_anew(script, tmp_path):
    log = tmp_path / "build.log"
    log.write_text("x" * LOG_CHARS)
    assert run(script("step one true"))[0] == 0
    assert log.stat().st_size < LOG_CHARS and (tmp_path / "build.log.1").stat().st_size == LOG_CHARS
    assert Path(log).stat().st_mode & 0o077 == 0


def test_a_step_in_a_terminal_has_a_moving_bar_that_goes_away(script, tmp_path):
    go = tmp_path / "go"
    waits = f"sh -c 'while [ ! -e {go} ]; do sleep 0.05; done'"
    lines = f'step "a label that is longer than the place which is there for it" {waits}\necho over\nexec sleep 1000'

    def watch(screen: str) -> None:
        bars = re.findall(r"\r\x1b\[Ksinglecell: [^\r\n]*\[( *#####) *\] +\d+ s", screen)
        if len(set(bars)) > 3:
            go.touch()

    screen = on_terminal(script(lines), None, until="over", watch=watch)
    assert [line for line in screen.split("\r\n") if line.rpartition("\x1b[K")[2].startswith("singlecell: a label")]
    assert not [line for line in screen.split("\r\n") if "[" in line.rpartition("\r\x1b[K")[2]], screen
