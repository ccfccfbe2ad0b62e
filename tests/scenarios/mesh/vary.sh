#!/bin/sh
# SPDX-License-Identifier: MIT
# vary.sh FILE NAME [SECTION.KEY=VALUE]... - prints a scenario under another name and with other values: a key is
# replaced where it stands in its section ("node member.count=16"), or put at its end; one without a value is dropped.
set -u
LC_ALL=C
export LC_ALL
[ $# -ge 2 ] || {
    echo "usage: vary.sh FILE NAME [SECTION.KEY=VALUE]..." >&2
    exit 2
}
file=$1
name=$2
shift 2
changes="scenario.name=$name"
for change; do
    changes="$changes
$change"
done
CHANGES=$changes awk '
    function finish(i) {
        for (i = 1; i <= count; i++)
            if (section != "" && of[i] == section && !(i in done)) {
                if (value[i] != "") print key[i] " = " value[i]
                done[i] = 1
            }
        for (; blank > 0; blank--) print ""
    }
    BEGIN {
        count = split(ENVIRON["CHANGES"], change, "\n")
        for (i = 1; i <= count; i++) {
            at = index(change[i], "=")
            left = substr(change[i], 1, at - 1)
            value[i] = substr(change[i], at + 1)
            dot = index(left, ".")
            of[i] = substr(left, 1, dot - 1)
            key[i] = substr(left, dot + 1)
        }
    }
    /^$/ { blank++; next }
    /^\[/ {
        finish()
        section = substr($0, 2, length($0) - 2)
        print
        next
    }
    {
        for (; blank > 0; blank--) print ""
        word = $1
        for (i = 1; i <= count; i++)
            if (of[i] == section && key[i] == word) {
                if (value[i] != "" && !(i in done)) print word " = " value[i]
                done[i] = 1
                next
            }
        print
    }
    END {
        finish()
        for (i = 1; i <= count; i++)
            if (!(i in done)) {
                print "vary.sh: no [" of[i] "]" >"/dev/stderr"
                exit 1
            }
    }' "$file"
