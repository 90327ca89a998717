"""A cell that takes too much ends with a reason and a sentence, and its neighbours notice nothing."""

from __future__ import annotations

import pytest

HOGS = {
    "memory": "x = []\nwhile True: x.append(bytearray(50_000_000))",
    "processes": """
import os, time
while True:
    try:
        if os.fork() == 0: time.sleep(1000)
    except OSError: time.sleep(0.05)
""",
    "output": "while True: print('x' * 100000)",
    "time_cpu": "while True: pass",
    "time_wall": "import time\ntime.sleep(1000)",
}


@pytest.mark.parametrize("reason", HOGS)
def test_a_cell_over_its_limit_fails_with_a_sentence_and_spares_its_neighbour(request, reason):
    client = request.getfixturevalue("brief" if reason == "time_wall" else "client")
    neighbour = client.submit("import time\nfor i in range(20):\n    print(i)\n    time.sleep(0.02)")["id"]
    outcome = client.run(HOGS[reason])
    assert (outcome.state, outcome.reason) == ("failed", reason)
    sentence = outcome.of_type("error")[-1]["evalue"]
    assert len(sentence) > 20, sentence
    beside = client.finish(neighbour)
    assert (beside.state, beside.text()) == ("done", "".join(f"{i}\n" for i in range(20)))


def test_a_kernel_that_crashes_ends_as_failed_kernel_died(client):
    outcome = client.run("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    assert (outcome.state, outcome.reason) == ("failed", "kernel_died")


def test_a_faked_exit_code_does_not_fake_the_reason(client):
    assert client.run("import os\nos._exit(137)").reason == "kernel_died"


def test_delete_ends_a_running_cell_as_cancelled(client):
    computation = client.submit("print('here', flush=True)\nwhile True: pass")["id"]
    client.until_printed(computation)
    assert client.cancel(computation).status_code == 202
    outcome = client.finish(computation)
    assert (outcome.state, outcome.text()) == ("cancelled", "here\n")
