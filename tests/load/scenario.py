"""Write Tsung's scenario, ``tsung.xml``, from the template for one server and one rate.

``python -m tests.load.scenario`` writes ``tests/load/tsung.xml``, for the server that ``make run`` starts.
"""

from __future__ import annotations

from pathlib import Path

import jinja2

from tests.load.options import Options

ROOM = Path(__file__).parent
TEMPLATE = ROOM / "tsung.xml.jinja"
DEFAULT = ROOM / "tsung.xml"
DTD = "/usr/share/tsung/tsung-1.0.dtd"
# One long poll, and how many of them a computation gets before it counts as lost; the long output takes a few dozen.
WAIT_S = 10
POLLS_MAX = 100
# A page whose poll was not answered well tries again after so long.
RETRY_S = 1
# An answer that takes longer than this is none: twice the server's longest long poll.
ANSWER_S_MAX = 60


def render(options: Options) -> str:
    """Return the scenario for these options."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=True)
    return environment.from_string(TEMPLATE.read_text()).render(
        dtd=DTD,
        host=options.host,
        port=options.port,
        rate=options.rate,
        seconds=options.seconds,
        users=options.users,
        # Tsung would start more Erlang nodes, through ssh.
        users_max=options.users + 1,
        weights=options.weights,
        wait_s=WAIT_S,
        retry_s=RETRY_S,
        polls_max=POLLS_MAX,
        answer_s_max=ANSWER_S_MAX,
    )


if __name__ == "__main__":
    DEFAULT.write_text(render(Options(url="http://127.0.0.1:5000")))
