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
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from wire import Limits, PositiveFloat, PositiveInt

DEFAULT_FILE = Path(__file__).with_name("singlecell_config.py.default")
LOCAL_FILE = Path(__file__).with_name("singlecell_config.py")
ENVIRONMENT_NAME = "SINGLECELL_CONFIG"
SECRETS = ("mongo_password", "operator_key")
OPERATOR_KEY = re.compile(r"[!-~]{20,200}")  # what can stand in a header, and cannot be guessed
REPORT_ADDRESS = re.compile(r"https?://[^\s\"'<>]+|[^\s@/\"'<>?&]+@[^\s@/\"'<>?&]+")
LANGUAGE_TEXTS = ("label", "mime", "extension", "highlighting", "environment", "install")
OF_THE_OTHER = ("environment", "install", "limits")  # that a language has which runs through another one
GIVES_WAY = "session_idle_gives_way"  # between sessions of all languages
DATA_OF_ROOT = Path("/var/lib/singlecell")
DATA_OF_OTHERS = Path("data")
OVERRIDE = "an override"
FRAME_ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?")
Port = Annotated[int, Meta(gt=0, le=65535)]
Text = Annotated[str, Meta(min_length=1)]


class SettingsError(ValueError):
    """A setting is unknown, of the wrong type or out of range; the message is one sentence for the host."""


class LanguageEntry(TypedDict):
    """A language in the table ``languages``; the default file says what each text is. ``limits``: those that differ.

    ``through``: "" for a language with sessions of its own.
    """

    label: str
    mime: str
    extension: str
    highlighting: str
    environment: str
    install: str
    through: str
    limits: dict[str, Any]


class Settings(Limits, frozen=True, kw_only=True):
    """Every setting under its name in the default file, which says what it means; those of Limits among them."""

    http_host: str
    http_port: Port
    public_url: str
    cors_origins: str
    frame_origins: str
    operator_key: str
    keys_required: bool
    pages_key: str
    report_address: str
    web_processes: PositiveInt
    web_greenlets: PositiveInt
    wait_s_max: PositiveInt
    code_bytes_max: PositiveInt
    user_expressions_max: PositiveInt
    request_bytes_max: PositiveInt
    message_bytes_max: PositiveInt
    queue_length_max: PositiveInt
    page_waiting_max: PositiveInt
    client_waiting_max: PositiveInt
    origin_waiting_max: PositiveInt
    key_waiting_max: PositiveInt
    client_sessions_max: PositiveInt
    client_cpu_s_per_hour: PositiveFloat
    origin_cpu_s_per_hour: PositiveFloat
    key_cpu_s_per_hour: PositiveFloat
    checks_max: PositiveInt
    mongo_uri: str
    mongo_user: str
    mongo_password: str
    mongo_database: str
    mongo_timeout_s: PositiveFloat
    data_directory: str
    log_format: Literal["text", "json"]
    retention_s: PositiveInt
    files_retention_s: PositiveInt
    permalinks_retention_s: PositiveInt
    disk_free_bytes_min: PositiveInt
    disk_free_bytes_end: PositiveInt
    stored_bytes_max: PositiveInt
    client_stored_bytes_max: PositiveInt
    permalinks_max: PositiveInt
    permalinks_bytes_max: PositiveInt
    client_permalinks_day_bytes_max: PositiveInt
    trusted_proxies: list[Text]
    workers: PositiveInt
    untrusted_accounts: list[Text]
    environments_directory: str
    untrusted_python: str
    ssh_key_file: str
    ssh_known_hosts_file: str
    wall_transport: Literal["direct", "ssh"]
    wall_port_first: Port
    wall_port_last: Port
    wall_frame_bytes_max: PositiveInt
    check_cpu_s: PositiveFloat
    poll_interval_s: PositiveFloat
    lease_s: PositiveFloat
    attempts_max: PositiveInt
    drain_s: PositiveFloat
    heartbeat_s: PositiveFloat
    heartbeat_timeout_s: PositiveFloat
    redial_s_first: PositiveFloat
    redial_s_max: PositiveFloat
    languages: dict[str, LanguageEntry]
    pool_ready: PositiveInt
    sessions_asking_max: PositiveInt
    sessions_asking_bytes_max: PositiveInt
    waived_layers: list[Text]
    sandbox_kernel: Literal["linux", "gvisor"]
    runsc: str
    runsc_flags: list[Text]
    limiter: Literal["auto", "cgroup2", "cgroup1", "watchdog"]
    cgroup_directory: str

    def of_language(self, name: str) -> Settings:
        """Return these settings with the limits of a language; of one that is not in the table, these."""
        limits = self.languages[name]["limits"] if name in self.languages else None
        return replace(self, **limits) if limits else self


