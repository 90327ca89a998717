"""GET /languages, and which languages a computation may ask for."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response
from msgspec import UnsetType

from web.answers import Language, LanguagesAnswer, json_answer
from web.context import here
from web.operations import operation
from web.problems import refuse
from web.reading import is_id

routes = Blueprint("languages", __name__)

DEFAULT = "python"


@dataclass(frozen=True)
class Known:
    """How a language is shown, and what a file of it is called."""

    label: str
    mime: str
    extension: str


KNOWN = {
    "python": Known("Python", "text/x-python", ".py"),
    "sage": Known("Sage", "text/x-sage", ".sage"),
    "r": Known("R", "text/x-rsrc", ".r"),
    "gap": Known("GAP", "text/x-gap", ".g"),
    "octave": Known("Octave", "text/x-octave", ".m"),
    "julia": Known("Julia", "text/x-julia", ".jl"),
}


@routes.get("/languages")
@operation("List the languages", {200: LanguagesAnswer})
def list_languages() -> Response:
    """Answer with the languages of the settings and of the devices that are alive."""
    return json_answer(LanguagesAnswer(served()))


def served() -> list[Language]:
    """Return the languages of the settings, and after them those that only devices report. Raises StoreUnavailable."""
    versions = {
        report["name"]: report.get("version", "")
        for account in here().fleet.accounts()
        for report in account.get("languages", [])
    }
    names = list(dict.fromkeys([*here().settings.languages, *sorted(versions)]))
    return [_language(name, versions.get(name)) for name in names]


def checked(asked: str | UnsetType, session_id: str | None) -> str:
    """Return the language that a request means: as asked, else its session's, else Python. Raises Problem 404, 422.

    While no account has said what it can run, or one is away, every language of the settings will do: the computation
    waits for it.
    """
    if session_id is not None:
        return _session_language(asked, session_id)
    name = asked if isinstance(asked, str) else DEFAULT
    languages = {language.name: language for language in served()}
    if name not in languages:
        if name in KNOWN:
            refuse(422, _how_to_install(name))
        refuse(422, f"The language {name[:40]!r} is unknown; there are {', '.join(languages)}.")
    accounts = here().fleet.accounts()
    if not languages[name].available and accounts and all(account.get("languages") for account in accounts):
        refuse(422, _how_to_install(name))
    return name


def _session_language(asked: str | UnsetType, session_id: str) -> str:
    session = here().store.sessions.get(session_id) if is_id(session_id) else None
    if session is None:
        refuse(404, "There is no session with this id.")
    if isinstance(asked, str) and asked != session.language:
        refuse(422, f"The session runs {session.language}; `language` says otherwise.")
    language: str = session.language
    return language


def _how_to_install(name: str) -> str:
    return (
        f"{_language(name, None).label} is not installed on this server; its owner can install it for the untrusted "
        f'account and put "{name}" into `languages` of singlecell_config.py.'
    )


def _language(name: str, version: str | None) -> Language:
    known = KNOWN.get(name, Known(name.capitalize(), "text/plain", ".txt"))
    return Language(name, known.label, version or "", version is not None, known.mime, known.extension)
