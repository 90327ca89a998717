"""Sends what IPython's display system shows."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher

from untrusted.kernel.json_clean import Json, clean_bundle, clean_object, valid_text
from untrusted.kernel.publisher import Publisher


class CellDisplayPublisher(DisplayPublisher):
    """IPython's display publisher in a worker: it sends what ``display`` shows."""

    publisher: Publisher

    def publish(
        self,
        data: object,
        metadata: object = None,
        *_source: object,
        transient: object = None,
        update: bool = False,
        **_more: object,
    ) -> None:
        """Send ``display_data``, or ``update_display_data`` where a display is named."""
        fit = _clean(data)
        if not fit:
            return
        content: dict[str, Json] = {"data": fit, "metadata": clean_object(metadata), "transient": _transient(transient)}
        named = bool(content["transient"])
        self.publisher.emit("update_display_data" if update and named else "display_data", content)

    def clear_output(self, wait: bool = False) -> None:
        """Send ``clear_output``."""
        self.publisher.emit("clear_output", {"wait": bool(wait)})


class CellDisplayHook(DisplayHook):
    """IPython's display hook in a worker: it sends the value of a cell's last expression."""

    publisher: Publisher

    def write_output_prompt(self) -> None:
        """Write none: the page draws its own."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        """Send ``execute_result``."""
        fit = _clean(format_dict)
        if fit:
            content: dict[str, Json] = {
                "execution_count": self.prompt_count,
                "data": fit,
                "metadata": clean_object(md_dict or {}),
            }
            # 0 is this function, 1 the hook, 2 whose value it is.
            if self.shell.is_at_the_end(sys._getframe(2).f_code):
                self.publisher.emit_last(content)
            else:
                self.publisher.emit("execute_result", content)

    def finish_displayhook(self) -> None:
        """Write no line end after the value."""
        self._is_active = False


def _clean(data: object) -> dict[str, Json]:
    fit, complaints = clean_bundle(data)
    for sentence in complaints:
        print(sentence, file=sys.stderr)
    return fit


def _transient(transient: object) -> dict[str, Json]:
    display_id = transient.get("display_id") if isinstance(transient, Mapping) else None
    return {} if display_id is None else {"display_id": valid_text(str(display_id))}
