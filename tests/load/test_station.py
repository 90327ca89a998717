"""A ramp of load says what was full at the first rate that was too much."""

from __future__ import annotations

import pytest

from harness.usage import Usage
from tests.load import ramp
from tests.load.options import Options
from tests.load.outcomes import Computation, Outcomes
from tests.load.report import Result
from tests.load.station import limiting

TWO = {"machine": 1.97, "tsung": 0.3, "web": 0.2, "device": 0.15, "mongod": 0.3, "sessions": 0.8, "supervisor": 0.2}
LARGE = {"machine": 9.0, "tsung": 0.3, "web": 0.5, "device": 0.7, "mongod": 1.9, "sessions": 5.0, "supervisor": 1.5}


@pytest.mark.parametrize(
    ("cores", "processors", "words"),
    [
        (TWO, 2, "the machine, whose 2 processors are full (1.97 busy); most of it is sessions (0.80)"),
        ({**LARGE, "web": 0.96}, 16, "web, one process, which is busy for 0.96 of the time"),
        ({**LARGE, "web": 0.92, "device": 0.98}, 16, "device, one process"),
        (LARGE, 16, "no station is full (9.00 of 16 processors busy)"),
        ({"machine": 1.9, "tsung": 0.3}, 2, "not known: the server was not started here"),
    ],
)
def test_the_full_station_is_named(cores: dict[str, float], processors: int, words: str) -> None:
    assert words in limiting(cores, processors)


def test_the_station_is_that_of_the_lowest_rate_that_was_too_much() -> None:
    # No run has a computation, so none of them was borne.
    runs = [
        Result(Options(rate=rate, url="http://127.0.0.1:1"), Outcomes([], [], {}), Usage({"web": busy, "machine": 1.0}))
        for rate, busy in ((90, 0.99), (60, 0.95))
    ]
    assert ramp.limit(runs).startswith("at 60 students a second the limiting station: web, one process")
    assert ramp.limit([]) == "no limit was found"


@pytest.mark.parametrize(("came", "is_borne"), [(100, True), (44, False)])
def test_a_rate_is_borne_only_when_its_students_came(came: int, is_borne: bool) -> None:
    options = Options(url="http://127.0.0.1:1", seconds=10).at(10)
    right = [Computation("simple", "right", 1.0, 0.1)] * came
    assert ramp.holds(Result(options, Outcomes([], right, {}), Usage())) is is_borne
