"""The packages that lessons import are there, and each does in a cell what a lesson asks of it."""

from __future__ import annotations

import json

import pytest

from tests.client import Outcome

PNG, VEGA_LITE = "image/png", "application/vnd.vegalite.v6+json"
# package: a cell, and the text of its value
LESSONS = {
    "altair": (
        """import altair as alt, pandas as pd
chart = alt.Chart(pd.DataFrame({"x": [1, 2], "y": [3, 4]})).mark_bar().encode(x="x:Q", y="y:Q")
chart.to_dict()["mark"]["type"]""",
        "'bar'",
    ),
    "beautifulsoup4": (
        """from bs4 import BeautifulSoup
[a["href"] for a in BeautifulSoup("<p><a href='/one'>1</a><a href='/two'>2</a>", "html.parser").find_all("a")]""",
        "['/one', '/two']",
    ),
    "folium": (
        """import folium
page = folium.Map(location=[52.5, 13.4], zoom_start=12).get_root().render()
"52.5" in page and "leaflet" in page""",
        "True",
    ),
    "imageio": (
        """import imageio.v3 as iio, numpy as np
iio.imwrite("ramp.png", np.arange(12, dtype=np.uint8).reshape(3, 4))
iio.imread("ramp.png").shape, int(iio.imread("ramp.png").sum())""",
        "((3, 4), 66)",
    ),
    "imageio-ffmpeg": (
        """import imageio, numpy as np
with imageio.get_writer("film.mp4", fps=10) as film:
    for shade in range(0, 200, 20):
        film.append_data(np.full((64, 64, 3), shade, np.uint8))
sum(1 for _frame in imageio.get_reader("film.mp4"))""",
        "10",
    ),
    "lxml": (
        """import io, pandas as pd
table = pd.read_html(io.StringIO("<table><tr><th>n<th>sq</tr><tr><td>2<td>4</tr><tr><td>3<td>9</tr></table>"))[0]
int(table["sq"].sum())""",
        "13",
    ),
    "networkx": (
        """import networkx as nx
G = nx.karate_club_graph()
nx.shortest_path_length(G, 16, 25), nx.is_connected(G), max(dict(G.degree()).values())""",
        "(4, True, 17)",
    ),
    "nltk": (
        """import nltk
words = nltk.wordpunct_tokenize("The cats were running; the cat ran.")
nltk.FreqDist(word.lower() for word in words).most_common(1), nltk.PorterStemmer().stem("running")""",
        "([('the', 2)], 'run')",
    ),
    "openpyxl": (
        """import pandas as pd
pd.DataFrame({"n": [1, 2, 3]}).to_excel("numbers.xlsx", index=False)
int(pd.read_excel("numbers.xlsx")["n"].sum())""",
        "6",
    ),
    "pillow": (
        """from PIL import Image
picture = Image.new("RGB", (4, 2), "red").rotate(90, expand=True)
picture.size, picture.getpixel((0, 0))""",
        "((2, 4), (255, 0, 0))",
    ),
    "polars": (
        """import polars as pl
frame = pl.DataFrame({"kind": ["a", "b", "a"], "n": [1, 2, 3]})
frame.lazy().group_by("kind").agg(pl.col("n").sum()).sort("kind").collect().rows()""",
        "[('a', 4), ('b', 2)]",
    ),
    "requests": (
        """import requests
requests.Request("GET", "https://example.org/search", params={"q": "π"}).prepare().url""",
        "'https://example.org/search?q=%CF%80'",
    ),
    "rich": (
        """from rich.table import Table
from rich.console import Console
table = Table("n", "square")
table.add_row("3", "9")
console = Console(width=40, record=True)
console.print(table)
"square" in console.export_text()""",
        "True",
    ),
    "scikit-learn": (
        """from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
X, y = load_iris(return_X_y=True)
scores = cross_val_score(RandomForestClassifier(20, random_state=0, n_jobs=2), X, y, cv=3)
bool(scores.mean() > 0.9)""",
        "True",
    ),
    "seaborn": (
        """import seaborn as sns, pandas as pd
sns.set_theme()
axes = sns.barplot(pd.DataFrame({"day": ["Mo", "Tu"], "n": [3, 5]}), x="day", y="n")
[float(bar.get_height()) for bar in axes.patches]""",
        "[3.0, 5.0]",
    ),
    "statsmodels": (
        """import numpy as np, statsmodels.api as sm
x = np.arange(10.0)
[float(round(value, 6)) for value in sm.OLS(1 + 2 * x, sm.add_constant(x)).fit().params]""",
        "[1.0, 2.0]",
    ),
    "tabulate": (
        """import pandas as pd
pd.DataFrame({"n": [1]}).to_markdown(index=False)""",
        "'|   n |\\n|----:|\\n|   1 |'",
    ),
    "tqdm": (
        """from tqdm.auto import tqdm
sum(tqdm(range(5)))""",
        "10",
    ),
}  # fmt: skip


def shown(outcome: Outcome, kind: str) -> list:
    """Return what was shown of a MIME type."""
    bundles = [content["data"] for content in outcome.of_type("display_data", "execute_result")]
    return [bundle[kind] for bundle in bundles if kind in bundle]


