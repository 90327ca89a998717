"""Reads what Jobe's clients post, as Jobe reads it: leniently, and with its sentences for what is wrong."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from settings import Settings
from web import request_body, request_schemas, strict_json
from web.context import here
from web.names import check_name
from web.problems import refuse

# Jobe's name of a language, and ours.
LANGUAGES = {
    "bash": "bash", "c": "c", "cpp": "cpp", "java": "java", "nodejs": "javascript", "octave": "octave",
    "python3": "python",
}  # fmt: skip
ID = re.compile(r"[A-Za-z0-9]{8,64}", re.ASCII)  # Jobe's are 8 characters or more; its clients use MD5
FILE_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}", re.ASCII)
# Jobe refuses in the name of a source what is special to some file system, to an address or to a shell.
BAD_IN_A_NAME = re.compile(r"""[<>:"/\\|?*\x00-\x1f\x7f\xa0\xad#\[\]@!$&'()+,;={}^~`]|\A[.-]""")
KINDS = ("compileargs", "linkargs", "interpreterargs", "runargs")
MB = 1000 * 1000
# Jobe's own defaults: seconds of a processor, MB, MB, MB, processes; those that differ for a language.
DEFAULTS = {"cputime": 5.0, "memorylimit": 400.0, "disklimit": 20.0, "streamsize": 2.0, "numprocs": 30.0}
OWN_DEFAULTS: dict[str, dict[str, float]] = {
    "python3": {"memorylimit": 1000.0}, "octave": {"memorylimit": 500.0}, "java": {"numprocs": 256.0},
}  # fmt: skip
# Programs that reserve far more addresses than they use: the session's memory is their only limit.
UNLIMITED_MEMORY = ("java", "nodejs")
STREAM_MB_MAX = 2.0  # of each stream, so that both are within a session's output however they are written
NUMBER_MAX = 1e9  # of what is asked for; it is far beyond every limit
WALL_PER_CPU = 2  # a job is killed after twice its processor seconds


@dataclass(frozen=True)
class Job:
    """A job as it was asked for, within our limits; ``files``: ids and names of the files that it needs."""

    language: str
    sourcecode: str
    sourcefilename: str
    input: str
    files: tuple[tuple[str, str], ...]
    limits: Mapping[str, float]
    arguments: Mapping[str, str]

    def text(self) -> str:
        """Return it as the untrusted side reads it."""
        return json.dumps({
            "language": LANGUAGES[self.language], "sourcecode": self.sourcecode, "input": self.input,
            "sourcefilename": self.sourcefilename, "files": [name for _, name in self.files],
            "limits": self.limits, "arguments": self.arguments,
        })  # fmt: skip


def read_json(bytes_max: int) -> Mapping[str, Any]:
    """Return the object that is the body. Raises ProblemError."""
    most_bytes = here().settings.request_bytes_max  # of fields that this body does not have
    return strict_json.decode(request_body.read_bytes(bytes_max), dict[str, Any], most_bytes, most_bytes)


def job(untrusted_body: Mapping[str, Any], settings: Settings) -> Job:
    """Return the job that a body describes. Raises ProblemError."""
    spec = untrusted_body.get("run_spec")
    if not isinstance(spec, dict):
        refuse(400, "No run_spec attribute found in post data")
    for name in ("sourcecode", "language_id"):
        if not isinstance(spec.get(name), str):
            refuse(400, f"run_spec is missing the required attribute '{name}'")
    language = spec["language_id"].lower()
    if language not in LANGUAGES or LANGUAGES[language] not in settings.languages:
        refuse_language(language)
    parameters = spec.get("parameters")
    if parameters is None or parameters == []:  # PHP writes an object without members as an empty list
        parameters = {}
    if not isinstance(parameters, dict):
        refuse(400, "The parameters of the run_spec have to be an object")
    files = spec.get("file_list")
    if files is None:
        files = []
    if not isinstance(files, list):
        refuse(400, "The file_list of the run_spec has to be a list")
    if len(files) > settings.cell_files_max:
        refuse(413, f"A job may have {settings.cell_files_max} files")
    named = tuple(map(_file, files))
    if len({name for _, name in named}) < len(named):
        refuse(400, "Two files of the file_list have one name")
    return Job(
        language=language,
        sourcecode=request_schemas.check_code(spec["sourcecode"], "sourcecode"),
        sourcefilename=_source_name(spec.get("sourcefilename")),
        input=request_schemas.check_code(_text(spec.get("input"), "input"), "input"),
        files=named,
        limits=_limits(language, parameters, settings),
        arguments={kind: _arguments(parameters[kind], kind) for kind in KINDS if parameters.get(kind) is not None}
        | ({"main_class": main_class} if (main_class := _text(parameters.get("main_class"), "main_class")) else {}),
    )


