"""Prints what happens on a server, as it happens: ``python print_live.py /var/lib/singlecell/events/events.sock``.

It subscribes to the ZeroMQ socket of ``publish_events = True`` (docs/events.md), so it runs as the account of the
trusted side, or as root, and needs pyzmq. What happened before it began it does not see.
"""

from __future__ import annotations

import json
import sys

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
    main(*sys.argv[1:])
