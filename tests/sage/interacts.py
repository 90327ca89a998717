"""Lists interacts as courses have them, what moves their controls, and the calls that show the same.

Each begins as ``first`` says and, when its moves are made, shows what ``then`` says. A move is the label of a control,
or the label and the place of a part of it, and the state that a page would send; the text on a button alone presses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Move = str | tuple[str, dict[str, Any]] | tuple[str, int, dict[str, Any]]


@dataclass(frozen=True)
class Interact:
    """An interact: its topic and name, its code, and what moving its controls has to show."""

    topic: str
    name: str
    code: str
    first: str
    moves: tuple[Move, ...]
    then: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.name}"


CALCULUS = [
    Interact(
        "calculus", "tangent line",
        "@interact\ndef tangent(f=sin(x), x0=(1, (-3, 3))):\n"
        "    line = f(x=x0) + diff(f, x)(x=x0) * (x - x0)\n"
        "    show(plot([f, line], (x, -3, 3), figsize=2))\n    print(line)",
        "tangent(sin(x), 1.0r)", (("f", {"value": "x^3 - x"}), ("x0", {"value": 0.5})), "tangent(x^3 - x, 0.5r)",
    ),
    Interact(
        "calculus", "Riemann sum",
        "@interact\ndef riemann(f=input_box(x^2, label='f(x)'), n=slider(1, 50, 1, 4, 'rectangles'),\n"
        "            ends=range_slider(0, 10, 1, (0, 3), 'from, to'),\n"
        "            where=selector(['left', 'right', 'middle'], 'height at')):\n"
        "    a, b = ends\n    h = (b - a) / n\n    shift = {'left': 0, 'right': h, 'middle': h / 2}[where]\n"
        "    print(sum(f(x=a + i * h + shift) * h for i in range(n)), integral(f, x, a, b))",
        "riemann(x^2, 4, (0, 3), 'left')",
        (("rectangles", {"value": 6}), ("from, to", {"value": [1, 4]}), ("height at", {"index": 2})),
        "riemann(x^2, 6, (1, 4), 'middle')",
    ),
    Interact(
        "calculus", "Taylor polynomial",
        "@interact\ndef taylor_at(f=('function', exp(x)), order=[1..12], x0=('at', (0, (-1, 1, 1/2)))):\n"
        "    show(taylor(f, x, x0, order))",
        "taylor_at(exp(x), 1, 0)",
        (("order", {"index": 3}), ("at", {"index": 3}), ("function", {"value": "cos(x)"})),
        "taylor_at(cos(x), 4, 1/2)",
    ),
    Interact(
        "calculus", "Newton's method",
        "@interact\ndef newton(f=InputBox('x^2 - 2', label='f'), start=ContinuousSlider((1, 5), stepsize=0.5),\n"
        "           steps=DiscreteSlider([1..8], 3), auto_update=False):\n"
        "    g = SR(f)\n    a = RDF(start)\n"
        "    for _ in range(steps):\n        a = a - RDF(g(x=a) / diff(g, x)(x=a))\n    print(a)",
        "newton('x^2 - 2', 1.0, 3)",
        (("f", {"value": "x^3 - 5"}), ("start", {"value": 2.5}), ("steps", {"index": 5}), "Update"),
        "newton('x^3 - 5', 2.5, 6)",
    ),
    Interact(
        "calculus", "secant and difference quotient",
        "@interact\ndef secant(h=slider([1, 1/2, 1/4, 1/8, 1/16])):\n    print(((1 + h)^3 - 1) / h)",
        "secant(1)", (("h", {"index": 4}),), "secant(1/16)",
    ),
    Interact(
        "calculus", "area between two curves",
        "@interact\ndef between(f=x, g=x^2, colour=Color('green')):\n"
        "    print(integral(abs(f - g), x, 0, 1))\n"
        "    show(plot([f, g], (x, 0, 1), fill={0: [1]}, fillcolor=colour, figsize=2))",
        "between(x, x^2, Color('green'))",
        (("g", {"value": "x^3"}), ("colour", {"value": "#ff0000"})), "between(x, x^3, Color('#ff0000'))",
    ),
    Interact(
        "calculus", "limit of a sequence",
        "@interact\ndef within(eps=slider(1/100, 1/10, 1/100, 1/10, 'epsilon')):\n"
        "    print('from n =', next(n for n in [1..200] if 1/n < eps))",
        "within(1/10)", (("epsilon", {"index": 1}),), "within(1/50)",
    ),
    Interact(
        "calculus", "slope field",
        "@interact\ndef field(rhs=('right-hand side', sin(x)), density=(10, [5, 10, 15]), show_field=True):\n"
        "    y = var('y')\n    p = plot_slope_field(rhs, (x, -2, 2), (y, -2, 2), plot_points=density)\n"
        "    show(p if show_field else point((0, 0)), figsize=2)",
        "field(sin(x), 10, True)", (("density", {"index": 0}), ("show_field", {"value": False})),
        "field(sin(x), 5, False)",
    ),
    Interact(
        "calculus", "partial sums of a Fourier series",
        "@interact\ndef fourier(terms=(1..9)):\n"
        "    return plot(sum(sin((2*k + 1)*x)/(2*k + 1) for k in range(terms)), (x, -3, 3), figsize=2)",
        "fourier(1)", (("terms", {"index": 4}),), "fourier(5)",
    ),
]  # fmt: skip
LINEAR_ALGEBRA = [
    Interact(
        "linear algebra", "solution of a system",
        "@interact\ndef solve_system(A=input_grid(2, 2, [[1, 7], [3, 4]], 'A =', matrix),\n"
        "                 b=input_grid(2, 1, [1, 2], 'b =', matrix)):\n    print(A.solve_right(b))",
        "solve_system(matrix([[1, 7], [3, 4]]), matrix(2, 1, [1, 2]))",
        (("A =", 1, {"value": "1/2"}), ("b =", 0, {"value": "5"})),
        "solve_system(matrix([[1, 1/2], [3, 4]]), matrix(2, 1, [5, 2]))",
    ),
    Interact(
        "linear algebra", "determinant of a matrix given as a default",
        "@interact\ndef determinant(M=matrix(QQ, [[2, 1], [1, 2]])):\n    show(M)\n    print(M.det(), M.eigenvalues())",
        "determinant(matrix(QQ, [[2, 1], [1, 2]]))", (("M", 2, {"value": "5"}),),
        "determinant(matrix(QQ, [[2, 1], [5, 2]]))",
    ),
    Interact(
        "linear algebra", "projection of a vector",
        "@interact\ndef projection(u=vector([1, 2, 2]), v=vector(QQ, [3, 0, 4])):\n"
        "    print(u.dot_product(v) / v.dot_product(v) * v)",
        "projection(vector([1, 2, 2]), vector(QQ, [3, 0, 4]))", (("v", 1, {"value": "7/2"}),),
        "projection(vector([1, 2, 2]), vector(QQ, [3, 7/2, 4]))",
    ),
    Interact(
        "linear algebra", "linear maps of a square",
        "@interact\ndef maps(kind=selector(['turn', 'shear', 'mirror'], buttons=True, label='map'), k=(0, 2)):\n"
        "    A = {'turn': matrix([[cos(k), -sin(k)], [sin(k), cos(k)]]), 'shear': matrix([[1, k], [0, 1]]),\n"
        "         'mirror': matrix([[-1, 0], [0, 1]])}[kind]\n"
        "    show(polygon([A * vector(p) for p in [(0, 0), (1, 0), (1, 1), (0, 1)]], figsize=2))",
        "maps('turn', 0.0r)", (("map", {"index": 1}), ("k", {"value": 1.2})), "maps('shear', 1.2r)",
    ),
    Interact(
        "linear algebra", "characteristic polynomials over rings",
        "@interact\ndef charpolys(R=selector([ZZ, QQ, GF(7)], label='ring'), n=(2, [1..4])):\n"
        "    print(matrix(R, n, n, lambda i, j: i + 2*j + 1).charpoly('t'))",
        "charpolys(ZZ, 2)", (("ring", {"index": 2}), ("n", {"index": 2})), "charpolys(GF(7), 3)",
    ),
    Interact(
        "linear algebra", "weights of several vectors",
        "@interact\ndef weigh(c=MultiSlider(sliders=3, interval=[(0, 10)], stepsize=[0.5], default=[1],\n"
        "                        label='weights')):\n"
        "    print(c[0] * vector([1, 0]) + c[1] * vector([0, 1]) + c[2] * vector([1, 1]))",
        "weigh([1.0r] * 3)", (("weights", 1, {"value": 4.5}),), "weigh([1.0r, 4.5r, 1.0r])",
    ),
]  # fmt: skip
NUMBER_THEORY = [
    Interact(
        "number theory", "primes up to a bound",
        "@interact\ndef count(n=slider(10, 1000, 10, 100)):\n    print(prime_pi(n), previous_prime(n))",
        "count(100)", (("n", {"value": 370}),), "count(370)",
    ),
    Interact(
        "number theory", "factors of a number",
        "@interact\ndef factors(n=input_box(2024, 'n', type=ZZ)):\n    show(factor(n))",
        "factors(2024)", (("n", {"value": "2^67 - 1"}),), "factors(2^67 - 1)",
    ),
    Interact(
        "number theory", "table of a modulus",
        "@interact\ndef modulus(m=(7, (2..12)), op=Selector(['+', '*'], selector_type='radio', label='operation')):\n"
        "    R = IntegerModRing(m)\n"
        "    print(R.addition_table('digits') if op == '+' else R.multiplication_table('digits'))",
        "modulus(7, '+')", (("m", {"index": 2}), ("operation", {"index": 1})), "modulus(4, '*')",
    ),
    Interact(
        "number theory", "greatest common divisor",
        "@interact\ndef gcds(a=IntSlider(240, 1, 300), b=(46, [1..50])):\n    print(xgcd(Integer(a), b))",
        "gcds(240, 46)", (("a", {"value": 105}), ("b", {"index": 29})), "gcds(105, 30)",
    ),
    Interact(
        "number theory", "continued fractions",
        "@interact\ndef fractions(number=ExpressionBox('pi'), terms=slider([1..10], default=4)):\n"
        "    print(continued_fraction(number).convergents()[:terms])",
        "fractions(pi, 4)", (("number", {"value": "sqrt(7)"}), ("terms", {"index": 5})), "fractions(sqrt(7), 6)",
    ),
    Interact(
        "number theory", "Collatz",
        "@interact\ndef collatz(n=('begin at', 6)):\n    path = [n]\n    while path[-1] != 1:\n"
        "        path.append(path[-1] // 2 if path[-1] % 2 == 0 else 3*path[-1] + 1)\n    print(path)",
        "collatz(6)", (("begin at", {"value": "11"}),), "collatz(11)",
    ),
    Interact(
        "number theory", "a cipher",
        "@interact\ndef caesar(text=InputBox('VENI', keypress=True), key=(3, (0, 25, 1)),\n"
        "           back=Checkbox(False, 'decipher')):\n"
        "    print(''.join(chr((ord(c) - 65 + (-key if back else key)) % 26 + 65) for c in text))",
        "caesar('VENI', 3, False)", (("text", {"value": "VIDI"}), ("key", {"index": 13})), "caesar('VIDI', 13, False)",
    ),
    Interact(
        "number theory", "points of an elliptic curve",
        "@interact\ndef curve(a=selector([1..5], nrows=1, label='a'), p=[5, 7, 11, 13, 17, 19]):\n"
        "    print(EllipticCurve(GF(p), [a, 1]).cardinality())",
        "curve(1, 5)", (("a", {"index": 4}), ("p", {"index": 3})), "curve(5, 13)",
    ),
]  # fmt: skip
STATISTICS = [
    Interact(
        "statistics", "area under the normal curve",
        "@interact\ndef normal(z=range_slider(-4.0, 4.0, 0.5, (-1.0, 1.0))):\n"
        "    T = RealDistribution('gaussian', 1)\n    low, high = z\n"
        "    print(round(T.cum_distribution_function(high) - T.cum_distribution_function(low), 6))",
        "normal((-1.0, 1.0))", (("z", {"value": [-2.0, 1.5]}),), "normal((-2.0, 1.5))",
    ),
    Interact(
        "statistics", "binomial distribution",
        "@interact\ndef binomials(n=(5..20), p=(1/2, (1/10, 9/10, 1/10))):\n"
        "    chances = [binomial(n, k) * p^k * (1 - p)^(n - k) for k in [0..n]]\n"
        "    show(bar_chart(chances, figsize=2))\n    print(chances[:3])",
        "binomials(5, 1/2)", (("n", {"index": 3}), ("p", {"index": 1})), "binomials(8, 1/5)",
    ),
    Interact(
        "statistics", "line of best fit",
        "@interact\ndef fit(data=InputBox('1,2;2,3;3,5', height=3), colour=color_selector('purple', label='line')):\n"
        "    points = [tuple(QQ(n) for n in row.split(',')) for row in data.split(';')]\n"
        "    a, b = var('a b')\n    m(x) = a*x + b\n"
        "    print([round(RDF(s.rhs()), 4) for s in find_fit(points, m)], colour)",
        "fit('1,2;2,3;3,5', Color('purple'))",
        (("data", {"value": "0,0;1,1;2,4"}), ("line", {"value": "#0000ff"})), "fit('0,0;1,1;2,4', Color('blue'))",
    ),
]  # fmt: skip
INTERACTS = [*CALCULUS, *LINEAR_ALGEBRA, *NUMBER_THEORY, *STATISTICS]
