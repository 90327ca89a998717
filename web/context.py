"""Holds what every route needs: the settings, the store, and the shared objects of this web process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, request

from settings import Settings
from store import Store
from web.client_shares import ClientShares
from web.connections import Connection, Connections
from web.device_reports import DeviceReports
from web.doors.kernels_open import OpenSockets
from web.metrics import Figures
from web.notifier import Notifier
from web.proofs import Proofs
from web.return_times import ReturnTimes

EXTENSION = "singlecell"  # the key of the context in an application
CONNECTION = "singlecell.connection"  # the key of the connection in the environment of a request


@dataclass(frozen=True)
class Context:
    """The objects that the routes of one application share."""

    settings: Settings
    store: Store
    notifier: Notifier
    device_reports: DeviceReports
    figures: Figures
    connections: Connections
    client_shares: ClientShares
    proofs: Proofs
    open_sockets: OpenSockets[Any]
    return_times: ReturnTimes


def install(app: Flask, context: Context) -> None:
    """Give the application its context."""
    app.extensions[EXTENSION] = context


def here() -> Context:
    """Return the context of the application that handles the current request."""
    context: Context = current_app.extensions[EXTENSION]
    return context


def connection() -> Connection:
    """Return the connection of the current request."""
    found: Connection = request.environ[CONNECTION]
    return found
