"""Shows messages on a terminal as they come, and saves figures and files beside each other."""

from __future__ import annotations

import base64
import getpass
import os
import sys
from pathlib import Path
from typing import TextIO

from singlecell_client.client import Client
from singlecell_client.result import FILES_TYPE, File, Message

RED, RESET = "\x1b[31m", "\x1b[0m"
IMAGES = {"image/png": ".png", "image/jpeg": ".jpg", "image/svg+xml": ".svg"}


class Terminal:
    """Writes results to ``out``, errors and notices to ``err``; figures go into ``directory``."""

    def __init__(self, directory: Path, out: TextIO = sys.stdout, err: TextIO = sys.stderr) -> None:
        self._directory, self._out, self._err = directory, out, err
        self._colours = err.isatty() and "NO_COLOR" not in os.environ
        self._figures = 0

    def show(self, message: Message) -> None:
        """Show one message."""
        content = message["content"]
        match message["header"]["msg_type"]:
            case "stream":
                stream = self._out if content["name"] == "stdout" else self._err
                stream.write(content["text"])
                stream.flush()
            case "execute_result" | "display_data":
                self._show_bundle(content["data"])
            case "execute_reply":
                for payload in content.get("payload", ()):
                    if payload["source"] == "page":  # what a pager would show: `print?`
                        self._show_page(str(payload["data"].get("text/plain", "")))
            case "error":
                text = "\n".join(content["traceback"]) or f"{content['ename']}: {content['evalue']}"
                self._err.write(f"{text if self._colours else without_colours(text)}\n")

    def _show_page(self, text: str) -> None:
        self._out.write(f"{text if self._colours else without_colours(text)}\n")
        self._out.flush()

    def _show_bundle(self, data: dict) -> None:
        if FILES_TYPE in data:
            return  # they are saved, and named, at the end
        for mime, extension in IMAGES.items():
            if mime in data:
                self._figures += 1
                path = free_path(self._directory, f"figure-{self._figures}{extension}")
                body = data[mime]
                path.write_bytes(body.encode() if extension == ".svg" else base64.b64decode(body))
                self.notice(f"saved {path}")
                return
        if "text/plain" in data:
            self._out.write(f"{data['text/plain']}\n")
            self._out.flush()

    def notice(self, sentence: str) -> None:
        """Say something that is not the code's own output."""
        self._err.write(f"{RED}{sentence}{RESET}\n" if self._colours else f"{sentence}\n")

    def ask(self, prompt: str, password: bool) -> str:
        """Put the code's question to the person at the terminal. Raises EOFError."""
        try:
            if password and sys.stdin.isatty():
                return getpass.getpass(prompt)
            self._out.write(prompt)
            self._out.flush()
            line = sys.stdin.readline()
        except EOFError:
            line = ""
        if not line:
            raise EOFError("standard input has ended")
        return line.rstrip("\n")

    def save(self, client: Client, file: File) -> None:
        """Download a file next to the figures; an existing one is never overwritten."""
        # The server's word is not trusted for more than the last part of a name.
        path = free_path(self._directory, Path(file.name).name)
        with path.open("xb") as into:
            try:
                client.download(file, into)
            except BaseException:
                path.unlink()  # half a file would pass for a whole one
                raise
        self.notice(f"saved {path} ({file.size} bytes)")


def free_path(directory: Path, name: str) -> Path:
    """Return a path in the directory that does not exist yet: name.txt, name-2.txt, …"""
    path, number = directory / name, 1
    while path.exists():
        number += 1
        path = directory / f"{Path(name).stem}-{number}{Path(name).suffix}"
    return path


def without_colours(text: str) -> str:
    """Return the text without its ANSI colour codes."""
    parts = text.split("\x1b[")
    return parts[0] + "".join(part.partition("m")[2] for part in parts[1:])
