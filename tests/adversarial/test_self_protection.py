"""The sandbox is what it says, seen from inside a cell."""

from __future__ import annotations

import uuid

import pytest

from tests.untrusted.sandbox.conftest import x86_64

# Number and arguments that would name another error, or do something, if the call were let through.
CALLS = {
    "mount": "165, 0, 0, 0, 0, 0", "umount2": "166, 0, 0", "pivot_root": "155, 0, 0", "chroot": "161, b'/'",
    "move_mount": "429, -1, 0, -1, 0, 0", "fsopen": "430, 0, 0", "fsmount": "432, -1, 0, 0", "open_tree": "428, -1, 0, 0",
    "mount_setattr": "442, -1, 0, 0, 0, 0", "ptrace": "101, 16, 1, 0, 0", "process_vm_readv": "310, 1, 0, 0, 0, 0, 0",
    "process_vm_writev": "311, 1, 0, 0, 0, 0, 0", "kcmp": "312, 1, 1, 9, 0, 0", "pidfd_getfd": "438, -1, 0, 0",
    "bpf": "321, 99, 0, 0", "perf_event_open": "298, 0, 0, 0, 0, 0", "userfaultfd": "323, 0xffff", "io_uring_setup": "425, 0, 0",
    "add_key": "248, 0, 0, 0, 0, 0", "request_key": "249, 0, 0, 0, 0", "keyctl": "250, 99, 0, 0, 0, 0",
    "init_module": "175, 0, 0, 0", "finit_module": "313, -1, 0, 0", "delete_module": "176, 0, 0", "kexec_load": "246, 0, 0, 0, 0",
    "kexec_file_load": "320, -1, -1, 0, 0, 0", "reboot": "169, 0, 0, 0, 0", "swapon": "167, 0, 0", "swapoff": "168, 0",
    "acct": "163, b'/tmp/a'", "quotactl": "179, 0, 0, 0, 0", "syslog": "103, 99, 0, 0", "settimeofday": "164, bytes(16), 0",
    "clock_settime": "227, 0, 0", "adjtimex": "159, 0", "sethostname": "170, b'a', 1", "setdomainname": "171, b'a', 1",
    "open_by_handle_at": "304, -1, 0, 0", "name_to_handle_at": "303, -1, 0, 0, 0, 0", "lookup_dcookie": "212, 0, 0, 0",
    "unshare": "272, 0x10000000", "setns": "308, -1, 0", "personality": "135, 0x0400000", "iopl": "172, 3", "ioperm": "173, 0, 1, 1",
    "modify_ldt": "154, 99, 0, 0", "vhangup": "153", "nfsservctl": "180, 0, 0, 0", "mbind": "237, 0, 0, 0, 0, 0, 0",
    "set_mempolicy": "238, 99, 0, 0", "migrate_pages": "256, 1, 0, 0, 0", "move_pages": "279, 1, 0, 0, 0, 0, 0",
    "fanotify_init": "300, 0, 0", "process_madvise": "440, -1, 0, 0, 0, 0", "memfd_secret": "447, 0", "clone3": "435, 0, 0",
    "quotactl_fd": "443, -1, 0, 0, 0", "fspick": "433, -1, 0, 0", "fsconfig": "431, -1, 0, 0, 0, 0",
    "io_uring_enter": "426, -1, 0, 0, 0, 0, 0", "io_uring_register": "427, -1, 0, 0, 0", "mq_open": "240, b'/a', 0o102, 0o600, 0",
    "a call of the future": "600",
}  # fmt: skip
# What has an answer of its own even where it is let through, because rlimits or capabilities stop it.
OTHERWISE = {"mq_open": {"EACCES", "EMFILE"}, "personality": {"ok"}}
TWINS = {
    "open": ("open('/usr/probe', 'w')", "call(2, b'/usr/probe', 0o102, 0o600)", "call(257, -100, b'/usr/probe', 0o102, 0o600)",
             "call(437, -100, b'/usr/probe', struct.pack('QQQ', 0o102, 0o600, 0), 24)", "call(85, b'/usr/probe', 0o600)"),
    "read": ("call(2, b'/etc/shadow', 0, 0)", "call(257, -100, b'/etc/shadow', 0, 0)",
             "call(437, -100, b'/etc/shadow', struct.pack('QQQ', 0, 0, 0), 24)"),
    "rename": ("call(82, b'/usr/bin/env', b'/usr/bin/e')", "call(264, -100, b'/usr/bin/env', -100, b'/usr/bin/e')",
               "call(316, -100, b'/usr/bin/env', -100, b'/usr/bin/e', 0)"),
    "mode": ("call(90, b'/usr/bin/env', 0o777)", "call(268, -100, b'/usr/bin/env', 0o777)"),
    "remove": ("call(87, b'/usr/bin/env')", "call(263, -100, b'/usr/bin/env', 0)"),
    "directory": ("call(83, b'/usr/d', 0o700)", "call(258, -100, b'/usr/d', 0o700)"),
    "link": ("call(86, b'/usr/bin/env', b'/usr/e')", "call(265, -100, b'/usr/bin/env', -100, b'/usr/e', 0)"),
    "stat": ("call(4, b'/root', bytes(200))", "call(262, -100, b'/root', bytes(200), 0)", "call(332, -100, b'/root', 0, 0xfff, bytes(300))"),
    "namespace": ("call(272, 0x10000000)", "call(56, 0x10000011, 0, 0, 0, 0) or os._exit(0)"),
}  # fmt: skip


