"""Says which stages the connections of a request go through, and what share of the greenlets each has.

Of a stage one client has a share at most, and so have all who come from one origin's pages, or with one key.
"""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """The stage that a connection is at."""

    HEAD = "its head is on its way in"
    BODY = "its body is on its way in"
    WORK = "the application works for it"
    WAIT = "it waits for news: a long poll"
    CROWDED = "it waits for news, for CROWDED_S at most"
    EVENTS = "it is an event stream"
    SOCKET = "it is a WebSocket"
    ANSWER = "its answer is on its way out"
    FREE = "it is not counted: it is always served, or has given way"


# Shares of the greenlets, in sixteenths; the two that are left are the reserve.
SHARES = {
    Kind.HEAD: 2, Kind.BODY: 1, Kind.WORK: 4, Kind.WAIT: 4, Kind.CROWDED: 1, Kind.EVENTS: 1, Kind.ANSWER: 1
}  # fmt: skip
# Of the bound of a stage, the share of one client, and that of all who come from one origin's pages, or with one key.
# Who polls beyond it waits for CROWDED_S at most.
SITE_SHARES = {Kind.WAIT: 3 / 4, Kind.CROWDED: 3 / 4, Kind.EVENTS: 3 / 4, Kind.SOCKET: 1 / 2}
CLIENT_SHARES = {Kind.BODY: 1 / 4, Kind.WORK: 1 / 2, Kind.WAIT: 1 / 4, Kind.CROWDED: 1 / 2, Kind.EVENTS: 1 / 2,
                 Kind.SOCKET: 1 / 8}  # fmt: skip
# In these stages the oldest gives way to the newest, when it has had so many seconds. Answers have one second, so that
# short ones are not cut when many go out at the same time.
GIVES_WAY_AFTER_S = {Kind.HEAD: 0.0, Kind.BODY: 0.0, Kind.ANSWER: 1.0}
