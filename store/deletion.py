"""Lets the operator delete a computation, a permalink, or everything of a client, at once and for good."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pymongo import ASCENDING

from store.clients import Clients
from store.computations import Computations
from store.database import Database
from store.errors import AdministrationError, ComputationOverError, guarded
from store.files import Files
from store.retention import COUNTED, forget
from store.rules import CLIENT_NAME, IPV6_PREFIX, network_of
from store.sessions import Sessions
from store.states import OVER

END_S = 5.0  # for the devices to end what runs; what runs then still is ended by the loss of its claim
LOOK_S = 0.1
AT_ONCE = 500


class Deletion:
    """The operator's door to what others have stored."""

    def __init__(
        self, database: Database, files: Files, clients: Clients, computations: Computations, sessions: Sessions
    ) -> None:
        self._database, self._files, self._clients = database, files, clients
        self._computations, self._sessions = computations, sessions

    @guarded
    def computation(self, id: str) -> str:
        """Delete a computation with its messages and files, having ended it and its session; say what was deleted.

        Raises AdministrationError, StoreUnavailableError.
        """
        if not self._forget({"_id": id}):
            raise AdministrationError(f"There is no computation {id}.")
        return "1 computation"

    @guarded
    def permalink(self, id: str, reason: str = "") -> str:
        """Delete the code of a permalink; its address says that it was taken down, and the same code gets no new one.

        Raises AdministrationError, StoreUnavailableError.
        """
        if not self._take_down({"_id": id}, reason):
            raise AdministrationError(f"There is no permalink {id}.")
        return "1 permalink"

    @guarded
    def client(self, untrusted_client: str, reason: str = "") -> str:
        """Delete everything of a client (an address, a network as clients are counted, or today's name of it).

        Of an address that is what its names of today and yesterday have; older names belong to nobody. Raises
        AdministrationError, StoreUnavailableError.
        """
        names = self._names(untrusted_client)
        theirs = {"client": {"$in": names}}
        computations = self._forget(theirs)
        permalinks = self._take_down(theirs, reason)
        self._database.collection("job_files").delete_many({"owner": {"$in": names}})
        self._database.collection("kernels").delete_many(theirs)
        for kind in ("clients", "permalink_clients"):
            self._database.collection(kind).delete_many({"_id": {"$in": names}})
        return f"{computations} computations, {permalinks} permalinks"

    def _names(self, untrusted_client: str) -> Sequence[str]:
        if CLIENT_NAME.fullmatch(untrusted_client):
            return [untrusted_client]
        network = network_of(untrusted_client)
        if network is None:
            raise AdministrationError(f"{untrusted_client!r} is neither an address nor a client's 32 digits.")
        is_ipv4 = network.version == 4
        if network.prefixlen != (32 if is_ipv4 else IPV6_PREFIX):
            raise AdministrationError(f"{untrusted_client!r} is many clients; name one address, or of IPv6 one /64.")
        # As web/clients.py names an address: of IPv6 its network.
        return self._clients.names_of(str(network.network_address) if is_ipv4 else str(network))

    def _forget(self, which: Mapping[str, Any]) -> int:
        """End and delete these computations; return how many there were."""
        self._end(which)
        computations, deleted = self._database.collection("computations"), 0
        while batch := list(computations.find(which, COUNTED).limit(AT_ONCE)):
            deleted += forget(self._database, self._files, self._clients, batch)
        return deleted

    def _end(self, which: Mapping[str, Any]) -> None:
        computations = self._database.collection("computations")
        unfinished = {**which, "state": {"$nin": sorted(OVER)}}
        for found in computations.find(which, {"state": 1, "session": 1, "keep": 1}).sort("submitted", ASCENDING):
            if found["state"] not in OVER:
                with suppress(ComputationOverError):
                    self._computations.request_cancel(found["_id"])
            if found["keep"]:
                self._sessions.request_end(found["session"])
        until = time.monotonic() + END_S
        while time.monotonic() < until and computations.find_one(unfinished, {"_id": 1}):
            time.sleep(LOOK_S)

    def _take_down(self, which: Mapping[str, Any], reason: str) -> int:
        gone = {"interacts": "", "client": ""}
        emptied = {"$set": {"code": "", "removed": reason or "by the operator"}, "$unset": gone}
        return self._database.durable("permalinks").update_many({**which, "removed": None}, emptied).modified_count
