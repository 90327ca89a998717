"""Sorts what a session's kernel says: sent now, held back to the end of the turn, or to the beginning of the next."""

from __future__ import annotations

from untrusted.channel import carried_bytes
from untrusted.supervisor.turn import Turn
from wire import Limits, Message

HELD_MESSAGES_MAX = 1000


class MessageSorter:
    """Counts the messages of one session, in its turns and between them, and holds back those that must wait.

    Between two turns threads of the session's code may go on speaking: the next turn says that first.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: list[Message] = []
        self._between_bytes = self._between_count = 0

    def sort(self, message: Message, turn: Turn | None, out: list[Message]) -> bool:
        """Add to ``out`` what may be sent now; return whether the message is within the limits of output."""
        if turn is None or turn.ended or not (turn.began or _is_status(message, b'"busy"')):
            return self._hold(message)
        turn.began, turn.ended = True, _is_status(message, b'"idle"')
        turn.messages += 1
        turn.output_bytes += carried_bytes(message)
        if turn.output_bytes > self._limits.cell_output_bytes_max or turn.messages > self._limits.cell_messages_max:
            return False
        # The end of a turn is told after its files.
        if turn.tail or turn.ended or message.msg_type == "execute_reply":
            turn.tail.append(message)
            return True
        out.append(message)
        if message.msg_type == "status":
            out += self._held
            self._held, self._between_bytes, self._between_count = [], 0, 0
        return True

    def _hold(self, message: Message) -> bool:
        # What is dropped counts too: it costs the supervisor time.
        self._between_bytes += carried_bytes(message)
        self._between_count += 1
        if self._between_count <= HELD_MESSAGES_MAX:
            self._held.append(message)
        return (
            self._between_bytes <= self._limits.cell_output_bytes_max
            and self._between_count <= self._limits.cell_messages_max
        )


def _is_status(message: Message, state: bytes) -> bool:
    """Return whether a message says that the kernel has come to this state (JSON text)."""
    return message.msg_type == "status" and state in message.content
