"""Puts together the files that a computation hands over; checks their pieces against each other and the limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from contract import file_path_fault
from device.errors import SupervisorProtocolError
from settings import Settings
from store.files import media_type
from wire import CHUNK_BYTES, File

FILES_TYPE = "application/vnd.singlecell.files+json"


@dataclass
class WholeFile:
    """A file, or the beginning of one, which is kept until it is stored: MongoDB may be away for a while."""

    name: str
    size_bytes: int
    data: bytearray = field(default_factory=bytearray)  # pieces may be of one byte each: a list would be larger


class OutputFiles:
    """The files of one computation.

    What does not fit together is the supervisor's fault: no code in a session speaks these frames. ``left_out``:
    sentences for the reader about files whose names are refused.
    """

    def __init__(self, computation: str, settings: Settings) -> None:
        self._computation, self._settings = computation, settings
        self._open: WholeFile | None = None
        self._sizes_bytes: dict[str, int] = {}
        self._announced: list[dict[str, Any]] = []
        self.left_out: list[str] = []

    @property
    def open(self) -> bool:
        """Whether a file has begun and not ended."""
        return self._open is not None

    def take(self, piece: File) -> WholeFile | None:
        """Take a piece; return the file that it completes, unless that is refused. Raises SupervisorProtocolError."""
        if len(piece.data) > CHUNK_BYTES or not (piece.data or piece.last):
            raise SupervisorProtocolError(f"a piece of a file of {len(piece.data)} bytes")
        file = self._open = self._open or self._begin(piece)
        if (file.name, file.size_bytes) != (piece.name, piece.size_bytes):
            raise SupervisorProtocolError("a file in the middle of another")
        file.data += piece.data
        if len(file.data) > file.size_bytes or (piece.last and len(file.data) != file.size_bytes):
            raise SupervisorProtocolError("a file that is not as long as it says")
        if not piece.last:
            return None
        self._open = None
        return self._accepted(file)

    def forget(self, files: Sequence[WholeFile]) -> None:
        """Announce none of these files: they are not stored."""
        names = {file.name for file in files}
        self._announced = [file for file in self._announced if file["name"] not in names]
        self._open = None

    def announce(self) -> dict[str, Any] | None:
        """Return the content of the ``display_data`` that announces the files, once; None without files."""
        files, self._announced = self._announced, []
        if not files:
            return None
        plain = "\n".join(file["name"] for file in files)
        return {"data": {FILES_TYPE: {"files": files}, "text/plain": plain}, "metadata": {}}

    def _begin(self, piece: File) -> WholeFile:
        limits = self._settings
        if piece.name in self._sizes_bytes:
            raise SupervisorProtocolError("the same file twice")
        if len(self._sizes_bytes) >= limits.cell_files_max:
            raise SupervisorProtocolError(f"more than {limits.cell_files_max} files")
        if not 0 <= piece.size_bytes <= limits.cell_file_bytes_max:
            raise SupervisorProtocolError(f"a file of {piece.size_bytes} bytes")
        if sum(self._sizes_bytes.values()) + piece.size_bytes > limits.cell_files_bytes_max:
            raise SupervisorProtocolError(f"files of more than {limits.cell_files_bytes_max} bytes together")
        self._sizes_bytes[piece.name] = piece.size_bytes
        return WholeFile(piece.name, piece.size_bytes)

    def _accepted(self, file: WholeFile) -> WholeFile | None:
        why = file_path_fault(file.name)
        if why:
            self.left_out.append(f"The file {ascii(file.name[:80])[:80]} was not handed over: its name {why}.\n")
            return None
        url = f"/files/{self._computation}/{quote(file.name)}"
        self._announced.append({"name": file.name, "size": file.size_bytes, "type": media_type(file.name), "url": url})
        return file
