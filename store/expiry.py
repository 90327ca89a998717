"""Decides what becomes of computations that lost their device, and ends what no device can ever run.

A computation that ran when its device, its account or its supervisor died may be what killed it: it is a *suspect*.
Suspects run in company first: nearly always none of them was to blame. Those that die once more in company have that
attempt forgiven, and each of them runs *alone* then, beside others that are no suspects.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from contract import Reason
from store.database import Database
from store.devices import Devices
from store.even_time import EvenTime, Moment
from store.forced_end import NEEDED, ForcedEnds
from store.hints import Hints
from store.lanes import Lanes
from store.orphans import Orphans
from store.served_languages import ServedLanguages
from store.sessions import Sessions
from store.states import Move, entering, leaving

_FRESH_WISHES = {"cancel": False, "interrupt": 0, "answers": []}


class Expiry:
    """The rule of what is tried again, and of what is lost."""

    def __init__(
        self, database: Database, hints: Hints, sessions: Sessions, forced_ends: ForcedEnds, lanes: Lanes
    ) -> None:
        self._database, self._hints, self._lanes = database, hints, lanes
        self._sessions, self._forced_ends = sessions, forced_ends
        self._devices, self._orphans = Devices(database), Orphans(database, sessions)
        self._even_time = EvenTime(database.settings.lease_s)

    def expire(self) -> list[str]:
        """Give back what dead devices held; end the sessions that they held, and what no device can ever run.

        Returns the ids of the computations that were given back. Raises PyMongoError.
        """
        reported: dict[str, datetime] = {}
        moment = self._even_time.look(lambda: self._ask_devices(reported))
        given_back = self._bury(moment, reported) if moment.is_even else []
        for session in self._orphans.stranded():
            self._sessions.end(session, "session_gone")
        self._lanes.bring_strays()
        return given_back

    def _ask_devices(self, reported: dict[str, datetime]) -> datetime:
        now, found = self._devices.reported()
        reported.update(found)
        return now

    def _bury(self, moment: Moment, reported: Mapping[str, datetime]) -> list[str]:
        """Do what follows from deaths of devices, and from silence; ``reported``: when each device was heard last."""
        ran_out = {"state": "running", **moment.past("lease_until", timedelta())}
        found = list(self._database.collection("computations").find(ran_out, NEEDED))
        given_back = [document["_id"] for document in found if self.give_back(document, ran_out, suspect=True)]
        for session in self._orphans.find(moment, reported):
            self._sessions.end(session, "session_gone")
        for document in self._unserved(moment):
            self._end(document, "abandon", "session_gone")
        return given_back

    def give_back(
        self, document: Mapping[str, Any], condition: Mapping[str, Any], *, suspect: bool, counts: bool = True
    ) -> bool:
        """Queue a computation again, or end it; return False when another claim has it, or it is over.

        ``document``: what NEEDED reads of it. ``counts``: whether the attempt uses up one of ``attempts_max``. Raises
        PyMongoError.
        """
        in_company = suspect and document.get("company", False)
        counts = counts and not in_company
        move, reason = self._after_death(document, counts=counts)
        if reason is not None:
            return self._end(document, move, reason, condition)
        mine = {"_id": document["_id"], "token": document["token"], **condition, **leaving(move)}
        anew: dict[str, Any] = {"token": None, "device": None, "host": None, "wishes": _FRESH_WISHES, "company": False}
        if lane := document.get("lane"):
            # In a lane of its own: in the one that it came from another one may be in line by now.
            anew |= {"lane": f"{lane.partition(':')[0]}:{document['_id']}", "followed": False}
        more = {"attempt": 1, "handed_back": 0 if counts else 1}
        update: dict[str, Any] = {"$set": {**entering(move), **anew}, "$inc": more}
        if suspect:
            # It goes behind what waits now and before what is submitted later, so that it does not wait for ever.
            update["$set"] |= {"suspect": True, **({"alone": True} if in_company else {})}
            update["$currentDate"] = {"queued": True}
        if not self._database.durable("computations").update_one(mine, update).matched_count:
            return False
        if document["keep"]:
            self._sessions.unbind(document["session"], document["token"])
        self._hints.announce("submitted", document["_id"])
        return True

    def _after_death(self, document: Mapping[str, Any], *, counts: bool) -> tuple[Move, Reason | None]:
        if document["wishes"]["cancel"]:
            return "cancel", "cancelled"
        if document["turn"] > 0:
            return "fail", "session_gone"
        used = document["attempt"] - document.get("handed_back", 0)
        if not counts or used < self._database.settings.attempts_max:
            return "retry", None
        return "lose", "lost"

    def _end(
        self, document: Mapping[str, Any], move: Move, reason: Reason, condition: Mapping[str, Any] | None = None
    ) -> bool:
        if not self._forced_ends.end(document, move, reason, condition):
            return False
        if document["keep"] or document["turn"] > 0:
            self._sessions.end(document["session"], "lost" if move == "lose" else "session_gone")
        return True

    def _unserved(self, moment: Moment) -> list[dict[str, Any]]:
        """Return the first turns that have waited for ``lease_s`` in a language that no account runs or loads.

        They were accepted before the devices had said what they can run. While an account has not said it, any of them
        may be waiting for that account.
        """
        devices = self._devices.alive()
        served = ServedLanguages.of(account for device in devices for account in device.get("accounts", []))
        if not served.all_said:
            return []
        waiting = {
            "turn": 0,
            "language": {"$nin": sorted({*served.versions, *served.loading})},
            **moment.past("submitted", moment.lease),
            **leaving("abandon"),
        }
        return list(self._database.collection("computations").find(waiting, NEEDED).hint("line"))