@pytest.mark.parametrize("package", LESSONS)
def test_a_lesson_with_this_package_comes_to_its_right_value(client, package):
    code, value = LESSONS[package]
    outcome = client.run(code)
    assert outcome.state == "done", outcome.description
    assert not outcome.of_type("error"), outcome.error
    assert outcome.result == value


def test_processes_and_threads_of_scikit_learn_work_in_a_session(client):
    code = """from joblib import Parallel, delayed
import os
print(sorted(Parallel(n_jobs=2)(delayed(pow)(n, 2) for n in range(4))))
print(sorted(Parallel(n_jobs=2, prefer="threads")(delayed(pow)(n, 3) for n in range(4))))"""
    outcome = client.run(code)
    assert outcome.text() == "[0, 1, 4, 9]\n[0, 1, 8, 27]\n" and outcome.text("stderr") == ""


def test_a_drawing_of_a_graph_and_one_of_seaborn_are_pictures(client):
    graph = client.run("import networkx as nx\nnx.draw(nx.petersen_graph(), with_labels=True)")
    assert len(shown(graph, PNG)) == 1
    plot = client.run("import seaborn as sns\nsns.lineplot(x=[1, 2], y=[3, 4])")
    assert len(shown(plot, PNG)) == 1


@pytest.mark.parametrize("enabled", ["", "alt.renderers.enable('html')\n", "alt.renderers.enable('mimetype')\n"])
def test_a_chart_of_altair_comes_as_its_specification(client, enabled):
    code = f"import altair as alt, pandas as pd\n{enabled}"
    code += "alt.Chart(pd.DataFrame({'x': [1, 2]})).mark_point().encode(x='x:Q').properties(title='Points')"
    outcome = client.run(code)
    (chart,) = shown(outcome, VEGA_LITE)
    assert chart["title"] == "Points" and chart["encoding"]["x"]["field"] == "x"
    assert "<script" not in json.dumps(outcome.messages)


def test_options_of_a_display_of_altair_come_with_it(client):
    code = "import altair as alt\nalt.Chart().mark_point().display(actions=False)"
    (content,) = client.run(code).of_type("display_data")
    assert content["metadata"][VEGA_LITE] == {"actions": False}


def test_a_picture_that_a_reader_asks_altair_for_stays_their_choice(client):
    outcome = client.run("import altair as alt\nalt.renderers.enable('json')\nalt.Chart().mark_point()")
    assert shown(outcome, "application/json") and not shown(outcome, VEGA_LITE)


SCRIPTS = {
    "Chinese": "中文", "Japanese": "日本語の", "Korean": "한국어", "Hindi": "हिन्दी", "Arabic": "العربية",
    "Bengali": "বাংলা", "Tamil": "தமிழ்", "Thai": "ภาษาไทย", "Hebrew": "עברית", "Armenian": "հայերեն",
    "Georgian": "ქართული", "Russian": "Русский", "Amharic": "አማርኛ", "emoji": "😀🚀",
}  # fmt: skip


def test_figures_have_labels_in_any_script_and_no_boxes(client):
    code = f"""import io, matplotlib.pyplot as plt
def picture(text, **options):
    figure = plt.figure()
    figure.text(0.1, 0.5, text, **options)
    figure.savefig(file := io.BytesIO(), metadata={{"Software": None}})
    plt.close(figure)
    return file.getvalue()
for name, text in {SCRIPTS!r}.items():
    for options in ({{}}, {{"weight": "bold"}}, {{"family": "serif"}}):
        # Boxes are all alike.
        if picture(text[0], **options) == picture(text[1], **options) or picture(text) == picture(text[::-1]):
            print(name, options)"""
    outcome = client.run(code)
    assert outcome.state == "done" and (outcome.text(), outcome.text("stderr")) == ("", "")


@pytest.mark.parametrize("font", ["SimHei", "Malgun Gothic", "MS Gothic"])
def test_a_font_that_a_lesson_names_because_its_author_has_it_is_no_complaint(client, font):
    code = "import matplotlib.pyplot as plt\n"
    code += f"plt.rcParams['font.sans-serif'] = ['{font}']\nplt.plot([1, 2])\nplt.title('正弦 사인');"
    outcome = client.run(code)
    assert len(shown(outcome, PNG)) == 1 and outcome.text("stderr") == ""


def test_a_package_that_is_not_here_says_how_an_author_gets_it(client):
    last = client.run("import torch").error["traceback"][-1]
    assert last == (
        "torch is neither a file of this session nor installed on this server; if it is a package, the author of this "
        "page can ask the server's operator to add the line torch to packages.txt."
    )


def test_the_list_of_languages_names_the_packages_with_their_versions(client):
    languages = client.http.get(f"{client.url}/languages").json()["languages"]
    named = next(language["packages"] for language in languages if language["name"] == "python")
    assert set(LESSONS) <= set(named)
    code = f"from importlib.metadata import version\n{{name: version(name) for name in {list(named)}}} == {named}"
    assert client.run(code).result == "True"
