"""No error, warning or listing of a debugger says where the server keeps Python, its libraries and our code."""

from __future__ import annotations

import json
import re

import pytest

FAILS = "import json, matplotlib.pyplot as plt\ndef f():\n    {}\n"
LIBRARY, STANDARD = "plt.plot([1], [2, 3])", "json.loads('{')"
TRY = "{}try: f()\nexcept ValueError: {}"
SAID = {
    "an error": (FAILS.format(LIBRARY) + "f()", "matplotlib/pyplot.py"),
    "an error of the standard library": (FAILS.format(STANDARD) + "f()", "json/decoder.py"),
    "print_exc": (
        "import traceback\n" + TRY.format(FAILS.format(LIBRARY), "traceback.print_exc()"),
        'File "matplotlib/pyplot.py"',
    ),
    "format_exc": (
        "import traceback\n" + TRY.format(FAILS.format(STANDARD), "print(traceback.format_exc())"),
        'File "json/decoder.py"',
    ),
    "print_stack": (
        "import functools, traceback\ndef f(a, b): traceback.print_stack()\nfunctools.reduce(f, [1, 2])", "Cell In[1]",
    ),
    "a log": ("import logging\n" + TRY.format(FAILS.format(STANDARD), "logging.exception('it')"), "json/decoder.py"),
    "a thread": (
        f"import threading\n{FAILS.format(STANDARD)}t = threading.Thread(target=f)\nt.start(); t.join()",
        "Exception in thread",
    ),
    "a finaliser": (
        "class A:\n    def __del__(self): 1/0\nA()\nNone", "Exception ignored in: <function A.__del__",
    ),
    "a task": (
        "import asyncio\nasync def f():\n    try: await asyncio.wait_for(asyncio.sleep(1), 0)\n"
        "    except Exception:\n        import traceback; traceback.print_exc()\nawait f()", "asyncio/tasks.py",
    ),
    "a warning": (
        "import warnings, numpy\nwarnings.warn_explicit('old', UserWarning, numpy.__file__, 1)", "numpy/__init__.py:1",
    ),
    "a syntax error elsewhere": (
        "import traceback\ntry: compile('1 +', traceback.__file__, 'exec')\n"
        "except SyntaxError: traceback.print_exc()", 'File "traceback.py"',
    ),
    "%tb": ("try:\n    import json; json.loads('{')\nexcept ValueError:\n    %tb", "json/decoder.py"),
}  # fmt: skip
PLACES = re.compile(r"/opt/|/usr/|/tmp/|/home/|/root|site-packages|untrusted/|IPython/core")
DEBUGGERS = {
    "pdb.set_trace": "import pdb; pdb.set_trace()",
    "breakpoint": "breakpoint()",
    "post_mortem": "import pdb, sys\n    try: json.loads('{')\n    except ValueError: pdb.post_mortem()",
}
LOOKING = ("w", "l", "ll", "u", "d", "a", "source json.loads", "whatis json.loads", "nope(", "up 9")
STEPPING = ("b json.loads", "b", "tbreak json.dumps", "s", "s", "w", "l", "ll", "j 1", "r")
COMMANDS = {"pdb.set_trace": LOOKING + STEPPING, "breakpoint": LOOKING + STEPPING, "post_mortem": LOOKING}


def plain(messages: list[dict]) -> str:
    """Return what messages say, without colours."""
    texts = [message["content"].get("text") or json.dumps(message["content"]) for message in messages]
    return re.sub(r"\x1b\[[0-9;]*m|\\u001b\[[0-9;]*m", "", "\n".join(texts))


@pytest.mark.parametrize("case", SAID)
def test_what_is_said_of_an_error_names_no_place_of_the_server(client, case):
    code, named = SAID[case]
    outcome = client.run(code)
    said = plain([message for message in outcome.messages if message["header"]["msg_type"] in ("stream", "error")])
    assert named.replace('"', '\\"') in said or named in said, said
    assert not PLACES.search(said), said


@pytest.mark.parametrize("debugger", DEBUGGERS)
def test_a_debugger_names_no_place_of_the_server(client, debugger):
    code = f"import json\ndef f():\n    {DEBUGGERS[debugger]}\n    return json.loads('[1]')\nf()"
    computation = client.submit(code)["id"]
    for at, command in enumerate([*COMMANDS[debugger], "q"]):
        client.until_asked(computation, at + 1)
        client.answer(computation, command)
    outcome = client.finish(computation)
    said = plain([message for message in outcome.messages if message["header"]["msg_type"] in ("stream", "error")])
    assert "Cell In[1]" in said and "json/" in said
    assert not PLACES.search(said), PLACES.findall(said) + said.splitlines()


def test_debug_shows_the_lines_of_the_cell_and_no_place_of_the_server(client):
    code = "import json\ndef f(text):\n    return json.loads(text)  # here\nf('{')"
    session = client.run(code, keep=True).description["session"]
    computation = client.submit("%debug", session=session)["id"]
    for at, command in enumerate(("w", "u", "u", "u", "u", "ll", "p text", "d", "l", "q")):
        client.until_asked(computation, at + 1)
        client.answer(computation, command)
    said = plain(client.finish(computation).messages)
    assert "return json.loads(text)  # here" in said and "json/decoder.py" in said
    assert not PLACES.search(said), PLACES.findall(said) + said.splitlines()
