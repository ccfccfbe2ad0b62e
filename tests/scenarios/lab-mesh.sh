#!/bin/sh
# SPDX-License-Identifier: MIT
# lab-mesh.sh LAB FOLDER [PART]... - meshes of the daemon's own node under LAB (chime-lab); FOLDER has the scenarios,
# which vary.sh there makes others of. Parts: sizes liars inside worlds plain, and huge, which is not among the default.
# LAB_SEEDS (3): seeds of each; LAB_SIZES: "3 5 ..."; LAB_NODE_DAYS (100): of the plain scenarios; LAB_JOBS: processes.
# LAB_KINDS ("utc none"): with some members on UTC, and with none. Exit code 1 if a bound was broken.
set -u
LC_ALL=C
export LC_ALL
[ $# -ge 2 ] || {
    echo "usage: lab-mesh.sh LAB FOLDER [PART]..." >&2
    exit 2
}
lab=$1
folder=$2
shift 2
parts=${*:-"sizes liars inside worlds plain"}
seeds=${LAB_SEEDS:-3}
sizes=${LAB_SIZES:-"3 5 7 9 16 100 1000"}
node_days=${LAB_NODE_DAYS:-100}
jobs=${LAB_JOBS:-$(nproc)}
kinds=${LAB_KINDS:-"utc none"}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

vary() { # TEMPLATE NAME CHANGE...: a scenario; its path is said
    template=$1
    shift
    "$folder/vary.sh" "$folder/$template.ini" "$@" >"$work/$1.ini" || exit 1
    echo "$work/$1.ini"
}

# The figures of a scenario, as "column value" lines of its summary: with "BROKEN ..." if a bound is.
measure() { # PATH SEEDS
    "$lab" run --json --jobs "$jobs" --seeds "$2" "$1" >"$work/json" 2>"$work/said"
    code=$?
    sed 's/"runs":.*//; s/[{},]/\
/g' "$work/json" | sed -n 's/^"\([a-z0-9_]*\)":"\{0,1\}\([^"]*\)"\{0,1\}$/\1 \2/p' >"$work/figures"
    [ $code -eq 0 ] && return
    failed=1
    sed 's/^/    /' "$work/said"
}

figure() { # COLUMN [FACTOR [DIGITS]]
    awk -v column="$1" -v factor="${2:-1}" -v digits="${3:-0}" '
        $1 == column { value = $2 }
        END {
            if (value == "" || value == "null") print "-"
            else if (value ~ /^[-0-9.e+]*$/) printf "%.*f\n", digits, value * factor
            else print "never"
        }' "$work/figures"
}

kept() {
    [ -s "$work/said" ] && echo "BROKEN" || echo "kept"
}

# So many of n may lie, and so many ask servers: f + 1, so that f of these may lie too; 1 % of the large ones.
faults_of() {
    case $1 in
    [3-5]) echo 1 ;;
    [6-9]) echo 2 ;;
    [1-9][0-9]) echo 3 ;;
    *) echo 1 ;;
    esac
}

size_row() { # N utc|none
    n=$1
    kind=$2
    f=$(faults_of "$n")
    signatures=ed25519
    sample="1 s"
    if [ "$n" -ge 100 ]; then
        signatures=stand-in
        sample="4 s"
    fi
    set -- "node member.count=$n" "node member.faults=$f" "mesh.signatures=$signatures" "scenario.sample=$sample"
    asking=0
    if [ "$kind" = utc ]; then
        asking=$((n / 100 > f ? n / 100 : f + 1))
        set -- "$@" "node member.ask-count=$asking" "node server.count=$((2 * f + 1))"
    fi
    # How soon is asked of as many as 1,000.
    [ "$n" -gt 1000 ] && set -- "$@" "bounds.rounds-to-1ms-max="
    path=$(vary "size-$kind" "mesh-$n-$kind" "$@") || exit 1
    runs=$seeds
    [ "$n" -ge 1000 ] && runs=1
    measure "$path" "$runs"
    printf '%6d %3d %5d %7s %9s %10s %10s %9s %9s %8s %8s %5s %s\n' "$n" "$f" "$asking" "$(figure rounds_to_1ms)" \
        "$(figure apart_ns 1e-3 0)" "$(figure half_width_ns 1e-3 0)" "$(figure containment_percent 1 2)" \
        "$(figure packets_per_second 1 3)" "$(figure octets_per_second 1 0)" "$(figure cpu_us 1 0)" \
        "$(figure node_kib 1 0)" "$(figure violations)" "$(kept)"
    octets=$(figure octets_per_second 1 3)
    packets=$(figure packets_per_second 1 6)
}

ratio() { # NEW OLD
    awk -v new="$1" -v old="$2" 'BEGIN { if (old > 0) printf "%.3f\n", new / old; else print "-" }'
}

part_sizes() {
    echo "From a spread of +-1 s; a round is a poll of 16 s; links 5 ms + exponential 0.5 ms. apart: the honest clocks in the"
    echo "end; half: of the interval, mean. Packets, octets and CPU after the first 15 rounds."
    for kind in $kinds; do
        echo
        echo "with $([ $kind = utc ] && echo "'ask' of the members on UTC" || echo "nobody on UTC")"
        echo "     n   f   ask  rounds  apart us    half us     held % packets/s  octets/s   CPU us KiB/node  viol bounds"
        for n in $sizes; do
            size_row "$n" "$kind"
            [ "$n" -eq 100 ] && octets_100=$octets packets_100=$packets
        done
    done
    echo
}

