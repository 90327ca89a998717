"""GAP, PARI/GP, Maxima and Singular: ten cells of each, as their manuals have them."""

from __future__ import annotations

CELLS = {
    "gap": [
        "Size(SymmetricGroup(5));",
        "Factors(2^32 + 1);",
        "List([1..5], n -> n^2);",
        "(1,2,3) * (3,4);",
        "f := function(n)\n  if n < 2 then return 1; fi;\n  return n * f(n - 1);\nend;;\nf(20);",
        "Gcd(240, 46); Lcm(4, 6);",
        "Determinant([[1, 2], [3, 4]]);",
        "IsPrime(2^31 - 1);\nBinomial(10, 3);",
        'x := Indeterminate(Rationals, "x");; Factors(x^4 - 1);',
        'Print("größe", "\\n");',
    ],
    "gp": [
        "factor(2^32 + 1)",
        "1/3 + 1/6",
        "nextprime(10^10)",
        "vector(5, n, n^2)",
        "f(n) = if(n < 2, 1, n * f(n - 1));\nf(20)",
        "polroots(x^2 - 1)",
        "matdet([1, 2; 3, 4])",
        "Mod(3, 7)^-1",
        "bnfinit(x^2 + 23).no",
        'print("a"); Str(7)',
    ],
    "maxima": [
        "diff(sin(x^2), x);",
        "integrate(1/(1 + x^2), x);",
        "factor(x^4 - 1);",
        "solve(x^2 - x - 1 = 0, x);",
        "taylor(exp(x), x, 0, 3);",
        "limit(sin(x)/x, x, 0);",
        "determinant(matrix([1, 2], [3, 4]));",
        "f(n) := if n < 2 then 1 else n * f(n - 1)$\nf(20);",
        "expand((x + 1)^3);",
        "float(%pi); makelist(n^2, n, 1, 3);",
    ],
    "singular": [
        "ring r = 0, (x, y), dp; ideal i = x2 - y, xy - 1; std(i);",
        "bigint b = 2; b^100;",
        "factorize(x4 - y4);",
        "int n = 3; for (int k = 1; k <= n; k++) { print(k * k); }",
        "poly p = (x + y)^3; p;",
        "diff(p, x);",
        "matrix m[2][2] = 1, 2, 3, 4; det(m);",
        "reduce(x3, std(i));",
        "gcd(240, 46);",
        "proc f(int n) { return (n * n); } f(7);",
    ],
}
