"""Settings are read as data and checked against the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

import settings as settings_file
from settings import SettingsError, load


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the machine's own configuration out."""
    monkeypatch.delenv("SINGLECELL_CONFIG", raising=False)
    monkeypatch.setattr(settings_file, "LOCAL_FILE", tmp_path / "absent.py")


def config(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    """Return a configuration file with this text."""
    path = tmp_path / "singlecell_config.py"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_defaults_load_and_pass_their_own_checks() -> None:
    settings = load()
    assert settings.http_port == 5000 and settings.mongo_uri == ""
    assert list(settings.languages)[:2] == ["python", "sage"]
    assert set(settings.__struct_fields__) == set(settings_file.read(settings_file.DEFAULT_FILE))


def test_a_file_changes_defaults_and_overrides_change_the_file(tmp_path: Path) -> None:
    path = config(tmp_path, "http_port = 81\nworkers = 3\n")
    settings = load(path, workers=4)
    assert (settings.http_port, settings.workers) == (81, 4)


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLECELL_CONFIG", str(config(tmp_path, "http_port = 82")))
    assert load().http_port == 82


def test_the_file_beside_the_defaults_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_file, "LOCAL_FILE", config(tmp_path, "http_port = 83"))
    assert load().http_port == 83


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        load().http_port = 1
    with pytest.raises(AttributeError):
        _ = load().htp_port


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "http_port = open('/etc/passwd')",
        "http_port += 1",
        "http_port = 1\nhttp_port = 2",
        "http_port = workers = 2",
        "http_host = f'{1}'",
        "if True: http_port = 1",
        "http_port: int = 1",
        "http_port =",
        "languages = {[]: 1}",
        "\0",
    ],
)
def test_a_file_is_data_and_is_never_run(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"singlecell_config\.py"):
        load(config(tmp_path, text))


FAULTY = """\
http_prot = 81
workers = 0
lease_s = 4.0

languages = {
    "toy": {
        "label": "Toy",
        "limits": {"cell_wall": 3.0},
    },
    "Sage": None, "R": 1,
}
heartbeat_s = 2.5
workers = 3
redial_s_max = 0.1
limiter = open("/etc/passwd")
mongo_password = "secret"
"""


def test_all_faults_of_a_file_are_said_at_once_each_with_its_line(tmp_path: Path) -> None:
    path = config(tmp_path, FAULTY, 0o644)
    with pytest.raises(SettingsError) as refused:
        load(path, http_port=0, code_bytes_max=1 << 40)
    texts = ("mime", "extension", "highlighting", "environment", "install")
    assert str(refused.value).splitlines() == [
        "http_port is 0; it must be a number above 0, at most 65535",
        "code_bytes_max (1099511627776) must not be more than request_bytes_max (33554432)",
        f"{path}, line 1: there is no setting 'http_prot'; did you mean 'http_port'?",
        f"{path}, line 2: workers is 0; it must be a number above 0",
        f"{path}, lines 3 and 12: lease_s (4.0) must be more than 2 times heartbeat_s (2.5)",
        f"{path}, line 6: languages: 'toy' must say its {', its '.join(texts)}, each a text",
        f"{path}, line 8: languages: 'toy': 'cell_wall' is no setting that may differ for a language",
        f"{path}, line 10: languages: the entry 'R' must be a dict, or None to leave it out",
        f"{path}, line 13: workers has a value already, in line 2",
        f"{path}, line 14: redial_s_first (0.5) must not be more than redial_s_max (0.1)",
        f"{path}, line 15: limiter must be a plain value",
        f"{path}, line 16: this file is readable by everyone, with a password or key in it: chmod 600 {path}",
    ]
    with pytest.raises(SettingsError, match=r"line 2: this is no list of assignments: "):
        load(config(tmp_path, "http_prot = 81\nworkers = = 3\n"))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.py cannot be read: No such file"):
        load(tmp_path / "gone.py")


