"""What programs and C libraries write to the file descriptors 1 and 2: caught in pipes, handed on as text."""

from __future__ import annotations

import codecs
import ctypes
import fcntl
import os
import select
from contextlib import suppress
from itertools import starmap

F_SETPIPE_SZ = 1031  # <linux/fcntl.h>; the module fcntl names it from Python 3.10 on in some builds only
DESCRIPTORS = {"stdout": 1, "stderr": 2}
# Room for a C library that writes while it holds the interpreter's lock, when nobody can empty the pipe.
PIPE_BYTES = 256 << 10
READ_BYTES = 64 << 10
_IOLBF = 1  # <stdio.h>


class DescriptorPipe:
    """Stands behind one file descriptor, and reads without waiting what was written to it."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name, self.descriptor = name, descriptor
        self.read_end, write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        with suppress(OSError):  # the account's share of pipe memory is used up: the usual size does too
            fcntl.fcntl(self.read_end, F_SETPIPE_SZ, PIPE_BYTES)
        os.dup2(write_end, descriptor)
        os.close(write_end)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.open = True

    def read(self) -> str:
        """Return what has come; "" when nothing has."""
        try:
            data = os.read(self.read_end, READ_BYTES)
        except BlockingIOError:
            return ""
        except OSError:
            data = b""
        if not data:
            # Nobody holds the other end: the student's code closed its own standard output.
            self.open = False
        return self._decoder.decode(data, final=not data)

    def finish(self) -> str:
        """Return what remains of a character that was never completed."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text


class StandardPipes:
    """The two pipes behind standard output and standard error."""

    def __init__(self) -> None:
        self._pipes = {pipe.read_end: pipe for pipe in starmap(DescriptorPipe, DESCRIPTORS.items())}
        self._poll = self.poller()
        self._c_stdout = _line_buffered_c_stdout()

    def poller(self) -> select.poll:
        """Return a poll object for the pipes that are open: each thread needs its own."""
        poll = select.poll()
        for read_end, pipe in self._pipes.items():
            if pipe.open:
                poll.register(read_end, select.POLLIN)
        return poll

    def read(self) -> list[tuple[str, str]]:
        """Return (stream name, text) of what has come, at most one pipe's fill of each."""
        texts = []
        for read_end, _events in self._poll.poll(0):
            pipe = self._pipes[read_end]
            for _ in range(PIPE_BYTES // READ_BYTES):
                text = pipe.read()
                if not text:
                    break
                texts.append((pipe.name, text))
            if not pipe.open:
                self._poll.unregister(read_end)
        return texts

    def finish(self) -> list[tuple[str, str]]:
        """Return all that a cell has left in the C library's buffer, in the pipes and in the decoders."""
        if self._c_stdout is not None:
            ctypes.CDLL(None).fflush(self._c_stdout)
        return self.read() + [(pipe.name, text) for pipe in self._pipes.values() if (text := pipe.finish())]


def _line_buffered_c_stdout() -> ctypes.c_void_p | None:
    # A pipe makes the C library keep text back until 4 KiB are full; by lines it comes in the order of events.
    with suppress(OSError, AttributeError, ValueError):
        library = ctypes.CDLL(None)
        stdout = ctypes.c_void_p.in_dll(library, "stdout")
        library.setvbuf(stdout, None, _IOLBF, ctypes.c_size_t(0))
        return stdout
    return None
