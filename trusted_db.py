"""Starts the device, the program of the trusted account.

``python trusted_db.py -w 50 --untrusted-account untrusted@localhost [-q]`` takes cells from the database, forwards them
to workers in the untrusted accounts and writes back what they say. Ctrl-C ends the workers over there; SIGTERM first
lets what runs come to its end, for ``drain_s``. What runs then still is handed back, and runs again. SIGUSR1: it begins
no session more, and ends when its kept sessions have ended by themselves. The untrusted side only answers: it never
names a database operation, a path, an address or a process.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from typing import Any

import log_lines
import settings as settings_file
import store as stores
from device.account import Account
from device.connect import address
from device.errors import ConnectError
from device.loop import Device
from device.remedies import of

EXIT_OK, EXIT_SETTINGS, EXIT_REFUSED = 0, 2, 3
# What it may be asked, the more urgent the higher, and by which signals.
NOTHING, RETIRE, DRAIN, STOP = range(4)
SIGNALS: dict[int, int] = {signal.SIGUSR1: RETIRE, signal.SIGTERM: DRAIN, signal.SIGINT: STOP, signal.SIGHUP: STOP}
log = logging.getLogger("trusted_db")


def main(arguments: list[str] | None = None) -> int:
    """Run a device until a signal; return the exit code."""
    try:
        settings, options = configure(arguments)
    except settings_file.SettingsError as error:
        for line in str(error).splitlines():
            print(f"trusted_db.py: {line}", file=sys.stderr)
        return EXIT_SETTINGS
    logging.getLogger("paramiko").setLevel(logging.WARNING)
    asked = [NOTHING]

    def ask(number: int, _frame: Any) -> None:
        if SIGNALS[number] > asked[-1]:
            asked.append(SIGNALS[number])
        elif SIGNALS[number] != RETIRE:
            os._exit(128 + number)  # asked twice: now; what runs over there ends with our connection

    for number in SIGNALS:
        signal.signal(number, ask)
    store = stores.connect(settings, "singlecell device")
    device = Device(store, settings, hands_over=options.hand_over)
    log_lines.set_up(settings.log_format, logging.WARNING if options.quiet else logging.INFO, device=device.id)
    if options.end_if_refused:
        # Its sentence is said at the end, with what can be done.
        logging.getLogger("device.account").addFilter(lambda _record: not device.is_refused)
    if not settings.untrusted_accounts:
        log.warning("there is no untrusted account: cells run in a child process of this one, in the same sandbox")

    def has_to_end() -> bool:
        return asked[-1] == STOP or (options.end_if_refused and device.is_refused)

    try:
        device.run(has_to_end, lambda: asked[-1] == DRAIN, lambda: asked[-1] == RETIRE)
    except stores.SchemaError as error:
        print(f"trusted_db.py: {error}", file=sys.stderr)
        return EXIT_SETTINGS
    finally:
        store.close()
    if asked[-1] or not (options.end_if_refused and device.is_refused):
        return EXIT_OK
    for account in device.accounts:
        tell_refusal(account)
    return EXIT_REFUSED


def tell_refusal(account: Account) -> None:
    """Say why an account runs no cells, the cause first, then what the operator can do."""
    if account.refusal is not None:
        remedies = of(account.refusal.layers, here=account.is_here)
        for sentence in (f"{account.label}: {account.refusal}", *(f"what to do: {remedy}" for remedy in remedies)):
            print(f"trusted_db.py: {sentence}", file=sys.stderr)


def configure(arguments: list[str] | None) -> tuple[settings_file.Settings, argparse.Namespace]:
    """Return the settings, changed by the command line, and that for its other flags. Raises SettingsError."""
    parser = argparse.ArgumentParser(
        prog="trusted_db.py", description="Run cells from the database in untrusted accounts."
    )
    parser.add_argument("-w", "--workers", type=int, help="sessions at once, over all accounts (default: settings)")
    parser.add_argument("-q", "--quiet", action="store_true", help="log warnings only")
    parser.add_argument(
        "--untrusted-account",
        action="append",
        metavar="USER@HOST[:PORT][ via USER@RELAY[:PORT]]",
        help="where cells run; repeat for more hosts",
    )
    parser.add_argument("--drain", type=float, metavar="SECONDS", help="for what runs to end after SIGTERM (drain_s)")
    parser.add_argument(
        "--end-if-refused", action="store_true", help="end when each account says that no sandbox can be made there"
    )
    parser.add_argument(
        "--hand-over", action="store_true",
        help="after SIGTERM leave kept sessions where they are, for session_grace_s, to the next device",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    changes: dict[str, Any] = {}
    if options.workers is not None:
        changes["workers"] = options.workers
    if options.drain is not None:
        changes["drain_s"] = options.drain
    if options.untrusted_account:
        changes["untrusted_accounts"] = options.untrusted_account
    settings = settings_file.load(**changes)
    if os.geteuid() == 0 and not settings.untrusted_accounts:
        raise settings_file.SettingsError("root never runs user code: name an account with --untrusted-account")
    try:
        for account in settings.untrusted_accounts:
            address.parse(account)
    except ConnectError as error:
        raise settings_file.SettingsError(f"untrusted_accounts: {error}") from error
    return settings, options


if __name__ == "__main__":
    sys.exit(main())