def load(path: Path | None = None, **overrides: Any) -> Settings:
    """Return the settings: the defaults, then the file, then the overrides. Raises SettingsError.

    ``path``: the file to read; None reads the one that the environment's SINGLECELL_CONFIG names, else
    singlecell_config.py beside the defaults, if it is there.
    """
    defaults = read(DEFAULT_FILE)
    values = dict(defaults)
    file = path or _configured_file()
    changes = [(file.name, read(file))] if file else []
    for origin, changed in [*changes, (OVERRIDE, overrides)]:
        for name, value in changed.items():
            if name not in defaults:
                raise SettingsError(f"{origin}: there is no setting {name!r}{_nearest(name, defaults)}")
            value = _checked(origin, name, value)
            values[name] = _merged(origin, values[name], value) if name == "languages" else value
    if file and any(values[name] for name in SECRETS) and file.stat().st_mode & stat.S_IROTH:
        raise SettingsError(f"{file.name} is readable by everyone, with a password or key in it: chmod 600 {file.name}")
    _check_pairs(values)
    values["languages"] = _completed(values["languages"])
    _check_languages(values)
    return Settings(**values)


def data_directory(settings: Settings) -> Path:
    """Return where the embedded database, keys and logs live, as an absolute path."""
    default = DATA_OF_ROOT if os.geteuid() == 0 else DATA_OF_OTHERS
    return Path(settings.data_directory or default).absolute()


def listed(setting: str) -> list[str]:
    """Return what a setting names, apart by commas or spaces."""
    return setting.replace(",", " ").split()


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


def _checked(origin: str, name: str, value: Any) -> Any:
    """Return the value of a setting in its own type: a whole number serves as a float. Raises SettingsError."""
    # An entry of the table of languages may be half of one that is there.
    kind = dict if name == "languages" else _KINDS[name]
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        where = "" if origin == OVERRIDE else f"{origin}: "  # who runs the command knows what it says
        raise SettingsError(f"{where}{_sentence(name, value, kind)}") from None


def _sentence(name: str, value: Any, kind: Any) -> str:
    bounds = next((word for word in get_args(kind) if isinstance(word, Meta)), None)
    plain = get_args(kind)[0] if bounds else kind
    if get_origin(kind) is Literal:
        return f"{name} is {value!r}; it is one of {', '.join(get_args(kind))}"
    if get_origin(kind) is list:
        return f"{name} must be a list of texts"
    if bounds is None or isinstance(value, bool) or not isinstance(value, (plain, int)):
        return f"{name} must be a {plain.__name__}, not a {type(value).__name__}"  # and no value: it may be a password
    # 0 never means "no limit" here.
    end = f", at most {bounds.le:g}" if bounds.le is not None else ""
    return f"{name} is {value}; it must be a number above 0{end}"


def _check_pairs(values: Mapping[str, Any]) -> None:
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
        ("page_waiting_max", "client_waiting_max"),
    ):
        if values[small] > values[large]:
            raise SettingsError(f"{small} ({values[small]}) must not be more than {large} ({values[large]})")
    for small, factor, large in (("heartbeat_s", 1, "heartbeat_timeout_s"), ("heartbeat_s", 2, "lease_s")):
        if values[small] * factor >= values[large]:
            times = "" if factor == 1 else f"{factor} times "
            raise SettingsError(f"{large} ({values[large]}) must be more than {times}{small} ({values[small]})")
    if values["operator_key"] and not OPERATOR_KEY.fullmatch(values["operator_key"]):
        raise SettingsError("operator_key must have 20 to 200 printable ASCII characters without spaces")
    for origin in [] if values["frame_origins"].strip() == "*" else listed(values["frame_origins"]):
        if not FRAME_ORIGIN.fullmatch(origin):
            raise SettingsError(f"frame_origins: {origin!r} is no origin; one looks like https://school.example")
    if values["report_address"] and not REPORT_ADDRESS.fullmatch(values["report_address"]):
        raise SettingsError("report_address must be an address of mail, or of a page that begins with https://")
    for network in values["trusted_proxies"]:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise SettingsError(f"trusted_proxies: {network!r} is no address and no network") from None


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


def _completed(table: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the table in which languages that run through another have what is said of that one; without it they go.

    Raises SettingsError.
    """
    completed: dict[str, dict[str, Any]] = {}
    for name, entry in table.items():
        through = entry.get("through", "")
        if not through:
            completed[name] = {**entry, "through": ""}
        elif not isinstance(through, str) or table.get(through, {}).get("through"):
            raise SettingsError(f"languages: {name!r}: through must name a language with sessions of its own")
        elif through in table:
            theirs = {key: table[through].get(key, {}) for key in OF_THE_OTHER}
            own = [key for key in OF_THE_OTHER if key in entry and entry[key] != theirs[key]]
            if own:
                raise SettingsError(f"languages: {name!r} runs through {through!r} and has no {own[0]} of its own")
            completed[name] = {**entry, **theirs}
    return completed


def _check_languages(values: Mapping[str, Any]) -> None:
    if not values["languages"]:
        raise SettingsError("languages is empty; at least one language must be served")
    for name, entry in values["languages"].items():
        where = f"languages: {name!r}"
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            raise SettingsError(f"{where} is no name of a language: small letters, digits and _, a letter first")
        for key in [key for key in entry if key not in (*LANGUAGE_TEXTS, "limits", "through")]:
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
            if limit not in Limits.__struct_fields__ or limit == GIVES_WAY:
                raise SettingsError(f"{where}: {limit!r} is no setting that may differ for a language")
        entry["limits"] = {limit: _checked(where, limit, value) for limit, value in limits.items()}
        try:
            _check_pairs({**values, **entry["limits"]})
        except SettingsError as error:
            raise SettingsError(f"{where}: {error}") from error


_KINDS = get_type_hints(Settings, include_extras=True)
