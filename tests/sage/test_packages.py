"""What lessons import beside Sage is there, and each package does in a cell what a lesson asks of it."""

from __future__ import annotations

import pytest

LESSONS = {
    "scikit-learn": (
        "from sklearn.linear_model import LinearRegression\nLinearRegression().fit([[0], [1]], [1, 3]).coef_.round(6)",
        "array([2.])",
    ),
    "statsmodels": (
        "import statsmodels.api as sm\nsm.OLS([1, 3, 5], sm.add_constant([0, 1, 2])).fit().params.round(6).tolist()",
        "[1.0, 2.0]",
    ),
    "seaborn": ("import seaborn as sns\nlen(sns.barplot(x=['a', 'b'], y=[1r, 2r]).patches)", "2"),
    "networkx": ("import networkx as nx\nnx.petersen_graph().number_of_edges()", "15"),
    "tabulate": ("from tabulate import tabulate\nlen(tabulate([[1, 2]]).splitlines())", "3"),
    "tqdm": ("from tqdm.auto import tqdm\nsum(tqdm(range(5)))", "10"),
}


@pytest.mark.parametrize("package", LESSONS)
def test_sage_has_what_lessons_import_beside_it(client, package):
    code, value = LESSONS[package]
    outcome = client.run(code)
    assert not outcome.of_type("error"), outcome.error
    assert outcome.result == value


def test_plots_of_sage_have_labels_in_any_script(client):
    outcome = client.run("plot(x, (x, 0, 1), title='正弦 हिन्दी')")
    pictures = [
        content for content in outcome.of_type("display_data", "execute_result") if "image/png" in content["data"]
    ]
    assert len(pictures) == 1 and outcome.text("stderr") == ""


def test_sage_names_its_packages_and_the_file_that_adds_to_them(client):
    languages = client.http.get(f"{client.url}/languages").json()["languages"]
    named = next(language["packages"] for language in languages if language["name"] == "sage")
    assert {"passagemath-standard", "numpy", *LESSONS} <= set(named)
    assert "packages-sage.txt" in client.run("import torch").error["traceback"][-1]
