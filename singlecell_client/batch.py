"""Runs a table of tasks on a server, many at once; each runs once, however many run the same table.

The server knows each task by its idempotency key. A task that somebody else has submitted already is a *conflict*: it
is left until there is nothing else to do, and then its result is waited for.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any

from singlecell_client.client import Client
from singlecell_client.connection import RETRY_S_TOTAL, Refused, Unreachable
from singlecell_client.result import ENDED, Message, Result
from singlecell_client.results import Row
from singlecell_client.tasks import Task
from singlecell_client.terminal import without_colours

WAIT_S = 20.0  # of a submission for its end; a longer task is followed
BUSY_S = 2.0  # when a server that has no room for more does not say how long
BUSY = (429, 503)


class Batch:
    """The tasks that are under way; ``rows`` gives a Row for each that ends, or the error that ends all."""

    def __init__(self, connect: Callable[[], Client], tasks: Sequence[Task], at_once: int) -> None:
        self._connect = connect
        self._todo, self._theirs = deque(tasks), deque[tuple[Task, str]]()
        self.rows: SimpleQueue[Row | Refused | Unreachable] = SimpleQueue()
        self.conflicts = 0
        self._lock = threading.Lock()
        for _ in range(min(at_once, len(tasks))):
            threading.Thread(target=self._work, daemon=True).start()

    def stop(self) -> None:
        """Begin no further task. What was submitted goes on; who runs the table again finds it."""
        with self._lock:
            self._todo.clear()
            self._theirs.clear()

    def _work(self) -> None:
        client = self._connect()
        try:
            while (task := self._next()) is not None:
                row = self._run(client, task)
                if row is not None:
                    self.rows.put(row)
            while (left := self._next_of_theirs()) is not None:
                task, computation = left
                row = self._refusable(task, partial(self._follow, client, task, computation, []))
                if row is not None:
                    self.rows.put(row)
        except (Refused, Unreachable) as error:
            self.stop()
            self.rows.put(error)

    def _next(self) -> Task | None:
        with self._lock:
            return self._todo.popleft() if self._todo else None

    def _next_of_theirs(self) -> tuple[Task, str] | None:
        with self._lock:
            return self._theirs.popleft() if self._theirs else None

    def _run(self, client: Client, task: Task) -> Row | None:
        """Return what came of a task; None when somebody else runs it, which is looked after later."""

        def run() -> Row | None:
            answer = _submit(client, task)
            if answer.get("repeated"):
                with self._lock:
                    self.conflicts += 1
                    if answer["state"] not in ENDED:
                        self._theirs.append((task, answer["id"]))
                        return None
            # What has been deleted meanwhile has no messages.
            return self._follow(client, task, answer["id"], answer.get("messages", []), answer.get("finished", False))

        return self._refusable(task, run)

    def _refusable(self, task: Task, run: Callable[[], Row | None]) -> Row | None:
        try:
            return run()
        except (Refused, OSError) as error:
            if isinstance(error, Refused) and error.status in (401, 403):
                raise  # so it would be for every task
            text = str(error)
            return Row(task.item, task.task, "refused", task.lock, "", "", "", text, len(text))

    def _follow(
        self, client: Client, task: Task, computation: str, messages: list[Message], finished: bool = False
    ) -> Row:  # fmt: skip
        if not finished:
            messages = [*messages, *client.follow(computation, messages[-1]["sequence"] if messages else -1)]
        described = client.describe(computation)
        result = Result(computation, described["session"], described["state"], described.get("reason"), messages)
        log = log_of(result)
        state = "raised" if result.state == "done" and not result.ok else result.state
        locked, done = (described.get(name, "") for name in ("started", "finished"))
        return Row(task.item, task.task, state, task.lock, described.get("device", ""), locked, done, log, len(log))


def _submit(client: Client, task: Task) -> dict[str, Any]:
    """Submit a task, as soon as the server has room for it. Raises Refused, Unreachable."""
    give_up_at = time.monotonic() + RETRY_S_TOTAL
    while True:
        pause_s = BUSY_S
        try:
            return client.submit(
                task.code, language=task.language, files=task.files, once=task.lock, wait_s=WAIT_S
            )
        except Refused as error:
            if error.status not in BUSY:
                raise
            pause_s = max(error.retry_after_s, BUSY_S)
            give_up_at = time.monotonic() + RETRY_S_TOTAL
        except Unreachable:
            if time.monotonic() > give_up_at:
                raise
        time.sleep(pause_s)


def log_of(result: Result) -> str:
    """Return what the code said, as a terminal would show it."""
    parts = []
    for message in result.messages:
        content = message["content"]
        match message["header"]["msg_type"]:
            case "stream":
                parts.append(content["text"])
            case "execute_result":
                parts.append(content["data"].get("text/plain", "") + "\n")
            case "error":
                text = "\n".join(content["traceback"]) or f"{content['ename']}: {content['evalue']}"
                parts.append(without_colours(text) + "\n")
    return "".join(parts)
