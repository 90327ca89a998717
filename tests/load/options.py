"""Check what ``make load`` was asked for (RATE, SECONDS, USERS, URL, RAMP, MIX) before anything starts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

# What students do, and how many of a hundred do it; each name is a session of tsung.xml.jinja.
WEIGHTS = {"simple": 50, "numpy": 15, "plot": 5, "linked": 10, "long": 8, "stop": 4, "upload": 8}
RATE_MAX = 10_000.0
SECONDS_MAX = 86_400
USERS_MAX = 1_000_000
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


class BadOption(Exception):
    """What was asked for cannot be done; the message is one sentence."""


@dataclass(frozen=True)
class Options:
    """``rate``: students that come in a second; ``seconds``: for how long they come; ``users``: at most so many come.

    ``url``: the server, or empty to start one; ``ramp``: look for the highest rate that the server bears.
    """

    rate: float = 10.0
    seconds: int = 60
    users: int = 600
    url: str = ""
    ramp: bool = False
    mix: tuple[str, ...] = tuple(WEIGHTS)

    @property
    def weights(self) -> dict[str, int]:
        """The share of each kind of student in this run."""
        return {name: WEIGHTS[name] for name in self.mix}

    @property
    def host(self) -> str:
        """The server's name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The server's port."""
        return urlsplit(self.url).port or 80

    def on(self, url: str) -> Options:
        """Return the same for a server."""
        return replace(self, url=url)

    def at(self, rate: float) -> Options:
        """Return the same at another rate, with as many students as come then."""
        return replace(self, rate=rate, users=math.ceil(rate * self.seconds))


def read(asked: Mapping[str, str]) -> Options:
    """Return the options. Raises BadOption."""
    ramp = _read_ramp(asked.get("RAMP", ""))
    rate = _read_number("RATE", asked.get("RATE", ""), 10.0, RATE_MAX, "students a second, as in RATE=20 or RATE=0.5")
    seconds = _read_count("SECONDS", asked.get("SECONDS", ""), 20 if ramp else 60, SECONDS_MAX)
    users = _read_count("USERS", asked.get("USERS", ""), math.ceil(rate * seconds), USERS_MAX)
    return Options(rate, seconds, users, _read_url(asked.get("URL", "")), ramp, _read_mix(asked.get("MIX", "")))


def _read_number(name: str, text: str, default: float, most: float, meaning: str) -> float:
    if not text:
        return default
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not 0.01 <= float(text) <= most:
        raise BadOption(f"{name} is {text!r}; it must be a number from 0.01 to {most:g}: {meaning}")
    return float(text)


def _read_count(name: str, text: str, default: int, most: int) -> int:
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise BadOption(f"{name} is {text!r}; it must be a whole number from 1 to {most}")
    return int(text)


def _read_ramp(text: str) -> bool:
    if text not in ("", "0", "1"):
        raise BadOption(f"RAMP is {text!r}; RAMP=1 looks for the highest rate that the server bears")
    return text == "1"


def _read_url(text: str) -> str:
    if not text:
        return ""
    wrong = BadOption(f"URL is {text!r}; it must be the address of a server, as in URL=http://127.0.0.1:5000")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme != "http" or not HOST.fullmatch(parts.hostname or "") or port == 0:
        raise wrong
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise wrong
    return f"http://{parts.netloc}"


def _read_mix(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.replace(",", " ").split())) or tuple(WEIGHTS)
    if unknown := [name for name in names if name not in WEIGHTS]:
        raise BadOption(f"MIX names {unknown[0]!r}; there are {', '.join(WEIGHTS)}")
    return names
