"""Interacts have SageMathCell's options: layout, places in the page, buttons, the interact as a parameter, and more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sage.controls import Controls, shown

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def controls(client) -> Iterator[Controls]:
    """A session for all of them."""
    controls = Controls(client)
    controls.run("None")
    yield controls
    client.end_session(controls.session)


def views(outcome) -> list[tuple[str, str | None]]:
    """Return what controls are shown: the model, and the place in the page or None."""
    contents = [content for content in outcome.of_type("display_data") if VIEW in content["data"]]
    return [(one["data"][VIEW]["model_id"], one["metadata"].get(VIEW, {}).get("location")) for one in contents]


def tree(controls: Controls, model: str) -> object:
    """Return the labels of what is in a model, as nested lists; what has no label is its kind."""
    state = controls.models[model]
    if "children" in state:
        return [tree(controls, child.removeprefix("IPY_MODEL_")) for child in state["children"]]
    return state.get("description") or state["_model_name"].removesuffix("Model")


@pytest.mark.parametrize(
    ("layout", "shows"),
    [
        ("None", [[], "a", "b", "c", "Output"]),
        ("[['a', 'b'], [('c', 2), None, '_output']]", [[], ["a", "b"], ["c", [], "Output"]]),
        ("[['_output'], ['c']]", [[], "Output", "c", "a", "b"]),
        ("{'top': [['a', 'b']], 'bottom': [['c']]}", [[], ["a", "b"], "Output", "c"]),
        ("{'left': [['a']], 'right': ['b'], 'bottom': [[('c', '10em'), '_bookmarks']]}",
         [[["a"], "Output", ["b"]], ["c", []]]),
    ],
)  # fmt: skip
def test_controls_stand_where_the_layout_says(controls, layout, shows):
    outcome = controls.run(f"@interact(layout={layout})\ndef f(a=1, b=2, c=3):\n    print(a, b, c)")
    ((root, place),) = views(outcome)
    assert (tree(controls, root), place) == (shows, None)


@pytest.mark.parametrize(
    ("locations", "places"),
    [
        ("True", ["#a", "#b", "#_output", "#_bookmarks"]),
        ("'my-'", ["#my-a", "#my-b", "#my-_output", "#my-_bookmarks"]),
        ("{'b': '.side > p'}", [None, ".side > p"]),
    ],
)
def test_what_stands_elsewhere_in_the_page_is_told_with_its_selector(controls, locations, places):
    outcome = controls.run(f"@interact(locations={locations})\ndef f(a=1, b=2):\n    print(a, b)")
    assert [place for _, place in views(outcome)] == places


def test_labels_and_what_cannot_be_moved(controls):
    code = "@interact(automatic_labels=False, readonly=True)\ndef f(n=slider(1, 9), m=('m is', 3)):\n"
    controls.run(code + "    print(n)")
    label = controls.models[controls.labelled("m is")]
    (slider,) = [state for state in controls.models.values() if state.get("max") == 9]
    assert (slider["description"], slider["tooltip"]) == ("", "n")
    assert slider["disabled"] and label["disabled"]


def test_controls_that_do_not_update_wait_for_one_that_does(controls):
    controls.run("@interact(update=['go'])\ndef waits(kept=(0, 9), go=(0, 9)):\n    print(kept, go)")
    assert shown(controls.move(controls.labelled("kept"), value=4)) == []
    assert shown(controls.move(controls.labelled("go"), value=2)) == ["4.0 2.0\n"]


def test_boxes_tell_of_each_key_only_where_that_is_asked_for(controls):
    code = "@interact\ndef f(each=InputBox('a', keypress=True), end=InputBox('b'), e=ExpressionBox('1')):\n"
    controls.run(code + "    print(e)")
    boxes = [controls.models[controls.labelled(name)] for name in ("each", "end", "e")]
    assert [box["continuous_update"] for box in boxes] == [True, False, False]


def test_buttons_have_their_value_for_the_run_that_they_cause(controls):
    code = "rows = matrix(QQ, [[1, 2], [3, 4]])\n@interact\ndef f(step=ButtonBar([(-3, 'subtract'), (0, 'nothing')], "
    code += "default=0, ncols=1), n=Button(default=1, value=2, text='double', label=' ')):\n"
    controls.run(code + "    rows.add_multiple_of_row(1, 0, step)\n    print(rows[1], n)")
    pressed = [controls.press(controls.labelled(text)) for text in ("subtract", "double", "nothing")]
    assert [shown(messages) for messages in pressed] == [["(0, -2) 1\n"], ["(0, -2) 2\n"], ["(0, -2) 1\n"]]


def test_a_pressed_button_of_a_selector_runs_the_function_again(controls):
    code = "runs = 0\n@interact\ndef f(k=selector(['x', 'y'], buttons=True)):\n    global runs\n    runs += 1\n"
    controls.run(code + "    print(k, runs)")
    model = controls.labelled("k")
    assert shown(controls.move(model, index=1)) == ["y 2\n"]
    assert [shown(controls.press(model)) for _ in range(2)] == [[], ["y 3\n"]]


def test_buttons_of_a_selector_stand_in_columns(controls):
    controls.run("@interact\ndef f(k=selector([1..6], ncols=3, width=8), r=selector([1..6], nrows=3)): print(k)")
    k, r = (controls.models[controls.labelled(name)] for name in "kr")
    layouts = [controls.models[state["layout"].removeprefix("IPY_MODEL_")] for state in (k, r)]
    assert "3 * (8ex" in layouts[0]["width"] and "2 * (" in layouts[1]["width"]


def test_the_interact_is_a_parameter_that_reads_sets_adds_and_removes_controls(controls):
    code = "@interact\ndef f(self, n=(0, 9), grid=input_grid(1, 2, 0), **more):\n    print(self._changed, n, more)\n"
    code += "    if n > 5 and 'extra' not in more:\n        self.extra = ('a choice', ['p', 'q'])\n"
    code += "    if n > 8:\n        self.n = 2\n        self.grid[0][1] = 7\n"
    code += "        del self.extra\n        self._update()"
    outcome = controls.run(code)
    assert outcome.text() == "['n', 'grid'] 0.0 {}\n"
    assert shown(controls.move(controls.labelled("n"), value=6)) == ["['n'] 6.0 {}\n"]
    assert shown(controls.move(controls.labelled("a choice"), index=1)) == ["['extra'] 6.0 {'extra': 'q'}\n"]
    said = shown(controls.move(controls.labelled("n"), value=9))
    assert said == ["['n'] 9.0 {'extra': 'q'}\n['n', 'grid', 'extra'] 2.0 {}\n"]
    assert controls.models[controls.beside("grid")[1]]["value"] == "7"
    assert controls.run("f.grid[0], f._state(), len(f.grid)").result == "([0, 7], {'n': 2.0, 'grid': [[0, 7]]}, 1)"


def test_a_bookmark_is_a_button_that_comes_back_to_a_state(controls):
    code = "@interact\ndef f(n=(1..9), e=x):\n    print(n, e)\nf._bookmark('here')\n"
    controls.run(code + "f._set_bookmarks('[[\"there\", {\"n\": 8}]]')")
    controls.move(controls.labelled("e"), value="x^2")
    assert shown(controls.press(controls.labelled("there"))) == ["8 x^2\n"]
    assert shown(controls.press(controls.labelled("here"))) == ["1 x\n"]


def test_interacts_within_interacts_go_when_the_outer_one_runs_again(controls):
    code = "shared = slider(1, 5, label='shared')\n@interact\ndef outer(n=(1..3)):\n    print('outer', n)\n"
    code += "    @interact(controls=[('x%d' % i, (0, 10)) for i in range(n)])\n    def inner(s=shared, **more):\n"
    controls.run(code + "        print(s, sum(more.values()))")
    made = len(controls.models)
    for index in (1, 2, 1, 2):
        said = shown(controls.move(controls.labelled("n"), index=index))
        assert said == [f"outer {index + 1}\n1 0.0\n"]
    assert len(controls.models) < made + 20
    assert shown(controls.move(controls.labelled("x2"), value=4)) == ["1 4.0\n"]
    assert shown(controls.move(controls.labelled("shared"), value=3)) == ["3 4.0\n"]


def test_an_interact_of_an_interact_and_of_a_lambda(controls):
    controls.run("def f(n=(1..3)):\n    print('f', n)\ng = interact(f)\nh = interact(g, n=['only', 'these'])")
    assert shown(controls.move(controls.labelled("n"), index=1)) == ["f these\n"]
    assert controls.run("interact(lambda n=5: print(n))").text() == "5\n"


WRONG = {
    "slider([])": "A slider over a list of values has 0 of them; it needs two or more.",
    "slider(5, 1)": "A slider from 5 to 1 is empty; its end has to be the larger one.",
    "slider(1, 5, 0)": "A slider's step is 0; it has to be more than 0.",
    "slider(1, 5, default='a')": "A slider's default is a; it has to be a number.",
    "range_slider(1, 5, default=3)": "A slider with two ends has the default 3; it needs two values.",
    "ContinuousSlider((3, 3))": "ContinuousSlider has the interval (3, 3); it needs two different numbers.",
    "selector([])": "A selector has no values to choose from; it needs at least one.",
    "Selector([1, 2], default=3)": "A selector cannot begin at 3; its values are 1, 2.",
    "input_grid(0, 2)": "A grid of 0 by 2 boxes cannot be made; it has from 1 to 400 of them.",
    "input_grid(2, 2, [1, 2, 3])": "What a grid begins with has not 2 rows of 2 values.",
    "MultiSlider(2, interval=[(0, 1)] * 3)": "MultiSlider has 2 sliders and interval for 3; it needs one or 2.",
    "ButtonBar([])": "A bar of buttons has no values; it needs at least one.",
    "(3, [1, 2])": "No control can be made for c: it cannot be 3: its values are 1, 2.",
    "(1, 5, 0)": "No control can be made for c: (1, 5, 0) is no range; it goes up, by a step of more than 0.",
    "GF(7)": "No control can be made for c: its default, Finite Field of size 7, cannot be typed into a box; "
             "give it as a choice: [Finite Field of size 7, …].",
}  # fmt: skip
WRONG_OPTIONS = {
    "layout=[['c', 'z']]": "The layout names z, which is no control of f; its controls are c.",
    "layout=[['c', 'c']]": "The layout and the locations name c twice; once is right.",
    "layout={'middle': []}": "The layout has the place middle; its places are top, bottom, left, right.",
    "layout=[[('c', 0)]]": "The layout gives c the width 0; it has to be more than 0.",
    "layout=5": "A layout is a list of rows, and a row a list of names; 5 is none.",
    "locations={'z': '#z'}": "The locations name z, which is no control of f.",
    "locations={'c': 5}": "The locations give c 5; a selector of the page is a text.",
    "update=['z']": "update names z, which is no control of f.",
    "controls=['c']": "The control c is given twice; once is right.",
    "controls=[('z', 1)]": "f has no parameter z, and so no control of this name.",
    "controls=[5]": "Controls are names, or pairs of a name and a control; 5 is none.",
}


def test_what_no_control_can_be_made_of_is_told_in_one_sentence(controls):
    code = "from traceback import format_exception_only\ndef tried(make):\n    try: make()\n"
    code += "    except Exception as error: print(type(error).__name__, error)\n"
    for control in WRONG:
        code += f"def one():\n    @interact\n    def f(c={control}): print(c)\ntried(one)\n"
    for options in WRONG_OPTIONS:
        code += f"def one():\n    @interact({options})\n    def f(c=1): print(c)\ntried(one)\n"
    said = controls.run(code).text().splitlines()
    assert said == [f"InteractError {sentence}" for sentence in (*WRONG.values(), *WRONG_OPTIONS.values())]


def test_an_error_of_an_interact_shows_no_file_of_ours(controls):
    error = controls.run("@interact(layout=[['z']])\ndef f(c=1): print(c)").error
    assert error["ename"] == "InteractError" and len(error["traceback"]) == 1


def test_a_box_that_holds_no_value_says_so_and_the_next_value_counts(controls):
    controls.run("@interact\ndef f(e=x, n=input_box(4, type=ZZ), M=matrix([[1, 2]])):\n    print(e, n, M)")
    (said,) = shown(controls.move(controls.labelled("e"), value="2*("))
    assert said.startswith("e is no value as it stands, '2*(': ") and said.count("\n") == 1
    controls.move(controls.labelled("e"), value="x^2")
    (said,) = shown(controls.move(controls.labelled("n"), value="1/2"))
    assert said.startswith("n is no value as it stands, '1/2': ") and "integer" in said
    controls.move(controls.labelled("n"), value="5")
    (said,) = shown(controls.move(controls.beside("M")[1], value="nobody"))
    assert said.startswith("M is no value as it stands, 'nobody': ")
    assert shown(controls.move(controls.beside("M")[1], value="3")) == ["x^2 5 [1 3]\n"]


def test_a_function_that_raises_says_at_which_values_and_goes_on(controls):
    outcome = controls.run("@interact\ndef inverse(n=(0..4)):\n    print(1 / n)\nprint('after')")
    assert outcome.text("stderr") == "inverse failed at n = 0.\n" and "after" in outcome.text()
    (error,) = outcome.of_type("error")
    assert error["ename"] == "ZeroDivisionError" and "running.py" not in "".join(error["traceback"])
    assert shown(controls.move(controls.labelled("n"), index=2)) == ["1/2\n"]


def test_an_interact_without_output_shows_its_errors_all_the_same(controls):
    controls.run("@interact(output=False)\ndef f(n=(0..4)):\n    print(1 / (n - 2))")
    said = shown(controls.move(controls.labelled("n"), index=2))
    assert said[-1][0] == "ZeroDivisionError"


def test_sages_own_interact_for_notebooks_and_its_library_work(controls):
    code = "from sage.repl.ipython_kernel.interact import interact as sages\n@sages\ndef f(n=(0, 10)): print(n)"
    assert controls.run(code).text() == "5\n"
    outcome = controls.run("interacts.demo()")
    assert outcome.of_type("error") == [] and views(outcome)


def test_a_session_without_an_interact_loads_nothing_for_it(client):
    code = "import sys\n[name for name in sys.modules if name.startswith(interacts_of_ours)], callable(interact)"
    outcome = client.run(f"interacts_of_ours = 'untrusted.languages.sage.interacts.'\n{code}")
    assert outcome.result == "([], True)"


def test_an_interact_is_shown_once_as_the_value_of_a_cell(controls):
    outcome = controls.run("def f(n=(1..3)):\n    print(n)\ng = interact(f)\ng")
    assert outcome.of_type("execute_result") == [] and len(views(outcome)) == 1
    assert controls.run("repr(g)").result == "'<interact f(n=1)>'"
