"""Catches in pipes, and hands on as text, what programs and C libraries write to the file descriptors 1 and 2."""

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
_IONBF = 2  # <stdio.h>


class DescriptorPipe:
    """A pipe behind one file descriptor; what was written to it is read without waiting."""

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
            # Nobody holds the other end: the reader's code closed its own standard output.
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
        """Return all that a cell has left in the pipes and in the decoders."""
        return self.read() + [(pipe.name, text) for pipe in self._pipes.values() if (text := pipe.finish())]


def unbuffer_c_stdout() -> None:
    """Let ``printf`` write at once, in this process and in those forked from it.

    In front of a pipe the C library would keep 4 KiB back, beyond the end of the cell.
    """
    with suppress(OSError, AttributeError, ValueError):
        library = ctypes.CDLL(None)
        library.setvbuf(ctypes.c_void_p.in_dll(library, "stdout"), None, _IONBF, ctypes.c_size_t(0))
