"""Attacks on the sandbox from inside, with the numbers that the list of checks gives them."""

from __future__ import annotations

import platform

import pytest

from untrusted.sandbox import syscalls


def landlock_abi() -> int:
    """Return which Landlock the kernel has: 2 in Debian 12, 0 for none."""
    try:
        return syscalls.landlock_abi()
    except OSError:
        return 0


TCP_IS_RULED = landlock_abi() >= 4
SCOPES_ARE_KNOWN = landlock_abi() >= 6
CALLS = {
    # name: (number on x86-64, arguments that would name another error if the call were let through)
    "mount": (165, "0, 0, 0, 0, 0"), "umount2": (166, "0, 0"), "pivot_root": (155, "0, 0"), "chroot": (161, "0"),
    "move_mount": (429, "-1, 0, -1, 0, 0"), "fsopen": (430, "0, 0"), "fsconfig": (431, "-1, 0, 0, 0, 0"),
    "fsmount": (432, "-1, 0, 0"), "fspick": (433, "-1, 0, 0"), "open_tree": (428, "-1, 0, 0"),
    "mount_setattr": (442, "-1, 0, 0, 0, 0"), "unshare": (272, "0"), "setns": (308, "-1, 0"),
    "ptrace": (101, "0, 0, 0, 0"), "process_vm_readv": (310, "2, 0, 0, 0, 0, 0"),
    "process_vm_writev": (311, "2, 0, 0, 0, 0, 0"), "pidfd_getfd": (438, "-1, 0, 0"), "kcmp": (312, "2, 2, 0, 0, 0"),
    "keyctl": (250, "65535"), "add_key": (248, "0, 0, 0, 0, 0"), "request_key": (249, "0, 0, 0, 0"),
    "bpf": (321, "0, 0, 0"), "perf_event_open": (298, "0, 0, -1, -1, 0"), "userfaultfd": (323, "1"),
    "open_by_handle_at": (304, "-1, 0, 0"), "name_to_handle_at": (303, "-1, 0, 0, 0, 0"),
    "init_module": (175, "0, 0, 0"), "finit_module": (313, "-1, 0, 0"), "delete_module": (176, "0, 0"),
    "kexec_load": (246, "0, 0, 0, 0"), "kexec_file_load": (320, "-1, -1, 0, 0, 0"), "reboot": (169, "0, 0, 0, 0"),
    "swapon": (167, "0, 0"), "swapoff": (168, "0"), "acct": (163, "0"), "quotactl": (179, "0, 0, 0, 0"),
    "quotactl_fd": (443, "-1, 0, 0, 0"), "syslog": (103, "10, 0, 0"), "sethostname": (170, "0, 0"),
    "setdomainname": (171, "0, 0"), "settimeofday": (164, "0, 0"), "clock_settime": (227, "0, 0"),
    "adjtimex": (159, "0"), "clock_adjtime": (305, "0, 0"), "iopl": (172, "0"), "ioperm": (173, "0, 0, 0"),
    "modify_ldt": (154, "0, 0, 0"), "vhangup": (153, ""), "fanotify_init": (300, "0, 0"), "memfd_secret": (447, "0"),
    "ioprio_set": (251, "1, 0, 0"), "migrate_pages": (256, "0, 0, 0, 0"), "move_pages": (279, "0, 0, 0, 0, 0, 0"),
    "mbind": (237, "0, 0, 0, 0, 0, 0"), "sched_setattr": (314, "0, 0, 0"), "lookup_dcookie": (212, "0, 0, 0"),
    "personality": (135, "0x40000"), "uselib": (134, "0"), "sysfs": (139, "3"), "ustat": (136, "0, 0"),
    "process_madvise": (440, "-1, 0, 0, 0, 0"), "fanotify_mark": (301, "-1, 0, 0, -1, 0"),
    "set_mempolicy": (238, "99, 0, 0"), "set_mempolicy_home_node": (450, "0, 0, 0, 1"),
    "first in, first out": (144, "-1, 1, 0"), "round robin": (144, "-1, 2, 0"), "deadline": (144, "-1, 6, 0"),
    "TIOCSTI": (16, "0, 0x5412, 0"), "TIOCSTI in the lower half": (16, "0, 0x100005412, 0"),
    "TIOCLINUX": (16, "0, 0x541C, 0"), "a parent forgotten": (157, "1, 0, 0, 0, 0"),
}  # fmt: skip
x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")


