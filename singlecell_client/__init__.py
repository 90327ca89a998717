"""Run cells on a single-cell server from Python: ``Client(url).run("1+1").text``. Needs only ``requests``."""

from singlecell_client.client import Client
from singlecell_client.connection import Refused, Unreachable
from singlecell_client.result import File, Result

__all__ = ["Client", "File", "Refused", "Result", "Unreachable"]
