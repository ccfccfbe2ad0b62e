#!/bin/sh
# SPDX-License-Identifier: MIT
# lab-steer.sh CHIME-LAB FOLDER [SEEDS] - the steered clock of whole nodes over every row of FOLDER, beside chronyd's
# figures in FOLDER/reference.txt. Exit code 1 if a goal is missed: the geometric mean of the offset's ratios at most
# 0.50 and no row above 1.00, that of the frequency's at most 1.20; no more requests; the truth in every interval whose
# assumptions hold, and the interval no wider than chronyd's bound where the server is always reached at 64 s; peers
# closer together than 0.6 of chronyd's, rings too within 1 ms; nothing that the checkers complain of.
set -u
LC_ALL=C
export LC_ALL
lab=$1
folder=$2
seeds=${3:-20}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

"$lab" run --seeds "$seeds" --csv "$folder"/*.ini >"$work/runs"
[ $? -le 1 ] || exit 1
awk -F, -v seeds="$seeds" '
    FNR == NR && $1 == "scenario" { for (i = 1; i <= NF; i++) column[$i] = i; next }
    FNR == NR { n = ++runs[$1]; for (i = 4; i < column["violation"]; i++) value[$1, i, n] = $i; next }
    /^#/ { next }
    !shown++ {
        printf "Median of %d seeds (held: the least of them); ratios to chronyd; sd: one seed, beside the mean\n", seeds
        printf "%-15s %10s %6s %5s %10s %6s %10s %6s %9s %9s %9s %6s\n", "row", "offset us", "ratio", "sd %", "freq ppb",
            "ratio", "half us", "ratio", "told us", "held %", "to 1 ms s", "asks/h"
    }
    {
        split($0, given, " ")
        row = given[1]
        if (!(row in runs)) { printf "%-15s MISSING\n", row; bad = 1; next }
        note = ""
        if (total("violations") > 0) note = note " VIOLATIONS"
        if (given[7] != "-") {
            spread = median("spread_ns") / 1000
            limit = row ~ /^ring/ ? 1000 : 0.6 * given[7]
            if (spread > limit) note = note " SPREAD"
            printf "%-15s %10.2f %6s %5.0f   spread of the clocks%s\n", row, spread,
                ratio(spread, given[7]), noise("spread_ns"), note
            bad = bad || note != ""
            next
        }
        offset = median("offset_rms_ns") / 1000
        rate = median("rate_rms_ppb")
        half = median("half_width_ns") / 1000
        held = least("containment_percent")
        claimed = least("claim_held_percent")
        held = claimed < held ? claimed : held
        reached = median("time_to_1ms_s")
        asks = median("packets_per_hour")
        if (given[2] != "-") { sums["offset"] += log(offset / given[2]); count["offset"]++ }
        if (given[3] != "-") { sums["rate"] += log(rate / given[3]); count["rate"]++ }
        if (given[2] != "-" && offset > given[2]) note = note " OFFSET"
        if (given[5] != "-" && reached > given[5]) note = note " SLOW"
        # The first requests of a run follow each other quickly.
        if (asks > given[6] * 1.02) note = note " REQUESTS"
        # Here the server or the oscillator breaks what the interval assumes.
        if (row != "server-step" && row != "frequency-jump" && held < 100) note = note " NOT HELD"
        # At polls or through gaps of much more than 64 s ours allows for more than came.
        if (given[4] != "-" && row !~ /^(wan-auto|holdover)$/ && half > given[4]) note = note " WIDE"
        printf "%-15s %10.2f %6s %5.0f %10.1f %6s %10.1f %6s %9.1f %9.4f %9.0f %6.1f%s\n", row, offset,
            ratio(offset, given[2]), noise("offset_rms_ns"), rate, ratio(rate, given[3]), half, ratio(half, given[4]),
            median("claim_ns") / 1000, held, reached, asks, note
        bad = bad || note != ""
    }
    function ratio(found, reference) { return reference == "-" ? "-" : sprintf("%.2f", found / reference) }
    function total(name,   i, sum) {
        for (i = 1; i <= runs[row]; i++) sum += value[row, column[name], i]
        return sum
    }
    function least(name,   i, low) {
        low = value[row, column[name], 1] + 0
        for (i = 2; i <= runs[row]; i++) if (value[row, column[name], i] + 0 < low) low = value[row, column[name], i] + 0
        return low
    }
    # The standard deviation of a seed, in percent of the mean.
    function noise(name,   i, sum, squares, mean) {
        for (i = 1; i <= runs[row]; i++) sum += value[row, column[name], i]
        mean = sum / runs[row]
        for (i = 1; i <= runs[row]; i++) squares += (value[row, column[name], i] - mean) ^ 2
        return runs[row] > 1 ? 100 * sqrt(squares / (runs[row] - 1)) / mean : 0
    }
    # awk reads "inf" as 0 or as infinity: a time that was never reached becomes a great number.
    function number(text) { return text ~ /inf/ ? 1e9 : text + 0 }
    function median(name,   i, j, n, sorted, item) {
        n = runs[row]
        for (i = 1; i <= n; i++) {
            item = number(value[row, column[name], i])
            for (j = i - 1; j > 0 && sorted[j] > item; j--) sorted[j + 1] = sorted[j]
            sorted[j + 1] = item
        }
        return (sorted[int((n + 1) / 2)] + sorted[int(n / 2) + 1]) / 2
    }
    END {
        offset = exp(sums["offset"] / count["offset"])
        rate = exp(sums["rate"] / count["rate"])
        printf "%-15s %10s %6.3f %5s %10s %6.3f\n", "geometric mean", "", offset, "", "", rate
        exit bad || offset > 0.5 || rate > 1.2
    }' "$work/runs" "$folder/reference.txt"
