"""Does what the operator orders on the command line; ``store/__main__.py`` reads the orders.

Each command returns the lines that it has to say. What changes something is noted in the audit trail before it is done.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from settings import Settings
from store import Store
from store.errors import AdministrationError
from store.rules import Key

Command = Callable[[Store, Settings, argparse.Namespace], Iterator[str]]


def make_key(store: Store, settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """Make a key and say its text, the only time that it is said."""
    languages = _words(options.languages)
    unknown = [name for name in languages if name not in settings.languages]
    if unknown:
        raise AdministrationError(f"There is no language {unknown[0]!r}; there are {', '.join(settings.languages)}.")
    origins = tuple(origin.lower().rstrip("/") for origin in _words(options.origins))
    key = Key(options.name, options.kind, languages, origins, options.cpu_s_per_hour, options.note)
    with store.audit.deed("make key", key.name, key.note):
        text = store.keys.make(key)
    yield text
    if key.kind == "page":
        yield f'In a page: <single-cell key="{text}">'
    else:
        yield f"In a program: the header  Authorization: Bearer {text}"
    yield "It is shown this once; only a hash of it is kept."


def list_keys(store: Store, _settings: Settings, _options: argparse.Namespace) -> Iterator[str]:
    """List the keys, without their texts."""
    rows = [
        {
            "name": key.name, "kind": key.kind, "languages": ",".join(key.languages) or "all",
            "origins": ",".join(key.origins) or "all", "cpu s/hour": key.cpu_s_per_hour or "as all",
            "made": key.made, "state": "revoked" if key.revoked else "in force", "note": key.note,
        }
        for key in store.keys.list()
    ]  # fmt: skip
    yield from _table(rows, "There is no key.")


def revoke_key(store: Store, _settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """Take a key back."""
    with store.audit.deed("revoke key", options.name, options.reason):
        store.keys.revoke(options.name)
    yield f"The key {options.name} is revoked; every web process knows it within 2 seconds."


def ban(store: Store, _settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """Ban a client, an origin or a key."""
    with store.audit.deed(f"ban {options.kind}", options.subject, options.reason):
        made = store.bans.add(options.kind, options.subject, options.reason, options.hours)
    until = f"until {_text(made.until)}" if made.until else "until it is lifted"
    yield f"The {made.kind} {made.subject} is banned {until}; every web process knows it within 2 seconds."


def unban(store: Store, _settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """Lift a ban."""
    with store.audit.deed(f"unban {options.kind}", options.subject, options.reason):
        store.bans.lift(options.kind, options.subject)
    yield f"The {options.kind} {options.subject} is not banned any more."


def list_bans(store: Store, _settings: Settings, _options: argparse.Namespace) -> Iterator[str]:
    """List the bans that hold."""
    rows = [{"kind": ban.kind, "subject": ban.subject, "made": ban.made, "until": ban.until or "lifted",
             "reason": ban.reason} for ban in store.bans.list()]  # fmt: skip
    yield from _table(rows, "Nobody is banned.")


def delete(store: Store, _settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """Delete a computation, a permalink, or everything of a client."""
    with store.audit.deed(f"delete {options.what}", options.id, options.reason) as said:
        match options.what:
            case "computation":
                outcome = store.deletion.computation(options.id)
            case "permalink":
                outcome = store.deletion.permalink(options.id, options.reason)
            case _:
                outcome = store.deletion.client(options.id, options.reason)
        said.append(outcome)
    yield f"Deleted: {outcome}."


def list_deeds(store: Store, _settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """List the operator's last deeds."""
    rows = [vars(deed) for deed in store.audit.list(options.last)]
    yield from _table(rows, "Nothing has been done yet.")


def migrate(store: Store, _settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """Run the migrations that wait, and say of each how it stands."""
    with store.audit.deed("migrate", "--contract" if options.contract else "", "") as said:
        for sentence in store.migrations.run(contract=options.contract):
            said.append(sentence)
            yield sentence
    for migration, is_done in store.migrations.all():
        if not is_done:
            yield (f"{migration.number}. {migration.about} Waits: run it with --contract when no program of an older "
                   "version runs any more.")  # fmt: skip
    if not said:
        yield "Nothing was to be done."


def report(store: Store, _settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """Sum up who ran what."""
    rows = store.report.rows(options.days, _words(options.by))
    if options.format == "json":
        yield json.dumps(rows)
    elif options.format == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
        yield text.getvalue().rstrip()
    else:
        yield from _table(rows, "Nothing was run.")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _table(rows: Sequence[Mapping[str, Any]], nothing: str) -> Iterator[str]:
    """Yield the lines of a table of these rows, whose columns are the first one's."""
    if not rows:
        yield nothing
        return
    cells = [list(rows[0]), *([_text(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _text(value: object) -> str:
    """Return a value as a cell of a table: no control character of a stranger's reaches the operator's terminal."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, float):
        return f"{value:.1f}"
    return "".join(character if character.isprintable() else "\ufffd" for character in str(value))
