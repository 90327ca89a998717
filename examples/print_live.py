"""Prints what happens on a server, as it happens: ``python print_live.py /var/lib/singlecell/events/events.sock``.

It subscribes to the ZeroMQ socket of ``publish_events = True`` (docs/events.md), so it runs as the account of the
trusted side, or as root, and needs pyzmq. What happened before it began it does not see.
"""

from __future__ import annotations

import argparse
import json
import os
import stat
from contextlib import suppress

import zmq


def main(path: str) -> None:
    """Print a line for each event."""
    socket = zmq.Context().socket(zmq.SUB)
    # "finished." would be all ends, "finished." and an id those of one computation.
    socket.subscribe("")
    socket.connect(f"ipc://{path}")
    while True:
        _topic, _mark, text = socket.recv_multipart()
        event = json.loads(text)
        more = {
            "submitted": event["language"],
            "started": f"attempt {event['attempt']}",
            "message": ", ".join(message["header"]["msg_type"] for message in event.get("messages", ())),
            "finished": event["reason"] or event["state"],
        }
        print(event["at"], event["computation"], event["event"], more[event["event"]], flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Print what happens on a server, as it happens.")
    parser.add_argument("socket", help="the server's, in its data directory: DATA/events/events.sock")
    path = parser.parse_args().socket
    # ZeroMQ itself would wait for ever for a socket that is not there.
    try:
        is_socket = stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError as error:
        parser.error(f"{path}: {error.strerror}; the server makes it with publish_events = True")
    if not is_socket:
        parser.error(f"{path} is no socket")
    with suppress(KeyboardInterrupt):
        main(path)
