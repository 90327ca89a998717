"""Carries frames between network namespaces, and delays, loses and withholds them, for kernels that have no netem.

``python -m bench.hosts.switch`` makes a TAP device for each host in the namespace where it runs; whoever moves them
into other namespaces joins these. It obeys lines of JSON on standard input, and answers each with a line.
"""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time
from dataclasses import dataclass
from itertools import count
from typing import Any

TUN = "/dev/net/tun"
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000  # <linux/if_tun.h>
FRAME_BYTES_MAX = 65536
MTU_BYTES = 9000
SLOW_QUEUE_MAX = 20_000  # frames that are on their way; of more the newest are lost, as in a router
BROADCAST = 0xFF


def mac(number: int) -> str:
    """Return the hardware address of a host, whose last byte is its number."""
    return f"02:00:00:00:00:{number:02x}"


@dataclass(frozen=True)
class Rule:
    """What happens between two hosts, either way. ``loss``: the share of frames that is lost; 1 is a cut cable."""

    delay_s: float = 0.0
    loss: float = 0.0


class Switch:
    """The TAP devices of all hosts, and what is on its way between them."""

    def __init__(self) -> None:
        self._taps: dict[int, int] = {}
        self._rules: dict[frozenset[int], Rule] = {}
        self._late: list[tuple[float, int, int, bytes]] = []
        self._count = count()
        self._chance = random.Random(1)

    def run(self) -> None:
        """Carry frames until standard input ends."""
        poller, commands = select.poll(), sys.stdin.fileno()
        poller.register(commands, select.POLLIN)
        while True:
            wait_ms = None if not self._late else max(0.0, 1000 * (self._late[0][0] - time.monotonic()))
            for descriptor, _ in poller.poll(wait_ms):
                if descriptor != commands:
                    self._carry(descriptor)
                elif not (line := sys.stdin.readline()):
                    return
                else:
                    self._obey(json.loads(line), poller)
            while self._late and self._late[0][0] <= time.monotonic():
                _, _, to, frame = heapq.heappop(self._late)
                self._deliver(to, frame)

    def _obey(self, order: dict[str, Any], poller: select.poll) -> None:
        if "tap" in order:
            number = order["tap"]
            tap = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", order["name"].encode(), IFF_TAP | IFF_NO_PI))
            self._taps[number] = tap
            poller.register(tap, select.POLLIN)
        else:
            self._rules[frozenset(order["between"])] = Rule(order["delay_s"], order["loss"])
        print("done", flush=True)

    def _carry(self, tap: int) -> None:
        try:
            frame = os.read(tap, FRAME_BYTES_MAX)
        except OSError:  # its device is down
            return
        origin = next(number for number, own in self._taps.items() if own == tap)
        receiver = frame[5]
        for to in self._taps if receiver == BROADCAST else (receiver,):
            if to == origin or to not in self._taps:
                continue
            rule = self._rules.get(frozenset((origin, to)), Rule())
            if rule.loss and self._chance.random() < rule.loss:
                continue
            if not rule.delay_s:
                self._deliver(to, frame)
            elif len(self._late) < SLOW_QUEUE_MAX:
                heapq.heappush(self._late, (time.monotonic() + rule.delay_s, next(self._count), to, frame))

    def _deliver(self, to: int, frame: bytes) -> None:
        try:
            os.write(self._taps[to], frame)
        except OSError:  # its device is down, or takes no more
            return


if __name__ == "__main__":
    Switch().run()
