"""A notebook's user finds what IPython has: magics, rich displays, await, help, threads, comms."""

from __future__ import annotations

import base64
import re

import pytest

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def displays(outcome) -> list[dict]:
    return [content["data"] for content in outcome.of_type("display_data")]


# --- magics -------------------------------------------------------------------------------------------------------


def test_timeit_measures(client):
    assert re.search(r"per loop \(mean ± std", client.run("%timeit -n 10 -r 2 1 + 1").text())


def test_time_says_the_wall_time_and_gives_the_value(client):
    outcome = client.run("%%time\n6 * 7")
    assert "Wall time" in outcome.text() and outcome.result == "42"


def test_bash_runs_inside_the_sandbox(client):
    outcome = client.run("%%bash\necho out\necho err >&2\nls /proc/[0-9]*/exe | wc -l")
    # Only the session's own processes are to be seen: a handful, however many the machine has.
    out, count = outcome.text().split()
    assert out == "out" and int(count) < 8 and outcome.text("stderr") == "err\n"


def test_a_shell_escape_fills_a_variable(client):
    assert client.run("lines = !printf 'a\\nb\\n'\nprint(list(lines))").text() == "['a', 'b']\n"


def test_writefile_and_run_and_cd(client):
    outcome = client.run("%%writefile mod.py\nvalue = 3", keep=True)
    session = outcome.description["session"]
    assert "Writing mod.py" in outcome.text()
    assert client.run("%run mod.py\nprint(value)", session=session).text() == "3\n"


def test_capture_keeps_output_back(client):
    outcome = client.run("%%capture held\nprint('hidden')", keep=True)
    assert outcome.text() == ""
    assert client.run("held.stdout", session=outcome.description["session"]).result == repr("hidden\n")


def test_an_unknown_magic_is_an_error_that_names_it(client):
    outcome = client.run("%nonesuch")
    assert "nonesuch" in str(outcome.messages) and outcome.state == "done"


# --- rich displays --------------------------------------------------------------------------------------------------


def test_plotly_comes_as_its_mime_type(client):
    code = "import plotly.graph_objects as go\ngo.Figure(data=[go.Scatter(y=[1, 3, 2])])"
    outcome = client.run(code)
    bundles = [c["data"] for c in outcome.of_type("execute_result", "display_data")]
    (figure,) = [
        bundle["application/vnd.plotly.v1+json"] for bundle in bundles if "application/vnd.plotly.v1+json" in bundle
    ]
    assert figure["data"][0]["type"] == "scatter"


def test_an_image_of_pil_comes_as_png(client):
    outcome = client.run("from PIL import Image\nImage.new('RGB', (3, 2), 'red')")
    (content,) = outcome.of_type("execute_result")
    assert base64.b64decode(content["data"]["image/png"]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("code", "mime"),
    [
        ("HTML('<b>x</b>')", "text/html"),
        ("Markdown('*x*')", "text/markdown"),
        ("Math('x^2')", "text/latex"),
        ("SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')", "image/svg+xml"),
        ("JSON({'a': 1})", "application/json"),
        ("Javascript('1')", "application/javascript"),
    ],
)
def test_the_displays_of_ipython_carry_their_types(client, code, mime):
    (data,) = displays(client.run(f"from IPython.display import *\ndisplay({code})"))
    assert mime in data


def test_a_display_can_be_updated_by_its_id(client):
    outcome = client.run("h = display('one', display_id='d')\nh.update('two')")
    (shown,), (updated,) = outcome.of_type("display_data"), outcome.of_type("update_display_data")
    assert shown["transient"] == updated["transient"] == {"display_id": "d"}
    assert (shown["data"]["text/plain"], updated["data"]["text/plain"]) == ("'one'", "'two'")


@pytest.mark.parametrize("wait", [True, False])
def test_clear_output_is_passed_on(client, wait):
    outcome = client.run(f"from IPython.display import clear_output\nprint(1)\nclear_output(wait={wait})\nprint(2)")
    assert outcome.of_type("clear_output") == [{"wait": wait}]
    assert outcome.text() == "1\n2\n"


