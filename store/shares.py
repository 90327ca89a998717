"""Bounds how many computations may wait: in all, of an origin, of a key, of a client, and of one of its pages.

A page has a share, and a client has that of its pages, up to one that serves a class behind one address.
"""

from __future__ import annotations

import time
from typing import Any

from store.database import Database, Documents
from store.errors import OverShareError, QueueFullError
from store.lanes import BEHIND, Lanes
from store.models import Submission

# This share of the places that are free may be filled before they are counted again, or this one of all, so that a long
# queue that is nearly full is not counted for each that gets in.
_FILLED_SHARE, _FILLED_OF_ALL = 8, 128
# A long queue that is full is counted again after so many seconds for each of its places: until then few of them become
# free, and a flood of submissions is refused without a count for each.
_FULL_S_EACH, _SHORT = 2e-4, 100
_OF_CLIENT = "From your address {most} computations wait already, as many as may; try again when some of them have run."
_OF_PAGE = "From this page {most} computations wait already, as many as may; try again when some of them have run."
_OF_ORIGIN = "From pages of this site {most} computations wait already, as many as may; try again in a moment."
_OF_KEY = "With this key {most} computations wait already, as many as may; try again in a moment."


class Shares:
    """How many computations wait, as far as this process has to know it."""

    def __init__(self, database: Database, lanes: Lanes) -> None:
        self._database, self._settings, self._lanes = database, database.settings, lanes
        self._waiting = self._free_places = 0
        self._full_until = 0.0  # by the monotonic clock
        self._free: dict[tuple[str, str], int] = {}  # of the share of an origin or a key

    @property
    def _computations(self) -> Documents:
        return self._database.collection("computations")

    @property
    def is_known_full(self) -> bool:
        """Whether the queue has just been found full."""
        return time.monotonic() < self._full_until

    def take_place(self, submission: Submission) -> None:
        """Use a place for a new computation. Raises QueueFullError, OverShareError, PyMongoError."""
        # The queue is measured when the places that the last measurement left may be used up; devices only free more.
        if self._free_places <= 0:
            self._find_places(self._settings.queue_length_max)
        self._free_places -= 1
        self._waiting += 1
        if submission.lane is not None:
            requester, settings = submission.requester, self._settings
            self._take_of("origin", requester.origin, settings.origin_waiting_max, _OF_ORIGIN)
            self._take_of("key", requester.key, settings.key_waiting_max, _OF_KEY)

    def _find_places(self, limit: int) -> None:
        now, full_s = time.monotonic(), max(0, limit - _SHORT) * _FULL_S_EACH
        if now >= self._full_until:
            if self._full_until:
                self._full_until = now + full_s  # meanwhile others need not count, too
            self._waiting = self.count_waiting(limit)
            self._full_until = now + full_s if self._waiting >= limit else 0.0
        if self._full_until:
            raise QueueFullError(f"{limit} computations wait already")
        # Only a share of them: other web processes fill the same queue.
        free_places = limit - self._waiting
        self._free_places = max(1, free_places // _FILLED_SHARE, min(free_places, limit // _FILLED_OF_ALL))
        self._free.clear()

    def count_waiting(self, most: int) -> int:
        """Return how many computations wait, counted up to ``most``. Raises PyMongoError."""
        # The index is named: MongoDB would not choose it for a condition on none of its fields.
        return self._count({"state": "queued"}, most, hint="line")

    def check_page(self, submission: Submission) -> None:
        """Refuse a computation that would stand behind too many of its page or client.

        Raises OverShareError, PyMongoError.
        """
        of_page, of_client = self._settings.page_waiting_max, self._settings.client_waiting_max
        if submission.lane is not None and self._lanes.behind(submission.lane, of_page) >= of_page - 1:
            raise OverShareError("waiting", _OF_PAGE.format(most=of_page))
        waiting = {"client": submission.requester.client, "finished": None, "state": "queued"}
        if self._count(waiting, of_client, hint="of_client") >= of_client:
            raise OverShareError("waiting", _OF_CLIENT.format(most=of_client))

    def check_turns(self, submission: Submission) -> None:
        """Refuse another turn of a session for which too many wait. Raises OverShareError, PyMongoError."""
        most = self._settings.page_waiting_max
        if submission.lane is not None:
            waiting = {**BEHIND, "session": submission.session}
            if self._count(waiting, most, hint="queued_turns") >= most:
                raise OverShareError("waiting", _OF_PAGE.format(most=most))

    def _take_of(self, field: str, name: str | None, most: int, sentence: str) -> None:
        # As long as few wait in all, nobody has too many. Half: other web processes have not told us of theirs.
        if name is None or self._waiting <= most // 2:
            return
        if self._free.get((field, name), 0) <= 0:
            waiting = self._count({"state": "queued", field: name}, most, hint=f"of_{field}")
            if waiting >= most:
                raise OverShareError("waiting", sentence.format(most=most))
            self._free[field, name] = max(1, (most - waiting) // _FILLED_SHARE)
        self._free[field, name] -= 1

    def _count(self, waiting: dict[str, Any], most: int, hint: str) -> int:
        return self._computations.count_documents(waiting, limit=most, hint=hint)
