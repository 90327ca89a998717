"""bubblewrap as an oracle: what it refuses when it shares nothing, we refuse too."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.untrusted.sandbox.conftest import source_of

BWRAP = (
    "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL",
    "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
    "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
)  # fmt: skip
ATTEMPTS = {
    "signal outside": "os.kill({pid}, 0)",
    "look outside": "open('/proc/{pid}/environ')",
    "trace outside": "call(101, 16, {pid}, 0, 0)",
    "pidfd of outside": "os.pidfd_open({pid})",
    "loopback": "socket.create_connection(('127.0.0.1', {port}), 2)",
    "abstract socket": "socket.socket(1).connect('\\0' + '{abstract}')",
    "passwords": "open('/etc/shadow')",
    "homes": "os.listdir('/root')",
    "run": "os.listdir('/run')",
    "write to /usr": "open('/usr/probe', 'w')",
    "change /usr": "os.chmod('/usr/bin/env', 0o777)",
    "mount": "libc.mount(b'x', b'/tmp', b'tmpfs', 0, None) and call(165, 0, 0, 0, 0, 0)",
    "host name": "socket.sethostname('x')",
    "root": "os.setuid(0)",
    "device": "os.mknod('/tmp/n', 0o20666, os.makedev(1, 3))",
    "terminal": "open('/dev/tty')",
    "kernel log": "open('/dev/kmsg')",
    "raise the limits": "import resource; resource.setrlimit(resource.RLIMIT_CORE, (-1, -1)) or os.nice(-5)",
    "trace by perf": "call(298, 0, 0, -1, -1, 0)",
    "a file over the network": "socket.getaddrinfo('example.org', 80)",
}


NOWHERE = {"pid": 1 << 21, "port": 1, "abstract": "nobody"}


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed here")
def test_what_bubblewrap_refuses_is_refused_here_too(session, account):
    """H2"""
    answers = session(source()).reported
    # It has nothing outside to reach, which is as if it refused; our session has.
    said = f"import json\noutside = {NOWHERE!r}\nreport = lambda value: print(json.dumps(value))\n{source()}"
    argv = [*BWRAP, "/usr/bin/python3", "-I", "-c", said]
    done = subprocess.run(argv, capture_output=True, text=True, cwd="/", **account)
    assert done.returncode == 0, done.stderr
    oracle = json.loads(done.stdout)
    assert [name for name in ATTEMPTS if oracle[name] != "ok" and answers[name] == "ok"] == []


def source() -> str:
    """Return the attempts, which find what is outside in ``outside``."""
    return (
        source_of(ATTEMPTS)
        .replace(repr(ATTEMPTS), "{n: a.format(**outside) for n, a in ATTEMPTS.items()}")
        .replace("answers = {}", f"ATTEMPTS = {ATTEMPTS!r}\nanswers = {{}}")
    )
