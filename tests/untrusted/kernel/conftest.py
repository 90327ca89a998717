"""The kernel of plain Python."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.untrusted.kernel.child import Zygote, warm


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """One zygote for all tests of this folder."""
    yield from warm(tmp_path_factory.mktemp("zygote"), "python")
