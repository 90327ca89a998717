"""No session can foretell another's random numbers: two of one zygote draw from every source at once."""

from __future__ import annotations

import pytest

from tests.adversarial.attempts import as_it_is, source_of, verdicts_in

SEVERAL = "[one() for _ in range(4)]"
PYTHON = {
    "C14 random": "import random; value = random.random()",
    "C14 random's bits": "import random; value = random.getrandbits(64)",
    "C14 random's normal numbers": "import random; value = random.gauss(0, 1)",
    "C14 the system's random numbers": "import random; value = random.SystemRandom().random()",
    "C14 a new generator": "import random; value = random.Random().random()",
    "C14 secrets": "import secrets; value = secrets.token_hex()",
    "C14 the kernel": "value = os.urandom(8).hex()",
    "C14 OpenSSL": "import ssl; value = ssl.RAND_bytes(8).hex()",
    "C14 uuid1": "import uuid; value = uuid.uuid1()",
    "C14 uuid4": "import uuid; value = uuid.uuid4()",
    "C14 temporary names": "import tempfile; value = tempfile.mktemp()",
    "C14 mail": "import email.utils; value = email.utils.make_msgid()",
    "C14 C's rand": f"one = libc.rand; value = {SEVERAL}",
    "C14 C's random": f"one = libc.random; value = {SEVERAL}",
    "C14 C's lrand48": f"one = libc.lrand48; value = {SEVERAL}",
    "C14 C's drand48": "libc.drand48.restype = ctypes.c_double; value = libc.drand48()",
    "C14 NumPy's old functions": "import numpy; value = numpy.random.random()",
    "C14 NumPy's old normal numbers": "import numpy; value = numpy.random.randn()",
    "C14 NumPy's new generators": "import numpy; value = numpy.random.default_rng().random()",
    "C14 children of NumPy's seed": "from numpy.random import mtrand, Generator\n"
    "value = Generator(mtrand._rand._bit_generator).spawn(1)[0].random()",
    "C14 SciPy": "from scipy import stats; value = stats.norm.rvs()",
    "C14 SciPy's matrices": "from scipy import sparse; value = sparse.random(50, 50, 0.1).sum()",
    "C14 pandas": "import pandas; value = list(pandas.Series(range(10**6)).sample(3))",
    "C14 SymPy": "import sympy; value = sympy.randprime(10**12, 10**13)",
    "C14 SymPy's generator": "from sympy.core.random import rng; value = rng.random()",
    "C14 SymPy's matrices": "import sympy; value = sympy.randMatrix(6)",
    "C14 mpmath": "import mpmath; value = mpmath.rand()",
    "C14 names in pictures": "import io, re, matplotlib.pyplot as plt\nplt.plot([1, 2]); text = io.StringIO()\n"
    "plt.savefig(text, format='svg'); plt.close(); value = re.findall(r'clipPath id=.(.*?)\"', text.getvalue())[0]",
}
SAGE = {
    "C14 Sage's generator": "value = current_randstate().python_random().random()",
    "C14 randint": "value = randint(1, 10**30)",
    "C14 integers": "value = ZZ.random_element(10**30)",
    "C14 rationals": "value = QQ.random_element(10**9, 10**9)",
    "C14 reals": "value = RR.random_element()",
    "C14 long reals": "value = RealField(200).random_element()",
    "C14 finite fields": "value = GF(2**60, 'a').random_element()",
    "C14 polynomials": "value = GF(10**9 + 7)['x'].random_element(8)",
    "C14 matrices": "value = random_matrix(ZZ, 4, 4, x=-10**6, y=10**6).list()",
    "C14 matrices of bits": "value = random_matrix(GF(2), 9).list()",
    "C14 primes": "value = random_prime(10**20)",
    "C14 permutations": "value = Permutations(30).random_element()",
    "C14 partitions": "value = Partitions(200).random_element()",
    "C14 graphs": "value = graphs.RandomGNP(20, 0.5).edges(labels=False)",
    "C14 networkx": "import networkx; value = list(networkx.gnp_random_graph(20, 0.5).edges())",
    "C14 GSL": "value = RealDistribution('gaussian', 1).get_random_element()",
    "C14 points of curves": "value = EllipticCurve(GF(10**9 + 7), [1, 2]).random_point()",
    "C14 NTL": "import sage.libs.ntl.all as ntl; value = ntl.ZZ_random(10**30)",
    "C14 PARI": "value = pari('random(10^12)')",
    "C14 PARI's primes": "value = pari('randomprime(10^20)')",
    "C14 GAP": "value = libgap.eval('Random(1, 10^12)')",
    "C14 GAP's old source": "value = libgap.eval('Random(GlobalRandomSource, 1, 10^12)')",
    "C14 GAP's groups": "value = libgap.eval('PseudoRandom(SymmetricGroup(30))')",
    "C14 Lisp": "from sage.libs.ecl import ecl_eval; value = ecl_eval('(random 1000000000000)')",
    "C14 Maxima": "from sage.interfaces.maxima_lib import maxima_lib; value = maxima_lib.eval('random(10^12)')",
    "C14 Maxima's reals": "value = maxima_calculus.eval('random(1.0)')",
    "C14 Singular": "from sage.libs.singular.function import singular_function as f\n"
    "one = lambda: f('random')(1, 10**9); value = [one(), one()]",
    "C14 Singular's library": "from sage.libs.singular.function import singular_function as f, lib\nlib('random.lib')\n"
    "value = f('randomid')(QQ['x,y'].ideal('x', 'y', 'x^2'))",
}
# Each draws its seed when Sage starts it. Each has a cell of its own, for the CPU time that its start takes.
PROGRAMS = {
    "gap": {
        "C14 a GAP of its own": "value = gap.eval('Random(1, 10^12)')",
        "C14 its old source": "value = gap.eval('Random(GlobalRandomSource, 1, 10^12)')",
    },
    "maxima": {"C14 a Maxima of its own": "value = maxima.eval('random(10^12)')"},
    "gp": {"C14 a gp of its own": "value = gp.eval('random(10^12)')"},
    "singular": {
        "C14 a Singular of its own": "value = [singular.eval('random(1, 1000000000);') for _ in range(2)]",
        "C14 its seed": "value = singular.eval('system(\"random\");')",
    },
}
LEFT_OUT_OF_SAGE = ("C14 pandas", "C14 mail")  # the time of their imports


