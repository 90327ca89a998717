"""Services start together and end together, in order and in time, whoever ends them."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress

import pytest

from harness.processes import start
from host.errors import EXIT_SERVICE_DIED

START_S = 30.0
END_S = 5.0  # what make run promises
SLEEP = "exec sleep 1000"
STUBBORN = "trap '' TERM INT HUP; echo stubborn; while :; do sleep 1000; done"


@pytest.fixture(autouse=True)
def hangups_are_heard():
    """Tests that were started under nohup would hand its deafness on."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@contextmanager
def launcher(tmp_path, *services, ready="^started$"):
    argv = [sys.executable, "-m", "tests.host.launcher", str(tmp_path / "log"), *services]
    with start(argv, ready=ready, deadline_s=START_S) as process:
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


def test_asking_twice_is_asking_once(tmp_path):
    """make hands on a SIGTERM that its whole group has got already."""
    slow = "trap 'sleep 0.5; echo ended in order; exit' TERM; while :; do sleep 0.1; done"
    with launcher(tmp_path, f"slow={slow}") as process:
        process.wait_for(lambda: len(process.descendants()) > 1, "the service's own sleep", START_S)
        process.signal(signal.SIGTERM)
        process.wait_for_line("SIGTERM: ending", END_S)
        process.signal(signal.SIGTERM)
        assert process.wait(END_S) == 0
        assert "ended in order" in process.log


def test_what_a_service_left_behind_in_another_session_is_ended_too(tmp_path):
    orphan = "setsid sh -c 'trap \"\" TERM HUP; echo orphan; exec sleep 1000' & exec sleep 1000"
    with launcher(tmp_path, f"one={orphan}", ready="orphan$") as process:
        check_end(process)


def test_when_one_service_dies_all_end_with_its_last_20_lines(tmp_path):
    dying = "for i in $(seq 30); do echo line-$i; done; exit 9"
    with launcher(tmp_path, f"one={SLEEP}", f"two=sleep 0.5; {dying}") as process:
        assert process.wait(START_S) == EXIT_SERVICE_DIED
        said, _, last_words = process.log.partition("the service two ended by itself")
        assert "line-1\n" in said
        assert [line.strip() for line in last_words.splitlines()[1:]] == [f"line-{number}" for number in range(11, 31)]


def test_a_job_that_ends_is_no_end_of_the_others(tmp_path):
    with launcher(tmp_path, "job?=echo done; exit 1", f"one={SLEEP}", ready=r"job stopped \(rc=1\)") as process:
        assert len(process.descendants()) == 1
        check_end(process)
        assert "by itself" not in process.log


def test_a_service_that_cannot_start_ends_all(tmp_path):
    with launcher(tmp_path, f"one={SLEEP}", "two=sleep 0.5; exec /no/such/program") as process:
        assert process.wait(START_S) == EXIT_SERVICE_DIED
        assert "/no/such/program" in process.log.partition("by itself")[2]


def test_a_killed_launcher_takes_everything_with_it(tmp_path):
    with launcher(tmp_path, f"one={SLEEP}", f"two={SLEEP}") as process:
        process.wait_for(lambda: len(process.descendants()) == 2, "both services", START_S)
        below = process.descendants()
        process.signal(signal.SIGKILL)
        process.wait(END_S)
        with start(["sleep", "1000"], ready=lambda: not any(map(is_alive, below)), deadline_s=END_S):
            pass


def test_the_early_services_end_before_the_others(tmp_path):
    slow = "trap 'echo late is still here; kill $!; exit' TERM; echo late runs; sleep 1000 & wait"
    early = "trap 'sleep 0.3; echo early ends; exit' TERM; echo early runs; while :; do sleep 0.1; done"
    with launcher(tmp_path, f"late={slow}", f"early!={early}", ready="early runs$") as process:
        process.wait_for_line("late runs$", START_S)
        process.signal(signal.SIGTERM)
        assert process.wait(END_S) == 0
        assert process.log.index("early ends") < process.log.index("late is still here")


def test_what_services_say_is_in_the_log_file_and_never_on_standard_output(tmp_path):
    with launcher(tmp_path, "one=echo spoken; printf 'bad \\377 byte\\n'; exec sleep 1000", ready="byte") as process:
        assert process.output == "started\n"
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
