"""Drag a slider as a hand does, here and on Jupyter's servers: the next value goes when the last one is answered."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import requests

from bench.commands import post
from harness.kernel_sockets import KernelClient, KernelSocket, printed

RATE_HZ = 60.0
TURNS = 50
PAUSE_S = 0.05
ANSWER_S = 60.0
_TOOK = re.compile(r"took ([\d.e-]+)")
_MODEL = re.compile(r"model (\w+)")


class Hand(ABC):
    """A slider that can be moved. ``name``: whose it is."""

    name = ""

    @abstractmethod
    def move(self, value: int) -> str:
        """Move the slider and wait for all that this brings about; return what the function prints."""

    def took_s(self, value: int) -> float:
        """Move the slider; return the seconds that its function took."""
        said = self.move(value)
        found = _TOOK.findall(said)
        if not found:
            raise SystemExit(f"{self.name}: a move was not answered: {said!r}")
        return float(found[-1])

    def one_by_one(self) -> Iterator[float]:
        """Yield how long single moves take on an idle server, beyond their function."""
        for value in range(2, TURNS + 2):
            began = time.perf_counter()
            took_s = self.took_s(value)
            yield time.perf_counter() - began - took_s
            time.sleep(PAUSE_S)

    def drag(self, seconds: float) -> tuple[list[float], int]:
        """Move at 60 Hz; return how late the output of each position, or of a later one, came, and the outputs."""
        began, shown, outputs = time.perf_counter(), 0, 0
        late_s: list[float] = []
        while shown < seconds * RATE_HZ:
            latest = int((time.perf_counter() - began) * RATE_HZ)
            if latest <= shown:
                time.sleep(max(0.0, began + (shown + 1) / RATE_HZ - time.perf_counter()))
                continue
            self.took_s(latest + TURNS + 2)  # a value that the slider has already would bring nothing about
            outputs += 1
            now = time.perf_counter()
            late_s += [now - began - position / RATE_HZ for position in range(shown + 1, latest + 1)]
            shown = latest
        return late_s, outputs


def model_of(said: str) -> str:
    """Return the id of the slider's model, which its cell prints."""
    found = _MODEL.search(said)
    if found is None:
        raise SystemExit(f"a cell made no slider: {said!r}")
    return found[1]


class OurHand(Hand):
    """A slider of a cell of ours, moved as a page of ours does."""

    name = "ours"

    def __init__(self, http: requests.Session, url: str, code: str, language: str) -> None:
        self._http = http
        begun = post(http, url, code=code, keep=True, language=language)
        self.session = begun["session"]
        self._model = model_of(printed(begun["messages"]))
        self._address = f"{url}/sessions/{self.session}"

    def move(self, value: int) -> str:
        """Move it in one request."""
        content: dict[str, Any] = {"comm_id": self._model, "data": {"method": "update", "state": {"value": value}}}
        body: dict[str, Any] = {"msg_type": "comm_msg", "content": content}
        answer = self._http.post(f"{self._address}/comms?wait=30", json=body, timeout=ANSWER_S).json()
        if not answer.get("finished"):
            raise SystemExit(f"a move was not answered: {answer}")
        return printed(answer["messages"])

    def leave(self) -> None:
        """End the session."""
        self._http.delete(self._address, timeout=ANSWER_S)


class JupyterHand(Hand):
    """A slider of a kernel of Jupyter's, moved over its WebSocket as Thebe and Voilà do."""

    def __init__(self, name: str, socket: KernelSocket, said: str) -> None:
        self.name, self._socket, self._model = name, socket, model_of(said)

    def move(self, value: int) -> str:
        """Move it by one message, and wait until the kernel is idle."""
        data: dict[str, Any] = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        request = self._socket.send("comm_msg", {"comm_id": self._model, "data": data})
        return printed([each for each in self._socket.finish(request) if each["parent_header"]["msg_id"] == request])


def thebes(url: str, token: str, code: str) -> JupyterHand:
    """Return the hand of a page with Thebe, whose kernel a Jupyter server runs."""
    client = KernelClient(url, Authorization=f"token {token}")
    socket = client.open(client.start())
    return JupyterHand("Thebe's", socket, printed(socket.run(code)))
