"""The codec: every frame comes back as it went, and nothing else is a frame."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wire

USAGE = wire.Usage(1.5, 0.25, 1 << 30)
DOWN = [
    wire.Open("s", "python"),
    wire.Upload("s", "c", "größe.txt", b"\x00\xff", True),
    wire.Execute("s", "c", "print('é')", True, False, {"a.b": "é"}),
    wire.Deliver("s", "c", "comm_msg", b"{}", b"{}", [b"\x00", b""], False),
    wire.Interrupt("s", "c"),
    wire.InputReply("s", "c", "42"),
    wire.Close("s"),
    wire.Introspect(1, "", "python", "complete", "pri", 3),
    wire.Introspect(2, "s", "python", "inspect", "print", 5, 1),
    wire.Ping(1),
]
UP = [
    wire.Hello(1, "cgroup2", [wire.Layer("seccomp", "on"), wire.Layer("x", "off", "why")],
               [wire.LanguageReport("python", "3.11", "ready"), wire.LanguageReport("sage", "", "loading")]),
    wire.Languages([wire.LanguageReport("python", "3.11", "ready"), wire.LanguageReport("sage", "", "failed")]),
    wire.Credit(4),
    wire.Output("s", "c", [wire.Message("stream", b"{}"), wire.Message("comm_msg", b"{}", b"{}", [b"x"])]),
    wire.File("s", "c", "plot.png", 3, b"abc", True),
    wire.Finished("s", "c", "done", None, USAGE),
    wire.Finished("s", "c", "failed", "memory", USAGE),
    wire.Closed("s", "kernel_died"),
    wire.IntrospectReply(1, "ok", b"{}"),
    wire.Pong(1, {"python": 4}),
]  # fmt: skip


def changed(frame: wire.Frame, /, **fields: object) -> bytes:
    """Return the frame's bytes with fields changed or added."""
    return msgspec.msgpack.encode(msgspec.msgpack.decode(wire.encode(frame)) | fields)


@pytest.mark.parametrize("frame", DOWN, ids=repr)
def test_a_frame_down_comes_back_as_it_went(frame):
    assert wire.decode_down(wire.encode(frame)) == frame


@pytest.mark.parametrize("frame", UP, ids=repr)
def test_a_frame_up_comes_back_as_it_went(frame):
    assert wire.decode_up(wire.encode(frame)) == frame


def test_all_frames_are_tried_here():
    assert {type(frame) for frame in DOWN} == set(wire.Down.__args__)
    assert {type(frame) for frame in UP} == set(wire.Up.__args__)


@pytest.mark.parametrize("frame", DOWN, ids=repr)
def test_frames_down_are_refused_on_the_way_up(frame):
    with pytest.raises(wire.WireError):
        wire.decode_up(wire.encode(frame))


@pytest.mark.parametrize("frame", UP, ids=repr)
def test_frames_up_are_refused_on_the_way_down(frame):
    with pytest.raises(wire.WireError):
        wire.decode_down(wire.encode(frame))


@pytest.mark.parametrize("frame", UP, ids=repr)
def test_an_unknown_field_is_refused(frame):
    with pytest.raises(wire.WireError, match="unknown field `more`"):
        wire.decode_up(changed(frame, more=1))


@pytest.mark.parametrize("frame", UP, ids=repr)
def test_a_missing_field_is_refused(frame):
    fields = msgspec.msgpack.decode(wire.encode(frame))
    for name in fields:
        left = {key: value for key, value in fields.items() if key != name}
        with pytest.raises(wire.WireError):
            wire.decode_up(msgspec.msgpack.encode(left))


@pytest.mark.parametrize("frame", UP, ids=repr)
def test_a_field_of_a_wrong_type_is_refused(frame):
    for name in msgspec.msgpack.decode(wire.encode(frame)):
        for wrong in (b"\xff", 1.5, {"a": 1}, True, [None]):
            if type(wrong) is type(getattr(frame, name, None)):
                continue
            with pytest.raises(wire.WireError):
                wire.decode_up(changed(frame, **{name: wrong}))


@pytest.mark.parametrize("field", ["state", "reason"])
def test_a_word_that_is_not_in_the_list_is_refused(field):
    with pytest.raises(wire.WireError):
        wire.decode_up(changed(wire.Finished("s", "c", "failed", "memory", USAGE), **{field: "other"}))


@pytest.mark.parametrize("over", [-1, 0, 1])
@pytest.mark.parametrize("bytes_max", [1000, wire.FRAME_BYTES_MAX])
def test_a_frame_may_be_as_long_as_the_limit(bytes_max, over):
    # A length of its own for each: MessagePack writes it in 2 bytes or in 4.
    empty = len(wire.encode(wire.IntrospectReply(1, "ok", b"x" * (bytes_max // 2)))) - bytes_max // 2
    data = wire.encode(wire.IntrospectReply(1, "ok", b"x" * (bytes_max - empty + over)))
    assert len(data) == bytes_max + over
    if over <= 0:
        assert wire.encode(wire.decode_up(data, bytes_max)) == data
    else:
        with pytest.raises(wire.WireError, match=f"a frame of {len(data)} bytes; at most {bytes_max} are allowed"):
            wire.decode_up(data, bytes_max)


def test_the_longest_frame_is_the_default_limit():
    with pytest.raises(wire.WireError, match="at most 8388608 are allowed"):
        wire.decode_up(bytes(wire.FRAME_BYTES_MAX + 1))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xc0", b"\xc1", b"{}", b"\x80", b"\x81\xa4type\xa3new", b"\x91" * 5000 + b"\x00", b"\x81\xa4type" * 3000,
        # Lengths that are lies: an array and a text of 4 GiB.
        b"\xdd\xff\xff\xff\xff", b"\x81\xa4type\xdb\xff\xff\xff\xff",
        wire.encode(wire.Pong(1, {"python": 4})) + b"\x00", wire.encode(wire.Pong(1, {"python": 4}))[:-1],
        # Text that is no UTF-8.
        b"\x82\xa4type\xa6closed\xa7session\xa1\xff",
    ],
)  # fmt: skip
def test_other_bytes_are_no_frame(data):
    for decode in (wire.decode_up, wire.decode_down):
        with pytest.raises(wire.WireError):
            decode(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_refused(data):
    for decode in (wire.decode_up, wire.decode_down):
        try:
            frame = decode(data)
        except wire.WireError:
            continue
        assert decode(wire.encode(frame)) == frame


@given(st.sampled_from(UP), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_frame_with_changed_bytes_is_a_frame_or_refused(frame, changes):
    data = bytearray(wire.encode(frame))
    for place, byte in changes:
        data[place % len(data)] = byte
    try:
        wire.decode_up(bytes(data))
    except wire.WireError as error:
        assert str(error)


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers(0, 9) | st.text(), max_size=5),
       st.sampled_from(UP))  # fmt: skip
def test_any_map_is_a_frame_or_refused(fields, frame):
    try:
        wire.decode_up(changed(frame, **fields))
    except wire.WireError as error:
        assert str(error)
