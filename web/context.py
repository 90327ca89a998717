"""What every route needs: the settings, the store, the news and the figures of this web process."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app, request

from settings import Settings
from store import Store
from web.connections import Connection, Connections
from web.device_reports import DeviceReports
from web.metrics import Figures
from web.notifier import Notifier

EXTENSION = "singlecell"  # where an application has it
CONNECTION = "singlecell.connection"  # where the environment of a request has it


@dataclass(frozen=True)
class Context:
    """Hold the parts that the routes of one application share."""

    settings: Settings
    store: Store
    news: Notifier
    fleet: DeviceReports
    figures: Figures
    connections: Connections


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
