"""Serves our own scripts and other people's libraries, compressed; browsers keep those that are named by a hash.

``/static/widgets/MODULE.js`` is the script that draws the controls of a package which is installed in an environment.

Scripts of ours that are named so and that an update has replaced are served from where host/pinned.py keeps them.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import mimetypes
import re
import sys
from base64 import b64encode
from pathlib import Path

from flask import Flask, Response, request, send_file
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

STATIC_KEPT_S = 3600
NAMED_BY_CONTENT = re.compile(r"-[0-9a-f]{10}\.(?:js|html)$")
NAMED_BY_CONTENT_KEPT_S = 365 * 86400
COMPRESSED = (".js", ".html", ".css", ".txt")
# host/libraries.py puts them beside the environment that runs us, perhaps after we have started.
LIBRARIES = Path(sys.prefix).parent / "libraries"
LIBRARIES_ADDRESS = "libraries/"
PINNED = LIBRARIES.with_name("pinned")
PARTS_ADDRESS = "singlecell/"
# Scripts of other packages' controls, as the packages that are installed in the environments carry them.
WIDGETS = re.compile(r"widgets/((?:@[a-z0-9][\w.-]*/)?[a-z0-9][\w.-]*)\.js", re.ASCII | re.IGNORECASE)
NBEXTENSIONS = "share/jupyter/nbextensions"
# Pages that were written for SageMathCell ask for it at this address.
JQUERY = "jquery.min.js"


class Application(Flask):
    """A Flask application that serves ``static/`` and the libraries itself, instead of Flask's own way."""

    def get_send_file_max_age(self, filename: str | None) -> int:
        """Return for how many seconds a browser may keep a file without asking."""
        return NAMED_BY_CONTENT_KEPT_S if _never_changes(filename) else STATIC_KEPT_S

    def send_static_file(self, filename: str) -> Response:
        """Answer with the file at an address below ``/static/``. Raises NotFound."""
        file = _find(self.static_folder or "", filename)
        changed = file.stat()
        compresses = file.suffix in COMPRESSED
        sends_compressed = compresses and request.accept_encodings.best_match(("gzip",)) == "gzip"
        response = send_file(
            _compressed(file, changed.st_mtime_ns) if sends_compressed else file,
            mimetype=mimetypes.guess_type(filename)[0],
            download_name=file.name,
            etag=f"{changed.st_mtime_ns:x}-{changed.st_size:x}{'-gzip' if sends_compressed else ''}",
            last_modified=changed.st_mtime,
            max_age=self.get_send_file_max_age(filename),
        )
        if compresses:
            response.vary.add("Accept-Encoding")
        if sends_compressed:
            response.content_encoding = "gzip"
        response.cache_control.immutable = _never_changes(filename)
        return response


def _find(static: str, filename: str) -> Path:
    """Return the file at an address below ``/static/``. Raises NotFound."""
    if filename == JQUERY:
        filename = LIBRARIES_ADDRESS + JQUERY
    if named := WIDGETS.fullmatch(filename):
        return _find_widgets(named[1])
    places = [(static, filename)]
    if filename.startswith(LIBRARIES_ADDRESS):
        places = [(str(LIBRARIES), filename.removeprefix(LIBRARIES_ADDRESS))]
    elif filename.startswith(PARTS_ADDRESS) and _never_changes(filename):
        places.append((str(PINNED), filename.removeprefix(PARTS_ADDRESS)))
    for directory, name in places:
        path = safe_join(directory, name)
        if path is not None and Path(path).is_file():
            return Path(path)
    raise NotFound


def _find_widgets(module: str) -> Path:
    """Return the script of the module that draws a package's controls. Raises NotFound."""
    # Of two versions that of the environment which most languages have.
    environments = sorted(LIBRARIES.parent.glob(f"*/{NBEXTENSIONS}"), key=lambda path: "untrusted" not in path.parts)
    for environment in environments:
        path = safe_join(str(environment), module, "index.js")
        if path is not None and Path(path).is_file():
            return Path(path)
    raise NotFound


def pinned_script(static: str) -> tuple[str, str]:
    """Return the address below ``/static/`` that will always mean today's embed script, and what pages check it by."""
    [file] = (Path(static) / PARTS_ADDRESS).glob("cell-*.js")
    return PARTS_ADDRESS + file.name, _integrity(file)


@functools.lru_cache(maxsize=1)
def _integrity(file: Path) -> str:
    return f"sha384-{b64encode(hashlib.sha384(file.read_bytes()).digest()).decode()}"


def _compressed(file: Path, changed_ns: int) -> Path | io.BytesIO:
    """Return a file compressed: its ``.gz`` twin if there is one (libraries have it), else made once and remembered."""
    twin = file.with_name(f"{file.name}.gz")
    return twin if twin.is_file() else io.BytesIO(_compress(file, changed_ns))


@functools.lru_cache(maxsize=64)
def _compress(file: Path, changed_ns: int) -> bytes:
    return gzip.compress(file.read_bytes(), mtime=0)


def _never_changes(filename: str | None) -> bool:
    return filename is not None and NAMED_BY_CONTENT.search(filename) is not None
