#!/bin/sh
# Make what a bare Debian or Ubuntu lacks (packages, Python environments), then hand over to Python.
#   bootstrap.sh run | test | check | bench | load | environments    [arguments for the program handed over to]
#   bootstrap.sh language NAME                                       an environment, from requirements/NAME.txt
#   bootstrap.sh debian NAME                                         Debian's packages, from requirements/NAME.debian
#   bootstrap.sh packages                                            only the operator's packages for Python
# Progress goes to standard error; standard output belongs to the program. Exit code 3: something is missing here.
set -eu
umask 022
cd "$(dirname "$0")/.."

EXIT_MISSING=3
job=${1:?bootstrap.sh needs a job: run, test, check, bench, load, environments, language, debian or packages}
shift
if [ "$(id -u)" = 0 ]; then
    root=1 prefix=${PREFIX:-/opt/singlecell}
else
    root="" prefix=${PREFIX:-$PWD/.build}
fi


say() { printf 'singlecell: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit $EXIT_MISSING
}

# Print a Python of at least 3.10 that has venv. One below a home directory is of no use: other accounts cannot read it.
find_python() {
    for candidate in /usr/bin/python3 /usr/bin/python3.1[0-9] /usr/local/bin/python3 "$(command -v python3 || true)"; do
        [ -x "$candidate" ] || continue
        case $(readlink -f "$candidate") in /root/* | /home/* | "${HOME:-/home}"/*) continue ;; esac
        "$candidate" -I -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || continue
        printf '%s\n' "$candidate"
        return
    done
}

# Print the Debian packages that this machine lacks for the job.
find_missing() {
    [ -n "$(find_python)" ] || printf 'python3 python3-venv '
    case $job in check | language | debian | packages) return 0 ;; esac
    has_library libcurl.so.4 || command -v mongod >/dev/null || printf 'libcurl4 '
    [ -z "$root" ] || [ -x /usr/sbin/sshd ] || printf 'openssh-server '
    if [ "$job" = load ] || { [ "$job" = test ] && [ -n "$root" ]; }; then
        [ -x /usr/bin/tsung ] || printf 'tsung '
        # Tsung's graphs; without this one apt chooses the one with windows.
        [ -x /usr/bin/gnuplot ] || printf 'gnuplot-nox '
    fi
    if [ "$job" = test ] && [ -n "$root" ]; then
        [ -x /usr/sbin/nginx ] || printf 'nginx-light '
        [ -x /usr/bin/bwrap ] || printf 'bubblewrap '
        [ -x /usr/bin/xz ] || printf 'xz-utils '
        [ -x /usr/bin/bzip2 ] || printf 'bzip2 '
        # It has promtool, which reads rules and dashboards as the real thing does.
        [ -x /usr/bin/promtool ] || printf 'prometheus '
        [ -x /usr/bin/runsc ] || ! grep -q '^ID=debian' /etc/os-release || printf 'runsc '
        # What drives the browser in tests links against it.
        has_library libatomic.so.1 || printf 'libatomic1 '
        # Ubuntu has chromium as a stub for snap alone, which tests cannot drive.
        [ -x /usr/bin/chromium-headless-shell ] || ! grep -q '^ID=debian' /etc/os-release || printf 'chromium-headless-shell '
    fi
}

has_library() {
    /sbin/ldconfig -p 2>/dev/null | grep -q "$1"
}

# Install Debian packages without starting or enabling the services that come with them: installing our sshd's program
# must not open the machine's port 22.
install_packages() {
    policy=/usr/sbin/policy-rc.d
    if [ -e $policy ]; then policy=""; else
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        trap 'exit 130' INT TERM HUP
    fi
    export DEBIAN_FRONTEND=noninteractive
    step "lists of Debian packages" apt-get update -qq || say "trying with the lists that are here"
    step "Debian packages: $*" apt-get install -y -qq --no-install-recommends "$@" ||
        fail "apt-get could not install $*; see above for the reason"
    if command -v systemctl >/dev/null; then
        for package; do
            case $package in
            openssh-server) systemctl disable --quiet ssh.service ssh.socket 2>/dev/null || true ;;
            nginx-light) systemctl disable --quiet nginx.service 2>/dev/null || true ;;
            prometheus) systemctl disable --quiet prometheus.service 2>/dev/null || true ;;
            esac
        done
    fi
    [ -z "$policy" ] || { rm -f $policy && trap - EXIT INT TERM HUP; }
}

# Print what a whole environment of this Python and lock file is stamped with.
stamp_of() {
    "$1" -I -c 'import hashlib, sys; print(sys.version_info[:2], hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$2"
}

make_writable() {
    mkdir -p "$(dirname "$1")" 2>/dev/null && [ -w "$(dirname "$1")" ] ||
        fail "cannot write to $(dirname "$1"); make it writable, or name another directory with PREFIX="
}

# write_shown DIRECTORY NAME: note in the environment which of its packages requirements/NAME.in names; GET /languages
# shows these (untrusted/worker/packages.py).
write_shown() {
    for site_packages in "$1"/lib/python3.*/site-packages; do
        sed -n 's/^\([A-Za-z0-9][A-Za-z0-9._-]*\).*/\1/p' "requirements/$2.in" >"$site_packages/singlecell_packages.txt"
    done
}

