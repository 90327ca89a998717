"""Flood a server in one way after another, and see how many bytes each flood leaves in the database.

``python -m bench.stored [--seconds 600] [--only disk,requests,…] [--one-address]`` starts a server for each flood as
``make run`` does, with bounds that a flood reaches within a minute or two, and prints what each collection has over
time, with its indexes, and what may be there in all. It ends with 1 when more was.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import settings as settings_file
import store as stores
from bench.attackers import ATTACKS, Attack
from bench.siege import DISK_BYTES, SETTINGS, returns
from harness.server import Server, can_mount, serve

STEPS = 12
MIB = 1 << 20
# Below this nobody need know by which collection it is.
NAMED_BYTES = 256 << 10

Sizes = Mapping[str, int]  # bytes of data and indexes by collection


class Database:
    """The database of a server, as it is on the inside."""

    def __init__(self, server: Server) -> None:
        self.settings = settings_file.load(server.data / "singlecell_config.py", data_directory=str(server.data))
        self._store = stores.connect(self.settings, "bench")
        self._directory = server.data / "mongo"

    def close(self) -> None:
        """Close the connections."""
        self._store.close()

    def sizes(self) -> Sizes:
        """Return what each collection has, uncompressed."""
        database = self._store._database.ready()
        found = {}
        for name in database.list_collection_names():
            with suppress(Exception):  # it was dropped in between
                stats = database.command("collStats", name)
                found[name] = int(stats["size"] + stats["totalIndexSize"])
        return found

    def bound_bytes(self) -> int:
        """Return how much there may be in all."""
        return self._store.space.stored_bytes_max() + self.settings.permalinks_bytes_max

    def on_disk_bytes(self) -> int:
        """Return what MongoDB's files take, its journal and its log too."""
        found = 0
        for path in self._directory.rglob("*"):
            with suppress(OSError):
                found += path.stat().st_blocks * 512
        return found


@contextmanager
def database_of(server: Server) -> Iterator[Database]:
    """Give the database of a server."""
    database = Database(server)
    try:
        yield database
    finally:
        database.close()


def flood(server: Server, kind: str, seconds: float, *, one_address: bool) -> bool:
    """Flood a server for so long; print what it left, and return whether its bound was kept."""
    with database_of(server) as database:
        over_time, on_disk = [database.sizes()], [database.on_disk_bytes()]
        attack = Attack(kind, server.url, 1, one_address=one_address)
        try:
            for _ in range(STEPS):
                time.sleep(seconds / STEPS)
                over_time.append(database.sizes())
                on_disk.append(database.on_disk_bytes())
        finally:
            got = attack.stop()
        bound_bytes = database.bound_bytes()
        totals = [sum(sizes.values()) for sizes in over_time]
        kept = max(totals) <= bound_bytes
        growth = (totals[-1] - totals[len(totals) // 2]) / (seconds / 2)
        print(f"{kind}: {got}; ready afterwards: {returns(server.url)}")
        print(
            f"  MiB in all: {_mib(totals)}, at most {max(totals) / MIB:.1f} of {bound_bytes // MIB}"
            f"{'' if kept else ': NOT KEPT'}; in the second half {growth / 1024:+.0f} KiB a second"
        )
        print(f"  MiB of its files: {_mib(on_disk)}")
        for name in sorted(over_time[-1]):
            sizes = [found.get(name, 0) for found in over_time]
            if max(sizes) > NAMED_BYTES:
                print(f"    {name:14} {_mib(sizes)}")
    sys.stdout.flush()
    return kept


def _mib(sizes: list[int]) -> str:
    return " ".join(f"{size / MIB:.1f}" for size in sizes)


def main() -> int:
    """Flood servers of our own; print what is left."""
    parser = argparse.ArgumentParser(prog="python -m bench.stored")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long each flood goes on")
    parser.add_argument("--only", default=",".join(ATTACKS), help="kinds of attack, or single attacks")
    parser.add_argument("--one-address", action="store_true", help="those who attack have one address")
    options = parser.parse_args()
    kinds = set(options.only.split(","))
    names = [name for kind, attacks in ATTACKS.items() for name in attacks if {kind, name} & kinds]
    if not names:
        parser.error(f"--only: there are {', '.join(name for attacks in ATTACKS.values() for name in attacks)}")
    disk_bytes = DISK_BYTES if os.geteuid() == 0 and can_mount() else None
    kept = True
    for name in names:
        with serve(SETTINGS, disk_bytes=disk_bytes) as server:
            kept &= flood(server, name, options.seconds, one_address=options.one_address)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
