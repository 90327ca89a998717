"""The page /genes: what readers who ask at the same time are told is what R itself finds."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest

from tests.r.conftest import run_directly

# The last pair is one tissue in two runs.
PAIRS = [("Kidney, run 1", "Liver, run 1"), ("Liver, run 2", "Kidney, run 2"), ("Kidney, run 2", "Kidney, run 1")]
NEXT = "--- the next"


@pytest.fixture(scope="module")
def code(client) -> str:
    """The code of the page's cell."""
    (found,) = re.findall(r"<pre>(.*?)</pre>", client.http.get(f"{client.url}/genes").text, re.DOTALL)
    return unescape(found).strip()


def comparing(code: str, first: str, second: str) -> str:
    """Return the code for two groups."""
    changed, times = re.subn("^groups <- .*$", f'groups <- c("{first}", "{second}")', code, flags=re.MULTILINE)
    assert times == 1
    return f"options(width = 200)\n{changed}"  # no table is cut in two


def read_table(text: str) -> dict[str, list[float]]:
    """Return the numbers of each gene; the kernel and the console print the same ones with other exponents."""
    header, *rows = (line.split() for line in text.strip().splitlines())
    assert header == ["logFC", "AveExpr", "t", "P.Value", "adj.P.Val", "B"]
    return {gene: [float(number) for number in numbers] for gene, *numbers in rows}


def test_each_of_several_readers_at_once_gets_the_numbers_of_r_itself(client, code) -> None:
    def found(pair: tuple[str, str]) -> dict[str, list[float]]:
        table, plot = client.run(comparing(code, *pair)).of_type("display_data")
        assert plot["data"]["image/png"]
        return read_table(table["data"]["text/plain"])

    with ThreadPoolExecutor(len(PAIRS)) as readers:
        tables = list(readers.map(found, PAIRS))
    directly = f"\ncat('{NEXT}')\n".join(comparing(code, *pair) for pair in PAIRS)  # libraries load for seconds, once
    printed = run_directly(f"pdf(NULL)\n{directly}").split(NEXT)
    for table, text in zip(tables, printed, strict=True):
        expected = read_table(text)
        assert list(table) == list(expected) and len(table) == 10
        assert all(numbers == pytest.approx(expected[gene], rel=1e-6) for gene, numbers in table.items())


@pytest.mark.parametrize("pair", [("Liver, run 1", "Liver, run 1"), ("Liver, run 1", "Brain")])
def test_groups_that_cannot_be_compared_are_one_sentence(client, code, pair) -> None:
    error = client.run(comparing(code, *pair)).error
    assert "Choose two different groups" in error["evalue"]
