"""Serve the pages that ``bench/page.py`` opens: one cell each, by us, by Thebe and by SageMathCell.

The server sends every file gzipped at the same level and forbids keeping it, so that only what is sent differs.
"""

from __future__ import annotations

import gzip
import mimetypes
import threading
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

CODE = "print(6 * 7)"
ANSWER = "42"
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.show()"
GZIP_LEVEL = 6  # what nginx and content delivery networks use, near enough
PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>{name}</title><link rel=icon href='data:,'>"
    "{head}<body>{body}"
)


@dataclass(frozen=True)
class Peer:
    """A page with one cell, and JavaScript expressions: whether it can be run, its button, the text of its output,
    and where its pictures are.

    ``warm``: whether pressing the button has an effect; None where the page has no server here that could run the cell.
    """

    name: str
    head: str
    body: str
    usable: str
    button: str
    output: str
    place: str
    warm: str | None

    @property
    def plotting(self) -> Peer:
        """The page whose cell plots: the output is the answer once its picture is drawn."""
        picture = f"{self.place}.querySelector('img')?.complete"
        name, body = f"{self.name}, plot", self.body.replace(CODE, PLOT)
        return replace(self, name=name, body=body, output=f"{picture} ? '{ANSWER}' : ''")

    @property
    def html(self) -> str:
        """The page."""
        return PAGE.format(name=self.name, head=self.head, body=self.body)


def ours(server: str) -> Peer:
    """Return the page with our cell, whose code runs on this server."""
    cell = "document.querySelector('single-cell')"
    return Peer(
        "ours",
        "<script type=module src='/ours/static/embedded_singlecell.js'></script>",
        f"<single-cell language=python server='{server}'>{CODE}</single-cell>",
        usable=f"{cell}?.getAttribute('state') === 'idle'",
        button=f"{cell}.shadowRoot.querySelector('.run')",
        output=f"{cell}.shadowRoot.querySelector('.output').textContent",
        place=f"{cell}.shadowRoot",
        warm="true",
    )


def thebe(jupyter: str, token: str) -> Peer:
    """Return the page with Thebe's cell, whose kernel it asks this Jupyter server for as the page opens."""
    settings = f'{{"baseUrl": "{jupyter}", "token": "{token}", "appendToken": true}}'
    config = f'{{"mathjaxUrl": "", "kernelOptions": {{"name": "python3"}}, "serverSettings": {settings}}}'
    return Peer(
        "Thebe 0.9.3",
        f"<script type='text/x-thebe-config'>{config}</script><link rel=stylesheet href='/thebe/thebe.css'>"
        "<script src='/thebe/index.js'></script>"
        "<script>addEventListener('load', () =>"
        " thebe.bootstrap({useBinder: false, requestKernel: true}).then(() => { window.ready = true }))</script>",
        f"<pre data-executable=true data-language=python>{CODE}</pre>",
        usable="document.querySelector('.thebe-run-button')?.offsetParent && document.querySelector('.CodeMirror')",
        button="document.querySelector('.thebe-run-button')",
        output="document.querySelector('.jp-OutputArea')?.textContent ?? ''",
        place="document",
        warm="window.ready",
    )


def sagemathcell() -> Peer:
    """Return the page with SageMathCell's cell; there is no server here that its kernels could come from."""
    return Peer(
        "SageMathCell",
        "<script src='/sagecell/static/embedded_sagecell.js'></script>"
        "<script>sagecell.makeSagecell({inputLocation: '#cell', languages: ['python']})</script>",
        f"<div id=cell>{CODE}</div>",
        usable="document.querySelector('.sagecell_evalButton')?.offsetParent && document.querySelector('.CodeMirror')",
        button="null",
        output="''",
        place="document",
        warm=None,
    )


class Site:
    """One web server for all pages. ``folders``: name in the address to directory."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self.folders = folders
        self.pages: dict[str, str] = {}
        self._packed: dict[str, tuple[bytes, str] | None] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # the name that http.server asks for
                found = site.packed(urlsplit(self.path).path)
                body, media_type = found or (b"", "text/plain")
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                if found:
                    self.send_header("Content-Encoding", "gzip")
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a browser that closes hangs up in the midst of an answer

        self.http = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def put(self, peer: Peer) -> str:
        """Publish a page; return its address."""
        path = f"/{len(self.pages)}.html"
        self.pages[path] = peer.html
        return self.url + path

    def packed(self, path: str) -> tuple[bytes, str] | None:
        """Return gzipped bytes and media type, packed once; None for what is not there."""
        if path not in self._packed:
            content = self._content(path)
            media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
            self._packed[path] = None if content is None else (gzip.compress(content, GZIP_LEVEL), media_type)
        return self._packed[path]

    def _content(self, path: str) -> bytes | None:
        if path in self.pages:
            return self.pages[path].encode()
        _, name, *rest = path.split("/")
        file = self.folders.get(name, Path("/nowhere")).joinpath(*rest)
        return file.read_bytes() if ".." not in rest and file.is_file() else None
