"""Serve pages of another origin."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from tests.http_server import HttpServer


class Site:
    """An author's own site, of another origin than the cell server's."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, dict[str, str]]] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name that http.server asks for
                text, headers = site.pages.get(urlsplit(self.path).path, ("", {}))
                self.send_response(200 if text else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = HttpServer(Handler)
        self.url = f"http://localhost:{self._server.port}"

    def close(self) -> None:
        """End it."""
        self._server.close()

    def put(self, html: str, path: str = "/page.html", headers: dict[str, str] | None = None) -> str:
        """Publish a page; return its address."""
        self.pages[path] = (html, headers or {})
        return self.url + path
