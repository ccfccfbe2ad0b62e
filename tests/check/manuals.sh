#!/bin/sh
# SPDX-License-Identifier: MIT
# manuals.sh - the manual pages and the programs name the same options, chimed.conf(5) and conf/chimed.conf the same
# settings, and the formatter has no complaint. Runs in the build tree.
set -u
LC_ALL=C
export LC_ALL
source=$(cd "${srcdir:-.}" && pwd) || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

fail() {
    echo "FAIL: $*"
    failed=1
}

# The options that a page names: what follows Fl, "Fl -json" being --json.
options_of_page() {
    grep -v '^\.\\"' "$source/doc/$1" | tr ' ' '\n' |
        awk '/^\.?Fl$/ { on = 1; next } on { print "-" $0; on = 0 }' | sort -u
}

# The options that a program's help names.
options_of_help() {
    tr -s " ,|=[]()'\\t" '\n' | grep -E '^--?[A-Za-z0-9]' | grep -vE '^-[0-9]+\.' | sort -u
}

same() { # WHAT EXPECTED FOUND
    if [ ! -s "$2" ]; then
        fail "$1: none found"
    elif ! diff "$2" "$3" >"$work/diff"; then
        fail "$1 differ (< the first, > the second):"
        grep '^[<>]' "$work/diff"
    fi
}

./chimed --help | options_of_help >"$work/chimed.help"
options_of_page chimed.8 >"$work/chimed.page"
same "the options of chimed --help and chimed(8)" "$work/chimed.help" "$work/chimed.page"

{
    ./chime --help
    for command in query sync keygen certify mesh status sources tracking watch doctor explain accept step burst online \
        offline refresh reload; do
        ./chime "$command" --help
    done
    for command in evidence verify readmit; do
        ./chime mesh "$command" --help
    done
} | options_of_help >"$work/chime.help"
options_of_page chime.1 >"$work/chime.page"
same "the options of chime --help and chime(1)" "$work/chime.help" "$work/chime.page"

./chime-lab --help | options_of_help >"$work/chime-lab.help"
options_of_page chime-lab.1 >"$work/chime-lab.page"
same "the options of chime-lab --help and chime-lab(1)" "$work/chime-lab.help" "$work/chime-lab.page"

sed -n 's/^\[\([a-z]*\)\]$/[\1]/p; s/^#*\([a-z-]*\) = .*/\1/p' \
    "$source/conf/chimed.conf" | sort -u >"$work/conf.file"
sed -n 's/^\.Ss \\&\(\[[a-z]*\]\)$/\1/p; s/^\.It Ic \([a-z-]*\) .*/\1/p' \
    "$source/doc/chimed.conf.5" | sort -u >"$work/conf.page"
same "the settings in conf/chimed.conf and chimed.conf(5)" "$work/conf.file" "$work/conf.page"

# Either formatter complains of what it does not understand.
for page in chimed.8 chime.1 chime-lab.1 chimed.conf.5; do
    if command -v mandoc >/dev/null 2>&1; then
        mandoc -T lint -W warning "$source/doc/$page" >"$work/said" 2>&1
    elif command -v groff >/dev/null 2>&1; then
        groff -mdoc -ww -z -K utf8 "$source/doc/$page" >"$work/said" 2>&1
    else
        : >"$work/said"
        echo "neither mandoc nor groff is there: $page is not linted"
    fi
    if [ -s "$work/said" ]; then
        fail "the formatter complains of doc/$page:"
        cat "$work/said"
    fi
done

[ "$failed" -eq 0 ] && echo "manuals.sh: pages, programs and examples name the same"
exit "$failed"
