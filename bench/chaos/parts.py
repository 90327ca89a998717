"""Finds the processes of a running server, and does to them what machines do: stop, kill, cut off."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.server import Server

# What the command line of each part has; of several processes that have it the first is meant.
PARTS = {
    "device": r"trusted_db\.py",
    "supervisor": r"run_module\('untrusted'",
    "zygote": r"untrusted\.worker\.zygote",
    "web": r"uwsgi",
    "database": r"--dbpath",
}
PIDFD_GETFD = 438
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27  # <asm-generic/socket.h>
ESTABLISHED = "01"


class Parts:
    """The parts of one server, by name."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def find(self, name: str) -> int | None:
        """Return the process of a part; None while there is none."""
        pattern = re.compile(PARTS[name])
        pids = {pid for pid in self._server.process.descendants() if pattern.search(_command_line(pid))}
        return min((pid for pid in pids if _parent(pid) not in pids), default=None)

    def signal(self, name: str, number: int) -> bool:
        """Send a part a signal; return whether there was one."""
        pid = self.find(name)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                return True
        return False

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Stop a part for the block, as a debugger or a host without memory does."""
        pid = self.find(name)
        assert pid is not None, f"there is no {name}"
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def half_open(self, name: str) -> Iterator[int]:
        """Let no packet reach the TCP connections that a part has opened; yield how many these are.

        Both ends keep them open and hear nothing of each other's answers, as after a cable was pulled.
        """
        pid = self.find(name)
        assert pid is not None, f"there is no {name}"
        sockets = list(_outgoing(pid))
        program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0), 8)  # BPF_RET: 0 bytes of each packet
        drop = struct.pack("HxxxxxxP", 1, ctypes.addressof(program))
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, drop)
        try:
            yield len(sockets)
        finally:
            for one in sockets:
                with suppress(OSError), one:
                    one.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


def _outgoing(pid: int) -> Iterator[socket.socket]:
    """Yield descriptors of our own of the TCP connections that a process has opened."""
    listening, connected = set[str](), dict[str, str]()  # local addresses; local address by inode
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == ESTABLISHED:
            connected[fields[9]] = fields[1]
        else:
            listening.add(fields[1])
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                inode = os.readlink(link).removeprefix("socket:[").removesuffix("]")
                if inode in connected and connected[inode] not in listening:
                    ours = libc.syscall(PIDFD_GETFD, process, int(link.name), 0)
                    if ours >= 0:
                        yield socket.socket(fileno=ours)
    finally:
        os.close(process)


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