def test_figures_can_be_had_as_svg_and_retina(client):
    code = """
%matplotlib inline
from matplotlib_inline.backend_inline import set_matplotlib_formats
import matplotlib.pyplot as plt
set_matplotlib_formats({0!r})
plt.plot([1, 2]);
"""
    (svg,) = displays(client.run(code.format("svg")))
    assert "<svg" in svg["image/svg+xml"]
    outcome = client.run(code.format("retina"))
    (content,) = outcome.of_type("display_data")
    assert "image/png" in content["data"] and content["metadata"]["image/png"]["width"] > 0


def test_the_metadata_of_a_display_is_kept(client):
    code = "from IPython.display import Image\nimport base64\n"
    code += f"Image(data=base64.b64decode({PIXEL!r}), width=7)"
    (content,) = client.run(code).of_type("execute_result")
    assert content["metadata"]["image/png"]["width"] == 7


# --- the kernel -----------------------------------------------------------------------------------------------------


def test_await_works_at_top_level(client):
    outcome = client.run("import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 'later'\nawait f()")
    assert outcome.result == "'later'"


@pytest.mark.parametrize("code", ["len?", "?len", "len??"])
def test_a_question_mark_brings_a_page(client, code):
    (reply,) = client.run(code).of_type("execute_reply")
    (page,) = [payload for payload in reply["payload"] if payload["source"] == "page"]
    assert "number of items" in page["data"]["text/plain"]


def test_output_of_a_users_thread_arrives(client):
    code = "import threading\nt = threading.Thread(target=lambda: print('from a thread'))\nt.start()\nt.join()"
    assert client.run(code).text() == "from a thread\n"


def test_many_threads_lose_no_line(client):
    code = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda n: [print(f'{n}:{i}\\n', end='') for i in range(200)], range(8)))