def draw_twice(client, sources: dict[str, str], **fields) -> list[dict[str, str]]:
    """Return what two sessions drew that were there at once."""
    code = source_of(sources)
    if fields.get("language") == "sage":
        code = as_it_is(code)
    computations = [client.submit(code, **fields)["id"] for _ in range(2)]
    outcomes = [client.finish(computation) for computation in computations]
    assert [outcome.state for outcome in outcomes] == ["done", "done"], [outcome.description for outcome in outcomes]
    return [verdicts_in(outcome.text()) for outcome in outcomes]


def check(client, sources: dict[str, str], **fields) -> None:
    """Fail unless each source gave each of two sessions something, and no source both the same."""
    one, other = draw_twice(client, sources, **fields)
    assert not {name: said for name, said in (one | other).items() if not said.startswith("ok ")}
    assert not {name: said for name, said in one.items() if said == other[name]}


def test_two_sessions_draw_different_numbers_from_every_source_of_python(client):
    check(client, PYTHON)


@pytest.mark.sage
def test_two_sessions_of_sage_draw_different_numbers_from_every_source_of_python(client):
    check(client, {name: code for name, code in PYTHON.items() if name not in LEFT_OUT_OF_SAGE}, language="sage")


@pytest.mark.sage
def test_two_sessions_draw_different_numbers_from_every_source_of_sage(client):
    check(client, SAGE, language="sage")


@pytest.mark.sage
@pytest.mark.parametrize("program", PROGRAMS)
def test_two_sessions_draw_different_numbers_from_a_program_beside_sage(client, program):
    check(client, PROGRAMS[program], language="sage")
