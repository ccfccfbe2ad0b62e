#!/bin/sh
# SPDX-License-Identifier: MIT
# lab-all.sh CHIME-LAB FOLDER [SEEDS] - every scenario of FOLDER, and of FOLDER/large once, as one table: the median of
# the offset, of the interval's half-width and of the root distance that is told; the least share of readings that they
# hold; the longest time to notice that they did not; what the checkers complained of; and whether every bound of the
# scenario was kept. Exit code 1 if one was not.
set -u
LC_ALL=C
export LC_ALL
lab=$1
folder=$2
seeds=${3:-20}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

run() {
    "$lab" run --seeds "$2" --json "$1" >"$work/json" 2>"$work/said"
    code=$?
    [ "$code" -eq 0 ] || failed=1
    # The summary comes before the runs; its keys are the columns of --csv.
    tr ',{}' '\n\n\n' <"$work/json" | awk -v seeds="$2" -v code="$code" '
        function value(text) { sub(/^[^:]*: */, "", text); gsub(/"/, "", text); return text }
        /^ *"runs":/ { exit }
        /^ *"[a-z0-9_]*":/ { key = $0; sub(/^ *"/, "", key); sub(/".*/, "", key); given[key] = value($0) }
        function us(key) { return given[key] == "" || given[key] == "null" ? "-" : sprintf("%.1f", given[key] / 1000) }
        function held(key) { return given[key] == "" || given[key] == "null" ? "-" : sprintf("%.4f", given[key]) }
        END {
            printf "%-22s %5d %12s %12s %12s %9s %9s %8s %4s %s\n", given["scenario"], seeds, us("offset_rms_ns"),
                us("half_width_ns"), us("claim_ns"), held("containment_percent"), held("claim_held_percent"),
                given["notice_s"] == "null" ? "never" : sprintf("%.1f", given["notice_s"]), given["violations"],
                code == 0 ? "kept" : "BROKEN"
            if (given["node_kib"] + 0 > 0) {
                printf "%-22s %.0f virtual s per real s, %.1f KiB of memory per node\n", "", given["virtual_s_per_s"],
                    given["node_kib"]
            }
        }'
    grep -v 'replay with' "$work/said"
}

printf "%-22s %5s %12s %12s %12s %9s %9s %8s %4s %s\n" "scenario" "seeds" "offset us" "half us" "told us" "held %" \
    "told %" "notice s" "viol" "bounds"
for path in "$folder"/*.ini "$folder"/steer/*.ini; do
    run "$path" "$seeds"
done
for path in "$folder"/large/*.ini; do
    run "$path" 1
done
exit "$failed"
