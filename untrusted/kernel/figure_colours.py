"""Draws a figure without paper and with ink that shows on the page, light or dark, unless its author chose the paper.

What lies on a picture, or on data in the colours of a scale, stays as it is with its white ground.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from untrusted.kernel.figure_ink import Changes, darken, darken_scene


@contextmanager
def suited(figure: Any, scheme: str) -> Iterator[dict[str, Any]]:
    """Have the figure drawn for a page that is light or dark, and put it back after that.

    Gives what the page is to know: ``scheme``, and whether ``inverted`` it would do for the other one; nothing where
    the figure is drawn as it is.
    """
    if not scheme or has_own_paper(figure):
        yield {}
        return
    changes = Changes()
    try:
        try:
            about = change(figure, scheme, changes)
        except Exception:  # noqa: BLE001 - artists may be of any class, the reader's too: then it is drawn as it is
            changes.undo()
            about = {}
        yield about
    finally:
        changes.undo()


def change(figure: Any, scheme: str, changes: Changes) -> dict[str, Any]:
    """Change the colours of a figure; return what the page is to know."""
    covered = [axes for axes in figure.axes if _is_covered(axes)]
    if scheme == "dark":
        for artist in list(figure.findobj()):
            darken(artist, figure, covered, changes)
        for axes in figure.axes:
            darken_scene(axes, changes)
    _take_paper(figure, covered, changes)
    return {"scheme": scheme, "invertible": not covered}


def has_own_paper(figure: Any) -> bool:
    """Return whether the author chose the paper of the figure, or that of a plot in it."""
    import matplotlib as mpl

    patch = figure.patch
    # A colour that was left out is the very object of the settings; one that was written may only be equal.
    if not patch.get_visible() or patch._original_facecolor is not mpl.rcParams["figure.facecolor"]:
        return True
    return not all(_is_white(part.get_facecolor()) for part in (patch, *(axes.patch for axes in figure.axes)))


def _is_covered(axes: Any) -> bool:
    """Return whether a picture, or areas in the colours of a scale, cover the plot."""
    from matplotlib.collections import LineCollection, PathCollection

    def covers(collection: Any) -> bool:
        if collection.get_array() is None or isinstance(collection, LineCollection | PathCollection):
            return False
        return getattr(collection, "filled", True)  # of contours

    return bool(axes.images) or (any(map(covers, axes.collections)) and not hasattr(axes, "get_zlim"))


def _take_paper(figure: Any, covered: list[Any], changes: Changes) -> None:
    changes.make(figure.patch, partial(figure.patch.set_alpha, 0))
    below: list[Any] = []
    for axes in figure.axes:
        box = axes.get_window_extent()
        overlaps = any(box.overlaps(other) for other in below)
        below.append(box)
        if axes not in covered and not overlaps:
            changes.make(axes.patch, partial(axes.patch.set_alpha, 0))


def _is_white(rgba: Any) -> bool:
    return rgba[3] == 0 or min(rgba[:3]) == 1
