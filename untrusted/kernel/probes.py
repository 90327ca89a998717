"""Evaluates expressions for a check in forks of an answer's process: what one of them changes, nothing else sees.

All of it runs beside the answer's own code, which may have changed any part of it: what comes out is only what the
answer says of itself. ``examiner`` judges it, in another session.
"""

from __future__ import annotations

import io
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from untrusted.kernel.json_clean import valid_text
from untrusted.plain_values import to_plain

EACH_S = 2.0
ALL_S = 4.0  # of one request; the supervisor interrupts it after WALL_S_MAX
FOUND_BYTES_MAX = 128 << 10  # of one expression
ALL_BYTES_MAX = 256 << 10  # of one request
PRINTED_CHARS_MAX = 20_000
MESSAGE_CHARS_MAX = 300
LENGTH_BYTES = 4

Found = dict[str, Any]


def probe(shell: InteractiveShell, transform: Callable[[str], str], expressions: Sequence[str]) -> list[Found]:
    """Return for each expression ``{value, printed}``, or ``{failed, message, printed}``. Raises KeyboardInterrupt."""
    until, left_bytes = time.monotonic() + ALL_S, ALL_BYTES_MAX
    found: list[Found] = []
    for expression in expressions:
        left_s = min(EACH_S, until - time.monotonic())
        if left_s <= 0:
            found.append(_failed("TimeLimit", "It took too long."))
            continue
        told = _in_fork(lambda text=expression: _evaluate(shell, transform, text), left_s)  # type: ignore[misc]
        left_bytes -= len(told)
        found.append(json.loads(told) if left_bytes >= 0 else _failed("OutputLimit", "It is too large."))
    return found


def _failed(name: str, message: str, printed: str = "") -> Found:
    return {"failed": name[:100], "message": valid_text(message)[:MESSAGE_CHARS_MAX], "printed": printed}


def _evaluate(shell: InteractiveShell, transform: Callable[[str], str], expression: str) -> Found:
    """Evaluate the expression here, in a fork of the process."""
    printed = io.StringIO()
    sys.stdout = sys.stderr = printed
    try:
        source = shell.transform_cell(transform(expression)).strip()
        value = eval(compile(source, "<check>", "eval"), shell.user_global_ns, shell.user_ns)
        found: Found = {"value": to_plain(value)}
    except BaseException as error:  # noqa: BLE001 - the answer's code may raise anything
        found = _failed(type(error).__name__, str(error))
    found["printed"] = valid_text(printed.getvalue()[:PRINTED_CHARS_MAX])
    return found


def _in_fork(work: Callable[[], Found], within_s: float) -> bytes:
    """Return what the work came to, as JSON; it is done in a fork that does not outlive this call."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            _be_silent()
            os.close(reader)
            _tell(writer, work())
        finally:
            os._exit(0)
    os.close(writer)
    try:
        return _hear(reader, time.monotonic() + within_s)
    finally:
        os.close(reader)
        for kill, whom in ((os.killpg, child), (os.kill, child)):
            with suppress(OSError):
                kill(whom, signal.SIGKILL)
        with suppress(OSError):
            os.waitpid(child, 0)


def _be_silent() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def _tell(writer: int, found: Found) -> None:
    data = json.dumps(found).encode()
    if len(data) > FOUND_BYTES_MAX:
        data = json.dumps(_failed("OutputLimit", "It is too large.")).encode()
    left = memoryview(len(data).to_bytes(LENGTH_BYTES, "big") + data)
    while left:
        left = left[os.write(writer, left) :]


def _hear(reader: int, until: float) -> bytes:
    """Return the JSON that the fork tells. Its length says where it ends: what it forked may hold the pipe open."""
    data = b""
    while len(data) < LENGTH_BYTES or len(data) < LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "big"):
        left_s = until - time.monotonic()
        if left_s <= 0 or not select.select([reader], [], [], left_s)[0]:
            return json.dumps(_failed("TimeLimit", "It took too long.")).encode()
        piece = os.read(reader, 64 << 10)
        if not piece or len(data) > FOUND_BYTES_MAX + LENGTH_BYTES:
            return json.dumps(_failed("KernelDied", "It ended the program.")).encode()
        data += piece
    return data[LENGTH_BYTES:]
