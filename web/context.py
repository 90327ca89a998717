"""What every route needs: the settings, the store, the news and the figures of this web process."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app

from settings import Settings
from store import Store
from web.fleet import Fleet
from web.metrics import Figures
from web.news import News

_EXTENSION = "singlecell"


@dataclass(frozen=True)
class Context:
    """Hold the parts that the routes of one application share."""

    settings: Settings
    store: Store
    news: News
    fleet: Fleet
    figures: Figures


def install(app: Flask, context: Context) -> None:
    """Give the application its context."""
    app.extensions[_EXTENSION] = context


def here() -> Context:
    """Return the context of the application that handles the current request."""
    context: Context = current_app.extensions[_EXTENSION]
    return context
