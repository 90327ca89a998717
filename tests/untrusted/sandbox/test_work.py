"""What cells must be able to do in spite of everything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.untrusted.sandbox.conftest import RUN_INSIDE


def test_numpy_and_matplotlib_work_and_write_files(session):
    result = session(
        """
import numpy, matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
plt.plot(numpy.arange(3.0) @ numpy.ones((3, 2)))
plt.savefig("figure.png")
report(open("figure.png", "rb").read(4).decode("latin-1"))
"""
    )
    assert result.reported == "\x89PNG"


def test_programs_threads_and_processes_can_be_started(session):
    result = session(
        """
import multiprocessing, os, subprocess, threading
seen = []
thread = threading.Thread(target=seen.append, args=[1])
thread.start()
thread.join()
with multiprocessing.get_context("fork").Pool(2) as pool:
    seen += pool.map(abs, [-2, -3])
seen.append(os.system("exit 4") >> 8)
seen.append(int(subprocess.run(["sh", "-c", "echo $((2+3))"], capture_output=True).stdout))
report(seen)
"""
    )
    assert result.reported == [1, 2, 3, 4, 5]


def test_shared_memory_sqlite_and_temporary_files_work(session):
    result = session(
        """
import sqlite3, tempfile
from multiprocessing.shared_memory import SharedMemory
memory = SharedMemory(create=True, size=4096)
memory.buf[:2] = b"ok"
shared = bytes(memory.buf[:2]).decode()
memory.close(); memory.unlink()
database = sqlite3.connect("x.db")
database.execute("create table t (a)"); database.execute("insert into t values (1)"); database.commit()
with tempfile.TemporaryFile() as file:
    file.write(b"x")
report([shared, database.execute("select a from t").fetchall(), __import__("os").getcwd()])
"""
    )
    assert result.reported == ["ok", [[1]], "/home/cell"]


def test_pip_lists_what_is_installed(session):
    result = session(
        """
import subprocess, sys
done = subprocess.run([sys.executable, "-m", "pip", "list"], capture_output=True, text=True)
report([done.returncode, "numpy" in done.stdout])
"""
    )
    assert result.reported == [0, True]


def test_asyncio_works_without_a_network(session):
    assert session("import asyncio; report(asyncio.run(asyncio.sleep(0, 'done')))").reported == "done"


def test_interrupts_reach_the_worker_and_what_it_waits_for(session):
    result = session(
        """
import os, signal, subprocess
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with it ignored
child = subprocess.Popen(["sleep", "100"])
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.killpg(os.getpgid(0), signal.SIGINT)  # the worker leads its own process group
report([child.wait(), os.getpgid(0)])
"""
    )
    assert result.reported == [-2, 2]


def test_the_processor_number_is_not_stale(session):
    """The C library caches it in memory that the kernel must know of in the worker too."""
    source = """
import ctypes, os
libc = ctypes.CDLL(None)
seen = []
for cpu in sorted(os.sched_getaffinity(0)):
    os.sched_setaffinity(0, [cpu])
    seen.append(libc.sched_getcpu() == cpu)
report(all(seen))
"""
    assert session(source).reported is True


def test_a_language_that_asks_for_terminals_has_its_own_and_those_of_nobody_else(session):
    seen = session(
        """
import os, subprocess
before = os.listdir("/dev/pts")
ours, theirs = os.openpty()
os.write(theirs, b"hi")
program = subprocess.run(["tty"], stdin=theirs, capture_output=True)
extra = []
try:
    while len(extra) < 64:
        extra.append(os.openpty())
except OSError:
    pass
report({"before": before, "read": os.read(ours, 2).decode(), "name": os.ttyname(theirs), "many": len(extra),
        "program": program.stdout.decode().strip()})
""",
        terminals=True,
    ).reported
    assert seen == {"before": ["ptmx"], "read": "hi", "name": "/dev/pts/0", "many": 31, "program": "/dev/pts/0"}


def test_an_environment_may_be_reached_by_a_link(account, python):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        link = Path(folder, "environment")
        link.symlink_to(Path(python).parents[1].resolve())
        job = {"source": "import os, sys; report([sys.executable, os.path.exists(sys.executable)])"}
        argv = [f"{link}/bin/python", "-B", str(RUN_INSIDE)]
        done = subprocess.run(argv, input=json.dumps(job) + "\n", capture_output=True, text=True, cwd="/", **account)
        assert json.loads(json.loads(done.stdout)["said"]) == [argv[0], True]


def test_processes_can_be_started_in_every_way_of_multiprocessing(session):
    result = session(
        """
