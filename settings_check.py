"""Finds what is wrong with settings: each by itself, with each other, and in the table of languages."""

from __future__ import annotations

import difflib
import ipaddress
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from config_file import ConfigFile, Fault
from wire import Limits

SECRETS = ("mongo_password", "operator_key", "kernels_token")
OPERATOR_KEY = re.compile(r"[!-~]{20,200}")  # what can stand in a header, and cannot be guessed
REPORT_ADDRESS = re.compile(r"https?://[^\s\"'<>]+|[^\s@/\"'<>?&]+@[^\s@/\"'<>?&]+")
LANGUAGE_TEXTS = ("label", "mime", "extension", "highlighting", "environment", "install")
OF_THE_OTHER = ("environment", "limits")  # that a language has which runs through another one
GIVES_WAY = "session_idle_gives_way"  # between sessions of all languages
FRAME_ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?")
# The first of two must not be more than the second.
PAIRS = (
    ("wall_port_first", "wall_port_last"),
    ("redial_s_first", "redial_s_max"),
    ("code_bytes_max", "request_bytes_max"),
    ("cell_file_bytes_max", "cell_files_bytes_max"),
    ("cell_wall_s", "session_life_s"),
    ("disk_free_bytes_end", "disk_free_bytes_min"),
    ("client_stored_bytes_max", "stored_bytes_max"),
    ("client_permalinks_day_bytes_max", "permalinks_bytes_max"),
    ("cell_wall_s", "cell_total_s"),
    ("page_waiting_max", "client_waiting_max"),
)


class SettingsError(ValueError):
    """A setting is unknown, of the wrong type or out of range; the message has a line for each fault."""


def listed(setting: str) -> list[str]:
    """Return what a setting names, apart by commas or spaces."""
    return setting.replace(",", " ").split()


