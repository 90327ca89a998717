"""Calls that a cell has no use for are refused, in every form of them."""

from __future__ import annotations

from tests.untrusted.sandbox.conftest import x86_64

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
