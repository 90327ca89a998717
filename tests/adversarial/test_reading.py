"""A cell reads only what is its own: no files, processes, environments, memory, host's name or results of others."""

from __future__ import annotations

import ast
import re
import uuid

import pytest

from tests.adversarial.attempts import as_it_is, source_of, verdicts_in
from tests.adversarial.conftest import CANARY, LANGUAGES

UNREADABLE = {
    **{f"C1 {path}": f"open({path!r}).read()" for path in (
        "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh/sshd_config", "/etc/crontab", "/etc/fstab",
        "/etc/hostname", "/etc/subuid", "/etc/environment")},
    **{f"C1 list {path}": f"os.listdir({path!r})" for path in (
        "/root", "/home/root", "/run", "/sys", "/boot", "/srv", "/mnt", "/media", "/var/log", "/var/spool",
        "/var/lib/singlecell", "/opt/singlecell/app", "/opt/singlecell/trusted", "/etc/ssh", "/etc/ssl/private")},
    "C4 the supervisor's environment": "open(f'/proc/{os.getppid()}/environ').read(1)[0] and open('/proc/3000/environ')",
    "C10 keys by number": "call(250, 11, -3, 0, 0, 0)",
    "C10 key ring": "call(250, 0, -4, 1, 0, 0)",
    "C10 key added": "call(248, b'user', b'a', b'b', 1, -3)",
    "C10 key asked for": "call(249, b'user', b'a', 0, -3)",
    "C11 kernel log": "call(103, 3, ctypes.create_string_buffer(4096), 4096)",
    "C11 kernel log's device": "open('/dev/kmsg')",
    "C11 kernel memory": "open('/proc/kcore', 'rb').read(1)[0]",
    "C11 perf_event_open": "call(298, bytes(128), 0, -1, -1, 0)",
    "C11 bpf": "call(321, 0, bytes(128), 128)",
    "C11 debugging files": "os.listdir('/sys/kernel/debug')",
    "C11 tracing files": "os.listdir('/sys/kernel/tracing')",
    "C11 userfaultfd": "call(323, 0)",
    "C12 machine's id": "open('/etc/machine-id')",
    "C12 boot's id": "open('/proc/sys/kernel/random/boot_id')",
    "C12 maker": "open('/sys/class/dmi/id/product_uuid')",
    "C12 user data of the cloud": "os.listdir('/var/lib/cloud')",
    "C9 network devices": "os.listdir('/sys/class/net')",
    "C9 routes asked for": "socket.socket(16, 3, 0)",
    "C9 addresses asked for": "fcntl.ioctl(socket.socket(2, 2), 0x8912, bytes(64))",
}  # fmt: skip


@pytest.fixture(scope="module", params=LANGUAGES)
def refusals(attempt, request) -> dict[str, str]:
    """What came of all the attempts, made in one cell."""
    return attempt(UNREADABLE, language=request.param)


@pytest.mark.parametrize("name", UNREADABLE)
def test_nothing_of_the_host_can_be_read(refusals, name):
    assert refusals[name] in {
        "ENOENT", "EACCES", "EPERM", "ENOSYS", "EAFNOSUPPORT", "IndexError", "ENOTDIR", "ESRCH", "EINVAL",
    }  # fmt: skip


@pytest.fixture(scope="module", params=LANGUAGES)
def seen(client, request) -> dict:
    """What a cell sees of the system around it."""
    outcome = client.run(as_it_is(LOOK), language=request.param)
    assert outcome.state == "done", outcome.messages
    return ast.literal_eval(outcome.text())


