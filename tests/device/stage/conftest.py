"""A real store, and devices that speak with scripted supervisors over real sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import settings as settings_file
import wire
from device.loop import Device
from settings import Settings
from store import Computation, Store, devices
from tests.device.stage.cells import busy
from tests.device.stage.scripted import Scripted, Site
from tests.store.conftest import connect, store, submit

__all__ = ["connect", "store"]  # fixtures

DEADLINE_S = 60.0
SILENT_HEARTBEATS = 1000
QUICK = {
    "poll_interval_s": 0.02,
    "heartbeat_s": 0.2,
    "heartbeat_timeout_s": 2.0,
    "redial_s_first": 0.05,
    "redial_s_max": 0.2,
    "workers": 4,
}


@pytest.fixture(autouse=True)
def nobody_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device counts as alive for minutes; with these heartbeats one that stands still for 0.6 s would not."""
    monkeypatch.setattr(devices, "ALIVE_HEARTBEATS", SILENT_HEARTBEATS)


class Stage:
    """A device, the supervisors that it starts, and the store between them; everything runs in one thread.

    ``devices_store``: the device's own connection, if it is less patient than the test's.
    """

    def __init__(self, store: Store, settings: Settings, devices_store: Store | None = None) -> None:
        self.store, self.settings, self.site = store, settings, Site()
        self.device = Device(devices_store or store, settings, self.site.start)
        self._closed = False

    def play(self, condition: Callable[[], object], what: str = "", deadline_s: float = DEADLINE_S) -> None:
        """Let all act until the condition holds."""
        end = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < end, f"never: {what or condition}"
            self.round()

    def round(self) -> None:
        """Let each act once."""
        self.device.step()
        for supervisor in self.site.alive:
            supervisor.step()

    def supervisor(self, account: str = "") -> Scripted:
        """Return the newest supervisor of an account, once the device may open sessions in it."""
        (found,) = (known for known in self.device.accounts if known.name == account)
        self.play(lambda: found.free > 0, f"room in {found.label}")
        return self.site.newest(account)

    def listen(self) -> None:
        """Let all act until the device hears hints: until one of two cells was over that it had to be told of."""
        for _ in range(2):  # it looks for the first by itself when it starts
            id = submit(self.store)
            self.play(lambda: self.store.hints.announce("submitted", id) or self.computation(id).over)  # noqa: B023

    def finish(self, id: str) -> Computation:
        """Let all act until a computation is over."""
        self.play(lambda: self.computation(id).over, f"the end of {id}")
        return self.computation(id)

    def computation(self, id: str) -> Computation:
        """Return a computation as it is now."""
        found = self.store.computations.get(id)
        assert found is not None
        return found

    def close(self) -> None:
        """End the device and all supervisors, once."""
        if not self._closed:
            self._closed = True
            self.device.close()
            for supervisor in self.site.started:
                supervisor.close()


@pytest.fixture
def make_stage(store: Store) -> Iterator[Callable[..., Stage]]:
    """Make stages over this test's store; settings can be changed."""
    stages: list[Stage] = []

    def make(door: Store = store, devices_store: Store | None = None, **changes: Any) -> Stage:
        stages.append(Stage(door, settings_file.load(**{**QUICK, **changes}), devices_store))
        return stages[-1]

    yield make
    for stage in stages:
        stage.close()


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    """A device with one account."""
    return make_stage()


@pytest.fixture
def running(stage: Stage) -> Callable[..., tuple[Scripted, wire.Execute, str]]:
    """Return what submits a cell that begins and does not end: (supervisor, its Run frame, id)."""

    def begin(**fields: Any) -> tuple[Scripted, wire.Execute, str]:
        supervisor = stage.supervisor()
        supervisor.on_run = busy
        id = submit(stage.store, **fields)
        stage.play(lambda: stage.computation(id).sequence >= 1)
        return supervisor, supervisor.frames(wire.Execute)[-1], id

    return begin
