"""The log as JSON lines: what programs read of a record, and nothing that would break a line."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

from harness.server import ROOT
from log_lines import FAULTS_MAX, Faults

PROGRAM = """
import logging, log_lines
logging.getLogger().addHandler(log_lines.Faults())
log_lines.set_up("json", logging.INFO, device="d-1")
logging.getLogger("a").info("cell=%s\\nover", "1", extra={"fields": {"computation": "1", "run_s": 0.25}})
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("broken")
logging.debug("not wanted")
"""


def test_each_record_is_one_json_object_with_its_fields_and_those_of_the_process() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True).stderr
    first, second = map(json.loads, said.splitlines())
    assert (first["message"], first["computation"], first["run_s"]) == ("cell=1\nover", "1", 0.25)
    assert first["device"] == second["device"] == "d-1"
    assert first["level"] == "INFO" and first["at"].endswith("+00:00")
    assert "ZeroDivisionError" in second["traceback"]


def test_only_the_last_warnings_are_remembered() -> None:
    faults, log = Faults(), logging.getLogger("test of faults")
    log.addHandler(faults)
    for number in range(FAULTS_MAX + 1):
        log.warning("fault %d\nmore", number)
    log.info("no fault")
    log.removeHandler(faults)
    assert [sentence for _at, _level, sentence in faults.last] == [f"fault {n}" for n in range(1, FAULTS_MAX + 1)]
