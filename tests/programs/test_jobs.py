"""Jobs of Jobe's protocol, as its own test program sends them, each in its language: output, input, errors, limits."""

from __future__ import annotations

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5
from typing import Any

import pytest
import requests

from harness.server import Server

JOBE = "/jobe/index.php/restapi"
DEADLINE_S = 60.0


@pytest.fixture
def run(server: Server):
    """Post a job and return what it is answered: ``run(language, source, **run_spec)``."""

    def run(language: str, source: str, **spec: Any) -> dict[str, Any]:
        body = {"run_spec": {"language_id": language, "sourcecode": source, **spec}}
        answer = requests.post(f"{server.url}{JOBE}/runs/", json=body, timeout=DEADLINE_S)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return run


def put(server: Server, content: bytes, id: str = "") -> str:
    """Put a file under its MD5, or under another id, and return this."""
    id = id or md5(content, usedforsecurity=False).hexdigest()
    address = f"{server.url}{JOBE}/files/{id}"
    body = {"file_contents": b64encode(content).decode()}
    assert requests.put(address, json=body, timeout=DEADLINE_S).status_code == 204
    assert requests.head(address, timeout=DEADLINE_S).status_code == 204
    return id


def job(language: str, source: str, outcome: int, stdout: str | None = None, **spec: Any) -> object:
    """Return a job and what is expected of it; it needs the language that we have under this mark."""
    mark = {"nodejs": "javascript"}.get(language, language)
    marks = () if language == "python3" else getattr(pytest.mark, mark)
    return pytest.param(language, source, outcome, stdout, spec, marks=marks, id=f"{language}-{outcome}-{len(source)}")


def c(body: str, *headers: str) -> str:
    """Return a program in C."""
    included = "".join(f"#include <{name}>\n" for name in ("stdio.h", *headers))
    return f"{included}int main() {{\n{body}\n}}\n"


JAVA = 'public class Test {\n  public static void main(String[] args) {\n    System.out.println("%s");\n  }\n}\n'
FORKS = c(
    "int made = 0;\nfor (int i = 0; i < 100; i++) {\n  int pid = fork();\n  if (pid == 0) while (1) {};\n"
    '  if (pid > 0) made++;\n}\nprintf(made > 5 && made <= 20 ? "OK\\n" : "%d\\n", made);',
    "unistd.h",
)
DEEP = "void deep(int i, int step) { if (i == 0) puts(\"no\"); else deep(i + step, step); }\n"
JOBS = [
    job("python3", "print('Un rôle délétère')\n", 15, "Un rôle délétère\n", sourcefilename="test.py"),
    job("python3", "print(input())\nprint(input())\n", 15, "one\nzwei ü\n", input="one\nzwei ü\n"),
    job("python3", "print('Hello'\n", 11),
    job("python3", "x = [1, 2]\nprint(x[2])\n", 12),
    job("python3", "open('o.txt', 'w').write('a\\n')\nprint(open('o.txt').read(), end='')", 15, "a\n"),
    job("python3", "", 15, "Blah\n", parameters={"interpreterargs": ['-c "print(\\"Blah\\")"']}),
    job("python3", "import sys\nprint(sys.argv[1:])", 15, "['A', 'a b']\n", parameters={"runargs": ["A", "'a b'"]}),
    job("python3", "import sys\nprint('x')\nsys.exit(3)", 15, "x\n"),
    job("python3", "import subprocess, sys\nsubprocess.run(['python3', '-c', 'import numpy; print(1)'])", 15, "1\n"),
    job("python3", "print('x' * 3_000_000)", 15, "x" * 2_000_000),
    job("python3", "import os\nprint('here', flush=True)\nos.kill(os.getpid(), 11)", 12, "here\n"),
    job("python3", "import time\nprint('a', flush=True)\ntime.sleep(60)", 13, "a\n", parameters={"cputime": 1}),
    job("python3", "x = bytearray(300_000_000)", 12, "", parameters={"memorylimit": 200}),
    job("python3", "open('big', 'wb').write(bytes(3_000_000))", 12, "", parameters={"disklimit": 2}),
    job("c", c('printf("Hello world\\nIsn\'t this fun!\\n");'), 15, "Hello world\nIsn't this fun!\n"),
    job("c", c('printf("Hello world\\n")'), 11),
    job("c", c("/* no return */"), 11, parameters={"compileargs": ["std=c89"]}),
    job("c", c("char* s = NULL; printf(\"%c\", *s);"), 12),
    job("c", c("while(1) {};"), 13, parameters={"cputime": 1}),
    job("c", c('while(1) { printf("Hello"); };'), 13, parameters={"cputime": 1}),
    job("c", c('puts(malloc(2000000000) == NULL ? "worked" : "no");', "stdlib.h"), 15, "worked\n"),
    job("c", DEEP.join(["#include <stdio.h>\n", "int main() { deep(3, 1); }\n"]), 12),
    job("c", FORKS, 15, "OK\n", sourcefilename="test.c", parameters={"numprocs": 20}),
    job("c", c('printf("Hello\\n\\01\\06\\300\\311\\n");'), 15, "Hello\n\\x01\\x06\\xc0\\xc9\n"),
    job("c", '#include <iostream>\nint main() { cout << "x"; }\n', 11),
    job("cpp", '#include <iostream>\nint main() { std::cout << "fun!\\n"; }\n', 15, "fun!\n", sourcefilename="a.cpp"),
    job("octave", "_x_ = 0;\nfunction sq = sqr(n)\n  sq = n * n;\nend\nfprintf('%d\\n', sqr(-3), sqr(11));\n", 15,
        "9\n121\n", parameters={"memorylimit": 200000}),
    job("octave", "fprintf('%s\\n%s\\n', input('', 's'), input('', 's'));\n", 15, "one\ntwo\n", input="one\ntwo\n",
        parameters={"memorylimit": 200000}),
    job("octave", "s = \"hi there';\n", 12, parameters={"memorylimit": 200000}),
    job("nodejs", "console.log('Hello world!');\n", 15, "Hello world!\n", parameters={"memorylimit": 1000000}),
    job("nodejs", "s = 'Hello world!\nconsole.log(s)\n", 12),
    job("java", JAVA % "Un rôle délétère", 15, "Un rôle délétère\n", sourcefilename="Test.java"),
    job("java", JAVA % "x", 15, "x\n"),
    job("java", JAVA % "x", 15, "x\n", sourcefilename="prog.java"),
    job("java", 'public class Test { void f() { "a); } }', 11, sourcefilename="Test.java"),
    job("bash", "read line\necho \"$line $0 $1\"\n", 15, "in prog.sh a\n", input="in\n", parameters={"runargs": ["a"]}),
]  # fmt: skip


