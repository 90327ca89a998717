"""A launcher of parts that a test names: ``python -m tests.host.keeper LOG NAME=COMMAND …``; ends as make run does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from host.__main__ import keep
from host.journal import Journal
from host.parts import Part
from host.place import Account
from host.supervision import Parts


def main() -> int:
    """Keep the parts; names that end in ``!`` are those to end first."""
    parts = []
    for argument in sys.argv[2:]:
        name, _, command = argument.partition("=")
        shell = Account.ours().command(["sh", "-c", command])
        parts.append(Part(name.rstrip("!"), shell, dict(os.environ), Path("/"), early=name.endswith("!")))
    return keep(Parts(parts, Journal(Path(sys.argv[1])), lambda: print("started", flush=True)))


if __name__ == "__main__":
    sys.exit(main())
