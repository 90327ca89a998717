"""Runs a worker inside a gVisor guest, and above it the guest's first process, which passes interrupts on.

Descriptor 0 is the session's channel, 1 brings a byte for each interrupt. No signal comes in from outside.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import suppress

from untrusted import languages
from untrusted.worker.kernels import describe, make_kernel
from untrusted.worker.worker import work_one_session

_CHANNEL, _INTERRUPTS, _LOG = 0, 1, 2


def main() -> None:
    """Serve one session in the language that is the first argument; the second is the time of a cell, in seconds."""
    channel, interrupts = os.dup(_CHANNEL), os.dup(_INTERRUPTS)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, _CHANNEL)
    os.dup2(_LOG, _INTERRUPTS)
    worker = os.fork()
    if worker == 0:
        os.close(interrupts)
        os.setsid()
        language = languages.load(sys.argv[1])
        kernel = make_kernel(language, float(sys.argv[2]), forks=False)
        if not language.kernelspec:  # that of a foreign kernel was tried by the launcher
            kernel.warm()
        work_one_session(kernel, socket.socket(fileno=channel))
        os._exit(0)
    os.close(channel)
    for descriptor in (_INTERRUPTS, _LOG):
        os.dup2(nothing, descriptor)  # cells can open what this process has open
    be_init(worker, interrupts)


def be_init(worker: int, interrupts: int) -> None:
    """Reap what ends and pass interrupts on, until the worker ends."""

    def reap(*_: object) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                if ended == worker:
                    os._exit(0)

    signal.signal(signal.SIGCHLD, reap)
    reap()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while os.read(interrupts, 1):
        with suppress(ProcessLookupError):
            os.killpg(worker, signal.SIGINT)
    os._exit(0)


def rehearse() -> None:
    """Load the language that is the first argument, as a guest does; print its version and packages."""
    language = languages.load(sys.argv[1])
    kernel = make_kernel(language, 60.0, forks=False)
    kernel.warm()
    print(json.dumps(describe(language, kernel)), flush=True)
