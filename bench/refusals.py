"""Count what a request costs while the queue is full: CPU of each part, and MongoDB's commands by who sends them.

``python -m bench refusals [REQUESTS]`` starts a server as ``make run`` does, fills its queue with cells that sleep,
and sends so many requests of each kind, each from an address of its own, a few at once. CPU hardly depends on what else
the machine does.
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import settings as settings_file
from bench.commands import MongoClient, address, profiled
from bench.crowd import Crowd
from harness.server import Server, serve
from harness.usage import cpu_by_part_s, sessions_group

AT_ONCE = 16
PARTS = ("web", "mongod", "device")
ASLEEP = b'{"code": "import time; time.sleep(1800)"}'
SETTINGS = "cell_wall_s = 1800.0\n"

Ask = Callable[[Crowd, int], Awaitable[int]]


def _client(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


async def submit(crowd: Crowd, number: int, query: str = "") -> tuple[int, dict[str, Any]]:
    """Submit a cell under a key of its own."""
    path = f"/computations?wait=0.15&page=p{number}&idempotency_key={uuid.uuid4()}{query}"
    return await crowd.ask("POST", path, _client(number), ASLEEP)


async def refused(crowd: Crowd, number: int) -> int:
    """A page's submission, which it sends again since the last one got no answer."""
    return (await submit(crowd, number))[0]


async def refused_first(crowd: Crowd, number: int) -> int:
    """A page's submission, which nobody can know yet."""
    return (await submit(crowd, number, "&first=1"))[0]


async def fill(crowd: Crowd) -> list[str]:
    """Fill the queue; return the ids of what waits in it."""
    ids: list[str] = []
    number, status = 1 << 20, 201
    while status == 201:
        answers = await asyncio.gather(*(submit(crowd, number + one) for one in range(AT_ONCE)))
        number += AT_ONCE
        ids += [answer["id"] for status, answer in answers if status == 201]
        status = answers[-1][0]
    return ids[len(ids) // 4 :]  # the first of them run


async def cost(server: Server, crowd: Crowd, ask: Ask, requests: int) -> tuple[dict[str, float], dict[int, int]]:
    """Return the milliseconds of CPU that a request costs each part, and how many were answered with each status."""
    pids, group = {"server": server.process.pid}, sessions_group(server.data)
    statuses: dict[int, int] = {}
    numbers = iter(range(requests))

    async def go_on() -> None:
        for number in numbers:
            status = await ask(crowd, number)
            statuses[status] = statuses.get(status, 0) + 1

    before, began = cpu_by_part_s(pids, group), time.monotonic()
    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))
    after, elapsed_s = cpu_by_part_s(pids, group), time.monotonic() - began
    found = {part: (after[part] - before.get(part, 0.0)) / requests * 1000 for part in PARTS}
    return {**found, "seconds": elapsed_s}, statuses


async def measure(server: Server, requests: int) -> None:
    """Fill the queue of a server, ask, and print."""
    crowd = Crowd(server.url)
    waiting = await fill(crowd)

    async def poll(crowd: Crowd, number: int) -> int:
        path = f"/computations/{waiting[number % len(waiting)]}/messages?after=-1"
        return (await crowd.ask("GET", path, _client(number)))[0]

    async def health(crowd: Crowd, number: int) -> int:
        return (await crowd.ask("GET", "/healthz", _client(number)))[0]

    kinds: dict[str, Ask] = {
        "refused, may be a repeat": refused, "refused, the first of its key": refused_first,
        "a poll of what waits": poll, "/healthz": health,
    }  # fmt: skip
    settings = settings_file.load(server.data / "singlecell_config.py", data_directory=str(server.data))
    with MongoClient[dict[str, Any]](address.uri(address.directory(settings))) as client:
        for name, ask in kinds.items():
            costs, statuses = await cost(server, crowd, ask, requests)
            with profiled(client[settings.mongo_database]) as commands:
                await cost(server, crowd, ask, requests // 4)
            print(f"{name}: {statuses} in {costs.pop('seconds'):.1f} s; CPU ms each: " +
                  ", ".join(f"{part} {ms:.2f}" for part, ms in costs.items()))  # fmt: skip
            for (program, command), count in commands.most_common():
                print(f"  {count / (requests // 4):6.3f} {program} {command}")
            sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Measure a server of our own."""
    requests = int(arguments[0]) if arguments else 2000
    with serve(SETTINGS) as server:
        asyncio.run(measure(server, requests))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
