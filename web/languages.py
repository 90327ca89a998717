"""Serves GET /languages, and checks the language that a request asks for."""

from __future__ import annotations

from flask import Blueprint, Response
from msgspec import UnsetType

from store import ServedLanguages
from web.context import here
from web.message_pages import is_id
from web.operations import operation
from web.problems import refuse
from web.responses import Language, LanguagesAnswer, json_answer

routes = Blueprint("languages", __name__)


@routes.get("/languages")
@operation("List the languages", {200: LanguagesAnswer})
def list_languages() -> Response:
    """Answer with the languages of the settings and of the devices that are alive."""
    served = served_now()
    languages = [
        Language(
            name=name,
            label=entry["label"],
            version=served.versions.get(name, ""),
            available=name in served.versions,
            expected=name not in served.versions and served.may_wait(name),
            mime=entry["mime"],
            extension=entry["extension"],
            highlighting=entry["highlighting"],
            install=entry["install"],
            packages=served.packages.get(name, {}),
        )
        for name, entry in here().settings.languages.items()
    ]
    return json_answer(LanguagesAnswer(languages))


def served_now() -> ServedLanguages:
    """Return what the devices that are alive say of the languages."""
    return ServedLanguages.of(here().device_reports.accounts())


def checked(asked: str | UnsetType, session_id: str | None) -> str:
    """Return the language that a request means: the one it names, else its session's, else the first.

    Raises ProblemError 404, 422.

    While no account has said what it can run, or one is away, every language of the settings will do, and one that is
    being loaded does, too: the computation waits for it.
    """
    if session_id is not None:
        return _session_language(asked, session_id)
    languages, served = here().settings.languages, served_now()
    name = asked if isinstance(asked, str) else next(iter(languages))
    if name not in languages:
        refuse(422, f"The language {name[:40]!r} is unknown; there are {', '.join(languages)}.",
               reason="language_missing", language=name[:40])  # fmt: skip
    if not served.may_wait(name):
        label, install = languages[name]["label"], languages[name]["install"]
        if name in served.failed:
            refuse(422, f"{label} cannot be loaded on this server now; its log says why.",
                   reason="language_missing", language=label)  # fmt: skip
        refuse(422, f"{label} is not installed on this server; its owner can install it with: {install}",
               reason="language_missing", language=label)  # fmt: skip
    return name


def _session_language(asked: str | UnsetType, session_id: str) -> str:
    session = here().store.sessions.get(session_id) if is_id(session_id) else None
    if session is None:
        refuse(404, "There is no session with this id.")
    if isinstance(asked, str) and asked != session.language:
        refuse(422, f"The session runs {session.language}; `language` says otherwise.")
    language: str = session.language
    return language
