"""Hello: what a supervisor says of itself is checked before it is believed, logged and reported."""

from __future__ import annotations

from typing import Any

from device.refusal import SHOWN_CHARS, Nonsense
from wire import PROTOCOL, Hello

LIMITERS = ("cgroup2", "cgroup1", "watchdog")
LAYERS_MAX = 64


def check(hello: Hello) -> None:
    """Refuse a greeting that is not plain; its languages are the Offer's. Raises Nonsense."""
    if hello.protocol != PROTOCOL:
        raise Nonsense(f"protocol {hello.protocol} where {PROTOCOL} is spoken")
    if hello.limiter not in LIMITERS:
        raise Nonsense("a limiter that there is not")
    if len(hello.layers) > LAYERS_MAX:
        raise Nonsense(f"{len(hello.layers)} layers")
    texts = [text for layer in hello.layers for text in (layer.name, layer.detail)]
    if not all(len(text) <= SHOWN_CHARS and text.isprintable() for text in texts):
        raise Nonsense("a greeting with texts that cannot be shown")
    if any(layer.state == "off" for layer in hello.layers):
        raise Nonsense("a layer that is off and was not waived")


def report(hello: Hello) -> dict[str, Any]:
    """Return what /readyz shows of a greeting."""
    return {
        "layers": [{"name": layer.name, "state": layer.state, "detail": layer.detail} for layer in hello.layers],
        "limiter": hello.limiter,
    }