"""
    lines = client.run(code).text().splitlines()
    assert sorted(lines) == sorted(f"{n}:{i}" for n in range(8) for i in range(200))


def test_a_pool_of_processes_works(client):
    code = "from multiprocessing import Pool\nwith Pool(2) as pool:\n    print(pool.map(abs, [-1, -2]))"
    assert client.run(code).text() == "[1, 2]\n"


def test_carriage_returns_arrive_as_they_were_written(client):
    code = (
        "import sys, time\nfor i in range(5):\n    sys.stdout.write(f'\\r{i * 20}%')\n    sys.stdout.flush()\nprint()"
    )
    assert client.run(code).text() == "\r0%\r20%\r40%\r60%\r80%\n"


def test_c_code_writing_to_the_descriptors_is_captured(client):
    code = "import os\nprint('a')\nos.write(1, b'b\\n')\nos.write(2, b'c\\n')\nprint('d')"
    outcome = client.run(code)
    assert (outcome.text(), outcome.text("stderr")) == ("a\nb\nd\n", "c\n")


def test_a_syntax_error_points_into_the_cell(client):
    outcome = client.run("x = 1\ny = = 2")
    assert outcome.error["ename"] == "SyntaxError"
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(outcome.error["traceback"]))
    assert "y = = 2" in text and "line 2" in text.lower()


def test_a_chain_of_exceptions_is_told_whole(client):
    outcome = client.run("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('outer') from e")
    text = "\n".join(outcome.error["traceback"])
    assert "ZeroDivisionError" in text and "outer" in text and "direct cause" in text


@pytest.mark.parametrize("code", ["exit()", "quit", "raise SystemExit(3)", "import sys\nsys.exit()"])
def test_exit_is_no_crash(client, code):
    assert client.run(code).state == "done"


def test_warnings_go_to_standard_error(client):
    assert "careful" in client.run("import warnings\nwarnings.warn('careful')").text("stderr")


@pytest.mark.parametrize("code", ["", "   \n", "# nothing", "\r\nprint(1)\r\n", "\tprint(1)", "x = 1;"])
def test_odd_cells_come_to_an_end(client, code):
    assert client.run(code).state == "done"


def test_a_value_whose_repr_fails_is_an_error_and_no_crash(client):
    outcome = client.run("class C:\n    def __repr__(self): raise RuntimeError('broken repr')\nC()", keep=True)
    assert outcome.state == "done" and "broken repr" in str(outcome.messages)
    assert client.run("1", session=outcome.description["session"]).result == "1"


ODD = {
    "a number as html": "publish_display_data({'text/html': 5})",
    "bytes as png": "publish_display_data({'image/png': b'\\x89PNG'})",
    "broken base64": "publish_display_data({'image/png': '%%%'})",
    "nan": "publish_display_data({'application/json': {'x': float('nan'), 'y': float('inf')}})",
    "an empty type": "publish_display_data({'': 'x'})",
    "a number as type": "publish_display_data({1: 'x'})",
    "nothing": "publish_display_data({})",
    "None": "publish_display_data({'text/plain': None})",
    "nested a thousand deep": "d = []\nfor _ in range(1000): d = [d]\npublish_display_data({'application/json': d})",
    "nested in itself": "d = []\nd.append(d)\npublish_display_data({'application/json': d})",
    "metadata of objects": "publish_display_data({'text/plain': 'x'}, metadata={'o': object(), 3: {1, 2}})",
    "an id of a number": "display('x', display_id=7)",
    "an update of nobody": "update_display('x', display_id='never shown')",
    "lone surrogates": "print('\\ud800 x'); display('\\udfff'); publish_display_data({'text/html': '\\ud83d'})",
    "null characters": "print('a\\0b'); publish_display_data({'text/plain': 'a\\0b'})",
    "binary on the descriptors": "import os\nos.write(1, bytes(range(256)))",
    "keys with dots and dollars": "publish_display_data({'application/json': {'$set': 1, 'a.b': {'$where': 0}}})",
    "huge numbers": "publish_display_data({'application/json': 10 ** 400})\n10 ** 400",
    "a transient of our own": "publish_display_data({'text/plain': 'x'}, transient={'display_id': None, 'other': 1})",
    "an exception that cannot be shown": "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
    "an exception with a strange name": "raise type('\\ud800', (Exception,), {})('\\0')",
    "a prompt that is no text": "input(object())",
    "replaced streams": "import io, sys\nsys.stdout = io.StringIO(); print(1); sys.stdout = sys.__stdout__",
    "closed streams": "import sys\nsys.stdout.close()\nprint('x')",
    "no streams": "import sys\nsys.stdout = sys.stderr = None\nprint('x')\n1 / 0",
    "clear_output of nonsense": "clear_output(wait='yes')",
    "an audio of nothing": "display(Audio(b'', rate=1))",
    "a payload of nonsense": "get_ipython().payload_manager.write_payload({'source': object()})",
    "a payload that is none": "get_ipython().payload_manager.write_payload({})",
    "a page of nine million characters": "from IPython.core import page\npage.page('x' * 9_000_000)",
    "an exception of nine million characters": "raise ValueError('x' * 9_000_000)",
    "a name of nine million characters": "raise type('x' * 9_000_000, (Exception,), {})",
    "a class that will not say its name": (
        "class M(type):\n    __name__ = property(lambda c: 1 / 0)\nclass E(Exception, metaclass=M): pass\nraise E"
    ),
    "a print of nine million characters": "print('Σ' * 4_500_000)",
    "a prompt of nine million characters": "input('x' * 9_000_000)",
    "metadata of nine million characters": "publish_display_data({'text/plain': 'x'}, metadata={'x': 'x' * 9_000_000})",
    "an id of nine million characters": "display('x', display_id='x' * 9_000_000)",
    "a comm of nine million characters": "import comm\ncomm.create_comm(target_name='t', data={'x': 'x' * 9_000_000})",
    "a comm of odd data": "import comm\ncomm.create_comm(target_name='t', data={1: {1, object()}})",
    "a next input": "get_ipython().set_next_input('x = 1')",
    "a shell hook that fails": "get_ipython().events.register('post_run_cell', lambda *a: 1 / 0)",
}


@pytest.mark.parametrize("what", ODD)
def test_odd_things_to_show_break_neither_the_messages_nor_the_session(client, what):
    code = f"from IPython.display import *\nfrom IPython.display import publish_display_data\n{ODD[what]}"
    outcome = client.run(code, keep=True, stdin=False)
    assert outcome.state == "done", (outcome.description, outcome.messages)
    assert client.run("print('on')\n1 + 1", session=outcome.description["session"]).result == "2"


def test_a_big_display_arrives_and_one_that_is_too_big_is_told(client):
    code = "from IPython.display import HTML\nHTML('x' * {0})"
    (content,) = client.run(code.format(6_000_000)).of_type("execute_result")
    assert content["data"]["text/html"] == "x" * 6_000_000
    outcome = client.run(code.format(9_000_000))
    (content,) = outcome.of_type("execute_result")
    assert outcome.state == "done" and "text/html" not in content["data"]
    assert "9000000 characters" in outcome.text("stderr")


# --- comms ----------------------------------------------------------------------------------------------------------

ECHO = """
from comm import get_comm_manager
def opened(comm, message):
    comm.on_msg(lambda m: comm.send({'echo': m['content']['data']}, metadata={'m': 1},
                                    buffers=[bytes(b)[::-1] for b in m['buffers']]))
    comm.on_close(lambda m: print('closed', m['content']['data']))
    print('opened', message['content']['data'])
