"""Tells the device what this supervisor can run: Hello once a language can run, then how languages come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wire import LANGUAGES_BURST, PROTOCOL, Hello, LanguageReport, Languages, Layer

if TYPE_CHECKING:
    from untrusted.supervisor.pool import Pool

# Half of what the device allows: it counts pings that are still on their way here.
BURST = LANGUAGES_BURST // 2


class Status:
    """The state of all languages as the device was told it last, beside the pools that know it."""

    def __init__(self, pools: Mapping[str, Pool], limiter: str, layers: Sequence[Layer]) -> None:
        self._pools, self._limiter, self._layers = pools, limiter, list(layers)
        self._told: list[LanguageReport] = []
        self._frames_left = BURST

    @property
    def made(self) -> bool:
        """Whether Hello has been said."""
        return bool(self._told)

    def hear_ping(self) -> None:
        """Note that the device allows one frame more."""
        self._frames_left = min(self._frames_left + 1, BURST)

    def next_frame(self) -> Hello | Languages | None:
        """Return what the device has to be told now, if anything. What is returned counts as told."""
        reports = [_report(name, pool) for name, pool in self._pools.items()]
        states = {report.state for report in reports}
        if not self.made:
            if "ready" not in states and "loading" in states:
                return None
            self._told = reports
            return Hello(PROTOCOL, self._limiter, self._layers, reports)
        if reports == self._told or self._frames_left == 0:
            return None
        self._told, self._frames_left = reports, self._frames_left - 1
        return Languages(reports)

    @property
    def failed(self) -> list[str]:
        """The languages of which the device knows that they cannot run."""
        return [report.name for report in self._told if report.state == "failed"]


def _report(name: str, pool: Pool) -> LanguageReport:
    if pool.warm:
        # Of one that runs through another, that one's name and version.
        other = "" if name == pool.language.name else f"{pool.language.name} "
        return LanguageReport(name, other + pool.version, "ready")
    return LanguageReport(name, "", "failed" if pool.settled else "loading")
