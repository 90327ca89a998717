"""Completion and inspection know the live namespace, and bear any code."""

from __future__ import annotations

import pytest

from tests.untrusted.kernel.child import LocalProcess, plain


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
