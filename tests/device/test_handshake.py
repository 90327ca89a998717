"""What a supervisor says of its languages is believed while it is plain, new, and no flood."""

from __future__ import annotations

import pytest

import settings as settings_file
import wire
from device.errors import SHOWN_CHARS, SupervisorProtocolError
from device.handshake import AccountLanguages

READY, LOADING = wire.LanguageReport("python", "3", "ready"), wire.LanguageReport("sage", "", "loading")
SAGE, FAILED = wire.LanguageReport("sage", "10", "ready"), wire.LanguageReport("sage", "", "failed")


def make_languages(*reports: wire.LanguageReport) -> AccountLanguages:
    """Return the languages that a Hello has."""
    return AccountLanguages(reports, settings_file.load())


def test_a_language_can_run_when_it_is_ready_and_not_before() -> None:
    languages = make_languages(READY, LOADING)
    assert (languages.ready, languages.report()["loading"]) == (["python"], ["sage"])
    assert languages.change([READY, SAGE], 0) == [SAGE]
    assert languages.ready == ["python", "sage"]
    assert languages.report() == {
        "languages": [
            {"name": "python", "version": "3", "packages": {}},
            {"name": "sage", "version": "10", "packages": {}},
        ],
        "loading": [],
        "failed": [],
    }


def test_a_language_that_fails_is_taken_back_and_may_return() -> None:
    languages = make_languages(READY, SAGE)
    languages.change([READY, FAILED], 0)
    assert (languages.ready, languages.report()["failed"], languages.hopeless) == (["python"], ["sage"], False)
    languages.change([READY, SAGE], 0)
    assert languages.ready == ["python", "sage"]


def test_there_is_no_hope_where_all_languages_failed() -> None:
    assert make_languages(FAILED).hopeless and make_languages().hopeless


@pytest.mark.parametrize(
    "reports",
    [
        [wire.LanguageReport("cobol", "1", "ready")],
        [READY, READY],
        [wire.LanguageReport("python", "1\n2", "ready")],
        [READY, wire.LanguageReport("sage", "10", "loading")],
        [READY, wire.LanguageReport("sage", "10", "failed")],
        [READY, wire.LanguageReport("sage", "", "loading", {"numpy": "2"})],
        [wire.LanguageReport("python", "1", "ready", {"Numpy": "2"})],
        [wire.LanguageReport("python", "1", "ready", {"num.py": "2"})],
        [wire.LanguageReport("python", "1", "ready", {"": "2"})],
        [wire.LanguageReport("python", "1", "ready", {"numpy": "2\n"})],
    ],
    ids=["a stranger", "one twice", "a version of two lines", "the version of a loading one", "that of a failed one",
         "packages of a loading one", "a capital letter", "a dot", "no name", "a package's version of two lines"],
)
def test_languages_that_are_not_plain_are_refused_first_and_later(reports: list[wire.LanguageReport]) -> None:
    with pytest.raises(SupervisorProtocolError):
        make_languages(*reports)
    with pytest.raises(SupervisorProtocolError):
        make_languages(*([READY, LOADING] if len(reports) == 2 else [SAGE])).change(reports, 0)


@pytest.mark.parametrize(("beyond", "refused"), [(-1, False), (0, False), (1, True)])
def test_a_version_may_be_as_long_as_the_limit(beyond: int, refused: bool) -> None:
    long = wire.LanguageReport("python", "1" * (SHOWN_CHARS + beyond), "ready")
    if refused:
        with pytest.raises(SupervisorProtocolError, match="cannot be shown"):
            make_languages(long)
    else:
        assert make_languages(long).ready == ["python"]


@pytest.mark.parametrize(("beyond", "refused"), [(-1, False), (0, False), (1, True)])
@pytest.mark.parametrize("of", ["names", "name", "version"])
def test_packages_are_so_many_and_their_texts_so_long_at_most(of: str, beyond: int, refused: bool) -> None:
    number, length = wire.PACKAGES_MAX + beyond, wire.PACKAGE_CHARS_MAX + beyond
    packages = {
        "names": {f"p{index}": "1" for index in range(number)},
        "name": {"p" * length: "1"},
        "version": {"p": "1" * length},
    }[of]
    report = wire.LanguageReport("python", "1", "ready", packages)
    if refused:
        with pytest.raises(SupervisorProtocolError, match="packages"):
            make_languages(report)
    else:
        assert make_languages(report).report()["languages"][0]["packages"] == packages


@pytest.mark.parametrize(
    "reports",
    [[READY, LOADING], [READY], [LOADING, READY], [SAGE], []],
    ids=["no news", "one left out", "another order", "only the new one", "none"],
)
def test_news_are_all_languages_and_new(reports: list[wire.LanguageReport]) -> None:
    with pytest.raises(SupervisorProtocolError):
        make_languages(READY, LOADING).change(reports, 0)


def test_hello_comes_when_something_can_run() -> None:
    with pytest.raises(SupervisorProtocolError, match="before anything can run"):
        make_languages(LOADING)


def news(languages: AccountLanguages, times: int, pings: int) -> None:
    """Let a language come and go."""
    for _ in range(times):
        languages.change([READY, LOADING if "sage" in languages.ready else SAGE], pings)


@pytest.mark.parametrize(("beyond", "refused"), [(-1, False), (0, False), (1, True)])
@pytest.mark.parametrize("pings", [0, 1, 5])
def test_so_many_news_may_come_and_one_more_for_each_ping(pings: int, beyond: int, refused: bool) -> None:
    languages = make_languages(READY, LOADING)
    news(languages, wire.LANGUAGES_BURST, 0)
    news(languages, pings + min(beyond, 0), pings)
    if refused:
        with pytest.raises(SupervisorProtocolError, match="flood"):
            news(languages, beyond, pings)


def test_silence_saves_up_no_more_than_one_burst() -> None:
    languages = make_languages(READY, LOADING)
    news(languages, wire.LANGUAGES_BURST, 1000)
    with pytest.raises(SupervisorProtocolError, match="flood"):
        news(languages, 1, 1000)
