"""List ten cells of each language that a program of the host runs, as its textbooks have them."""

from __future__ import annotations


def c(body: str, *headers: str) -> str:
    """Return a program in C."""
    return "".join(f"#include <{name}>\n" for name in ("stdio.h", *headers)) + f"int main(void) {{\n{body}\n}}"


def cpp(body: str, *more: str) -> str:
    """Return a program in C++."""
    names = ("iostream", "vector", "algorithm", "map", "string", *more)
    return "".join(f"#include <{name}>\n" for name in names) + f"using namespace std;\nint main() {{\n{body}\n}}"


def java(body: str, name: str = "Main") -> str:
    """Return a program in Java."""
    start = "import java.util.*;\nimport java.util.stream.*;\n"
    return f"{start}public class {name} {{\n  public static void main(String[] args) {{\n{body}\n  }}\n}}"


CELLS = {
    "c": [
        c('for (int i = 1; i < 4; i++) printf("%d %5.2f\\n", i, sqrt(i));', "math.h"),
        c('char *s = malloc(20); strcpy(s, "größe"); printf("%s %zu\\n", s, strlen(s));', "string.h", "stdlib.h"),
        c('printf("no newline, %lu bytes", sizeof(long));'),
        "#include <stdio.h>\nstatic long fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }\n"
        'int main(void) { printf("%ld\\n", fib(20)); }',
        "#include <stdio.h>\n#include <stdlib.h>\n"
        "int by(const void *a, const void *b) { return *(int *)a - *(int *)b; }\n"
        'int main(void) { int a[] = {3, 1, 2}; qsort(a, 3, sizeof *a, by); printf("%d %d %d\\n", a[0], a[1], a[2]); }',
        c('struct { char c; double d; } s = {65, 0.5}; printf("%c %g %zu\\n", s.c, s.d, sizeof s);'),
        c('unsigned x = 0xF0; printf("%x %x %u %d\\n", x >> 4, ~x, x << 28, __builtin_popcount(x));'),
        c('FILE *f = fopen("f", "w+"); fputs("a\\nb\\n", f); rewind(f);\n'
          "for (int c; (c = getc(f)) != EOF;) putchar(c);"),
        c('char *p = NULL; for (char *s = "2 + 3"; *s; s++) if (*s == 43) p = s; puts(p); puts(__func__);'),
        c('if (fork()) { wait(NULL); puts("parent"); } else puts("child");', "unistd.h", "sys/wait.h"),
    ],
    "cpp": [
        cpp("vector<int> v{3, 1, 2}; sort(v.begin(), v.end()); for (int x : v) cout << x << ' '; cout << endl;"),
        cpp('map<string, int> m; m["b"]++; m["a"] += 2; for (auto& [k, n] : m) cout << k << n << "\\n";'),
        cpp("vector<double> v(5); iota(v.begin(), v.end(), 0.5); cout << accumulate(v.begin(), v.end(), 0.0);",
            "numeric"),
        cpp('try { throw runtime_error("bad"); } catch (const exception& e) { cout << e.what() << "\\n"; }'),
        cpp("cout << fixed << setprecision(3) << 2.0 / 3 << setw(8) << hex << 255 << boolalpha << true << endl;",
            "iomanip"),
        cpp('auto add = [](auto a, auto b) { return a + b; }; cout << add(1, 2) << add(string("a"), "b") << "\\n";'),
        cpp('string s = "größe"; reverse(s.begin(), s.begin() + 2); cout << s << s.size() << s.find("e") << "\\n";'),
        cpp('istringstream in("1 2 x"); int n, sum = 0; while (in >> n) sum += n; cout << sum << in.eof() << "\\n";',
            "sstream"),
        cpp('auto p = make_unique<int>(5); auto q = move(p); cout << *q << (p ? "full" : "empty") << "\\n";',
            "memory"),
        "#include <cstdio>\nstruct A { virtual const char *n() { return \"A\"; } virtual ~A() { puts(\"gone\"); } };\n"
        'struct B : A { const char *n() override { return "B"; } };\n'
        "int main() { A *a = new B; puts(a->n()); delete a; }",
    ],
    "bash": [
        'for i in {1..3}; do echo "$((i * i))"; done | sort -r; printf "%s\\n" "${HOME%/*}"x | wc -l',
        "f() { local n=$1; echo \"${n^^}\"; }\nf word\ncat <<'END'\n$not expanded\nEND\necho $(( 7 / 2 ))",
        'a=(one "two words" three); echo "${#a[@]} ${a[1]} ${a[-1]}"; for x in "${a[@]}"; do echo "<$x>"; done',
        'declare -A m=([x]=1 [y]=2); for k in x y; do echo "$k ${m[$k]}"; done',
        's="file.tar.gz"; echo "${s%.gz} ${s##*.} ${s/tar/zip} ${#s} ${s:0:4}"',
        'printf "%s,%d\\n" b 2 a 10 | sort -t, -k2 -n | cut -d, -f1 | tr "\\n" " "',
        'if [[ "abc123" =~ ^([a-z]+)([0-9]+)$ ]]; then echo "${BASH_REMATCH[2]}-${BASH_REMATCH[1]}"; fi',
        'n=0; while read -r line; do n=$((n + line)); done < <(seq 1 10); echo "$n"',
        'echo "größe" | sed "s/ö/oe/" ; echo "a b c" | awk \'{ print NF, $2 }\'; (exit 3); echo "$?"',
        'case "$(basename /a/b.txt)" in *.txt) echo text ;; *) echo other ;; esac; echo {a,b}{1,2}',
    ],
    "javascript": [
        "console.log([3, 1, 2].sort().map((x) => x ** 2), { a: new Map([[1, 'ü']]) });",
        "setTimeout(() => console.log('late'), 9);\nPromise.resolve(1).then(console.log); console.log(0)",
        "{ class A { #n = 1; get n() { return this.#n; } static of() { return new A(); } } console.log(A.of().n); }",
        "{ const { a, ...rest } = { a: 1, b: 2, c: [3] }; console.log(a, rest, `${rest.b + 1}`); }",
        "{ function* g() { yield 1; yield* [2, 3]; } console.log([...g()], Math.max(...g())); }",
        "console.log('größe'.toUpperCase(), 'a-b-c'.split('-'), 'abc'.replace(/b/, (m) => m + m), [...'ü€'].length);",
        "try { null.x } catch (error) { console.log(error.name, 0.1 + 0.2, 2n ** 70n, typeof null); }",
        "console.log(JSON.stringify({ b: [1, null, undefined], a: new Date(0) }), parseInt('12px'));",
        "{ const fs = require('fs'); fs.writeFileSync('f', 'text'); console.log(fs.readFileSync('f', 'utf8')); }",
        "(async () => { for await (const x of [1, Promise.resolve(2)]) console.log(x); })();",
    ],
    "octave": [
        "A = [2 1; 1 3];\nx = A \\ [3; 5]\ndet (A)",
        "s.name = 'ü'; s\nfunction r = twice (x)\n  r = 2 * x;\nend\nprintf ('%d\\n', twice (4))",
        "c = {1, 'two', [3 4]}\nclass (c{2})",
        "x = linspace (0, 1, 5)\ny = x .^ 2;\ntrapz (x, y)",
        "[q, r] = deal (floor (17 / 5), mod (17, 5))",
        "z = 3 + 4i\nabs (z), conj (z)",
        "p = polyfit ([0 1 2], [1 3 7], 2);\nprintf ('%.4f ', p); disp ('')\nroots ([1 -3 2])",
        "n = 0;\nfor k = 1:10\n  if (mod (k, 3) == 0) n += k; end\nend\nn",
        "b = [1 2 3] > 2\nany (b), int8 (200), 1 / 0, uint8 (3.5)",
        "try\n  error ('Own:id', 'bad %d', 7);\ncatch e\n  disp (e.message), disp (e.identifier)\nend",
    ],
    "java": [
        java("var l = new ArrayList<>(List.of(3, 1, 2)); Collections.sort(l); System.out.println(l);"),
        java('System.out.printf("%.3f %s%n", Math.PI, "größe".toUpperCase());'),
        java("System.out.print(IntStream.rangeClosed(1, 5).boxed().map(i -> i * i).collect(Collectors.toList()));"),
        java('Map<String, Integer> m = new TreeMap<>(); for (var w : "b a b".split(" ")) m.merge(w, 1, Integer::sum);\n'
             "System.out.println(m);"),
        java('try { Object o = "x"; Integer n = (Integer) o; }\n'
             'catch (ClassCastException e) { System.out.println("cast"); }'),
        java('record P(int x, int y) {} System.out.println(new P(1, 2) + " " + new P(1, 2).equals(new P(1, 2)));'),
        java('var t = new Thread(() -> System.out.println("in a thread")); t.start();\n'
             "try { t.join(); } catch (InterruptedException e) { }"),
        java('System.out.println(new java.math.BigInteger("2").pow(100) + " " + (int) 3.9 + " " + 7 / 2 + (char) 65);'),
        java('String s = switch (3 % 2) { case 0 -> "even"; default -> "odd"; };\n'
             'System.out.println(s + """\n  two\n  lines""");'),
        java("int[][] a = {{1, 2}, {3}}; System.out.println(Arrays.deepToString(a) + a[1].length);"),
    ],
}  # fmt: skip
