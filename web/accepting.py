"""Enters uWSGI's connections among ours as soon as they are accepted: only here a head that never ends can be seen.

uWSGI's gevent loop gives every connection that it accepts to ``gevent.spawn``, with a function that reads the head,
calls the application and closes the connection. Here that function is wrapped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from web.connections import HEAD_S, Connection, Connections
from web.stages import Kind

# Attributes of the greenlet that serves a connection; the first is uWSGI's own, for the request that it serves.
_REQUEST, _CONNECTION = "uwsgi_wsgi_req", "singlecell_connection"
_SERVES = "uwsgi_gevent_request"


def install(connections: Callable[[], Connections]) -> None:
    """Watch what uWSGI accepts; call this while the application is loaded. ``connections`` is called for each."""
    import gevent
    import uwsgi  # exists only in a process of uWSGI's

    spawn = gevent.spawn

    def serve(request: Callable[[int], None], core: int) -> None:
        current = gevent.getcurrent()
        setattr(current, _REQUEST, core)
        connection = Connection(uwsgi.connection_fd())
        setattr(current, _CONNECTION, connection)
        try:
            ours = connections()
        except Exception:  # noqa: BLE001 - whatever it is, the connection has to be answered and closed
            request(core)  # the application cannot be made; asked for the answer, it says why
            return
        ours.move(connection, Kind.HEAD, HEAD_S)
        try:
            request(core)
        finally:
            ours.leave(connection)

    def watched(run: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if getattr(run, "__name__", "") == _SERVES:
            return spawn(serve, run, *arguments)
        return spawn(run, *arguments, **named)

    gevent.spawn = watched


def cores() -> int | None:
    """Return how many connections this process of uWSGI's can hold, None if it is not uWSGI's."""
    try:
        import uwsgi
    except ImportError:
        return None
    return int(uwsgi.opt.get("gevent", uwsgi.opt.get("async", 1)))


def current() -> Connection | None:
    """Return the connection that the running greenlet serves, None outside of uWSGI."""
    try:
        from gevent import getcurrent
    except ImportError:
        return None
    found: Connection | None = getattr(getcurrent(), _CONNECTION, None)
    return found
