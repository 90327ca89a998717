"""Serve what no output may reach, and note what is asked of it."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

from tests.http_server import HttpServer


class Elsewhere:
    """Another server, which notes everything that is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name that http.server asks for
                asked.append(f"{self.command} {self.path}")
                self.send_response(200)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()

            do_POST = do_HEAD = do_OPTIONS = do_GET

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = HttpServer(Handler)
        self.url = self._server.url

    def close(self) -> None:
        """End it."""
        self._server.close()
