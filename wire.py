"""Defines what is said across the wall: frames, as bytes and as typed values, and the supervisor's start configuration.

Pure: no I/O; of ours it imports the contract alone.

One ZeroMQ message part carries one frame, a MessagePack map with the key ``type``. ``Down`` frames go from the trusted
device to the untrusted supervisor, ``Up`` frames come back and are believed by nobody before ``device/conversation``.
The same codec frames the supervisor's own socket to each worker (``untrusted/channel``).
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from contract import Reason

PROTOCOL = 1
FRAME_BYTES_MAX = 8 << 20
CHUNK_BYTES = 256 << 10  # file contents travel in pieces of this size
BUFFERS_MAX = 64
# Longer frames begin with their type, an Output also with session and computation: what they are is known before they
# are decoded, for that may take long.
SHORT_FRAME_BYTES = 32 << 10
MESSAGES_MAX = 256  # of one Output; what holds more is refused before it is decoded
START_CONFIG_BYTES_MAX = 1 << 20
END_WORD = b"end\n"  # on standard input, before its end: all sessions end, too
LANGUAGES_BURST = 16  # Languages frames that may come in a row; then each Ping allows one more
PACKAGES_MAX = 200  # of one language, in a LanguageReport
PACKAGE_CHARS_MAX = 60  # of a package's name, and of its version
PACKAGE_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

Kind = Literal["complete", "inspect", "probe", "comm_info"]
Scheme = Literal["", "light", "dark"]
PositiveInt = Annotated[int, Meta(gt=0)]
PositiveFloat = Annotated[float, Meta(gt=0, le=1e15)]
Weight = Annotated[float, Meta(gt=0, le=1)]  # of the CPU time of a computation beside others


class WireError(ValueError):
    """The other side sent something that is no frame of this protocol."""


# --- the start of a supervisor --------------------------------------------------------------------------------------
class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of computations and sessions in one language: settings, under their own names and units."""

    cell_wall_s: PositiveFloat
    cell_cpu_s: PositiveFloat
    cell_input_s: PositiveFloat
    cell_total_s: PositiveFloat
    cell_interrupt_grace_s: PositiveFloat
    cell_output_bytes_max: PositiveInt
    cell_messages_max: PositiveInt
    cell_files_max: PositiveInt
    cell_file_bytes_max: PositiveInt
    cell_files_bytes_max: PositiveInt
    session_memory_bytes: PositiveInt
    session_processes_max: PositiveInt
    session_cpu_weight: PositiveInt
    session_cpus_max: PositiveFloat
    session_disk_bytes: PositiveInt
    session_inodes_max: PositiveInt
    session_descriptors_max: PositiveInt
    session_idle_s: PositiveFloat
    session_life_s: PositiveFloat
    session_idle_gives_way: bool


class LanguageConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a supervisor is told of a language.

    ``python``: the interpreter whose environment holds the language.
    ``stamp``: the file that whoever builds the environment writes last, "" where it was built by other means.
    ``through``: the language in whose sessions its cells run, "" for one with sessions of its own.
    """

    python: str
    stamp: str
    limits: Limits
    through: str = ""


class Inheritance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The kept sessions that an earlier device left with a supervisor; ``key``: what that one lets its heir in by."""

    key: str
    sessions: list[str]


class StartConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a supervisor knows of the world: one line of JSON on its standard input.

    Keys are Z85 text, made for this one connection. ``asking_max``, ``asking_bytes_max``: sessions that wait for an
    answer beside the ``workers``, and their memory. ``runsc``: gVisor's program, "" where sessions run on the host's
    kernel. ``code_digest``: of what was shipped. ``heir_digest``: SHA-256, in hexadecimal, of the key that the next
    device shows when this one has gone; ``session_grace_s``: how long kept sessions wait for it, 0.0 where they do not.
    ``inherits``: what earlier devices left in this account, of which one supervisor goes on instead of a new one.
    """

    protocol: int
    address: str
    port: int
    supervisor_public_key: str
    supervisor_secret_key: str
    device_public_key: str
    workers: int
    asking_max: int
    asking_bytes_max: int
    pool_ready: int
    languages: dict[str, LanguageConfig]
    waived_layers: list[str]
    runsc: str
    runsc_flags: list[str]
    limiter: str
    cgroup_directory: str
    heartbeat_timeout_s: float
    code_digest: str = ""
    heir_digest: str = ""
    session_grace_s: float = 0.0
    inherits: list[Inheritance] = []


def decode_start_config(line: bytes) -> StartConfig:
    """Return the start configuration in one line of JSON. Raises WireError."""
    try:
        config = msgspec.json.decode(line, type=StartConfig)
    except msgspec.DecodeError as error:
        raise WireError(f"the start configuration cannot be read: {error}") from error
    if config.protocol != PROTOCOL:
        raise WireError(f"the device speaks protocol {config.protocol}; this supervisor speaks {PROTOCOL}")
    return config


# --- frames ---------------------------------------------------------------------------------------------------------
class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=str.lower):
    """Base of every frame; the class name in lower case is its ``type``."""


# --- device -> supervisor -------------------------------------------------------------------------------------------
class Open(Frame):
    """Take a ready worker for this session."""

    session: str
    language: str


class Upload(Frame):
    """Put a piece of a file into the session's work directory; pieces of one file come in order."""

    session: str
    computation: str
    name: str
    data: bytes
    last: bool


class Execute(Frame):
    """Run a cell in an opened session, then evaluate the expressions for its reply; ``last``: the session ends.

    ``scheme``: whether what shows its figures is light or dark, "" where nobody says.
    """

    session: str
    computation: str
    code: str
    stdin: bool
    last: bool
    user_expressions: dict[str, str] = {}
    scheme: Scheme = ""
    weight: Weight = 1.0


class Deliver(Frame):
    """Hand a comm message to the session's kernel as a computation of its own. ``content``, ``metadata``: JSON."""

    session: str
    computation: str
    msg_type: Literal["comm_open", "comm_msg", "comm_close"]
    content: bytes
    metadata: bytes
    buffers: list[bytes]
    last: bool
    weight: Weight = 1.0


class Interrupt(Frame):
    """Raise KeyboardInterrupt in the running cell; kill the session when that does not stop it within the grace."""

    session: str
    computation: str


class InputReply(Frame):
    """Answer the ``input_request`` that the computation waits on."""

    session: str
    computation: str
    value: str


class Close(Frame):
    """Kill the session now."""

    session: str


class Introspect(Frame):
    """Complete or inspect code in an idle session's namespace, or (session "") in a fresh one; or tell its comms."""

    request: int
    session: str
    language: str
    kind: Kind
    code: str
    cursor_pos: int
    detail_level: int = 0


class Ping(Frame):
    """Ask for a sign of life."""

    number: int


# --- supervisor -> device -------------------------------------------------------------------------------------------
class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One layer of the sandbox as the supervisor's self-test found it."""

    name: str
    state: Literal["on", "waived", "off"]
    detail: str = ""


class LanguageReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A language whose environment is whole in this account, and how far it has come.

    ``version``, ``packages``: of a ready one; the latter are the versions of what its cells can import, by name.
    """

    name: str
    version: str
    state: Literal["loading", "ready", "failed"]
    packages: dict[str, str] = {}


class Hello(Frame):
    """First frame of a supervisor, when it can run something: what it is, what it isolates with, what it runs."""

    protocol: int
    limiter: str
    layers: list[Layer]
    languages: list[LanguageReport]


class Languages(Frame):
    """The languages of Hello, all of them, when one has come to another state."""

    languages: list[LanguageReport]


class Credit(Frame):
    """``granted``: sessions that may have been opened, in all, since Hello. The device sends no Open beyond it."""

    granted: int


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Jupyter message without its headers (the device makes those). ``content``, ``metadata``: JSON objects."""

    msg_type: str
    content: bytes
    metadata: bytes = b"{}"
    buffers: Annotated[list[bytes], msgspec.Meta(max_length=BUFFERS_MAX)] = []


