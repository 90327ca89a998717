"""Tells the device what this supervisor can run: Hello once a language can run, then how languages come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from wire import LANGUAGES_BURST, PROTOCOL, SHORT_FRAME_BYTES, Hello, LanguageReport, Languages, Layer, encode

if TYPE_CHECKING:
    from untrusted.supervisor.drain import Drain
    from untrusted.supervisor.pool import Pool

# Half of what the device allows: it counts pings that are still on their way here.
BURST = LANGUAGES_BURST // 2


class Status:
    """The state of all languages as the device was told it last, beside the pools that know it.

    Who drains has no language that is ready: so the device opens no session more, and what runs goes on.
    """

    def __init__(
        self, pools: Mapping[str, Pool], limiter: str, layers: Sequence[Layer], drain: Drain | None = None
    ) -> None:
        self._pools, self._limiter, self._layers, self._drain = pools, limiter, list(layers), drain
        self._told: list[LanguageReport] = []
        self._seen: list[LanguageReport] = []
        self._fit: list[LanguageReport] = []
        self._frames_left = BURST

    @property
    def made(self) -> bool:
        """Whether Hello has been said."""
        return bool(self._told)

    def tell_anew(self) -> None:
        """Tell all of it again: another device has come."""
        self._told, self._frames_left = [], BURST

    def hear_ping(self) -> None:
        """Note that the device allows one frame more."""
        self._frames_left = min(self._frames_left + 1, BURST)

    @property
    def ready(self) -> dict[str, int]:
        """How many workers of each language with a pool of its own wait for a session."""
        return {name: len(pool.ready) for name, pool in self._pools.items() if name == pool.language.name}

    def next_frame(self) -> Hello | Languages | None:
        """Return what the device has to be told now, if anything. What is returned counts as told."""
        is_draining = self._drain is not None and self._drain.is_asked
        reports = [_report(name, pool, is_draining) for name, pool in self._pools.items()]
        if reports != self._seen:
            self._seen, self._fit = reports, self._short(list(reports))
        reports = self._fit
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

    def _short(self, reports: list[LanguageReport]) -> list[LanguageReport]:
        """Return the reports as one frame holds them: if there are too many packages, the last languages name none."""
        at = len(reports)
        while at and len(encode(Hello(PROTOCOL, self._limiter, self._layers, reports))) > SHORT_FRAME_BYTES:
            at -= 1
            reports[at] = replace(reports[at], packages={})
        return reports

    @property
    def failed(self) -> list[str]:
        """The languages of which the device knows that they cannot run."""
        return [report.name for report in self._told if report.state == "failed"]


def _report(name: str, pool: Pool, is_draining: bool) -> LanguageReport:
    if pool.can_run and not is_draining:
        if name == pool.language.name:
            return LanguageReport(name, pool.version, "ready", pool.packages)
        # Of one that runs through another, that one's name and version.
        return LanguageReport(name, f"{pool.language.name} {pool.version}", "ready")
    return LanguageReport(name, "", "failed" if pool.settled and not pool.can_run else "loading")
