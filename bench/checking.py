"""Measure what it costs to check what a cell says: CPU time for each byte of the nastiest texts that we know.

``python -m bench checking`` prints a table, in ns a byte, and what the longest message that is checked in the device's
loop takes, in ms. Nothing here may be much more than 100 ns a byte: all that a cell may write (twice
``cell_output_bytes_max``) has to be checked in less than ``check_cpu_s``.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress

import settings as settings_file
from device.checking.results import Room, check_frame, check_introspect_reply, check_message, pack, unpack
from device.connect.connection import INLINE_BYTES_MAX
from device.conversation import TOTALS
from device.errors import KernelProtocolError
from device.relay import INLINE_MESSAGES_MAX
from wire import FRAME_BYTES_MAX, Message, Output, encode

SIZE_BYTES = 1 << 20
ID = "7f1b2f0e-0c58-4d0b-9e43-5b1d8f6f1c10"
MIB = 1 << 20


def values(one: bytes, size_bytes: int) -> bytes:
    """Return a JSON list of these."""
    return b"[" + b",".join([one] * (size_bytes // (len(one) + 1))) + b"]"


# Each makes a JSON value of about so many bytes.
JSON: dict[str, Callable[[int], bytes]] = {
    "text": lambda size: b'"' + b"x" * size + b'"',
    "text that is not ASCII": lambda size: b'"' + "é".encode() * (size // 2) + b'"',
    "short escapes": lambda size: b'"' + rb"\n" * (size // 2) + b'"',
    "escaped quotes": lambda size: b"[[" + b"]" + b",[]" * 70 + b',"' + rb"\"" * (size // 2) + b'"]',
    "long escapes": lambda size: b'"' + rb"\u1234" * (size // 6) + b'"',
    "surrogates": lambda size: b'"' + rb"\ud83d\ude00" * (size // 12) + b'"',
    "numbers like 9e307": lambda size: values(b"9e307", size),
    "numbers below the normal": lambda size: values(b"4.9406564584124654e-324", size),
    "numbers between two others": lambda size: values(b"0.3000000000000000444089209850062616169452667236328125", size),
    "numbers of 17 digits": lambda size: values(b"0.30000000000000004", size),
    "numbers of 768 digits": lambda size: values(b"0." + b"3" * 768, size),
    "a number of all digits": lambda size: b"0." + b"3" * size,
    "numbers that grow": lambda size: values(b"5e15", size),
    "short numbers": lambda size: values(b"1e1", size),
    "digits": lambda size: values(b"0", size),
    "integers of 25 digits": lambda size: values(b"9" * 25, size),
    "integers of 4300 digits": lambda size: values(b"9" * 4300, size),
    "empty lists": lambda size: values(b"[]", size),
    "empty objects": lambda size: values(b"{}", size),
    "objects of one": lambda size: values(b'{"":0}', size),
    "lists 60 deep": lambda size: values(b"[" * 60 + b"]" * 60, size),
    "objects 60 deep": lambda size: values(b'{"":' * 60 + b"0" + b"}" * 60, size),
    "many keys": lambda size: b"{" + b",".join(b'"%x":0' % number for number in range(size // 9)) + b"}",
    "one key again and again": lambda size: b"{" + b",".join([b'"a":0'] * (size // 6)) + b"}",
    "empty texts": lambda size: values(b'""', size),
    "short texts": lambda size: values(b'"a"', size),
    "blanks": lambda size: b"[" + b" " * size + b"]",
    "deeper than may be": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "no UTF-8": lambda size: b'"' + b"x" * size + b'\xff"',
    "an end that is missing": lambda size: b'"' + rb"\"" * (size // 2),
}


def display(value: bytes) -> Message:
    """Return a display of a JSON value."""
    return Message("display_data", b'{"data":{"application/json":' + value + b'},"metadata":{}}')


def frames(size_bytes: int) -> dict[str, bytes]:
    """Return frames of about so many bytes."""
    messages = {name: [display(make(size_bytes))] for name, make in JSON.items()}
    messages["metadata: numbers like 9e307"] = [Message("clear_output", b'{"wait":false}', display(values(
        b"9e307", size_bytes)).content)]  # fmt: skip
    messages["a stream"] = [Message("stream", b'{"name":"stdout","text":"' + b"x" * size_bytes + b'"}')]
    messages["a traceback of short lines"] = [
        Message("error", b'{"ename":"","evalue":"","traceback":' + values(b'""', size_bytes) + b"}")
    ]
    messages["a payload of objects"] = [Message("execute_reply", b'{"status":"ok","execution_count":1,'
        b'"user_expressions":{},"payload":' + values(b"{}", size_bytes) + b"}")]  # fmt: skip
    values_of = b",".join(b'"%x":{"status":"error","ename":"","evalue":"","traceback":[]}' % n
                          for n in range(size_bytes // 60))  # fmt: skip
    messages["many expressions"] = [Message("execute_reply", b'{"status":"ok","execution_count":1,"payload":[],'
        b'"user_expressions":{' + values_of + b"}}")]  # fmt: skip
    messages["buffers"] = [Message("comm_msg", b'{"comm_id":"","data":{}}', b"{}", [bytes(size_bytes)])]
    messages["tiny messages"] = [Message("stream", b'{"name":"stdout","text":""}')] * (size_bytes // 80)
    encoded = {name: encode(Output(ID, ID, found)) for name, found in messages.items()}
    tiny = b"\x82\xa8msg_type\xa6stream\xa7content\xc4\x00"
    count = size_bytes // len(tiny)
    encoded["messages that are none"] = (
        encode(Output(ID, ID, []))[:-1] + b"\xdd" + count.to_bytes(4, "big") + tiny * count
    )
    return encoded


def seconds(work: Callable[[], object], times: int) -> float:
    """Return the least CPU time that some work took."""
    found = []
    for _ in range(times):
        began_s = time.process_time()
        work()
        found.append(time.process_time() - began_s)
    return min(found)


def check(frame: bytes) -> bytes:
    """Do what a checker does with a frame; return what it answers."""
    return pack(check_frame(frame, FRAME_BYTES_MAX, Room(1 << 40, 1 << 40)))


def inline(name: str) -> Callable[[], object]:
    """Return the work on the longest message that is checked in the loop."""
    whole = len(display(JSON[name](INLINE_BYTES_MAX)).content) - INLINE_BYTES_MAX
    message = display(JSON[name](INLINE_BYTES_MAX - whole))

    def work() -> None:
        with suppress(KernelProtocolError):  # a text that is refused costs time too
            check_message(message)

    return work


def main(arguments: list[str]) -> None:
    """Print the table."""
    gc.disable()  # as the checkers do
    worst = ("", 0.0)
    for name, frame in frames(SIZE_BYTES).items():
        ns = 1e9 * seconds(lambda frame=frame: check(frame), 3) / len(frame)  # type: ignore[misc]
        worst = max(worst, (name, ns), key=lambda found: found[1])
        result = check(frame)
        taken_ms = 1000 * seconds(lambda result=result: unpack(result), 3)  # type: ignore[misc]
        print(f"{name:32} {ns:7.1f} ns a byte; unpacked in {taken_ms:.2f} ms", flush=True)
    chosen = settings_file.load()
    most = TOTALS * chosen.cell_output_bytes_max
    print(f"worst: {worst[0]}; {most / MIB:g} MiB of it take {worst[1] * most / 1e9:.1f} of {chosen.check_cpu_s:g} s")
    reply = b'{"status":"ok","found":true,"data":{},"metadata":{"a":' + values(b"9e307", SIZE_BYTES) + b"}}"
    used_s = seconds(lambda: check_introspect_reply("inspect", reply), 3)
    print(f"an introspection reply: {1e9 * used_s / len(reply):.1f} ns a byte")
    times = {name: 1000 * seconds(inline(name), 20) for name in JSON}
    slowest = max(times, key=lambda name: times[name])
    many = [Message("stream", b'{"name":"stdout","text":"\\n"}', b'{"a":1}')] * INLINE_MESSAGES_MAX
    many_ms = 1000 * seconds(lambda: [check_message(message) for message in many], 20)
    print(f"in the loop, at most: {times[slowest]:.2f} ms ({slowest}); {INLINE_MESSAGES_MAX} messages {many_ms:.2f} ms")


if __name__ == "__main__":
    main([])
