#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh SECONDS - runs every fuzz target of this build (configured with --enable-fuzzing), two at a time, so that
# together they take SECONDS. Seeds and what was found in earlier runs are kept in fuzz-work; an input that broke
# a target too, in fuzz-work/crashes. Exits 1 if there was one.
#
# From the environment: srcdir, FUZZ_TARGETS (their names).
set -eu
LC_ALL=C
export LC_ALL srcdir

seconds=$1
case $seconds in
'' | *[!0-9]* | 0*)
    echo "fuzz.sh: FUZZ_SECONDS is '$seconds'; a whole number of seconds, 1 or more, is accepted" >&2
    exit 2
    ;;
esac
at_once=2
count=0
for target in $FUZZ_TARGETS; do
    count=$((count + 1))
done
rounds=$(((count + at_once - 1) / at_once))
each=$((seconds / rounds))
[ "$each" -gt 0 ] || each=1

mkdir -p fuzz-work/crashes tests/fuzz
echo "fuzzing $count targets, $at_once at a time, $each s each"
for target in $FUZZ_TARGETS; do
    rm -f "tests/fuzz/fuzz_$target.trs"
done
# shellcheck disable=SC2086
printf '%s\n' $FUZZ_TARGETS | xargs -n 1 -P "$at_once" sh "$srcdir/tests/fuzz/fuzz_one.sh" "$each" || true

passed=0
for target in $FUZZ_TARGETS; do
    if grep -q '^:test-result: PASS' "tests/fuzz/fuzz_$target.trs" 2>/dev/null; then
        passed=$((passed + 1))
    fi
done
failed=$((count - passed))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
