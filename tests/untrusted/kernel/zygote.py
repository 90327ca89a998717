"""A zygote as small as a test wants it, run by the untrusted account's Python: forks a child for each line ``fork``.

The child takes orders as lines of JSON on standard input and answers in lines of JSON; both are shared with this
process, which waits until the child is over.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import traceback
from typing import Any

from untrusted import languages


def read_line(descriptor: int) -> str:
    """Read up to a line end and not a byte further: another process reads on from there."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            return ""
        line += byte
    return line.decode()


def say(descriptor: int, value: Any) -> None:
    """Write a line of JSON."""
    data = json.dumps(value, allow_nan=False).encode() + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]


def serve(kernel: Any, orders: int, answers: int) -> None:
    """Be a worker: do what the lines say until there is an empty one."""

    def emit(msg_type: str, content: dict, metadata: dict, buffers: list[bytes], *, more: bool = False) -> None:
        say(answers, {"message": [msg_type, content, metadata, [buffer.hex() for buffer in buffers]]})

    def ask(prompt: str, password: bool) -> str:
        emit("input_request", {"prompt": prompt, "password": password}, {}, [])
        return json.loads(read_line(orders))["answer"]

    kernel.start(emit, ask)
    say(answers, {"pid": os.getpid()})
    while (order := json.loads(read_line(orders) or "{}")) != {}:
        name, arguments = order["order"], order["arguments"]
        if name == "deliver":
            arguments[3] = [bytes.fromhex(buffer) for buffer in arguments[3]]
        say(answers, {"returned": getattr(kernel, name)(*arguments)})


def main() -> None:
    """Build, warm, and fork."""
    language = languages.load(sys.argv[1])
    os.environ.update(language.environment)
    from untrusted.kernel.kernel import Kernel

    kernel = Kernel(language)
    kernel.warm()
    orders, answers = os.dup(0), os.dup(1)
    say(answers, {"tasks": len(os.listdir("/proc/self/task"))})
    while read_line(orders) == "fork\n":
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            log = os.dup(2)
            faulthandler.register(signal.SIGUSR1, log)
            try:
                serve(kernel, orders, answers)
            except BaseException:
                os.write(log, traceback.format_exc().encode())
                os._exit(1)
            os._exit(0)
        say(answers, {"over": os.waitpid(child, 0)[1]})


if __name__ == "__main__":
    sys.exit(main())
