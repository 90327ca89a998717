"""Has code run while its request waits, for doors whose clients ask once and read one answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event

import msgspec
from msgspec import Raw, Struct

import store as stores
from store import Computation, Submission
from web import requesters
from web.computations import check_room, store_submission
from web.context import Context, connection, here
from web.message_pages import Page, read_page
from web.parameters import PROOF
from web.problems import refuse
from web.stages import Kind

CROWDED = "Too many requests wait for the end of their code just now; try again in a moment."


class _Header(Struct):
    msg_type: str


class _Message(Struct):
    header: _Header
    content: Raw


class _Stream(Struct):
    name: str
    text: str


_messages = msgspec.json.Decoder(_Message)
_streams = msgspec.json.Decoder(_Stream)


@dataclass
class Run:
    """What a computation has said, as long as somebody waited for it.

    ``computation``: as it was then. ``contents``: those of its messages, by their type, but for streams.
    """

    computation: Computation
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    contents: dict[str, list[Raw]] = field(default_factory=dict)
    after: int = -1

    @property
    def has_begun(self) -> bool:
        """Whether a device has claimed it."""
        return self.computation.state != "queued"

    def last(self, msg_type: str) -> Raw | None:
        """Return the content of the last message of a type, None when there is none."""
        return self.contents.get(msg_type, [None])[-1]

    def take(self, page: Page) -> None:
        """Note the messages of the next page."""
        self.computation, self.after = page.computation, page.next
        for found in map(_messages.decode, page.messages):
            if found.header.msg_type == "stream":
                stream = _streams.decode(found.content)
                (self.stderr if stream.name == "stderr" else self.stdout).append(stream.text)
            else:
                self.contents.setdefault(found.header.msg_type, []).append(found.content)


def _nothing() -> None:
    """Do nothing."""


def run(
    submission: Submission, within_s: float, begin_within_s: float | None = None, stored: Callable[[], None] = _nothing
) -> Run:
    """Store a computation, and return what it said: when it is over, or it has not begun or ended in time.

    What is not over then is cancelled. ``stored`` is called when it is on disk, and its uploads are not read any more.

    Raises ProblemError, OverShareError, NoSpaceError, ClientFullError, StoreUnavailableError.
    """
    context = here()
    requesters.check_budgets()
    check_room()
    requesters.check_proof(PROOF.read())
    connection().sites = requesters.shares()[1]
    with context.connections.being(connection(), Kind.WAIT) as granted:
        if not granted:
            refuse(503, CROWDED, reason="crowded")
        with context.notifier.subscribed(submission.id) as event:
            computation = store_submission(submission)
            stored()
            context.figures.submitted.labels(computation.language).inc()
            begin_s = within_s if begin_within_s is None else begin_within_s
            said = Run(computation)
            try:
                for page in _pages(context, event, said, within_s, begin_s):
                    said.take(page)
            finally:
                if not said.computation.over:  # nobody waits for it any more
                    with suppress(stores.StoreError):
                        context.store.computations.request_cancel(computation.id)
    return said


def _pages(context: Context, event: Event, said: Run, within_s: float, begin_s: float) -> Iterator[Page]:
    """Yield the pages of messages to the end, or for as long as is waited."""

    def look() -> Page:
        return read_page(context, said.computation.id, said.after)

    def enough(page: Page) -> bool:
        return bool(page.messages) or page.finished or (page.computation.state != "queued" and not said.has_begun)

    begun_s = time.monotonic()
    page = Page([], -1, said.computation)
    while not page.finished:
        until_s = begun_s + (within_s if said.has_begun else min(begin_s, within_s))
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            return
        page = context.notifier.wait_on(event, left_s, page if said.after < 0 and not said.has_begun else look(),
                                        look, enough)  # fmt: skip
        yield page
