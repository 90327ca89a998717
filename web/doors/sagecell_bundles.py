"""Puts MIME bundles into those that SageMathCell's script can show.

It takes the first of a bundle's types that it knows: HTML, PNG, scripts and its own; of others it shows the plain text.
HTML goes into its page, formulas in it are set by the page's MathJax.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from web.assets import LIBRARIES, LIBRARIES_ADDRESS
from web.responses import address

INTERACT_TYPE = "application/vnd.singlecell.interact+json"
INTERACT = "application/sage-interact"
VIEW = "application/vnd.jupyter.widget-view+json"
HTML, PNG, PLAIN = "text/html", "image/png", "text/plain"
KNOWN = (HTML, PNG, "application/javascript")
PICTURES = (PNG, "image/jpeg", "image/gif", "image/webp")
# Scenes are pages, which name their script as if it lay beside them (as frontend/src/frame/libraries.js has it).
SCENE_SCRIPT = re.compile(r'(?<=<script src=")three-sage-[\w.-]+\.js(?=")')
FRAME = '<iframe sandbox="allow-scripts" style="width: 100%; height: 500px; border: 0" srcdoc="{}"></iframe>'


def shown(data: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands for a bundle in the script's page."""
    plain = {PLAIN: data[PLAIN]} if PLAIN in data else {}
    interact = data.get(INTERACT_TYPE)
    if isinstance(interact, dict) and isinstance(interact.get("new_interact_id"), str):
        return {INTERACT: interact, **plain}
    if HTML in data:
        return {HTML: _page(text) if _is_page(text := _text(data[HTML])) else text, **plain}
    for kind in PICTURES:
        if kind in data:
            return {HTML: _picture(kind, _text(data[kind]), metadata.get(kind)), **plain}
    for kind, make in _OTHERS.items():
        if kind in data:
            return {HTML: make(_text(data[kind])), **plain}
    return {kind: value for kind, value in data.items() if kind in (*KNOWN, PLAIN)} or dict(plain)


def is_placed(metadata: Mapping[str, Any]) -> bool:
    """Return whether a bundle is a control that stands in another place of the page."""
    return isinstance(metadata.get(VIEW), dict) and "location" in metadata[VIEW]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "".join(map(str, value)) if isinstance(value, list) else str(value)


def _picture(kind: str, base64: str, about: Any) -> str:
    about = about if isinstance(about, Mapping) else {}
    sizes = (f' {name}="{about[name]}"' for name in ("width", "height") if isinstance(about.get(name), int))
    alt = html.escape(about["alt"]) if isinstance(about.get("alt"), str) else ""
    return f'<img src="data:{kind};base64,{"".join(base64.split())}"{"".join(sizes)} alt="{alt}">'


def _drawing(svg: str) -> str:
    # As a picture it runs no scripts.
    return _picture("image/svg+xml", b64encode(svg.encode()).decode(), None)


def _is_page(text: str) -> bool:
    return text.lstrip()[:15].lower().startswith(("<!doctype", "<html"))


def _page(text: str) -> str:
    ours = next(iter(sorted(LIBRARIES.glob("three-*.js"))), None)
    if ours is not None:
        text = SCENE_SCRIPT.sub(lambda _: address(f"/static/{LIBRARIES_ADDRESS}{ours.name}"), text)
    return FRAME.format(html.escape(text))


_OTHERS: dict[str, Callable[[str], str]] = {
    "image/svg+xml": _drawing,
    "text/latex": html.escape,
}
