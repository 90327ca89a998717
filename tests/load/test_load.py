"""``make load``, with real Tsung, shows a short run that every computation survives, and tells of bad servers."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from harness.processes import Process, all_end, start
from harness.server import ROOT, free_port
from host.errors import EXIT_SETTINGS
from tests.http_server import HttpServer
from tests.load import scenario
from tests.load.bad_server import TREATMENTS
from tests.load.options import WEIGHTS, BadOption, Options, read

RUN_S = 90.0
REFUSAL_S = 60.0
# Who is cut off waits for the whole of this time.
IMPATIENT = """
import runpy
from tests.load import scenario
scenario.ANSWER_S_MAX = 20
runpy.run_module("tests.load", run_name="__main__")
"""
# As the kernel writes them in /proc/net/tcp and tcp6.
LISTENING = "0A"
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}

# Root's make test installs it.
needs_tsung = pytest.mark.skipif(
    os.geteuid() != 0 and not shutil.which("tsung"),
    reason="this machine lacks tsung; its owner can install it with: apt-get install tsung gnuplot-nox",
)


@contextmanager
def load(program=("-m", "tests.load"), **asked):
    """Run ``python -m tests.load`` with these options."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("LOAD_")}
    environment = ours | {f"LOAD_{name}": str(value) for name, value in asked.items()}
    process = Process([sys.executable, *program], environment, ROOT)
    try:
        yield process
    finally:
        process.stop()


def counts(output):
    """Return the numbers of the table's line of outcomes."""
    found = re.search(r"right (\d+) +wrong (\d+) +lost (\d+) +refused (\d+)", output)
    assert found, output
    return dict(zip(("right", "wrong", "lost", "refused"), map(int, found.groups()), strict=True))


def report_folder(output):
    """Return the folder that the last line names."""
    return Path(re.search(r"report with graphs: (/.*)/report\.html", output).group(1))


@dataclass(frozen=True)
class Runs:
    """What takes long, begun before the tests of this file: a class at a good server, and students at a bad one."""

    good: Process
    bad: Process
    bad_server: Process


@pytest.fixture(scope="module")
def runs(server) -> Iterator[Runs]:
    """Tsung waits much more than it computes, so the other tests run beside it."""
    bad_argv = [sys.executable, "-m", "tests.load.bad_server"]
    with (
        load(URL=server.url, RATE=5, SECONDS=5, USERS=25) as good,
        start(bad_argv, ready="^http:", deadline_s=REFUSAL_S, cwd=ROOT) as bad_server,
        load(["-c", IMPATIENT], URL=bad_server.output.strip(), RATE=10, SECONDS=3, USERS=20, MIX="simple") as bad,
    ):
        bad.wait_for(lambda: listeners(bad), "Tsung's ports", REFUSAL_S)
        assert set(listeners(bad)) <= LOOPBACK
        yield Runs(good, bad, bad_server)


def listeners(process):
    """Return the addresses on which processes below this one listen."""
    sockets = {file for pid in process.descendants() for file in open_files(pid)}
    tables = [Path(name).read_text().splitlines()[1:] for name in ("/proc/net/tcp", "/proc/net/tcp6")]
    rows = [line.split() for table in tables for line in table]
    return [row[1].split(":")[0] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in sockets]


def open_files(pid):
    """Yield what a process has open; it may end meanwhile, and close files."""
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                yield os.readlink(path)


@needs_tsung
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_tsung_too(server, runs, number):
    with load(URL=server.url, RATE=2, SECONDS=60, MIX="simple") as process:
        process.wait_for_line("students: ", REFUSAL_S)
        below = process.descendants()
        assert below
        with all_end(below):
            process.signal(number)
            assert process.wait(REFUSAL_S) == 130


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("RATE", "fast"),
        ("RATE", "0"),
        ("RATE", "1e9"),
        ("SECONDS", "1.5"),
        ("SECONDS", "0"),
        ("USERS", "-1"),
        ("USERS", "99999999"),
        ("URL", "127.0.0.1:5000"),
        ("URL", "https://example.org"),
        ("URL", "http://example.org/cells"),
        ("URL", "http://example.org:99999"),
        ("URL", "http://a&b"),
        ("RAMP", "up"),
        ("MIX", "simple,everything"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_it(name, text):
    with pytest.raises(BadOption) as raised:
        read({name: text})
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


def test_values_that_are_left_out_follow_from_the_others():
    assert read({"RATE": "2.5", "SECONDS": "10"}).users == 25
    assert read({"URL": "http://localhost:5000/"}).url == "http://localhost:5000"
    assert read({"MIX": "plot long"}).weights == {"plot": WEIGHTS["plot"], "long": WEIGHTS["long"]}


@needs_tsung
@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"RATE": "fast"}, "RATE is 'fast'; it must be a number"),
        ({"URL": "http://127.0.0.1:{free}"}, "no server answers at http://127.0.0.1:"),
    ],
)
def test_what_cannot_be_done_ends_at_once_with_a_sentence(asked, sentence):
    with load(**{name: text.format(free=free_port()) for name, text in asked.items()}) as process:
        assert process.wait(REFUSAL_S) == EXIT_SETTINGS
        assert process.output == ""
        assert process.log.startswith(f"load: {sentence}")
        assert process.log.count("\n") == 1


@needs_tsung
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"ready": false, "reasons": ["no device is alive"]}', "no device is alive"),
        (b"<html>", "it does not say why"),
    ],
)
def test_a_server_that_answers_503_is_not_put_under_load(body, reason):
    class Unready(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with closing(HttpServer(Unready)) as unready, load(URL=unready.url) as process:
        assert process.wait(REFUSAL_S) == EXIT_SETTINGS
        assert process.log == f"load: the server at {unready.url} is not ready (it answers 503): {reason}\n"


def test_the_scenario_in_the_checkout_is_what_the_template_says():
    assert scenario.DEFAULT.read_text() == scenario.render(Options(url="http://127.0.0.1:5000"))


@needs_tsung
def test_every_computation_of_a_class_is_right(runs):
    code = runs.good.wait(RUN_S)
    output, log = runs.good.output, runs.good.log
    folder = report_folder(output)
    assert code == 0, output + log
    found = counts(output)
    assert found["right"] >= 10
    assert found == {"right": found["right"], "wrong": 0, "lost": 0, "refused": 0}, output
    assert "students: " in log
    assert "submit → finished" in output
    assert "HTTP requests/s" in output
    assert json.loads((folder / "load.json").read_text())["right"] == found["right"]
    assert "graphes-Perfs-rate" in (folder / "graph.html").read_text()
    assert (folder / "images" / "graphes-Perfs-rate.png").read_bytes().startswith(b"\x89PNG")


@needs_tsung
def test_wrong_lost_and_refused_computations_are_counted_and_fail_the_run(runs):
    code = runs.bad.wait(RUN_S)
    output, log = runs.bad.output, runs.bad.log
    runs.bad_server.signal(signal.SIGTERM)
    runs.bad_server.wait(REFUSAL_S)
    done = json.loads(runs.bad_server.output.splitlines()[-1])
    assert code == 1
    assert min(done[name] for name in TREATMENTS) > 0, "too few students to try everything"
    assert f"answers with an error: 503 {done['refused'] + done['delayed']}, cut off {done['cut']}\n" in output
    # A submission without an answer is lost like one without an end.
    assert log.count("load: wrong: simple, ") == done["wrong"]
    assert counts(output) == {
        "right": done["right"] + done["delayed"],
        "wrong": done["wrong"],
        "lost": done["lost"] + done["cut"],
        "refused": done["refused"],
    }
