"""``python -m singlecell_client run file.py --server URL``: run a file on a server, as if it ran here.

``python -m singlecell_client batch tasks.csv --server URL``: run a table of tasks, each once.

``python -m singlecell_client publish page.html --server URL``: publish the checks of a page's exercises.

Exit code: 0 the code came to its end, 1 it raised an exception, 2 the command or the file is wrong, 3 the server ended
it (a limit, a kill), 4 the server refused it or does not answer, 130 interrupted, 141 nobody reads its output any more.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from singlecell_client.client import Client
from singlecell_client.connection import Refused, Unreachable
from singlecell_client.exit_codes import (
    EXIT_ENDED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_RAISED,
    EXIT_REFUSED,
    EXIT_UNREAD,
    EXIT_USAGE,
)
from singlecell_client.publishing import PAGES, publish_page
from singlecell_client.result import Result
from singlecell_client.table import AT_ONCE, AT_ONCE_MAX, run_table
from singlecell_client.tasks import BadTableError
from singlecell_client.terminal import Terminal

DEFAULT_SERVER = "http://127.0.0.1:5000"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = parse(arguments)
    try:
        return {"publish": publish, "run": run_file, "batch": run_batch}[options.command](options)
    except (Refused, Unreachable) as error:
        print(error, file=sys.stderr)
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def publish(options: argparse.Namespace) -> int:
    """Publish the check in a file, or those in a page; print its id, or the page with their ids. Raises Refused."""
    key = os.environ.get("SINGLECELL_KEY", "")
    path = Path(options.file)
    try:
        text = read(options.file)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        print(f"{options.file or repr('')} cannot be read: {why}", file=sys.stderr)
        return EXIT_USAGE
    if path.suffix.lower() in PAGES:
        page, count = publish_page(lambda check, language: options.server.publish(check, language, key), text)
        sys.stdout.write(page)
        print(f"{count} checks published", file=sys.stderr)
    else:
        language = options.language or options.server.language_of(path.suffix.lower())
        print(options.server.publish(text, language, key))
    return EXIT_OK


def run_batch(options: argparse.Namespace) -> int:
    """Run a table of tasks; return the exit code. Raises Refused, Unreachable."""
    try:
        return run_table(Path(options.file), options)
    except (BadTableError, ValueError) as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE


def run_file(options: argparse.Namespace) -> int:
    """Run a file; return the exit code. Raises Refused, Unreachable."""
    try:
        code = sys.stdin.read() if options.file == "-" else read(options.file)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        print(f"{options.file or repr('')} cannot be read: {why}", file=sys.stderr)
        return EXIT_USAGE
    try:
        options.into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"files cannot be saved in {options.into}: {error.strerror}", file=sys.stderr)
        return EXIT_USAGE
    try:
        return run(options.server, code, options.upload, Terminal(options.into))
    except BrokenPipeError:
        # Python would complain at its end about what it could not flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_UNREAD
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return EXIT_USAGE


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m singlecell_client", description="Run code on a server, with the key in SINGLECELL_KEY if set."
    )
    commands = parser.add_subparsers(required=True, dest="command", metavar="run|batch|publish")
    command = commands.add_parser("run", help="run a file to its end")
    command.add_argument("file", help="the file to run; - reads standard input")
    batch = commands.add_parser("batch", help="run a table of tasks, each once")
    batch.add_argument("file", help="CSV with a header, or JSON lines: item, task, language, code or script, files")
    batch.add_argument("--into", type=Path, metavar="FILE", help="the results, .csv or .jsonl (TABLE.results.csv)")
    batch.add_argument("--at-once", type=count, default=AT_ONCE, help=f"tasks under way ({AT_ONCE})")
    batch.add_argument("--name", default="", help="under another name the whole table runs anew")
    publishing = commands.add_parser("publish", help="publish a check, or the checks of a page (key: SINGLECELL_KEY)")
    publishing.add_argument("file", help="the check, or the page (.html), which is printed with the ids of its checks")
    server = os.environ.get("SINGLECELL_SERVER", DEFAULT_SERVER)
    for either, language in ((command, "python"), (batch, "python"), (publishing, "")):
        either.add_argument("--server", default=server, help="address of the server (environment: SINGLECELL_SERVER)")
        either.add_argument("--language", default=language, help="language of the code")
    command.add_argument("--upload", action="append", default=[], metavar="FILE", help="lies beside the code")
    command.add_argument("--into", type=Path, default=Path(), metavar="DIRECTORY", help="where files are saved")
    options = parser.parse_args(arguments)
    options.connect = partial(Client, options.server, options.language or "python", os.environ.get("SINGLECELL_KEY"))
    try:
        options.server = options.connect()
    except ValueError as error:
        {"run": command, "batch": batch, "publish": publishing}[options.command].error(str(error))
    return options


def count(text: str) -> int:
    """Return a number of tasks. Raises ArgumentTypeError."""
    if not text.isdecimal() or not 1 <= int(text) <= AT_ONCE_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {AT_ONCE_MAX}")
    return int(text)


def read(path: str) -> str:
    """Return the code in a file. Raises OSError, UnicodeDecodeError."""
    with open(path, encoding="utf-8-sig") as file:
        return file.read()


def run(client: Client, code: str, uploads: list[str], terminal: Terminal) -> int:
    """Run the code, stream what it says, pass Ctrl-C on; return the exit code."""
    computation = client.submit(code, stdin=True, files=uploads)["id"]
    messages: list[dict] = []
    interrupted = False
    while True:
        try:
            after = messages[-1]["sequence"] if messages else -1
            for message in client.follow(computation, after):
                messages.append(message)
                terminal.show(message)
                if message["header"]["msg_type"] == "input_request":
                    ask(client, computation, message["content"], terminal)
            break
        except KeyboardInterrupt:
            # The first Ctrl-C is for the code, the second for us.
            stop(client.cancel if interrupted else client.interrupt, computation)
            interrupted = True
        except BrokenPipeError:
            stop(client.cancel, computation)
            raise
    result = client.result(computation, messages)
    for file in result.files:
        terminal.save(client, file)
    return exit_code(result, interrupted)


def ask(client: Client, computation: str, question: dict, terminal: Terminal) -> None:
    """Answer a question of the code; without an answer to give, stop the code."""
    try:
        client.answer(computation, terminal.ask(question["prompt"], question["password"]))
    except EOFError as error:
        terminal.notice(f"the code asks a question, but {error}")
        stop(client.interrupt, computation)
    except Refused as error:
        terminal.notice(str(error))


def stop(way: Callable[[str], None], computation: str) -> None:
    """Interrupt or cancel a computation; one that has just ended needs neither."""
    with suppress(Refused):
        way(computation)


def exit_code(result: Result, interrupted: bool) -> int:
    """Return what the shell is told."""
    if interrupted:
        return EXIT_INTERRUPTED
    if result.state != "done":
        return EXIT_ENDED
    return EXIT_OK if result.ok else EXIT_RAISED


if __name__ == "__main__":
    sys.exit(main())