LOOK = """
import glob, os, sys
def read(path):
    try:
        with open(path, 'rb') as file: return file.read(1 << 20).decode('latin-1')
    except OSError as error: return ''
print({
    'root': sorted(os.listdir('/')), 'home': os.listdir('/home'), 'tmp': os.listdir('/tmp'), 'var': os.listdir('/var'),
    'etc': sorted(os.listdir('/etc')), 'above': sorted(os.listdir('..')), 'shm': os.listdir('/dev/shm'),
    'trees': [sys.prefix, sys.base_prefix, __import__('untrusted').__path__[0]],
    'dev': sorted(os.listdir('/dev')), 'passwd': read('/etc/passwd'), 'hosts': read('/etc/hosts'), 'resolver': read('/etc/resolv.conf'),
    'pids': sorted(int(n) for n in os.listdir('/proc') if n.isdigit()),
    'commands': [read(p) for p in glob.glob('/proc/[0-9]*/cmdline')],
    'environments': [read(p) for p in glob.glob('/proc/[0-9]*/environ')], 'environ': dict(os.environ),
    'fds': {n: os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')},
    'network': read('/proc/net/dev'), 'tcp': read('/proc/net/tcp'), 'unix': read('/proc/net/unix'),
    'arp': read('/proc/net/arp'), 'route': read('/proc/net/route'), 'mounts': read('/proc/self/mountinfo'),
    'masked': {n: read('/proc/' + n)[:40] for n in ('cmdline', 'keys', 'key-users', 'kallsyms', 'config.gz', 'modules', 'locks')},
    'cgroup': read('/proc/self/cgroup'), 'node': os.uname().nodename, 'path': sys.path, 'argv': sys.argv,
    'links': [os.path.realpath(p) for p in glob.glob('/proc/[0-9]*/cwd') + glob.glob('/proc/[0-9]*/root')],
    'user': [os.getuid(), os.getgid(), os.getgroups()], 'sysvipc': read('/proc/sysvipc/shm').count('\\n'),
})
"""


