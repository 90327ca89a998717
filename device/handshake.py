"""Checks what a supervisor says of itself: Hello, and the states of its languages in Hello and after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device.errors import SHOWN_CHARS, SupervisorProtocolError
from settings import Settings
from wire import (
    LANGUAGES_BURST,
    PACKAGE_CHARS_MAX,
    PACKAGE_NAME,
    PACKAGES_MAX,
    PROTOCOL,
    Hello,
    LanguageReport,
)

LIMITERS = ("cgroup2", "cgroup1", "watchdog")
LAYERS_MAX = 64


def check(hello: Hello) -> None:
    """Check all of a Hello but its languages. Raises SupervisorProtocolError."""
    if hello.protocol != PROTOCOL:
        raise SupervisorProtocolError(f"protocol {hello.protocol}; the device speaks {PROTOCOL}")
    if hello.limiter not in LIMITERS:
        raise SupervisorProtocolError("a limiter that does not exist")
    if len(hello.layers) > LAYERS_MAX:
        raise SupervisorProtocolError(f"{len(hello.layers)} layers")
    texts = [text for layer in hello.layers for text in (layer.name, layer.detail)]
    if not all(len(text) <= SHOWN_CHARS and text.isprintable() for text in texts):
        raise SupervisorProtocolError("a Hello with texts that cannot be shown")
    if any(layer.state == "off" for layer in hello.layers):
        raise SupervisorProtocolError("a layer that is off and was not waived")


def report(hello: Hello) -> dict[str, Any]:
    """Return what /readyz shows of a Hello."""
    return {
        "layers": [{"name": layer.name, "state": layer.state, "detail": layer.detail} for layer in hello.layers],
        "limiter": hello.limiter,
    }


class AccountLanguages:
    """The languages of one account: which can run now, which are being loaded, which cannot be loaded.

    Raises SupervisorProtocolError when the supervisor says of them what it may not.
    """

    def __init__(self, reports: Sequence[LanguageReport], settings: Settings) -> None:
        self._settings = settings
        self._left, self._pings = LANGUAGES_BURST, 0
        self._reports = self._checked(reports)
        if not self.ready and self._named("loading"):
            raise SupervisorProtocolError("a Hello before anything can run")

    @property
    def ready(self) -> list[str]:
        """The languages in which it takes sessions now."""
        return self._named("ready")

    @property
    def hopeless(self) -> bool:
        """Whether nothing can run, and nothing is about to."""
        return all(report.state == "failed" for report in self._reports)

    def change(self, reports: Sequence[LanguageReport], pings: int) -> list[LanguageReport]:
        """Take a Languages frame; return the reports that are new.

        ``pings``: how many the device has sent. Raises SupervisorProtocolError.
        """
        self._left, self._pings = min(self._left + pings - self._pings, LANGUAGES_BURST), pings
        if self._left == 0:
            raise SupervisorProtocolError("a flood of Languages")
        self._left -= 1
        if [report.name for report in reports] != [report.name for report in self._reports]:
            raise SupervisorProtocolError("other languages than those of its Hello")
        new = [report for report in self._checked(reports) if report not in self._reports]
        if not new:
            raise SupervisorProtocolError("Languages in which nothing is new")
        self._reports = list(reports)
        return new

    def report(self) -> dict[str, Any]:
        """Return what /readyz shows of it."""
        ready = [report for report in self._reports if report.state == "ready"]
        return {
            "languages": [
                {"name": report.name, "version": report.version, "packages": report.packages} for report in ready
            ],
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
            raise SupervisorProtocolError("languages that its start configuration does not have")
        if not all(len(report.version) <= SHOWN_CHARS and report.version.isprintable() for report in reports):
            raise SupervisorProtocolError("versions of languages that cannot be shown")
        if any((report.version or report.packages) and report.state != "ready" for report in reports):
            raise SupervisorProtocolError("the version of a language that is not loaded")
        if not all(_are_packages(report.packages) for report in reports):
            raise SupervisorProtocolError("packages that cannot be shown")
        return list(reports)


def _are_packages(packages: dict[str, str]) -> bool:
    return len(packages) <= PACKAGES_MAX and all(
        max(len(name), len(version)) <= PACKAGE_CHARS_MAX and PACKAGE_NAME.fullmatch(name) and version.isprintable()
        for name, version in packages.items()
    )


def describe(report: LanguageReport) -> str:
    """Return a checked report as words for the log."""
    match report.state:
        case "ready":
            return f"{report.name} {report.version} is ready"
        case "loading":
            return f"{report.name} is being loaded"
    return f"{report.name} cannot be loaded"
