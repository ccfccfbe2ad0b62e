#!/bin/sh
# SPDX-License-Identifier: MIT
# format.sh - every C file stands as .clang-format has it, where clang-format is there. Other versions of it settle
# some lines in other ways, so that only 14 is asked.
set -u
cd "${srcdir:-.}" || exit 1

formatter=
for name in clang-format-14 clang-format; do
    if command -v "$name" >/dev/null 2>&1 && "$name" --version | grep -q 'version 14\.'; then
        formatter=$name
        break
    fi
done
if [ -z "$formatter" ]; then
    echo "SKIP: no clang-format 14"
    exit 77
fi
files=$(find ntpwire common client server tests -name '*.[ch]' -type f -exec "$formatter" --dry-run {} + 2>&1 |
    sed -n 's/^\([^: ]*\.[ch]\):.*clang-formatted.*/\1/p' | sort -u)
if [ -n "$files" ]; then
    # shellcheck disable=SC2086
    echo "FAIL: use $formatter -i" $files
    exit 1
fi
