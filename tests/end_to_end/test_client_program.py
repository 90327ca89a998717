"""People run files with ``python -m singlecell_client run file.py --server URL``, and ``Client`` works below it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests

from harness.processes import tied
from singlecell_client import Client, Refused, Unreachable
from tests.http_server import HttpServer

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 60


@pytest.fixture
def command(server, tmp_path):
    """Start the command on code; return the process. What it saves goes to ``tmp_path / "out"``."""
    running: list[subprocess.Popen] = []

    def start(code: str, *options: str, url: str | None = None, **environment: str) -> subprocess.Popen:
        file = tmp_path / "cell.py"
        file.write_text(code, encoding="utf-8")
        argv = [sys.executable, "-m", "singlecell_client", "run", str(file), "--server", url or server.url]
        process = subprocess.Popen(
            tied([*argv, "--into", tmp_path / "out", *options]), cwd=ROOT, env={**os.environ, **environment},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen, answers: str = "") -> tuple[int, str, str]:
    """Give the process its answers, wait for its end; return exit code, standard output and error."""
    out, err = process.communicate(answers, timeout=DEADLINE_S)
    return process.returncode, out, err


# --- the command ----------------------------------------------------------------------------------------------------


def test_output_goes_to_the_streams_it_was_written_to_and_the_result_is_shown(command):
    code, out, err = ended(command("import sys\nprint('Σ out')\nprint('err', file=sys.stderr)\n6 * 7"))
    assert (code, out, err) == (0, "Σ out\n42\n", "err\n")


def test_what_a_pager_would_show_is_printed(command):
    code, out, err = ended(command("print('before')\nlen?"))
    assert (code, err) == (0, "") and out.startswith("before\n")
    assert "Return the number of items" in out and "\x1b" not in out


def test_output_comes_while_the_code_still_runs(command):
    process = command("print('first', flush=True)\ninput('go? ')\nprint('second')")
    assert process.stdout.readline() == "first\n"
    assert process.poll() is None
    code, rest, _err = ended(process, "yes\n")
    assert code == 0 and rest.endswith("second\n")


def test_an_exception_is_shown_and_the_exit_code_is_1(command):
    code, out, err = ended(command("print('before')\n1 / 0"))
    assert (code, out) == (1, "before\n")
    assert "ZeroDivisionError" in err and "Cell In[1]" in err and "\x1b" not in err


def test_a_file_that_is_not_there_or_not_text_is_exit_code_2(command, tmp_path):
    for name in ("nowhere.py", "binary.py"):
        (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
        argv = [sys.executable, "-m", "singlecell_client", "run", str(tmp_path / name)]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S)
        assert (done.returncode, done.stdout) == (2, "")
        assert name in done.stderr and "Traceback" not in done.stderr


def test_an_upload_that_is_not_there_is_exit_code_2(command):
    code, out, err = ended(command("1", "--upload", "/no/such/file"))
    assert (code, out) == (2, "") and "/no/such/file" in err and "Traceback" not in err


def test_a_wrong_option_is_exit_code_2(command):
    assert ended(command("1", "--nonsense"))[0] == 2


def test_a_cell_that_the_server_ends_is_exit_code_3(command):
    code, _out, err = ended(command("import os\nos._exit(0)"))
    assert code == 3 and "kernel died" in err


def test_a_refusal_is_exit_code_4_with_the_servers_sentence(command):
    code, out, err = ended(command("#" * 70000))
    assert (code, out) == (4, "") and "65536" in err and "Traceback" not in err
    code, out, err = ended(command("1", "--language", "nonesuch"))
    assert (code, out) == (4, "") and "nonesuch" in err


def test_a_server_that_does_not_answer_is_exit_code_4(command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        code, out, err = ended(command("1", url=f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert (code, out) == (4, "") and "does not answer" in err and "Traceback" not in err


def test_questions_are_answered_from_standard_input(command):
    code, out, _err = ended(command("a = input('a? ')\nb = input('b? ')\nprint(a + b)"), "12\n34\n")
    assert (code, out) == (0, "a? b? 1234\n")


def test_a_password_can_be_piped_like_any_answer(command):
    code, out, err = ended(command("import getpass\nprint(getpass.getpass('p? ')[::-1])"), "abc\n")
    assert (code, out, err) == (0, "p? cba\n", "")


def test_code_that_asks_more_than_standard_input_has_is_stopped_and_told(command):
    code, _out, err = ended(command("input('a? ')\ninput('b? ')"), "only one\n")
    assert code == 1
    assert "standard input has ended" in err


def test_figures_and_files_are_saved_and_named(command, tmp_path):
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\nopen('t.csv', 'w').write('a,b\\n');"
    code, out, err = ended(command(plot))
    assert code == 0, err
    saved = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert saved["t.csv"] == b"a,b\n"
    (figure,) = [body for name, body in saved.items() if name != "t.csv"]
    assert figure.startswith(b"\x89PNG")
    assert all(name in err for name in saved)
    assert "t.csv" not in out  # the announcement is for browsers


def test_what_lies_there_is_never_overwritten(command, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "t.txt").write_text("mine")
    assert ended(command("open('t.txt', 'w').write('theirs');"))[0] == 0
    assert (tmp_path / "out" / "t.txt").read_text() == "mine"
    assert (tmp_path / "out" / "t-2.txt").read_text() == "theirs"


def test_files_are_uploaded(command, tmp_path):
    (tmp_path / "numbers.txt").write_text("1 2 3")
    process = command("sum(map(int, open('numbers.txt').read().split()))", "--upload", str(tmp_path / "numbers.txt"))
    assert ended(process)[:2] == (0, "6\n")


def test_code_can_come_from_standard_input(server):
    argv = [sys.executable, "-m", "singlecell_client", "run", "-", "--server", server.url]
    done = subprocess.run(argv, input="print('piped')", cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout) == (0, "piped\n")


def test_the_server_may_stand_in_the_environment(server, tmp_path):
    (tmp_path / "c.py").write_text("print(1)")
    argv = [sys.executable, "-m", "singlecell_client", "run", str(tmp_path / "c.py")]
    environment = {**os.environ, "SINGLECELL_SERVER": server.url}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout) == (0, "1\n")


def test_ctrl_c_interrupts_the_code_and_the_command_tells_what_it_still_said(command):
    code = "try:\n    print('in', flush=True)\n    while True: pass\nexcept KeyboardInterrupt:\n    print('stopped')"
    process = command(code)
    assert process.stdout.readline() == "in\n"
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert (code, out) == (130, "stopped\n") and "Traceback (most recent call last)" not in err


def test_a_second_ctrl_c_kills_code_that_does_not_stop(command):
    deaf = "import signal\nsignal.signal(signal.SIGINT, lambda *_: print('no', flush=True))\n"
    deaf += "print('in', flush=True)\nwhile True: pass"
    process = command(deaf)
    assert process.stdout.readline() == "in\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "no\n"
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130


def test_a_reader_that_goes_away_ends_the_command_quietly(command):
    process = command("for i in range(200000): print(i)")
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    assert process.wait(DEADLINE_S) == 141
    assert process.stderr.read() == ""


@pytest.mark.parametrize("plain", [{}, {"NO_COLOR": "1"}])
def test_errors_are_coloured_on_a_terminal_unless_nobody_wants_that(server, tmp_path, plain):
    (tmp_path / "c.py").write_text("1 / 0")
    argv = [sys.executable, "-m", "singlecell_client", "run", str(tmp_path / "c.py"), "--server", server.url]
    ours, theirs = os.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | plain
    with subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 4096):
                shown += data
        except OSError:
            pass  # the terminal's other end is closed
        assert process.wait(DEADLINE_S) == 1
    os.close(ours)
    assert b"ZeroDivisionError" in shown
    assert (b"\x1b[" in shown) == (not plain)


def test_carriage_returns_reach_the_terminal(command):
    process = command("import sys\nfor i in range(3): sys.stdout.write(f'\\r{i}')\nprint()")
    assert process.stdout.buffer.read() == b"\r0\r1\r2\n"


# --- the importable client ------------------------------------------------------------------------------------------


@pytest.fixture
def people(server) -> Client:
    return Client(server.url)


def test_run_gives_text_bundles_images_and_files(people, tmp_path):
    code = (
        "import matplotlib.pyplot as plt\nprint('t')\nplt.plot([1]); plt.show()\nopen('f.txt', 'w').write('x')\n1 + 1"
    )
    result = people.run(code)
    assert result.ok and (result.state, result.reason, result.error) == ("done", None, None)
    assert result.text == "t\n2\n"
    assert {"text/plain": "2"} in result.bundles
    assert len(result.images) == 1 and result.images[0].startswith(b"\x89PNG")
    (file,) = result.files
    assert (file.name, file.size, file.type) == ("f.txt", 1, "text/plain")
    with (tmp_path / "f").open("wb") as into:
        people.download(file, into)
    assert (tmp_path / "f").read_bytes() == b"x"


def test_run_tells_an_exception_and_a_limit(people):
    raised = people.run("1 / 0")
    assert not raised.ok and raised.state == "done" and raised.error["ename"] == "ZeroDivisionError"
    killed = people.run("import os; os._exit(1)")
    assert not killed.ok and (killed.state, killed.reason) == ("failed", "kernel_died")


def test_run_answers_questions_and_shows_messages_as_they_come(people):
    asked, seen = [], []

    def ask(prompt: str, password: bool) -> str:
        asked.append((prompt, password))
        return str(len(asked))

    result = people.run("import getpass\nprint(input('a'), getpass.getpass('b'))", ask=ask, on_message=seen.append)
    assert asked == [("a", False), ("b", True)] and result.text == "1 2\n"
    assert seen == result.messages
    assert people.run("input()").error["ename"] == "StdinNotImplementedError"


def test_run_keeps_a_session_and_ends_it(people, tmp_path):
    (tmp_path / "up.txt").write_text("uploaded")
    first = people.run("x = open('up.txt').read()", keep=True, files=[tmp_path / "up.txt"])
    assert people.run("print(x)", session=first.session, keep=True).text == "uploaded\n"
    people.end_session(first.session)
    with pytest.raises(Refused) as caught:
        for _ in range(100):
            people.run("x", session=first.session, keep=True)
    assert caught.value.status == 410 and "session" in str(caught.value)


def test_interrupt_and_cancel_stop_a_computation(people):
    for stop, state in ((people.interrupt, "done"), (people.cancel, "cancelled")):
        computation = people.submit("print('in', flush=True)\nwhile True: pass")["id"]
        messages = []
        for message in people.follow(computation):
            messages.append(message)
            if message["header"]["msg_type"] == "stream":
                threading.Thread(target=stop, args=(computation,)).start()
        assert people.result(computation, messages).state == state


def test_what_got_no_answer_is_sent_again_and_runs_once(server, tmp_path):
    lost = []

    class Losing(BaseHTTPRequestHandler):
        """Hands each request on; what answers the first submission of each body gets lost."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = requests.post(server.url + self.path, body, headers=dict(self.headers), timeout=DEADLINE_S)
            if self.headers["Idempotency-Key"] not in lost:
                lost.append(self.headers["Idempotency-Key"])
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    (tmp_path / "n.txt").write_text("0")
    with closing(HttpServer(Losing)) as between:
        through, straight = Client(between.url), Client(server.url)
        with_file = through.submit("n = int(open('n.txt').read()) + 1", keep=True, files=[tmp_path / "n.txt"])
        through.submit("n += 1", session=with_file["session"], keep=True)
        assert straight.run("print(n)", session=with_file["session"]).text == "2\n"
    assert len(lost) == 2


def test_refusals_and_absence_are_exceptions_with_a_sentence(people):
    with pytest.raises(Refused) as caught:
        people.run("1", session="00000000-0000-4000-8000-000000000000")
    assert caught.value.status == 404 and str(caught.value).endswith(".")
    with pytest.raises(Unreachable, match="does not answer"):
        Client("http://127.0.0.1:1").run("1")
