"""What came of a computation: its messages, and what they hold."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

FILES_TYPE = "application/vnd.singlecell.files+json"
ENDED = ("done", "failed", "cancelled", "lost")

Message = dict[str, Any]


@dataclass(frozen=True)
class File:
    """A file that a computation made: its size in bytes, its MIME type, its absolute address."""

    name: str
    size: int
    type: str
    url: str


@dataclass
class Result:
    """What came of a computation. ``state``, ``reason``: as the server has them; ``messages``: Jupyter's, in order."""

    id: str
    session: str
    state: str
    reason: str | None = None
    messages: list[Message] = field(default_factory=list)
    files: list[File] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the code came to its end without an exception."""
        return self.state == "done" and not self.of_type("error")

    def of_type(self, *types: str) -> list[dict[str, Any]]:
        """Return the contents of the messages of these types, in order."""
        return [message["content"] for message in self.messages if message["header"]["msg_type"] in types]

    @property
    def text(self) -> str:
        """What was printed to standard output, and the plain text of the results, as a terminal would show it."""
        parts = []
        for message in self.messages:
            content = message["content"]
            match message["header"]["msg_type"]:
                case "stream" if content["name"] == "stdout":
                    parts.append(content["text"])
                case "execute_result":
                    parts.append(content["data"].get("text/plain", "") + "\n")
        return "".join(parts)

    @property
    def bundles(self) -> list[dict[str, Any]]:
        """The MIME bundles that were displayed or are results, in order."""
        return [content["data"] for content in self.of_type("execute_result", "display_data")]

    @property
    def images(self) -> list[bytes]:
        """The PNG images that were displayed."""
        return [base64.b64decode(bundle["image/png"]) for bundle in self.bundles if "image/png" in bundle]

    @property
    def error(self) -> dict[str, Any] | None:
        """The last error's ename, evalue and traceback."""
        errors = self.of_type("error")
        return errors[-1] if errors else None
