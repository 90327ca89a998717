"""Say where the files of one server lie and which account runs its services."""

from __future__ import annotations

import fcntl
import os
import pwd
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from host.errors import EXIT_DATA, EXIT_DATA_IN_USE, HostError

CHECKOUT = Path(__file__).resolve().parent.parent
ROOT_DATA = Path("/var/lib/singlecell")
USER_DATA = CHECKOUT / "data"
MONGO = "mongo"  # store/database.py looks there
EVENTS = "events"  # device/events.py makes its socket there


@dataclass(frozen=True)
class Account:
    """A Unix account; ``is_ours``: the one that this process already runs as."""

    name: str
    uid: int
    gid: int
    is_ours: bool

    @classmethod
    def ours(cls) -> Account:
        """Return the account of this process."""
        entry = pwd.getpwuid(os.geteuid())
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, True)

    @classmethod
    def named(cls, name: str) -> Account:
        """Return another account. Raises KeyError when there is none of that name."""
        entry = pwd.getpwnam(name)
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, False)

    def command(self, argv: list[str]) -> str:
        """Return the shell command that runs ``argv`` as this account and ends it when its parent dies.

        The kernel forgets the signal of the parent's death when the account changes, so setpriv asks for it afterwards.
        """
        drop = ["setpriv", "--pdeathsig", "TERM"]
        if not self.is_ours:
            drop += [f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups", "--no-new-privs", "--inh-caps=-all"]
        return "exec " + shlex.join([*drop, "--", *argv])


@dataclass(frozen=True)
class Layout:
    """The directories of one server, and the account of its trusted services.

    ``prefix``: the environments; ``app``: the code that the services run; ``data``: what must last, and the logs.
    """

    prefix: Path
    app: Path
    data: Path
    trusted: Account

    @property
    def python(self) -> Path:
        """The trusted side's Python."""
        return self.prefix / "trusted" / "bin" / "python"

    @property
    def uwsgi(self) -> Path:
        """The trusted side's uWSGI."""
        return self.prefix / "trusted" / "bin" / "uwsgi"

    @property
    def untrusted_python(self) -> Path:
        """The Python that runs cells."""
        return self.prefix / "untrusted" / "bin" / "python"

    @property
    def ssh(self) -> Path:
        """Key pairs of the device and of our sshd; device/ looks here for device_key and known_hosts."""
        return self.data / "ssh"

    @property
    def config(self) -> Path:
        """The settings as the services read them."""
        return self.data / "singlecell_config.py"

    @property
    def logs(self) -> Path:
        """Everything that the services said."""
        return self.data / "logs"


def make_data(directory: Path, trusted: Account) -> None:
    """Make the data directory, which the trusted account can enter and others cannot. Raises HostError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        give(directory, trusted, 0o750)
        for name in ("ssh", "logs"):
            (directory / name).mkdir(exist_ok=True)
            give(directory / name, trusted, 0o750)
        # The account's own: MongoDB, and who publishes events, make their sockets there, and nobody else enters.
        for own in (directory / MONGO, directory / EVENTS):
            own.mkdir(exist_ok=True)
            os.chown(own, trusted.uid, trusted.gid)
            own.chmod(0o700)
        _try_to_write(directory)
    except OSError as error:
        raise HostError(
            f"cannot write to the data directory {directory} ({error.strerror}); make it writable for this account, "
            "or name another one: make run DATA=/directory",
            EXIT_DATA,
        ) from error
    if not trusted.is_ours:
        enter = subprocess.run(trusted.command(["test", "-x", str(directory)]), shell=True, check=False)
        if enter.returncode:
            raise HostError(
                f"the account {trusted.name} cannot reach the data directory {directory}; name one that is not inside "
                "a private home: make run DATA=/var/lib/singlecell",
                EXIT_DATA,
            )


def give(path: Path, account: Account, mode: int) -> None:
    """Let an account's group have a path with this mode; where there is another account, root stays its owner."""
    if not account.is_ours:
        os.chown(path, 0, account.gid)
    path.chmod(mode)


def lock_data(directory: Path) -> int:
    """Return a lock on the data directory, held until this process ends. Raises HostError."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HostError(
            f"another server is running with the data directory {directory}; stop it, or name another directory: "
            "make run DATA=/directory",
            EXIT_DATA_IN_USE,
        ) from None
    return descriptor


def _try_to_write(directory: Path) -> None:
    trial = directory / ".trial"
    trial.touch()
    trial.unlink()
