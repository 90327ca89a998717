# Part of bootstrap.sh: packages that the operator adds to an environment, by a list beside the configuration file.
# shellcheck shell=sh disable=SC2154  # $prefix, $python and the functions are those of bootstrap.sh and language.sh

# add_packages ENVIRONMENT LIST: let it have what the list asks for. Where that cannot be, a sentence says why, what was
# there stays, and this ends.
add_packages() {
    environment=$prefix/$1 list=$(dirname "${SINGLECELL_CONFIG:-$PWD/singlecell_config.py}")/$2
    [ -e "$list" ] || [ -e "$environment/added" ] || return 0
    state=$("$python" -m host.packages look "$list" "$environment") || exit $?
    [ "$state" != built ] || return 0
    make_writable "$environment"
    trouble=$(get_uv) || fail "uv, which adds the packages of $list, cannot be had ($trouble)"
    use_index_of_pip
    exec 9>"$environment.lock"
    flock 9
    # When this shell is killed, what it runs ends with it.
    UV=${UV:-$prefix/tools/bin/uv} UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1 \
        setpriv --pdeathsig TERM "$python" -m host.packages build "$list" "$environment" || exit $?
    exec 9>&-
}
