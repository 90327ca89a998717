"""What SageMathCell's own script asked in a browser, asked again as it was: sagecell_traffic.json.

tests/browser/test_sagecells_own_script.py has written it down, from a page that a reader used; where there is no such
script, this holds what it needs. The kernels' and the interact's ids are those that are given here.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from harness.kernel_sockets import KernelSocket

TRAFFIC = json.loads(Path(__file__).with_name("sagecell_traffic.json").read_text())
PAGE = "https://pages.example"
TIMEOUT_S = 60.0
NOTHING_TO_SAY = 204  # there are no terms of service


class Script:
    """Asks a server what the script has asked, and hears the answers."""

    def __init__(self, url: str) -> None:
        self.url, self.names = url, dict[str, str]()
        self.socket: KernelSocket | None = None
        self.answers: list[requests.Response] = []
        self.heard: list[dict] = []
        self._unanswered: list[str] = []

    def ask(self, step: dict) -> None:
        """Make a request, open the socket, or send a frame and wait for its end as the script did."""
        if "method" in step:
            self._request(step)
        elif "socket" in step:
            parts = urlsplit(step["socket"])
            [(name, value)] = parse_qsl(parts.query)
            self.socket = KernelSocket(f"{self.url}{parts.path}", None, f"x&{name}={value}")
            assert self.socket.receive_raw() == "o"
        else:
            self._send(step["frame"])

    def _request(self, step: dict) -> None:
        headers = {"Origin": PAGE, **({"Content-Type": step["type"]} if step["type"] else {})}
        body = (step["body"] or "").encode()
        answer = requests.request(
            step["method"], self.url + self._named(step["path"]), data=body, headers=headers, timeout=TIMEOUT_S
        )
        assert answer.status_code == (NOTHING_TO_SAY if step["path"] == "/tos.html" else 200), answer.text
        # It asks with credentials: then a browser wants these two.
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        self.answers.append(answer)
        if step["path"].startswith("/kernel?"):
            self._name("KERNEL", answer.json()["id"])

    def _send(self, frame: str) -> None:
        assert self.socket is not None
        self.socket.send_raw(self._named(frame))
        [text] = json.loads(frame)
        header = json.loads(text.partition(",")[2])["header"]
        self._unanswered.append(header["msg_id"])
        # The script says both at once, in this order.
        while self._unanswered and header["msg_type"] != "execute_request":
            self._hear()

    def _hear(self) -> None:
        assert self.socket is not None
        raw = self.socket.receive_raw()
        assert isinstance(raw, str) and raw[0] == "a", raw
        [text] = json.loads(raw[1:])
        said = json.loads(text[46:])
        self.heard.append(said)
        if (interact := said["content"].get("data", {}).get("application/sage-interact")) is not None:
            self._name("INTERACT", interact["new_interact_id"])
        if said["content"].get("execution_state") == "idle" and said["parent_header"]["msg_id"] in self._unanswered:
            self._unanswered.remove(said["parent_header"]["msg_id"])

    def _name(self, kind: str, id: str) -> None:
        self.names[f"{kind}-{sum(name.startswith(kind) for name in self.names)}"] = id

    def _named(self, text: str) -> str:
        for name, id in self.names.items():
            text = text.replace(name, id)
        return text


@pytest.fixture(scope="module")
def script(server) -> Script:
    """The script, when its page has been used."""
    script = Script(server.url)
    for step in TRAFFIC:
        script.ask(step)
    assert script.socket is not None
    script.socket.close()
    return script


def said(script: Script, msg_type: str) -> list[dict]:
    return [one for one in script.heard if one["header"]["msg_type"] == msg_type]


def test_the_cell_ran_and_its_kernel_ended(script):
    texts = [one["content"]["text"] for one in said(script, "stream") if not one["metadata"]]
    assert texts == ["1024\n", "warn\n"]
    assert said(script, "execute_result")[0]["content"]["data"] == {"text/plain": "2432902008176640000"}
    assert said(script, "execute_reply")[0]["content"]["payload"] == [{"new_files": ["made.txt"]}]
    assert "dead" in [one["content"]["execution_state"] for one in said(script, "status")]
    file = requests.get(f"{script.url}/kernel/{script.names['KERNEL-0']}/files/made.txt?q=0", timeout=TIMEOUT_S)
    assert file.text == "whole"


def test_the_interact_was_described_and_moved(script):
    interact = said(script, "display_data")[0]["content"]["data"]["application/sage-interact"]
    controls = interact["controls"]
    assert [(name, one["control_type"], one["default"]) for name, one in controls.items()] == [
        ("n", "slider", 3), ("word", "input_box", "abc"), ("c", "selector", 0), ("d", "selector", 0),
    ]  # fmt: skip
    assert controls["c"]["value_labels"] == ["1", "2", "3"] and controls["c"]["subtype"] == "button"
    assert controls["n"]["range"] == [1, 9] and controls["n"]["step"] == 1 and controls["n"]["update"] is True
    assert interact["layout"] == [[[name, 1]] for name in (*controls, "_output")]
    shown = [one["content"]["text"] for one in said(script, "stream") if one["metadata"]]
    assert shown == ["3 abc 1 4\n", "3 xyz 1 4\n", "4 xyz 1 4\n", "4 xyz 1 7\n", "4 xyz 2 7\n", "3 abc 1 4\n"]
    ids = {one["metadata"]["interact_id"] for one in said(script, "stream") if one["metadata"]}
    assert ids == {script.names["INTERACT-0"], script.names["INTERACT-1"]}
    moved = said(script, "sagenb.interact.update_interact_reply")
    assert [one["content"]["status"] for one in moved] == ["ok"] * 4
    assert not [one for one in script.heard if one["header"]["msg_type"].startswith("comm_")]


def test_the_share_button_had_its_links(script):
    [links] = [answer.json() for answer in script.answers if "permalink" in answer.url]
    assert links["n"] == 1 and links["zip"] and links["query"]
