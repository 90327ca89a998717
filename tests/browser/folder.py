"""Serve the files of a directory."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from tests.http_server import HttpServer


class Handler(SimpleHTTPRequestHandler):
    """Serve without a word."""

    def log_message(self, *arguments: object) -> None:
        pass


class Folder:
    """A site of files, of another origin than the cell server's."""

    def __init__(self, directory: Path) -> None:
        self._server = HttpServer(partial(Handler, directory=str(directory)))
        self.url = f"http://localhost:{self._server.port}"

    def close(self) -> None:
        """End it."""
        self._server.close()
