"""``python trusted_db.py``: its flags, its refusals, its log and its end."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from harness.processes import Process, start
from harness.server import free_port
from trusted_db import configure, main

ROOT = Path(__file__).resolve().parents[2]
END_S = 60.0


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch) -> Path:
    """Settings of this test's own, with a database that is not there."""
    file = tmp_path / "config.py"
    (tmp_path / "known_hosts").write_text("")
    file.write_text(
        f"data_directory = {str(tmp_path)!r}\nmongo_timeout_s = 0.2\n"
        f"ssh_known_hosts_file = {str(tmp_path / 'known_hosts')!r}\nuntrusted_accounts = ['from@settings']\n"
    )
    monkeypatch.setenv("SINGLECELL_CONFIG", str(file))
    return file


def test_flags_win_over_the_settings():
    settings, options = configure(["-w", "7", "--untrusted-account", "a@b", "--untrusted-account", "c@d:23", "-q"])
    assert (settings.workers, settings.untrusted_accounts, options.quiet) == (7, ["a@b", "c@d:23"], True)


def test_without_flags_the_settings_hold():
    settings, options = configure([])
    assert (settings.workers, settings.untrusted_accounts, options.quiet) == (50, ["from@settings"], False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-w", "0"], "workers is 0"),
        (["--untrusted-account", "nowhere"], "'nowhere' is no account: write user@host or user@host:port"),
    ],
)
def test_a_wrong_flag_is_a_sentence_and_the_end(arguments, sentence, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1


@pytest.mark.root
def test_root_without_an_account_is_refused(own_settings, capsys):
    own_settings.write_text(own_settings.read_text().replace("'from@settings'", ""))
    assert main([]) == 2
    assert "root never runs user code" in capsys.readouterr().err


def begin(*arguments: str, ready: str):
    """Run the program until the block ends."""
    account = f"nobody@127.0.0.1:{free_port()}"
    argv = [sys.executable, str(ROOT / "trusted_db.py"), "--untrusted-account", account, *arguments]
    return start(argv, ready=ready, deadline_s=END_S, env=dict(os.environ), cwd=ROOT)


def lines(process: Process, words: str) -> list[str]:
    """Return the lines of its log in which these words are."""
    return [line for line in process.log.splitlines() if words in line]


class Knocks:
    """Something that takes connections where a database is expected, ends each of them, and counts them."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.count = 0
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                self.socket.accept()[0].close()
            except OSError:  # closed
                return
            self.count += 1


def test_it_keeps_trying_without_a_database_or_an_account_and_ends_when_asked(own_settings):
    """That the database is away is said once, and not that it answers."""
    knocks = Knocks()
    uri = f"mongodb://127.0.0.1:{knocks.socket.getsockname()[1]}/?directConnection=true"
    own_settings.write_text(f"{own_settings.read_text()}mongo_uri = {uri!r}\n")
    with closing(knocks.socket), begin(ready="SSH does not answer") as process:
        process.wait_for_line("queued cells wait", END_S)
        count = knocks.count
        process.wait_for(lambda: knocks.count > count + 5, "more looks for the database", END_S)
        process.signal(signal.SIGTERM)
        assert process.wait(END_S) == 0
        assert len(lines(process, "SSH does not answer")) == 1
        assert len(lines(process, "queued cells wait")) == 1
        assert not lines(process, "the database answers again")
        assert not lines(process, "Traceback")


def test_a_terminal_that_is_closed_ends_it_in_order():
    with begin(ready="SSH does not answer") as process:
        process.signal(signal.SIGHUP)
        assert process.wait(END_S) == 0
        assert not lines(process, "Traceback")


def test_asked_twice_it_ends_at_once():
    with begin("-q", ready="SSH does not answer") as process:
        process.signal(signal.SIGSTOP)
        process.signal(signal.SIGINT)
        process.signal(signal.SIGTERM)
        process.signal(signal.SIGCONT)
        assert process.wait(END_S) in (128 + signal.SIGINT, 128 + signal.SIGTERM)
