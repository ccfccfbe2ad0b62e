#!/bin/sh
# SPDX-License-Identifier: MIT
# lab.sh - a slice of the scenarios, each with its bounds; and that a run is the same whenever, and with however many
# jobs, it is made. Runs in the build tree.
set -u
LC_ALL=C
export LC_ALL
scenarios=$(cd "${srcdir:-.}/tests/scenarios" && pwd) || exit 1
lab=./chime-lab
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

fail() {
    echo "FAIL: $*"
    failed=1
}

# Every scenario once but for those that take longest: two seeds of the rows that are compared with chronyd, one of what
# varies little.
for path in "$scenarios"/steer/*.ini "$scenarios"/*.ini; do
    name=$(basename "$path" .ini)
    case $path in
    */peers-9.ini | */ring-9.ini | */poll-36h.ini) continue ;;
    */steer/*) seeds=2 ;;
    *) seeds=1 ;;
    esac
    "$lab" run --seeds "$seeds" --csv "$path" >"$work/$name.csv" || fail "$name"
done
"$lab" run --seeds 3 --csv "$scenarios/steer/lan.ini" >"$work/lan.csv" || fail "lan"

# The same seeds: again, with one job and with two, and in two shards that are joined.
for jobs in 1 2; do
    "$lab" run --seeds 3 --jobs "$jobs" --csv "$scenarios/steer/lan.ini" >"$work/jobs-$jobs.csv" || fail "lan, $jobs jobs"
    cmp "$work/lan.csv" "$work/jobs-$jobs.csv" || fail "another run of the same seeds with $jobs jobs differs"
done
for shard in 1 2; do
    "$lab" run --seeds 3 --shard "$shard/2" --csv "$scenarios/steer/lan.ini" >"$work/shard-$shard.csv" ||
        fail "lan, shard $shard"
done
# Several nodes that hear each other.
"$lab" run --seeds 2 --jobs 1 --csv "$scenarios/steer/ring-5.ini" >"$work/ring-again.csv" || fail "ring-5"
cmp "$work/ring-5.csv" "$work/ring-again.csv" || fail "another run of ring-5 with one job differs"
"$lab" merge --csv "$work/shard-2.csv" "$work/shard-1.csv" >"$work/merged.csv" || fail "merge"
cmp "$work/lan.csv" "$work/merged.csv" || fail "two shards joined differ from one campaign"
if "$lab" merge "$work/lan.csv" "$work/shard-1.csv" >/dev/null 2>&1; then
    fail "merge took the same seed twice"
fi
hashes=$(cut -d, -f3 "$work/lan.csv" | tail -n +2 | sort -u | wc -l)
[ "$hashes" -eq 3 ] || fail "three seeds gave $hashes different hashes"

# A bound that is broken, and a scenario with a mistake, are told apart from success and from each other.
sed 's/^offset-rms-max.*/offset-rms-max = 1 ns/' "$scenarios/steer/lan.ini" >"$work/strict.ini"
"$lab" run "$work/strict.ini" >/dev/null 2>"$work/said"
[ $? -eq 1 ] || fail "a broken bound did not give exit code 1"
grep -q 'RMS offset: found .*; seed 1 is the worst' "$work/said" || fail "the broken bound was not named"
sed 's/^poll/pole/' "$scenarios/steer/lan.ini" >"$work/mistake.ini"
"$lab" run "$work/mistake.ini" >/dev/null 2>"$work/said"
[ $? -eq 2 ] || fail "a mistake did not give exit code 2"
grep -q "mistake.ini:[0-9]*: \[scenario\] pole: unknown key; did you mean 'poll'" "$work/said" ||
    fail "the mistake was not named"
# What nodes log can be read.
"$lab" run --verbose "$scenarios/offline.ini" >"$work/said" || fail "offline, verbose"
grep -q '^[0-9.]* s, client 0: synchronised' "$work/said" || fail "the log of a node was not printed"
exit "$failed"
