"""Forks a worker for each order of a supervisor, in a zygote or in a launcher of gVisor's guests.

The supervisor sends the sandbox plan first, then, for each worker, one byte with the worker's end of a channel (and
for a guest the end that brings interrupts). The reply is the pid and the pidfd of the child, which waits for one byte
on its channel: by then the supervisor has put it into its control group.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from functools import partial

from untrusted.channel import FORK, FORKED, WARM
from untrusted.sandbox.clone import clone_session
from untrusted.sandbox.plan import Plan

PLAN_BYTES_MAX = 1 << 20


def receive_plan(orders: socket.socket) -> Plan:
    """Return the plan of all sessions that will be forked here."""
    return Plan.from_bytes(orders.recv(PLAN_BYTES_MAX))


def serve(
    orders: socket.socket, plan: Plan, version: str, packages: dict[str, str], work: Callable[..., object]
) -> None:
    """Say that the language is loaded, and fork a worker for each order, until the supervisor is gone.

    ``work``: serves one session on the sockets that came with the order, in a process that is locked down.
    """
    # Nobody asks how children ended: the supervisor watches their pidfds.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    orders.sendall(WARM + json.dumps([version, packages]).encode())
    while True:
        order, descriptors, _flags, _address = socket.recv_fds(orders, 1, 2)
        if order != FORK or not descriptors:
            return
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        cloned = clone_session(plan, partial(work, *sockets), keep=descriptors, go_ahead=descriptors[0])
        for ours in sockets:
            ours.close()
        socket.send_fds(orders, [FORKED + str(cloned.pid).encode()], [cloned.pidfd])
        os.close(cloned.pidfd)
