"""Tells the files that a session's code made from those that were uploaded, or were there before."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing

from untrusted.supervisor.output_files import Walk, look_at, snapshot
from wire import WireError


class WorkDirectory:
    """The work directory of one session, with what lies in it when a turn begins.

    ``handle``: a file descriptor, which the worker process closes. ``files``: what lay there at the last look, or was
    uploaded since. ``strayed``: whether an upload is not where it should be: earlier code has changed the worker's
    current directory, say.
    """

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.files = snapshot(handle)
        self.strayed = False
        self._uploads: deque[str] = deque()

    @property
    def is_waiting(self) -> bool:
        """Whether the worker has not said yet of every upload that it is written."""
        return bool(self._uploads)

    def expect(self, name: str) -> None:
        """Note that the last piece of an upload was sent to the worker."""
        self._uploads.append(name)

    def note_written(self) -> None:
        """Note that the first of the expected uploads is written. Raises WireError when none is expected."""
        if not self._uploads:
            raise WireError("the worker says that an upload is written, and none was sent")
        name = self._uploads.popleft()
        seen = look_at(self.handle, name)
        if seen is not None and seen != self.files.get(os.fsencode(name)):
            self.files[os.fsencode(name)] = seen
        else:
            self.strayed = True

    def look_again(self) -> Iterator[None]:
        """Look at everything that lies there, in slices: an upload has strayed."""
        self.strayed = False
        walk = Walk(self.handle)
        with closing(walk):
            yield from walk.slices()
        self.files = walk.found

    def is_unchanged(self) -> Generator[None, None, bool]:
        """Look for changes in slices, no further than to the first; return whether there certainly are none."""
        walk = Walk(self.handle)
        with closing(walk):
            yield from walk.slices(self.files)
        return walk.whole and not walk.changed(self.files)