def test_an_unknown_name_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no setting 'http_prot'; did you mean 'http_port'"):
        load(config(tmp_path, "http_prot = 1"))
    with pytest.raises(SettingsError, match=r"no setting 'zzz'$"):
        load(zzz=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("http_port", True), ("http_port", 1.0), ("http_port", "80"), ("lease_s", True), ("lease_s", "1"),
        ("session_idle_gives_way", 1), ("languages", ["python"]), ("untrusted_accounts", [1]),
        ("untrusted_accounts", [""]), ("mongo_uri", None),
    ],
)  # fmt: skip
def test_a_value_has_the_type_of_its_default(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        load(**{name: value})


def test_a_whole_number_serves_as_a_float() -> None:
    assert load(lease_s=20).lease_s == 20.0 and type(load(lease_s=20).lease_s) is float


@pytest.mark.parametrize("value", [0, -1])
def test_no_number_is_zero_or_less(value: int) -> None:
    for name in (
        "cell_cpu_s",
        "cell_wall_s",
        "code_bytes_max",
        "session_memory_bytes",
        "queue_length_max",
        "http_port",
    ):
        with pytest.raises(SettingsError, match=f"{name} is {value}"):
            load(**{name: value})


def test_an_infinite_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="lease_s"):
        load(config(tmp_path, "lease_s = 1e999"))


@pytest.mark.parametrize(("port", "fine"), [(1, True), (65535, True), (65536, False)])
def test_ports_end_at_65535(port: int, fine: bool) -> None:
    if fine:
        assert load(http_port=port).http_port == port
    else:
        with pytest.raises(SettingsError, match="http_port"):
            load(http_port=port)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"heartbeat_s": 11.9, "lease_s": 30.0}, {"heartbeat_s": 12.0, "lease_s": 30.0}),
        ({"lease_s": 4.1}, {"lease_s": 4.0}),
        ({"wall_port_first": 29999}, {"wall_port_first": 30000}),
        ({"code_bytes_max": 33554432}, {"code_bytes_max": 33554433}),
    ],
)
def test_related_settings_fit_each_other(good: dict, bad: dict) -> None:
    load(**good)
    with pytest.raises(SettingsError, match=next(iter(bad))):
        load(**bad)


def test_a_word_is_one_of_those_that_there_are() -> None:
    for name in ("limiter", "wall_transport", "sandbox_kernel"):
        with pytest.raises(SettingsError, match=name):
            load(**{name: "none"})


def test_a_password_that_everyone_may_read_is_refused(tmp_path: Path) -> None:
    text = "mongo_password = 'secret'"
    assert load(config(tmp_path, text, 0o600)).mongo_password == "secret"
    with pytest.raises(SettingsError, match=r"readable by everyone.*chmod 600") as refused:
        load(config(tmp_path, text, 0o644))
    assert "secret" not in str(refused.value)
    load(config(tmp_path, "http_port = 1", 0o644))


@pytest.mark.parametrize("key", ["k" * 19, "k" * 201, "k" * 19 + " ", "k" * 19 + "\u00e9", "k" * 20 + "\n"])
def test_an_operator_key_is_long_and_can_stand_in_a_header(key: str) -> None:
    for right in ("k" * 20, "k" * 200, ""):
        assert load(operator_key=right).operator_key == right
    with pytest.raises(SettingsError, match="20 to 200"):
        load(operator_key=key)


def test_an_operator_key_that_everyone_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"readable by everyone.*chmod 600"):
        load(config(tmp_path, f"operator_key = '{'k' * 20}'", 0o644))


def test_the_data_directory_is_absolute() -> None:
    assert settings_file.data_directory(load(data_directory="x")) == Path("x").absolute()
    assert settings_file.data_directory(load()).is_absolute()


TOY = {
    "label": "Toy", "mime": "text/x-toy", "extension": ".toy", "highlighting": "python", "environment": "untrusted",
    "install": "make toy",
}  # fmt: skip


def test_a_table_of_languages_adds_to_the_defaults_text_by_text(tmp_path: Path) -> None:
    table = f"{{'toy': {TOY}, 'python': {{'label': 'Py'}}, 'sage': None, 'r': None}}"
    settings = load(config(tmp_path, f"languages = {table}"))
    own = [name for name, entry in settings.languages.items() if not entry["through"]]
    assert own == ["python", "toy"] and settings.languages["c"]["install"] == "make c"
    assert (settings.languages["python"]["label"], settings.languages["python"]["extension"]) == ("Py", ".py")
    languages = load(config(tmp_path, f"languages = {{'toy': {TOY}}}"), languages={"python": None}).languages
    assert [name for name, entry in languages.items() if not entry["through"]] == ["sage", "r", "toy"]


def test_a_language_may_have_limits_of_its_own() -> None:
    settings = load(languages={"toy": {**TOY, "limits": {"cell_wall_s": 5, "session_processes_max": 3}}})
    toy = settings.of_language("toy")
    assert (toy.cell_wall_s, toy.session_processes_max, toy.cell_cpu_s) == (5.0, 3, settings.cell_cpu_s)
    assert settings.of_language("python").cell_wall_s == settings.cell_wall_s == settings.of_language("no").cell_wall_s


