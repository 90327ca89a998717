"""No session fills a table that the host has one of and no limiter counts, or finds others' traces in it."""

from __future__ import annotations

import pytest

from tests.adversarial.attempts import as_it_is, source_of, verdicts_in
from tests.adversarial.conftest import LANGUAGES, beside

has_neighbour = pytest.mark.usefixtures("neighbour")

# The program of a filter is one instruction that allows everything: did it come through, nothing would be lost.
SETUP = """
code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
program = struct.pack("HxxxxxxQ", 1, ctypes.addressof(code))
pair = socket.socketpair()
UPPER = 1 << 32
page = ctypes.addressof(code) & ~4095
"""
REFUSED = {
    "I1 a filter of one's own": "call(317, 1, 0, program)",
    "I1 a filter for all threads": "call(317, 1, 1, program)",
    "I1 a filter that hands calls on": "call(317, 1, 8, program)",
    "I1 a filter by prctl": "call(157, 22, 2, program, 0, 0)",
    "I1 a filter by prctl, a bit above": "call(157, UPPER | 22, 2, program, 0, 0)",
    "I1 the strict mode": "call(157, 22, 1, 0, 0, 0)",
    "I1 BPF loaded": "call(321, 5, bytes(128), 128)",
    **{
        f"I2 {name}{how}": f"call(54, pair[0].fileno(), {upper}1, {upper}{option}, program, 16)"
        for name, option in (
            ("SO_ATTACH_FILTER", 26), ("SO_ATTACH_BPF", 50), ("reuseport by CBPF", 51), ("reuseport by EBPF", 52))
        for how, upper in (("", ""), (", a bit above", "UPPER | "))
    },
    "I3 a ruleset of Landlock": "call(444, struct.pack('Q', 1), 8, 0)",
    "I3 rules of Landlock put on": "call(446, 0, 0)",
    "I4 a key": "call(248, b'user', b'a', b'b', 1, -3)",
    "I4 a ring of keys": "call(250, 1, 0)",
    "I4 asynchronous input": "call(206, 1, ctypes.byref(ctypes.c_ulong()))",
    "I4 io_uring": "call(425, 1, bytes(120))",
    "I4 inotify": "call(294, 0)",
    "I4 fanotify": "call(300, 0, 0)",
    "I4 a message queue": "call(240, b'q', 0o102, 0o600, None)",
    "I5 pages of a pipe": "fcntl.fcntl(os.pipe()[0], 1031, 1 << 20)",
    "I5 pages of a pipe, a bit above": "call(72, os.pipe()[0], UPPER | 1031, 1 << 20)",
    **{
        f"I7 told of {flag:#x} in {path}": f"fcntl.fcntl(os.open({path!r}, 0), fcntl.F_NOTIFY, {flag})"
        for path in ("/usr", "/usr/lib", "/etc", "/")
        for flag in (1, 0x3F, -0x80000000 | 1)
    },
    "I7 told, a bit above": "call(72, os.open('/usr', 0), UPPER | 1026, 1)",
    "I7 told where modules lie": "fcntl.fcntl(os.open(os.path.dirname(json.__file__), 0), fcntl.F_NOTIFY, 1)",
    "I7 a lease": "fcntl.fcntl(os.open('/usr/bin/env', 0), fcntl.F_SETLEASE, fcntl.F_RDLCK)",
    "I7 a delegation": "fcntl.fcntl(os.open('/usr/bin/env', 0), 1040, 0)",
    "I8 what is in memory": "call(27, page, 4096, ctypes.create_string_buffer(8))",
    "I8 what of a file is in memory": "call(451, os.open('/usr/bin/env', 0), bytes(16), bytes(40), 0)",
    "I8 read only what is in memory": "os.preadv(os.open('/usr/bin/env', 0), [bytearray(9)], 0, os.RWF_NOWAIT)",
    "I8 a shared file thrown out": "os.posix_fadvise(os.open('/usr/bin/env', 0), 0, 0, os.POSIX_FADV_DONTNEED)",
    "I8 pages merged between sessions": "call(28, page, 4096, 12)",
    "I9 the disks written out": "call(162)",
    "I9 a shared disk written out": "call(306, os.open('/usr', 0))",
    "I11 a call of the future": "call(600, 0)",
    "I11 a number without a call": "call(400, 0)",
}  # fmt: skip


