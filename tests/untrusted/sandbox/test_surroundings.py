"""What a session sees around it, and what comes along into it: of its host, its starter and others nothing."""

from __future__ import annotations

SECRET_DIRECTORIES = {"run", "root", "sys", "boot", "srv", "mnt"}


def test_capabilities_privileges_and_filter_are_as_they_should_be(session):
    """H4"""
    status = session(
        """
lines = (line.partition(":") for line in open("/proc/self/status"))
report({name: value.strip() for name, _, value in lines})
"""
    ).reported
    assert {name: int(status[name], 16) for name in status if name.startswith("Cap")} == dict.fromkeys(
        ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0
    )
    assert (status["NoNewPrivs"], status["Seccomp"], status["Threads"]) == ("1", "2", "1")
    assert set(status["Uid"].split()) == {"1000"}


def test_setuid_programs_give_nothing(session):
    """H3"""
    result = session(
        """
import os, subprocess
done = subprocess.run(["su", "-c", "id -u", "root"], input="", capture_output=True, text=True)
report([done.returncode != 0, done.stdout, os.statvfs("/usr").f_flag & os.ST_NOSUID > 0])
"""
    )
    assert result.reported == [True, "", True]


def test_the_root_holds_only_what_cells_need(session):
    """C1, C2, C12"""
    source = """
import os, untrusted
code = os.path.realpath(untrusted.__file__)  # a checkout below one of these directories is shown there
top = "/" + code.split("/")[1]
places = ('/', '/dev', '/home', '/var', '/etc', top)
report([top[1:], {p: [n for n in os.listdir(p) if not code.startswith(os.path.join(p, n, ""))] for p in places}])
"""
    top, listing = session(source).reported
    if top in SECRET_DIRECTORIES:
        assert listing[f"/{top}"] == []  # nothing but the way to the checkout
    devices = {"fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"}
    assert set(listing["/dev"]) == devices
    assert listing["/home"] == ["cell"]
    assert listing["/var"] == ["tmp"]
    assert not SECRET_DIRECTORIES & set(listing["/"])
    assert not {"shadow", "machine-id", "ssh", "hostname", "crontab", "sudoers"} & set(listing["/etc"])


def test_devices_do_what_they_should_and_others_cannot_be_made(errno_of):
    """H6, A26, D12"""
    answers = errno_of(
        {
            "null": "open('/dev/null', 'w').write('x')",
            "full": "os.write(os.open('/dev/full', os.O_WRONLY), b'x')",
            "urandom": "open('/dev/urandom', 'rb').read(8)",
            "tty": "open('/dev/tty')",
            "ptmx": "open('/dev/ptmx')",
            "kmsg": "open('/dev/kmsg')",
            "mknod": "os.mknod('/tmp/n', 0o20666, os.makedev(1, 3))",
        }
    )
    assert answers["null"] == answers["urandom"] == "ok"
    assert answers["full"] == "ENOSPC"
    assert {answers[name] for name in ("tty", "ptmx", "kmsg", "mknod")} <= {"ENOENT", "EPERM", "EACCES"}


def test_proc_shows_the_session_alone(session):
    """C3, C4, C8, C9, C10, C12, D20"""
    seen = session(
        """
import os
files = ("keys", "key-users", "cmdline", "kallsyms", "timer_list", "locks")
report({
    "pids": sorted(int(n) for n in os.listdir("/proc") if n.isdigit()),
    "files": {n: open(f"/proc/{n}", "rb").read(16).decode("latin-1") for n in files if os.path.exists(f"/proc/{n}")},
    "directories": {n: os.listdir(f"/proc/{n}") for n in ("sys", "bus", "fs", "irq") if os.path.exists(f"/proc/{n}")},
    "mounts": open("/proc/self/mountinfo").read(),
    "network": open("/proc/net/dev").read(),
    "environ": open("/proc/1/environ").read(),
    "cgroup": open("/proc/self/cgroup").read(),
})
"""
    ).reported
    assert seen["pids"] == [1, 2]
    assert set(seen["files"].values()) <= {""}
    assert not any(seen["directories"].values())
    assert "eth" not in seen["network"]
    assert "MONGO" not in seen["environ"]


def test_the_host_is_not_named(session):
    """C12"""
    assert session("import os; report(os.uname().nodename)").reported == "cell"


def test_no_file_descriptor_comes_along(session):
    """C6, D19, D20"""
    source = """
import os, stat
open_ones = {}
for number in range(1024):
    try:
        open_ones[number] = stat.S_IFMT(os.fstat(number).st_mode)
    except OSError:
        pass
report([len(open_ones), [n for n, kind in open_ones.items() if kind == stat.S_IFDIR]])
"""
    count, directories = session(source).reported
    assert count == 5  # standard input, output and error, and the harness's own two
    assert directories == []


def test_secrets_of_the_starting_process_are_not_in_the_environment(session):
    """C5"""
    result = session("import os; report(sorted(os.environ))", environment={"LANG": "C.UTF-8"})
    assert "SSH_AUTH_SOCK" not in result.reported


def test_symbolic_links_in_the_work_directory_are_not_followed(errno_of):
    """F1, F2"""
    assert errno_of({"link": "os.symlink('/etc/passwd', 'l') or open('l')"})["link"] == "ELOOP"


def test_ipc_objects_are_the_sessions_own(session):
    """D6, A7"""
    assert session("report(open('/proc/sysvipc/shm').read().count(chr(10)))").reported == 1


def test_random_numbers_differ_between_sessions(session):
    """C14"""
    source = """
import random, uuid, tempfile
import numpy
report([random.random(), float(numpy.random.random()), str(uuid.uuid4()), next(tempfile._get_candidate_names())])
"""
    # As if both were forked from one zygote: its generators stand where they stood for the other.
    zygote = """
import random, tempfile, numpy.random
from untrusted.sandbox.reseed import find_generators
find_generators()
random.seed(1); numpy.random.seed(1)
"""
    first, second = (session(source, prepare=zygote).reported for _ in range(2))
    assert not set(map(str, first)) & set(map(str, second))
