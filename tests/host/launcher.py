"""Run services that a test names: ``python -m tests.host.launcher LOG NAME=COMMAND …``; ends as make run does.

Where the environment's NEVER_READY is set, no cell has run yet; PATIENT: services have a minute to end in order.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from host import supervision
from host.console import Console
from host.errors import HostError
from host.layout import Account
from host.logs import ServiceLog
from host.services import Service
from host.supervision import ServiceManager


def main() -> int:
    """Run the services; names that end in ``!`` are those to end first, in ``?`` jobs; ``b>a``: b needs a."""
    supervision.HEAR_S = 60.0  # on a busy machine the last words of a service take their time
    if "PATIENT" in os.environ:
        supervision.EARLY_S = supervision.KILL_S = 60.0
    services = []
    for argument in sys.argv[2:]:
        name, _, command = argument.partition("=")
        shell = Account.ours().command(["sh", "-c", command])
        early, is_job = name.endswith("!"), name.endswith("?")
        name, _, needs = name.rstrip("!?").partition(">")
        services.append(
            Service(name, shell, dict(os.environ), Path("/"), early, is_job, needs=(needs,) if needs else ())
        )
    console = Console()
    log = ServiceLog(Path(sys.argv[1]), console)
    log.speak_up()
    manager = ServiceManager(services, log, lambda: announce(manager))
    manager.run()
    for line in str(manager.fault or "").splitlines():
        console.say(line)
    return manager.fault.exit_code if isinstance(manager.fault, HostError) else 0


def announce(manager: ServiceManager) -> None:
    """Say that all has been started."""
    if "NEVER_READY" not in os.environ:
        manager.is_ready()
    print("started", flush=True)


if __name__ == "__main__":
    sys.exit(main())