@pytest.mark.parametrize(("language", "source", "outcome", "stdout", "spec"), JOBS)
def test_a_job_has_the_outcome_that_jobe_gives_it(run, language, source, outcome, stdout, spec):
    found = run(language, source, **spec)
    assert set(found) == {"run_id", "outcome", "cmpinfo", "stdout", "stderr"}
    assert found["outcome"] == outcome, found
    assert stdout is None or found["stdout"] == stdout
    assert (found["cmpinfo"] != "") == (outcome == 11)
    assert found["stderr"] == "" or outcome == 12


def test_a_job_finds_its_files_and_leaves_none(server, run):
    listed = [[put(server, b"The first\n"), "file1"], [put(server, b"\xff\0", "randomid0129798"), "file2.bin"]]
    source = "print(open('file1').read())\nprint(open('file2.bin', 'rb').read())\nopen('made', 'w').write('x')\n"
    found = run("python3", source, file_list=listed)
    assert (found["outcome"], found["stdout"]) == (15, "The first\n\nb'\\xff\\x00'\n"), found
    files = requests.get(f"{server.url}/computations/{found['run_id']}/files", timeout=DEADLINE_S).json()
    assert files == {"files": []}
    assert run("python3", "import os\nprint(os.listdir('.'))", sourcefilename="a.py")["stdout"] == "['a.py']\n"


@pytest.mark.java
def test_a_class_of_its_own_comes_as_a_file(server, run):
    thing = b"public class Thing { static String word() { return \"Farewell\"; } }\n"
    source = "public class Blah { public static void main(String[] a) { System.out.println(Thing.word()); } }"
    found = run("java", source, file_list=[[put(server, thing), "Thing.java"]])
    assert (found["outcome"], found["stdout"]) == (15, "Farewell\n"), found


def test_ten_jobs_at_once_have_each_its_own_outcome(run):
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda number: run("python3", f"print({number})"), range(10)))
    assert [(one["outcome"], one["stdout"]) for one in found] == [(15, f"{number}\n") for number in range(10)]


HOSTILE = """import os, socket, subprocess
def tried(what):
    try:
        return what()
    except OSError as error:
        return type(error).__name__
open('/tmp/left', 'w').write('x')
subprocess.Popen(['sleep', '1000'], start_new_session=True)
others = [open(f'/proc/{id}/cmdline').read() for id in os.listdir('/proc') if id.isdigit()]
print([name for name in ('mongod', 'uwsgi', 'sshd') if any(name in one for one in others)])
print(tried(lambda: socket.create_connection(('127.0.0.1', PORT), 2)) in ('ConnectionRefusedError', 'OSError'))
print(tried(lambda: open('/etc/shadow').read()) in ('PermissionError', 'FileNotFoundError'))
"""
NEXT = """import os
print(os.path.exists('/tmp/left'))
print(any('sleep' in open(f'/proc/{id}/cmdline').read() for id in os.listdir('/proc') if id.isdigit()))
"""


def test_a_hostile_job_sees_and_reaches_nobody_and_leaves_nothing(server, run):
    assert run("python3", HOSTILE.replace("PORT", str(server.port)))["stdout"] == "[]\nTrue\nTrue\n"
    assert run("python3", NEXT)["stdout"] == "False\nFalse\n"


def test_the_list_of_languages_has_what_runs_here(server):
    found = requests.get(f"{server.url}{JOBE}/languages", timeout=DEADLINE_S).json()
    assert "python3" in dict(found) and all(len(pair) == 2 and all(pair) for pair in found)
