"""How long a device waits before it starts a supervisor again."""

from __future__ import annotations

from device.redial import Redial


def test_what_never_works_is_tried_ever_more_rarely() -> None:
    redial = Redial(0.5, 4.0)
    assert [redial.pause_s(0.0) for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_one_that_breaks_the_protocol_again_and_again_is_tried_ever_more_rarely() -> None:
    redial = Redial(0.5, 4.0)
    assert [redial.pause_s(3.9, at_fault=True) for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, 4.0]
    assert redial.pause_s(4.1, at_fault=True) == 0.5


def test_what_works_for_longer_than_it_was_waited_for_is_back_at_once() -> None:
    redial = Redial(0.5, 30.0)
    assert [redial.pause_s(10.0) for _ in range(6)] == [0.5] * 6
    assert [redial.pause_s(served_s) for served_s in (0.1, 0.9, 2.0, 2.1, 0.5)] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert redial.pause_s(16.0) == 30.0 and redial.pause_s(30.1) == 0.5