# install_lock DIRECTORY LOCK NAME: with uv, which takes a fraction of pip's time; with pip for uv itself, and where that fails.
install_lock() {
    if [ "$3" != tools ] && (get_uv); then
        (
            use_index_of_pip
            export UV_PYTHON_DOWNLOADS=never UV_CACHE_DIR="${UV_CACHE_DIR:-$1.cache}"
            run_uv pip install --quiet --python "$1/bin/python" --require-hashes --only-binary :all: \
                --compile-bytecode -r "$2"
        ) && {
            rm -rf "$1.cache"
            chmod -R go-w "$1"  # uv leaves a file that everybody may write
            return
        }
        say "uv could not; pip tries"
    fi
    "$1/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
        --require-hashes --only-binary :all: -r "$2"
}

# fill DIRECTORY LOCK NAME: make the environment, all but its stamp.
fill() {
    rm -rf "$1" && "$python" -m venv "$1" && install_lock "$1" "$2" "$3" && write_shown "$1" "$3"
}

# build DIRECTORY LOCK: an environment with exactly the packages of requirements/LOCK.txt. Its stamp is written last, so an
# interrupted build is done again; one builder at a time.
build() {
    directory=$1 lock=requirements/$2.txt
    stamp=$(stamp_of "$python" "$lock")
    [ "$(cat "$directory/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
    make_writable "$directory"
    open_log
    (
        flock 9
        [ "$(cat "$directory/.stamp" 2>/dev/null)" != "$stamp" ] || exit 0
        step "packages of $2.txt ($(grep -c '==' "$lock"))" fill "$directory" "$lock" "$2" ||
            fail "the environment $directory cannot be built; see above for the reason"
        printf '%s\n' "$stamp" >"$directory/.stamp"
    ) 9>"$directory.lock"
}

. deploy/steps.sh
. deploy/language.sh
. deploy/debian.sh
. deploy/packages.sh
missing=$(find_missing)
if [ -n "$missing" ]; then
    if [ -z "$root" ] || ! command -v apt-get >/dev/null; then
        fail "this machine lacks ${missing% }; its owner can install that with: apt-get install ${missing% }"
    fi
    # shellcheck disable=SC2086  # a list of names
    install_packages $missing
fi
python=$(find_python)
[ -n "$python" ] || fail "there is no Python 3.10 or newer with venv outside of home directories"

case $job in
run)
    build "$prefix/trusted" trusted
    build "$prefix/untrusted" untrusted
    add_packages untrusted packages.txt
    exec "$prefix/trusted/bin/python" -m host "$@"
    ;;
test | bench | load | environments)
    build "$prefix/trusted" trusted
    build "$prefix/untrusted" untrusted
    # Tests drop to other accounts, which cannot enter a checkout in a private home: then they run in a copy.
    if [ -n "$root" ] && ! setpriv --reuid=65534 --clear-groups test -x "$PWD"; then
        say "other accounts cannot enter $PWD: running in a copy, $prefix/checkout"
        mkdir -p "$prefix/checkout"
        find "$prefix/checkout" -mindepth 1 -maxdepth 1 ! -name .build -exec rm -rf {} +
        tar -cf - --exclude=./.build --exclude=./.git --exclude=./data --exclude=./singlecell_config.py \
            --exclude=node_modules --exclude=__pycache__ . | tar -xf - -C "$prefix/checkout"
        cd "$prefix/checkout"
        mkdir -p .build
        chmod -R go+rX .
    fi
    build "$PWD/.build/tests" tests
    [ -e .build/untrusted ] || ln -s "$prefix/untrusted" .build/untrusted
    # make run does not wait for them, tests of charts need them; what cannot be had is said.
    "$prefix/trusted/bin/python" -m host.libraries >&2 || true
    [ -e .build/libraries ] || [ "$prefix" = "$PWD/.build" ] || ln -s "$prefix/libraries" .build/libraries
    export UNTRUSTED_PYTHON="$prefix/untrusted/bin/python"
    case $job in
    test)
        # Node and npm come with this environment, for the tests that rebuild the front end.
        PATH=$PWD/.build/tests/bin:$PATH exec .build/tests/bin/python -m tests "$@"
        ;;
    bench) exec .build/tests/bin/python -m bench "$@" ;;
    load) exec .build/tests/bin/python -m tests.load ;;
    esac
    ;;
language)
    make_language "${1:-}"
    exec 9>&-  # its lock
    add_packages "$name" "packages-$name.txt"
    ;;
debian) make_debian "${1:-}" ;;
packages)
    build "$prefix/untrusted" untrusted
    add_packages untrusted packages.txt
    ;;
check)
    build "$PWD/.build/tests" tests
    PATH=$PWD/.build/tests/bin:$PATH
    broken=""
    say "ruff: style and banned imports of all Python files"
    ruff check --quiet --output-format concise . >&2 || broken="$broken ruff"
    say "mypy: types of the product and of harness"
    mypy --no-error-summary >&2 || broken="$broken mypy"
    say "boundaries: every import against the table in docs/design.md"
    python -m pytest -q --no-header tests/test_boundaries.py >&2 || broken="$broken boundaries"
    say "static: the built files against their sources"
    python -m pytest -q --no-header tests/test_built_files.py >&2 || broken="$broken static"
    [ -z "$broken" ] || { say "broken:$broken"; exit 1; }
    say "all four hold"
    ;;
*) fail "there is no job $job; there are run, test, check, bench, load, environments, language, debian and packages" ;;
esac
