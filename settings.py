"""The settings: ``singlecell_config.py.default`` is the only list; a configuration file and flags change its values.

Both files are data, read without running them: plain assignments of literals.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, get_type_hints

from msgspec import Meta
from msgspec.structs import replace

from config_file import ConfigFile
from settings_check import Check
from settings_check import SettingsError as SettingsError
from settings_check import listed as listed
from wire import Limits, PositiveFloat, PositiveInt

DEFAULT_FILE = Path(__file__).with_name("singlecell_config.py.default")
LOCAL_FILE = Path(__file__).with_name("singlecell_config.py")
ENVIRONMENT_NAME = "SINGLECELL_CONFIG"
DATA_OF_ROOT = Path("/var/lib/singlecell")
DATA_OF_OTHERS = Path("data")
Port = Annotated[int, Meta(gt=0, le=65535)]
Text = Annotated[str, Meta(min_length=1)]


class LanguageEntry(TypedDict):
    """A language in the table ``languages``; the default file says what each text is. ``limits``: those that differ.

    ``through``: "" for a language with sessions of its own; ``checks``: whether exercises in it can be
    checked; the name of another language where that is the one of their checks.
    """

    label: str
    mime: str
    extension: str
    highlighting: str
    environment: str
    install: str
    through: str
    checks: bool | str
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
    kernels_token: str
    pages_key: str
    report_address: str
    web_processes: PositiveInt
    web_greenlets: PositiveInt
    web_sockets: PositiveInt
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
    origin_sessions_max: PositiveInt
    key_sessions_max: PositiveInt
    page_begins_per_s: PositiveInt
    proof_of_work: bool
    proof_waiting_min: PositiveInt
    proof_tries: PositiveInt
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
    publish_events: bool
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
    session_grace_s: PositiveFloat
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
    named = path or _configured_file()
    file = ConfigFile(named) if named else None
    check = Check(_KINDS, file, overrides)
    for changes in (file.values if file else {}, overrides):
        for name, value in changes.items():
            if not check.is_known(name, defaults):
                continue
            if name == "languages":
                values[name] = check.merge(values[name], value)
            elif check.has_type(name, value):
                values[name] = check.converted(name, value)
    check.secrets(values)
    check.pairs(values)
    values["languages"] = check.languages(values)
    check.raise_faults()
    return Settings(**values)


def data_directory(settings: Settings) -> Path:
    """Return where the embedded database, keys and logs live, as an absolute path."""
    default = DATA_OF_ROOT if os.geteuid() == 0 else DATA_OF_OTHERS
    return Path(settings.data_directory or default).absolute()


def read(path: Path) -> dict[str, Any]:
    """Return the assignments in a file of settings, which is not run. Raises SettingsError."""
    file = ConfigFile(path)
    Check(_KINDS, file, {}).raise_faults()
    return file.values


def _configured_file() -> Path | None:
    named = os.environ.get(ENVIRONMENT_NAME)
    if named:
        return Path(named)
    return LOCAL_FILE if LOCAL_FILE.exists() else None


_KINDS = get_type_hints(Settings, include_extras=True)