def _nearest(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _why_not(name: str, kind: Any, value: Any) -> str:
    """Return the sentence about a value that the setting cannot have."""
    bounds = next((word for word in get_args(kind) if isinstance(word, Meta)), None)
    plain = get_args(kind)[0] if bounds else kind
    if get_origin(kind) is Literal:
        return f"{name} is {value!r}; it is one of {', '.join(get_args(kind))}"
    if get_origin(kind) is list:
        return f"{name} must be a list of texts"
    if bounds is None or isinstance(value, bool) or not isinstance(value, (plain, int)):
        article = "an" if plain is int else "a"
        # And no value: it may be a password.
        return f"{name} must be {article} {plain.__name__}, not a {type(value).__name__}"
    # 0 never means "no limit" here.
    end = f", at most {bounds.le:g}" if bounds.le is not None else ""
    return f"{name} is {value}; it must be a number above 0{end}"


def _pair_faults(values: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield a sentence for settings that do not fit each other or are no words of their kind, and their names."""
    for small, large in PAIRS:
        if values[small] > values[large]:
            yield f"{small} ({values[small]}) must not be more than {large} ({values[large]})", (small, large)
    for small, factor, large in (("heartbeat_s", 1, "heartbeat_timeout_s"), ("heartbeat_s", 2, "lease_s")):
        if values[small] * factor >= values[large]:
            times = "" if factor == 1 else f"{factor} times "
            yield f"{large} ({values[large]}) must be more than {times}{small} ({values[small]})", (small, large)
    if values["operator_key"] and not OPERATOR_KEY.fullmatch(values["operator_key"]):
        yield "operator_key must have 20 to 200 printable ASCII characters without spaces", ("operator_key",)
    if values["kernels_token"] and not OPERATOR_KEY.fullmatch(values["kernels_token"]):
        yield "kernels_token must have 20 to 200 printable ASCII characters without spaces", ("kernels_token",)
    for origin in [] if values["frame_origins"].strip() == "*" else listed(values["frame_origins"]):
        if not FRAME_ORIGIN.fullmatch(origin):
            yield f"frame_origins: {origin!r} is no origin; one looks like https://school.example", ("frame_origins",)
    if values["report_address"] and not REPORT_ADDRESS.fullmatch(values["report_address"]):
        sentence = "report_address must be an address of mail, or of a page that begins with https://"
        yield sentence, ("report_address",)
    for network in values["trusted_proxies"]:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            yield f"trusted_proxies: {network!r} is no address and no network", ("trusted_proxies",)


class Check:
    """The faults of a file and of overrides, found one after another and raised together.

    A place is a setting's name and, in the table of languages, keys. ``kinds``: the type of each setting.
    """

    def __init__(self, kinds: Mapping[str, Any], file: ConfigFile | None, overrides: Mapping[str, Any]) -> None:
        self._kinds, self._file, self._overrides = kinds, file, overrides
        self._faults = list(file.faults) if file else []
        self._wrong: set[str] = set()

    def refuse(self, sentence: str, *places: tuple[Any, ...]) -> None:
        """Note a fault. Of an override there is no line: who runs the command knows what it says."""
        self._wrong |= {place[0] for place in places}
        lines = {self._line(place) for place in places} - {0}
        self._faults.append(Fault(sentence, tuple(sorted(lines))))

    def raise_faults(self) -> None:
        """Raise SettingsError with all faults, in the order of their lines; return where there is none."""
        if not self._faults:
            return
        of_file = self._file.faults if self._file else []
        texts = [
            fault.text(self._file.path) if self._file and (fault.lines or fault in of_file) else fault.sentence
            for fault in sorted(self._faults, key=lambda fault: fault.lines)
        ]
        raise SettingsError("\n".join(texts))

    def is_known(self, name: str, names: Iterable[str]) -> bool:
        """Return whether there is a setting of this name."""
        if name not in names:
            self.refuse(f"there is no setting {name!r}{_nearest(name, names)}", (name,))
            return False
        return True

    def has_type(self, name: str, value: Any) -> bool:
        """Return whether a value is of its setting's type and within its bounds."""
        try:
            self.converted(name, value)
        except msgspec.ValidationError:
            self.refuse(_why_not(name, self._kinds[name], value), (name,))
            return False
        return True

    def converted(self, name: str, value: Any) -> Any:
        """Return the value of a setting in its own type: a whole number serves as a float. Raises ValidationError."""
        return msgspec.convert(value, self._kinds[name])

    def secrets(self, values: Mapping[str, Any]) -> None:
        """Refuse a file with a password or key in it that everybody can read."""
        secrets = [(name,) for name in SECRETS if values[name]]
        if self._file and secrets and self._file.values and self._file.path.stat().st_mode & stat.S_IROTH:
            sentence = f"this file is readable by everyone, with a password or key in it: chmod 600 {self._file.path}"
            self.refuse(sentence, *secrets)

    def pairs(self, values: Mapping[str, Any]) -> None:
        """Refuse settings that do not fit each other; those that are wrong by themselves are said already."""
        for sentence, names in list(_pair_faults(values)):
            if self._wrong.isdisjoint(names):
                self.refuse(sentence, *((name,) for name in names))

    def merge(self, table: Mapping[str, Any], changes: Any) -> dict[str, Any]:
        """Return the table of languages with the changes: entries are changed text by text, None takes one away."""
        merged = dict(table)
        if not isinstance(changes, dict):
            self.refuse(f"languages must be a dict, not a {type(changes).__name__}", ("languages",))
            return merged
        for name, entry in changes.items():
            if entry is None:
                merged.pop(name, None)
            elif isinstance(entry, dict):
                merged[name] = {**merged.get(name, {}), **entry}
            else:
                sentence = f"languages: the entry {name!r} must be a dict, or None to leave it out"
                self.refuse(sentence, ("languages", name))
        return merged

    def languages(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the table of languages, whole; refuse what is wrong in it."""
        table = self._completed(values["languages"])
        if not table:
            self.refuse("languages is empty; at least one language must be served", ("languages",))
        for name, entry in table.items():
            self._language(name, entry, values)
        for entry in table.values():
            if entry["through"]:
                entry["limits"] = table[entry["through"]]["limits"]
            if isinstance(entry["checks"], str) and table.get(entry["checks"], {}).get("checks") is not True:
                entry["checks"] = False  # there is no language to write them in
        return table

    def _completed(self, table: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return the table in which languages that run through another have what is said of that one.

        Where that one is not served, they are not either.
        """
        completed: dict[str, dict[str, Any]] = {}
        for name, entry in table.items():
            through, place = entry.get("through", ""), ("languages", name)
            if not through:
                completed[name] = {"checks": True, **entry, "through": ""}
            elif not isinstance(through, str) or table.get(through, {}).get("through"):
                self.refuse(f"languages: {name!r}: through must name a language with sessions of its own", place)
            elif through in table:
                theirs = {key: table[through].get(key, {}) for key in OF_THE_OTHER}
                for key in [key for key in OF_THE_OTHER if key in entry and entry[key] != theirs[key]]:
                    self.refuse(f"languages: {name!r} runs through {through!r} and has no {key} of its own", place)
                # What installs the other is enough, unless the entry says what more it takes.
                completed[name] = {"install": table[through].get("install", ""), **entry, **theirs, "checks": False}
        return completed

    def _language(self, name: Any, entry: dict[str, Any], values: Mapping[str, Any]) -> None:
        where, place = f"languages: {name!r}", ("languages", name)
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            self.refuse(f"{where} is no name of a language: small letters, digits and _, a letter first", place)
        for key in [key for key in entry if key not in (*LANGUAGE_TEXTS, "checks", "limits", "through")]:
            self.refuse(f"{where}: there is no {key!r}{_nearest(str(key), LANGUAGE_TEXTS)}", (*place, key))
        if not isinstance(entry["checks"], bool | str):
            sentence = f"must be True, False or the name of a language, not {entry['checks']!r}"
            self.refuse(f"{where}: checks {sentence}", (*place, "checks"))
        if entry["through"]:
            texts = [key for key in LANGUAGE_TEXTS if key not in OF_THE_OTHER]  # the rest is said of the other
        else:
            texts = list(LANGUAGE_TEXTS)
            self._limits(where, place, entry, values)
        lacking = [key for key in texts if not isinstance(entry.get(key), str) or not entry[key]]
        if lacking:
            places = [(*place, key) if key in entry else place for key in lacking]
            self.refuse(f"{where} must say its {', its '.join(lacking)}, each a text", *places)
        has_place = "environment" in texts and "environment" not in lacking
        if has_place and not re.fullmatch(r"/.+|[a-z0-9][a-z0-9_.-]*", entry["environment"]):
            sentence = f"{where}: environment is the name of a directory, or a Python's path from the root on"
            self.refuse(sentence, (*place, "environment"))

    def _limits(self, where: str, place: tuple[Any, ...], entry: dict[str, Any], values: Mapping[str, Any]) -> None:
        limits, place = entry.get("limits", {}), (*place, "limits")
        entry["limits"] = {}
        if not isinstance(limits, dict):
            self.refuse(f"{where}: limits must be a dict of settings", place)
            return
        for limit, value in limits.items():
            if limit not in Limits.__struct_fields__ or limit == GIVES_WAY:
                self.refuse(f"{where}: {limit!r} is no setting that may differ for a language", (*place, limit))
                continue
            try:
                entry["limits"][limit] = self.converted(limit, value)
            except msgspec.ValidationError:
                self.refuse(f"{where}: {_why_not(limit, self._kinds[limit], value)}", (*place, limit))
        own = entry["limits"]
        for sentence, names in _pair_faults({**values, **own}):
            if not own.keys().isdisjoint(names) and self._wrong.isdisjoint(names):
                self.refuse(f"{where}: {sentence}", *((*place, name) for name in names if name in own))

    def _line(self, place: tuple[Any, ...]) -> int:
        if self._file is None or (place[0] in self._overrides and place[0] != "languages"):
            return 0
        return self._file.line_of(*place)
