"""Comms speak both ways, and nonsense does them no harm."""

from __future__ import annotations

import pytest

from tests.untrusted.kernel.child import LocalProcess


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