def test_the_listing_of_the_root_is_the_one_we_know(seen):
    """C1, C2"""
    system = {"bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "tmp", "usr", "var"}
    assert set(seen["root"]) <= system | {"mask", *(tree for path in seen["trees"] for tree in path.split("/")[1:2])}
    # An ordinary user's environments may lie below a home or /tmp, and are shown where they are.
    shown = {tuple(path.split("/")[1:3]) for path in seen["trees"]}
    # What Sage makes for each session: its settings, and its temporary names.
    shown |= {("tmp", name) for name in seen["tmp"] if re.fullmatch(r"\.sage|sage_\w{8}", name)}
    for place, top in (("home", "home"), ("above", "home"), ("tmp", "tmp")):
        assert {name for name in seen[place] if (top, name) not in shown} == ({"cell"} if top == "home" else set())
    assert seen["shm"] == []
    assert set(seen["var"]) <= {"tmp", "lib"}
    assert not {"shadow", "ssh", "hostname", "machine-id", "sudoers"} & set(seen["etc"])


def test_the_accounts_of_the_host_are_not_listed(seen):
    """C1"""
    names = {line.partition(":")[0] for line in seen["passwd"].splitlines()}
    assert "singlecell" not in names and "untrusted" not in names
    assert len(names) <= 3, names


def test_no_process_of_another_session_or_of_the_supervisor_is_seen(seen):
    """C3, C4"""
    assert seen["pids"] == [1, 2]
    assert all("cell" in path or path == "/" for path in seen["links"]), seen["links"]
    for words in (*seen["commands"], *seen["environments"]):
        assert "mongo" not in words.lower() and "supervisor" not in words and CANARY not in words


def test_the_environment_is_the_one_we_wrote(seen):
    """C5, E13"""
    allowed = {
        "HOME", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "PWD", "USER", "LOGNAME", "TERM", "TMPDIR", "SHELL", "COLUMNS",
        "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "MPLBACKEND", "MPLCONFIGDIR",
        "PLOTLY_RENDERER", "PYTHONIOENCODING", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "IPYTHONDIR", "LINES",
        "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "PAGER", "GIT_PAGER", "KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK",
        "PIP_RETRIES", "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_INPUT",
        "PYDEVD_USE_FRAME_EVAL", "TZ", "VIRTUAL_ENV", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
        # Sage's, by itself and by untrusted/languages/sage.
        "CYSIGNALS_CRASH_QUIET", "DOT_SAGE", "GC_MARKERS", "GP_DATA_DIR", "MAXIMA_PREFIX", "SAGE_NUM_THREADS", "SINGULAR_BIN_DIR", "ECLDIR",
        "MPMATH_NOSAGE",
    }  # fmt: skip
    assert set(seen["environ"]) <= allowed
    assert not any("proxy" in name.lower() or "SSH" in name for name in seen["environ"])
    assert CANARY not in str(seen["environ"])


def test_open_descriptors_are_pipes_null_and_one_socket(seen):
    """C6"""
    kinds = sorted(seen["fds"].values())
    assert all(kind == "/dev/null" or kind.startswith(("pipe:", "socket:")) for kind in kinds), kinds
    assert sum(kind.startswith("socket:") for kind in kinds) == 1


def test_what_proc_tells_of_the_host_is_covered(seen):
    """C8, C10, C12"""
    assert set(seen["masked"].values()) == {""}
    assert seen["node"] == "cell"
    assert seen["cgroup"].count("../") == 0 and "singlecell" not in seen["cgroup"]


def test_mounts_name_no_directory_of_the_host(seen, server):
    """C8, C16"""
    assert str(server.data) not in seen["mounts"]
    writable = [row.split() for row in seen["mounts"].splitlines() if row.split()[5].startswith("rw")]
    kinds = {(row[row.index("-") + 1], row[3], row[4]) for row in writable}
    # Devices are held as single files; what covers a part of /proc is the null device, too.
    # A devpts is an instance of the session's own, at its place and nowhere else.
    kinds -= {("devpts", "/", "/dev/pts")}
    assert {kind[0] for kind in kinds if kind[1] not in ("/null", "/zero", "/full", "/random", "/urandom")} <= {
        "tmpfs",
        "proc",
    }, kinds


def test_no_name_server_is_named(seen):
    """C1, E3"""
    assert "nameserver" not in seen["resolver"]


def test_the_network_of_a_session_has_nothing_in_it(seen):
    """C9, E11"""
    devices = {line.partition(":")[0].strip() for line in seen["network"].splitlines()[2:]}
    assert devices <= {"lo"}
    assert max(seen[name].count("\n") for name in ("tcp", "arp", "route")) <= 1
    assert "mongo" not in seen["unix"] and "dbus" not in seen["unix"]


def test_no_secret_is_in_the_memory_of_a_session(client, server):
    """C7"""
    secrets = [CANARY.encode(), str(server.data).encode(), b"mongodb://", b"PRIVATE KEY-----\n", b"mongodb-27017.sock"]
    control = uuid.uuid4().hex.encode()
    # Every byte turned, there and in what is searched: else the search would find its own words.
    turned = [bytes(byte ^ 0x55 for byte in secret) for secret in (control, *secrets)]
    code = f"""
import numpy
turned = {turned!r}
planted = bytes(b ^ 0x55 for b in turned[0])
found, scanned = [0] * len(turned), 0
with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:
    for row in [line.split() for line in maps]:
        start, end = (int(n, 16) for n in row[0].split('-'))
        if row[1][:1] != 'r': continue
        for place in range(start, end, 1 << 24):
            try:
                memory.seek(place)
                block = memory.read(min(1 << 24, end - place))
            except (OSError, ValueError, OverflowError): break
            scanned += len(block)
            block = (numpy.frombuffer(block, numpy.uint8) ^ 0x55).tobytes()
            for n, needle in enumerate(turned): found[n] += block.count(needle)
print(scanned > 50_000_000, found[0] > 0, found[1:])
"""
    outcome = client.run(code)
    assert outcome.text() == f"True True {[0] * len(secrets)}\n", outcome.messages


def test_no_key_of_the_wall_is_in_the_interpreter(client):
    """C7"""
    code = """
import gc, re, sys
texts = [o for o in gc.get_objects() if isinstance(o, dict)]
names = set(sys.modules)
z85 = re.compile(r'^[0-9a-zA-Z.:+=^!/*?&<>()\\\\[\\\\]{}@%$#-]{40}$')
keys = [v for d in texts for v in d.values() if isinstance(v, str) and z85.match(v) and not v.isidentifier() and ' ' not in v]
print([k for k in keys if not re.match(r'^[0-9a-f]{40}$', k) and sum(c in '.:+=^!*?&<>()[]{}@%$#' for c in k) > 5])
print(sorted(n for n in names if n.split('.')[0] in ('zmq', 'pymongo', 'settings', 'store', 'device', 'paramiko', 'asyncssh')))
print(sorted(n for n in names if n in ('untrusted.supervisor.device_socket', 'untrusted.supervisor.loop', 'untrusted.supervisor.pool')))
"""
    assert client.run(code).text() == "[]\n[]\n[]\n"


def test_an_error_names_no_path_account_or_database_of_the_host(client, server):
    """C13"""
    for code in (
        "1/0", "open('/nonexistent')", "import nonexistent", "1 +", "int('x')", "import json; json.loads('{')",
        "%run nothing.py", "import traceback, sys\ndef f(): f()\nf()", "raise SystemExit(3)",
    ):  # fmt: skip
        outcome = client.run(code)
        said = str(outcome.messages) + str(outcome.description)
        for secret in (CANARY, str(server.data), "mongodb", "/root", "/var/lib/singlecell/", "singlecell-untrusted"):
            assert secret not in said, (code, secret)


def test_a_zygotes_memory_layout_is_the_known_limit_and_no_secret_depends_on_it(client):
    """C15"""
    code = "print(id(None))"
    # docs/security.md says so; a change of it belongs there.
    assert client.run(code).text() == client.run(code).text()


def test_a_deleted_file_of_one_session_is_not_found_by_the_next(client):
    """C16"""
    mark = uuid.uuid4().hex
    assert client.run(f"open('a', 'w').write('{mark}' * 1000); import os; os.remove('a')").state == "done"
    half, rest = mark[:16], mark[16:]
    code = f"""
import os
mark = '{half}' + '{rest}'
hits = 0
for top in ('/tmp', '/dev/shm', '/var/tmp', '/home/cell'):
    for place, _, names in os.walk(top):
        hits += sum(mark in open(os.path.join(place, n), errors='ignore').read() for n in names)
print(hits)
"""
    assert client.run(code).text() == "0\n"


def test_results_of_others_cannot_be_guessed(client):
    """C18"""
    own = client.submit("1")
    assert uuid.UUID(own["id"]).version == uuid.UUID(own["session"]).version == 4
    client.finish(own["id"])
    for guess in (
        uuid.UUID(int=uuid.UUID(own["id"]).int + 1),
        uuid.uuid4(),
        own["session"],
        "0",
        "1",
        "../" + own["id"],
    ):
        answers = [
            client.http.get(f"{client.url}/computations/{guess}{rest}", timeout=30)
            for rest in ("", "/messages", "/files")
        ]
        assert {answer.status_code for answer in answers} == {404}, guess
    absent, foreign = (
        client.http.get(f"{client.url}/computations/{i}", timeout=30).json() for i in (uuid.uuid4(), uuid.uuid4())
    )
    assert absent == foreign


def test_one_session_sees_nothing_of_another_that_runs(client):
    """C2, C3"""
    mark = uuid.uuid4().hex
    stay = client.submit(
        f"mark = '{mark}'\nopen('{mark}', 'w').write('x')\nopen('/tmp/{mark}', 'w').write('x')\ninput()"
    )["id"]
    client.until_asked(stay)
    look = {
        "files": f"value = [p for t in ('/tmp', '/home', '/dev/shm') for p in os.walk(t) if '{mark}' in str(p)] or None",
        "processes": "value = [n for n in os.listdir('/proc') if n.isdigit()]",
    }
    found = verdicts_in(client.run(source_of(look)).text())
    client.cancel(stay)
    assert found == {"files": "ok", "processes": "ok ['1', '2']"}
