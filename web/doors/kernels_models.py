"""Defines what the routes of Jupyter's kernel API take and answer, in Jupyter's words."""

from __future__ import annotations

from typing import TypeVar

from msgspec import UNSET, Struct, UnsetType

from store import Kernel
from web import request_body, request_schemas, strict_json
from web.context import here
from web.doors.kernels_specs import KernelSpec

NAME_CHARS_MAX = 200  # of names and paths; they are kept
Body = TypeVar("Body")


class KernelModel(Struct, frozen=True):
    """A kernel; ``last_activity`` in the one form that jupyter_server's gateway reads."""

    id: str
    name: str
    last_activity: str
    execution_state: str
    connections: int


class Notebook(Struct, frozen=True):
    """What older clients read of a session."""

    path: str
    name: str


class SessionModel(Struct, frozen=True):
    """What Jupyter calls a session: a notebook or console, and its kernel."""

    id: str
    path: str
    name: str
    type: str
    kernel: KernelModel
    notebook: Notebook


class SpecsAnswer(Struct, frozen=True):
    """The kernels that can be started."""

    default: str
    kernelspecs: dict[str, KernelSpec]


class NewKernel(Struct):
    """A kernel to start; a field that is not known here is passed over, as Jupyter does."""

    name: str | None = None


class KernelOfSession(Struct, frozen=True):
    """The kernel of a session: one that is to be started, or one that runs."""

    name: str | None = None
    id: str | None = None


class NewSession(Struct):
    """A session to make."""

    kernel: KernelOfSession = KernelOfSession()
    path: str = ""
    name: str = ""
    type: str = ""


class ChangedSession(Struct):
    """What is to be changed of a session."""

    kernel: KernelOfSession | None = None
    path: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    type: str | UnsetType = UNSET


def read(body_type: type[Body]) -> Body:
    """Return the body of the request as this struct, whatever type it says it has. Raises ProblemError 400, 413."""
    settings = here().settings
    bytes_max = request_schemas.json_bytes_max(settings)
    text = request_body.read_bytes(bytes_max)
    return strict_json.decode(text or b"{}", body_type, bytes_max, bytes_max)


def kernel_model(kernel: Kernel) -> KernelModel:
    """Return a kernel as Jupyter shows it."""
    context, state = here(), "idle"
    if kernel.session is not None:
        session = context.store.sessions.get(kernel.session)
        found = session.state if session is not None else "idle"
        state = "idle" if found == "gone" else found
    used = kernel.used.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return KernelModel(kernel.id, kernel.name, used, state, context.open_sockets.count(kernel.id))


def session_model(kernel: Kernel) -> SessionModel:
    """Return the session that a kernel belongs to as Jupyter shows it."""
    notebook = Notebook(kernel.path, kernel.title)
    model = kernel_model(kernel)
    return SessionModel(kernel.notebook or "", kernel.path, kernel.title, kernel.kind, model, notebook)


def shortened(name: str) -> str:
    """Return a name or path as it is kept."""
    return name[:NAME_CHARS_MAX]
