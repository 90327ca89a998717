"""Makes what the trusted side itself says in Jupyter messages: headers, and the end of a conversation that broke off.

Nothing of it is ever taken from the untrusted side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, Literal

import msgspec

from contract import Reason
from wire import Limits

MIB = 1 << 20
VERSION = "5.3"  # of the message spec
DISK_FULL = ("DiskFull", "The cell was stopped: the server's disk has no room left for what it makes.")
NEVER_BEGAN = ("Lost", "The server could not begin to run this cell. Please run it again later.")
# What of its wall time a computation had too much of: running, waiting for one answer, both together; or it waited
# while others needed its place.
Overtime = Literal["running", "asking", "in_all", "crowded"]
CHANNELS: dict[str, str] = {"execute_reply": "shell", "input_request": "stdin"}  # all else: iopub


class MessageMaker:
    """The maker of all messages of one attempt at a computation.

    ``comm``: the comm message that the computation is instead of code.
    """

    def __init__(self, computation: str, session: str, attempt: int, comm: Mapping[str, Any] | None) -> None:
        self.parent_type = comm["msg_type"] if comm else "execute_request"
        self._id, self._session, self._attempt, self._count = computation, session, attempt, 0
        self._parent = msgspec.json.encode(self._header(computation, self.parent_type))

    def text(self, msg_type: str, content: Any, metadata: Any = None, buffers: Any = None) -> bytes:
        """Return a whole message as JSON text, but for ``sequence`` and ``attempt``, which the store gives.

        ``content``, ``metadata``, ``buffers``: values, or msgspec.Raw of texts that are JSON.
        """
        self._count += 1
        header = self._header(f"{self._id}_{self._attempt}_{self._count}", msg_type)
        message = {
            "channel": CHANNELS.get(msg_type, "iopub"),
            "header": header,
            "parent_header": msgspec.Raw(self._parent),
            "metadata": metadata or {},
            "content": content,
        }
        if buffers:
            message["buffers"] = buffers
        return msgspec.json.encode(message)

    def _header(self, msg_id: str, msg_type: str) -> dict[str, Any]:
        date = datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {"msg_id": msg_id, "session": self._session, "username": "", "date": date, "msg_type": msg_type,
                "version": VERSION}  # fmt: skip


def sentence(reason: Reason, limits: Limits, overtime: Overtime = "running") -> tuple[str, str]:
    """Return the name of the error and the sentence for the student; ``overtime`` is of the reason ``time_wall``."""
    match reason:
        case "time_wall":
            return "TimeLimit", f"The cell was stopped: {_overtime(overtime, limits)}."
        case "time_cpu":
            return "TimeLimit", f"The cell was stopped: it used more than {limits.cell_cpu_s:g} seconds of CPU time."
        case "memory":
            mib = limits.session_memory_bytes / MIB
            return "MemoryLimit", f"The cell was stopped: its session used more than {mib:g} MiB of memory."
        case "processes":
            most = limits.session_processes_max
            return "ProcessLimit", f"The cell was stopped: its session had more than {most} processes and threads."
        case "output":
            mib, most = limits.cell_output_bytes_max / MIB, limits.cell_messages_max
            wrote = f"it wrote more than {mib:g} MiB or {most} messages, or what takes too long to check"
            return "OutputLimit", f"The cell was stopped: {wrote}."
        case "files":
            mib, most = limits.cell_files_bytes_max / MIB, limits.cell_files_max
            return "FileLimit", f"The cell was stopped: it made more than {most} files or {mib:g} MiB of them."
        case "kernel_died":
            return "KernelDied", "The kernel died while it ran this cell; its variables are gone."
        case "session_gone":
            return "SessionGone", "The session has ended, with its variables. Run the code in a new session."
        case "protocol":
            return "KernelDied", "The kernel was stopped: it sent something that the server does not understand."
        case "cancelled":
            return "Cancelled", "The cell was stopped on request."
        case "lost":
            return "Lost", "The server lost this cell while it ran, and may not try again. Please run it once more."


def _overtime(overtime: Overtime, limits: Limits) -> str:
    match overtime:
        case "running":
            return f"it ran for longer than {limits.cell_wall_s:g} seconds"
        case "asking":
            return f"its question was not answered within {limits.cell_input_s:g} seconds"
        case "in_all":
            return f"it lasted, with the waits for its answers, for longer than {limits.cell_total_s:g} seconds"
        case "crowded":
            return "of all cells that wait for an answer it had waited longest, and others needed its place"


def closing(
    reason: Reason,
    limits: Limits,
    *,
    began: bool,
    replied: bool,
    execution_count: int | None,
    words: tuple[str, str] | None = None,
    overtime: Overtime = "running",
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield type and content of what makes a conversation whole: busy if nothing came, the error, the reply, idle.

    ``words``: name and sentence of the error, where the reason alone does not say what happened.
    ``execution_count`` is None when no code was run, but a comm message delivered: that has no reply.
    """
    if not began:
        yield "status", {"execution_state": "busy"}
    if not replied:
        ename, evalue = words or sentence(reason, limits, overtime)
        error = {"ename": ename, "evalue": evalue, "traceback": [f"{ename}: {evalue}"]}
        yield "error", error
        if execution_count is not None:
            yield "execute_reply", {"status": "error", "execution_count": execution_count, **error}
    yield "status", {"execution_state": "idle"}
