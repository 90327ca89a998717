"""A line that breaks loses nothing of what a kernel says: it comes on the client's next socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.kernel_sockets import DEADLINE_S, V1, KernelClient, KernelSocket, printed, reply, without_repeats
from harness.lossy_line import LossyLine
from harness.processes import wait_for

LINES = 60
PRINTS = f"import time\nfor i in range({LINES}):\n    print(i, flush=True)\n    time.sleep(0.02)\n"
WHOLE = "".join(f"{i}\n" for i in range(LINES))


@pytest.fixture
def line(server) -> Iterator[LossyLine]:
    """A line to the server."""
    with LossyLine(server.port) as line:
        yield line


class Jupyter:
    """Speaks with the kernel as Jupyter's clients do."""

    @staticmethod
    def open(url: str, kernel: str) -> KernelSocket:
        return KernelClient(url).open(kernel, V1, session_id="reader")


class SockJs(KernelSocket):
    """Speaks with the kernel over SageMathCell's SockJS, without its frames."""

    @classmethod
    def open(cls, url: str, kernel: str) -> SockJs:
        opened = cls(f"{url}/sockjs/websocket", None, "x&CellSessionID=reader")
        opened.kernel = kernel
        return opened

    kernel: str

    def send_raw(self, data: bytes | str) -> None:
        super().send_raw(f"{self.kernel}/channels,{data}")

    def receive_raw(self) -> bytes | str | None:
        found = super().receive_raw()
        return found if found is None else found[len(f"{self.kernel}/channels,") :]


@pytest.mark.parametrize("client", [Jupyter, SockJs])
def test_what_a_broken_line_had_taken_comes_on_the_next_socket(server, line, kernel, client):
    with KernelClient(server.url).open(kernel) as other:
        reading, said = client.open(line.url, kernel), []
        asked = reading.execute(PRINTS)
        while printed(said).count("\n") < LINES // 3:
            said += reading.until(lambda found: found["header"]["msg_type"] == "stream")
        line.loses = True
        ended = other.finish(asked)  # by then all has gone out on the line
    info = reading.send("kernel_info_request", {})
    wait_for(lambda: b"kernel_info_reply" in line.lost, DEADLINE_S)
    line.cut()
    said += reading.until_closed()  # what had come before it was read here; the client confirms it by itself
    with client.open(line.url, kernel) as again:
        again.send("kernel_info_request", {})  # the first thing that clients ask; of SockJS's it says the kernel
        rest = again.finish(asked)
        assert reply(again.finish(info), "kernel_info_reply")["status"] == "ok"
    # What the client has confirmed does not come again; the last that it heard it may not have confirmed.
    before = [found["header"]["msg_id"] for found in said]
    assert not {found["header"]["msg_id"] for found in rest} & set(before[: len(before) // 2])
    whole = without_repeats([*said, *rest])
    assert printed(whole) == printed(ended) == WHOLE and reply(whole)["status"] == "ok"
