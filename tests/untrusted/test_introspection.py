"""Completions in a fresh namespace: a slow one holds nobody up, one that is too much is an error."""

from __future__ import annotations

import pytest

import wire


def answers(supervisor, *codes: str) -> list[tuple[int, str, bytes]]:
    """Ask at once for completions in a fresh namespace; return (number, status, content) of each answer as it comes."""
    first = 1 + max((frame.request for frame in supervisor.heard if isinstance(frame, wire.IntrospectReply)), default=0)
    for request, code in enumerate(codes, first):
        supervisor.send(wire.Introspect(request, "", "python", "complete", code, len(code)))
    found: list[wire.IntrospectReply] = []
    while len(found) < len(codes):
        found.append(supervisor.wait(lambda frame: isinstance(frame, wire.IntrospectReply)))
    return [(answer.request - first, answer.status, answer.content) for answer in found]


@pytest.mark.parametrize("bomb", ["(" * 30_000, "a" * 60_000, "[(\n" * 20_000])
def test_code_that_nobody_writes_is_answered_with_nothing_at_once(supervisor, bomb):
    (first, second) = answers(supervisor, bomb, "pri")
    assert first[:2] == (0, "ok") and b'"matches":[]' in first[2]
    assert second[:2] == (1, "ok") and b'"print"' in second[2]


def test_a_slow_introspection_holds_nobody_up_and_is_answered_once(supervisor):
    slow = "x = 1\n" * 400_000
    found = answers(supervisor, slow, "pri", "str.", slow, "len")
    assert sorted(number for number, _status, _content in found) == [0, 1, 2, 3, 4]
    assert [number for number, status, _content in found if status == "ok"][:3] == [1, 2, 4]


def test_an_introspection_too_much_for_a_worker_is_an_error_and_not_repeated(supervisor):
    endless = "x = 1\n" * 1_300_000
    found = answers(supervisor, endless, "pri")
    assert [(number, status) for number, status, _content in found] == [(1, "ok"), (0, "error")]
    assert answers(supervisor, "pri")[0][1] == "ok"