@x86_64
def test_calls_that_no_cell_needs_are_refused_one_by_one(errno_of):
    """H2, C10, C11, D2, D14, D15, D16"""
    answers = errno_of({name: f"call({number}, {arguments})" for name, (number, arguments) in CALLS.items()})
    assert {name: answer for name, answer in answers.items() if answer != "EPERM"} == {}


@x86_64
def test_calls_that_programs_can_do_without_look_missing(errno_of):
    """D9, B10, H8"""
    answers = errno_of(
        {
            "clone3": "call(435, 0, 0)",
            "io_uring_setup": "call(425, 1, 0)",
            "io_uring_enter": "call(426, 0, 0, 0, 0, 0)",
            "io_uring_register": "call(427, 0, 0, 0, 0)",
            "statmount": "call(457, 0, 0, 0, 0)",
            "open_tree_attr": "call(467, 0, 0, 0, 0)",
            "a call of the future": "call(600, 0)",
        }
    )
    assert set(answers.values()) == {"ENOSYS"}


@x86_64
def test_what_the_host_or_the_account_has_few_of_cannot_be_had(errno_of):
    """D18"""
    answers = errno_of(
        {
            "io_setup": "call(206, 1, ctypes.byref(ctypes.c_ulong()))",
            "inotify_init": "call(253)",
            "inotify_init1": "call(294, 0)",
        }
    )
    assert set(answers.values()) == {"ENOSYS"}


@x86_64
def test_memory_that_the_watchdog_would_not_see_cannot_be_had(errno_of):
    """A7"""
    calls = {"memfd": "319, b'm', 0", "segment": "29, 0, 4096, 0o1600", "queue": "68, 0, 0o1600", "set": "64, 0, 9, 0"}
    answers = errno_of({name: f"call({arguments})" for name, arguments in calls.items()}, limiter="watchdog")
    assert set(answers.values()) == {"ENOSYS"}


@x86_64
def test_no_namespace_can_be_made_inside(errno_of):
    """D14"""
    flags = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
    answers = errno_of({hex(flag): f"call(56, {flag | 17}, 0, 0, 0, 0) or os._exit(0)" for flag in flags})
    assert set(answers.values()) == {"EPERM"}


@x86_64
def test_without_the_filter_nested_namespaces_are_still_refused(errno_of):
    """D14, H1"""
    answers = errno_of({"user": "call(272, 0x10000000)", "mount": "call(272, 0x20000)"}, without=["seccomp"])
    assert answers == {"user": "ENOSPC", "mount": "EPERM"}


# Finds out by which signal a caller of 32-bit calls and one of x32 calls end.
FOREIGN_CALLS = """
import ctypes, mmap, os
def run(code):
    if (pid := os.fork()) == 0:
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(code)
        ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
        os._exit(0)
    return os.WTERMSIG(os.waitpid(pid, 0)[1])
x32 = os.fork()
if x32 == 0:
    ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 + 39))
    os._exit(0)
ends = [run(bytes.fromhex("b814000000cd80c3")), os.WTERMSIG(os.waitpid(x32, 0)[1])]  # mov eax, 20; int 0x80; ret
"""
# SIGSYS; a kernel without 32-bit calls answers with SIGSEGV before any filter.
KILLED = ([31, 31], [11, 31])


@x86_64
def test_calls_of_another_architecture_kill(session):
    """D10"""
    assert session(f"{FOREIGN_CALLS}\nreport(ends)").reported in KILLED


