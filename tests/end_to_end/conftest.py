"""The client that end-to-end tests talk through; every message that it sees is checked against the message spec."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from jupyter_client.session import Session

from harness.server import serve
from tests.end_to_end.client import Client, Outcome
from tests.messages import validate_message

# What has to be waited out is short.
BRIEF = """
workers = 2
pool_ready = 1
session_idle_s = 2.0
session_life_s = 6.0
cell_wall_s = 1.5
cell_input_s = 3.0
cell_total_s = 6.0
cell_interrupt_grace_s = 1.0
"""


class CheckingClient(Client):
    """Validates each conversation as it ends: messages, their order, their numbers."""

    def finish(self, computation: str, deadline_s: float = 60.0) -> Outcome:
        outcome = super().finish(computation, deadline_s)
        check_conversation(outcome)
        return outcome


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


@pytest.fixture
def client(server) -> Client:
    """A client of the running server."""
    return CheckingClient(server.url)


@pytest.fixture(scope="package")
def brief() -> Iterator[CheckingClient]:
    """A client of a server with short limits and two workers."""
    with serve(BRIEF) as server:
        yield CheckingClient(server.url)
