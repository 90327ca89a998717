"""Is the program for browsers: ``create_app(settings)`` makes the application, uWSGI loads ``web_server:app``."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

import log_lines
import settings as settings_file
import store
from settings import Settings
from web import (
    accepting,
    cell_page,
    checks,
    comms,
    computations,
    context,
    events,
    files,
    headers,
    health,
    installed,
    languages,
    limits,
    messages,
    openapi,
    pages,
    permalinks,
    problems,
    request_body,
    sagecell,
    serving,
    sessions,
    status,
)
from web.assets import Application
from web.client_shares import ClientShares
from web.connections import Connections
from web.device_reports import DeviceReports
from web.doors import jobe, kernels, kernels_notebooks, kernels_sagecell, kernels_server, oembed, service
from web.doors.kernels_open import OpenSockets
from web.metrics import Figures
from web.notifier import Notifier
from web.proofs import Proofs
from web.return_times import ReturnTimes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

API = (computations, checks, messages, events, files, sessions, comms, permalinks, languages, limits, health, openapi)
DOORS = (sagecell, service, jobe, oembed, kernels, kernels_notebooks, kernels_server, kernels_sagecell)
ROUTES = (*API, pages, installed, cell_page, status, *DOORS)

_lock = threading.Lock()
made_apps: list[Flask] = []  # one, as soon as a request has come


def create_app(settings: Settings) -> Flask:
    """Return the WSGI application; MongoDB may still be away."""
    app = Application(__name__)
    app.config["MAX_CONTENT_LENGTH"] = settings.request_bytes_max
    app.url_map.merge_slashes = False  # a redirect would turn a POST's mistake into another one
    door = store.connect(settings, "singlecell web")
    notifier, device_reports = Notifier(door), DeviceReports(door)
    connections = _connections_for(settings, accepting.cores())
    figures = Figures(device_reports, notifier, connections, door)
    shared = context.Context(
        settings, door, notifier, device_reports, figures, connections, ClientShares(), Proofs(settings, door),
        OpenSockets(), ReturnTimes(),
    )
    context.install(app, shared)
    problems.install(app)
    figures.watch(app)  # first of all: what is turned away is counted too
    serving.install(app, shared)
    headers.install(app, settings)
    app.after_request(request_body.drain)
    for group in ROUTES:
        app.register_blueprint(group.routes)
    return app


def _connections_for(settings: Settings, cores: int | None) -> Connections:
    """Return the connections of this process; of fewer greenlets than the settings say both kinds have their part."""
    wanted = settings.web_greenlets + settings.web_sockets
    cores = min(wanted, cores or wanted)
    sockets = cores * settings.web_sockets // wanted
    return Connections(cores - sockets, max(1, sockets))


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a WSGI request; the first one makes the application, so that importing this module does nothing."""
    return _made()(environ, start_response)


def _made() -> Flask:
    if not made_apps:
        with _lock:
            if not made_apps:
                settings = settings_file.load()
                log_lines.set_up(settings.log_format, logging.INFO, web=os.getpid())
                made_apps.append(create_app(settings))
    return made_apps[0]


def _connections() -> Connections:
    shared: context.Context = _made().extensions[context.EXTENSION]
    return shared.connections


if accepting.cores():
    accepting.install(_connections)
