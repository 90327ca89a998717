"""Run services that a test names: ``python -m tests.host.launcher LOG NAME=COMMAND …``; ends as make run does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from host.__main__ import run_to_end
from host.layout import Account
from host.logs import ServiceLog
from host.services import Service
from host.supervision import ServiceManager


def main() -> int:
    """Run the services; names that end in ``!`` are those to end first, in ``?`` jobs."""
    services = []
    for argument in sys.argv[2:]:
        name, _, command = argument.partition("=")
        shell = Account.ours().command(["sh", "-c", command])
        early, is_job = name.endswith("!"), name.endswith("?")
        services.append(Service(name.rstrip("!?"), shell, dict(os.environ), Path("/"), early, is_job))
    log = ServiceLog(Path(sys.argv[1]))
    return run_to_end(ServiceManager(services, log, lambda: print("started", flush=True)), Path(sys.argv[1]).parent)


if __name__ == "__main__":
    sys.exit(main())
