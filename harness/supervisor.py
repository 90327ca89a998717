"""Start ``python -m untrusted`` alone in a folder and speak with it, as a small device."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import zmq

import settings as settings_module
import wire
from harness.processes import tied, untrusted_python
from harness.server import ROOT, free_port
from host.cgroups import NONE as NO_GROUPS
from host.cgroups import Groups

START = "import sys; sys.path.insert(0, sys.argv[1]); import runpy; runpy.run_module('untrusted', run_name='__main__')"
DEADLINE_S = 30.0
# A language that loads nothing of its own: with it a supervisor is ready after 0.5 s of CPU, with Python after 1.2 s.
LIGHT = "light"
DESCRIPTION = f'from untrusted.languages import Language\nLANGUAGE = Language(name="{LIGHT}", version=lambda: "1")\n'


def ship(directory: Path, checkout: Path = ROOT) -> Path:
    """Copy what the untrusted account gets of a checkout into an empty folder, and the language LIGHT beside it."""
    for name in ("contract.py", "wire.py"):
        shutil.copy(checkout / name, directory)
    shutil.copytree(checkout / "untrusted", directory / "untrusted", ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "untrusted" / "languages" / f"{LIGHT}.py").write_text(DESCRIPTION)
    directory.chmod(0o777)  # where a device ships, the account's own: the supervisor makes its zygotes' home there
    return directory


def account() -> int | None:
    """Return the user id that untrusted programs run as in tests; None when this account itself is ordinary."""
    return None if os.geteuid() else pwd.getpwnam("nobody").pw_uid


class Supervisor:
    """A running supervisor, and this side's end of the wall.

    ``limits``: settings that start with ``cell_`` and ``session_``; the rest: as in the start configuration.
    ``languages`` run in the environment of ``python``, but for those that ``pythons`` names; sessions are in the first
    of them, unless said otherwise. ``heir_key``: what the next one shows that ``inherits`` by it.
    """

    def __init__(
        self, directory: Path, python: str, *, workers: int = 4, asking_max: int = 4, pool_ready: int = 1,
        groups: Groups = NO_GROUPS, languages: tuple[str, ...] = ("python",), runsc: str = "",
        runsc_flags: Sequence[str] = (), heir_key: str = "", session_grace_s: float = 30.0,
        inherits: Sequence[wire.Inheritance] = (), pythons: Mapping[str, str] = MappingProxyType({}), **limits: Any,
    ) -> None:  # fmt: skip
        settings = settings_module.load(**limits)
        ours, theirs = zmq.curve_keypair(), zmq.curve_keypair()
        self.public_key, self.language = theirs[0], languages[0]
        self.port = free_port()
        settings_limits = {name: getattr(settings, name) for name in wire.Limits.__struct_fields__}
        start_config = {
            "protocol": wire.PROTOCOL,
            "address": "127.0.0.1",
            "port": self.port,
            "supervisor_public_key": theirs[0].decode(),
            "supervisor_secret_key": theirs[1].decode(),
            "device_public_key": ours[0].decode(),
            "workers": workers,
            "asking_max": asking_max,
            "asking_bytes_max": settings.sessions_asking_bytes_max,
            "pool_ready": pool_ready,
            "languages": {
                name: {"python": pythons.get(name, python), "stamp": "", "limits": settings_limits}
                for name in languages
            },
            "waived_layers": list(settings.waived_layers),
            "runsc": runsc,
            "runsc_flags": list(runsc_flags),
            "limiter": "auto",
            "cgroup_directory": groups.setting,
            "heartbeat_timeout_s": 60.0,
            "heir_digest": hashlib.sha256(heir_key.encode()).hexdigest() if heir_key else "",
            "session_grace_s": session_grace_s,
            "inherits": [{"key": one.key, "sessions": one.sessions} for one in inherits],
        }
        self.log = (directory / "log").open("w+")
        self.process = subprocess.Popen(
            tied([python, "-I", "-B", "-c", START, directory]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, user=account(),
            group=account(), extra_groups=[] if account() else None, env={}, cwd="/",
        )  # fmt: skip
        assert self.process.stdin and self.process.stdout
        if groups.entrance is not None:
            (groups.entrance / "cgroup.procs").write_text(str(self.process.pid))
        self.process.stdin.write(json.dumps(start_config).encode() + b"\n")
        self.process.stdin.flush()
        self.answer = json.loads(self.process.stdout.readline() or b"{}")
        self.heard: list[wire.Up] = []
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.curve_publickey, self.socket.curve_secretkey = ours
        self.socket.curve_serverkey = theirs[0]
        self.socket.connect(f"tcp://127.0.0.1:{self.port}")

    def send(self, *frames: wire.Frame) -> None:
        """Send frames down."""
        for frame in frames:
            self.socket.send(wire.encode(frame))

    def wait(self, condition: Callable[[wire.Up], bool], deadline_s: float = DEADLINE_S) -> wire.Up:
        """Return the first frame that fulfils the condition; remember all in ``heard``."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            if self.socket.poll(200):
                frame = wire.decode_up(self.socket.recv())
                self.heard.append(frame)
                if condition(frame):
                    return frame
        self.log.seek(0)
        raise AssertionError(f"never came; heard {self.heard[-5:]}; log: {self.log.read()[-3000:]}")

    def ready(self) -> wire.Hello:
        """Introduce ourselves and wait for Hello and credit."""
        self.send(wire.Ping(1))
        hello = cast("wire.Hello", self.wait(lambda frame: isinstance(frame, wire.Hello)))
        self.wait(lambda frame: isinstance(frame, wire.Credit))
        return hello

    def run(
        self, session: str, computation: str, code: str, last: bool = True, opened: bool = False, language: str = "",
    ) -> wire.Finished:  # fmt: skip
        """Run a cell to its end."""
        if not opened:
            self.send(wire.Open(session, language or self.language))
        self.send(wire.Execute(session, computation, code, True, last))
        finished = self.wait(lambda frame: isinstance(frame, wire.Finished) and frame.computation == computation)
        return cast("wire.Finished", finished)

    def messages(self, computation: str) -> list[tuple[str, dict]]:
        """Return the messages of a computation so far, as (type, content)."""
        return [
            (message.msg_type, json.loads(message.content))
            for frame in self.heard
            if isinstance(frame, wire.Output) and frame.computation == computation
            for message in frame.messages
        ]

    def text(self, computation: str) -> str:
        """Return what a computation wrote to its streams."""
        return "".join(content["text"] for kind, content in self.messages(computation) if kind == "stream")

    def hang_up(self) -> None:
        """End the supervisor as the death of the trusted side does: by closing its standard input."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(DEADLINE_S)

    def stop(self) -> None:
        """End the supervisor, and close everything of it."""
        self.socket.close()
        self._context.term()
        self.hang_up()
        assert self.process.stdout
        self.process.stdout.close()
        self.log.close()


@contextmanager
def started(**config: Any) -> Iterator[Supervisor]:
    """Start a supervisor in a folder of its own that is ready for sessions; ``config``: as of ``Supervisor``."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        supervisor = Supervisor(ship(Path(folder)), untrusted_python(), **config)
        try:
            assert supervisor.answer == {"listening": supervisor.port}, supervisor.answer
            supervisor.ready()
            yield supervisor
        finally:  # a context of ZeroMQ's that is left open keeps the garbage collector waiting in another test
            supervisor.stop()
