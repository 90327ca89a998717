"""The embedded MongoDB: private, tough, and clear about what is missing."""

from __future__ import annotations

import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import bson
import pytest

import settings as settings_file
import store as stores
from harness.processes import Process, all_end, start
from store import embedded
from store.address import OWN_SOCKET, SOCKET
from tests.mongod import ROOT, START_DEADLINE_S, answers, run_mongod
from tests.store.conftest import Connect, claim, message, state_of, submit, texts

END_S = 30.0
OP_MSG = 2013  # of MongoDB's wire protocol


def complain(directory: Path, **env: str) -> str:
    """Return the sentence with which the program ends."""
    done = subprocess.run(
        [sys.executable, "-m", "store.embedded", str(directory)],
        cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == embedded.EXIT_SETTINGS and "Traceback" not in done.stderr
    [sentence] = done.stderr.splitlines()
    return sentence.removeprefix("store.embedded: ")


def exe(pid: int) -> str:
    """Return the program that a process runs."""
    return Path(f"/proc/{pid}/exe").resolve().name


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Process]]:
    """A mongod that nobody ends, and its directory."""
    directory = tmp_path_factory.mktemp("embedded") / "mongo"
    with run_mongod(directory) as process:
        yield directory, process


def test_it_listens_on_its_own_socket_and_nowhere_else(mongod: tuple[Path, Process]) -> None:
    directory, process = mongod
    assert exe(process.pid) == "mongod"
    own = {os.readlink(entry) for entry in Path(f"/proc/{process.pid}/fd").iterdir() if entry.is_symlink()}
    inodes = {link[8:-1] for link in own if link.startswith("socket:[")}
    for table in ("tcp", "tcp6", "udp", "udp6"):
        lines = Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]
        assert not inodes & {line.split()[9] for line in lines}, table
    lines = [line.split() for line in Path(f"/proc/{process.pid}/net/unix").read_text().splitlines()[1:]]
    assert {line[7] for line in lines if line[6] in inodes and len(line) > 7} == {str(directory / OWN_SOCKET)}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / SOCKET).stat().st_mode) == 0o700


def test_nothing_acknowledged_is_lost_when_it_is_killed_and_moved(tmp_path: Path, connect: Connect) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    with run_mongod(first) as mongod:
        store = connect(first)
        done = submit(store)
        store.claims.finish(claim(store), "done", messages=[message("a")])
        queued = [submit(store, f"{number}") for number in range(20)]
        mongod.signal(signal.SIGKILL)
        mongod.wait(END_S)
    assert (first / SOCKET).exists()
    first.rename(second)
    with run_mongod(second):
        store = connect(second)
        assert state_of(store, done) == ("done", None) and texts(store, done) == ["a"]
        assert [claim(store).id for _ in queued] == queued


def first_words(directory: Path) -> dict[str, Any] | None:
    """Return what the mongod in a directory says of itself; None when it cannot be reached."""
    question = bson.encode({"hello": 1, "$db": "admin"})
    message = struct.pack("<iiiiib", 21 + len(question), 1, 0, OP_MSG, 0, 0) + question
    with suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(END_S)
        line.connect(str(directory / SOCKET))
        line.sendall(message)
        [size] = struct.unpack("<i", line.recv(4, socket.MSG_WAITALL))
        return bson.decode(line.recv(size - 4, socket.MSG_WAITALL)[17:])
    return None


def test_it_is_reached_only_while_it_takes_writes(tmp_path: Path) -> None:
    with run_mongod(tmp_path) as mongod:  # makes the replica set
        mongod.signal(signal.SIGKILL)
        mongod.wait(END_S)
    process = Process([sys.executable, "-m", "store.embedded", str(tmp_path)], None, ROOT)
    try:
        until = time.monotonic() + START_DEADLINE_S
        while not (words := first_words(tmp_path)):
            assert time.monotonic() < until, process.tail()
            time.sleep(0.001)
    finally:
        process.stop()
    assert words["isWritablePrimary"] and words["logicalSessionTimeoutMinutes"]


