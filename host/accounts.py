"""Make the two accounts that root needs: one for our own programs, one for strangers' code."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from host.errors import EXIT_MISSING, HostError
from host.layout import Account

TRUSTED = "singlecell"
UNTRUSTED = "untrusted"
TRUSTED_HOME = "/var/lib/singlecell"
UNTRUSTED_HOME = Path("/var/lib/singlecell-untrusted")
# The only directory of its home that the untrusted account can write: the device ships its code there.
UNTRUSTED_CODE = UNTRUSTED_HOME / ".singlecell"
# Where cron, at and systemd keep what they start for an account, on Debian and on Red Hat.
JOBS = (
    Path("/var/spool/cron/crontabs"), Path("/var/spool/cron"), Path("/var/spool/cron/atjobs"), Path("/var/spool/at"),
    Path("/var/lib/systemd/linger"),
)  # fmt: skip


def make_trusted() -> Account:
    """Return the account of mongod, the web service and the device; it cannot log in. Raises HostError."""
    return _account(TRUSTED, "--home-dir", TRUSTED_HOME, "--shell", "/usr/sbin/nologin")


def make_untrusted() -> Account:
    """Return the account that runs strangers' code. Raises HostError.

    Its password is ``*``: none matches, yet sshd does not take the account for a locked one. Its shell runs what our
    sshd is asked to run, for the holder of the device's key.
    """
    account = _account(UNTRUSTED, "--home-dir", str(UNTRUSTED_HOME), "--shell", "/bin/sh", "--password", "*")
    if account.uid == 0:
        raise HostError(f"the account {UNTRUSTED} is root; root never runs strangers' code", EXIT_MISSING)
    refuse_jobs(account)
    for directory, owner in ((UNTRUSTED_HOME, 0), (UNTRUSTED_CODE, account.uid)):
        directory.mkdir(exist_ok=True)
        os.chown(directory, owner, account.gid)
        directory.chmod(0o750 if owner == 0 else 0o700)
    return account


def refuse_jobs(account: Account) -> None:
    """Raise HostError when something would start programs as the untrusted account, out of our sight."""
    for directory in JOBS:
        try:
            entries = list(directory.iterdir())
        except OSError:
            continue
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.name == account.name or entry.lstat().st_uid == account.uid:
                    raise HostError(
                        f"the account {account.name} has a job of its own, {entry}: strangers' code may have left it; "
                        "end the account's processes, remove that file and start again",
                        EXIT_MISSING,
                    )


def _account(name: str, *options: str) -> Account:
    try:
        return Account.named(name)
    except KeyError:
        pass
    made = subprocess.run(
        ["useradd", "--system", "--user-group", "--no-create-home", *options, name],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    try:
        return Account.named(name)
    except KeyError:
        raise HostError(f"cannot make the account {name}: {made.stdout.strip()}", EXIT_MISSING) from None