part_huge() {
    echo "10,000 members beside 100: what a member sends must not grow with the mesh"
    echo "     n   f   ask  rounds  apart us    half us     held % packets/s  octets/s   CPU us KiB/node  viol bounds"
    for kind in $kinds; do
        size_row 100 "$kind"
        octets_100=$octets
        packets_100=$packets
        size_row 10000 "$kind"
        more=$(ratio "$packets" "$packets_100")
        many=$(ratio "$octets" "$octets_100")
        echo "       ratio, 10,000 to 100: packets $more, octets $many (at most 1.2)"
        awk -v a="$more" -v b="$many" 'BEGIN { exit !(a <= 1.2 && b <= 1.2) }' || failed=1
    done
    echo
}

liar_row() { # utc|none F KIND OFFSET ROUNDS
    limit=
    [ "$5" = - ] || limit="bounds.exclusion-rounds-max=$5"
    path=$(vary "liars-$1" "$3-$2-$1" "node honest.count=$(($2 + 1))" "node honest.faults=$2" "node liar.faults=$2" \
        "node liar.count=$2" "fault lie.kind=$3" "fault lie.offset=$4" "${limit:-bounds.exclusion-rounds-max=}") || exit 1
    measure "$path" "$seeds"
    printf '%-12s %d of %d %-5s %10s %10s %9s %8s %10s %5s %s\n' "$3" "$2" "$((2 * $2 + 1))" "$1" "$4" \
        "$(figure exclusion_rounds)" "$(figure false_exclusions)" "$(figure containment_percent 1 2)" \
        "$(figure half_width_ns 1e-3 0)" "$(figure violations)" "$(kept)"
}

part_liars() {
    echo "f of 2 f + 1 members lie from 1,000 s on. rounds: from the first lie that misses what the honest agree on until the"
    echo "last honest member counts the liar out; -: none misses, so that nobody needs to be."
    echo "lie           f        UTC        offset     rounds  false ex   held %    half us  viol bounds"
    for kind in $kinds; do
        for f in 1 2 3; do
            liar_row $kind $f offset "50 ms" 10
            liar_row $kind $f ramp "0 ms" 10
            liar_row $kind $f just-inside "1 ms" -
            liar_row $kind $f two-faced "50 ms" 10
            liar_row $kind $f late "40 ms" -
            liar_row $kind $f wide "1 s" -
            liar_row $kind $f colluding "100 ms" 10
            liar_row $kind $f equivocate "50 ms" 10
            liar_row $kind $f forge "0 ms" -
            liar_row $kind $f replay "0 ms" -
            liar_row $kind $f hlc "1 h" -
            liar_row $kind $f silent "0 ms" -
        done
    done
    echo
}

part_inside() {
    echo "The shift that liars cause who stay just inside of what the honest agree on: the mean of the honest clocks less the"
    echo "same without a lie, beside half of the honest intervals."
    echo " UTC   f   shift us    half us"
    for kind in $kinds; do
        for f in 1 2 3; do
            set -- "node honest.count=$((f + 1))" "node honest.faults=$f" "node liar.faults=$f" "node liar.count=$f" \
                "fault lie.kind=just-inside" "fault lie.offset=1 ms" "bounds.exclusion-rounds-max="
            path=$(vary "liars-$kind" "honest-$f-$kind" "$@" "fault lie.from=300 h") || exit 1
            measure "$path" "$seeds"
            honest=$(figure bias_ns 1 0)
            path=$(vary "liars-$kind" "inside-$f-$kind" "$@") || exit 1
            measure "$path" "$seeds"
            printf '%-5s %d of %d %10s %10s %s\n' "$kind" "$f" "$((2 * f + 1))" \
                "$(awk -v a="$(figure bias_ns 1 0)" -v b="$honest" 'BEGIN { printf "%.1f", (a - b) / 1e3 }')" \
                "$(figure half_width_ns 1e-3 0)" "$(kept)"
        done
    done
    echo
}

part_worlds() {
    echo "scenario        rounds   false ex    held %    half us   rms us  viol bounds"
    for path in "$folder"/*.ini; do
        case $path in
        */size-* | */liars-* | */plain.ini) continue ;;
        esac
        measure "$path" "$seeds"
        printf '%-14s %7s %10s %9s %10s %8s %5s %s\n' "$(basename "$path" .ini)" "$(figure rounds_to_1ms)" \
            "$(figure false_exclusions)" "$(figure containment_percent 1 2)" "$(figure half_width_ns 1e-3 0)" \
            "$(figure offset_rms_ns 1e-3 1)" "$(figure violations)" "$(kept)"
    done
    echo
}

part_plain() {
    echo "Nobody lies, poll 64 s, 1 % of the packets are lost: false exclusions over $node_days node-days, half of them in"
    echo "meshes of 5, half in meshes of 9"
    echo " n  f  node-days  false exclusions   held %  viol bounds"
    for n in 5 9; do
        f=$(((n - 1) / 2))
        days=$(((node_days / 2 + n - 1) / n))
        path=$(vary plain "plain-$n" "node member.count=$n" "node member.faults=$f" "node member.ask-count=$((f + 1))" \
            "node server.count=$((2 * f + 1))") || exit 1
        measure "$path" "$days"
        printf '%2d %2d %10d %17s %8s %5s %s\n' "$n" "$f" "$((days * n))" "$(figure false_exclusions)" \
            "$(figure containment_percent 1 2)" "$(figure violations)" "$(kept)"
    done
    echo
}

for part in $parts; do
    case $part in
    sizes) part_sizes ;;
    huge) part_huge ;;
    liars) part_liars ;;
    inside) part_inside ;;
    worlds) part_worlds ;;
    plain) part_plain ;;
    *)
        echo "lab-mesh.sh: no part '$part'; accepted: sizes liars inside worlds plain huge" >&2
        exit 2
        ;;
    esac
done
exit $failed
