"""How a supervisor has workers forked: orders over one socketpair, to a zygote or to a launcher of gVisor's guests.

The sandbox plan comes first, then, for each worker, one byte with the worker's end of a channel (and for a guest the
end that brings interrupts). Answered is the pid and pidfd of the child. It waits for one byte on its channel: the
supervisor has put it into its control group by then.
"""

from __future__ import annotations

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


def serve(orders: socket.socket, plan: Plan, version: str, work: Callable[..., object]) -> None:
    """Say that the language is loaded, and fork a worker for each order, until the supervisor is gone.

    ``work``: serves one session on the sockets that came with the order, in a process that is locked down.
    """
    # Nobody asks how children ended: the supervisor watches their pidfds.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    orders.sendall(WARM + version.encode())
    while True:
        order, descriptors, _flags, _address = socket.recv_fds(orders, 1, 2)
        if order != FORK or not descriptors:
            return
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        cloned = clone_session(plan, partial(work, *sockets), keep=descriptors, gate=descriptors[0])
        for ours in sockets:
            ours.close()
        socket.send_fds(orders, [FORKED + str(cloned.pid).encode()], [cloned.pidfd])
        os.close(cloned.pidfd)
