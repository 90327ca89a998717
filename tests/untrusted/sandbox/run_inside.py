"""Run Python source in a real session and say how it went: ``python run_inside.py``, a job as JSON on standard input.

The job: ``source`` (run in the session; ``report(value)`` hands JSON out, ``outside`` is what must not be reached),
``without`` (layers left out), ``limits`` (changed ones), ``limiter`` and ``cgroup_directory``, ``preload`` (modules),
``prepare`` (source that is run before the session is forked), ``terminals``, ``calls``, ``hold`` (keep it after its
report, until standard input ends), ``harvest`` (hand over files when it is dead), ``rise_bytes`` (of the kernel's
memory, after which locks are looked for).
Answers one line of JSON, and with ``hold`` one more when the session is there.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from untrusted.sandbox import die_with_parent, probes  # noqa: E402
from untrusted.sandbox import limiter as limiters  # noqa: E402
from untrusted.sandbox.clone import clone_session  # noqa: E402
from untrusted.sandbox.limiter import kernel_memory  # noqa: E402
from untrusted.sandbox.lockdown import settle  # noqa: E402
from untrusted.sandbox.plan import HOME, build_plan  # noqa: E402
from untrusted.sandbox.reseed import find_generators, reseed  # noqa: E402
from untrusted.supervisor.output_files import Complaints, Walk, harvest, snapshot  # noqa: E402

DEADLINE_S = 60.0
LIMITS = {
    "session_memory_bytes": 512 << 20, "session_processes_max": 32, "session_cpu_weight": 100, "session_cpus_max": 1.0,
    "session_disk_bytes": 32 << 20, "session_inodes_max": 512, "session_descriptors_max": 128, "session_life_s": 600.0,
    "cell_wall_s": 60.0, "cell_files_max": 100, "cell_file_bytes_max": 1 << 20, "cell_files_bytes_max": 4 << 20,
}  # fmt: skip


def main() -> None:
    """Do the job."""
    job = json.loads(sys.stdin.readline())
    limits = SimpleNamespace(**LIMITS | job.get("limits", {}))
    kernel_memory.RISE_BYTES = job.get("rise_bytes", kernel_memory.RISE_BYTES)
    limiter = limiters.choose(job.get("limiter", "watchdog"), job.get("cgroup_directory", ""), limits)
    plan = build_plan(
        limits, ROOT, [sys.executable], memory_is_seen=limiter.sees_all_memory,
        terminals=job.get("terminals", False), calls=job.get("calls", ()),
    )  # fmt: skip
    plan = plan.without(*job.get("without", ()))
    for module in job.get("preload", ()):
        importlib.import_module(module)
    exec(compile(job.get("prepare", ""), "<zygote>", "exec"), {})
    find_generators()
    secret = tempfile.NamedTemporaryFile()  # noqa: SIM115  it stays until this process ends
    secret.write(b"canary")
    secret.flush()
    tcp = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0run-inside-{os.getpid()}")
    abstract.listen()
    outside = {
        "pid": os.getpid(), "file": secret.name, "port": tcp.getsockname()[1], "abstract": f"run-inside-{os.getpid()}",
        "namespaces": probes.namespaces(), "root": str(ROOT),
    }  # fmt: skip
    ours, theirs = socket.socketpair()
    answers, report = os.pipe()
    zygote = os.fork()
    if zygote == 0:
        be_zygote(job, plan, outside, theirs, report)
    os.close(report)
    theirs.close()
    try:
        watch(job, limits, limiter, ours, answers)
    finally:
        os.kill(zygote, signal.SIGKILL)
        os.waitpid(zygote, 0)


def be_zygote(job: dict, plan, outside: dict, theirs: socket.socket, report: int) -> None:
    """Start the session, hand its pidfd over, and stay until killed, as a zygote with its supervisor."""
    die_with_parent(signal.SIGKILL)
    settle(plan)

    def child() -> None:
        if plan.has("mount_namespace"):
            work_directory = os.open(HOME, os.O_RDONLY | os.O_DIRECTORY)
            socket.send_fds(theirs, [b"w"], [work_directory])
            os.close(work_directory)
        reseed()
        namespace = {"outside": outside, "report": lambda value: os.write(report, json.dumps(value).encode() + b"\n")}
        try:
            exec(compile(job["source"], "<cell>", "exec"), namespace)
        except BaseException:
            os.write(report, json.dumps({"error": traceback.format_exc()}).encode() + b"\n")
        if job.get("hold"):
            signal.pause()

    cloned = clone_session(plan, child, keep=[theirs.fileno(), report], go_ahead=theirs.fileno(), complaints=report)
    os.close(report)
    socket.send_fds(theirs, [str(cloned.pid).encode()], [cloned.pidfd])
    theirs.close()
    while True:
        signal.pause()


def watch(job: dict, limits, limiter, ours: socket.socket, answers: int) -> None:
    """Let the session run until it has reported, has passed a limit or has ended; then kill it, harvest, answer."""
    data, [pidfd], _flags, _address = socket.recv_fds(ours, 64, 1)
    pid = int(data)
    group = limiter.open(f"test-{pid}")
    group.add(pid)
    ours.send(b"g")
    stop_at, said, overrun = time.monotonic() + DEADLINE_S, b"", None
    work, listening = None, [answers]
    while time.monotonic() < stop_at and not overrun:
        readable = select.select([*listening, pidfd, *([ours] if work is None else [])], [], [], 0.05)[0]
        if ours in readable:
            _data, received, _flags, _address = socket.recv_fds(ours, 1, 1)
            work = received[0] if received else -1
            group.usage()
        if answers in readable:
            piece = os.read(answers, 1 << 20)
            said += piece
            if not piece:
                listening = []
            if said.endswith(b"\n") and not job.get("until_end"):
                break
        if pidfd in readable and answers not in readable:
            break
        overrun = group.overrun()
    overrun = overrun or group.overrun()
    usage = group.usage()
    answer = {"said": said.decode(errors="replace"), "overrun": overrun, "usage": usage, "limiter": limiter.name}
    if job.get("hold"):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        print(json.dumps(answer | {"init": pid, "children": [int(child) for child in children]}), flush=True)
        sys.stdin.read()
    began = time.monotonic()
    alive = not select.select([pidfd], [], [], 0)[0]
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    group.kill()
    dead = bool(select.select([pidfd], [], [], 10.0)[0])
    answer |= {"ended_by_itself": not alive, "dead": dead, "kill_s": time.monotonic() - began}
    if job.get("harvest") and work is not None and work >= 0:
        sentences: list[str] = []
        walk = Walk(work, complaints := Complaints(sentences))
        all(pause is None for pause in walk.slices())
        answer["files"] = {
            name: [size, b"".join(data for data, _last in pieces).decode("latin-1")]
            for name, size, pieces in filter(None, harvest(work, walk.found, limits, complaints))
        }
        answer["sentences"] = sentences
        answer["snapshot"] = sorted(os.fsdecode(path) for path in snapshot(work))
    group.close()
    limiter.close()
    answer["children_cpu_s"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_stime
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
