"""The codec, and the page that describes it."""

from __future__ import annotations

import ast
import contextlib
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import contract
import wire
from device import handshake, message_schemas
from device.errors import KernelProtocolError, SupervisorProtocolError

PAGE = (Path(__file__).parents[2] / "docs" / "wire.md").read_text()
FRAMES = [*get_args(wire.Down), *get_args(wire.Up)]
PARTS = [wire.Message, wire.Layer, wire.LanguageReport, wire.Usage]
LITERALS = [ast.literal_eval(text) for text in re.findall(r"^```python\n(\{.*?\})\n```$", PAGE, re.M | re.S)]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame.__name__)
def test_the_page_shows_every_frame_whole_and_right(frame):
    shown = [literal for literal in LITERALS if literal["type"] == frame.__name__.lower()]
    assert shown, f"docs/wire.md shows no {frame.__name__}"
    decode = wire.decode_down if frame in get_args(wire.Down) else wire.decode_up
    for literal in shown:
        assert literal.keys() == {"type", *frame.__struct_fields__}
        assert isinstance(decode(msgspec.msgpack.encode(literal)), frame)


def test_the_page_shows_no_frame_that_there_is_not():
    assert {literal["type"] for literal in LITERALS} == {frame.__name__.lower() for frame in FRAMES}


@pytest.mark.parametrize("frame", [*FRAMES, *PARTS], ids=lambda frame: frame.__name__)
def test_the_page_speaks_of_every_field(frame):
    for name in frame.__struct_fields__:
        assert re.search(rf"['\"`]{name}['\"`]", PAGE), f"docs/wire.md does not mention {frame.__name__}.{name}"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        *((wire, name) for name in ("PROTOCOL", "FRAME_BYTES_MAX", "SHORT_FRAME_BYTES", "CHUNK_BYTES", "BUFFERS_MAX")),
        *((wire, name) for name in ("MESSAGES_MAX", "LANGUAGES_BURST", "PACKAGES_MAX")),
        (wire, "PACKAGE_CHARS_MAX"),
        (contract, "NAME_BYTES_MAX"),
    ],
)
def test_the_page_has_the_numbers_of_the_code(module, name):
    assert re.search(rf"`{name}` \| {getattr(module, name)} \|", PAGE)


@pytest.mark.parametrize(
    "untrusted_bytes",
    [
        b"",
        b"\xc1",
        b"\x80",
        msgspec.msgpack.encode({"type": "hallo"}),
        msgspec.msgpack.encode({"type": "ping", "number": 1}),
        msgspec.msgpack.encode({"type": "pong"}),
        msgspec.msgpack.encode({"type": "pong", "ready": {}, "number": "1"}),
        msgspec.msgpack.encode({"type": "pong", "ready": {}, "number": 1, "x": 2}),
        msgspec.msgpack.encode({"type": "pong", "ready": {}, "number": 1}) + b"\0",
        msgspec.msgpack.encode({"type": "closed", "session": "s", "reason": "boredom"}),
        # An array that claims four thousand million messages.
        b"\x84\xa4type\xa6output\xa7session\xa1s\xabcomputation\xa1c\xa8messages\xdd\xff\xff\xff\xff",
        b"\x91" * 100_000,
    ],
)
def test_what_is_no_frame_is_refused(untrusted_bytes):
    with pytest.raises(wire.WireError):
        wire.decode_up(untrusted_bytes)


@pytest.mark.parametrize(("beyond", "refused"), [(-1, False), (0, False), (1, True)])
def test_a_frame_may_be_as_long_as_the_limit(beyond, refused):
    data = wire.encode(wire.Pong(1, {"python": 4}))
    if refused:
        with pytest.raises(wire.WireError, match="at most"):
            wire.decode_up(data, len(data) - beyond)
    else:
        wire.decode_up(data, len(data) - beyond)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_refusal(data):
    with contextlib.suppress(wire.WireError):
        wire.decode_up(data)


def mutated(frame: wire.Frame) -> st.SearchStrategy[bytes]:
    """Return a frame's bytes with some of them changed."""
    data = wire.encode(frame)
    change = st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255))

    def apply(changes: list[tuple[int, int]]) -> bytes:
        changed = bytearray(data)
        for place, byte in changes:
            changed[place] = byte
        return bytes(changed)

    return st.lists(change, min_size=1, max_size=6).map(apply)


UP = [
    wire.Hello(1, "watchdog", [wire.Layer("user", "on")], [wire.LanguageReport("python", "3", "ready")]),
    wire.Languages([wire.LanguageReport("python", "3", "ready"), wire.LanguageReport("sage", "", "loading")]),
    wire.Output("s", "c", [wire.Message("stream", b'{"name": "stdout", "text": "x"}', b"{}", [b"b"])]),
    wire.File("s", "c", "a.txt", 2, b"12", True),
    wire.Finished("s", "c", "failed", "memory", wire.Usage(1.0, 1.0, 1)),
    wire.IntrospectReply(1, "ok", b"{}"),
]


@given(st.one_of([mutated(frame) for frame in UP]))
def test_a_frame_with_changed_bytes_is_a_frame_or_a_refusal(data):
    with contextlib.suppress(wire.WireError):
        wire.decode_up(data)


HELLO = UP[0]


def changed(**fields: object) -> wire.Hello:
    """Return a Hello with other fields."""
    return msgspec.structs.replace(HELLO, **fields)


def test_a_plain_hello_is_believed():
    handshake.check(HELLO)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "hello",
    [
        changed(protocol=2),
        changed(limiter="none"),
        changed(layers=[wire.Layer("user", "on", "\x1b[2J")]),
        changed(layers=[wire.Layer("user", "off")]),
        changed(layers=[wire.Layer("user", "on")] * 65),
    ],
)
def test_a_hello_that_is_not_plain_is_refused(hello):
    with pytest.raises(SupervisorProtocolError):
        handshake.check(hello)


COMPLETE = b'{"status": "ok", "matches": ["a"], "cursor_start": 0, "cursor_end": 1, "metadata": {}}'


def test_an_introspection_reply_is_written_anew():
    written = message_schemas.check_introspect_reply("complete", COMPLETE)
    assert msgspec.json.decode(written) == msgspec.json.decode(COMPLETE)


@pytest.mark.parametrize("reply", [b"", b"[]", b"{}", COMPLETE.replace(b"0", b'"0"'), COMPLETE[:-1] + b', "x": 1}'])
def test_an_introspection_reply_of_another_shape_is_refused(reply):
    with pytest.raises(KernelProtocolError):
        message_schemas.check_introspect_reply("complete", reply)
