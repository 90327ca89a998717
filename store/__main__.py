"""``python -m store``: the operator's orders to a server: keys, bans, deletions, backups, migrations, the report.

It speaks with the database of the settings, so it runs as the trusted account or root. Exit code: 0 done, 1 it could
not be done, 2 the command or a setting is wrong.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import settings as settings_file
import store as stores
from store import backup_commands, commands
from store.errors import StoreError
from store.report import COLUMNS
from store.rules import BAN_KINDS, KEY_KINDS

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line orders; return the exit code."""
    options = parser().parse_args(arguments)
    try:
        settings = settings_file.load()
    except settings_file.SettingsError as error:
        print(f"store: {error}", file=sys.stderr)
        return EXIT_USAGE
    try:
        store = stores.connect(settings, "singlecell operator")
        try:
            for line in options.command(store, settings, options):
                print(line)
        finally:
            store.close()
    except StoreError as error:
        print(f"store: {error}", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has seen enough
    return EXIT_OK


def parser() -> argparse.ArgumentParser:
    """Return the reader of the command line."""
    top = argparse.ArgumentParser(prog="python -m store", description="Give a server its operator's orders.")
    kinds = top.add_subparsers(required=True, metavar="COMMAND")
    _add_keys(kinds.add_parser("keys", help="make, list and revoke keys").add_subparsers(required=True))
    for name, command, about in (
        ("ban", commands.ban, "run nothing more for a client, an origin or a key"),
        ("unban", commands.unban, "lift a ban"),
    ):
        one = kinds.add_parser(name, help=about)
        one.add_argument("kind", choices=BAN_KINDS)
        one.add_argument("subject", help="an address, a network, a client's 32 digits; an origin; the name of a key")
        _add_reason(one, command)
        if name == "ban":
            one.add_argument("--hours", type=float, help="how long it holds (default: until it is lifted)")
    kinds.add_parser("bans", help="list the bans that hold").set_defaults(command=commands.list_bans)
    one = kinds.add_parser("delete", help="delete a computation, a permalink, or everything of a client")
    one.add_argument("what", choices=("computation", "permalink", "client"))
    one.add_argument("id", help="its id; of a client an address or its 32 digits")
    _add_reason(one, commands.delete)
    one = kinds.add_parser("audit", help="list what the operator did")
    one.add_argument("--last", type=int, default=100, metavar="N", help="so many deeds (default 100)")
    one.set_defaults(command=commands.list_deeds)
    one = kinds.add_parser("migrate", help="bring what older versions stored to this one's shape; devices do it, too")
    one.add_argument("--contract", action="store_true", help="also take away what older programs need, which then end")
    one.set_defaults(command=commands.migrate)
    for name, order, about in (
        ("backup", backup_commands.backup, "write all that is stored into a new directory, as of one moment"),
        ("restore", backup_commands.restore, "fill an empty database from a backup; no server runs meanwhile"),
    ):
        one = kinds.add_parser(name, help=about)
        one.add_argument("directory", type=Path)
        one.set_defaults(command=order)
    _add_report(kinds.add_parser("report", help="sum up who ran what"))
    return top


def _add_keys(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    make = kinds.add_parser("make", help="make a key and print it, this once")
    make.add_argument("name", help="how you and all counts call it; a name is used once")
    make.add_argument("--kind", choices=KEY_KINDS, default="page", help="page: for an element; api: for a program")
    make.add_argument("--languages", default="", help="only these, with commas between them (default: all)")
    make.add_argument("--origins", default="", help="only pages of these, as https://a.example,https://b.example")
    make.add_argument("--cpu-s-per-hour", type=float, help="its budget of CPU seconds an hour")
    make.add_argument("--note", default="", help="whose it is, or what for")
    make.set_defaults(command=commands.make_key)
    kinds.add_parser("list", help="list all keys, without their texts").set_defaults(command=commands.list_keys)
    revoke = kinds.add_parser("revoke", help="take a key back for good")
    revoke.add_argument("name")
    _add_reason(revoke, commands.revoke_key)


def _add_reason(one: argparse.ArgumentParser, command: commands.Command) -> None:
    one.add_argument("--reason", default="", help="why, for the audit trail")
    one.set_defaults(command=command)


def _add_report(one: argparse.ArgumentParser) -> None:
    one.add_argument("--days", type=float, default=7.0, help="of the last days (default 7); older results may be gone")
    one.add_argument("--by", default="day,language,origin", help=f"columns: {', '.join(COLUMNS)}")
    one.add_argument("--format", choices=("table", "csv", "json"), default="table")
    one.set_defaults(command=commands.report)


if __name__ == "__main__":
    sys.exit(main())
