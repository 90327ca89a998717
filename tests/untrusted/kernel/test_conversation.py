"""Questions, payloads, magics, awaiting, comms, completion and inspection."""

from __future__ import annotations

import pytest

from tests.untrusted.kernel.child import LocalProcess, plain


def test_input_asks_and_goes_on_with_the_answer(child: LocalProcess) -> None:
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


@pytest.mark.parametrize("question", ["input()", "import getpass; getpass.getpass()", "breakpoint()"])
def test_without_stdin_questions_are_refused(child: LocalProcess, question: str) -> None:
    assert "StdinNotImplementedError" in str(child.run(question, stdin=False))


def test_only_the_cell_itself_can_ask(child: LocalProcess) -> None:
    thread = "import threading\nt = threading.Thread(target=input); t.start(); t.join()"
    assert "StdinNotImplementedError" in child.run(thread).text("stderr")
    fork = "import os\npid = os.fork()\nif pid == 0: input()\nos.waitpid(pid, 0)"
    assert "StdinNotImplementedError" in child.run(fork).text("stderr")


@pytest.mark.parametrize(
    ("code", "said"), [("len?", "Docstring"), ("import json\njson.loads??", "def loads"), ("nope?", "not found")]
)
def test_help_comes_as_a_page(child: LocalProcess, code: str, said: str) -> None:
    ran = child.run(code)
    assert said in ran.text() + "".join(plain(page["data"]["text/plain"]) for page in ran.reply["payload"])


def test_code_can_offer_the_next_input(child: LocalProcess) -> None:
    assert child.run("get_ipython().set_next_input('1+1')").reply["payload"] == [
        {"source": "set_next_input", "text": "1+1", "replace": False}
    ]
    assert child.run("1").reply["payload"] == []


def test_magics_work(child: LocalProcess) -> None:
    assert "per loop" in child.run("%timeit -n1 -r1 pass").text()
    assert "Wall time" in child.run("%%time\n1").text()
    bash = child.run("%%bash\necho out; echo err >&2")
    assert (bash.text(), bash.text("stderr")) == ("out\n", "err\n")
    assert child.run("!exit 3\n_exit_code").only("execute_result")["data"]["text/plain"] == "3"
    assert child.run("x = 'a b'\nfiles = !echo {x}\nfiles").only("execute_result")["data"]["text/plain"] == "['a b']"
    assert child.run("%%writefile mine.py\nvalue = 7").text() == "Writing mine.py\n"
    assert child.run("import mine\nmine.value").only("execute_result")["data"]["text/plain"] == "7"
    assert child.run("%run mine.py\nvalue").only("execute_result")["data"]["text/plain"] == "7"
    assert child.run("import os\nhome = os.getcwd()\n%cd /\nos.getcwd()").text() == "/\n"
    child.run("os.chdir(home)")
    assert child.run("%who str").text().split() == ["home", "x"]
    assert "UsageError" in child.run("%nope").text("stderr")


def test_top_level_await_works_from_cell_to_cell(child: LocalProcess) -> None:
    child.run("import asyncio\nasync def f():\n    await asyncio.sleep(0.001)\n    return 5")
    assert child.run("await f()").only("execute_result")["data"]["text/plain"] == "5"
    assert child.run("t = asyncio.create_task(f())\nawait t").only("execute_result")["data"]["text/plain"] == "5"
    assert child.run("asyncio.run(f())").only("execute_result")["data"]["text/plain"] == "5"
    assert child.run("await f()").only("execute_result")["data"]["text/plain"] == "5"


def test_a_comm_speaks_both_ways_with_buffers(child: LocalProcess) -> None:
    opened = child.run(
        "import comm\nc = comm.create_comm(target_name='mine', data={'a': 1}, buffers=[b'xy'])\n"
        "def heard(m):\n    print('got', m['content']['data'], bytes(m['buffers'][0]))\n"
        "    c.send({'back': 1}, buffers=[b'z'])\n"
        "c.on_msg(heard)"
    )
    _, content, _, buffers = next(message for message in opened if message[0] == "comm_open")
    assert (content["target_name"], content["data"], buffers) == ("mine", {"a": 1}, [b"xy".hex()])
    ran = child.deliver("comm_msg", {"comm_id": content["comm_id"], "data": {"q": 2}}, buffers=(b"abc",))
    assert ran.text() == "got {'q': 2} b'abc'\n"
    assert ran.only("comm_msg") == {"comm_id": content["comm_id"], "data": {"back": 1}}
    closed = child.run("c.close()").only("comm_close")
    assert closed["comm_id"] == content["comm_id"]


