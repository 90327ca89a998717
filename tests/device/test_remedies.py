"""Where a host does not give a layer, what can be done about it is said as this host needs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from device import remedies
from untrusted.sandbox.plan import FLOOR

CONTAINER = "--security-opt"
PAGE = "docs/security.md"


@pytest.mark.parametrize(
    ("switch", "value", "advice"),
    [
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces="),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor"),
    ],
)
def test_a_switch_of_the_kernel_is_named_when_it_is_the_reason(tmp_path: Path, switch: str, value: str, advice: str):
    (tmp_path / switch).parent.mkdir()
    (tmp_path / switch).write_text(f"{value}\n")
    first, *others = remedies.of(["user_namespace"], here=True, sys=tmp_path)
    assert advice in first and PAGE in others[-1]
    assert CONTAINER in remedies.of(["user_namespace"], here=False, sys=tmp_path)[0]
    (tmp_path / switch).write_text("10\n")
    assert CONTAINER in remedies.of(["user_namespace"], here=True, sys=tmp_path)[0]


def test_only_a_layer_that_can_be_waived_is_offered_for_that():
    assert set(FLOOR) == remedies.NEEDED
    assert any('waived_layers = ["landlock"]' in sentence for sentence in remedies.of(["landlock"], here=True))
    assert not any("waived_layers" in sentence for sentence in remedies.of(["no_new_privs"], here=True))
    assert remedies.of([], here=True) == []
