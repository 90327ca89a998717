"""The languages of one account: what its supervisor says of them, in Hello and after it, is checked and remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device.errors import SHOWN_CHARS, SupervisorProtocolError
from settings import Settings
from wire import LANGUAGES_BURST, PROTOCOL, Hello, LanguageReport

LIMITERS = ("cgroup2", "cgroup1", "watchdog")
LAYERS_MAX = 64


def check(hello: Hello) -> None:
    """Refuse a greeting that is not plain; its languages are the Offer's. Raises SupervisorProtocolError."""
    if hello.protocol != PROTOCOL:
        raise SupervisorProtocolError(f"protocol {hello.protocol} where {PROTOCOL} is spoken")
    if hello.limiter not in LIMITERS:
        raise SupervisorProtocolError("a limiter that there is not")
    if len(hello.layers) > LAYERS_MAX:
        raise SupervisorProtocolError(f"{len(hello.layers)} layers")
    texts = [text for layer in hello.layers for text in (layer.name, layer.detail)]
    if not all(len(text) <= SHOWN_CHARS and text.isprintable() for text in texts):
        raise SupervisorProtocolError("a greeting with texts that cannot be shown")
    if any(layer.state == "off" for layer in hello.layers):
        raise SupervisorProtocolError("a layer that is off and was not waived")


def report(hello: Hello) -> dict[str, Any]:
    """Return what /readyz shows of a greeting."""
    return {
        "layers": [{"name": layer.name, "state": layer.state, "detail": layer.detail} for layer in hello.layers],
        "limiter": hello.limiter,
    }


class AccountLanguages:
    """What an account can run now, what it is about to, and what it cannot. Raises SupervisorProtocolError."""

    def __init__(self, reports: Sequence[LanguageReport], settings: Settings) -> None:
        self._settings = settings
        self._left, self._pings = LANGUAGES_BURST, 0
        self._reports = self._checked(reports)
        if not self.ready and self._named("loading"):
            raise SupervisorProtocolError("a greeting before anything can run")

    @property
    def ready(self) -> list[str]:
        """The languages in which it takes sessions now."""
        return self._named("ready")

    @property
    def hopeless(self) -> bool:
        """Whether nothing can run, and nothing is about to."""
        return all(report.state == "failed" for report in self._reports)

    def change(self, reports: Sequence[LanguageReport], pings: int) -> list[LanguageReport]:
        """Take what is said after the greeting; return what is new. ``pings``: how many were sent. Raises SupervisorProtocolError."""
        self._left, self._pings = min(self._left + pings - self._pings, LANGUAGES_BURST), pings
        if self._left == 0:
            raise SupervisorProtocolError("a flood of news about its languages")
        self._left -= 1
        if [report.name for report in reports] != [report.name for report in self._reports]:
            raise SupervisorProtocolError("other languages than it has greeted with")
        new = [report for report in self._checked(reports) if report not in self._reports]
        if not new:
            raise SupervisorProtocolError("news about its languages that are none")
        self._reports = list(reports)
        return new

    def report(self) -> dict[str, Any]:
        """Return what /readyz shows of it."""
        versions = [report for report in self._reports if report.state == "ready"]
        return {
            "languages": [{"name": report.name, "version": report.version} for report in versions],
            "loading": self._named("loading"),
            "failed": self._named("failed"),
        }

    def __str__(self) -> str:
        return ", ".join(map(describe, self._reports))

    def _named(self, state: str) -> list[str]:
        return [report.name for report in self._reports if report.state == state]

    def _checked(self, reports: Sequence[LanguageReport]) -> list[LanguageReport]:
        names = [report.name for report in reports]
        if len(set(names)) != len(names) or not set(names) <= set(self._settings.languages):
            raise SupervisorProtocolError("languages that it was not asked for")
        if not all(len(report.version) <= SHOWN_CHARS and report.version.isprintable() for report in reports):
            raise SupervisorProtocolError("versions of languages that cannot be shown")
        if any(report.version and report.state != "ready" for report in reports):
            raise SupervisorProtocolError("the version of a language that is not loaded")
        return list(reports)


def describe(report: LanguageReport) -> str:
    """Return a report that has been checked as a line of the log has it."""
    match report.state:
        case "ready":
            return f"{report.name} {report.version} is ready"
        case "loading":
            return f"{report.name} is being loaded"
    return f"{report.name} cannot be loaded"
