"""Checks the names of uploaded files; a name is kept as it is or refused, never changed."""

from __future__ import annotations

from contract import file_name_fault
from web.problems import refuse


def check_name(untrusted_name: str) -> str:
    """Return a name that a file in the work directory may have. Raises ProblemError with a sentence."""
    if untrusted_name in ("", ".", ".."):
        refuse(400, "An uploaded file needs a name of its own.")
    if "/" in untrusted_name or "\\" in untrusted_name:
        refuse(400, f"The file name {untrusted_name[:100]!r} has a path; only a plain name is allowed.",
               reason="file_name", name=untrusted_name[:100])  # fmt: skip
    fault = file_name_fault(untrusted_name)
    if fault:
        refuse(400, f"The file name {untrusted_name[:100]!r} {fault}.", reason="file_name", name=untrusted_name[:100])
    return untrusted_name
