"""What schemathesis must know beyond the schema of bodies and of parameters."""

from __future__ import annotations

from typing import Any

import schemathesis

WAIT_S = 0.2  # nobody waits for what random code may still say


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out uploads of several files: all that it sends have one name, which is refused."""
    files = case.body.get("file") if isinstance(case.body, dict) else None
    return not isinstance(files, list) or len(files) < 2


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Wait for less where the server would wait for what it was asked to; send no key, for none of its is known."""
    if case.query:
        case.query.pop("key", None)
    wait_s = (case.query or {}).get("wait")
    if isinstance(wait_s, (int, float)) and WAIT_S < wait_s <= 30:
        case.query["wait"] = WAIT_S
