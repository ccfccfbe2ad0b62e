#!/bin/sh
# SPDX-License-Identifier: MIT
# lab-filters.sh CHIME-LAB FOLDER [SEEDS] - every filter over every row of FOLDER: a table of the RMS offsets beside those
# of reference.txt, in microseconds. Exit code 1 if the bank loses to the regression in a row, or if a row that is
# known exactly lies more than 15 % off its reference.
set -u
LC_ALL=C
export LC_ALL
lab=$1
folder=$2
seeds=${3:-5}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

for filter in bank ntp regression; do
    "$lab" run --filter "$filter" --seeds "$seeds" --csv "$folder"/*.ini >"$work/runs" || exit 1
    # The median over the seeds of each row: the figures are printed in the order of the seeds.
    sort -t, -k1,1 -k4,4g "$work/runs" | awk -F, -v filter="$filter" '
        $1 == "scenario" { next }
        $1 != row { show(); row = $1; count = 0 }
        { value[++count] = $4 }
        END { show() }
        function show() {
            if (count > 0)
                print row, filter, (value[int((count + 1) / 2)] + value[int(count / 2) + 1]) / 2000
        }' >>"$work/medians" || exit 1
done
awk -v seeds="$seeds" '
    FNR == NR { found[$1, $2] = $3; next }
    /^#/ { next }
    !shown++ {
        printf "RMS offset in us, median of %d seeds; in brackets the reference\n", seeds
        printf "%-15s %9s %9s %9s %9s %9s\n", "row", "bank", "", "regress.", "", "ntp"
    }
    {
        bank = found[$1, "bank"]
        regression = found[$1, "regression"]
        note = ""
        if (bank == "" || regression == "") { note = " MISSING"; bad = 1 }
        # At a step of the clock the reference itself has the bank no better.
        else if (bank >= regression && $2 < $3) { note = " LOSES TO THE REGRESSION"; bad = 1 }
        if ($4 == "exact" && bank < 0.85 * $2) note = note " bank better by " percent(bank, $2)
        if ($4 == "exact" && bank > 1.15 * $2) { note = note " BANK WORSE BY " percent(bank, $2); bad = 1 }
        printf "%-15s %9.2f %9s %9.2f %9s %9.2f%s\n", $1, bank, "(" $2 ")", regression, "(" $3 ")", found[$1, "ntp"], note
    }
    function percent(value, reference) { value = 100 * (value / reference - 1); return sprintf("%.0f %%", value < 0 ? -value : value) }
    END { exit bad }' "$work/medians" "$folder/reference.txt"
