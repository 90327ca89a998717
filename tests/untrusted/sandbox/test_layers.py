"""What one layer keeps out, others keep out too, when it is missing."""

from __future__ import annotations

from tests.untrusted.sandbox.conftest import x86_64
from untrusted.sandbox import syscalls


def landlock_abi() -> int:
    """Return which Landlock the kernel has: 2 in Debian 12, 0 for none."""
    try:
        return syscalls.landlock_abi()
    except OSError:
        return 0


TCP_IS_RULED = landlock_abi() >= 4
SCOPES_ARE_KNOWN = landlock_abi() >= 6


@x86_64
def test_without_the_filter_nested_namespaces_are_still_refused(errno_of):
    """D14, H1"""
    answers = errno_of({"user": "call(272, 0x10000000)", "mount": "call(272, 0x20000)"}, without=["seccomp"])
    assert answers == {"user": "ENOSPC", "mount": "EPERM"}


def test_without_the_filter_the_network_is_still_empty(errno_of):
    """E1, E2, E3, E4, E5, E6, E8, E11, H1"""
    answers = errno_of(
        {
            "host loopback": "socket.create_connection(('127.0.0.1', outside['port']), 2)",
            "metadata": "socket.create_connection(('169.254.169.254', 80), 2)",
            "ipv6": "socket.create_connection(('::1', outside['port']), 2)",
            "mapped": "socket.create_connection(('::ffff:127.0.0.1', outside['port']), 2)",
            "datagram": "socket.socket(2, 2).sendto(b'x', ('192.0.2.1', 53))",
            "abstract": "socket.socket(1).connect('\\0' + outside['abstract'])",
            "name": "socket.getaddrinfo('example.org', 80)",
            "packet": "socket.socket(17, 3)",
        },
        without=["seccomp", "landlock"],
    )
    assert "ok" not in answers.values()


def test_without_network_namespace_and_filter_landlock_still_refuses_tcp(errno_of):
    """E5, D3, H1"""
    answers = errno_of(
        {
            "connect": "socket.create_connection(('127.0.0.1', outside['port']), 2)",
            "bind": "socket.create_server(('127.0.0.1', 0))",
            "abstract": "socket.socket(1).connect('\\0' + outside['abstract'])",
        },
        without=["network_namespace", "seccomp"],
    )
    assert answers == {
        "connect": "EACCES" if TCP_IS_RULED else "ok",
        "bind": "EACCES" if TCP_IS_RULED else "ok",
        "abstract": "EPERM" if SCOPES_ARE_KNOWN else "ok",
    }


def test_without_mount_namespace_landlock_still_hides_files_and_forbids_writing(errno_of):
    """C1, C2, H5, H1"""
    answers = errno_of(
        {
            "outside file": "open(outside['file'])",
            "passwd": "open('/etc/shadow')",
            "home": "os.listdir('/home')",
            "root": "os.listdir('/')",
            "write": "open('/var/tmp/probe', 'w')",
            "source": "open(outside['root'] + '/settings.py')",
        },
        without=["mount_namespace"],
    )
    assert set(answers.values()) == {"EACCES"}


def test_without_landlock_the_root_still_hides_files_and_forbids_writing(errno_of):
    """C1, C2, D4, H5, H1"""
    answers = errno_of(
        {
            "outside file": "open(outside['file'])",
            "shadow": "open('/etc/shadow')",
            "run": "os.listdir('/run')",
            "var": "os.listdir('/var/lib')",
            "source": "open(outside['root'] + '/settings.py')",
            "write": "open('/usr/probe', 'w')",
            "make": "os.mkdir('/probe')",
            "tree": "open(outside['root'] + '/untrusted/probe.py', 'w')",
            "change": "os.chmod('/usr/bin/env', 0o777)",
            "times": "os.utime('/usr/bin/env')",
            "attribute": "os.setxattr('/usr', 'user.a', b'b')",
        },
        without=["landlock"],
    )
    assert answers.pop("attribute") in ("EROFS", "EPERM", "EOPNOTSUPP")
    assert set(answers.values()) <= {"ENOENT", "EROFS", "EPERM"}


def test_without_pid_namespace_landlock_still_forbids_signals(errno_of):
    """D1, H1"""
    answers = errno_of({"kill": "os.kill(outside['pid'], 0)"}, without=["pid_namespace"])
    assert answers == {"kill": "EPERM" if SCOPES_ARE_KNOWN else "ok"}


def test_without_landlock_processes_outside_cannot_be_named(errno_of):
    """D1, C3, C4, H1"""
    attempts = {
        "kill": "os.kill(outside['pid'], 0)",
        "environ": "open(f\"/proc/{outside['pid']}/environ\")",
        "pidfd": "os.pidfd_open(outside['pid'])",
    }
    assert set(errno_of(attempts, without=["landlock", "seccomp"]).values()) == {"ESRCH", "ENOENT"}
