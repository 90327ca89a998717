"""How a computation that did not come to its own end is brought to one: what its student reads, in valid messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from settings import Settings
from store.states import Reason

MIB = 1 << 20
DISK_FULL = ("DiskFull", "The cell was stopped: the server's disk has no room left for what it makes.")


# What of its wall time a computation had too much of: running, waiting for one answer, both together; or it waited
# while others needed its place.
Overtime = Literal["running", "asking", "in_all", "crowded"]


def sentence(reason: Reason, settings: Settings, overtime: Overtime = "running") -> tuple[str, str]:
    """Return the name of the error and the sentence for the student; ``overtime`` is of the reason ``time_wall``."""
    match reason:
        case "time_wall":
            return "TimeLimit", f"The cell was stopped: {_overtime(overtime, settings)}."
        case "time_cpu":
            return "TimeLimit", f"The cell was stopped: it used more than {settings.cell_cpu_s:g} seconds of CPU time."
        case "memory":
            mib = settings.session_memory_bytes / MIB
            return "MemoryLimit", f"The cell was stopped: its session used more than {mib:g} MiB of memory."
        case "processes":
            most = settings.session_processes_max
            return "ProcessLimit", f"The cell was stopped: its session had more than {most} processes and threads."
        case "output":
            mib, most = settings.cell_output_bytes_max / MIB, settings.cell_messages_max
            wrote = f"it wrote more than {mib:g} MiB or {most} messages, or what takes too long to check"
            return "OutputLimit", f"The cell was stopped: {wrote}."
        case "files":
            mib, most = settings.cell_files_bytes_max / MIB, settings.cell_files_max
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


def _overtime(overtime: Overtime, settings: Settings) -> str:
    match overtime:
        case "running":
            return f"it ran for longer than {settings.cell_wall_s:g} seconds"
        case "asking":
            return f"its question was not answered within {settings.cell_input_s:g} seconds"
        case "in_all":
            return f"it lasted, with the waits for its answers, for longer than {settings.cell_total_s:g} seconds"
        case "crowded":
            return "of all cells that wait for an answer it had waited longest, and others needed its place"


def closing(
    reason: Reason,
    settings: Settings,
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
        ename, evalue = words or sentence(reason, settings, overtime)
        error = {"ename": ename, "evalue": evalue, "traceback": [f"{ename}: {evalue}"]}
        yield "error", error
        if execution_count is not None:
            yield "execute_reply", {"status": "error", "execution_count": execution_count, **error}
    yield "status", {"execution_state": "idle"}
