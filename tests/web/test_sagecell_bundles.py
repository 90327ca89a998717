"""What SageMathCell's script is shown of a MIME bundle."""

from __future__ import annotations

import pytest

from web.doors.sagecell_bundles import INTERACT, INTERACT_TYPE, shown

PLAIN = {"text/plain": "plain"}


@pytest.mark.parametrize(
    ("data", "metadata", "found"),
    [
        ({"text/html": "<b>1</b>", "image/png": "AA=="}, {}, {"text/html": "<b>1</b>"}),
        ({"image/png": "AA\n=="}, {"image/png": {"width": 3, "height": 2, "alt": 'a "b"'}},
         {"text/html": '<img src="data:image/png;base64,AA==" width="3" height="2" alt="a &quot;b&quot;">'}),
        ({"image/jpeg": "AA=="}, {"image/jpeg": {"width": '"><script>'}},
         {"text/html": '<img src="data:image/jpeg;base64,AA==" alt="">'}),
        ({"image/svg+xml": "<svg onload=x()>"}, {},
         {"text/html": '<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9eCgpPg==" alt="">'}),
        ({"text/latex": "$a<b$"}, {}, {"text/html": "$a&lt;b$"}),
        ({"application/javascript": "x()"}, {}, {"application/javascript": "x()"}),
        ({"text/markdown": "*m*", "application/vnd.plotly.v1+json": {}}, {}, {}),
        ({INTERACT_TYPE: {"new_interact_id": "i"}}, {}, {INTERACT: {"new_interact_id": "i"}}),
        ({INTERACT_TYPE: {"new_interact_id": 5}}, {}, {}),
        ({INTERACT_TYPE: "no"}, {}, {}),
    ],
)  # fmt: skip
def test_a_bundle_becomes_what_the_script_knows(data, metadata, found):
    assert shown({**data, **PLAIN}, metadata) == {**found, **PLAIN}


def test_a_bundle_without_anything_that_it_knows_shows_nothing():
    assert shown({"text/markdown": "*m*"}, {}) == {}
    assert shown({}, {}) == {}


def test_a_page_stands_in_a_frame_that_runs_apart():
    found = shown({"text/html": "<!DOCTYPE html><p title='\"'>", **PLAIN}, {})["text/html"]
    assert found.startswith('<iframe sandbox="allow-scripts" ') and "&quot;" in found and "<p" not in found
