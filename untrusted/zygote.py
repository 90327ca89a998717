"""The zygote of one language: everything imported and warmed, no keys and no network; it forks workers.

It reads its orders from one socketpair: the sandbox plan first, then, for each worker, one byte with the worker's end
of a channel. It answers with the child's pid and pidfd. The child waits for one byte on its channel (the supervisor has
put it into its control group by then), locks itself down and serves one session.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
from functools import partial

from untrusted.kernel import Kernel
from untrusted.sandbox import die_with_parent
from untrusted.sandbox.clone import clone_session
from untrusted.sandbox.lockdown import settle
from untrusted.sandbox.plan import Plan
from untrusted.worker import work_one_session

PLAN_BYTES_MAX = 1 << 20
FORK, FORKED, WARM = b"f", b"F", b"W"


def main() -> None:
    """Serve forks on the socket whose number is the first argument, for the language that is the second."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    language_name = sys.argv[2]
    die_with_parent(signal.SIGKILL)
    plan = Plan.from_bytes(orders.recv(PLAN_BYTES_MAX))
    # A language is a file that was shipped beside this one; its name comes from the charter, not from a request.
    language = importlib.import_module(f"untrusted.languages.{language_name}").LANGUAGE
    kernel = Kernel(language)
    kernel.warm()
    # Nobody asks how children ended: the supervisor watches their pidfds.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    settle(plan)
    orders.sendall(WARM + language.version().encode())
    serve(orders, plan, kernel)


def serve(orders: socket.socket, plan: Plan, kernel: Kernel) -> None:
    """Fork a worker for each order until the supervisor is gone."""
    while True:
        order, descriptors, _flags, _address = socket.recv_fds(orders, 1, 1)
        if order != FORK or len(descriptors) != 1:
            return
        channel = socket.socket(fileno=descriptors[0])
        serve_session = partial(work_one_session, channel, plan, kernel)
        cloned = clone_session(plan, serve_session, keep=[channel.fileno()], gate=channel.fileno())
        channel.close()
        socket.send_fds(orders, [FORKED + str(cloned.pid).encode()], [cloned.pidfd])
        os.close(cloned.pidfd)


if __name__ == "__main__":
    main()
