# Part of bootstrap.sh: a language whose program comes with Debian or Ubuntu, from requirements/NAME.debian.
# shellcheck shell=sh disable=SC2154  # the functions are those of bootstrap.sh

# make_debian NAME: install what the language lacks; nothing where all is there.
make_debian() {
    name=$1 list=requirements/$1.debian
    case $name in *[!a-z0-9_]* | "") list="" ;; esac
    [ -n "$list" ] && [ -f "$list" ] || fail "there is no requirements/$1.debian that says what to install"
    command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
        fail "make $name installs packages of Debian or Ubuntu, and this machine has no apt-get"
    lacking=""
    for package in $(sed '/^#/d' "$list"); do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || lacking="$lacking $package"
    done
    if [ -z "$lacking" ]; then
        say "$name is there; make run serves it"
        return
    fi
    [ -n "$root" ] || fail "this machine lacks${lacking}; its owner can install that with: apt-get install$lacking"
    needed=$(sed -n 's/^# disk_mib: //p' "$list")
    free=$(df -Pk /usr | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge "$needed" ] || fail "$name needs $needed MiB of disk in /usr and $free are free; make room"
    # shellcheck disable=SC2086  # a list of names
    install_packages $lacking
    say "$name is complete; make run serves it, a server that runs now does so after its next start"
}
