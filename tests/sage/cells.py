"""List cells as textbooks have them: topic, name, code. What the installed Sage says of them is right."""

from __future__ import annotations

from dataclasses import dataclass

CALCULUS = {
    "derivative": "f(x) = x^3 * exp(-x)\nf.diff(x)",
    "higher derivative": "diff(sin(x^2), x, 3)",
    "antiderivative": "integrate(x^2 * sin(x), x)",
    "improper integral": "integrate(exp(-x^2), x, -oo, oo)",
    "numerical integral": "numerical_integral(sin(x)/x, 1, 2)[0]",
    "limit": "limit((1 + 1/x)^x, x=oo)",
    "one-sided limit": "lim(1/x, x=0, dir='-')",
    "Taylor polynomial": "taylor(log(1 + x), x, 0, 6)",
    "sum of a series": "k = var('k')\nsum(1/k^2, k, 1, oo)",
    "partial fractions": "(1/(x^3 - x)).partial_fraction(x)",
    "gradient": "var('x y')\ng(x, y) = x^2*y + sin(y)\ng.gradient()",
    "Jacobian": "r, t = var('r t')\njacobian([r*cos(t), r*sin(t)], (r, t))",
    "equation": "solve(x^2 - x - 1 == 0, x)",
    "system of equations": "var('x y')\nsolve([x + y == 3, x - y == 1], x, y)",
    "root": "find_root(cos(x) == x, 0, 1)",
    "assumption": "a = var('a')\nassume(a > 0)\nintegrate(exp(-a*x), x, 0, oo)",
    "differential equation": "t = var('t')\nx = function('x')(t)\ndesolve(diff(x, t) + x == 1, [x, t])",
    "Laplace transform": "t, s = var('t s')\nlaplace(t^2 * exp(2*t), t, s)",
    "simplification": "(sin(x)^2 + cos(x)^2).simplify_trig()",
    "substitution": "(x^2 + 1).subs(x=3), (x^2 + 1)(x=1/2)",
    "decimal digits": "N(pi, digits=40)",
}
LINEAR_ALGEBRA = {
    "matrix": "matrix(QQ, [[1, 2], [3, 4]])",
    "inverse": "~matrix(QQ, [[2, 1], [5, 3]])",
    "determinant": "A = matrix(3, 3, [1..9])\nA.det(), A.rank(), A.trace()",
    "echelon form": "matrix(QQ, 3, 4, [1..12]).rref()",
    "eigenvalues": "matrix([[2, 1], [1, 2]]).eigenvalues()",
    "eigenvectors": "matrix(QQ, [[4, 1], [2, 3]]).eigenvectors_right()",
    "characteristic polynomial": "matrix(ZZ, [[0, 1], [1, 1]]).charpoly('t')",
    "solution": "A = matrix(QQ, [[1, 2], [3, 4]])\nA.solve_right(vector([5, 6]))",
    "kernel": "matrix(ZZ, [[1, 2, 3], [4, 5, 6]]).right_kernel()",
    "vectors": "u = vector([1, 2, 3])\nv = vector([4, 5, 6])\nu.dot_product(v), u.cross_product(v), u.norm()",
    "Jordan form": "matrix(QQ, [[3, 1], [-1, 1]]).jordan_form(subdivide=False)",
    "numerical matrix": "matrix(RDF, [[4, 2], [2, 3]]).cholesky().round(6)",
    "block matrix": "block_matrix([[identity_matrix(2), 0], [1, 2*identity_matrix(2)]])",
    "list of matrices": "[matrix(2, [1, 2, 3, 4]), matrix(2, [0, 1, 1, 0])]",
}
NUMBER_THEORY = {
    "power": "2^100",
    "fraction": "1/3 + 1/6",
    "raw number": "0.1r + 0.2r",
    "factorisation": "factor(2^101 - 1)",
    "primes": "list(primes(50))",
    "next prime": "next_prime(10^30)",
    "greatest common divisor": "xgcd(240, 46)",
    "modular power": "power_mod(3, 10^20, 10^9 + 7), Mod(2, 101)^-1",
    "Chinese remainders": "crt([2, 3, 2], [3, 5, 7])",
    "Euler's function": "euler_phi(360), sigma(28), moebius(30)",
    "continued fraction": "list(continued_fraction(sqrt(2)).convergents()[:6])",
    "quadratic residues": "quadratic_residues(23)",
    "discrete logarithm": "discrete_log(Mod(5, 23)^7, Mod(5, 23))",
    "elliptic curve": "E = EllipticCurve([0, 0, 1, -1, 0])\nE.rank(), E.conductor(), E.torsion_subgroup().order()",
    "rank": "EllipticCurve([0, 1]).rank()",
    "number field": "K.<a> = NumberField(x^2 + 5)\nK.class_number(), K.ideal(2).factor()",
    "p-adic number": "Qp(5, 8)(1/3)",
}
ALGEBRA = {
    "polynomial ring": "R.<x, y> = QQ[]\n(x + y)^3",
    "factored polynomial": "R.<t> = ZZ[]\nfactor(t^6 - 1)",
    "Groebner basis": "R.<x, y> = QQ[]\nI = ideal(x^2 + y^2 - 4, x*y - 1)\nI.groebner_basis(), I.dimension()",
    "finite field": "F.<a> = GF(2^4)\n[a^i for i in range(5)], a.minpoly()",
    "symmetric group": "G = SymmetricGroup(4)\nG.order(), G.is_abelian(), len(G.conjugacy_classes())",
    "permutation": "g = PermutationGroupElement('(1,2,3)(4,5)')\ng^2, g.order()",
    "subgroups": "[H.order() for H in DihedralGroup(4).subgroups()]",
    "table of characters": "AlternatingGroup(4).character_table()",
    "resultant": "R.<x, y> = QQ[]\n(x^2 + y^2 - 1).resultant(x - y, x)",
    "quotient ring": "R.<x> = QQ[]\nS.<c> = R.quotient(x^2 + 1)\nc^2, (1 + c)^-1",
}
COMBINATORICS = {
    "binomials": "[binomial(6, k) for k in [0..6]]",
    "partitions": "Partitions(5).list()",
    "number of partitions": "number_of_partitions(100)",
    "permutations": "Permutations(3).list()",
    "Catalan numbers": "[catalan_number(n) for n in range(8)]",
    "tableaux": "StandardTableaux([2, 2]).list()",
    "generating function": "R.<z> = PowerSeriesRing(QQ, default_prec=8)\n1/(1 - z - z^2)",
    "set partitions": "SetPartitions(3).cardinality(), stirling_number2(5, 2)",
    "Pascal's triangle": "for n in range(5):\n    print([binomial(n, k) for k in range(n + 1)])",
}
GRAPHS = {
    "chromatic number": "graphs.PetersenGraph().chromatic_number()",
    "coloring": "sorted(sorted(c) for c in graphs.CycleGraph(6).coloring())",
    "shortest path": "graphs.GridGraph([3, 3]).shortest_path((0, 0), (2, 2), algorithm='BFS')[::4]",
    "spanning trees": "graphs.CompleteGraph(5).spanning_trees_count()",
    "automorphisms": "graphs.PetersenGraph().automorphism_group().order()",
    "planarity": "graphs.CompleteGraph(5).is_planar(), graphs.CubeGraph(3).is_planar()",
    "adjacency matrix": "graphs.PathGraph(4).adjacency_matrix()",
    "flow": "D = DiGraph({0: {1: 3, 2: 2}, 1: {3: 2}, 2: {3: 4}})\nD.flow(0, 3)",
}
STATISTICS = {
    "mean and deviation": "import numpy\nv = numpy.array([1, 2, 3, 4, 10])\nRDF(v.mean()), RDF(v.std(ddof=1r)).n(30)",
    "normal distribution": "T = RealDistribution('gaussian', 1)\nT.cum_distribution_function(1.96).n(digits=10)",
    "seeded numbers": "set_random_seed(7)\n[randint(1, 6) for _ in range(10)], round(random(), 8)",
    "seeded matrix": "set_random_seed(11)\nrandom_matrix(ZZ, 3, x=-5, y=5)",
    "least squares": "var('a b')\nm(x) = a*x + b\nfind_fit([(0, 1), (1, 3), (2, 5)], m)",
    "histogram counts": "from scipy import stats\nround(stats.binom(10, 0.5r).pmf(5r), 8)",
    "Markov chain": "P = matrix(QQ, [[9/10, 1/10], [1/2, 1/2]])\n(P - 1).left_kernel().basis()[0]",
}
# What the preparser could take for something else.
PREPARSER = {
    "powers in strings": '\'2^3\', \'[1..3]\', """a\\n2^3"""',
    "powers in formatted strings": "f'{2^3}'",
    "strings over lines": "s = 'ab\\\n^c'\ns",
    "tabs": "for i in [1..3]:\n\tprint(i^2)",
    "names that are not ASCII": "α = 3\nΩ = var('Ω')\nα^2, integrate(Ω^2, Ω)",
    "a generator that is not ASCII": "R.<α> = QQ[]\nα^2 + R.0",
    "a line that begins with %": "v = (17\n% 5)\nv",
    "a remainder beside %": "17 %5, 17%5",
    "a line that goes on": "a, b = 2^3, \\\n    3^2\na + b",
    "literals": "1_000 + 0x1F + 0b11, 1e3, .5, 5., 2^-1, 1/3r, 7r/2r",
    "methods of literals": "10.factor(), 2.sqrt(), 1.5.floor()",
    "exclusive or and **": "5 ^^ 3, 2**3",
    "ranges": "[1,3..9], list((1..4)), [x^2 for x in [1..3]]",
    "a function with a comment": "f(x, y) = x^2*y  # 2^3\nf(2, 3)",
    "a docstring": "def f(n):\n    '''Says 2^n.'''\n    return 2^n\nf(3), f.__doc__",
    "two statements in a line": "print(2^3); 3^2",
    "sets and dictionaries": "{2^3: 3^2}, {1/2, 2/4}",
}
# Values of these are pictures.
PLOTS = {
    "function": "plot(sin, (0, 6))",
    "two curves": "plot(sin(x), (x, -pi, pi)) + plot(cos(x), (x, -pi, pi), color='red', linestyle='--')",
    "parametric curve": "t = var('t')\nparametric_plot((cos(3*t), sin(2*t)), (t, 0, 2*pi))",
    "polar curve": "polar_plot(1 + cos(x), (x, 0, 2*pi), aspect_ratio=1)",
    "implicit curve": "var('x y')\nimplicit_plot(x^2 + y^2 == 4, (x, -3, 3), (y, -3, 3))",
    "contours": "var('x y')\ncontour_plot(x^2 - y^2, (x, -2, 2), (y, -2, 2))",
    "vector field": "var('x y')\nplot_vector_field((-y, x), (x, -2, 2), (y, -2, 2))",
    "points": "list_plot([n^2 for n in range(10)], plotjoined=True, marker='o')",
    "histogram": "histogram([1, 2, 2, 3, 3, 3, 4], bins=4)",
    "polygon and text": "polygon([(0, 0), (2, 0), (1, 2)]) + text('$\\\\int x$', (1, 0.5), fontsize=20)",
    "poles": "plot(tan(x), (x, -4, 4), detect_poles='show', ymin=-5, ymax=5, figsize=[4, 3])",
    "graph": "graphs.PetersenGraph().plot()",
}
TOPICS = {
    "calculus": CALCULUS,
    "linear algebra": LINEAR_ALGEBRA,
    "number theory": NUMBER_THEORY,
    "algebra": ALGEBRA,
    "combinatorics": COMBINATORICS,
    "graphs": GRAPHS,
    "statistics": STATISTICS,
    "preparser": PREPARSER,
}


@dataclass(frozen=True)
class Cell:
    """A cell and how a reader finds it."""

    topic: str
    name: str
    code: str
    typeset: bool = False

    @property
    def text(self) -> str:
        """What is submitted; the code, and before it what asks for formulas."""
        return "%display latex\n" + self.code if self.typeset else self.code

    def __str__(self) -> str:
        return f"{self.topic}: {self.name}"


# Their values are asked for as formulas, too; those of the others as text alone, as Sage begins.
TYPESET = ("calculus", "linear algebra", "algebra")
CELLS = [Cell(topic, name, code, topic in TYPESET) for topic, cells in TOPICS.items() for name, code in cells.items()]
PICTURES = [Cell("plots", name, code) for name, code in PLOTS.items()]
