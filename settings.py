"""The settings: ``singlecell_config.py.default`` is the only list; a configuration file and flags change its values.

Both files are data, read without running them: plain assignments of literals.
"""

from __future__ import annotations

import ast
import difflib
import ipaddress
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DEFAULT_FILE = Path(__file__).with_name("singlecell_config.py.default")
LOCAL_FILE = Path(__file__).with_name("singlecell_config.py")
ENVIRONMENT_NAME = "SINGLECELL_CONFIG"
PORT_MAX = 65535
SECRETS = ("mongo_password", "operator_key")
OPERATOR_KEY = re.compile(r"[!-~]{20,200}")  # what can stand in a header, and cannot be guessed
LANGUAGE_TEXTS = ("label", "mime", "extension", "highlighting", "environment", "install")
LIMIT_PREFIXES = ("cell_", "session_")
GIVES_WAY = "session_idle_gives_way"  # between sessions of all languages
DATA_OF_ROOT = Path("/var/lib/singlecell")
DATA_OF_OTHERS = Path("data")


class SettingsError(ValueError):
    """A setting is unknown, of the wrong type or out of range; the message is one sentence for the host."""


class Settings:
    """Every setting as an attribute, under its name in the default file; frozen."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", dict(values))

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(f"there is no setting {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("settings are frozen; load() takes overrides")

    def names(self) -> Iterator[str]:
        """Yield the names of all settings."""
        yield from self.__dict__["_values"]

    def of_language(self, name: str) -> Settings:
        """Return these settings with the limits of a language; of one that is not in the table, these."""
        limits = self.languages.get(name, {}).get("limits", {})
        return Settings({**self.__dict__["_values"], **limits}) if limits else self


def load(path: Path | None = None, **overrides: Any) -> Settings:
    """Return the settings: the defaults, then the file, then the overrides. Raises SettingsError.

    ``path``: the file to read; None reads the one that the environment's SINGLECELL_CONFIG names, else
    singlecell_config.py beside the defaults, if it is there.
    """
    defaults = read(DEFAULT_FILE)
    values = dict(defaults)
    file = path or _configured_file()
    changes = [(file.name, read(file))] if file else []
    for origin, changed in [*changes, ("an override", overrides)]:
        for name, value in changed.items():
            if name not in defaults:
                raise SettingsError(f"{origin}: there is no setting {name!r}{_nearest(name, defaults)}")
            value = _typed(origin, name, value, defaults[name])
            values[name] = _merged(origin, values[name], value) if name == "languages" else value
    if file and any(values[name] for name in SECRETS) and file.stat().st_mode & stat.S_IROTH:
        raise SettingsError(f"{file.name} is readable by everyone, with a password or key in it: chmod 600 {file.name}")
    _check(values)
    _check_languages(values, defaults)
    return Settings(values)


def data_directory(settings: Settings) -> Path:
    """Return where the embedded database, keys and logs live, as an absolute path."""
    default = DATA_OF_ROOT if os.geteuid() == 0 else DATA_OF_OTHERS
    return Path(settings.data_directory or default).absolute()


def read(path: Path) -> dict[str, Any]:
    """Return the assignments in a file of settings, which is not run. Raises SettingsError."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path.name} cannot be read: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        raise SettingsError(f"{path.name} is not a list of assignments: {error}") from error
    values: dict[str, Any] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=expression) if name not in values:
                try:
                    values[name] = ast.literal_eval(expression)
                except (ValueError, TypeError):
                    raise SettingsError(f"{path.name}, line {statement.lineno}: {name} must be a plain value") from None
            case _:
                raise SettingsError(f"{path.name}, line {statement.lineno}: only `name = value`, once a name")
    return values


def _configured_file() -> Path | None:
    named = os.environ.get(ENVIRONMENT_NAME)
    if named:
        return Path(named)
    return LOCAL_FILE if LOCAL_FILE.exists() else None


