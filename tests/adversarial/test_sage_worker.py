"""Attacks from Sage's worker find nothing in its terminals, its programs and its environment."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from harness.server import Server
from tests.adversarial.attempts import as_it_is
from tests.adversarial.conftest import ATTACK_S, CANARY, at_once, beside
from tests.adversarial.test_lifetime import LEFT, until_gone
from tests.checking_client import CheckingClient
from tests.client import Outcome

pytestmark = pytest.mark.sage

# A pair of terminals, as Sage opens them for its programs: D12 of the list, where there is one to attack.
TERMINAL = "import os\nours, theirs = os.openpty()\nkept = (ours, theirs)\n"
ON_TERMINALS = {
    "D12 letters pushed into a terminal": "fcntl.ioctl(theirs, 0x5412, b'x')",
    "D12 letters pushed, the high half set": "call(16, theirs, 0x100005412, b'x')",
    "D12 paste": "fcntl.ioctl(theirs, 0x541C, b'\\2')",
    "D12 console taken over": "fcntl.ioctl(theirs, 0x541D)",
    "D12 console": "open('/dev/console')",
    "D12 the terminal of somebody else": "open('/dev/tty1')",
    "D12 virtual consoles": "open('/dev/vcs')",
    "D12 keyboard": "fcntl.ioctl(theirs, 0x4B4C, 0)",
    "D12 locks on a terminal's modes": "fcntl.ioctl(theirs, 0x5457, bytes(64))",
    "D12 hanging up": "fcntl.ioctl(theirs, 0x5437)",
    "D12 another terminal instance": "call(165, b'devpts', b'/dev/pts', b'devpts', 0, b'newinstance')",
    "D12 a node of a device": "os.mknod('/dev/pts/tty', 0o20666, os.makedev(4, 64))",
    "D12 a file among the terminals": "open('/dev/pts/x', 'w')",
    "D12 a file among the devices": "open('/dev/x', 'w')",
    "D13 owner of a terminal": "os.chown(os.ttyname(theirs), 4711, 4711)",
}
REFUSALS = {"EPERM", "EACCES", "ENOENT", "ENOTTY", "EROFS", "EINVAL", "ENOSYS", "ENXIO", "EIO"}


def test_a_terminal_reaches_nobody_but_its_own_session(attempt):
    """D12"""
    found = attempt(ON_TERMINALS, TERMINAL, language="sage")
    assert not {name: verdict for name, verdict in found.items() if verdict not in REFUSALS}


def test_terminals_of_another_session_are_not_there(client):
    """D3, D12"""
    hold = client.submit("import os\nprint(gap(6) * 7, os.listdir('/dev/pts'))\ninput()", language="sage", stdin=True)[
        "id"
    ]
    said = client.until_asked(hold)
    assert "42 [" in str(said) and "'0'" in str(said)
    look = client.run("import os\nprint(sorted(os.listdir('/dev/pts')), os.path.exists('/dev/pts/0'))", language="sage")
    client.cancel(hold)
    assert look.text() == "['ptmx'] False\n"


def test_python_has_no_terminals_because_sage_has(client):
    """D12"""
    code = "import os\ntry: os.openpty()\nexcept OSError as error: print('refused')\nprint(os.path.exists('/dev/pts'))"
    assert client.run(code).text() == "refused\nFalse\n"


def test_terminals_run_out_in_the_session_alone(client):
    """A8, A23"""
    code = as_it_is(
        "import os\nkept = []\ntry:\n    while len(kept) < 10_000: kept.append(os.openpty())\n"
        "except OSError as error: print(error.errno in (12, 24, 28))\nprint(len(kept) < 600)\ninput()"
    )
    hog = client.submit(code, language="sage")["id"]
    client.until_asked(hog)
    assert client.run("gap(6) * 7, singular(6) * 7", language="sage").result == "(42, 42)"
    client.answer(hog, "")
    assert client.finish(hog).text() == "True\nTrue\n"


# What a program's own door to the shell gives: what it says of processes, files and secrets around it.
SHELL = (
    "(ls /proc | grep -c ^[0-9]; cat -v /etc/shadow /proc/1/environ; ls /root /run; id -u; echo end) > /tmp/said 2>&1"
)
DOORS = {
    "GAP as a library": f"libgap.eval('Exec(\"{SHELL}\")')",
    "Maxima": f'%%maxima\nsystem("{SHELL}");',
    "Singular": f'%%singular\nsystem("sh", "{SHELL}");',
    "PARI": f'%%gp\nsystem("{SHELL}")',
    "PARI as a library": f"pari('system(\"{SHELL}\")')",
    "bash": f"%%bash\n{SHELL}",
}


@pytest.mark.parametrize("door", DOORS)
def test_a_shell_behind_a_program_is_inside_the_sandbox(client, server, door):
    """C1, C3, C4, C5"""
    first = client.run(DOORS[door], language="sage", keep=True)
    said = client.run("print(open('/tmp/said').read())", session=first.description["session"]).text()
    for secret in (CANARY, str(server.data), "root:$", "root:*", "root:!", "mongodb"):
        assert secret not in said
    assert said.endswith("end\n\n") and int(said.split()[0]) < 10, said


def test_no_secret_is_in_the_memory_of_a_worker(client, server):
    """C7"""
    secrets = [CANARY.encode(), str(server.data).encode(), b"mongodb://", b"PRIVATE KEY-----\n"]
    for secret in secrets:
        control = uuid.uuid4().hex.encode()
        # Every byte turned, there and in what is searched: else the search would find its own words.
        turned = [bytes(byte ^ 0x55 for byte in needle) for needle in (control, secret)]
        outcome = client.run(as_it_is(SEARCH.replace("TURNED", repr(turned))), language="sage")
        assert outcome.text() == "True True 0\n", (secret, outcome.description, outcome.messages[-3:])


# Pages that are there alone: most of the addresses are room that GAP, PARI and Lisp hold for later.
SEARCH = """
import numpy
turned = TURNED
planted = bytes(b ^ 0x55 for b in turned[0])
found, scanned, page = [0, 0], 0, 4096
with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory, open('/proc/self/pagemap', 'rb') as there:
    for row in [line.split() for line in maps]:
        start, end = (int(n, 16) for n in row[0].split('-'))
        if row[1][:1] != 'r' or row[1][1] != 'w' or start >= 1 << 47: continue
        there.seek(start // page * 8)
        present = numpy.frombuffer(there.read((end - start) // page * 8), numpy.uint64) >> numpy.uint64(62) > 0
        edges = numpy.flatnonzero(numpy.diff(numpy.concatenate([[False], present, [False]]).astype(numpy.int8)))
        for first, last in edges.reshape(-1, 2).tolist():
            for place in range(start + first * page, start + last * page, 1 << 24):
                memory.seek(place)
                try: block = memory.read(min(1 << 24, start + last * page - place))
                except OSError: break
                scanned += len(block)
                block = (numpy.frombuffer(block, numpy.uint8) ^ 0x55).tobytes()
                for n, needle in enumerate(turned): found[n] += block.count(needle)
print(scanned > 50_000_000, found[0] > 0, found[1])
"""

# name: (code, the reasons that are right)
EXHAUSTION = {
    "A9 endless in a program": ("gap.eval('while true do od;')", {"time_cpu"}),
    "A9 endless in C": ("pari('for(i=1,10^12,)')", {"time_cpu"}),
    "A4 memory in several programs": (
        "from sage.interfaces.gap import Gap\ngaps = [Gap(use_workspace_cache=False) for _ in range(4)]\n"
        "for g in gaps: g.eval('s := \"ab\"; for i in [1..26] do s := Concatenation(s, s); od;')\nsleep(20)",
        {"memory", "time_cpu"},
    ),
    "A6 growth in C": ("kept = []\nwhile True: kept.append(2^(10^8) - 1)", {"memory"}),
    "A1 fork bomb of a program": (
        'singular.eval(\'system("sh", "while true; do sleep 1000 & done");\')',
        {"processes", "time_cpu"},
    ),
    "A15 flood through a terminal": ("import os\nos.system('yes | head -c 100000000')", {"output"}),
    "A25 a crash in C": (
        "cython = None\nfrom cysignals.tests import unguarded_dereference_null_pointer as f\nf()",
        {"kernel_died"},
    ),
    "A25 a stack that overflows": ("import ctypes\nctypes.string_at(int(0))", {"kernel_died", None}),
}


@pytest.fixture(scope="module")
def outcomes(request, server: Server, innocent: str) -> Iterator[dict[str, Future[Outcome]]]:
    """What each attack comes to, beside a neighbour who comes to the right result."""

    def attack(name: str) -> Outcome:
        own = CheckingClient(server.url)
        with beside(own, innocent):
            return own.run(EXHAUSTION[name][0], language="sage")

    with at_once(request, attack, EXHAUSTION) as outcomes:
        yield outcomes


@pytest.mark.parametrize("name", EXHAUSTION)
def test_an_attack_from_sage_ends_with_its_reason(outcomes, name):
    _, reasons = EXHAUSTION[name]
    outcome = outcomes[name].result(ATTACK_S)
    assert outcome.reason in reasons, (outcome.description, outcome.messages[-3:])
    if outcome.reason:
        assert outcome.state == "failed" and len(outcome.of_type("error")[-1]["evalue"]) > 20


@pytest.mark.parametrize("name", ["B1 daemons", "B4 a fork bomb that races the kill", "B9 a killed init"])
def test_no_process_outlives_a_session_of_sage(client, name):
    mark = f"left-{uuid.uuid4().hex[:12]}"
    outcome = client.run(as_it_is(LEFT[name].replace("{mark}", mark)), language="sage")
    assert outcome.state in ("done", "failed")
    until_gone(mark)


def test_a_daemon_that_a_program_starts_ends_with_its_session(client):
    """B1, B6"""
    mark = f"left-{uuid.uuid4().hex[:12]}"
    code = f"""
import glob
singular.eval('system("sh", "setsid bash -c \\'exec -a {mark} sleep 1000\\' >/dev/null 2>&1 &");')
while not any(open(name).read().startswith('{mark}') for name in glob.glob('/proc/[0-9]*/cmdline')): sleep(0.05r)
print('there')
"""
    outcome = client.run(code, language="sage")
    assert (outcome.state, outcome.text()) == ("done", "there\n"), outcome.messages[-3:]
    until_gone(mark)


PLANTED = (
    "~/.sage/init.sage", "/tmp/.sage/init.sage", "~/.gaprc", "~/.gap/gap.ini", "~/.gap/gaprc", "~/.maxima/maxima-init.mac",
    "~/.maxima/maxima-init.lisp", "~/.gprc", "~/.singularrc", "~/.ipython/profile_default/startup/a.py", "~/.eclrc",
    "/tmp/.sage/gap/workspace-1", "/tmp/.sage/matplotlib-1/matplotlibrc",
)  # fmt: skip


def test_nothing_that_one_session_plants_for_sage_is_there_in_the_next(client):
    """B11, B12"""
    plant = f"""
import os
for name in {PLANTED!r}:
    name = os.path.expanduser(name)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    open(name, 'w').write('planted')
ZZ.planted = 1 if hasattr(ZZ, '__dict__') else None
pari('planted = 7'); libgap.eval('planted := 7;'); maxima_calculus.eval('planted : 7'); implicit_multiplication(True)
"""
    look = f"""
import os
print([n for n in {PLANTED!r} if os.path.lexists(os.path.expanduser(n))])
print(pari('planted'), libgap.eval('IsBound(planted)'), maxima_calculus.eval('planted'), implicit_multiplication())
"""
    assert client.run(plant, language="sage").state == "done"
    # More sessions than wait ready: some were forked after the planting.
    for computation in [client.submit(look, language="sage")["id"] for _ in range(6)]:
        assert client.finish(computation).text() == "[]\nplanted false planted False\n"


@pytest.mark.parametrize(
    "place", ["sys.prefix", "sage.__path__[0]", "sage.env.SAGE_LOCAL", "os.environ['SINGULAR_BIN_DIR']"]
)
def test_no_place_of_sages_environment_can_be_written(client, place):
    """B11"""
    code = f"""
import os, sys, sage.env
try: open(os.path.join({place}, 'planted.pth'), 'w'); print('written')
except OSError as error: print(error.errno)
"""
    assert client.run(as_it_is(code), language="sage").text() in ("30\n", "13\n", "1\n")
