"""Notes beside each view what it promises; openapi.json is made from these notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from web.parameters import Parameter

View = TypeVar("View", bound=Callable[..., object])
_ATTRIBUTE = "singlecell_operation"


@dataclass(frozen=True)
class Operation:
    """The promise of one view, which is one method of one route.

    ``answers``: status to the struct of its JSON, or to a media type, or None (no body). ``problems``: statuses that
    come as problem details, with their reasons. ``body``: structs that a JSON body may have. ``form``: the JSON Schema
    of a form that is the body. ``needs_body``: whether there has to be one, of those that are described.
    """

    summary: str
    answers: dict[int, type | str | None]
    problems: dict[int, str] = field(default_factory=dict)
    body: type | None = None
    multipart: bool = False
    parameters: tuple[Parameter, ...] = ()
    form: Mapping[str, Any] | None = None
    needs_body: bool = True


def operation(
    summary: str,
    answers: dict[int, type | str | None],
    problems: dict[int, str] | None = None,
    body: type | None = None,
    multipart: bool = False,
    parameters: tuple[Parameter, ...] = (),
    form: Mapping[str, Any] | None = None,
    needs_body: bool = True,
) -> Callable[[View], View]:
    """Note what the decorated view promises."""

    def note(view: View) -> View:
        promised = Operation(summary, answers, problems or {}, body, multipart, parameters, form, needs_body)
        setattr(view, _ATTRIBUTE, promised)
        return view

    return note


def of(view: Callable[..., object]) -> Operation | None:
    """Return what the view promises, None when it does not say."""
    found: Operation | None = getattr(view, _ATTRIBUTE, None)
    return found
