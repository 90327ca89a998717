"""Makes the content of a ``comm_info_reply``, for our own kernel and for foreign ones."""

from __future__ import annotations

from collections.abc import Iterable

from untrusted.kernel.json_clean import Json, valid_text

CHARS_MAX = 1 << 20  # of ids and targets: more than 20,000 controls have


def comm_info(comms: Iterable[tuple[str, str]]) -> dict[str, Json]:
    """Return the content for these comms, each as id and target; those for which there is no room are left out."""
    found: dict[str, Json] = {}
    chars_left = CHARS_MAX
    for id, target_name in comms:
        chars_left -= len(id) + len(target_name)
        if chars_left < 0:
            break
        found[valid_text(id)] = {"target_name": valid_text(target_name)}
    return {"status": "ok", "comms": found}