@pytest.fixture(scope="module")
def called(attempt) -> dict[str, str]:
    """What each call that no cell needs answers."""
    return attempt({name: f"call({arguments})" for name, arguments in CALLS.items()})


@x86_64
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_no_cell_needs_is_refused(called, name):
    """H2"""
    assert called[name] in {"EPERM", "ENOSYS"} | OTHERWISE.get(name, set())


@x86_64
def test_old_and_new_forms_of_a_call_meet_the_same_verdict(attempt):
    """H8"""
    found = attempt({f"{kind} {n}": form for kind, forms in TWINS.items() for n, form in enumerate(forms)})
    for kind in TWINS:
        verdicts = {said for name, said in found.items() if name.partition(" ")[0] == kind}
        assert len(verdicts) == 1 and verdicts <= {"EROFS", "EACCES", "ENOENT", "EPERM", "EXDEV"}, (kind, found)


def test_setuid_programs_and_file_capabilities_give_nothing(client):
    """H3"""
    code = """
import glob, os, stat, subprocess
gained = []
for path in glob.glob('/usr/bin/*') + glob.glob('/usr/sbin/*') + glob.glob('/usr/lib/*/*'):
    try: mode = os.stat(path).st_mode
    except OSError: continue
    if mode & stat.S_ISUID and stat.S_ISREG(mode): gained.append(path)
print(bool(os.statvfs('/usr').f_flag & os.ST_NOSUID))
for words in (['su', '-c', 'id -u'], ['sudo', '-n', 'id', '-u'], ['mount', '-t', 'tmpfs', 'x', '/tmp'], ['passwd', '-l', 'root']):
    try: print(subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=10).returncode != 0)
    except FileNotFoundError: print(True)
os.chmod('/tmp', 0o4777)
"""
    assert client.run(code).text() == "True\n" * 5


def test_capabilities_privileges_and_filter_have_exact_values(client):
    """H4"""
    outcome = client.run("print(open('/proc/self/status').read())\nprint(open('/proc/self/uid_map').read())")
    status = dict(line.split(":", 1) for line in outcome.text().splitlines() if ":" in line)
    assert {name: int(status[name], 16) for name in status if name.startswith("Cap")} == dict.fromkeys(
        ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0
    )
    assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"1000"}
    assert outcome.text().split()[-3] == "1000" and outcome.text().split()[-1] == "1"


@pytest.mark.parametrize(
    "place",
    ["/", "/etc", "/lib", "/usr", "/usr/lib", "/bin", "/dev", "/proc", "/home", "/var", "/proc/sys", "/opt", "/run"],
)
def test_no_place_of_the_system_can_be_written(client, place):
    """H5"""
    code = f"try:\n    open('{place}/probe', 'w'); print('written')\nexcept OSError as error: print(error.strerror)"
    assert client.run(code).text() in (
        "Read-only file system\n", "Permission denied\n", "No such file or directory\n", "Operation not permitted\n",
    )  # fmt: skip


