"""What cells must be able to do in spite of everything."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

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