get_comm_manager().register_target('echo', opened)
"""


def send(client, session: str, msg_type: str, content: dict, buffers: tuple[bytes, ...] = ()):
    message = {"msg_type": msg_type, "content": content, "buffers": [base64.b64encode(b).decode() for b in buffers]}
    answer = client.http.post(
        f"{client.url}/computations", json={"session": session, "message": message, "keep": True}, timeout=30
    )
    assert answer.status_code == 201, answer.text
    return client.finish(answer.json()["id"])


def test_a_comm_is_opened_spoken_to_and_closed_with_buffers_both_ways(client):
    session = client.run(ECHO, keep=True).description["session"]
    content = {"comm_id": "c1", "target_name": "echo", "data": {"hello": 1}}
    assert send(client, session, "comm_open", content).text() == "opened {'hello': 1}\n"
    outcome = send(client, session, "comm_msg", {"comm_id": "c1", "data": {"n": 2}}, (b"abc", bytes(range(256))))
    (message,) = [m for m in outcome.messages if m["header"]["msg_type"] == "comm_msg"]
    assert message["content"] == {"comm_id": "c1", "data": {"echo": {"n": 2}}}
    assert message["metadata"] == {"m": 1}
    assert [base64.b64decode(b) for b in message["buffers"]] == [b"cba", bytes(range(255, -1, -1))]
    closed = send(client, session, "comm_close", {"comm_id": "c1", "data": {"bye": 1}})
    assert closed.text() == "closed {'bye': 1}\n"


def test_a_comm_of_the_kernel_is_announced_with_its_buffers(client):
    code = "from comm import create_comm\nc = create_comm(target_name='t', data={'a': 1}, buffers=[b'xyz'])"
    outcome = client.run(code)
    (message,) = [m for m in outcome.messages if m["header"]["msg_type"] == "comm_open"]
    assert message["content"]["target_name"] == "t" and message["content"]["data"] == {"a": 1}
    assert [base64.b64decode(b) for b in message["buffers"]] == [b"xyz"]


def test_a_comm_message_to_nobody_does_no_harm(client):
    session = client.run("x = 1", keep=True).description["session"]
    assert send(client, session, "comm_msg", {"comm_id": "unknown", "data": {}}).state == "done"
    assert send(client, session, "comm_open", {"comm_id": "c", "target_name": "none", "data": {}}).state == "done"
    assert client.run("x", session=session).result == "1"


def test_buffers_of_a_comm_as_big_as_a_body_may_be_come_back_unchanged(client):
    session = client.run(ECHO, keep=True).description["session"]
    send(client, session, "comm_open", {"comm_id": "c1", "target_name": "echo", "data": {}})
    # Base64 makes four bytes of three, and the rest of the body is short.
    buffer = bytes(range(256)) * ((client.limit("json_bytes_max") - 1024) * 3 // 4 // 256)
    outcome = send(client, session, "comm_msg", {"comm_id": "c1", "data": {}}, (buffer, b""))
    (message,) = [m for m in outcome.messages if m["header"]["msg_type"] == "comm_msg"]
    assert [base64.b64decode(b) for b in message["buffers"]] == [buffer[::-1], b""]


def test_a_handler_that_raises_shows_its_error_and_the_session_goes_on(client):
    code = ECHO.replace("print('opened', message['content']['data'])", "1 / 0")
    session = client.run(code, keep=True).description["session"]
    outcome = send(client, session, "comm_open", {"comm_id": "c1", "target_name": "echo", "data": {}})
    assert "ZeroDivisionError" in str(outcome.messages)
    assert client.run("1 + 1", session=session).result == "2"
