"""Services start together, come back when they die, and end together, in order and in time, whoever ends them."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress

import pytest

from harness.processes import start
from host.deaths import CALM_S, PAUSE_S_MAX, Deaths
from host.errors import EXIT_SERVICE_DIED, EXIT_SETTINGS
from host.supervision import GONE_S, HEAR_S, KILL_S

START_S = 30.0
PROMISED_S = 5.0  # by make run
END_S = 60.0  # on a busy machine
SLEEP = "exec sleep 1000"
STUBBORN = "trap '' TERM INT HUP; echo stubborn; while :; do sleep 1000; done"


@pytest.fixture(autouse=True)
def hangups_are_heard():
    """Tests that were started under nohup would hand its deafness on."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@contextmanager
def launcher(tmp_path, *services, ready="^started$", **environment):
    argv = [sys.executable, "-m", "tests.host.launcher", str(tmp_path / "log"), *services]
    with start(argv, ready=ready, deadline_s=START_S, env={**os.environ, **environment}) as process:
        yield process


def is_alive(pid):
    with suppress(OSError), open(f"/proc/{pid}/status") as file:
        return "(zombie)" not in file.read()
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_each_ending_signal_ends_all_services_and_is_no_failure(tmp_path, number):
    with launcher(tmp_path, f"one={SLEEP}", f"two!={SLEEP}") as process:
        process.wait_for(lambda: len(process.descendants()) == 2, "both services", START_S)
        check_end(process, number)


def test_a_closed_terminal_does_not_end_what_was_started_to_survive_it(tmp_path):
    argv = ["nohup", sys.executable, "-m", "tests.host.launcher", str(tmp_path / "log"), f"one={SLEEP}"]
    with start(argv, ready="^started$", deadline_s=START_S) as process:
        process.signal(signal.SIGHUP)
        process.signal(signal.SIGTERM)
        assert process.wait(END_S) == 0
        assert "SIGHUP" not in process.log


def test_ctrl_c_in_a_terminal_reaches_the_services_only_through_the_launcher(tmp_path):
    with launcher(tmp_path, "one=trap 'echo interrupted' INT; exec sleep 1000", f"two={SLEEP}") as process:
        process.signal_group(signal.SIGINT)
        assert process.wait(END_S) == 0
        assert "interrupted" not in process.log


def check_end(process, number=signal.SIGTERM):
    """Fail unless the signal ends the launcher in time and in order, and everything below it."""
    below = process.descendants()
    process.signal(number)
    assert process.wait(END_S) == 0
    assert not [pid for pid in below if is_alive(pid)]


def test_a_service_that_will_not_end_is_killed_in_time(tmp_path):
    with launcher(tmp_path, f"stubborn={STUBBORN}", f"two={SLEEP}", ready="stubborn$") as process:
        check_end(process)
    assert HEAR_S + KILL_S + GONE_S <= PROMISED_S


def test_asking_twice_is_asking_once(tmp_path):
    """make hands on a SIGTERM that its whole group has got already."""
    go = tmp_path / "go"
    slow = f"trap 'while [ ! -e {go} ]; do sleep 0.05; done; echo ended in order; exit' TERM; echo waits; "
    with launcher(tmp_path, f"slow={slow} while :; do sleep 0.1; done", ready="waits$", PATIENT="1") as process:
        process.signal(signal.SIGTERM)
        process.wait_for_line("SIGTERM: ending", END_S)
        process.signal(signal.SIGTERM)
        go.touch()
        assert process.wait(END_S) == 0
        assert "ended in order" in (tmp_path / "log").read_text()


def test_what_a_service_left_behind_in_another_session_is_ended_too(tmp_path):
    orphan = "setsid sh -c 'trap \"\" TERM HUP; echo orphan; exec sleep 1000' & exec sleep 1000"
    with launcher(tmp_path, f"one={orphan}", ready="orphan$") as process:
        check_end(process)


def test_a_service_that_dies_is_started_again_and_the_others_go_on(tmp_path):
    once = f"mkdir {tmp_path}/once 2>/dev/null || {SLEEP}; sleep 0.3; echo a last word; kill -9 $$"
    with launcher(tmp_path, f"one=echo $$ is one; {SLEEP}", f"two={once}") as process:
        process.wait_for_line(r"two started again \(pid=", START_S)
        process.wait_for_line(" is one$", START_S)
        assert process.log.count(" is one\n") == 1
        said = process.log.partition("two was ended by SIGKILL; it is started again in 0.1 s")[2]
        assert "two said: a last word" in said.partition("two started again")[0]
        check_end(process)


def test_one_that_dies_again_and_again_says_the_same_once_and_pauses_longer(tmp_path):
    with launcher(tmp_path, f"one={SLEEP}", "two=echo the same; exit 7", ready="4 times in a row") as process:
        assert process.log.count("two said: the same") == 1
        assert "two ended with exit code 7, 4 times in a row; it is started again in 0.8 s" in process.log
        check_end(process)


def test_the_operator_is_told_ever_more_rarely_of_the_same_death():
    deaths, told = Deaths(), []
    for number in range(1, 20):
        deaths.add(1.0, ["the same"])
        if deaths.is_news:
            told.append(number)
    assert told == [1, 2, 4, 8, 16]
    deaths.add(1.0, ["something else"])
    assert deaths.is_news


def test_a_pause_doubles_to_a_bound_and_is_short_again_after_a_calm_life():
    deaths = Deaths()
    pauses = []
    for _ in range(12):
        deaths.add(1.0, [])
        pauses.append(deaths.pause_s)
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == PAUSE_S_MAX
    deaths.add(CALM_S + 1, [])
    assert deaths.pause_s == 0.1


