"""Find out whether a cell can run, by running one as a browser would."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

LOOK_S = 0.05
WAIT_S = 5
SAY_AGAIN_S = 10.0
FOLLOW_S = 0.25


class Readiness:
    """A client of the web service at a loopback address, which asks until a cell has run.

    ``key``: the operator's, without which another address than the loopback does not hear why nothing runs.
    """

    def __init__(self, host: str, port: int, key: str = "") -> None:
        self._host, self._port = host, port
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})

    def wait(self, say: Any) -> None:
        """Return when a cell was done. ``say``: takes a sentence when it takes long, with the server's own reason."""
        spoken = time.monotonic()
        # First what the server says of itself: it turns cells away whose language no device has reported.
        while not (self._ask("GET", "/readyz").get("ready") and self._cell_runs()):
            time.sleep(LOOK_S)
            if time.monotonic() - spoken > SAY_AGAIN_S:
                spoken = time.monotonic()
                say(f"not ready yet: {self._reason()}")

    def follow(self, say: Any, begun: float) -> None:
        """Say of each language that comes later that it has come, or that it cannot; return when none is left.

        ``begun``: when the start was, on the monotonic clock.
        """
        told: set[str] | None = None
        while True:
            accounts = self._ask("GET", "/readyz").get("accounts", [])
            ready = {report["name"]: report["version"] for account in accounts for report in account["languages"]}
            told = set(ready) if told is None else told
            for name in ready.keys() - told:
                say(f"{name} {ready[name]} is ready after {time.monotonic() - begun:.1f} s")
            told |= set(ready)
            if ready and not any(account["loading"] for account in accounts):
                for name in sorted({name for account in accounts for name in account["failed"]} - told):
                    say(f"{name} cannot be loaded; the lines above say why")
                return
            time.sleep(FOLLOW_S)

    def _cell_runs(self) -> bool:
        languages = self._ask("GET", "/languages").get("languages", [])
        # One that is not installed here is no reason to wait.
        language = next((language["name"] for language in languages if language["available"]), None)
        if language is None:
            return False
        # Whatever it says to that: in some language this is an error of the student's.
        answer = self._ask("POST", f"/computations?wait={WAIT_S}", {"code": "1+1", "language": language})
        return answer.get("state") == "done"

    def _reason(self) -> str:
        answer = self._ask("GET", "/readyz")
        return " ".join(answer.get("reasons", [])) or answer.get("detail") or "the web service does not answer yet"

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=WAIT_S + 5)
        try:
            connection.request(method, path, json.dumps(body) if body else None, self._headers)
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            connection.close()
        return answer if isinstance(answer, dict) else {}
