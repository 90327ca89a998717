"""How a computation that did not come to its own end is brought to one: what its student reads, in valid messages."""

from __future__ import annotations

from typing import Any

from device.intake import Conversation
from store import Reason


def sentence(reason: Reason, settings: Any) -> tuple[str, str]:
    """Return the name of the error and the sentence for the student."""
    mib = settings.session_memory_bytes >> 20
    output_mib = settings.cell_output_bytes_max >> 20
    return {
        "time_wall": ("TimeLimit", f"The cell was stopped: it ran for longer than {settings.cell_wall_s:g} seconds."),
        "time_cpu": ("TimeLimit", f"The cell was stopped: it used over {settings.cell_cpu_s:g} seconds of CPU time."),
        "memory": ("MemoryLimit", f"The cell was stopped: it used more than {mib} MiB of memory."),
        "processes": (
            "ProcessLimit",
            f"The cell was stopped: it wanted more than {settings.session_processes_max} processes and threads.",
        ),
        "output": (
            "OutputLimit",
            f"The cell was stopped: it wrote more than {output_mib} MiB or {settings.cell_messages_max} messages.",
        ),
        "files": ("FileLimit", f"The cell was stopped: it made more than {settings.cell_files_max} files."),
        "kernel_died": ("KernelDied", "The kernel died while it ran this cell. Run it again in a new session."),
        "session_gone": ("SessionGone", "The session has ended, with its variables. Run the code in a new session."),
        "protocol": ("KernelDied", "The kernel sent something that the server does not understand, and was stopped."),
        "cancelled": ("Cancelled", "The cell was stopped on request."),
        "lost": ("Lost", "The server lost this cell while it ran, and may not run it again. Please run it once more."),
    }[reason]


def closing(conversation: Conversation, reason: Reason, settings: Any) -> list[bytes]:
    """Return the messages that end a conversation whole: error, reply, idle, and busy if nothing came before."""
    if conversation.ended:
        return []
    ename, evalue = sentence(reason, settings)
    texts = [] if conversation.began else [conversation.text("status", {"execution_state": "busy"})]
    error = {"ename": ename, "evalue": evalue, "traceback": [f"{ename}: {evalue}"]}
    texts += conversation.announce_files()
    if not conversation.replied:
        texts.append(conversation.text("error", error))
        if conversation.parent["msg_type"] == "execute_request":
            reply = {"status": "error", "execution_count": conversation.execution_count, **error}
            texts.append(conversation.text("execute_reply", reply))
    texts.append(conversation.text("status", {"execution_state": "idle"}))
    conversation.began = conversation.replied = conversation.ended = True
    return texts
