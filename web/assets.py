"""Our own files for browsers: those named by their content stay for good, those with a compressed twin go out as it."""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

from flask import Flask, Response, request, send_from_directory
from werkzeug.security import safe_join

STATIC_KEPT_S = 3600
NAMED_BY_CONTENT = re.compile(r"-[0-9a-f]{10}\.(?:js|html)$")
NAMED_BY_CONTENT_KEPT_S = 365 * 86400


class Application(Flask):
    """A Flask application that serves the files of ``static/`` so."""

    def get_send_file_max_age(self, filename: str | None) -> int:
        """Return for how many seconds a browser may keep a file without asking."""
        return NAMED_BY_CONTENT_KEPT_S if _never_changes(filename) else STATIC_KEPT_S

    def send_static_file(self, filename: str) -> Response:
        """Answer with a file of ``static/``. Raises NotFound."""
        folder = self.static_folder or ""
        packed = safe_join(folder, f"{filename}.gz")
        has_twin = packed is not None and Path(packed).is_file()
        sends_twin = has_twin and request.accept_encodings.best_match(("gzip",)) == "gzip"
        response = send_from_directory(
            folder,
            f"{filename}.gz" if sends_twin else filename,
            mimetype=mimetypes.guess_type(filename)[0],
            download_name=Path(filename).name,
            max_age=self.get_send_file_max_age(filename),
        )
        if has_twin:
            response.vary.add("Accept-Encoding")
        if sends_twin:
            response.content_encoding = "gzip"
        response.cache_control.immutable = _never_changes(filename)
        return response


def _never_changes(filename: str | None) -> bool:
    return filename is not None and NAMED_BY_CONTENT.search(filename) is not None
