#!/bin/sh
# SPDX-License-Identifier: MIT
# layers.sh [ROOT] - holds the C code to its layers and to what of its style a script can see; ROOT is the top of the
# tree. The rules are in layers.awk. Prints every breach; exit code 1 if there is one.
set -u
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd) || exit 1
cd "${1:-$here/../..}" || exit 1

files=$(find ntpwire common client server tests -name '*.[ch]' -type f 2>/dev/null | sort)
if [ -z "$files" ]; then
    echo "layers.sh: no C file under $(pwd)"
    exit 1
fi
# The daemon's own files are those that Makefile.am lists for it.
daemon=$(awk '/^chimed_SOURCES/ { on = 1; sub(/^[^=]*=/, "") }
    on { more = /\\$/; sub(/\\$/, ""); printf "%s ", $0; on = more }' Makefile.am)
# File names hold no white space, as the awk script would say of any that did not stand in a layer.
# shellcheck disable=SC2086
breaches=$(awk -v daemon="$daemon" -f "$here/layers.awk" $files) || exit 1
if [ -n "$breaches" ]; then
    printf '%s\n' "$breaches"
    echo "layers.sh: $(printf '%s\n' "$breaches" | wc -l) breaches of the layers or the style"
    exit 1
fi
echo "layers.sh: $(printf '%s\n' "$files" | wc -l) files keep their layers"
