"""Draws Sage's graphics as matplotlib's figures are drawn: sharp, and in the colours of the page."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import wraps
from typing import Any

from sage.plot.graphics import Graphics
from sage.plot.multigraphics import MultiGraphics

from untrusted.kernel.figure_colours import suited
from untrusted.kernel.figure_text import alt
from untrusted.kernel.figures import SHARP_BASE64_MAX, is_small_enough

SHARP_BYTES_MAX = SHARP_BASE64_MAX * 3 // 4
_last: tuple[bytes, dict[str, Any]] = (b"", {})  # the picture that was drawn last, and what pages need to know of it


class TooLargeError(Exception):
    """A picture of twice the pixels would take too much memory."""


def set_up(shell: Any) -> None:
    """Draw graphics in this way; called once, in the zygote."""
    for kind in (Graphics, MultiGraphics):
        kind._render_png_ = sharp(kind._render_png_, shell)


def about(png: bytes) -> dict[str, Any]:
    """Return the metadata of a picture, if it is the one that was drawn last."""
    return _last[1] if png == _last[0] else {}


def sharp(plain: Callable[..., bytes], shell: Any) -> Callable[..., bytes]:
    """Return the method that draws a graphics object as a PNG, where ``plain`` is Sage's own."""

    @wraps(plain)
    def render(graphics: Any, **options: Any) -> bytes:
        global _last
        chosen = {**Graphics.SHOW_OPTIONS, **getattr(graphics, "_extra_kwds", {}), **options}
        # Without paper at the author's wish it is drawn as it is.
        scheme = "" if chosen["transparent"] else shell.scheme
        with suppress(TooLargeError):
            png, found = _drawn(plain, graphics, scheme, {**options, "dpi": 2 * chosen["dpi"]})
            if len(png) <= SHARP_BYTES_MAX:
                width, height = struct.unpack(">II", png[16:24])
                _last = png, {"width": width // 2, "height": height // 2, **found}
                return png
        _last = _drawn(plain, graphics, scheme, {**options, "dpi": chosen["dpi"]}, is_bounded=False)
        return _last[0]

    return render


def _drawn(
    plain: Callable[..., bytes], graphics: Any, scheme: str, options: dict[str, Any], *, is_bounded: bool = True
) -> tuple[bytes, dict[str, Any]]:
    make, found = graphics.matplotlib, dict[str, Any]()
    with ExitStack() as drawing:

        def matplotlib(**more: Any) -> Any:
            figure = make(**more)
            if is_bounded and not is_small_enough(figure, options["dpi"]):
                raise TooLargeError
            found.update(drawing.enter_context(suited(figure, scheme)))
            if text := alt(figure):
                found["alt"] = text
            return figure

        graphics.matplotlib = matplotlib
        try:
            return plain(graphics, **options), found
        finally:
            del graphics.matplotlib
