"""How often a supervisor speaks of its languages, whatever they do."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

import settings as settings_file
import wire
from device.handshake import AccountLanguages
from untrusted.languages import Language
from untrusted.supervisor.status import BURST, Status

PYTHON, SAGE = Language("python", str), Language("sage", str)


@dataclass
class Pool:
    """What is known of a language."""

    language: Language
    can_run: bool = True
    settled: bool = True
    version: str = "1"
    packages: dict[str, str] = field(default_factory=dict)


@dataclass
class Drain:
    """Whether somebody has asked for the end."""

    is_asked: bool = False


class Told:
    """A language that comes and goes all the time, and a device that must believe each frame about it."""

    def __init__(self) -> None:
        self._pool = Pool(SAGE, settled=False)
        self._status = Status({"python": Pool(PYTHON), "sage": self._pool}, "watchdog", [])
        hello = self._status.next_frame()
        assert isinstance(hello, wire.Hello)
        self._languages, self._pings = AccountLanguages(hello.languages, settings_file.load()), 0

    def change(self) -> bool:
        """Let the language change; return whether the device is told."""
        self._pool.can_run = not self._pool.can_run
        frame = self._status.next_frame()
        if isinstance(frame, wire.Languages):
            self._languages.change(frame.languages, self._pings)
        return frame is not None

    def ping(self) -> None:
        """Let the device ask for a sign of life."""
        self._pings += 1
        self._status.hear_ping()


@pytest.mark.parametrize(("beyond", "told"), [(-1, True), (0, True), (1, False)])
def test_a_supervisor_keeps_to_its_part_of_what_the_device_allows(beyond: int, told: bool) -> None:
    language = Told()
    assert all(language.change() for _ in range(BURST - 1))
    assert [language.change() for _ in range(1 + beyond)][-1:] in ([], [told])


def test_what_was_left_out_is_told_with_the_next_ping() -> None:
    language = Told()
    while language.change():
        pass
    language.change()  # back to what was told
    language.ping()
    assert language.change() and not language.change()


def test_a_language_that_comes_and_goes_for_hours_is_no_flood() -> None:
    language = Told()
    told = 0
    for round in range(1000):
        told += language.change()
        if round % 3 == 0:
            language.ping()
    assert 300 < told < 400


def test_a_dialect_is_as_far_as_the_language_that_it_runs_through() -> None:
    pool = Pool(SAGE, can_run=False, settled=False)
    status = Status({"python": Pool(PYTHON), "sage": pool, "gap": pool}, "watchdog", [])
    hello = status.next_frame()
    assert isinstance(hello, wire.Hello) and hello.languages[2] == wire.LanguageReport("gap", "", "loading")
    pool.can_run = True
    changed = status.next_frame()
    assert isinstance(changed, wire.Languages) and changed.languages[2] == wire.LanguageReport("gap", "sage 1", "ready")


@pytest.mark.parametrize(("beyond", "named"), [(-1, True), (0, True), (1, False)])
def test_packages_are_named_as_long_as_one_frame_holds_them(beyond: int, named: bool) -> None:
    pools = {language.name: Pool(language, packages={"many": "1"}) for language in (PYTHON, SAGE)}
    size = len(wire.encode(Status(pools, "watchdog", []).next_frame()))  # type: ignore[arg-type]
    missing = wire.SHORT_FRAME_BYTES - size - len(b"\xda__") + len(b"\xa1")
    pools["sage"].packages = {"many": "1" * (missing + 1 + beyond)}
    hello = Status(pools, "watchdog", []).next_frame()
    assert isinstance(hello, wire.Hello)
    assert [bool(report.packages) for report in hello.languages] == [True, named]
    assert len(wire.encode(hello)) <= wire.SHORT_FRAME_BYTES


def test_a_supervisor_that_drains_says_so_in_a_way_that_the_device_believes() -> None:
    drain = Drain()
    status = Status({"python": Pool(PYTHON), "sage": Pool(SAGE, can_run=False)}, "watchdog", [], drain)  # type: ignore[arg-type]
    hello = status.next_frame()
    assert isinstance(hello, wire.Hello)
    languages = AccountLanguages(hello.languages, settings_file.load())
    drain.is_asked = True
    frame = status.next_frame()
    assert isinstance(frame, wire.Languages)
    languages.change(frame.languages, 0)
    assert not languages.ready and not languages.hopeless
    assert [report.state for report in frame.languages] == ["loading", "failed"]
