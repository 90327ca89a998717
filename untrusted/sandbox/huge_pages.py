"""Puts a zygote's memory on huge pages: a fork then has few page tables to copy, and an end few to take apart.

What a worker writes to it copies in small pages, as before, so a waiting worker holds no more memory.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator

HUGE_BYTES = 2 << 20
RESERVED_BYTES = 64 << 20  # Python's own objects take 40; what larger languages have beyond lies as it comes
# Python's allocator takes memory by the MiB, fills the fullest first, and gives back what is empty. Its largest block.
_ARENA_BYTES, _BLOCK_BYTES, _PAGE_BYTES = 1 << 20, 512, 4 << 10
_MADV_COLLAPSE = 25  # asm-generic/mman-common.h, from Linux 6.1 on
# Memory of no file that is this process's own: address, permissions, offset, device, inode 0, and at most a name.
_OWN = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ 0 *(?:\[heap\])?$")
_DENSITY = 0.8  # a huge page takes all its room, also where little was in use
_libc = ctypes.PyDLL(None)
_libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def reserve() -> list[bytes]:
    """Have Python take memory for what will be loaded, all of it side by side; return what keeps it until then.

    By itself it would take a MiB here and a MiB there, between libraries, where no huge page finds room.
    """
    payload_bytes = _BLOCK_BYTES - b"".__sizeof__()
    blocks = [b""] * (RESERVED_BYTES // _BLOCK_BYTES)  # a list that grows would lie in between
    for number in range(len(blocks)):
        blocks[number] = bytes(payload_bytes)
    # The kernel puts each below the one before it. One block for each, so that they are filled in this order, too.
    lowest = min(map(id, blocks[-_ARENA_BYTES // _BLOCK_BYTES :])) // _PAGE_BYTES * _PAGE_BYTES
    return list({(id(block) - lowest) // _ARENA_BYTES: block for block in blocks}.values())


def gather() -> None:
    """Put this process's own memory on huge pages; a kernel that cannot leaves it as it is."""
    for start, end in _whole_pages():
        # The kernel goes on behind a part that it cannot put on one, and then says so: nobody asks.
        _libc.madvise(start, end - start, _MADV_COLLAPSE)


def _whole_pages() -> Iterator[tuple[int, int]]:
    """Yield the stretches of own memory that huge pages can lie on, and that are in use."""
    own: re.Match[str] | None = None
    with open("/proc/self/smaps", encoding="utf-8", errors="replace") as mappings:
        for line in mappings:
            if found := _OWN.match(line):
                own = found
            elif line.startswith("Rss:") and own is not None:
                start, end = int(own[1], 16), int(own[2], 16)
                first, last = -(-start // HUGE_BYTES) * HUGE_BYTES, end // HUGE_BYTES * HUGE_BYTES
                if first < last and int(line.split()[1]) << 10 >= _DENSITY * (end - start):
                    yield first, last
                own = None
