"""Run cells on a single-cell server from Python: ``Client(url).run("1+1").text``. Needs only ``requests``."""

from singlecell_client.client import Client, File, Refused, Result, Unreachable

__all__ = ["Client", "File", "Refused", "Result", "Unreachable"]
