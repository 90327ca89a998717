"""docs/wire.md says what wire.py says: every frame with every field, every word, every number."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import wire

PAGE = (Path(__file__).parents[2] / "docs" / "wire.md").read_text()
EXAMPLES: list[dict[str, Any]] = [
    ast.literal_eval(block) for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
]
FRAMES = [*wire.Down.__args__, *wire.Up.__args__]
PARTS = [wire.Layer, wire.LanguageReport, wire.Message, wire.Usage]


def test_the_page_says_that_it_is_authoritative():
    assert PAGE.splitlines()[2].startswith("This page is authoritative")


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame.__name__)
def test_each_frame_has_one_example_with_all_of_its_fields(frame):
    (example,) = [found for found in EXAMPLES if found["type"] == frame.__name__.lower()]
    assert list(example) == ["type", *(field.name for field in msgspec.structs.fields(frame))]
    decode = wire.decode_down if frame in wire.Down.__args__ else wire.decode_up
    assert isinstance(decode(msgspec.msgpack.encode(example)), frame)
    assert f"\n`{frame.__name__}`: " in PAGE


def test_there_is_no_example_of_anything_else():
    assert len(EXAMPLES) == len(FRAMES)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_each_part_of_a_frame_is_named_with_its_fields(part):
    assert f"`{part.__name__}`" in PAGE
    for field in msgspec.structs.fields(part):
        assert f'"{field.name}"' in PAGE or f"`{field.name}`" in PAGE


@pytest.mark.parametrize("frame", [*FRAMES, *PARTS], ids=lambda frame: frame.__name__)
def test_words_of_a_list_are_named(frame):
    for field in msgspec.structs.fields(frame):
        for word in get_args(field.type):
            if isinstance(word, str):
                assert f"`{word}`" in PAGE


@pytest.mark.parametrize("reason", get_args(wire.Reason))
def test_each_reason_is_named(reason):
    assert f"`{reason}`" in PAGE.partition("## Reasons")[2]


@pytest.mark.parametrize("name", ["PROTOCOL", "FRAME_BYTES_MAX", "CHUNK_BYTES", "NAME_BYTES_MAX", "BUFFERS_MAX"])
def test_each_number_is_given(name):
    assert f"`{name} = {getattr(wire, name)}`" in PAGE