import multiprocessing, sys
del sys.modules["__main__"].__file__  # the new interpreters would look for the harness, which is not shown
seen = []
for way in ("fork", "spawn", "forkserver"):
    context = multiprocessing.get_context(way)
    with context.Pool(2) as pool:
        seen += pool.map(abs, [-1, -2])
    ours, theirs = context.Pipe()
    ours.send(way)
    seen.append(theirs.recv())
    queue = context.Queue()
    queue.put(3)
    seen.append(queue.get())
report(seen)
"""
    )
    assert result.reported == [1, 2, "fork", 3, 1, 2, "spawn", 3, 1, 2, "forkserver", 3]


def test_locks_sockets_signals_and_maps_work(session):
    result = session(
        """
import asyncio, fcntl, mmap, os, select, signal, socket, sqlite3, time
file = open("lock", "w")
fcntl.flock(file, fcntl.LOCK_EX)
fcntl.lockf(file, fcntl.LOCK_EX)
os.set_blocking(fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 20), True)
database = sqlite3.connect("wal.db")
database.execute("pragma journal_mode=wal")
database.execute("create table t (a)"); database.commit(); database.execute("vacuum")
memory = mmap.mmap(-1, 1 << 16)
memory.write(b"x"); memory.madvise(mmap.MADV_DONTNEED); memory.flush()
ours, theirs = socket.socketpair()
for option in (socket.SO_SNDBUF, socket.SO_RCVBUF, socket.SO_PASSCRED):
    ours.setsockopt(socket.SOL_SOCKET, option, 4096)
ours.settimeout(1)
socket.send_fds(ours, [b"x"], [1])
_data, descriptors, _flags, _address = socket.recv_fds(theirs, 1, 1)
async def talk():
    server = await asyncio.start_unix_server(lambda reader, writer: writer.write_eof(), "socket")
    reader, writer = await asyncio.open_unix_connection("socket")
    program = await asyncio.create_subprocess_exec("echo", "hi", stdout=asyncio.subprocess.PIPE)
    said, _none = await program.communicate()
    await asyncio.to_thread(time.sleep, 0)
    server.close()
    return said.decode()
heard = []
signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.01)
while not heard:
    select.select([], [], [], 0.1)
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
os.mkfifo("fifo"); os.eventfd(0); os.pidfd_open(os.getpid()); os.nice(1); os.sync()
report([len(descriptors), asyncio.run(talk())])
"""
    )
    assert result.reported == [1, "hi\n"]


PROGRAMS = {
    "gcc": """
printf '#include <pthread.h>\\n#include <stdio.h>\\nvoid *f(void *x) { return x; }\\nint main() { pthread_t t;
pthread_create(&t, 0, f, 0); pthread_join(t, 0); puts("threads"); }' > a.c
TMPDIR=/tmp gcc -pthread a.c -o a && ./a""",
    "git": "git init -q r; cd r; echo a > a; git add a; git -c user.name=a -c user.email=b commit -qm c; git gc -q",
    "java": "echo 'class A { public static void main(String[] a) {} }' > A.java; java -Xmx64m A.java",
    "node": "node -e 'console.log(require(\"os\").cpus().length, require(\"child_process\").execSync(\"echo hi\"))'",
    "perl": "perl -e 'fork or exit; wait; open F, q(<), q(/etc/passwd) or die; flock F, 1 or die'",
    "tar": "echo x > f; tar cf t.tar f; tar tf t.tar; cp f g; mv g h; sort f h | uniq -c; dd if=/dev/zero of=z count=2",
    "make": "printf 'all: a b\\na b:\\n\\ttrue\\n' > Makefile; make -j2",
    "xz": "echo x > f; xz -k f; gzip -k f; bzip2 -k f",
    "Rscript": "Rscript -e 'library(parallel); mclapply(1:2, sqrt)'",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_the_host_works(session, program):
    if not shutil.which(program, path=os.defpath):  # where sessions look
        pytest.skip(f"{program} is not installed here")
    source = f"""
import subprocess
done = subprocess.run(["sh", "-ec", {PROGRAMS[program]!r}], capture_output=True, text=True)
report([done.returncode, done.stderr])
"""
    # Java maps much and uses little of it; it starts threads for each processor. R wants to open as much as by default.
    room = {"session_memory_bytes": 2 << 30, "session_processes_max": 64, "session_disk_bytes": 64 << 20,
            "session_descriptors_max": 512}  # fmt: skip
    returned, said = session(source, limits=room).reported
    assert returned == 0, said