@pytest.fixture(scope="module", params=LANGUAGES)
def refusals(client, innocent, request) -> dict[str, str]:
    """What came of all the attempts, made in one cell beside a neighbour's."""
    with beside(client, innocent):
        outcome = client.run(as_it_is(source_of(REFUSED, SETUP)), language=request.param)
    assert outcome.state == "done", outcome.messages[-3:]
    return verdicts_in(outcome.text())


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_host_has_one_of_cannot_be_had(refusals, name):
    assert refusals[name] in {"EPERM", "ENOSYS", "EMFILE", "ENOTSUP", "EINVAL", "EACCES"}
    # Nothing but the filter refuses what an ordinary account may do.
    assert name not in {"I1 a filter of one's own", "I2 SO_ATTACH_FILTER", "I7 told of 0x1 in /usr"} or (
        refusals[name] == "EPERM"
    )


@has_neighbour
def test_children_with_filters_of_their_own_keep_nobody_from_a_session(client):
    """I1, I2"""
    # The attack as it was, but small: children that stay, each with several filters and with sockets that have one.
    code = f"""
import ctypes, os, signal, socket, struct, time
libc = ctypes.CDLL(None)
{SETUP}
failed, kept = 0, []
for _ in range(5):
    if (child := os.fork()) == 0:
        loaded = sum(libc.syscall(317, 1, 0, program) == 0 for _ in range(7))
        loaded += sum(libc.prctl(22, 2, program, 0, 0) == 0 for _ in range(7))
        sockets = [socket.socketpair()[0] for _ in range(7)]
        loaded += sum(libc.setsockopt(s.fileno(), 1, 26, program, 16) == 0 for s in sockets)
        os.write(1, f"{{loaded}} ".encode())
        time.sleep(1000)
    kept.append(child)
time.sleep(1000)
"""
    attack = client.submit(code)["id"]
    client.until(attack, lambda messages: "".join(said(messages)).count(" ") == 5)
    # Each of these is a session of its own, with a filter that the sandbox loads.
    assert [client.run("6 * 7").result for _ in range(5)] == ["42"] * 5
    client.cancel(attack)
    assert "".join(said(client.finish(attack).messages)) == "0 " * 5


def said(messages: list[dict]) -> list[str]:
    """Return the texts that a cell has written."""
    return [message["content"]["text"] for message in messages if message["header"]["msg_type"] == "stream"]


@has_neighbour
@pytest.mark.parametrize("language", LANGUAGES)
def test_timers_and_queued_signals_are_few_and_the_sessions_own(client, language):
    """I6"""
    code = """
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
signal.pthread_sigmask(signal.SIG_BLOCK, [40])
event, timer, made = (ctypes.c_int * 16)(0, 0, 40, 0), ctypes.c_void_p(), 0
while made < 5000 and libc.syscall(222, 1, event, ctypes.byref(timer)) == 0:
    made += 1
print(made, ctypes.get_errno())
"""
    attack = client.submit(as_it_is(code + "import time; time.sleep(1000)"), language=language)["id"]
    client.until(attack, said)
    # Beside it another session has as many.
    beside = client.run(as_it_is(code), language=language).text()
    client.cancel(attack)
    first = "".join(said(client.finish(attack).messages))
    for text in (first, beside):
        made, error = map(int, text.split())
        assert 500 < made <= 1024 and error == 11


@has_neighbour
@pytest.mark.parametrize("language", LANGUAGES)
def test_one_session_does_not_see_what_another_does(client, language):
    """I10"""
    watch = """
import os
names = ('locks', 'cgroups', 'diskstats', 'interrupts', 'softirqs', 'vmstat', 'timer_list', 'sched_debug', 'keys')
print({name: len(open(f'/proc/{name}').read()) for name in names if os.path.exists(f'/proc/{name}')})
print(sum(name.isdigit() for name in os.listdir('/proc')), open('/proc/loadavg').read().split()[-1])
"""
    outcome = client.run(as_it_is(watch), language=language)
    sizes, processes = outcome.text().splitlines()
    assert set(eval(sizes).values()) == {0}
    # Its own two (or a few more of a library's), while the neighbour has as many; the last number given is its own.
    assert all(int(number) < 20 for number in processes.split())


@has_neighbour
@pytest.mark.parametrize("language", LANGUAGES)
def test_reading_what_all_share_leaves_no_trace(client, language):
    """I12"""
    read = """
import os, sys, json
path = json.__file__
before = os.stat(path).st_atime_ns
for _ in range(3):
    open(path).read()
print(before == os.stat(path).st_atime_ns, bool(os.statvfs(path).f_flag & os.ST_RDONLY))
"""
    assert client.run(as_it_is(read), language=language).text() == "True True\n"
