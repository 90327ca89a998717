"""Checks foreign bytes in a process of its own, so that they do not decide how long the device's loop takes.

The process is given three descriptors: a socket and two files. The device writes bytes into the file ``given`` and a
Task to the socket; the process says that it has begun, writes the Findings into the file ``found``, and their length to
the socket. It ends with its device. It has no settings, no key and no environment, and knows nothing of the database.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import socket
from contextlib import suppress

import msgspec

from device.checking.results import Findings, Room, check_frame, check_introspect_reply, pack

TASK_BYTES_MAX = 4096
RESULT_BYTES_MAX = 64 << 20
MEMORY_BYTES_MAX = 1 << 30  # the worst frame of 8 MiB becomes objects of 0.4 GiB
NICENESS = 5  # a third of the others' share of a busy processor
BEGUN = b"!"
LENGTH_BYTES = 8
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38


class Task(msgspec.Struct, array_like=True):
    """A task of a checker: an Output frame, or an introspection reply of this ``kind``, of so many bytes."""

    kind: str
    size_bytes: int
    frame_bytes_max: int
    room: Room


_task = msgspec.msgpack.Decoder(Task)


def main(descriptors: list[str], device: int) -> None:
    """Check what comes until the device is gone. ``device``: the id of its process."""
    device_socket, given, found = (int(descriptor) for descriptor in descriptors)
    _give_up_rights(device)
    with socket.socket(fileno=device_socket) as channel:
        while data := channel.recv(TASK_BYTES_MAX):
            channel.send(BEGUN)  # from here on, if we die, we die of these bytes
            task = _task.decode(data)
            result = _result(task, os.pread(given, task.size_bytes, 0))
            _write(found, result)
            channel.send(len(result).to_bytes(LENGTH_BYTES, "big"))


def _give_up_rights(device: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != device:
        os._exit(1)  # it died before it could be told
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_FSIZE, RESULT_BYTES_MAX),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        hardest = resource.getrlimit(limit)[1]
        most = most if hardest == resource.RLIM_INFINITY else min(most, hardest)
        resource.setrlimit(limit, (most, most))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a whole group may be told to stop: the device ends us in its own order
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")  # it can be replaced, the device's memory cannot
    # What is long waits for what is short. Where the scheduler groups sessions, it weighs the group, not the process.
    os.nice(NICENESS)
    with suppress(OSError), open("/proc/self/autogroup", "w") as file:
        file.write(str(NICENESS))
    gc.disable()  # what a text becomes has no cycles; looking for some would cost more with every object


def _result(task: Task, untrusted_bytes: bytes) -> bytes:
    try:
        if task.kind == "output":
            findings = check_frame(untrusted_bytes, task.frame_bytes_max, task.room)
        else:
            findings = check_introspect_reply(task.kind, untrusted_bytes)
        result = pack(findings)
        if len(result) <= RESULT_BYTES_MAX:
            return result
        sentence = f"output that becomes {len(result)} bytes"
    except MemoryError:
        sentence = "output that takes too much memory to check"
    return pack(Findings(verdict="output", sentence=sentence))


def _write(found: int, result: bytes) -> None:
    view = memoryview(result)
    position = 0
    while position < len(view):
        position += os.pwrite(found, view[position:], position)
