#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Three chimed whose virtual clocks start 80 ms apart follow one server through a relay of ours, 5 ms
# each way with a jitter of 1 ms and an asymmetry of 2 ms: after 60 s at polls of 1 s they are ahead
# of the server by the asymmetry's half, which nobody can measure, to within 0.5 ms. The servers are
# Debian's chronyd and ntpsec's ntpd, each in namespaces of its own, at the same time.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/variants.sh"
RELAY_PORT=1123
OUT_US=6000
BACK_US=4000
JITTER_US=1000
FOLLOW_S=60
PACKETS=50 # at least, each way and client: one a second, a burst at the start
TOLERANCE_NS=500000

start_ntpsec_server() {
    local ntpd
    ntpd=$(stock_program ntpsec-ntpd) || skip "$ntpd"
    mkdir "$WORK/ntpsec"
    cat > "$WORK/ntpsec/ntp.conf" << CONF
driftfile $WORK/ntpsec/drift
restrict default
restrict 127.0.0.1
limit average 1000 burst 1000
tos minsane 1 minclock 1
refclock local stratum $((STRATUM - 1)) minpoll 3 maxpoll 3 iburst prefer
CONF
    start ntpd "${SERVER[@]}" "${HARMLESS[@]}" "$ntpd" -n -c "$WORK/ntpsec/ntp.conf"
}

# ntpsec's answers from the start; it takes its own clock for the time some seconds later.
is_serving() {
    in_client "$PYTHON" "$INTEROP/ntp.py" "$SERVER4" | grep "leap 0 .* stratum $STRATUM "
}

start_follower() { # NUMBER OFFSET-MS
    cat > "$WORK/follower$1.conf" << CONF
[clock]
control = virtual
virtual-offset = $2 ms
virtual-rate = $(($1 * 15 - 30)) ppm
[server]
listen = 127.0.0.1:1100$1
workers = $(($1 - 1))
[control]
socket = $WORK/follower$1.sock
[log]
level = info
tracking = $WORK/tracking$1.csv
measurements = $WORK/measurements$1.csv
[source relayed]
address = 192.0.2.11:$RELAY_PORT
poll = 1 s
CONF
    start "follower$1" "${CLIENT[@]}" ${LEASH[@]+"${LEASH[@]}"} \
        "$CHIMED_BINARY" --config "$WORK/follower$1.conf"
}

# The offset of a server to the system clock, in ns: the best of five answers.
offset_of() { # SERVER
    in_client "$CHIME" query --json --count 5 --interval 0.2 "$1" | "$PYTHON" -c '
import json, sys
print(json.load(sys.stdin)["servers"][0]["offset_ns"])'
}

ask_follower() { # NUMBER WHAT
    in_client "$CHIME" "$2" --socket "$WORK/follower$1.sock" 2>&1
}

check_follower() { # NUMBER
    local ours theirs ahead
    theirs=$(offset_of "$SERVER4")
    ours=$(offset_of "127.0.0.1:1100$1")
    ahead=$((ours - theirs - (OUT_US - BACK_US) * 1000 / 2))
    [ -n "$ours" ] && [ -n "$theirs" ] && [ "${ahead#-}" -le $TOLERANCE_NS ] ||
        fail "chimed $1 should be ahead of its server by 1 ms, to within 0.5 ms: it is at" \
            "$ours ns, the server at $theirs ns
$(ask_follower "$1" status) $(ask_follower "$1" sources)
$(tail -n 8 "$WORK/measurements$1.csv")"
    pass "chimed $1 is ahead of $VARIANT by $((ours - theirs)) ns"
    local lines
    lines=$(wc -l < "$WORK/tracking$1.csv")
    [ "$lines" -ge $((FOLLOW_S - 5)) ] ||
        fail "the log of tracking should have a line each second: $lines lines"
    lines=$(grep -c ',relayed,192.0.2.11:1123,good,' "$WORK/measurements$1.csv")
    [ "$lines" -ge "$PACKETS" ] ||
        fail "the log of measurements should have a line for each answer: $lines lines"
}

follow() {
    make_namespaces
    prepare_server
    local relay=$BUILD/tests/interop/relay number said
    [ -x "$relay" ] || fail "no $relay: run make check"
    case $VARIANT in
    chronyd) start_chronyd_server ;;
    ntpsec) start_ntpsec_server ;;
    esac
    said=$(PATIENCE_S=120 wait_until "$VARIANT serves stratum $STRATUM" is_serving) ||
        fail "$said"
    start relay "${SERVER[@]}" ${LEASH[@]+"${LEASH[@]}"} "$(binary "$relay")" \
        192.0.2.11 $RELAY_PORT "$SERVER4" 123 $OUT_US $BACK_US $JITTER_US
    local relay_pid=$DAEMON
    start_follower 1 -80
    start_follower 2 0
    start_follower 3 80
    sleep $FOLLOW_S
    for number in 1 2 3; do
        check_follower $number
    done
    kill -TERM "$relay_pid"
    wait_until "the relay ends" gone "$relay_pid" > /dev/null || fail "the relay does not end"
    read -r out back clients < <(sed 's/[a-z]*=//g' "$WORK/relay.log")
    [ "$clients" = 3 ] && [ "$out" -ge $((3 * PACKETS)) ] && [ "$back" -ge $((3 * PACKETS)) ] ||
        fail "all three should have asked through the relay: $(cat "$WORK/relay.log")"
    pass "the relay passed $out requests and $back answers"
}

run_variants follow chronyd ntpsec
