"""Loads and warms one language, with no keys and no network, and forks the workers of its sessions.

A worker that it forks locks itself down and serves one session: the language is loaded once for all of them.
"""

from __future__ import annotations

import signal
import socket
import sys
from functools import partial

from untrusted import languages
from untrusted.sandbox import die_with_parent, huge_pages
from untrusted.sandbox.lockdown import settle
from untrusted.sandbox.reseed import find_generators
from untrusted.worker.fork_server import receive_plan, serve
from untrusted.worker.kernels import describe, make_kernel
from untrusted.worker.worker import work_one_session


def main() -> None:
    """Serve forks on the socket whose number is the first argument, for the language that is the second."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    language_name = sys.argv[2]
    die_with_parent(signal.SIGKILL)
    plan = receive_plan(orders)
    reserved = huge_pages.reserve()
    language = languages.load(language_name)
    kernel = make_kernel(language, plan.cell_wall_s)
    kernel.warm()
    find_generators()
    described = describe(language, kernel)
    del reserved
    huge_pages.gather()
    settle(plan)
    serve(orders, plan, *described, partial(work_one_session, kernel))


if __name__ == "__main__":
    main()
