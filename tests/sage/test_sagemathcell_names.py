"""Names that SageMathCell adds to Sage are there, and do what they do there."""

from __future__ import annotations

import pytest

from tests.sage.test_display import bundles


@pytest.mark.parametrize("code", ["threejs(sphere())", "threejs(sphere() + cube(), viewer='tachyon', frame=False)"])
def test_threejs_shows_a_scene(client, code):
    (data,) = bundles(client.run(code))
    assert "three-sage-130.min.js" in data["text/html"]


def test_an_interact_is_called_like_its_function_and_holds_its_controls(client):
    code = "@interact\ndef f(n=(2..9), m=slider(0, 9, 1, default=3)):\n    'A sum.'\n    print('sum', n^2 + m)\n"
    code += "    return n + m\n"
    outcome = client.run(code + "print(f(10, m=1), f.n, f.m, f._state(), f.__name__, f.__doc__)")
    assert "sum 7" in outcome.text() and "11 2 3 {'n': 2, 'm': 3} f A sum." in outcome.text()


def test_an_interact_runs_again_with_what_its_controls_are_set_to(client):
    code = "@interact\ndef f(n=1, **more):\n    print('run', n, more)\n"
    again = "f.n = 5\nf.k = (7, 9)\nf._update()\ndel f.k\nf._update()\nf._state({'n': 2})\nprint(f._changed)"
    outcome = client.run(code + again)
    assert outcome.text().splitlines() == ["run 1 {}", "run 5 {'k': 7.0}", "run 5 {}", "['n']"]
    assert client.run(code + "f.other").error["evalue"] == "Interact has no control 'other'"


def test_a_first_parameter_without_a_default_is_the_interact_itself(client):
    outcome = client.run("@interact\ndef f(self, n=4):\n    print('n', self.n, n)\nf.n = 6\nf._update()")
    assert outcome.text().splitlines() == ["n 4 4", "n 6 6"]


@pytest.mark.parametrize(
    "head",
    [
        "@interact(controls=[('n', (3, 5)), 'm'])",
        "@interact([('n', (3, 5)), 'm'])",
        "@interact(controls=[('n', ContinuousSlider((3, 5))), 'm'], layout=[['n', 'm']])",
    ],
)
def test_controls_of_an_interact_may_be_listed_beside_it(client, head):
    outcome = client.run(f"{head}\ndef f(**more):\n    print(RDF(more['n']), more['m'])")
    assert outcome.text().splitlines() == ["3.0 0"]


CONTROLS = {
    "Checkbox(False)": "False",
    "InputBox('a')": "a",
    "ExpressionBox('2^3')": "8",
    "InputGrid(1, 2, default=[[1, 2]])": "[[1, 2]]",
    "Selector([(1, 'one'), (2, 'two')], default=2)": "2",
    "Selector(values=['a', 'b'], selector_type='radio', label=' ')": "a",
    "DiscreteSlider([1, 2, 3], 2)": "2",
    "DiscreteSlider([1, 2, 3], range_slider=True)": "(1, 3)",
    "ContinuousSlider((1, 3))": "1.0",
    "MultiSlider(sliders=2, interval=[(0, 10)]*2, default=[3])": "[3.0, 3.0]",
    "ColorSelector('#ff0000')": "RGB color (1.0, 0.0, 0.0)",
    "Button(text='Go', default=0, value=1)": "0",
    "ButtonBar(values=[(1, 'up'), (-1, 'down')], default=0)": "0",
    "HtmlBox('<b>b</b>')": "<b>b</b>",
    "UpdateButton()": "",
}


def test_an_interact_may_use_sagemathcells_own_controls(client):
    names = ", ".join(f"c{at}={control}" for at, control in enumerate(CONTROLS))
    body = "; ".join(f"print('value', c{at})" for at in range(len(CONTROLS)))
    outcome = client.run(f"@interact\ndef f({names}):\n    {body}")
    assert outcome.of_type("error") == []
    assert outcome.text().splitlines() == [f"value {value}" for value in CONTROLS.values()]


def test_cython_is_compiled_and_its_functions_can_be_called(client):
    code = "%%cython\ndef double(int n):\n    return 2 * n\ncpdef long long total(int n):\n    cdef long long s = 0\n"
    code += "    cdef int i\n    for i in range(n):\n        s += i\n    return s"
    session = client.run(code, keep=True)
    assert session.of_type("error") == [], session.messages[-4:]
    outcome = client.run("double(21), total(10^6)", session=session.description["session"])
    assert outcome.result == "(42, 499999500000)"
