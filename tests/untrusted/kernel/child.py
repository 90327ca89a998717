"""A zygote with a warm kernel in a process of its own, and children forked from it."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.languages import language_python
from harness.processes import tied, untrusted_python
from tests.messages import validate_message, validate_order

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_S = 60.0  # Sage starts slowly on a busy machine


def plain(text: str) -> str:
    """Return a text without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _interpreter(language: str) -> str:
    return untrusted_python() if language == "python" else str(language_python(language))


class Ran(list):
    """The messages of one computation: ``(msg_type, content, metadata, buffers)``, valid and in valid order."""

    @property
    def types(self) -> list[str]:
        """The types, without the frame that every computation has."""
        frame = ("status", "execute_input", "execute_reply")
        return [kind for kind, *_ in self if kind not in frame]

    def all(self, msg_type: str) -> list[dict[str, Any]]:
        """The contents of one type."""
        return [content for kind, content, *_ in self if kind == msg_type]

    def only(self, msg_type: str) -> dict[str, Any]:
        """The content of the only message of this type."""
        (content,) = self.all(msg_type)
        return content

    def text(self, name: str = "stdout") -> str:
        """All text of a stream."""
        return "".join(content["text"] for content in self.all("stream") if content["name"] == name)

    @property
    def reply(self) -> dict[str, Any]:
        """The content of execute_reply."""
        return self.only("execute_reply")

    @property
    def error(self) -> str:
        """The traceback without colours."""
        return plain("\n".join(self.only("error")["traceback"]))


class Zygote:
    """The process of a language's zygote, and the lines that go in and out."""

    def __init__(self, directory: Path, language: str) -> None:
        self.directory = directory
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(directory / "home"),
            "MPLCONFIGDIR": str(directory / "matplotlib"),
            "OPENBLAS_NUM_THREADS": "1",
        }
        (directory / "work").mkdir()
        (directory / "home").mkdir()
        self._log = (directory / "log").open("wb")
        self._process = subprocess.Popen(
            tied([_interpreter(language), Path(__file__).parent / "zygote.py", language]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=environment, cwd=directory / "work",
        )  # fmt: skip
        self._bytes = b""
        self.forked: int | None = None
        self.tasks = self.read()["tasks"]

    def write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def read(self) -> dict[str, Any]:
        """Return the next line. Fails the test when none comes in time."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        until = time.monotonic() + DEADLINE_S
        while b"\n" not in self._bytes:
            if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
                if self.forked is not None:
                    os.killpg(self.forked, signal.SIGUSR1)  # it writes into the log where it is
                    with suppress(subprocess.TimeoutExpired):
                        self._process.wait(1)
                raise TimeoutError(f"no line in {DEADLINE_S} s; the log says:\n{self.log()}")
            data = os.read(descriptor, 1 << 20)
            if not data:
                raise EOFError(f"the zygote is gone; the log says:\n{self.log()}")
            self._bytes += data
        line, _, self._bytes = self._bytes.partition(b"\n")
        return json.loads(line)

    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def end_group(self) -> None:
        """Kill what the forked kernel has left behind, or the kernel itself."""
        if self.forked is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.forked, signal.SIGKILL)
        self.forked = None

    def close(self) -> None:
        self.end_group()
        self._process.kill()
        self._process.wait()
        self._log.close()


def warm(directory: Path, language: str) -> Iterator[Zygote]:
    """Yield a zygote, and show its log when the tests with it are over."""
    zygote = Zygote(directory, language)
    yield zygote
    zygote.close()
    sys.stderr.write(zygote.log())


class LocalProcess:
    """A forked kernel."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote
        self.work = zygote.directory / "work"
        self.late: list[tuple] = []
        zygote.write("fork")
        self.pid: int = zygote.read()["pid"]
        zygote.forked = self.pid

    def run(
        self,
        code: str,
        stdin: bool = True,
        answers: tuple[str, ...] = (),
        on: Callable[[str], None] | None = None,
        scheme: str = "",
    ) -> Ran:
        """Run a cell; ``on`` is told every text and message type as it comes."""
        self.order("execute", code, stdin, None, False, scheme)
        ran = self._ran(list(answers), on)
        validate_order((kind, content) for kind, content, *_ in ran)
        return ran

    def deliver(self, msg_type: str, content: dict, buffers: tuple[bytes, ...] = ()) -> Ran:
        """Deliver a comm message."""
        self.order("deliver", msg_type, content, {}, [buffer.hex() for buffer in buffers])
        ran = self._ran([], None)
        validate_order(((kind, content) for kind, content, *_ in ran), comm=True)
        return ran

    def call(self, name: str, *arguments: Any) -> dict[str, Any]:
        """Complete or inspect."""
        self.order(name, *arguments)
        while "returned" not in (line := self._zygote.read()):
            self.late.append(tuple(line["message"]))
        validate_message(f"{name}_reply", line["returned"])
        return line["returned"]

    def order(self, name: str, *arguments: Any) -> None:
        self._zygote.write(json.dumps({"order": name, "arguments": arguments}))

    def next_late(self) -> tuple:
        """Return the next message that comes between two computations."""
        return self.late.pop(0) if self.late else tuple(self._zygote.read()["message"])

    def interrupt(self) -> None:
        """Interrupt as a supervisor does: the whole process group."""
        os.killpg(self.pid, signal.SIGINT)

    def end(self) -> int:
        """End the child and return its wait status."""
        self._zygote.write("{}")
        while "over" not in (line := self._zygote.read()):
            pass
        self._zygote.end_group()
        return line["over"]

    def _ran(self, answers: list[str], on: Callable[[str], None] | None) -> Ran:
        messages = list(self._messages(answers, on))
        # What threads said since the last computation comes first: a supervisor puts it behind ``busy``.
        busy = next(at for at, (kind, *_) in enumerate(messages) if kind == "status")
        self.late += messages[:busy]
        return Ran(messages[busy:])

    def _messages(self, answers: list[str], on: Callable[[str], None] | None) -> Iterator[tuple]:
        while "returned" not in (line := self._zygote.read()):
            kind, content, *rest = line["message"]
            yield kind, content, *rest
            if kind == "input_request" and answers:
                self._zygote.write(json.dumps({"answer": answers.pop(0)}))
            if on is not None:
                on(content["text"] if kind == "stream" else kind)
