#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chime sync: when it touches the clock, by how much and in which way, and when it leaves it alone.
# Its calls to set the clock end in noclock.c, and it lacks the capability besides. Needs no root.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
prepare_server
[ -x "$CHIME" ] || fail "no $CHIME: run make, or name one with CHIME="
CHIME_BINARY=$(binary "$CHIME")
assert_dynamic "$CHIME_BINARY"
# AddressSanitizer insists on being the first.
sanitizer=$(ldd "$CHIME_BINARY" | sed -n 's/.*=> \(.*libasan[^ ]*\) .*/\1/p')
# Up to 128 ms are slewed.
AHEAD_MS=100
BEHIND_MS=-160
LITTLE_MS=-60
FAR_MS=3250

# A daemon on addresses of its own: its clock is off by so much on all of them.
start_daemon() { # NAME OFFSET-MS STRATUM ADDRESS…
    local name=$1 offset=$2 stratum=$3
    shift 3
    cat > "$WORK/$name.conf" <<CONF
[clock]
control = virtual
virtual-offset = $offset ms
[server]
listen = ${*/%/:$PORT}
local-stratum = $stratum
workers = 0
[control]
socket = off
CONF
    start "$name" ${LEASH[@]+"${LEASH[@]}"} "$CHIMED_BINARY" --config "$WORK/$name.conf"
    wait_until "$name answers or ends" answers_or_ended "$DAEMON" "$1" && is_running "$DAEMON"
}

answers_or_ended() { # PID ADDRESS
    gone "$1" || "$PYTHON" "$INTEROP/ntp.py" "$2" "$PORT"
}

start_daemons() {
    local attempt
    for attempt in 0 1 2 3 4; do
        PORT=$((20000 + ($$ * 7 + 5 + attempt * 1009) % 12000))
        start_daemon ahead $AHEAD_MS 5 127.0.0.1 127.0.0.2 127.0.0.3 &&
            start_daemon behind $BEHIND_MS 5 127.0.0.11 127.0.0.12 127.0.0.13 &&
            start_daemon little $LITTLE_MS 5 127.0.0.31 &&
            start_daemon far $FAR_MS 5 127.0.0.32 &&
            start_daemon lost 0 off 127.0.0.21 127.0.0.22 127.0.0.23 && return 0
        grep -q "in use" "$WORK"/*.log || break
        end_daemons
    done
    fail "chimed does not run on loopback, port $PORT"
}

# Runs chime sync: its words in $said, what it asked of the clock in $WORK/clock. The exit code must
# be as given.
sync_clock() { # CODE ARGUMENT…
    local code=$1 status
    shift
    asked="chime sync $*"
    : > "$WORK/clock"
    said=$("${HARMLESS[@]}" LD_PRELOAD="$sanitizer $WORK/noclock.so" \
        "$CHIME_BINARY" sync -p "$PORT" -c 2 -i 0.1 -t 0.3 "$@" 2>&1)
    status=$?
    assert_interposed "$(basename "$CHIME_BINARY")"
    [ $status = "$code" ] || fail "$asked should exit with $code, not $status: $said"
}

expect_words() { # PATTERN
    echo "$said" | grep -qE -e "$1" || fail "$asked should say '$1': $said"
}

# One call, of that kind, by that much; not another one.
expect_call() { # step|slew MILLISECONDS
    local calls seconds
    seconds=$(asked_clock chime "$1")
    calls=$(grep -cE "^chime [0-9]+ (step|slew) " "$WORK/clock")
    [ "$calls" = 1 ] && OFFSET_MS=$2 is_server_offset "$seconds" 20 ||
        fail "$asked should $1 the clock once, by $2 ms: $(cat "$WORK/clock") $said"
    pass "$asked: $1 $seconds s"
}

expect_untouched() {
    grep -vE "^chime [0-9]+ loaded" "$WORK/clock" &&
        fail "$asked should leave the clock alone: $said"
    pass "$asked: $(echo "$said" | tail -n 1)"
}

check_set() {
    sync_clock 0 127.0.0.1 127.0.0.2 127.0.0.3
    expect_words "^Slewing the clock by \+[0-9.]+ ms"
    expect_call slew $AHEAD_MS
    sync_clock 0 --step 127.0.0.1 127.0.0.2 127.0.0.3
    expect_words "^Stepped the clock by \+[0-9.]+ ms"
    expect_call step $AHEAD_MS
    sync_clock 0 127.0.0.11 127.0.0.12 127.0.0.13
    expect_words "^Stepped the clock by -[0-9.]+ ms"
    expect_call step $BEHIND_MS
    sync_clock 0 127.0.0.31
    expect_words "^One server is a majority of one"
    expect_call slew $LITTLE_MS
    sync_clock 0 127.0.0.32
    expect_call step $FAR_MS
}

# The majority is one of all that were named, whether they answer or not.
check_majority() {
    sync_clock 0 127.0.0.11 127.0.0.1 127.0.0.2
    expect_words "outside of it: 127.0.0.11"
    expect_call slew $AHEAD_MS
    sync_clock 0 127.0.0.1 127.0.0.11 127.0.0.12 127.0.0.13 127.0.0.2
    expect_call step $BEHIND_MS
    sync_clock 0 127.0.0.1 127.0.0.2 127.0.0.21
    expect_call slew $AHEAD_MS
    sync_clock 1 127.0.0.1 127.0.0.11
    expect_words "left alone: 2 of 2 servers must agree"
    expect_untouched
    sync_clock 1 127.0.0.1 127.0.0.2 127.0.0.11 127.0.0.12
    expect_words "left alone: 3 of 4 servers must agree"
    expect_untouched
    sync_clock 1 127.0.0.1 127.0.0.21 127.0.0.22
    expect_words "left alone: 2 of 3 servers must agree"
    expect_untouched
    sync_clock 1 127.0.0.1 127.0.0.1 127.0.0.11
    expect_words "asked already.*counts once"
    expect_untouched
    sync_clock 1 127.0.0.21
    expect_words "127.0.0.21: .*not synchronised"
    expect_untouched
}

check_refused() {
    sync_clock 0 --dry-run 127.0.0.11 127.0.0.12 127.0.0.13
    expect_words "^Would step the clock by -[0-9.]+ ms; nothing was done"
    expect_untouched
    sync_clock 0 --dry-run 127.0.0.1
    expect_words "^Would slew the clock by \+[0-9.]+ ms; nothing was done"
    expect_untouched
    export NOCLOCK_REFUSE=1
    sync_clock 1 127.0.0.1
    expect_words "the clock was not set: this needs root or CAP_SYS_TIME"
    expect_call slew $AHEAD_MS
    sync_clock 1 --json --step 127.0.0.1
    expect_words '"kind": ?"step".*"done": ?false'
    expect_call step $AHEAD_MS
    unset NOCLOCK_REFUSE
    sync_clock 0 --json 127.0.0.1
    expect_words '"kind": ?"slew".*"done": ?true'
    expect_call slew $AHEAD_MS
}

start_daemons
check_set
check_majority
check_refused
