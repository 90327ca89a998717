"""Find out whether a cell can run, by running one as a browser would."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

from host.console import Console

LOOK_S = 0.05
WAIT_S = 5
SAY_AFTER_S = 10.0
FOLLOW_S = 0.25
# The steps of a start, in their order: what each waits for.
STEPS = ("web part answers", "database answers", "sandbox holds", "first cell has run")
_AWAY = "The database does not answer."  # web/health.py


class Readiness:
    """A client of the web service at a loopback address, which asks until a cell has run.

    ``key``: the operator's, without which another address than the loopback does not hear why nothing runs.
    """

    def __init__(self, host: str, port: int, key: str = "") -> None:
        self._host, self._port = host, port
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})

    def wait(self, console: Console) -> None:
        """Return when a cell was done. The console shows each step, and once what a long one waits for."""
        said: set[str] = set()
        reached = 0
        for number, step in enumerate(STEPS):
            console.begin(step)
            begun = time.monotonic()
            while reached <= number:
                reached = self._reached()
                waited_s = time.monotonic() - begun
                if reached <= number and waited_s > SAY_AFTER_S and (reason := self._reason(reached)) not in said:
                    said.add(reason)
                    console.say(f"not ready yet: {reason}")
                time.sleep(LOOK_S if reached <= number else 0)
            console.done()

    def _reached(self) -> int:
        """Return how many steps are done."""
        answer = self._ask("GET", "/readyz")
        if not answer:
            return 0
        if _AWAY in answer.get("reasons", []):
            return 1
        accounts = answer.get("accounts", [])
        # What the server says of itself comes first: it turns cells away whose language no device has reported.
        if answer.get("ready") and self._cell_runs():
            return 4
        return 3 if any(account["state"] in ("starting", "ready") for account in accounts) else 2

    def follow(self, console: Console, begun: float) -> None:
        """Say of each language that comes later that it has come, or that it cannot; return when none is left.

        ``begun``: when the start was, on the monotonic clock.
        """
        told: set[str] | None = None
        while True:
            accounts = self._ask("GET", "/readyz").get("accounts", [])
            ready = {report["name"]: report["version"] for account in accounts for report in account["languages"]}
            told = set(ready) if told is None else told
            for name in ready.keys() - told:
                console.say(f"{name} {ready[name]} is ready after {time.monotonic() - begun:.1f} s")
            told |= set(ready)
            if ready and not any(account["loading"] for account in accounts):
                for name in sorted({name for account in accounts for name in account["failed"]} - told):
                    console.say(f"{name} cannot be loaded; the log says why")
                return
            time.sleep(FOLLOW_S)

    def _cell_runs(self) -> bool:
        languages = self._ask("GET", "/languages").get("languages", [])
        # Nobody waits for one that is not installed, but for the first of the others, even when a later one has come.
        first = next((language for language in languages if language["available"] or language["expected"]), None)
        if first is None or not first["available"]:
            return False
        # Whatever it says to that: in some language this is an error of the student's.
        answer = self._ask("POST", f"/computations?wait={WAIT_S}", {"code": "1+1", "language": first["name"]})
        return answer.get("state") == "done"

    def _reason(self, reached: int) -> str:
        answer = self._ask("GET", "/readyz")
        reasons = " ".join(answer.get("reasons", [])) or answer.get("detail")
        return reasons or ("no cell has run yet" if reached else "the web service does not answer yet")

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
