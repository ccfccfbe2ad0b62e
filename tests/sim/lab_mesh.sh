#!/bin/sh
# SPDX-License-Identifier: MIT
# lab_mesh.sh - a slice of the meshes of tests/scenarios/mesh, each with its bounds; what lab-mesh.sh prints is the whole.
# Runs in the build tree.
set -u
LC_ALL=C
export LC_ALL
scenarios=$(cd "${srcdir:-.}/tests/scenarios/mesh" && pwd) || exit 1
lab=./chime-lab
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

run() { # NAME: a scenario that stands in the folder, or in $work
    path=$scenarios/$1.ini
    [ -f "$work/$1.ini" ] && path=$work/$1.ini
    "$lab" run --csv "$path" >"$work/$1.csv" || {
        echo "FAIL: $1"
        failed=1
    }
}

vary() { # TEMPLATE NAME CHANGE...
    template=$1
    shift
    "$scenarios/vary.sh" "$scenarios/$template.ini" "$@" >"$work/$1.ini" || exit 1
}

for path in "$scenarios"/*.ini; do
    name=$(basename "$path" .ini)
    case $name in
    plain) continue ;;
    esac
    run "$name"
done

# A liar of each kind that is found, and of each that changes nothing; two of five.
for kind in offset ramp two-faced colluding equivocate; do
    vary liars-utc "$kind" "fault lie.kind=$kind" "mesh.signatures=stand-in"
    run "$kind"
done
for kind in just-inside late wide forge replay hlc silent; do
    vary liars-utc "$kind" "fault lie.kind=$kind" "bounds.exclusion-rounds-max=" "mesh.signatures=stand-in" \
        "node honest.count=3" "node honest.faults=2" "node liar.count=2" "node liar.faults=2" "scenario.duration=1600 s"
    run "$kind"
done

# Three of seven who are convicted one after the other: what they said of an honest one is not held against that one.
vary liars-utc equivocate3 "fault lie.kind=equivocate" "node honest.count=4" "node honest.faults=3" "node liar.count=3" \
    "node liar.faults=3" "scenario.duration=1600 s"
run equivocate3

# The same again, in another process, is the same.
cp "$work/attack.csv" "$work/before.csv"
run attack
cmp "$work/before.csv" "$work/attack.csv" || {
    echo "FAIL: another run of attack differs"
    failed=1
}

# vary.sh: what is said of a key stands there once, what is dropped is gone, a section that is not there is a mistake.
vary size-utc varied "node member.count=5" "scenario.name=other" "bounds.rounds-to-1ms-max="
if [ "$(grep -c '^count = 5$' "$work/varied.ini")" -ne 1 ] || grep -q '^count = 9$\|^rounds' "$work/varied.ini"; then
    echo "FAIL: vary.sh"
    failed=1
fi
if "$scenarios/vary.sh" "$scenarios/size-utc.ini" x "node nobody.count=1" >/dev/null 2>&1; then
    echo "FAIL: vary.sh took a section that is not there"
    failed=1
fi
exit $failed
