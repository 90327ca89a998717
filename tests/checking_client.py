"""Speak the HTTP contract as a client does, and check each conversation against the message spec."""

from __future__ import annotations

from datetime import datetime

from jupyter_client.session import Session

from tests.client import DEADLINE_S, Client, Outcome
from tests.messages import validate_message


class CheckingClient(Client):
    """Validates each conversation as it ends: messages, their order, their numbers."""

    def finish(self, computation: str, deadline_s: float = DEADLINE_S) -> Outcome:
        """Wait for the end of a computation; fail unless its conversation is whole."""
        outcome = super().finish(computation, deadline_s)
        check_conversation(outcome)
        return outcome

    def complete(self, session: str, code: str, cursor: int | None = None, **fields: object) -> dict:
        """Return what could stand at the cursor."""
        return self._introspected("complete", session, code, cursor, **fields)

    def inspect(self, session: str, code: str, cursor: int | None = None, **fields: object) -> dict:
        """Return what stands at the cursor."""
        return self._introspected("inspect", session, code, cursor, **fields)

    def _introspected(self, kind: str, session: str, code: str, cursor: int | None, **fields: object) -> dict:
        answer = self.introspect(kind, session, code, cursor, **fields)
        assert answer.status_code == 200, answer.text
        validate_message(f"{kind}_reply", answer.json())
        return answer.json()


def check_conversation(outcome: Outcome) -> None:
    """Fail unless the messages are those of a whole Jupyter conversation."""
    messages = outcome.messages
    assert [message["sequence"] for message in messages] == list(range(len(messages)))
    for message in messages:
        header = message["header"]
        validate_message(header["msg_type"], message["content"])
        assert message["parent_header"]["msg_id"], message
        assert {"msg_id", "session", "username", "date", "msg_type", "version"} <= set(header)
        assert message["channel"] in ("iopub", "shell", "stdin")
        assert_jupyter_reads(message)
    if messages:
        types = [message["header"]["msg_type"] for message in messages]
        assert types[-1] == "status" and messages[-1]["content"]["execution_state"] == "idle"
        assert types.count("execute_reply") <= 1


def assert_jupyter_reads(message: dict) -> None:
    """Fail unless Jupyter's own library packs the message and reads the same out of it."""
    jupyter = Session(key=b"signed, as between a kernel and its client")
    _identities, frames = jupyter.feed_identities(jupyter.serialize(message))
    read = jupyter.deserialize(frames)
    assert isinstance(read["header"]["date"], datetime), message["header"]
    assert (read["msg_type"], read["content"]) == (message["header"]["msg_type"], message["content"])
