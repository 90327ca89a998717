"""Stop: KeyboardInterrupt wherever the code is, and the session goes on."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from tests.untrusted.kernel.child import LocalProcess, Ran
from untrusted.channel import WorkerEnd
from untrusted.kernel.foreign.stops import Stops
from untrusted.kernel.interrupts import Interrupts
from untrusted.worker.worker import Worker

ENDLESS = {
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(100)",
    "prints": "while True: print('x' * 100)",
    "displays": "while True: display('x')",
    "os.system": "import os; os.system('sleep 100; echo after')",
    "subprocess": "import subprocess; subprocess.run(['sleep', '100'])",
    "shell": "!sleep 100; echo after",
    "deaf shell": "!trap '' INT; sleep 100; sleep 100",
    "await": "import asyncio; await asyncio.sleep(100)",
    "await a loop": "import asyncio\nwhile True: await asyncio.sleep(0)",
    "asyncio.run": "import asyncio; asyncio.run(asyncio.sleep(100))",
    "numpy": "import numpy as np\na = np.ones((300, 300))\nwhile True: a @ a",
    "join": "import threading\nt = threading.Thread(target=threading.Event().wait, daemon=True); t.start(); t.join()",
    "lock": "import threading; threading.Event().wait()",
    "fork": "import os, time\npid = os.fork()\nif pid == 0: time.sleep(100)\nos.waitpid(pid, 0)",
    "pool": "import multiprocessing as m, time\nwith m.get_context('fork').Pool(2) as p: p.map(time.sleep, [100, 100])",
    "timeit": "%timeit -n 1000000 -r 1000 pass",
    "time": "%%time\nwhile True: pass",
}


def stopped(child: LocalProcess, code: str) -> Ran:
    """Run the code and interrupt it as soon as it says that it has begun."""
    begun: list[str] = []

    def stop(seen: str) -> None:
        if not begun and "begun" in seen:
            begun.append(seen)
            child.interrupt()

    # The word comes from a thread, when the main thread has had time to go on into the code.
    first = "import threading as _t; _t.Timer(float('.05'), print, ['begun'], dict(flush=True)).start()"
    return child.run(f"%%time\n{first}\n{code[7:]}" if code.startswith("%%time") else f"{first}\n{code}", on=stop)


@pytest.mark.parametrize("case", ENDLESS)
def test_an_interrupt_stops(child: LocalProcess, case: str) -> None:
    ran = stopped(child, ENDLESS[case])
    assert ran.reply["status"] == "error"
    assert ran.reply["ename"] == ran.all("error")[-1]["ename"] == "KeyboardInterrupt"
    assert "after" not in ran.text()
    assert child.run("print('again')").text() == "again\n"


def test_a_bash_cell_is_stopped(child: LocalProcess) -> None:
    ran = child.run(
        "%%bash\necho begun\nsleep 100\necho after", on=lambda seen: child.interrupt() if "begun" in seen else None
    )
    # IPython tells of it in one of two ways, whichever sees the end of the program first.
    assert "after" not in ran.text()
    assert "interrupted" in ran.text() or "died with <Signals.SIGINT" in ran.error


def test_waiting_for_an_answer_can_be_stopped(child: LocalProcess) -> None:
    ran = child.run("input()", on=lambda seen: child.interrupt() if seen == "input_request" else None)
    assert ran.reply["ename"] == "KeyboardInterrupt"


def test_code_may_catch_the_interrupt(child: LocalProcess) -> None:
    # It says itself that it has come to where it catches.
    code = "import time\ntry:\n    print('begun', flush=True)\n    time.sleep(100)\n"
    code += "except KeyboardInterrupt: print('caught')"
    ran = child.run(code, on=lambda seen: child.interrupt() if "begun" in seen else None)
    assert ran.text() == "begun\ncaught\n" and ran.reply["status"] == "ok"


def test_an_interrupt_where_nothing_can_be_raised_is_not_lost(child: LocalProcess) -> None:
    code = (
        "import time\nclass Slow:\n    def __del__(self):\n        print('begun', flush=True)\n"
        "        while True: pass\nx = Slow()\ndel x\nwhile True: pass"
    )
    ran = child.run(code, on=lambda seen: child.interrupt() if "begun" in seen else None)
    assert ran.reply["ename"] == "KeyboardInterrupt"


def test_an_interrupt_between_two_cells_is_forgotten(child: LocalProcess) -> None:
    child.run("1")
    child.interrupt()
    assert child.call("complete", "prin", 4)["matches"]
    assert child.run("2").reply["status"] == "ok"


def test_messages_stay_whole_when_interrupts_rain(child: LocalProcess) -> None:
    code = "for i in range(2000):\n    try:\n        print(i); display(i)\n    except KeyboardInterrupt: pass"
    count = 0

    def rain(_seen: str) -> None:
        nonlocal count
        count += 1
        if count % 40 == 0 and count < 2000:
            child.interrupt()

    child.run(code, on=rain)
    assert child.run("1").types == ["execute_result"]


class Interrupted:
    """A socket that is interrupted when half of what it sends has gone out."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        """Send the first half, and then the other."""
        half = len(data) // 2
        self.sent += data[:half]
        os.kill(os.getpid(), signal.SIGINT)
        self.sent += data[half:]


@pytest.fixture
def own_handlers() -> Iterator[None]:
    """Give the handlers of signals back that a test takes over."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGURG)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def ours() -> tuple[Any, Any]:
    """Return what shields in our own kernel, and a context in which it is interrupted."""
    interrupts = Interrupts(lambda handler: signal.signal(signal.SIGINT, handler))
    return interrupts.shielded, interrupts.allowed()


def foreign() -> tuple[Any, Any]:
    """Return the same of a kernel of somebody else's."""
    stops = Stops()
    stops.begin()
    return stops.shielded, stops.asking()


@pytest.mark.parametrize("kernel", [ours, foreign])
def test_an_interrupt_never_tears_a_question_apart(own_handlers: None, kernel: Any) -> None:
    channel = WorkerEnd(sock := Interrupted())  # type: ignore[arg-type]
    channel.shielded, asking = kernel()
    with pytest.raises(KeyboardInterrupt), asking:
        Worker(channel, None).ask("Who? ", False)  # type: ignore[arg-type]
    assert sock.sent and len(sock.sent) == 4 + struct.unpack_from(">I", sock.sent)[0]
