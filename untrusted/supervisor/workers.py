"""Listens to all worker processes, passes on what they say, and buries those that have died."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from functools import partial

from untrusted.channel import FromWorker, Over, Ready, Said, Written
from untrusted.supervisor.descriptors import Descriptors
from untrusted.supervisor.introspection import IntrospectionQueue
from untrusted.supervisor.pool import Pool
from untrusted.supervisor.sessions import Sessions
from untrusted.supervisor.worker_process import WorkerProcess
from wire import Frame, IntrospectReply, Reason, WireError

# What workers say is taken in slices: so long of one; where many speak so long of all, but at least so long of each.
HEAR_S, HEAR_ALL_S, HEAR_S_MIN = 0.002, 0.02, 0.0002
LAST_WORDS_SLICES_MAX = 1000  # a socket buffer's worth; a descriptor that leaked elsewhere must not hold us
log = logging.getLogger(__name__)


class Workers:
    """The worker processes of one account, from their fork to their burial, with the pool that each came from."""

    def __init__(
        self,
        sessions: Sessions,
        introspections: IntrospectionQueue,
        send: Callable[[Frame], None],
        descriptors: Descriptors,
    ) -> None:
        self._sessions, self._introspections, self._send = sessions, introspections, send
        self._descriptors = descriptors
        self._by_pidfd: dict[int, tuple[Pool, WorkerProcess]] = {}
        self._by_channel: dict[int, WorkerProcess] = {}
        self._unheard: dict[int, WorkerProcess] = {}  # by channel: a frame has come that was not dealt with yet
        self._paused: dict[int, float] = {}  # by channel: until when it is not heard
        self._last_words: dict[int, int] = {}  # by pidfd: slices in which a dead worker was heard

    def __iter__(self) -> Iterator[WorkerProcess]:
        return (worker for _pool, worker in self._by_pidfd.values())

    def add(self, pool: Pool, worker: WorkerProcess) -> None:
        """Listen to a worker that has just been forked."""
        channel = worker.channel
        self._by_pidfd[worker.pidfd] = pool, worker
        self._by_channel[channel.fileno()] = worker
        self._descriptors.add(worker.pidfd)
        self._descriptors.add_speaker(channel.fileno())
        channel.on_full = partial(self._descriptors.add_full, channel.fileno())

    @property
    def has_unheard(self) -> bool:
        """Whether a frame has come that was not dealt with yet."""
        return bool(self._unheard)

    def wait_s(self, now: float) -> float:
        """Return when the next of those who pause is heard again, in seconds from now."""
        return max(0.0, min(self._paused.values(), default=math.inf) - now)

    def _resume(self, now: float) -> None:
        for channel in [channel for channel, until in self._paused.items() if until <= now]:
            del self._paused[channel]
            worker = self._by_channel[channel]
            if worker.channel.waiting:
                self._unheard[channel] = worker
            if not worker.channel.closed:
                self._descriptors.add_speaker(channel)

    def hear(self, events: set[int], is_device_blocked: Callable[[], bool], now: float) -> None:
        """Deal with what workers say, a slice of each; ``events``: the descriptors at which something happened."""
        self._resume(now)
        speaking = self._unheard | {name: self._by_channel[name] for name in events & self._by_channel.keys()}
        for name, worker in speaking.items():
            if worker.channel.unsent_bytes:
                worker.channel.flush()
                if not worker.channel.unsent_bytes:
                    self._descriptors.forget_full(name)
            if name not in self._paused and not is_device_blocked():
                self._hear(worker, now, max(HEAR_S_MIN, min(HEAR_S, HEAR_ALL_S / len(speaking))))

    def bury(self, events: set[int], now: float) -> None:
        """Bury the workers that have died, as soon as their last words are heard."""
        for pidfd in events & self._by_pidfd.keys():
            pool, worker = self._by_pidfd[pidfd]
            if self._has_more_to_say(worker, now):
                continue  # the next round comes back to it
            del self._last_words[pidfd], self._by_pidfd[pidfd]
            worker.sweep()
            self._forget(worker)
            pool.forget(worker)
            for reply in self._introspections.forget(worker, again=not pool.warm):
                self._send(reply)
            self._sessions.bury(worker, now)

    def _has_more_to_say(self, worker: WorkerProcess, now: float) -> bool:
        session = self._sessions.of(worker)
        slices = self._last_words[worker.pidfd] = self._last_words.get(worker.pidfd, 0) + 1
        if session is None or session.ending or slices > LAST_WORDS_SLICES_MAX:
            return False  # nobody waits for it
        return self._hear(worker, now, HEAR_S)

    def _forget(self, worker: WorkerProcess) -> None:
        channel = worker.channel.fileno()
        del self._by_channel[channel]
        self._unheard.pop(channel, None)
        self._paused.pop(channel, None)
        self._descriptors.forget(channel)
        self._descriptors.forget(worker.pidfd)

    def _hear(self, worker: WorkerProcess, now: float, slice_s: float) -> bool:
        """Deal with what a worker says, for so long; return whether there may be more."""
        more = self._hear_frames(worker, now, slice_s)
        if worker.channel.waiting:
            self._unheard[worker.channel.fileno()] = worker
        else:
            self._unheard.pop(worker.channel.fileno(), None)
        if worker.channel.closed:
            self._descriptors.forget(worker.channel.fileno())
        self._pause(worker, now)
        return more

    def _pause(self, worker: WorkerProcess, now: float) -> None:
        """Do not hear a worker for a while, if its session has said much and others run cells."""
        session, channel = self._sessions.of(worker), worker.channel.fileno()
        wait_s = session.pause_s(now) if session is not None else 0.0
        if wait_s > 0.0 and channel in self._by_channel:
            self._paused[channel] = now + wait_s
            self._unheard.pop(channel, None)
            self._descriptors.hush(channel)

    def _hear_frames(self, worker: WorkerProcess, now: float, slice_s: float) -> bool:
        until = time.monotonic() + slice_s
        try:
            more = worker.channel.read()
            while (frame := worker.channel.take()) is not None:
                self._take_frame(worker, frame, now)
                if time.monotonic() > until:
                    break
        except (WireError, LookupError, ValueError) as error:
            log.warning("worker %d is ended, as it did not keep to the protocol: %s", worker.pid, error)
            self.end(worker, "protocol")
            return False
        if worker.channel.closed and not worker.channel.waiting:
            worker.kill()  # it will do nothing more: that it ended, and why, is seen when it is dead
        return more

    def _take_frame(self, worker: WorkerProcess, frame: FromWorker, now: float) -> None:
        """Deal with one frame. Raises WireError, LookupError or ValueError when the worker may not say it."""
        session = self._sessions.of(worker)
        if isinstance(frame, Ready):
            self._by_pidfd[worker.pidfd][0].welcome(worker)
        elif isinstance(frame, IntrospectReply):
            for reply in self._introspections.take_reply(worker, frame, now):
                self._send(reply)
        elif session is None or session.ending:
            return  # nobody waits for it
        elif isinstance(frame, Said):
            session.pass_on(frame.messages, now)
            self._sessions.note_asking(session)
        elif isinstance(frame, Written):
            session.note_written()
        elif isinstance(frame, Over):
            session.complete(now)

    def end(self, worker: WorkerProcess, reason: Reason) -> None:
        """End a worker, and the session that it serves."""
        session = self._sessions.of(worker)
        if session is None:
            worker.kill()
        else:
            self._sessions.end(session, reason)

    def stop(self) -> None:
        """Kill all workers."""
        for worker in self:
            worker.kill()
            worker.sweep()
            worker.close()
