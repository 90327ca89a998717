"""``input()`` and ``getpass()`` ask the reader."""

from __future__ import annotations

import pytest

from tests.untrusted.kernel.child import LocalProcess


def test_input_asks_and_goes_on_with_the_reply(child: LocalProcess) -> None:
    ran = child.run("print('before')\nname = input('Who? ')\nprint('hi', name)", answers=("Ada",))
    assert ran.types == ["stream", "input_request", "stream"]
    assert ran.only("input_request") == {"prompt": "Who? ", "password": False}
    assert ran.text() == "before\nhi Ada\n"


def test_getpass_asks_for_a_password(child: LocalProcess) -> None:
    ran = child.run("from getpass import getpass\nlen(getpass())", answers=("geheim",))
    assert ran.only("input_request") == {"prompt": "Password: ", "password": True}
    assert ran.only("execute_result")["data"]["text/plain"] == "6"


def test_an_odd_prompt_is_text(child: LocalProcess) -> None:
    ran = child.run("input('\\ud800'); input(3)", answers=("", ""))
    assert [content["prompt"] for content in ran.all("input_request")] == ["\ufffd", "3"]


@pytest.mark.parametrize("call", ["input()", "import getpass; getpass.getpass()", "breakpoint()"])
def test_without_stdin_input_requests_are_refused(child: LocalProcess, call: str) -> None:
    assert "StdinNotImplementedError" in str(child.run(call, stdin=False))


def test_only_the_cell_itself_can_ask(child: LocalProcess) -> None:
    thread = "import threading\nt = threading.Thread(target=input); t.start(); t.join()"
    assert "StdinNotImplementedError" in child.run(thread).text("stderr")
    fork = "import os\npid = os.fork()\nif pid == 0: input()\nos.waitpid(pid, 0)"
    assert "StdinNotImplementedError" in child.run(fork).text("stderr")
