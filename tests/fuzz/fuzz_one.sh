#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz_one.sh SECONDS TARGET - runs one fuzz target and prints one line about it. As automake's tests do, it leaves
# a log and a verdict: tests/fuzz/fuzz_TARGET.log and .trs. It succeeds unless it could not run at all.
set -eu

seconds=$1
target=$2
program=tests/fuzz/fuzz_$target
seeds=fuzz-work/seeds/$target
found=fuzz-work/found/$target
log=$program.log
mkdir -p "$seeds" "$found"

verdict=PASS
status=0
{
    "tests/fuzz/replay_$target" --seeds "$seeds" &&
        "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=2048 -print_final_stats=1 \
            -artifact_prefix="fuzz-work/crashes/$target-" "$found" "$seeds"
} >"$log" 2>&1 || status=$?

executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
if [ "$status" -ne 0 ] || [ -z "$executions" ]; then
    verdict=FAIL
fi
echo ":test-result: $verdict" >"$program.trs"
if [ "$verdict" = PASS ]; then
    printf 'PASS %-9s %10s executions, %5s edges\n' "$target" "$executions" "${covered:-?}"
    exit 0
fi
# One printf, so that the lines of two targets do not mix.
crash=$(sed -n 's/.*Test unit written to \(.*\)$/\1/p' "$log" | tail -n 1)
words=$(grep -m 1 -E 'does not hold|Assertion|runtime error|SUMMARY|ERROR' "$log" || tail -n 1 "$log")
printf 'FAIL %-9s %10s executions: %s\n     log: %s%s\n' "$target" "${executions:-0}" "$words" "$PWD/$log" \
    "${crash:+
     again: cd $PWD && $program $crash}"
