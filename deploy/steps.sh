# Part of bootstrap.sh: one line for each step, with its seconds and, while it goes on, a moving bar on a terminal.
# What programs say is in a log file, and on standard error only when they fail.
# shellcheck shell=sh disable=SC2154  # $prefix and say are those of bootstrap.sh

LOG_BYTES_MAX=4194304 LAST_LINES=12

# Name the log file, and say where it is, once.
open_log() {
    [ -z "${log:-}" ] || return 0
    log=$prefix/build.log
    # An index may be named with a password in its address.
    if [ -e "$log" ] && [ "$(wc -c <"$log")" -gt $LOG_BYTES_MAX ]; then mv -f "$log" "$log.1"; fi
    if ! { mkdir -p "$prefix" && (umask 077 && : >>"$log"); } 2>/dev/null; then log=$(mktemp); fi
    say "something is to be installed first; what the programs say is in $log"
}

# Print of what a program said the lines that name its errors, as apt, pip and uv do; where there is none, the last ones.
telling() {
    awk -v "last=$LAST_LINES" '
        /^ *$/ { next }
        { lines[++count] = $0 }
        /^ *(ERROR|error|E|Caused by|cause): / && !seen[$0]++ { errors[++wrong] = $0 }
        END {
            if (wrong) for (i = wrong > last ? wrong - last + 1 : 1; i <= wrong; i++) print errors[i]
            else for (i = count > last ? count - last + 1 : 1; i <= count; i++) print lines[i]
        }'
}

# step LABEL COMMAND...: run it to its end; return its exit code. It may be a function, which then must not rely on `set -e`.
step() {
    step_label=$1 step_bar=""
    shift
    open_log
    printf '== %s: %s\n' "$(date '+%F %T')" "$step_label" >>"$log"
    step_before=$(wc -c <"$log") step_began=$(date +%s.%N) step_code=0
    if [ -t 2 ]; then
        setpriv --pdeathsig TERM sh deploy/bar.sh "$step_label" 9>&- &
        step_bar=$!
    fi
    "$@" >>"$log" 2>&1 || step_code=$?
    if [ -n "$step_bar" ]; then
        kill "$step_bar" 2>/dev/null || true
        wait "$step_bar" 2>/dev/null || true
    fi
    step_s=$(LC_ALL=C awk -v "a=$step_began" -v "b=$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }')
    if [ "$step_code" = 0 ]; then
        say "$(printf '%-54s %5s s' "$step_label" "$step_s")"
        return 0
    fi
    say "$step_label: this failed after $step_s s; it said last:"
    tail -c "+$((step_before + 1))" "$log" | telling | sed 's/^/  /' >&2
    say "all of it is in $log"
    return "$step_code"
}