def refuse_language(untrusted_name: str) -> NoReturn:
    """Refuse a language that is not known, or not to be run here now. Raises ProblemError."""
    refuse(400, f"Language '{untrusted_name[:40]}' is not known")


def cputime_max(language: str, settings: Settings) -> int:
    """Return how many seconds of a processor a job may ask for."""
    ours = LANGUAGES[language]
    limits = settings.languages[settings.languages[ours]["through"] or ours]["limits"]
    cpu_s = float(limits.get("cell_cpu_s", settings.cell_cpu_s))
    wall_s = float(limits.get("cell_wall_s", settings.cell_wall_s))
    return max(1, int(min(cpu_s, wall_s)))


def _limits(language: str, parameters: Mapping[str, Any], settings: Settings) -> dict[str, float]:
    """Return the limits of a job: what it asks for where that is lower than ours. Raises ProblemError."""
    asked = {**DEFAULTS, **OWN_DEFAULTS.get(language, {})}
    asked |= {name: value for name in DEFAULTS if (value := _number(parameters.get(name), name)) is not None}
    most_s = cputime_max(language, settings)
    if _number(parameters.get("cputime"), "cputime") is not None and int(asked["cputime"]) > most_s:
        refuse(400, f"cputime exceeds maximum allowed on this Jobe server ({most_s} secs)")
    cpu_s = max(1, min(int(asked["cputime"]), most_s))
    memory_bytes = 0 if language in UNLIMITED_MEMORY else int(max(0.0, asked["memorylimit"]) * MB)
    file_bytes, streams_mb = int(max(0.0, asked["disklimit"]) * MB), asked["streamsize"]
    processes = int(max(0.0, asked["numprocs"]))
    return {
        "cpu_s": cpu_s,
        "wall_s": float(WALL_PER_CPU * cpu_s),
        # Of addresses a program reserves more than it uses: beyond the session's memory that alone counts.
        "memory_bytes": memory_bytes if memory_bytes < 2 * settings.session_memory_bytes else 0,
        "file_bytes": file_bytes if file_bytes < settings.session_disk_bytes else 0,
        "stream_bytes": int(min(max(0.0, streams_mb), STREAM_MB_MAX) * MB),
        "processes": processes if processes < settings.session_processes_max else 0,
    }


def _number(untrusted: object, name: str) -> float | None:
    """Return a number, also of a text as PHP reads it; None: Jobe takes its default. Raises ProblemError."""
    if untrusted is None:
        return None
    if isinstance(untrusted, bool) or not isinstance(untrusted, int | float | str):
        refuse(400, f"The parameter {name} has to be a number")
    try:
        found = float(untrusted)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(found) else min(max(found, -NUMBER_MAX), NUMBER_MAX)


def _arguments(untrusted: object, kind: str) -> str:
    """Return arguments as a shell reads them: Jobe lets one text be several. Raises ProblemError."""
    if not isinstance(untrusted, list) or not all(isinstance(word, str) for word in untrusted):
        refuse(400, f"The parameter {kind} has to be a list of texts")
    return request_schemas.check_code(" ".join(untrusted), kind)


def _text(untrusted: object, name: str) -> str:
    if untrusted is None:
        return ""
    if not isinstance(untrusted, str):
        refuse(400, f"The attribute '{name}' of the run_spec has to be a text")
    return untrusted


def _source_name(untrusted: object) -> str:
    name = _text(untrusted, "sourcefilename")
    if name and BAD_IN_A_NAME.search(name):
        refuse(400, "The sourcefilename for the run_spec is illegal")
    return name and check_name(name)


def _file(untrusted: object) -> tuple[str, str]:
    """Return id and name of a file that a job needs. Raises ProblemError."""
    if (
        not isinstance(untrusted, list)
        or len(untrusted) not in (2, 3)
        or not all(isinstance(part, str) for part in untrusted[:2])
        or not ID.fullmatch(untrusted[0])
        or not FILE_NAME.fullmatch(untrusted[1])
    ):
        refuse(400, f"Invalid file specifier: {json.dumps(untrusted)[:100]}")
    return untrusted[0], check_name(untrusted[1])
