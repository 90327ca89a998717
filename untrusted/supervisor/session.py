"""Hands a session's turns to its worker one after another, sends on what the kernel says, and ends them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from untrusted.channel import carried_bytes
from untrusted.supervisor.delivery import Deliveries, Work, deliver, outputs
from untrusted.supervisor.message_sorter import MessageSorter
from untrusted.supervisor.pace import MESSAGE_BYTES
from untrusted.supervisor.turn import Turn
from untrusted.supervisor.usage_watch import UsageWatch
from untrusted.supervisor.work_directory import WorkDirectory
from untrusted.supervisor.worker_process import WorkerProcess
from wire import Closed, Deliver, Execute, Finished, Frame, InputReply, Limits, Message, Reason, Upload, WireError

PARTING_S = 2.0  # for the turn to obey that runs when the device has gone: the next device may be waiting for it


class Session:
    """A session, from Open to Closed; ``worker`` is None until one is ready.

    ``backlog``: frames of the device that wait for their turn. ``ending``: why the session ends, once it does.
    ``send`` takes frames for the device, in order.
    """

    def __init__(
        self, session_id: str, language: str, limits: Limits, send: Callable[[Frame], None], deliveries: Deliveries
    ) -> None:
        self.id, self.language, self._limits = session_id, language, limits
        self._send, self._deliveries = send, deliveries
        self.worker: WorkerProcess | None = None
        self._directory: WorkDirectory | None = None
        self.turn: Turn | None = None
        self.backlog: deque[Execute | Deliver | Upload] = deque()
        self.usage = UsageWatch(limits)
        self.ending: Reason | None = None
        self._sorter = MessageSorter(limits)
        self._interrupted: set[str] = set()  # computations that were interrupted before they began
        self._is_delivering = False  # whether the end of the last turn is not told yet
        self._has_computed = False  # whether a turn has come to its end, so that there are variables to keep

    @property
    def is_idle(self) -> bool:
        """Whether it could take a computation or an introspection now."""
        return self.worker is not None and self.turn is None and self.ending is None and not self.backlog

    @property
    def rests(self) -> bool:
        """Whether it is idle, and all that it had to say is said."""
        return self.is_idle and not self._is_delivering

    @property
    def is_asking(self) -> bool:
        """Whether it waits for an input reply."""
        return self.turn is not None and self.turn.asking_since is not None and self.ending is None

    # --- how turns begin ----------------------------------------------------------------------------------------
    def start(self, worker: WorkerProcess, now: float) -> None:
        """Give the session a ready worker."""
        assert worker.work_directory is not None  # of every ready one
        self.worker, self._directory = worker, WorkDirectory(worker.work_directory)
        self.work_off(now)

    def work_off(self, now: float) -> None:
        """Send uploads to the worker, and begin the next turn, as far as the last one is over."""
        worker, directory = self.worker, self._directory
        while worker is not None and directory is not None and self.backlog:
            if self.turn is not None or self._is_delivering:
                return
            frame = self.backlog.popleft()
            if isinstance(frame, Upload):
                if frame.last:
                    directory.expect(frame.name)
                worker.channel.send(frame)
                continue
            cpu_before_s = self.usage.begin_turn(worker, frame.weight)
            self.turn = Turn(frame.computation, frame.last, cpu_before_s, now, frame)
            self._hand_over(self.turn, worker, directory)

    def _hand_over(self, turn: Turn, worker: WorkerProcess, directory: WorkDirectory) -> None:
        """Give the worker its computation, once all uploads lie there: they are not the code's doing."""
        if turn.frame is None or directory.is_waiting:
            return
        if directory.strayed:
            self._deliveries.add(self.id, self._look_again(turn, worker, directory))
            return
        turn.files_before = directory.files
        worker.channel.send(turn.frame)
        turn.frame = None

    def _look_again(self, turn: Turn, worker: WorkerProcess, directory: WorkDirectory) -> Work:
        yield from directory.look_again()
        if self.turn is turn and self.ending is None:
            self._hand_over(turn, worker, directory)

    def note_written(self) -> None:
        """Note that an upload is written. Raises WireError when none is under way."""
        if self._directory is not None and self.worker is not None:
            self._directory.note_written()
            if self.turn is not None:
                self._hand_over(self.turn, self.worker, self._directory)

    # --- what happens in a turn ---------------------------------------------------------------------------------
    def interrupt(self, computation: str, now: float) -> None:
        """Raise KeyboardInterrupt in the computation, if it still runs; as soon as it begins, if it has not begun."""
        turn = self.turn
        if turn is not None and turn.over_at is not None:
            return
        if turn is None or turn.computation != computation or not turn.began:
            if any(waiting.computation == computation for waiting in [turn, *self.backlog] if waiting):
                self._interrupted.add(computation)
        elif self.worker is not None:
            turn.kill_at = turn.kill_at or now + self._limits.cell_interrupt_grace_s
            turn.stop_asking(now)
            self.worker.interrupt()

    def reply(self, frame: InputReply, now: float) -> None:
        """Pass an input reply on, if the computation waits for one."""
        turn = self.turn
        if turn and self.worker and turn.computation == frame.computation and turn.asking_since is not None:
            turn.stop_asking(now)
            self.worker.channel.send(frame)

    def pass_on(self, messages: list[Message], now: float) -> None:
        """Send on what the kernel said, within the limits. Raises WireError when it said nothing."""
        if not messages:
            raise WireError("a frame without messages, which no limit counts")
        out: list[Message] = []
        for message in messages:
            if not self._sorter.sort(message, self.turn, out):
                self.end("output")
                break
            self._react(message, now)
        if self.turn and self.turn.ended:
            self.turn.late += out  # one frame takes it with the end, which follows
        elif self.turn:
            for frame in outputs(self.id, self.turn.computation, out):
                self._send(frame)
        cost_bytes = sum(map(carried_bytes, messages)) + MESSAGE_BYTES * len(messages)
        self._deliveries.output_pace.count(self.id, cost_bytes, now)

    def pause_s(self, now: float) -> float:
        """Return for how long its kernel is not heard, as it has said much and others run cells."""
        return self._deliveries.output_pace.wait_s(self.id, now) if self.ending is None else 0.0

    def _react(self, message: Message, now: float) -> None:
        """Do what waited for the beginning of the turn; stop its clock when it asks the reader for input."""
        turn = self.turn
        if turn is None or not turn.began or turn.ended:
            return
        if turn.computation in self._interrupted:
            self._interrupted.remove(turn.computation)
            self.interrupt(turn.computation, now)
        if message.msg_type == "input_request" and turn.asking_since is None and self.worker:
            turn.asking_since = now
            self.usage.look(self.worker)

    def part(self, now: float) -> bool:
        """Come to rest, for the device has gone; return False where nothing of the session outlives that.

        What its turn says is said to nobody, so the turn is interrupted.
        """
        turn = self.turn
        if self.ending or self.worker is None or not self._has_computed or self.backlog:
            return False
        if turn is not None and (turn.last or not turn.began):
            return False
        if turn is not None and turn.over_at is None:
            turn.kill_at = now + min(PARTING_S, self._limits.cell_interrupt_grace_s)
            turn.stop_asking(now)
            self.worker.interrupt()
        return True

    # --- how turns and sessions end -----------------------------------------------------------------------------
    def complete(self, now: float) -> None:
        """End a turn whose code has come to its end. Raises WireError when none runs."""
        turn, worker = self.turn, self.worker
        if turn is None or worker is None or turn.frame is not None or turn.over_at is not None:
            raise WireError("the end of a computation that does not run")
        if worker.channel.unsent_bytes:
            raise WireError("the end of a computation that the worker has not read")
        turn.over_at = now
        self._deliveries.output_pace.over(self.id)
        if overrun := worker.group.overrun():
            self.end(overrun)
        elif turn.last:
            self._deliveries.add(self.id, self._look_for_files(turn))
        else:
            self._finish(None, now)

    def _look_for_files(self, turn: Turn) -> Work:
        """End the session after its last turn: at once when that left no files, else they are taken from a dead one."""
        if self._directory is not None:
            turn.unchanged = yield from self._directory.is_unchanged()
        if self.turn is turn and self.ending is None:
            if turn.unchanged:
                self._finish(None, time.monotonic())
            self.end(None)

    def _finish(self, reason: Reason | None, now: float) -> None:
        turn, worker, directory = self.turn, self.worker, self._directory
        if turn is not None and worker is not None and directory is not None:
            usage = turn.usage(now, *worker.group.usage()[:2])
            end = Finished(self.id, turn.computation, "failed" if reason else "done", reason, usage)
            self.turn, self._is_delivering = None, True
            self._has_computed = True
            self._deliveries.add(self.id, self._deliver(turn, directory, end))

    def _deliver(self, turn: Turn, directory: WorkDirectory, end: Finished) -> Work:
        yield from deliver(turn, directory, self._limits, end)
        self._is_delivering = False
        if self.ending is None:
            self.work_off(time.monotonic())

    def keep_limits(self, now: float) -> None:
        """End the session when its turn's time is up, or when it has too much of something; idle ones too."""
        if self.worker is not None and not self.ending:
            reason = self.usage.passed_limit(self.turn, self.worker, now)
            if reason:
                self.end(reason)

    def end(self, reason: Reason | None) -> None:
        """Kill the session; what is left to say is said when it is dead. No reason: its last turn is over."""
        if self.ending is None:
            self.ending = reason or "session_gone"
            if self.worker is None:
                self._send(Closed(self.id, self.ending))
            else:
                self.worker.kill()

    def bury(self, worker: WorkerProcess, now: float) -> None:
        """Say what is left to say: the worker is dead with all its processes."""
        self._deliveries.output_pace.over(self.id)
        reason: Reason = self.ending or worker.group.overrun() or "kernel_died"
        if self.turn is not None:
            done = self.turn.over_at is not None and reason in ("session_gone", "kernel_died")
            self._finish(None if done else reason, now)
        self._deliveries.add(self.id, self._close(worker, reason))

    def _close(self, worker: WorkerProcess, reason: Reason) -> Work:
        # Only now, after the files: their directory is one of the worker's descriptors.
        worker.close()
        yield Closed(self.id, reason)
