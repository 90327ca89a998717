"""What a cell cannot have, a network, windows, LaTeX, is said in a sentence, and last."""

from __future__ import annotations

import re

import pytest

NO_NETWORK = (
    "Cells have no network. Put the data into the code, or add it to the cell as a file and open it by its name."
)
NO_WINDOWS = (
    "There are no windows here, so tkinter and turtle cannot draw. Figures of matplotlib appear below the cell."
)
NO_PACKAGES = (
    "Cells have no network, so nothing can be installed here. "
    "Whoever runs this server can install a package that is missing."
)
CONNECTING = {
    "urlopen": "import urllib.request\nurllib.request.urlopen('https://example.com/data.csv')",
    "urlopen of a number": "import urllib.request\nurllib.request.urlopen('http://93.184.216.34/')",
    "pandas": "import pandas as pd\npd.read_csv('https://example.com/data.csv')",
    "http.client": "import http.client\nhttp.client.HTTPSConnection('example.com').request('GET', '/')",
    "a socket": "import socket\nsocket.create_connection(('example.com', 80))",
    "asyncio": "import asyncio\nawait asyncio.open_connection('93.184.216.34', 80)",
    "an error of one's own after it": (
        "import urllib.request\ntry:\n    urllib.request.urlopen('https://example.com')\n"
        "except OSError as error:\n    raise RuntimeError('no data') from error"
    ),
    # requests is not everywhere; what it raises is made of these.
    "requests": (
        "try:\n    import requests as http\n    error = None\nexcept ImportError:\n    error = 1\n"
        "if error:\n    import urllib.request\n    urllib.request.urlopen('https://example.com')\n"
        "http.get('https://example.com')"
    ),
}
WINDOWS = {
    "tkinter": "import tkinter\ntkinter.Tk()",
    "turtle": "import turtle\nturtle.forward(100)",
    "a backend of matplotlib": "import matplotlib\nmatplotlib.use('TkAgg')",
}
FETCHING = {
    "!curl -sS https://example.com/": NO_NETWORK,
    "!wget https://example.com/a.csv": NO_NETWORK,
    "!wget -qO- https://example.com/a.csv | head -1": NO_NETWORK,
    "!git clone https://example.com/a": NO_NETWORK,
    "import os\n_ = os.system('curl -sS https://example.com/')": NO_NETWORK,
    "!pip install no-such-package": NO_PACKAGES,
    "!python -m pip install no-such-package": NO_PACKAGES,
    "!apt-get install gap": NO_PACKAGES,
    "%pip install no-such-package": NO_PACKAGES,
    "%conda install no-such-package": NO_PACKAGES,
    "import os\n_ = os.system('pip install no-such-package')": NO_PACKAGES,
}


def last_line(text: str) -> str:
    """Return the last line of a text, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip("\n").rpartition("\n")[2]


@pytest.mark.parametrize("name", CONNECTING)
def test_an_error_for_want_of_a_network_ends_with_a_sentence(client, name):
    error = client.run(CONNECTING[name]).error
    assert last_line("\n".join(error["traceback"])) == NO_NETWORK
    assert last_line(error["evalue"]) == NO_NETWORK


@pytest.mark.parametrize("name", WINDOWS)
def test_an_error_for_want_of_windows_ends_with_a_sentence(client, name):
    error = client.run(WINDOWS[name]).error
    assert last_line("\n".join(error["traceback"])) == NO_WINDOWS
    assert last_line(error["evalue"]) == NO_WINDOWS


@pytest.mark.parametrize(
    "code",
    ["1 / 0", "open('nope.csv')", "raise OSError(2, 'no')", "import nope", "import socket\nsocket.socketpair(); 1/0"],
)
def test_other_errors_say_nothing_of_a_network_or_windows(client, code):
    error = client.run(code).error
    assert "network" not in str(error) and "windows" not in str(error)


@pytest.mark.parametrize("code", FETCHING)
def test_a_command_for_want_of_a_network_ends_with_a_sentence(client, code):
    outcome = client.run(code)
    assert outcome.state == "done" and outcome.of_type("error") == []
    assert last_line(outcome.text("stderr")) == FETCHING[code]


@pytest.mark.parametrize(
    "code",
    [
        "!pip --version",
        "%pip list",
        "!echo pip install",
        "!curl --version",
        "!false",
        "!python ping.py",
        "%pip install numpy",
    ],
)
def test_a_command_that_needs_no_network_says_nothing_of_one(client, code):
    outcome = client.run(code)
    assert outcome.state == "done" and "network" not in outcome.text("stderr")


@pytest.mark.parametrize("command", ["python", "python3"])
def test_the_command_python_is_the_cells_own(client, command):
    outcome = client.run(f"import sys\n!{command} -c 'import sys, numpy; print(sys.prefix)'\nprint(sys.prefix)")
    first, second = outcome.text().split()
    assert first == second


@pytest.mark.parametrize(
    "code",
    ["import os\nos.system('clear')", "import os\n_ = os.system('cls' if os.name == 'nt' else 'clear')", "!clear"],
)
def test_clearing_the_screen_clears_the_output(client, code):
    outcome = client.run(f"print('before')\n{code}\nprint('after')")
    kinds = [message["header"]["msg_type"] for message in outcome.messages]
    assert [kind for kind in kinds if kind in ("stream", "clear_output")] == ["stream", "clear_output", "stream"]
    assert outcome.of_type("clear_output") == [{"wait": False}] and outcome.text("stderr") == ""


def test_text_that_latex_should_set_is_set_without_it(client):
    code = "import matplotlib.pyplot as plt\nplt.rcParams['text.usetex'] = True\nplt.plot([1, 2]); plt.title('$x^2$')\n"
    outcome = client.run(code + "plt.rc('text', usetex=True)\nplt.show()")
    assert outcome.text("stderr") == "There is no LaTeX here: matplotlib sets text and formulas by itself.\n"
    assert any("image/png" in content["data"] for content in outcome.of_type("display_data"))
