"""What several ask at once is one command, and each gets the answer that it would have got alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from pymongo import MongoClient

from store import Store, Submission
from store.together import Together
from tests.store.conftest import database_of, submit

PATIENCE_S = 20.0
MOST = 3


class Slow:
    """Answers that come when they are let, and what was asked for together."""

    def __init__(self, answer: Callable[[int], int | BaseException]) -> None:
        self._answer = answer
        self.asked: list[list[int]] = []
        self.first_came, self.go_on = threading.Event(), threading.Event()
        self.together: Together[int, int] = Together(self._ask_all, MOST)

    def _ask_all(self, asked: Sequence[int]) -> list[int | BaseException]:
        self.asked.append(list(asked))
        self.first_came.set()
        assert self.go_on.wait(PATIENCE_S)
        if 13 in asked:
            raise OSError("unlucky")
        return [self._answer(one) for one in asked]

    def run(self, pool: ThreadPoolExecutor, numbers: Sequence[int]) -> list[Future[int]]:
        """Ask for the first, and for the others while that is under way."""
        first = pool.submit(self.together.ask, numbers[0])
        assert self.first_came.wait(PATIENCE_S)
        others = [pool.submit(self.together.ask, number) for number in numbers[1:]]
        while len(self.together._waiting) < len(others):
            threading.Event().wait(0.001)
        self.go_on.set()
        return [first, *others]


def writes(client: MongoClient[Any]) -> int:
    """Return how many commands that update MongoDB has had."""
    counts = client.admin.command("serverStatus")["metrics"]["commands"]
    return sum(int(counts[name]["total"]) for name in ("findAndModify", "update"))


@pytest.mark.parametrize(("others", "commands"), [(MOST - 1, 2), (MOST, 2), (MOST + 1, 3)])
def test_what_comes_during_a_command_goes_together_as_the_next(others: int, commands: int) -> None:
    slow = Slow(lambda number: 10 * number)
    with ThreadPoolExecutor(others + 1) as pool:
        answers = slow.run(pool, range(others + 1))
        assert [one.result(PATIENCE_S) for one in answers] == [10 * number for number in range(others + 1)]
    assert slow.asked[0] == [0] and len(slow.asked) == commands
    assert slow.together.ask(7) == 70 and slow.asked[-1] == [7]


def test_an_error_reaches_those_who_asked_for_it_and_nobody_else() -> None:
    slow = Slow(lambda number: ValueError(number) if number == 2 else number)
    with ThreadPoolExecutor(4) as pool:
        first, second, third = slow.run(pool, [1, 2, 3])
        assert first.result(PATIENCE_S) == 1 and third.result(PATIENCE_S) == 3
        with pytest.raises(ValueError, match="2"):
            second.result(PATIENCE_S)
    with pytest.raises(OSError, match="unlucky"):
        slow.together.ask(13)
    assert slow.together.ask(1) == 1


def test_one_that_is_ended_in_the_middle_lets_the_next_one_go_on() -> None:
    def ask_all(asked: Sequence[int]) -> Sequence[int]:
        if asked[0] == 0:
            raise SystemExit  # as a greenlet is ended
        return asked

    together: Together[int, int] = Together(ask_all, MOST)
    with pytest.raises(SystemExit):
        together.ask(0)
    assert together.ask(5) == 5


def test_submissions_at_once_take_fewer_commands_and_each_has_its_outcome(store: Store) -> None:
    session = store.computations.submit(Submission("1", "python", keep=True)).session
    database, many = database_of(store).ready(), 40
    at_once = threading.Barrier(many, timeout=30)

    def one(number: int) -> str:
        at_once.wait(PATIENCE_S)
        # Every fourth is a turn of one session: they compete for its numbers.
        turn = {"session": session, "keep": True} if number % 4 == 0 else {}
        return submit(store, f"${number}", **turn)

    before = writes(database.client)
    with ThreadPoolExecutor(many) as pool:
        ids = list(pool.map(one, range(many)))
    assert writes(database.client) - before < many  # how many come together depends on the machine
    stored = {found["_id"]: found for found in database["computations"].find()}
    assert [stored[id]["code"] for id in ids] == [f"${number}" for number in range(many)]
    assert sorted(found["turn"] for found in stored.values() if found["session"] == session) == list(range(11))
    assert all(found["submitted"] == found["queued"] for found in stored.values())


def test_computations_read_at_once_are_the_same_as_read_alone(store: Store) -> None:
    ids = [submit(store) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda id: store.messages.after(id, -1), [*ids, "none", *ids]))
    assert found[20] is None
    assert [one[1].id for one in found if one] == ids + ids
