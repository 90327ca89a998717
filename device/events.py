"""Publishes what happens to computations on a ZeroMQ socket: ``python -m device.events``.

The socket is a PUB in the data directory, where the trusted account alone can enter. A message has three parts: topic
(kind, dot, id of the computation), mark (may be empty), and the event as JSON. Nobody is waited for: a subscriber that
is too slow loses events, and can read them from ``GET /events`` behind its last mark.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

import zmq

import log_lines
import settings as settings_file
import store as stores
from settings import Settings, data_directory
from store import Event, Store, StoreUnavailableError, UnknownMarkError

QUEUED_MAX = 10_000  # events that ZeroMQ holds for a slow subscriber; the others are lost to it
PAUSE_S = 0.5  # before another try when the database went away
EXIT_SETTINGS = 2
log = logging.getLogger("device.events")


def socket_path(settings: Settings) -> Path:
    """Return where the socket is."""
    return data_directory(settings) / "events" / "events.sock"


def publish(store: Store, socket: zmq.Socket[bytes]) -> NoReturn:
    """Publish events for ever."""
    mark: str | None = None
    is_away = False
    while True:
        try:
            for told in store.events.follow(mark):
                if is_away:
                    log.warning("the database answers again")
                is_away, mark = False, told.mark or mark
                if isinstance(told, Event):
                    topic = f"{told.kind}.{told.computation}".encode()
                    socket.send_multipart([topic, (told.mark or "").encode(), told.text()])
        except UnknownMarkError:  # another database stands there now
            mark = None
        except StoreUnavailableError as error:
            if not is_away:
                log.warning("%s; no events until it does", error)
            is_away = True
            time.sleep(PAUSE_S)


def main() -> int:
    """Publish until a signal; return the exit code."""
    try:
        settings = settings_file.load()
    except settings_file.SettingsError as error:
        for line in str(error).splitlines():
            print(f"device.events: {line}", file=sys.stderr)
        return EXIT_SETTINGS
    log_lines.set_up(settings.log_format, logging.INFO, events=os.getpid())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: os._exit(0))  # nothing is kept that would be lost
    path = socket_path(settings)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    context = zmq.Context()
    socket = context.socket(zmq.PUB)
    socket.sndhwm = QUEUED_MAX
    os.umask(0o077)
    socket.bind(f"ipc://{path}")
    log.info("events are published on %s", path)
    publish(stores.connect(settings, "singlecell events"), socket)


if __name__ == "__main__":
    sys.exit(main())