def _nearest(name: str, names: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _typed(origin: str, name: str, value: Any, default: Any) -> Any:
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(default):
        raise SettingsError(f"{origin}: {name} must be a {type(default).__name__}, not a {type(value).__name__}")
    return value


def _check(values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not 0 < value < float("inf"):
            # 0 never means "no limit" here.
            raise SettingsError(f"{name} is {value}; it must be a number above 0")
        if isinstance(value, list) and not all(isinstance(item, str) and item for item in value):
            raise SettingsError(f"{name} must be a list of texts")
    for name in ("http_port", "wall_port_first", "wall_port_last"):
        if values[name] > PORT_MAX:
            raise SettingsError(f"{name} is {values[name]}; ports end at {PORT_MAX}")
    for small, large in (
        ("wall_port_first", "wall_port_last"),
        ("redial_s_first", "redial_s_max"),
        ("code_bytes_max", "request_bytes_max"),
        ("cell_file_bytes_max", "cell_files_bytes_max"),
        ("cell_wall_s", "session_life_s"),
        ("disk_free_bytes_end", "disk_free_bytes_min"),
        ("client_stored_bytes_max", "stored_bytes_max"),
        ("client_permalinks_day_bytes_max", "permalinks_bytes_max"),
        ("cell_wall_s", "cell_total_s"),
    ):
        if values[small] > values[large]:
            raise SettingsError(f"{small} ({values[small]}) must not be more than {large} ({values[large]})")
    for small, factor, large in (("heartbeat_s", 1, "heartbeat_timeout_s"), ("heartbeat_s", 2, "lease_s")):
        if values[small] * factor >= values[large]:
            times = "" if factor == 1 else f"{factor} times "
            raise SettingsError(f"{large} ({values[large]}) must be more than {times}{small} ({values[small]})")
    if values["operator_key"] and not OPERATOR_KEY.fullmatch(values["operator_key"]):
        raise SettingsError("operator_key must have 20 to 200 printable ASCII characters without spaces")
    if values["limiter"] not in ("auto", "cgroup2", "cgroup1", "watchdog"):
        raise SettingsError(f"limiter is {values['limiter']!r}; it is one of auto, cgroup2, cgroup1, watchdog")
    if values["sandbox_kernel"] not in ("linux", "gvisor"):
        raise SettingsError(f"sandbox_kernel is {values['sandbox_kernel']!r}; it is linux or gvisor")
    for network in values["trusted_proxies"]:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise SettingsError(f"trusted_proxies: {network!r} is no address and no network") from None
    if values["wall_transport"] not in ("direct", "ssh"):
        raise SettingsError(f"wall_transport is {values['wall_transport']!r}; it is direct or ssh")


def _merged(origin: str, table: Mapping[str, Any], changes: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the table of languages with the changes: entries are changed text by text, None takes one away."""
    merged = dict(table)
    for name, entry in changes.items():
        if entry is None:
            merged.pop(name, None)
        elif isinstance(entry, dict):
            merged[name] = {**merged.get(name, {}), **entry}
        else:
            raise SettingsError(f"{origin}: languages: the entry {name!r} must be a dict, or None to leave it out")
    return merged


def _check_languages(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    if not values["languages"]:
        raise SettingsError("languages is empty; at least one language must be served")
    for name, entry in values["languages"].items():
        where = f"languages: {name!r}"
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            raise SettingsError(f"{where} is no name of a language: small letters, digits and _, a letter first")
        for key in [key for key in entry if key not in (*LANGUAGE_TEXTS, "limits")]:
            raise SettingsError(f"{where}: there is no {key!r}{_nearest(str(key), dict.fromkeys(LANGUAGE_TEXTS))}")
        for key in LANGUAGE_TEXTS:
            if not isinstance(entry.get(key), str) or not entry[key]:
                raise SettingsError(f"{where} must say its {key}, a text")
        if not re.fullmatch(r"/.+|[a-z0-9][a-z0-9_.-]*", entry["environment"]):
            raise SettingsError(f"{where}: environment is the name of a directory, or a Python's path from the root on")
        limits = entry.get("limits", {})
        if not isinstance(limits, dict):
            raise SettingsError(f"{where}: limits must be a dict of settings")
        for limit in limits:
            if limit not in defaults or not limit.startswith(LIMIT_PREFIXES) or limit == GIVES_WAY:
                raise SettingsError(f"{where}: {limit!r} is no setting that may differ for a language")
        changed = {limit: _typed(where, limit, value, defaults[limit]) for limit, value in limits.items()}
        entry["limits"] = changed
        try:
            _check({**values, **changed})
        except SettingsError as error:
            raise SettingsError(f"{where}: {error}") from error
