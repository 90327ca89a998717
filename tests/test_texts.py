"""The interface says the same in every language: all have all sentences, with the same places for values in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[1] / "frontend" / "src"
TEXTS = SOURCES / "texts"
FOLDERS = [TEXTS, SOURCES / "exercise" / "texts"]
STATES = {"cancelled", "done", "failed", "lost"}  # how a run ended, where there is no other reason
LANGUAGES = {"ar", "de", "en", "es", "fr", "hi", "ja", "pt", "zh"}


def sentences(language: str, folder: Path = TEXTS) -> dict[str, str]:
    """Return the sentences of a language by their names."""
    lines = (folder / f"{language}.js").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("export default {", "};")
    found = [re.fullmatch(r'  (\w+): "(.+)",', line) for line in lines[1:-1]]
    assert all(found), "each sentence stands in a line of its own"
    return {match[1]: match[2] for match in found if match}


def values(sentence: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", sentence))


def test_the_languages_are_those_that_the_page_about_cells_names():
    for folder in FOLDERS:
        assert {path.stem for path in folder.glob("*.js")} == LANGUAGES


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
@pytest.mark.parametrize("language", sorted(LANGUAGES - {"en"}))
def test_a_language_has_every_sentence_with_its_values(language, folder):
    english, found = sentences("en", folder), sentences(language, folder)
    assert list(found) == list(english)
    assert {key: values(found[key]) for key in english} == {key: values(english[key]) for key in english}
    # What is the same word in both is rare enough to be named.
    same = {key for key in english if found[key] == english[key]}
    assert len(same) <= 3, same


def test_every_sentence_is_said_somewhere():
    sources = "\n".join(path.read_text() for path in SOURCES.rglob("*.js") if path.parent not in FOLDERS)
    root = TEXTS.parents[2]
    contract = "\n".join(path.read_text() for path in (root / "contract.py", *(root / "web").glob("*.py")))
    named = {key for key in sentences("en") if f'"{key}"' in sources + contract}
    unsaid = {key for key in set(sentences("en")) - named if not key.startswith(("status_", "share_"))}
    assert unsaid <= STATES, unsaid
