"""Stop inside Sage: in Python, in C libraries that run for minutes, in programs; the session goes on."""

from __future__ import annotations

import pytest

from harness.processes import cpu_s, wait_for
from host import descendants
from tests.untrusted.kernel.child import LocalProcess, Ran

pytestmark = pytest.mark.sage

ENDLESS = {
    "loop": "while True: 2^2",
    "factorisation": "factor((next_prime(10^38)) * next_prime(3*10^39))",
    "PARI": "pari('for(i=1,10^12,)')",
    "Singular's library": (
        "R = PolynomialRing(QQ, 8, 'x'); x = R.gens()\n"
        "ideal([sum(x[i]*x[(i+k)%8]*x[(i*k)%8] for i in range(8))-k for k in range(1,9)]).groebner_basis()"
    ),
    "GAP's library": "libgap.eval('Product([1..10^9], x -> x^0)')",
    "Lisp": "maxima_calculus('for i:1 thru 10^9 do 1')",
    "gp": "gp('for(i=1,10^12,)')",
    "GAP": "gap.eval('for i in [1..10^12] do od;')",
    "Singular": "singular.eval('int i; for(i=1;i<2000000000;i=i+1){}')",
    "Maxima": "from sage.interfaces.maxima import maxima as m; m.eval('for i:1 thru 10^12 do 1')",
    "FLINT": "number_of_partitions(10^14)",
}


BUSY_S = 0.3


def stopped(child: LocalProcess, code: str) -> Ran:
    """Run the code and interrupt it when it is at work: a library in C lets no thread of Python say so."""

    def family() -> list[int]:
        return [child.pid, *descendants.find(child.pid)]

    def stop(seen: str) -> None:
        if "begun" in seen:
            busy = cpu_s(family()) + BUSY_S
            wait_for(lambda: cpu_s(family()) > busy)
            child.interrupt()

    return child.run(f"print('begun', flush=True)\n{code}", on=stop)


@pytest.mark.parametrize("code", ENDLESS.values(), ids=ENDLESS.keys())
def test_stop_reaches_code_and_the_session_goes_on(child: LocalProcess, code: str) -> None:
    child.run("kept = 2^100")
    assert stopped(child, code).reply["ename"] == "KeyboardInterrupt"
    assert child.run("kept == 2^100, factor(2^31+1)").only("execute_result")["data"]["text/plain"] == (
        "(True, 3 * 715827883)"
    )


def test_an_interrupt_between_cells_is_forgotten(child: LocalProcess) -> None:
    child.run("1+1")
    child.interrupt()
    assert child.run("factor(2^101-1)").reply["status"] == "ok"
