#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A leap second, as chimed meets it with a simulated system clock (fakeclock.c) and servers that have
# it or have it not: inserted and deleted by the kernel, known from the list or from most of the
# sources; smeared; in a shadow clock; ignored. And none where there is none: one source of three
# announces it, all announce it in the middle of a month, the list has it a day later. All at once,
# at the same midnight.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
prepare_server
make_namespaces
cp "$(library fakeclock)" "$WORK/fakeclock.so" || fail "the library can't be copied to $WORK"
# In a user namespace of its own a program may set no true clock, even if our library were not there.
unshare --user --map-root-user true 2> /dev/null ||
    skip "no user namespace can be made, to keep the true clock safe"
# AddressSanitizer insists on being the first.
sanitizer=$(ldd "$CHIMED_BINARY" | sed -n 's/.*=> \(.*libasan[^ ]*\) .*/\1/p')
LEAD_S=18           # until midnight
PATIENCE_S=60       # midnight is that far off
MIDNIGHT=1861920000 # 2029-01-01
MID_MONTH=$((MIDNIGHT - 47 * 86400))
DAY_BEFORE=$((MIDNIGHT - 86400))
UNIX_1900=2208988800

# TAI - UTC from midnight on. The hash is not checked.
write_list() { # FILE SECONDS
    cat > "$WORK/$1" << LIST
#@ $((MIDNIGHT + UNIX_1900 + 90 * 86400))
3692217600 37 # 1 Jan 2017
$((MIDNIGHT + UNIX_1900)) $2
#h 1 2 3 4 5
LIST
}

# The system clock and the oscillator at one instant, in ns: the time to start a program lies between two calls of date.
both_clocks() {
    "$PYTHON" -c '
import time
def read():
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    wall = time.time_ns()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    return after - before, wall, before
gap, wall, raw = min(read() for _ in range(100))
print(wall, raw)'
}

# NAME begins with the clock OFFSET-MS beside what it is to keep; its watcher's pid is in WATCHERS.
# MORE is what its sources have besides.
MORE=
NUMBER=0
WATCHERS=()
start_one() { # NAME MIDNIGHT OFFSET-MS CONTROL LIST LEAP SOURCE…
    local name=$1 midnight=$2 offset_ms=$3 control=$4 list=$5 leap=$6 source
    shift 6
    local ahead_ms=$(((midnight - AT_S) * 1000 + offset_ms))
    NUMBER=$((NUMBER + 1))
    {
        printf '[clock]\ncontrol = %s\nstate-dir = %s\n' "$control" "$WORK/state$NUMBER"
        printf 'leap-list = %s\nleap = %s\nleap-window = 1000 s\n' "$list" "$leap"
        printf '[server]\nlisten = 127.0.0.1:%d\nworkers = 0\n' $((11000 + NUMBER))
        printf '[control]\nsocket = %s\nchronyc = 127.0.0.1:%d\n[log]\nlevel = info\n' \
            "$WORK/$name.sock" $((12000 + NUMBER))
        printf 'tracking = %s\nmeasurements = %s\n' "$WORK/$name.csv" "$WORK/$name.answers.csv"
        for source in "$@"; do
            printf '[source s%s]\naddress = %s\npoll = 1 s 1 s\n%s' "${source//./-}" "127.0.$source" "$MORE"
        done
    } > "$WORK/$name.conf"
    mkdir "$WORK/state$NUMBER"
    : > "$WORK/$name.clock.log"
    local fake=(env "LD_PRELOAD=${sanitizer:+$sanitizer }$WORK/fakeclock.so"
        "FAKECLOCK=$WORK/$name.clock" "FAKECLOCK_LOG=$WORK/$name.clock.log"
        "FAKECLOCK_OFFSET=$((ahead_ms / 1000)).$(printf %03d $((ahead_ms % 1000)))"
        ASAN_OPTIONS=detect_leaks=0)
    start "$name" "${CLIENT[@]}" unshare --user --map-root-user "${fake[@]}" \
        "$CHIMED_BINARY" --config "$WORK/$name.conf"
    start "$name-watch" "${CLIENT[@]}" unshare --user --map-root-user "${fake[@]}" \
        "$PYTHON" -B "$INTEROP/leap.py" watch "$RAW" "$midnight" $((11000 + NUMBER)) \
        "$WORK/$name.sock" "$WORK/$name.watch"
    WATCHERS+=("$DAEMON")
}