class Output(Frame):
    """Messages of a computation, in the order in which they were produced."""

    session: str
    computation: str
    messages: Annotated[list[Message], msgspec.Meta(max_length=MESSAGES_MAX)]


class File(Frame):
    """A piece of a file that the computation made or changed; pieces of one file come in order.

    Files of several pieces come one by one over the whole connection, one of a single piece may come between them.
    """

    session: str
    computation: str
    name: str
    size_bytes: int
    data: bytes
    last: bool


class Usage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a computation used, as the supervisor saw it."""

    wall_s: float
    cpu_s: float
    memory_bytes: int


class Finished(Frame):
    """The computation is over; after this the supervisor says nothing more of it."""

    session: str
    computation: str
    state: Literal["done", "failed"]
    reason: Reason | None
    usage: Usage


class Closed(Frame):
    """The session has no worker any more; its computations that were not finished are over too."""

    session: str
    reason: Reason


class IntrospectReply(Frame):
    """The outcome of an Introspect. ``content``: JSON of the content of the reply when ``status`` is ok."""

    request: int
    status: Literal["ok", "busy", "gone", "error"]
    content: bytes


class Pong(Frame):
    """The sign of life that Ping asked for. ``ready``: workers of each language that wait for a session."""

    number: int
    ready: dict[str, int]


Down = Open | Upload | Execute | Deliver | Interrupt | InputReply | Close | Introspect | Ping
Up = Hello | Languages | Credit | Output | File | Finished | Closed | IntrospectReply | Pong

Decoded = TypeVar("Decoded")

# Ids are texts of 36 characters (uuid4). msgspec encodes fields in the order of their class.
_OUTPUT = re.compile(
    rb"\x84\xa4type\xa6output\xa7session\xd9\x24(.{36})\xabcomputation\xd9\x24(.{36})\xa8messages", re.DOTALL
)
_LONG = re.compile(rb"[\x84\x87]\xa4type(?:\xa4file|\xafintrospectreply)")

_encoder = msgspec.msgpack.Encoder()
_down = msgspec.msgpack.Decoder(Down)
_up = msgspec.msgpack.Decoder(Up)


def begin_of_output(untrusted_bytes: bytes) -> tuple[str, str] | None:
    """Return session and computation of a frame that begins as an Output does, without decoding it; None for others."""
    found = _OUTPUT.match(untrusted_bytes)
    return (found[1].decode("ascii", "replace"), found[2].decode("ascii", "replace")) if found else None


def may_be_long(untrusted_bytes: bytes) -> bool:
    """Return whether a frame that is no Output may be longer than SHORT_FRAME_BYTES."""
    return _LONG.match(untrusted_bytes) is not None


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes."""
    return _encoder.encode(frame)


def decode_down(untrusted_bytes: bytes, bytes_max: int = FRAME_BYTES_MAX) -> Down:
    """Return the frame that a device sent. Raises WireError."""
    return _decode(_down, untrusted_bytes, bytes_max)


def decode_up(untrusted_bytes: bytes, bytes_max: int = FRAME_BYTES_MAX) -> Up:
    """Return the frame that a supervisor sent. Raises WireError."""
    return _decode(_up, untrusted_bytes, bytes_max)


def _decode(decoder: msgspec.msgpack.Decoder[Decoded], untrusted_bytes: bytes, bytes_max: int) -> Decoded:
    # The size is checked before a parser sees the bytes.
    if len(untrusted_bytes) > bytes_max:
        raise WireError(f"a frame of {len(untrusted_bytes)} bytes; at most {bytes_max} are allowed")
    try:
        return decoder.decode(untrusted_bytes)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise WireError(f"not a frame: {error}") from error
