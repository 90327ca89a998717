"""Read from Tsung's own logs what became of every request and of every computation.

``tsung.dump`` has a line for each request that was answered; ``match.log`` one for each check that held (a computation
whose end was seen is ``over``, one that showed all it should has ``right-1-of-n`` to ``right-n-of-n``); ``tsung.log``
how many submissions began, and the errors of requests that were not answered.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

REFUSALS = (429, 503)
RIGHT = re.compile(r"right-(\d+)-of-(\d+)")
ID = re.compile(r"^/computations/([0-9a-f-]{36})/")
POLL = re.compile(r"/messages\?.*wait=")
INTERRUPT = re.compile(r"/interrupt$")
ANSWERS = re.compile(r"^stats: request .* (\d+)$", re.MULTILINE)
TRANSACTION = re.compile(r"^stats: tr_(\w+) .* (\d+)$", re.MULTILINE)
ERROR = re.compile(r"^stats: (error_\w+|timeout|max_repeat) \d+ (\d+)$", re.MULTILINE)


class CutShort(Exception):
    """Tsung's logs do not say what became of every request."""


@dataclass(frozen=True)
class Request:
    """A request. ``ended``: Unix time, seconds; ``took_s``: to the last byte of the answer; ``status``: or 0."""

    user: int
    ended: float
    took_s: float
    method: str
    path: str
    status: int
    kind: str

    @property
    def began(self) -> float:
        """When it was sent, in Unix time."""
        return self.ended - self.took_s

    @property
    def submits(self) -> bool:
        """Whether it hands in a cell."""
        return self.method == "post" and self.path == "/computations"

    @property
    def polls(self) -> bool:
        """Whether it waits for news: its time says nothing about the server."""
        return bool(POLL.search(self.path))


@dataclass(frozen=True)
class Computation:
    """One handed-in cell. ``outcome``: right, wrong, lost or refused; ``id``: empty if nobody asked for it by one.

    ``took_s``: from its submission, for a loop from its interrupt, until the student saw its end; none without an end.
    """

    kind: str
    outcome: str
    ended: float
    took_s: float | None
    id: str = ""


@dataclass(frozen=True)
class Outcomes:
    """Everything that Tsung saw in one run. ``errors``: its counters of requests without an answer."""

    requests: list[Request]
    computations: list[Computation]
    errors: dict[str, int]

    def count(self, outcome: str) -> int:
        """Return how many computations ended so."""
        return sum(computation.outcome == outcome for computation in self.computations)

    @property
    def failures(self) -> dict[str, int]:
        """How often an answer had which error status, or was cut off."""
        named = [str(one.status or "cut off") for one in self.requests if not 200 <= one.status < 400]
        return dict(sorted(Counter(named).items()))

    @property
    def good(self) -> bool:
        """Whether there were computations and none was wrong or lost; a refusal is an honest answer."""
        return bool(self.count("right")) and not (self.count("wrong") or self.count("lost"))


def read(folder: Path) -> Outcomes:
    """Return what Tsung wrote into a folder. Raises CutShort, or FileNotFoundError when it did not begin."""
    requests = _read_requests(folder / "tsung.dump")
    checks = _read_checks(folder / "match.log")
    by_user: dict[int, list[Request]] = defaultdict(list)
    for request in requests:
        by_user[request.user].append(request)
    computations = [
        computation for user, own in by_user.items() for computation in _read_computations(own, checks.get(user, []))
    ]
    log = (folder / "tsung.log").read_text()
    if len(requests) < max(map(int, ANSWERS.findall(log)), default=0):
        raise CutShort(f"Tsung did not write all of its log: {folder}")
    return Outcomes(requests, computations + _unanswered(requests, log), _read_errors(log))


def _read_requests(dump: Path) -> list[Request]:
    requests = []
    for line in dump.read_text().splitlines():
        if line.startswith("#") or line.count(";") < 12:
            continue
        when, _, user, method, _, path, status, _, took_ms, kind = line.split(";")[:10]
        number = int(status) if status.isdecimal() else 0
        requests.append(
            Request(int(user), float(when), float(took_ms) / 1000, method, path, number, kind.removeprefix("tr_"))
        )
    return sorted(requests, key=lambda request: request.ended)


def _read_checks(log: Path) -> dict[int, list[tuple[float, str]]]:
    checks: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for line in log.read_text().splitlines():
        fields = line.split()
        if len(fields) == 7 and fields[4] == "match":
            checks[int(fields[1])].append((float(fields[0]), fields[6]))
    return checks


def _read_computations(requests: list[Request], checks: list[tuple[float, str]]) -> list[Computation]:
    """Cut what one student did into computations: each begins with the answer to its submission."""
    starts = [number for number, request in enumerate(requests) if request.submits]
    computations = []
    for start, stop in zip(starts, [*starts[1:], len(requests)], strict=True):
        until = requests[stop].began if stop < len(requests) else float("inf")
        own = [(when, name) for when, name in checks if requests[start].ended <= when <= until]
        computations.append(_judge(requests[start:stop], own))
    return computations


def _judge(requests: list[Request], checks: list[tuple[float, str]]) -> Computation:
    submission = requests[0]
    if submission.status in REFUSALS:
        return Computation(submission.kind, "refused", submission.ended, None)
    id = next((found.group(1) for one in requests if (found := ID.match(one.path))), "")
    over = next((when for when, name in checks if name == "over"), None)
    if submission.status != 201 or over is None:
        return Computation(submission.kind, "lost", requests[-1].ended, None, id)
    held = [match.groups() for match in (RIGHT.fullmatch(name) for _, name in checks) if match]
    needed = int(held[0][1]) if held else 1
    outcome = "right" if len({number for number, _ in held}) == needed else "wrong"
    began = next((request.began for request in requests if INTERRUPT.search(request.path)), submission.began)
    return Computation(submission.kind, outcome, over, over - began, id)


def _unanswered(requests: list[Request], log: str) -> list[Computation]:
    """Return the submissions that got no answer: Tsung began as many transactions of a kind as the last line says."""
    begun = Counter({kind: int(total) for kind, total in TRANSACTION.findall(log)})
    begun.subtract(request.kind for request in requests if request.submits)
    return [Computation(kind, "lost", float("inf"), None) for kind in begun.elements()]


def _read_errors(log: str) -> dict[str, int]:
    last = {name: int(total) for name, total in ERROR.findall(log)}  # totals since the beginning
    return {name: total for name, total in last.items() if total}