shows() { # NAME TEXT
    in_client "$CHIME" status --socket "$WORK/$1.sock" | grep -q "$2"
}

write_list one-more 38
write_list one-less 36
read -r now_ns RAW <<< "$(both_clocks)"
RAW=$((RAW + 1000000000 - now_ns % 1000000000 + LEAD_S * 1000000000))
AT_S=$((now_ns / 1000000000 + 1 + LEAD_S))
servers=()
for i in 1 2 3; do
    servers+=("127.0.1.$i,$MIDNIGHT,insert,insert" "127.0.2.$i,$MIDNIGHT,insert,none"
        "127.0.3.$i,$MIDNIGHT,delete,delete" "127.0.4.$i,$MIDNIGHT,none,none"
        "127.0.5.$i,$MID_MONTH,none,insert" "127.0.6.$i,$DAY_BEFORE,none,none")
done
start servers "${CLIENT[@]}" "$PYTHON" -B "$INTEROP/leap.py" serve "$RAW" "${servers[@]}" \
    "127.0.4.4,$MIDNIGHT,none,insert"

start_one list "$MIDNIGHT" 20 system "$WORK/one-more" kernel 2.1 2.2 2.3
start_one sources "$MIDNIGHT" 20 system off kernel 1.1 1.2 2.1
start_one deleted "$MIDNIGHT" 20 system "$WORK/one-less" kernel 3.1 3.2 3.3
start_one smeared "$MIDNIGHT" -470 system "$WORK/one-more" smear 2.1 2.2 2.3
start_one shadow "$MIDNIGHT" 20 shadow "$WORK/one-more" kernel 2.1 2.2 2.3
start_one ignored "$MIDNIGHT" 20 system "$WORK/one-more" ignore 2.1 2.2 2.3
MORE="interleaved = yes
"
start_one interleaved "$MIDNIGHT" 20 system "$WORK/one-more" kernel 2.1 2.2 2.3
MORE=
start_one liar "$MIDNIGHT" 20 system off kernel 4.1 4.2 4.4
start_one mid-month "$MID_MONTH" 20 system off kernel 5.1 5.2 5.3
start_one day-before "$DAY_BEFORE" 20 system "$WORK/one-more" kernel 6.1 6.2 6.3

wait_until "chime status announces it" shows list "leap second *insert at the end of this UTC day" ||
    fail "chime status does not announce it"
if chronyc=$(stock_program chronyc); then
    tracks() { # WORDS
        in_client "$chronyc" -n -h 127.0.0.1 -p 12001 tracking | grep -q "Leap status *: $1"
    }
    wait_until "chronyc announces it" tracks "Insert second" ||
        fail "chronyc does not announce it: $(in_client "$chronyc" -h 127.0.0.1 -p 12001 tracking)"
    wait_until "chronyc has it behind it" tracks "Normal" || fail "chronyc announces it for ever"
    pass "chronyc tracking announces it, and then no more"
else
    echo "without chronyc: $chronyc"
fi
for pid in "${WATCHERS[@]}"; do
    wait_until "midnight is over" gone "$pid" || fail "the watcher does not end"
done
bad=0
while read -r name expected; do
    if said=$("$PYTHON" -B "$INTEROP/leap.py" judge "$WORK" "$name" "$expected" 2>&1); then
        pass "$said"
    else
        echo "$said"
        bad=1
    fi
done << CASES
list insert-by-list
interleaved interleaved
sources insert-by-sources
deleted delete
smeared smear
shadow shadow
ignored ignore
liar none
mid-month none
day-before tomorrow
CASES
[ "$bad" = 0 ] || fail "a leap second was not met as it should"