DIALECT = {"label": "Slang", "mime": "text/x-slang", "extension": ".sl", "highlighting": "none", "through": "toy"}


def test_a_language_that_runs_through_another_has_its_environment_and_limits() -> None:
    toy = {**TOY, "limits": {"cell_wall_s": 5.0}}
    settings = load(languages={"slang": DIALECT, "toy": toy})
    slang = settings.languages["slang"]
    assert (slang["environment"], slang["install"], slang["through"]) == ("untrusted", "make toy", "toy")
    assert settings.of_language("slang").cell_wall_s == 5.0
    assert "slang" not in load(languages={"slang": DIALECT}).languages
    more = load(languages={"slang": {**DIALECT, "install": "make slang"}, "toy": toy})
    assert more.languages["slang"]["install"] == "make slang"
    again = load(languages={"toy": settings.languages["toy"], "slang": slang})  # as make run writes it
    assert again.languages == settings.languages


@pytest.mark.parametrize(("written_in", "checks"), [("python", "python"), ("r", False), ("slang", False), ("x", False)])
def test_checks_are_in_another_language_where_that_has_its_own(written_in: str, checks: object) -> None:
    toy = {**TOY, "checks": written_in}
    assert load(languages={"toy": toy, "slang": DIALECT}).languages["toy"]["checks"] == checks


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"toy": TOY, "slang": {**DIALECT, "environment": "x"}}, "'slang' .* has no environment of its own"),
        ({"toy": TOY, "slang": {**DIALECT, "limits": {"cell_wall_s": 5.0}}}, "'slang' .* has no limits of its own"),
        ({"toy": TOY, "slang": DIALECT, "argot": {**DIALECT, "through": "slang"}}, "'argot': through must name"),
        ({"slang": {**DIALECT, "through": ["toy"]}}, "'slang': through must name"),
        ({"python": None, "sage": None, "r": None}, "at least one language"),
        ({"toy": {**TOY, "label": None}}, "'toy' must say its label"),
        ({"toy": {}}, "'toy' must say its label"),
        ({"toy": {**TOY, "mime": ""}}, "'toy' must say its mime"),
        ({"toy": {**TOY, "checks": 1}}, "'toy': checks must be True, False or the name of a language, not 1"),
        ({"toy": {**TOY, "extention": ".t"}}, "no 'extention'; did you mean 'extension'"),
        ({"toy": {**TOY, "environment": "../untrusted"}}, "environment is the name of a directory"),
        ({"../toy": TOY}, "'../toy' is no name of a language"),
        ({"Toy": TOY}, "'Toy' is no name of a language"),
        ({1: TOY}, "1 is no name of a language"),
        ({"toy": "untrusted"}, "the entry 'toy' must be a dict"),
        ({"toy": {**TOY, "limits": ["cell_wall_s"]}}, "limits must be a dict"),
        ({"toy": {**TOY, "limits": {"workers": 3}}}, "'workers' is no setting that may differ"),
        ({"toy": {**TOY, "limits": {"session_idle_gives_way": False}}}, "no setting that may differ"),
        ({"toy": {**TOY, "limits": {"cell_wall": 3.0}}}, "'cell_wall' is no setting that may differ"),
        ({"toy": {**TOY, "limits": {"cell_wall_s": "3"}}}, "'toy': cell_wall_s must be a float"),
        ({"toy": {**TOY, "limits": {"cell_wall_s": 0}}}, "'toy': cell_wall_s is 0"),
        ({"toy": {**TOY, "limits": {"cell_total_s": 1.0}}}, "'toy': cell_wall_s .* more than cell_total_s"),
    ],
)
def test_a_wrong_entry_of_a_language_is_a_sentence(table: dict, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as error:
        load(languages=table)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"disk_free_bytes_end": 2 << 30}, "disk_free_bytes_end"),
        ({"client_stored_bytes_max": 1 << 50}, "client_stored_bytes_max"),
        ({"client_permalinks_day_bytes_max": 1 << 50}, "client_permalinks_day_bytes_max"),
        ({"trusted_proxies": ["10.0.0.1/8"]}, "10.0.0.1/8"),
        ({"trusted_proxies": ["localhost"]}, "localhost"),
    ],
)
def test_bounds_of_the_disk_fit_each_other_and_proxies_are_addresses(changes: dict, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(**changes)
