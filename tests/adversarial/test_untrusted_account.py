"""The untrusted account, fully taken over and outside any sandbox, reaches nothing of the trusted side's."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
from pathlib import Path

import pytest

from harness.processes import wait_for
from host.accounts import TRUSTED, UNTRUSTED
from tests.adversarial.conftest import CANARY, LANGUAGES
from tests.adversarial.test_killed_parts import SUPERVISOR, find_part

pytestmark = pytest.mark.root
TOOK_OVER = r"""
import ctypes, errno, glob, json, os, signal, socket, sys
pids, data, app, sockets, ports = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def checked(result):
    if result == -1: raise OSError(ctypes.get_errno(), '')
    return result
def connect(path):
    socket.socket(socket.AF_UNIX).connect(path)
attempts = {}
for pid in pids:
    for name in ('environ', 'mem', 'maps', 'auxv', 'io', 'stack', 'syscall', 'pagemap', 'smaps'):
        attempts[f'{pid} {name}'] = lambda pid=pid, name=name: open(f'/proc/{pid}/{name}', 'rb').read(1)
    for name in ('fd', 'map_files', 'cwd/', 'root/'):
        attempts[f'{pid} {name}'] = lambda pid=pid, name=name: os.listdir(f'/proc/{pid}/{name}')
    for number in (0, 9, 10, 19, 28):
        attempts[f'{pid} signal {number}'] = lambda pid=pid, number=number: os.kill(pid, number)
    attempts[f'{pid} ptrace'] = lambda pid=pid: checked(libc.ptrace(16, pid, 0, 0))
    attempts[f'{pid} seize'] = lambda pid=pid: checked(libc.ptrace(0x4206, pid, 0, 0))
    def peek(pid=pid):
        class Piece(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
        here = ctypes.create_string_buffer(8)
        ours, theirs = Piece(ctypes.addressof(here), 8), Piece(0x400000, 8)
        checked(libc.process_vm_readv(pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0))
    attempts[f'{pid} peek'] = peek
    attempts[f'{pid} descriptor'] = lambda pid=pid: checked(libc.syscall(438, os.pidfd_open(pid), 3, 0))
    attempts[f'{pid} limits'] = lambda pid=pid: __import__('resource').prlimit(pid, 7, (10, 10))
    attempts[f'{pid} priority'] = lambda pid=pid: os.setpriority(os.PRIO_PROCESS, pid, 19)
    attempts[f'{pid} score'] = lambda pid=pid: open(f'/proc/{pid}/oom_score_adj', 'w').write('1000')
for path in sockets: attempts[f'socket {path}'] = lambda path=path: connect(path)
for path in (data, data + '/mongo', data + '/ssh', data + '/logs', app, app + '/device', '/root', '/var/lib/singlecell'):
    attempts[f'list {path}'] = lambda path=path: os.listdir(path)
for path in ('singlecell_config.py', 'ssh/device_key', 'ssh/host_key', 'ssh/authorized_keys', 'logs/server.log'):
    attempts[f'read {path}'] = lambda path=path: open(f'{data}/{path}').read()
    attempts[f'write {path}'] = lambda path=path: open(f'{data}/{path}', 'a')
for path in ('/etc/shadow', '/etc/passwd', '/etc/sudoers', '/etc/crontab', sys.executable, app + '/settings.py', data + '/x', app + '/x'):
    attempts[f'write {path}'] = lambda path=path: open(path, 'a')
attempts['read shadow'] = lambda: open('/etc/shadow').read()
for call in ('setuid', 'setgid', 'seteuid'): attempts[call] = lambda call=call: getattr(os, call)(0)
attempts['groups'] = lambda: os.setgroups([0])
def verdict(attempt):
    try: attempt()
    except OSError as error: return errno.errorcode.get(error.errno, str(error.errno))
    return 'ok'
found = {name: verdict(attempt) for name, attempt in attempts.items()}
words = []
for path in glob.glob('/proc/[0-9]*/cmdline'):
    try: words.append(open(path, 'rb').read().decode('latin-1'))
    except OSError: pass
print(json.dumps({'attempts': found, 'commands': words, 'me': [os.getuid(), os.getgroups()]}))
"""

DROP = ["setpriv", f"--reuid={UNTRUSTED}", f"--regid={UNTRUSTED}", "--init-groups", "--reset-env"]
# What libraries and shells run or read when they start, in each home there is.
PLANT = r"""
import glob, os, pwd, sys
place, account = sys.argv[1], pwd.getpwuid(os.getuid()).pw_dir
planted = {
    '.config/matplotlib/matplotlibrc': 'lines.linewidth: 4711\n', '.maxima/maxima-init.mac': 'planted: 4711$\n',
    '.maxima/maxima-init.lisp': '(setq $planted 4711)\n', '.profile': 'exit 1\n', '.bashrc': 'exit 1\n',
    '.ssh/rc': 'exit 1\n', '.ssh/environment': 'PATH=/nowhere\n',
}
done = 0
for home in (account, *glob.glob(f'{place}/home*')):
    for name, text in planted.items():
        try:
            os.makedirs(os.path.dirname(f'{home}/{name}'), exist_ok=True)
            open(f'{home}/{name}', 'w').write(text)
            done += 1
        except PermissionError: pass
print(done)
"""
SEEN = {
    "python": ("import matplotlib\nprint(matplotlib.rcParams['lines.linewidth'])", "1.5\n"),
    "sage": ("import matplotlib\nprint(matplotlib.rcParams['lines.linewidth'], maxima.eval('planted'))", "1.5 planted\n"),
}


@pytest.fixture(scope="module")
def took_over(server) -> dict:
    """What came of everything that the account tried."""
    trusted = pwd.getpwnam(TRUSTED).pw_uid
    pids, app = [], ""
    for pid in [server.process.pid, *server.process.descendants()]:
        try:
            owner, line = os.stat(f"/proc/{pid}").st_uid, Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if owner == trusted or line.rstrip(b"\0").endswith(b"-m\0host"):
            pids.append(pid)
            if b"trusted_db.py" in line:
                app = os.readlink(f"/proc/{pid}/cwd")
    assert len(pids) >= 4 and app
    sockets = [str(path) for path in server.data.rglob("*.sock")]
    assert sockets
    job = json.dumps([pids, str(server.data), app, sockets, [server.port]])
    answer = subprocess.run(
        [*DROP, "/usr/bin/python3", "-c", TOOK_OVER, job], capture_output=True, text=True, cwd="/", check=False
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_the_account_reaches_no_process_file_or_socket_of_the_trusted_side(took_over):
    """C3, C5, D1, D2, D4, D20"""
    assert took_over["me"][0] == pwd.getpwnam(UNTRUSTED).pw_uid
    succeeded = {
        name for name, said in took_over["attempts"].items() if said not in ("EPERM", "EACCES", "ENOENT", "ESRCH")
    }
    assert len(took_over["attempts"]) > 100
    assert not succeeded, {name: took_over["attempts"][name] for name in succeeded}


def test_no_command_line_that_everybody_may_read_holds_a_secret(took_over, server):
    """C5, C7"""
    key = (server.data / "ssh" / "device_key").read_text().splitlines()[1]
    for words in took_over["commands"]:
        assert CANARY not in words and key not in words


@pytest.fixture(scope="module")
def planted(client, server) -> Path:
    """Where a takeover left files, and its supervisor was killed after that."""
    supervisor = find_part(server, SUPERVISOR)
    place = Path(f"/proc/{supervisor}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")[-1].decode()
    done = subprocess.run([*DROP, "/usr/bin/python3", "-c", PLANT, place], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 7  # the zygotes' home; the account's own belongs to root
    os.kill(supervisor, signal.SIGKILL)
    return Path(place)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_start_reads_is_as_it_should_be(client, language):
    """Its zygote is loaded then: what it keeps in its home is there to be overwritten by the next test."""
    code, said = SEEN[language]
    assert client.run(code, language=language).text() == said


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_a_takeover_left_in_files_is_read_by_the_next_start(client, planted, language):
    code, said = SEEN[language]
    assert client.run(code, language=language).text() == said
    wait_for(lambda: not planted.exists())