def test_what_a_dead_service_forked_is_ended_before_it_starts_again(tmp_path):
    """Workers of the web part would hold its port."""
    fork = "sleep 1000 & echo forked $!; wait"
    with launcher(tmp_path, f"one={fork}", ready="forked ") as process:
        inner = int(process.wait_for_line("forked ", START_S).rpartition(" ")[2])
        outer = next(pid for pid in process.descendants() if pid != inner)
        os.kill(outer, signal.SIGKILL)
        process.wait_for_line("one started again", START_S)
        assert not is_alive(inner)
        check_end(process)


def test_a_service_comes_back_after_those_that_it_needs(tmp_path):
    both = [f"base=echo $$ is base; {SLEEP}", f"top>base=echo $$ is top; {SLEEP}"]
    with launcher(tmp_path, *both, ready="is top$") as process:
        first = [int(process.wait_for_line(f"is {name}$", START_S).split()[-3]) for name in ("base", "top")]
        process.signal(signal.SIGSTOP)
        for pid in reversed(first):
            os.kill(pid, signal.SIGKILL)
        process.signal(signal.SIGCONT)
        process.wait_for_line("top started again", START_S)
        assert process.log.index("base started again") < process.log.index("top started again")
        check_end(process)


def test_one_that_never_worked_and_dies_three_times_ends_all_with_its_last_lines(tmp_path):
    dying = "for i in $(seq 30); do echo line-$i; done; exit 9"
    with launcher(tmp_path, f"one={SLEEP}", f"two=sleep 0.2; {dying}", NEVER_READY="1") as process:
        assert process.wait(START_S) == EXIT_SERVICE_DIED
        said, _, last_words = process.log.partition("two ended with exit code 9, so all others were stopped")
        assert said.count("it is started again") == 2
        assert [line.strip() for line in last_words.splitlines()[1:]] == [
            f"singlecell:   line-{number}" for number in range(11, 31)
        ]


def test_a_service_that_cannot_start_ends_all(tmp_path):
    with launcher(tmp_path, f"one={SLEEP}", "two=sleep 0.2; exec /no/such/program", NEVER_READY="1") as process:
        assert process.wait(START_S) == EXIT_SERVICE_DIED
        assert "/no/such/program" in process.log.partition("all others were stopped")[2]


def test_a_service_with_a_wrong_setting_ends_all_with_its_own_sentence(tmp_path):
    wrong = "sleep 0.2; echo 'noise'; echo 'trusted_db.py: workers is 0; it must be more'; exit 2"
    with launcher(tmp_path, f"one={SLEEP}", f"two={wrong}") as process:
        assert process.wait(START_S) == EXIT_SETTINGS
        assert process.log.splitlines()[-1] == "singlecell: workers is 0; it must be more"
        assert "again" not in process.log


def test_a_job_that_ends_is_no_end_of_the_others(tmp_path):
    with launcher(tmp_path, "job?=echo done; exit 1", f"one={SLEEP}") as process:
        process.wait_for(lambda: "job stopped (rc=1)" in (tmp_path / "log").read_text(), "the end of the job", START_S)
        assert len(process.descendants()) == 1
        check_end(process)
        assert "again" not in process.log


def test_a_killed_launcher_takes_everything_with_it(tmp_path):
    with launcher(tmp_path, f"one={SLEEP}", f"two={SLEEP}") as process:
        process.wait_for(lambda: len(process.descendants()) == 2, "both services", START_S)
        below = process.descendants()
        process.signal(signal.SIGKILL)
        process.wait(END_S)
        with start(["sleep", "1000"], ready=lambda: not any(map(is_alive, below)), deadline_s=END_S):
            pass


def test_the_early_services_end_before_the_others(tmp_path):
    # Not by the log: last words of one that has ended may come after what the next one says.
    gone, seen = tmp_path / "gone", tmp_path / "seen"
    slow = f"trap '[ ! -e {gone} ] || touch {seen}; kill $!; exit' TERM; echo late runs; sleep 1000 & wait"
    early = f"trap 'sleep 0.3; touch {gone}; exit' TERM; echo early runs; while :; do sleep 0.1; done"
    with launcher(tmp_path, f"late={slow}", f"early!={early}", ready="early runs$", PATIENT="1") as process:
        process.wait_for_line("late runs$", START_S)
        process.signal(signal.SIGTERM)
        assert process.wait(END_S) == 0
        assert seen.exists()


def test_what_services_say_is_in_the_log_file_and_never_on_standard_output(tmp_path):
    with launcher(tmp_path, "one=echo spoken; printf 'bad \\377 byte\\n'; exec sleep 1000", ready="byte") as process:
        process.wait_for(lambda: process.output == "started\n", "its own word on standard output", START_S)
        log = (tmp_path / "log").read_text()
        assert "one | spoken" in log
        assert "one | bad \ufffd byte" in log


def zombies_below(pid):
    """Return how many children of a process have ended and were not collected."""
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{name}/stat") as file:
            count += file.read().rpartition(")")[2].split()[:2] == ["Z", str(pid)]
    return count


def test_orphans_that_end_are_collected(tmp_path):
    orphan = "(sh -c 'sleep 0.2; echo orphan ended' &) ; exec sleep 1000"
    with launcher(tmp_path, f"one={orphan}", ready="orphan ended$") as process:
        process.wait_for(lambda: zombies_below(process.pid) == 0, "collecting the orphan", END_S)
