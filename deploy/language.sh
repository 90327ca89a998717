# Part of bootstrap.sh: the environment of one language, $prefix/NAME, from requirements/NAME.txt.
# What it needs stands in comments of requirements/NAME.in: `# python: 3.11 3.12`, `# disk_mib: 4300`, `# download_mib: 1300`.
# shellcheck shell=sh disable=SC2154  # $prefix and the functions are those of bootstrap.sh

# fact NAME WORD: print what requirements/NAME.in says after `# WORD:`.
fact() { sed -n "s/^# $2: //p" "requirements/$1.in"; }

# Print the first Python of this machine that is one of these versions; venv is not needed.
find_python_of() {
    for version; do
        for candidate in "/usr/bin/python$version" "/usr/local/bin/python$version" /usr/bin/python3 /usr/local/bin/python3; do
            [ "$("$candidate" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$version" ] || continue
            printf '%s\n' "$candidate"
            return
        done
    done
}

# Print the MiB that an environment in this directory may take: what is free, and what is in it now.
find_space() {
    free=$(df -Pk "$(dirname "$1")" | awk 'NR == 2 { print int($4 / 1024) }')
    used=$(du -skc "$1" "$1.cache" 2>/dev/null | awk 'END { print int($1 / 1024) }')
    printf '%s\n' $((free + used))
}

# uv does not read pip's configuration: hand over what it says of this machine's package index.
use_index_of_pip() {
    [ -z "${UV:-}" ] || return 0
    index=${PIP_INDEX_URL:-$("$prefix/tools/bin/python" -m pip config get global.index-url 2>/dev/null || true)}
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    [ -z "${PIP_CERT:-}" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
}

# Let there be a uv to run; print the reason where it cannot be had. One of the operator's choice (UV) is set up by them.
get_uv() {
    [ -z "${UV:-}" ] || return 0
    trouble=$(export PIP_RETRIES=1 && build "$prefix/tools" tools 2>&1) || {
        printf '%s\n' "$trouble" | sed -n 's/^ *ERROR/ERROR/p' | head -n 1
        return 1
    }
}

# make_language NAME: build the environment, unless it is there and of this lock file. Its stamp is taken away first and
# written last: without it no server uses the environment. What was downloaded is kept until then, for the next try.
make_language() {
    name=$1 language_lock=requirements/$1.txt place=$prefix/$1
    case $name in *[!a-z0-9_]* | "" | trusted | untrusted | tests | tools) name="" ;; esac
    [ -n "$name" ] && [ -f "requirements/$name.in" ] && [ -f "$language_lock" ] ||
        fail "there is no requirements/$1.in with a lock file beside it that says what to install"
    versions=$(fact "$name" python)
    # shellcheck disable=SC2086  # a list of versions
    language_python=$(find_python_of $versions)
    [ -n "$language_python" ] ||
        fail "$name needs Python $(printf '%s' "$versions" | sed 's/ / or /g'); this machine has $(/usr/bin/python3 -V 2>&1)"
    language_stamp=$(stamp_of "$language_python" "$language_lock")
    make_writable "$place"
    exec 9>"$place.lock"
    flock -n 9 || say "another one is building $place: waiting for its end"
    flock 9
    if [ "$(cat "$place/.stamp" 2>/dev/null)" = "$language_stamp" ]; then
        say "$place is there, as $language_lock wants it; make run serves it"
        return
    fi
    needed=$(fact "$name" disk_mib) space=$(find_space "$place")
    [ "$space" -ge "$needed" ] ||
        fail "$place needs $needed MiB of disk and $space are free; make room, or name another directory with PREFIX="
    say "building $place: $(grep -c '==' "$language_lock") packages, $(fact "$name" download_mib) MiB to download, $needed MiB of" \
        "disk; half a minute where the network is fast, ten minutes at 20 Mbit/s"
    [ ! -e "$place" ] || say "what an older or interrupted build left there goes away first"
    trouble=$(get_uv) ||
        fail "uv, which builds it, cannot be had ($trouble); run make $name again when the package index answers"
    use_index_of_pip
    fill_language
    say "$place is complete; make run serves it, a server that runs now does so after its next start"
}

# When this shell is killed, uv ends with it; Ctrl-C in a terminal reaches both.
run_uv() { setpriv --pdeathsig TERM "${UV:-$prefix/tools/bin/uv}" "$@"; }

sync() { run_uv pip sync --python "$place/bin/python" --require-hashes --only-binary :all: "$@" "$language_lock"; }

# Print the line of uv's chain of reasons that says most.
first_cause() {
    printf '%s\n' "$1" | sed -e 's/^ *cause: //' -e 's/^error: //' | awk '/Failed to fetch/ || !line { line = $0 } END { print line }'
}

fill_language() {
    rm -f "$place/.stamp"
    rm -rf "$place"
    export UV_PYTHON_DOWNLOADS=never UV_CACHE_DIR="${UV_CACHE_DIR:-$place.cache}"
    run_uv venv --quiet --python "$language_python" "$place"
    # Asks for all packages and takes none: what goes wrong without a network is one sentence.
    trouble=$(sync --dry-run --quiet 2>&1) ||
        fail "the packages cannot be had ($(first_cause "$trouble")); run make $name again when the package index answers"
    step "packages of $name.txt ($(grep -c '==' "$language_lock"))" sync --quiet --compile-bytecode ||
        fail "$place is not complete; see above for the reason. What was downloaded is kept: run make $name again"
    # uv leaves a file that everybody may write; strangers' code may read all of this and write nothing.
    chmod -R a+rX,go-w "$place"
    write_shown "$place" "$name"
    printf '%s\n' "$language_stamp" >"$place/.stamp"
    rm -rf "$place.cache"
}
