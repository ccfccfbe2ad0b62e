#!/bin/sh
# SPDX-License-Identifier: MIT
# readme.sh - what README.md and the pages in doc/ point at is there: commands in ```sh blocks, files in links. Runs in
# the build tree.
set -u
LC_ALL=C
export LC_ALL
source=$(cd "${srcdir:-.}" && pwd) || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failed=0
commands=0
links=0

fail() {
    echo "FAIL: $page: $*"
    failed=1
}

# known TEXT WORD: is the word in the text?
known() {
    printf '%s\n' "$1" | grep -qw -e "$2"
}

# check_options HELP WORDS...: every long option is in the help.
check_options() {
    help=$1
    shift
    for word in "$@"; do
        case $word in
        --[a-z]*)
            if ! known "$help" "${word%%=*}"; then
                fail "no option $word, in: $line"
            fi
            ;;
        esac
    done
}

check_command() {
    # Words are all that is wanted of the line.
    set -f
    # shellcheck disable=SC2086
    set -- $1
    set +f
    if [ "${1:-}" = sudo ]; then
        shift
    fi
    commands=$((commands + 1))
    case ${1:-} in
    ./bootstrap)
        help=$("$source/bootstrap" --help)
        known "$help" "bootstrap ${2:-}" || fail "bootstrap has no command '${2:-}'"
        check_options "$help" "$@"
        ;;
    */configure) check_options "$("$source/configure" --help)" "$@" ;;
    make)
        shift
        for word in "$@"; do
            case $word in
            -* | *=*) ;;
            *) grep -q "^$word:" Makefile || fail "make has no target '$word'" ;;
            esac
        done
        ;;
    chimed | */chimed) check_options "$(./chimed --help)" "$@" ;;
    chime | */chime)
        case ${2:-} in
        -*) check_options "$(./chime --help)" "$@" ;;
        *)
            known "$(./chime --help)" "${2:-}" || fail "chime has no command '${2:-}'"
            case "${2:-} ${3:-}" in
            'mesh verify' | 'mesh evidence') check_options "$(./chime mesh "$3" --help)" "$@" ;;
            *) check_options "$(./chime "${2:-}" --help)" "$@" ;;
            esac
            ;;
        esac
        ;;
    *) commands=$((commands - 1)) ;; # a program of the system
    esac
    for word in "$@"; do
        case $word in
        conf/* | doc/* | tests/*) [ -e "$source/$word" ] || fail "no file $word, in: $line" ;;
        esac
    done
}

for page in README.md doc/architecture.md doc/protocol.md; do
    if [ ! -s "$source/$page" ]; then
        fail "is missing or empty"
        continue
    fi
    awk '/^```/ { on = !on && $0 == "```sh"; next } on && !/^#/ && !/^$/' "$source/$page" |
        sed 's/ *#.*//' >"$work/lines"
    while IFS= read -r line; do
        check_command "$line"
    done <"$work/lines"
    grep -oE '\]\([^)#]+' "$source/$page" | sed 's/^](//' | grep -v '^https*:' >"$work/links"
    while IFS= read -r link; do
        links=$((links + 1))
        [ -e "$source/$(dirname "$page")/$link" ] || fail "links to $link, which is not there"
    done <"$work/links"
done
[ "$commands" -ge 5 ] || fail "only $commands commands found"

[ "$failed" -eq 0 ] && echo "readme.sh: $commands commands and $links links lead somewhere"
exit "$failed"
