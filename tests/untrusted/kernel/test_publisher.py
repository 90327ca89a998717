"""Text: whole, in order, valid, while the code runs."""

from __future__ import annotations

import os

import pytest

from tests.untrusted.kernel.child import LocalProcess


def test_stdout_and_stderr_come_apart_and_in_order(child: LocalProcess) -> None:
    ran = child.run("import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')")
    assert [(content["name"], content["text"]) for content in ran.all("stream")] == [
        ("stdout", "a\n"),
        ("stderr", "b\n"),
        ("stdout", "c\n"),
    ]


def test_neighbouring_texts_merge(child: LocalProcess) -> None:
    # One, or a few where the system lets others run in between.
    assert len(child.run("for i in range(1000): print(i)").all("stream")) < 50


@pytest.mark.parametrize(
    "command",
    [
        "os.system('echo b')",
        "subprocess.run(['echo', 'b'])",
        "get_ipython().system('echo b')",
        "os.write(1, b'b\\n')",
        "ctypes.CDLL(None).puts(b'b')",
        "sys.stdout.buffer.write(b'b\\n')",
        "subprocess.run(['echo', 'b'], stdout=sys.stdout)",
        "sys.__stdout__.write('b\\n')",
    ],
)
def test_what_is_written_beside_python_comes_in_its_place(child: LocalProcess, command: str) -> None:
    ran = child.run(f"import ctypes, os, subprocess, sys\nprint('a'); _ = {command}; print('c')")
    assert ran.text() == "a\nb\nc\n"


def test_a_c_librarys_unfinished_line_is_not_lost(child: LocalProcess) -> None:
    assert child.run("import ctypes; ctypes.CDLL(None).printf(b'no line end')").text() == "no line end"


def test_output_appears_while_the_code_runs(child: LocalProcess) -> None:
    seen: list[str] = []

    def go_on(text: str) -> None:
        seen.append(text)
        if "python" in "".join(seen) and not os.path.exists(child.work / "go"):
            (child.work / "go").touch()

    ran = child.run(
        "import os, time\nprint('python')\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
        "print('seen')\nos.remove('go')",
        on=go_on,
    )
    assert ran.text() == "python\nseen\n"
    assert len(ran.all("stream")) >= 2


def test_a_programs_output_appears_while_it_runs(child: LocalProcess) -> None:
    def go_on(text: str) -> None:
        if "program" in text:
            (child.work / "go").touch()

    ran = child.run("!echo program; while [ ! -e go ]; do sleep 0.01; done; echo seen; rm go", on=go_on)
    assert ran.text() == "program\nseen\n"


def test_a_million_prints_come_whole_and_in_few_messages(child: LocalProcess) -> None:
    ran = child.run("for i in range(1_000_000): print(i)")
    assert ran.text() == "".join(f"{i}\n" for i in range(1_000_000))
    assert len(ran) < 2000


def test_one_long_text_is_cut_into_messages_that_a_frame_can_hold(child: LocalProcess) -> None:
    ran = child.run("print('é' * 5_000_000)")
    assert ran.text() == "é" * 5_000_000 + "\n"
    assert max(len(content["text"]) for content in ran.all("stream")) <= 1 << 20


def test_more_than_a_pipe_holds_comes_through(child: LocalProcess) -> None:
    assert len(child.run("!head -c 3000000 /dev/zero | tr '\\0' x").text()) == 3_000_000


def test_carriage_returns_pass_untouched(child: LocalProcess) -> None:
    assert child.run(r"print('1%\r2%\r', end='')").text() == "1%\r2%\r"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r"print('\ud800')", "\ufffd\n"),
        (r"print('\ud83d\ude00')", "😀\n"),
        (r"import os; os.write(1, b'\xff\xfe')", "\ufffd\ufffd"),
        (r"import sys; sys.stdout.buffer.write(b'\xf0\x9f'); sys.stdout.buffer.write(b'\x98\x80')", "😀"),
        (r"print('\0\x1b[31m\u2028')", "\0\x1b[31m\u2028\n"),
        (r"import os; os.write(1, b'\xc3')", "\ufffd"),
    ],
)
def test_text_is_always_valid(child: LocalProcess, expression: str, text: str) -> None:
    assert child.run(expression + ";").text() == text


def test_a_character_may_come_in_pieces(child: LocalProcess) -> None:
    assert child.run(r"!printf '\360\237'; sleep 0.1; printf '\230\200'").text() == "😀"


def test_threads_are_heard(child: LocalProcess) -> None:
    code = """
        import threading
        def count(name):
            for i in range(1000): print(f"{name}{i}\\n", end="")
        threads = [threading.Thread(target=count, args=(name,)) for name in "abcd"]
        [t.start() for t in threads]; [t.join() for t in threads];
    """
    lines = child.run("\n".join(line[8:] for line in code.splitlines())).text().split()
    for name in "abcd":
        assert [line for line in lines if line[0] == name] == [f"{name}{i}" for i in range(1000)]


def test_a_thread_that_outlives_its_cell_is_heard_too(child: LocalProcess) -> None:
    child.run(
        "import threading\ngo = threading.Event()\ndef later():\n    go.wait(); print('late')\n"
        "threading.Thread(target=later).start()"
    )
    child.run("threading.Timer(1.0, go.set).start()")  # after the grace of a session that goes on
    message = child.next_late()
    assert message[:2] == ("stream", {"name": "stdout", "text": "late\n"})


def test_forked_processes_are_heard_once(child: LocalProcess) -> None:
    code = "import os\nprint('parent')\npid = os.fork()\nif pid == 0:\n    print('child'); 1/0\nos.waitpid(pid, 0);"
    ran = child.run(code)
    assert sorted(ran.text().split()) == ["child", "parent"]
    assert "ZeroDivisionError" in ran.text("stderr")
    assert ran.reply["status"] == "ok"


def test_multiprocessing_prints_and_returns(child: LocalProcess) -> None:
    code = (
        "import multiprocessing as m\ndef f(x):\n    print('in', x); return x * x\n"
        "with m.get_context('fork').Pool(2) as p: r = p.map(f, range(4))\nr"
    )
    ran = child.run(code)
    assert sorted(ran.text().splitlines()) == [f"in {i}" for i in range(4)]
    assert ran.only("execute_result")["data"]["text/plain"] == "[0, 1, 4, 9]"


@pytest.mark.parametrize(
    "mischief",
    [
        "sys.stdout = None",
        "sys.stdout.close()",
        "sys.stdout = open('/dev/null', 'w')",
        "del sys.stdout",
        "os.close(1)",
        "sys.stdout = 3",
    ],
)
def test_a_session_survives_what_is_done_to_its_streams(child: LocalProcess, mischief: str) -> None:
    child.run(f"import os, sys\nmine = sys.stdout\n{mischief}")
    assert child.run("sys.stdout = mine\nprint('here')\n1").types == ["stream", "execute_result"]


def test_write_refuses_what_is_no_text(child: LocalProcess) -> None:
    assert child.run("import sys; sys.stdout.write(b'x')").reply["ename"] == "TypeError"
