"""Cuts the messages of a computation into pages and waits for the next one, for polls, long polls and events."""

from __future__ import annotations

import re
from dataclasses import dataclass
from threading import Event

from store import Computation, FarBack
from web.client_shares import sites_of
from web.context import Context, connection, here
from web.problems import refuse

ABSENT = "There is no computation with this id; it may be older than the server keeps them."
PAGE_BYTES = 1 << 20  # about as much text as one answer has; `next` leads on
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Page:
    """A page: the messages after a sequence, and the computation as it was when they were read."""

    messages: list[bytes]
    after: int
    computation: Computation

    @property
    def next(self) -> int:
        """The sequence of the last message; sequences have no gaps."""
        return self.after + len(self.messages)

    @property
    def whole(self) -> bool:
        """Whether no message was left for the next page."""
        return self.next >= self.computation.sequence

    @property
    def finished(self) -> bool:
        """Whether the computation is over and no message follows these."""
        return self.whole and self.computation.over


def is_id(untrusted_id: str) -> bool:
    """Return whether this could be an id: a uuid4 in its usual form."""
    return _UUID4.fullmatch(untrusted_id) is not None


def existing_computation(untrusted_id: str) -> Computation:
    """Return the computation with this id. Raises ProblemError 404, StoreUnavailableError."""
    computation = here().store.computations.get(untrusted_id) if is_id(untrusted_id) else None
    if computation is None:
        refuse(404, ABSENT)
    return computation


def read_page(context: Context, computation_id: str, after: int) -> Page:
    """Return the messages after this sequence, at most about PAGE_BYTES of them but at least one if there is one.

    Raises ProblemError: 404 no such computation, 400 its messages do not reach that far; StoreUnavailableError.
    """
    found = context.store.messages.after(computation_id, after, PAGE_BYTES) if is_id(computation_id) else None
    if found is None:
        refuse(404, ABSENT)
    messages, computation = found
    if after > computation.sequence:
        last = computation.sequence
        refuse(400, f"`after` or `Last-Event-ID` is {after}, beyond the last message of this computation, {last}.")
    size_bytes = 0
    for count, message in enumerate(messages):
        size_bytes += len(message)
        if size_bytes > PAGE_BYTES and count > 0:
            return Page(messages[:count], after, computation)
    return Page(messages, after, computation)


def wait_for_page(context: Context, computation_id: str, after: int, wait_s: float) -> Page | None:
    """Return the messages after this sequence as soon as there is one or the computation is over.

    When many wait already, the wait is shorter than asked for, or none. None: it stands far back in a long line, so it
    waits still, and was not looked at.
    """
    computations = context.store.computations

    def look() -> Page:
        return read_page(context, computation_id, after)

    def waits_still(page: Page | None) -> bool:
        is_queued = page is None or page.computation.state == "queued"
        return is_queued and computations.waits_in_a_long_line(computation_id)

    with context.notifier.subscribed(computation_id) as event:
        far_back = computations.far_back(computation_id) if after < 0 else None
        page = None if far_back else look()
        if wait_s <= 0 or _has_news(page):
            return page
        if found := far_back or (page and page.computation):
            count_for_site(found)
        with context.connections.waiting(connection(), wait_s) as granted_s:
            return context.notifier.wait_on(event, granted_s, page, look, _has_news, waits_still)


def follow_page(context: Context, computation_id: str, after: int, wait_s: float) -> Page:
    """Do the same for a connection that has a place to wait in already."""

    def look() -> Page:
        return read_page(context, computation_id, after)

    return context.notifier.wait_until(computation_id, wait_s, look, _has_news)


def count_for_site(computation: Computation | FarBack) -> None:
    """Have the connection of the request count in the shares of the origin and the key that a computation is from."""
    connection().sites = sites_of(computation.origin, computation.key)


def _has_news(page: Page | None) -> bool:
    return page is not None and (bool(page.messages) or page.finished)


def wait_for_end(context: Context, event: Event, submitted: Computation, wait_s: float) -> Page:
    """Return the messages from the start as soon as the computation is over, asks for input or fills a page.

    ``event``: the notifier's for this computation, since before it was ``submitted``.
    """
    page = Page([], -1, submitted)

    def look() -> Page:
        nonlocal page
        more = read_page(context, submitted.id, page.next)
        page = Page(page.messages + more.messages, -1, more.computation)
        return page

    def enough(page: Page) -> bool:
        full = not page.whole or sum(map(len, page.messages)) > PAGE_BYTES
        return page.finished or full or page.computation.asking

    count_for_site(submitted)
    with context.connections.waiting(connection(), wait_s) as granted_s:
        return context.notifier.wait_on(event, granted_s, page if submitted.state == "queued" else look(), look, enough)
