"""Defines what is read of the contents of a client's messages; fields that are not known here are passed over."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from web import request_schemas, strict_json
from web.context import here
from web.doors.kernels_frames import Heard
from web.problems import ProblemError

HISTORY_MAX = 1000


class Execute(Struct):
    """The content of an execute_request; what is left out is as Jupyter has it."""

    code: str
    silent: bool = False
    store_history: bool = True
    user_expressions: dict[str, str] = {}
    allow_stdin: bool = True
    stop_on_error: bool = True


class AtCursor(Struct):
    """The content of a complete_request or an inspect_request."""

    code: str
    cursor_pos: int = -1
    detail_level: int = 0


class CommInfo(Struct):
    """The content of a comm_info_request; without a target all comms are asked for."""

    target_name: str | None = None


class Shutdown(Struct):
    """The content of a shutdown_request."""

    restart: bool = False


class Reply(Struct):
    """The content of an input_reply."""

    value: str = ""


class History(Struct):
    """The content of a history_request, as far as it is looked at."""

    n: int = HISTORY_MAX
    hist_access_type: str = "tail"
    output: bool = False


def content_of(heard: Heard, kind: type[Any]) -> Any:
    """Return the content of a message. Raises ProblemError 400, 413."""
    return decoded(heard.content or b"{}", kind)


def decoded(untrusted_bytes: bytes, kind: type[Any]) -> Any:
    settings = here().settings
    bytes_max = request_schemas.json_bytes_max(settings)
    if len(untrusted_bytes) > bytes_max:
        raise ProblemError(413, f"The message is longer than {bytes_max} bytes of JSON.")
    return strict_json.decode(untrusted_bytes, kind, request_schemas.message_text_bytes_max(settings), bytes_max)