def test_the_devices_are_those_we_know(client, attempt):
    """H6"""
    assert client.run("import os\nprint(*sorted(os.listdir('/dev')))").text().split() == [
        "fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero",
    ]  # fmt: skip
    devices = ("mem", "kmem", "kmsg", "port", "fuse", "kvm", "vsock", "vhost-net", "loop0", "loop-control", "sda", "vda", "tty", "ptmx",
               "console", "net/tun", "mapper/control", "dri/card0", "snd/seq", "uinput", "hwrng", "rtc0", "nvidia0")  # fmt: skip
    found = attempt(
        {name: f"open('/dev/{name}')" for name in devices}
        | {f"made {n}": f"os.mknod('/tmp/{n}', 0o20666, os.makedev(1, {n}))" for n in (1, 3, 11)}
    )
    assert set(found.values()) <= {"ENOENT", "EPERM", "EACCES"}, found


@x86_64
def test_foreign_arguments_of_path_calls_are_answered(attempt, client):
    """H7"""
    calls = {"open": "2, {}, 0, 0", "stat": "4, {}, bytes(200)", "mkdir": "83, {}, 0", "unlink": "87, {}", "readlink": "89, {}, bytes(9), 8",
             "truncate": "76, {}, 0", "execve": "59, {}, 0, 0", "chdir": "80, {}", "chmod": "90, {}, 0", "access": "21, {}, 0"}  # fmt: skip
    paths = {"null": "0", "wild": "1 << 46", "negative": "-1", "long": "b'a' * 5000", "deep": "b'a/' * 2000", "not UTF-8": "b'/usr/\\xff\\xfe'",
             "format": "b'%s%n%x'", "empty": "b''"}  # fmt: skip
    found = attempt(
        {
            f"{c} {p}": f"call({a.format(v)})"
            for c, a in calls.items()
            for p, v in paths.items()
            if c != "mkdir" or p != "format"
        }
    )
    assert not [name for name, said in found.items() if said.startswith("ok")], found
    assert set(found.values()) <= {
        "EFAULT",
        "ENAMETOOLONG",
        "ENOENT",
        "EACCES",
        "EROFS",
        "EINVAL",
        "ENOTDIR",
        "ESRCH",
    }, found
    assert client.run("6 * 7").result == "42"


def test_sessions_that_run_at_once_have_limits_and_ids_of_their_own(client):
    """H9"""
    submitted = [client.submit("b = b'x' * 250_000_000\nimport time; time.sleep(1)\nlen(b)") for _ in range(3)]
    outcomes = [client.finish(one["id"]) for one in submitted]
    assert {(outcome.state, outcome.result) for outcome in outcomes} == {("done", "250000000")}
    assert len({one[name] for one in submitted for name in ("id", "session")}) == 6


INJECTED = [
    "python\n",
    "python; id",
    "$(id)",
    "`id`",
    "--help",
    "-c",
    "../python",
    "python\0",
    "a\\b",
    "'",
    '"',
    "${IFS}",
    "%s",
]


@pytest.mark.parametrize("text", INJECTED, ids=ascii)
def test_no_text_of_a_request_reaches_a_command_line(client, text):
    """H11"""
    mark = uuid.uuid4().hex
    for body in ({"code": "1", "language": text}, {"code": "1", "session": text}):
        answer = client.http.post(f"{client.url}/computations", json=body, timeout=30)
        assert answer.status_code in (400, 404, 422), answer.text
    outcome = client.run(f"{text!r}, '{mark}'")
    assert outcome.result == repr((text, mark))


def test_readiness_names_every_layer_and_the_limiter(client):
    """H1"""
    ready = client.http.get(f"{client.url}/readyz", timeout=30).json()
    assert ready["ready"] and ready["accounts"]
    for layer in (
        "user_namespace",
        "mount_namespace",
        "network_namespace",
        "landlock",
        "seccomp",
        "capabilities",
        "limiter",
    ):
        assert layer in str(ready["accounts"]), ready
