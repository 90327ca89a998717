"""``trusted_db.py`` as an operator runs it: wrongly, and to its end, asked for or not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import settings as settings_file
import store as stores
import trusted_db
from harness import processes
from harness.processes import Process
from store import Store, embedded
from tests.device.test_connector import PYTHON_ALONE, open_door
from tests.mongod import new_name
from tests.store.conftest import state_of, submit

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, str(ROOT / "trusted_db.py")]
END_S = 60.0
# It prints, then runs for longer than any test.
ENDLESS = "import time\nprint('begun', flush=True)\ntime.sleep(600)"


@pytest.fixture
def run_wrongly(tmp_path, monkeypatch, capsys) -> Callable[..., str]:
    """Return what runs the program, which must refuse with exit code 2; it gives the last line on standard error."""

    def run_wrongly(*arguments: str, config: str = "") -> str:
        file = tmp_path / "config.py"
        file.write_text(config)
        monkeypatch.setenv(settings_file.ENVIRONMENT_NAME, str(file))
        try:
            code = trusted_db.main(list(arguments))
        except SystemExit as ended:  # as argparse ends what it does not understand
            code = ended.code
        said = capsys.readouterr()
        assert (code, said.out) == (2, "")
        return said.err.strip().splitlines()[-1]

    return run_wrongly


def test_the_program_itself_refuses_with_a_sentence_and_its_code(tmp_path):
    (tmp_path / "config.py").write_text("")
    env = {**os.environ, settings_file.ENVIRONMENT_NAME: str(tmp_path / "config.py")}
    ended = subprocess.run([*PROGRAM, "-w", "-1"], env=env, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    said = "trusted_db.py: workers is -1; it must be a number above 0\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", said)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--workrs", "3"], "trusted_db.py: error: unrecognized arguments: --workrs 3"),
        (["-w", "many"], "trusted_db.py: error: argument -w/--workers: invalid int value: 'many'"),
        (["-w", "-1"], "trusted_db.py: workers is -1; it must be a number above 0"),
        (["cells"], "trusted_db.py: error: unrecognized arguments: cells"),
        (
            ["--untrusted-account", "a@b", "--untrusted-account", "a@b:0"],
            "trusted_db.py: untrusted_accounts: 'a@b:0' is no account: write user@host or user@host:port, "
            "and of a host that dials out user@name:port via user@relay:port",
        ),
        (["--untrusted-account", ""], "trusted_db.py: untrusted_accounts must be a list of texts"),
    ],
)
def test_a_wrong_command_line_is_refused_with_a_sentence(run_wrongly, arguments, sentence):
    assert run_wrongly(*arguments) == sentence


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("worker = 3", "trusted_db.py: {config}, line 1: there is no setting 'worker'; did you mean 'workers'?"),
        ("workers = '3'", "trusted_db.py: {config}, line 1: workers must be an int, not a str"),
        ("workers = 3 +", "trusted_db.py: {config}, line 1: this is no list of assignments: "),
        ("untrusted_accounts = ['a']", "trusted_db.py: untrusted_accounts: 'a' is no account: "),
    ],
)
def test_wrong_settings_are_refused_with_a_sentence(run_wrongly, tmp_path, config, sentence):
    said = run_wrongly(config=config)
    assert said.startswith(sentence.format(config=tmp_path / "config.py"))


# --- its end --------------------------------------------------------------------------------------------------------
class Running:
    """The program at work: a cell of its runs in the untrusted account and has said something."""

    def __init__(self, door_process: processes.Process, device: processes.Process, store: Store) -> None:
        self.sshd, self.device, self.store = door_process, device, store
        self.id = submit(store, ENDLESS)
        device.wait_for(self._has_begun, "the beginning of the cell", 60.0)
        self.over_there = {pid: processes.birth(pid) for pid in door_process.descendants()}

    def _has_begun(self) -> bool:
        found = self.store.messages.after(self.id, -1)
        return found is not None and any(b"begun" in bytes(text) for text in found[0])

    def wait_until_nothing_is_left(self, process: Process) -> None:
        """Wait until all that ran in the untrusted account is gone, wherever it went in the process tree."""
        try:
            process.wait_for(lambda: not self._left(), "the end of all that ran there", END_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\nleft: {self._left()}") from error

    def _left(self) -> dict[int, str]:
        there = [pid for pid, birth in self.over_there.items() if processes.birth(pid) == birth]
        return {pid: processes.command_line(pid) for pid in there}


@pytest.fixture
def running(mongo_directory: Path, tmp_path: Path) -> Iterator[Running]:
    """The program at work."""
    database = {"mongo_uri": embedded.uri(mongo_directory), "mongo_database": new_name()}
    database["languages"] = PYTHON_ALONE
    with open_door(forward=False) as (door, sshd):
        config = tmp_path / "config.py"
        chosen = {**database, "ssh_key_file": str(door.key_file), "ssh_known_hosts_file": str(door.known_hosts_file)}
        config.write_text("".join(f"{name} = {value!r}\n" for name, value in chosen.items()))
        env = {**os.environ, settings_file.ENVIRONMENT_NAME: str(config)}
        argv = [*PROGRAM, "-w", "2", "--untrusted-account", door.account]
        store = stores.connect(settings_file.load(**database))
        try:
            with processes.start(argv, ready=": python .* is ready", deadline_s=60.0, env=env, cwd=tmp_path) as device:
                yield Running(sshd, device, store)
        finally:
            store.close()


@pytest.mark.root
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_asked_to_end_it_hands_back_what_runs_and_leaves_nothing(running, number):
    assert running.over_there
    running.device.signal(number)
    assert running.device.wait(END_S) == 0
    assert state_of(running.store, running.id) == ("queued", None)
    running.wait_until_nothing_is_left(running.sshd)
    assert f"cell={running.id} running→queued" in running.device.log


@pytest.mark.root
def test_killed_it_leaves_nothing_over_there_and_the_cell_to_the_next(running):
    assert running.over_there
    running.device.signal(signal.SIGKILL)
    running.device.wait(END_S)
    running.wait_until_nothing_is_left(running.sshd)
    # Its lease has not run out yet.
    assert state_of(running.store, running.id) == ("running", None)


@pytest.mark.root
def test_an_sshd_that_dies_takes_everything_with_it_and_the_device_goes_on(running):
    running.sshd.signal(signal.SIGKILL)
    for pid in running.over_there:
        if processes.command_line(pid).startswith("sshd:"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    running.device.wait_for(lambda: state_of(running.store, running.id) == ("queued", None), "the next attempt", 60.0)
    running.wait_until_nothing_is_left(running.device)
    running.device.wait_for_line("SSH does not answer", 60.0)
    assert running.device.exit_code is None
