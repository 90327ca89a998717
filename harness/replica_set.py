"""Run a MongoDB of three nodes with users, a key file and TLS, as docs/database.md says to."""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from harness.processes import Process, start, wait_for
from harness.server import free_port
from store.embedded import mongod_program

NODES = 3
START_S = 60.0
CACHE_GB = 0.25
USER = "singlecell"
# From a request for votes on: tests need not wait for MongoDB's 10 s.
ELECTION_MS = 2000


class ReplicaSet:
    """The nodes of a replica set in a directory; a node is known by its number.

    ``settings``: what a server needs to know of it. ``admin``: a connection with all rights.
    """

    def __init__(self, directory: Path, election_ms: int = ELECTION_MS) -> None:
        self._directory, self._election_ms = directory, election_ms
        self._ports = [free_port() for _ in range(NODES)]
        self._stacks: dict[int, ExitStack] = {}
        self.processes: dict[int, Process] = {}
        self._password = secrets.token_hex(16)
        self._make_files()
        for node in range(NODES):
            self.start(node)
        self._initiate()
        hosts = ",".join(map(self._host, range(NODES)))
        tls = f"replicaSet=rs0&tls=true&tlsCAFile={directory / 'ca.pem'}"
        self.settings = {"mongo_uri": f"mongodb://{hosts}/?{tls}", "mongo_user": USER, "mongo_password": self._password}
        self.admin: MongoClient[dict[str, Any]] = MongoClient(
            self.settings["mongo_uri"], username="admin", password=self._password, serverSelectionTimeoutMS=30_000
        )

    def _host(self, node: int) -> str:
        return f"localhost:{self._ports[node]}"

    def _make_files(self) -> None:
        """Make the key file, and a certificate of our own authority, as the page says."""
        key = self._directory / "key"
        key.write_text(secrets.token_urlsafe(600)[:756].replace("-", "+").replace("_", "/"))
        key.chmod(0o400)
        for command in (
            "req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=authority -keyout ca.key -out ca.pem",
            "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout node.key -out node.csr",
            "x509 -req -in node.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile names -out node.crt",
        ):
            (self._directory / "names").write_text("subjectAltName=DNS:localhost\n")
            subprocess.run(["openssl", *command.split()], cwd=self._directory, check=True, capture_output=True)
        pem = self._directory / "node.pem"
        pem.write_text((self._directory / "node.key").read_text() + (self._directory / "node.crt").read_text())
        pem.chmod(0o400)

    def start(self, node: int) -> None:
        """Start a node."""
        data = self._directory / f"node{node}"
        data.mkdir(exist_ok=True)
        argv = [
            mongod_program(), "--replSet", "rs0", "--port", str(self._ports[node]), "--bind_ip", "localhost",
            "--dbpath", str(data), "--keyFile", str(self._directory / "key"),
            "--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(self._directory / "node.pem"),
            "--tlsCAFile", str(self._directory / "ca.pem"), "--tlsAllowConnectionsWithoutCertificates",
            "--wiredTigerCacheSizeGB", str(CACHE_GB), "--oplogSize", "128", "--nounixsocket",
            "--logpath", str(data / "log"), "--logappend", "--setParameter", "diagnosticDataCollectionEnabled=false",
        ]  # fmt: skip
        stack = self._stacks[node] = ExitStack()
        self.processes[node] = stack.enter_context(
            start(argv, ready=lambda: self._answers(node), deadline_s=START_S, cwd=self._directory)
        )

    def stop(self, node: int) -> None:
        """End a node that was killed, or end it in order."""
        self._stacks.pop(node).close()
        del self.processes[node]

    def close(self) -> None:
        """Kill all nodes: in order each would wait for another primary first."""
        self.admin.close()
        for node in list(self._stacks):
            self.processes[node].signal(signal.SIGKILL)
            self.stop(node)

    def _direct(self, node: int, **options: Any) -> MongoClient[dict[str, Any]]:
        return MongoClient(
            f"mongodb://{self._host(node)}/?directConnection=true&tls=true&tlsCAFile={self._directory / 'ca.pem'}",
            serverSelectionTimeoutMS=2000, **options,
        )  # fmt: skip

    def _answers(self, node: int) -> bool:
        with suppress(PyMongoError), self._direct(node) as client:
            client.admin.command("ping")
            return True
        return False

    def _initiate(self) -> None:
        """Make the set and its users; the first user may be made on the node's own machine without being one."""
        members = [{"_id": node, "host": self._host(node)} for node in range(NODES)]
        election = {"electionTimeoutMillis": self._election_ms, "heartbeatIntervalMillis": self._election_ms // 2}
        with self._direct(0) as client:
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members, "settings": election})
            wait_for(lambda: client.admin.command("hello")["isWritablePrimary"], START_S)
            client.admin.command("createUser", "admin", pwd=self._password, roles=["root"])
        with self._direct(0, username="admin", password=self._password) as client:
            roles = [{"role": "readWrite", "db": "singlecell"}]
            client.admin.command("createUser", USER, pwd=self._password, roles=roles)

    def primary(self) -> int:
        """Return the node that takes writes, as soon as there is one."""

        def find() -> list[int]:
            with suppress(PyMongoError):
                host = self.admin.admin.command("hello").get("primary")
                return [node for node in self.processes if self._host(node) == host]
            return []

        return wait_for(find, START_S)[0]

    def step_down(self) -> None:
        """Have the primary give way to another node for a minute."""
        with suppress(PyMongoError):  # it hangs up
            self.admin.admin.command("replSetStepDown", 60)


@contextmanager
def replica_set(directory: Path, election_ms: int = ELECTION_MS) -> Iterator[ReplicaSet]:
    """Run a replica set until the block ends."""
    nodes = ReplicaSet(directory, election_ms)
    try:
        yield nodes
    finally:
        nodes.close()
        shutil.rmtree(directory, ignore_errors=True)
