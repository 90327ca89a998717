"""Tells of the open comms of somebody else's kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from untrusted.kernel.comm_info import comm_info
from untrusted.kernel.json_clean import Json

Introspect = Callable[[str, dict[str, Any]], dict[str, Any]]


class ForeignComms:
    """The comms of a kernel that is asked for them. ``introspect(msg_type, content)`` returns its answer."""

    def __init__(self, introspect: Introspect) -> None:
        self._introspect = introspect

    def info(self, target_name: str) -> dict[str, Json]:
        """Return the content of a ``comm_info_reply``: the open comms of this target, of all with ``""``."""
        request = {"target_name": target_name} if target_name else {}
        found = self._introspect("comm_info_request", request).get("comms")
        comms = found.items() if isinstance(found, dict) else ()
        return comm_info(
            (id, about["target_name"])
            for id, about in comms
            if isinstance(about, dict) and isinstance(about.get("target_name"), str)
        )