def test_only_unix_sockets_can_be_made(errno_of):
    """D8, E1, E2, E3, E4, E5, E6, E7, E9, E10"""
    families = {"inet": 2, "inet6": 10, "netlink": 16, "packet": 17, "tipc": 30, "alg": 38, "vsock": 40, "xdp": 44}
    attempts = {name: f"socket.socket({family}, socket.SOCK_RAW)" for name, family in families.items()}
    attempts |= {"mptcp": "socket.socket(2, 1, 262)", "icmp": "socket.socket(2, 2, 1)", "udp": "socket.socket(2, 2)"}
    answers = errno_of(attempts)
    assert set(answers.values()) == {"EAFNOSUPPORT"}


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
code = os.path.realpath(untrusted.__file__)  # an ordinary user's checkout may lie below a home, and is shown there
names = {p: os.listdir(p) for p in ('/', '/dev', '/home', '/var', '/etc')}
report({p: [n for n in found if p == '/' or not code.startswith(f"{p}/{n}/")] for p, found in names.items()})
"""
    listing = session(source).reported
    devices = {"fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"}
    assert set(listing["/dev"]) == devices
    assert listing["/home"] == ["cell"]
    assert listing["/var"] == ["tmp"]
    assert not {"run", "root", "sys", "boot", "srv", "mnt"} & set(listing["/"])
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


def test_limits_cannot_be_raised(errno_of):
    """A27, A28"""
    answers = errno_of(
        {
            "files": "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))",
            "processes": "resource.setrlimit(resource.RLIMIT_NPROC, (4096, 4096))",
            "priority": "os.setpriority(os.PRIO_PROCESS, 0, -5)",
            "realtime": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
            "lock memory": "libc.mlockall(3) == -1 and (_ for _ in ()).throw(OSError(ctypes.get_errno(), ''))",
            "score": "open('/proc/self/oom_score_adj', 'w').write('-1000')",
            "init": "resource.prlimit(1, resource.RLIMIT_CPU, (1 << 40, 1 << 40))",
        },
        setup="import resource",
    )
    assert "ok" not in answers.values()


def test_disks_are_full_when_bytes_or_inodes_are_used_up(session):
    """A20, A21"""
    source = """
import errno, os
answers = []
for directory in ("/home/cell", "/tmp", "/dev/shm"):
    state = os.statvfs(directory)
    answers.append([state.f_blocks * state.f_frsize, state.f_files])
    try:
        for n in range(100):
            with open(f"{directory}/{n}", "wb") as file:
                file.write(bytes(1 << 20))
    except OSError as error:
        answers.append(errno.errorcode[error.errno])
    for n in os.listdir(directory):
        if not os.path.isdir(f"{directory}/{n}"):  # below it a checkout may be shown
            os.remove(f"{directory}/{n}")
    try:
        for n in range(10**6):
            open(f"{directory}/{n}", "w").close()
    except OSError as error:
        answers.append(errno.errorcode[error.errno])
    for n in os.listdir(directory):
        if not os.path.isdir(f"{directory}/{n}"):  # below it a checkout may be shown
            os.remove(f"{directory}/{n}")
report(answers)
"""
    assert session(source).reported == [[32 << 20, 512], "ENOSPC", "ENOSPC"] * 3


def test_symbolic_links_in_the_work_directory_are_not_followed(errno_of):
    """F1, F2"""
    assert errno_of({"link": "os.symlink('/etc/passwd', 'l') or open('l')"})["link"] == "ELOOP"


def test_descriptors_run_out_in_the_session_alone(errno_of):
    """A23"""
    assert errno_of({"open": "kept = [os.dup(1) for _ in range(1000)]"})["open"] == "EMFILE"


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


def test_foreign_path_arguments_are_answered_not_crashed_on(errno_of):
    """H7"""
    answers = errno_of(
        {
            "long": "open('a' * 5000)",
            "not utf-8": "open(b'/usr/\\xff')",
            "format": "open('%s%n')",
            "null": "libc.open(None, 0) == -1 and (_ for _ in ()).throw(OSError(ctypes.get_errno(), ''))",
        }
    )
    assert answers == {"long": "ENAMETOOLONG", "not utf-8": "ENOENT", "format": "ENOENT", "null": "EFAULT"}


def test_old_and_new_forms_of_a_call_meet_the_same_verdict(errno_of):
    """H8"""
    attempts = {
        "open": "open('/usr/probe', 'w')",
        "mkdirat": "os.mkdir('probe', dir_fd=os.open('/usr', os.O_RDONLY))",
        "rename": "os.rename('/usr/bin/env', '/usr/bin/env2')",
        "link": "os.link('/usr/bin/env', '/home/cell/env')",
        "truncate": "os.truncate('/usr/bin/env', 0)",
    }
    answers = errno_of(attempts)
    assert set(answers.values()) <= {"EROFS", "EACCES", "EXDEV", "EPERM"}
