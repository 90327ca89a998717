"""Gives the artists of a figure the colours that show on a dark page.

What is neutral, black to white, becomes what is as far from the page's ground; colours stay, and those too dark for a
dark page become lighter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

Colour = tuple[float, float, float, float]

PAPER = (0x17 / 255, 0x1B / 255, 0x21 / 255)  # of a dark cell
INK = (0xE3 / 255, 0xE7 / 255, 0xEE / 255)
NEUTRAL = 0.06  # channels of grey differ by less
CONTRAST_MIN = 3.0  # of lines and areas with what is behind them: WCAG 1.4.11
LIGHT_LUMINANCE = 0.18  # black text has more contrast than white text on what is lighter
TEXTS_MAX = 300  # beyond, nobody looks what each text lies on
GRID = (0.69, 0.69, 0.69, 1.0)  # in three dimensions


class Changes:
    """What was changed of artists, and how it was before."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def make(self, artist: Any, change: Callable[[], object]) -> None:
        """Change an artist by one of its methods."""
        before = dict(artist.__dict__)
        change()
        changed = {name for name, value in artist.__dict__.items() if before.get(name) is not value}

        def undo() -> None:
            for name in changed:
                if name in before:
                    artist.__dict__[name] = before[name]
                else:
                    artist.__dict__.pop(name, None)

        self._undo.append(undo)

    def undo(self) -> None:
        """Put all back."""
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()


# --- colours --------------------------------------------------------------------------------------------------------
def for_dark(colour: Any) -> Colour:
    """Return what a colour is to be on a dark page."""
    red, green, blue, alpha = colour
    if max(red, green, blue) - min(red, green, blue) < NEUTRAL:
        light = (red + green + blue) / 3
        red, green, blue = (ink + (paper - ink) * light for ink, paper in zip(INK, PAPER, strict=True))
        return red, green, blue, alpha
    channels = np.array([red, green, blue])
    while _contrast(channels) < CONTRAST_MIN:
        channels = channels + (1 - channels) * 0.15
    red, green, blue = map(float, channels)
    return red, green, blue, alpha


def _contrast(channels: Any) -> float:
    return (_luminance(channels) + 0.05) / (_luminance(PAPER) + 0.05)


def _luminance(channels: Any) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels[:3]]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


# --- artists --------------------------------------------------------------------------------------------------------
def darken(artist: Any, figure: Any, covered: list[Any], changes: Changes) -> None:
    """Change an artist; what lies on the plots that are covered stays as it is."""
    from matplotlib.collections import Collection
    from matplotlib.colors import to_rgba
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    axes: Any = getattr(artist, "axes", None)
    if isinstance(artist, Text):
        if axes is not None and artist in axes.texts and (axes in covered or _lies_on_light(artist, axes, figure)):
            return
        changes.make(artist, partial(artist.set_color, for_dark(to_rgba(artist.get_color()))))
    elif isinstance(artist, Line2D):
        if axes in covered and artist in axes.lines:
            return
        _darken_line(artist, changes)
    elif isinstance(artist, Patch):
        if artist is figure.patch or (axes in covered and (artist in axes.patches or artist is axes.patch)):
            return
        _darken_patch(artist, changes)
    elif isinstance(artist, Collection) and axes not in covered:
        _darken_collection(artist, changes)


def _darken_patch(patch: Any, changes: Changes) -> None:
    face, edge = for_dark(patch.get_facecolor()), for_dark(patch.get_edgecolor())

    def change() -> None:
        patch.set_facecolor(face)
        patch.set_edgecolor(edge)

    changes.make(patch, change)


def _darken_line(line: Any, changes: Changes) -> None:
    from matplotlib.colors import is_color_like, to_rgba

    def change() -> None:
        colour, face, edge = line.get_color(), line.get_markerfacecolor(), line.get_markeredgecolor()
        setters = (colour, line.set_color), (face, line.set_markerfacecolor), (edge, line.set_markeredgecolor)
        for value, put in setters:
            if is_color_like(value):
                put(for_dark(to_rgba(value)))

    changes.make(line, change)


def _darken_collection(collection: Any, changes: Changes) -> None:
    if hasattr(collection, "do_3d_projection") and "Poly" in type(collection).__name__:
        return  # a surface with the shades of a light

    def change() -> None:
        if collection.get_array() is not None:
            collection.update_scalarmappable()
            edges = collection.get_edgecolor()
            if len(collection.get_facecolor()) or not len(edges) or np.ptp(edges[:, :3], axis=1).max() >= NEUTRAL:
                return  # its colours say something
            collection.set_array(None)  # contours in black
        faces, edges = collection.get_facecolor(), collection.get_edgecolor()
        if len(faces) and not isinstance(faces, str):
            collection.set_facecolor([for_dark(face) for face in faces])
        if len(edges) and not isinstance(edges, str):
            collection.set_edgecolor([for_dark(edge) for edge in edges])

    changes.make(collection, change)


def darken_scene(axes: Any, changes: Changes) -> None:
    """Change the walls and lines around a plot in three dimensions."""
    if not hasattr(axes, "get_zlim"):
        return
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        _darken_patch(axis.pane, changes)
        _darken_line(axis.line, changes)
        grid = {**axis._axinfo["grid"], "color": for_dark(GRID)}
        changes.make(axis, partial(setattr, axis, "_axinfo", {**axis._axinfo, "grid": grid}))


def _lies_on_light(text: Any, axes: Any, figure: Any) -> bool:
    """Return whether a text stands on an area of its plot that is light, where it has to stay as dark as it is."""
    from matplotlib.backend_bases import MouseEvent

    if len(axes.texts) > TEXTS_MAX:
        return False
    if text.get_bbox_patch() is not None and text.get_bbox_patch().get_visible():
        return _luminance(text.get_bbox_patch().get_facecolor()) > LIGHT_LUMINANCE and not _is_neutral_box(text)
    box = text.get_window_extent()
    event = MouseEvent("button_press_event", figure.canvas, (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
    for area in reversed(axes.get_children()):
        faces = _faces_below(area, event, axes)
        if len(faces):
            return any(face[3] > 0.5 and _luminance(face) > LIGHT_LUMINANCE and not _is_neutral(face) for face in faces)
    return False


def _is_neutral_box(text: Any) -> bool:
    return _is_neutral(text.get_bbox_patch().get_facecolor())


def _is_neutral(rgba: Any) -> bool:
    return bool(max(rgba[:3]) - min(rgba[:3]) < NEUTRAL)


def _faces_below(area: Any, event: Any, axes: Any) -> Any:
    from matplotlib.collections import Collection
    from matplotlib.patches import Patch

    if isinstance(area, Patch) and area is not axes.patch and area in axes.patches:
        return [area.get_facecolor()] if area.contains(event)[0] else []
    if isinstance(area, Collection) and len(area.get_facecolor()):
        hit, which = area.contains(event)
        faces = area.get_facecolor()
        return [faces[at % len(faces)] for at in which.get("ind", ())] if hit else []
    return []