def test_a_second_one_in_the_same_directory_is_refused_and_the_first_goes_on(
    mongod: tuple[Path, Process], connect: Connect
) -> None:
    directory, _process = mongod
    store = connect(directory)
    store.ping()
    assert "works in" in complain(directory)
    store.ping()
    connect(directory).ping()


def test_it_ends_with_its_starter(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "store.embedded", str(tmp_path)]
    code = f"import subprocess, time; print(subprocess.Popen({argv!r}).pid, flush=True); time.sleep(600)"
    starter = Process([sys.executable, "-c", code], None, ROOT)
    try:
        starter.wait_for(lambda: "\n" in starter.output, "the id of mongod", END_S)
        pid = int(starter.output.split()[0])
        starter.wait_for(lambda: answers(tmp_path), "mongod", START_DEADLINE_S)
        assert exe(pid) == "mongod"
        with all_end([pid], END_S):
            starter.signal(signal.SIGKILL)
    finally:
        starter.stop()


def test_one_that_takes_its_time_to_answer_is_waited_for(tmp_path: Path) -> None:
    slow = tmp_path / "mongod"
    slow.write_text(f"#!/bin/sh\n[ $1 = --version ] || sleep 1.5\nexec {embedded.mongod_program()} \"$@\"\n")
    slow.chmod(0o755)
    data = tmp_path / "data"
    code = f"import pathlib; from store import embedded as e; e.ATTEMPT_S = 0.5; e.run(pathlib.Path({str(data)!r}))"
    argv = [sys.executable, "-c", code]
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with start(argv, ready=lambda: answers(data), deadline_s=START_DEADLINE_S, env=env, cwd=ROOT):
        pass


def test_a_long_log_is_put_aside_while_it_works(
    mongod: tuple[Path, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, _process = mongod
    store = stores.connect(settings_file.load(data_directory=str(directory.parent)))
    log, old = directory / "mongod.log", directory / "mongod.log.old"
    store.sweep()
    assert not old.exists()
    monkeypatch.setattr("store.log.LOG_BYTES_MAX", log.stat().st_size - 1)
    store.sweep()
    assert old.exists() and log.stat().st_size < old.stat().st_size
    assert answers(directory)
    store.close()


def test_it_leaves_no_child_behind(mongod: tuple[Path, Process]) -> None:
    _directory, process = mongod
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    process.wait_for(lambda: not children.read_text(), "the end of the child", START_DEADLINE_S)


@pytest.mark.parametrize(("extra", "fine"), [(-1, True), (0, True), (1, False)])
def test_the_length_of_the_path_is_limited(extra: int, fine: bool) -> None:
    directory = Path("/" + "x" * (107 + extra - len(f"//{SOCKET}")))
    if fine:
        assert embedded.uri(directory).startswith("mongodb://%2Fx")
    else:
        with pytest.raises(embedded.EmbeddedError, match="too long for a Unix socket"):
            embedded.uri(directory)
        assert "too long" in complain(directory)


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    fake = tmp_path / "mongod"
    sentence = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
    fake.write_text(f"#!/bin/sh\necho '{sentence}' >&2\nexit 127\n")
    fake.chmod(0o755)
    assert "apt-get install libcurl4" in complain(tmp_path / "data", PATH=f"{tmp_path}:{os.environ['PATH']}")
    fake.write_text("#!/bin/sh\necho 'bad cpu' >&2\nexit 1\n")
    assert complain(tmp_path / "data", PATH=f"{tmp_path}:{os.environ['PATH']}").endswith("does not run here: bad cpu")


def test_a_mongod_on_path_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "mongod"
    fake.write_text("#!/bin/sh\nexit 0\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert embedded.mongod_program() == str(fake)


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used: Not a directory" in complain(tmp_path / "file" / "data")


def test_settings_lead_to_the_directory(tmp_path: Path) -> None:
    assert embedded.directory(settings_file.load(data_directory=str(tmp_path))) == tmp_path / "mongo"