def test_the_page_can_open_a_comm(child: LocalProcess) -> None:
    child.run("import comm\nlisten = lambda c, m: c.send({'hello': m['content']['data']})")
    child.run("comm.get_comm_manager().register_target('t', listen)")
    ran = child.deliver("comm_open", {"comm_id": "1", "target_name": "t", "data": {"x": 1}})
    assert ran.only("comm_msg") == {"comm_id": "1", "data": {"hello": {"x": 1}}}


def test_an_unknown_comm_target_is_closed(child: LocalProcess) -> None:
    ran = child.deliver("comm_open", {"comm_id": "1", "target_name": "nope", "data": {}})
    assert ran.only("comm_close") == {"comm_id": "1", "data": {}}


@pytest.mark.parametrize("content", [{}, {"comm_id": 3}, {"comm_id": "x", "data": 1}])
def test_nonsense_for_a_comm_does_no_harm(child: LocalProcess, content: dict) -> None:
    for kind in ("comm_open", "comm_msg", "comm_close"):
        child.deliver(kind, content)
    assert child.run("1").types == ["execute_result"]


def test_an_error_in_a_comms_code_is_shown(child: LocalProcess) -> None:
    child.run("import comm\nc = comm.create_comm(target_name='t', comm_id='1')\nc.on_msg(lambda m: 1/0)")
    assert "ZeroDivisionError" in child.deliver("comm_msg", {"comm_id": "1", "data": {}}).text("stderr")


@pytest.mark.parametrize("argument", ["data={'a': object()}", "data=3", "buffers=[b''] * 65", "buffers=[3]"])
def test_what_a_comm_cannot_send_is_an_error_of_the_cell(child: LocalProcess, argument: str) -> None:
    assert child.run(f"import comm\nc = comm.create_comm(target_name='t', {argument})").reply["status"] == "error"


def test_completion_knows_the_live_namespace(child: LocalProcess) -> None:
    child.run("alpha_beta = 1\nclass Thing: width = 3\nthing = Thing()")
    reply = child.call("complete", "x = alpha_b", 11)
    assert (reply["matches"], reply["cursor_start"], reply["cursor_end"]) == (["alpha_beta"], 4, 11)
    assert any("width" in match for match in child.call("complete", "thing.wi", 8)["matches"])
    assert "matplotlib" in child.call("complete", "import matplotl", 15)["matches"]
    assert child.call("complete", "%timei", 6)["matches"]


def test_positions_count_code_points(child: LocalProcess) -> None:
    child.run("alpha_beta = 1")
    reply = child.call("complete", "'😀'; alpha_b", 12)
    assert (reply["cursor_start"], reply["cursor_end"]) == (5, 12)


@pytest.mark.parametrize(
    ("code", "position"),
    [("", 0), ("abc", -5), ("abc", 99), ("\ud83d", 1), ("(((", 3), ("'", 1), ("a\n" * 1000, 2000)],
)
def test_completion_and_inspection_bear_any_code(child: LocalProcess, code: str, position: int) -> None:
    child.call("complete", code, position)
    child.call("inspect", code, position, 0)


def test_inspection_shows_help_and_source(child: LocalProcess) -> None:
    child.run("def mine(a):\n    'My help.'\n    return a")
    assert "My help." in child.call("inspect", "mine(1)", 3, 0)["data"]["text/plain"]
    assert "return a" in plain(child.call("inspect", "mine", 4, 1)["data"]["text/plain"])
    assert child.call("inspect", "nope", 4, 0)["found"] is False


def test_what_completion_provokes_does_no_harm(child: LocalProcess) -> None:
    child.run("class Odd:\n    def __dir__(self): print('asked'); raise ValueError")
    child.run("Odd.__getattr__ = lambda self, name: {}[name]\nodd = Odd()")
    child.call("complete", "odd.", 4)
    child.call("inspect", "odd", 3, 1)
    assert child.run("1").reply["status"] == "ok"
