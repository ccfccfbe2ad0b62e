#!/bin/sh
# SPDX-License-Identifier: MIT
# threats.sh [FILE] - each test that doc/threat-model.md names is there: `tests/…/FILE`, or `tests/…/FILE: CASE`, where
# CASE stands in FILE as a string of its own. And each line of its tables names one, or is one of those that admit that
# nothing can be shown.
set -eu
LC_ALL=C
export LC_ALL
root=${srcdir:-.}
document=${1:-$root/doc/threat-model.md}
if [ ! -r "$document" ]; then
    echo "threats.sh: $document can't be read; set srcdir to the source tree" >&2
    exit 2
fi

# Names may run over the end of a line.
names=$(tr '\n' ' ' <"$document" | tr '`' '\n' | grep -E '^tests/' | sort -u)
status=0
count=0
while IFS= read -r name; do
    file=${name%%:*}
    case=${name#"$file"}
    case=${case#: }
    count=$((count + 1))
    if [ ! -f "$root/$file" ]; then
        echo "threats.sh: '$name': there is no $file"
        status=1
    elif [ -n "$case" ] && ! grep -qF "\"$case\"" "$root/$file"; then
        echo "threats.sh: '$name': $file has no case \"$case\""
        status=1
    fi
done <<END
$names
END
untold=$(grep -cE '^\|.*\| *\|$' "$document" || true)
if [ "$untold" -gt 2 ]; then
    echo "threats.sh: $untold lines of the tables name no test; 2 are known that can't"
    status=1
fi
if [ "$count" -lt 40 ]; then
    echo "threats.sh: only $count names were found in $document"
    status=1
fi
[ "$status" -ne 0 ] || echo "threats.sh: all $count tests are there"
exit "$status"
