"""The kernel's answers to calls, worked out from a filter's program as the kernel runs it."""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence

X86_64, AARCH64, I386, ARM = 0xC000003E, 0xC00000B7, 0x40000003, 0x40000028
ARCHITECTURES = {"x86_64": X86_64, "aarch64": AARCH64}


def answer(program: bytes, architecture: int, number: int, arguments: Sequence[int] = ()) -> str:
    """Return "allowed", "killed" or an errno's name."""
    sixty_four_bits = [argument & (1 << 64) - 1 for argument in (*arguments, *[0] * (6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *sixty_four_bits)
    instructions = list(struct.iter_unpack("<HBBI", program))
    place, accumulator = 0, 0
    while True:
        code, true, false, operand = instructions[place]
        place += 1
        if code == 0x20:  # ld [operand]
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif code == 0x54:  # and
            accumulator &= operand
        elif code == 0x05:  # ja
            place += operand
        elif code == 0x15:  # jeq
            place += true if accumulator == operand else false
        elif code == 0x35:  # jge
            place += true if accumulator >= operand else false
        elif code == 0x06:  # ret
            return said(operand)
        else:
            raise ValueError(f"an instruction {code:#x} is not known here")


def said(action: int) -> str:
    """Return the words for what a filter returns."""
    if action == 0x7FFF0000:
        return "allowed"
    if action == 0x80000000:
        return "killed"
    assert action >> 16 == 0x0005, hex(action)
    return errno.errorcode[action & 0xFFFF]
