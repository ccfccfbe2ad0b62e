#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Somebody between chimed and its sources, who sees all that it asks: forged, replayed, refused and
# far too much. Sources and their verdicts stay as they were, the log says little of it, memory and
# processor come back, and clients are served meanwhile.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
SECONDS_EACH=${SECONDS_EACH:-5}
FLOOD_S=${FLOOD_S:-1}
LINES_MAX=40 # of the log, whatever comes

write_sources() {
    local name kind number poll key
    while read -r name kind number poll key; do
        printf '[source %s]\naddress = 192.0.2.%s\nkind = %s\n%s\n%s\n' \
            "$name" "$number" "$kind" "$(echo "${poll#-}" | tr ":" " ")" "${key:+key = $key}"
    done << SOURCES
plain server 201 poll=0.5s:0.5s
keyed server 202 poll=0.5s:0.5s 1
peer peer 203 poll=0.5s:0.5s
keyedpeer peer 204 poll=0.5s:0.5s 1
broadcaster broadcast-client 205 - 1
SOURCES
}

write_hostile_config() {
    cat > "$WORK/chimed.conf" << CONF
[clock]
control = virtual
virtual-offset = $OFFSET_MS ms
[server]
listen = 0.0.0.0:123
workers = ${WORKERS:-1}
[keys]
file = $WORK/keys
[control]
socket = $WORK/chimed.sock
[log]
level = info
measurements = $WORK/measurements.csv
$(write_sources)
CONF
}

chime_sources() {
    in_server "$CHIME" sources --socket "$WORK/chimed.sock" "$@" 2>&1
}

# One line for each source: name, state, good answers, kisses.
list_sources() {
    chime_sources --json | "$PYTHON" -c '
import json, sys
for source in json.load(sys.stdin)["sources"]:
    print(source["name"], source["state"], source["counts"]["good"], source["counts"]["kisses"])'
}

state_of() { # NAME
    list_sources | sed -n "s/^$1 \([a-z]*\) .*/\1/p"
}

# Each source that is polled has more good answers than it had.
expect_progress() { # BEFORE AFTER
    local name
    for name in plain keyed peer keyedpeer; do
        [ "$(good_in "$2" $name)" -gt "$(good_in "$1" $name)" ] ||
            fail "$name gave no good answer meanwhile: $1, then $2"
    done
}

good_in() { # LIST NAME
    echo "$1" | sed -n "s/^$2 [a-z]* \([0-9]*\) .*/\1/p"
}

is_round() { # NAME
    grep -q "^round: $1\$" "$WORK/hostile.log"
}

ticks() {
    awk '{ print $14 + $15 }' "/proc/$SERVER_PID/stat"
}

all_agree() {
    local name
    for name in plain keyed peer keyedpeer broadcaster; do
        case $(state_of $name) in
        selected | combined | unlikely) ;;
        *) return 1 ;;
        esac
    done
}

expect_served() { # WHEN
    wait_until "a client is answered" in_server "$PYTHON" "$INTEROP/ntp.py" "$SERVER4" > /dev/null ||
        fail "no answer to a client $1"
}

wait_round() { # NAME
    wait_until "hostile.py comes to $1" is_round "$1" > /dev/null ||
        fail "hostile.py does not come to '$1': $(cat "$WORK/hostile.log")"
}

begin
make_namespaces
prepare_server
for number in 201 202 203 204 205; do
    ip -n "$CLIENT_NS" address add "192.0.2.$number/24" dev wire
done
write_hostile_config
start_chimed "$WORK/chimed.conf" "${SERVER[@]}"
SERVER_PID=$DAEMON
PATIENCE_S=$((60 + 3 * SECONDS_EACH + 9 * FLOOD_S))
start hostile "${CLIENT[@]}" ${LEASH[@]+"${LEASH[@]}"} \
    "$PYTHON" -B "$INTEROP/hostile.py" "$SERVER4" "$SECONDS_EACH" "$FLOOD_S"
HOSTILE=$DAEMON
wait_until "all sources are heard" all_agree > /dev/null || fail "$(chime_sources -v)"
kill -USR1 "$HOSTILE"
wait_round forgeries
rss_before=$(memory_kib "$SERVER_PID" VmRSS)
lines_before=$(wc -l < "$WORK/chimed.log")
before=$(list_sources)
pass "before: $(echo "$before" | tr '\n' ';')"
for round in 'strangers at the shared port' refusals flood; do
    wait_round "$round"
    expect_served "before the round '$round'"
    after=$(list_sources)
    expect_progress "$before" "$after"
    before=$after
    pass "at '$round': $(echo "$after" | tr '\n' ';')"
    gone "$HOSTILE" && fail "hostile.py ended: $(cat "$WORK/hostile.log")"
done
expect_served "in the flood"
pass "served in the flood"
wait_round 'peace again'
wait_until "all sources agree again" all_agree > /dev/null || fail "$(chime_sources -v)"
wait_until "hostile.py is done" grep -q '^forged: ' "$WORK/hostile.log" > /dev/null
pass "$(grep -E 'forged|a second' "$WORK/hostile.log" | tr '\n' ';')"
pass "afterwards: $(list_sources | tr '\n' ';')"
list_sources | awk '$4 != 0 { exit 1 }' || fail "a forged kiss was taken: $(list_sources)"
ticks_before=$(ticks)
sleep 2
busy=$(($(ticks) - ticks_before))
[ "$busy" -le 40 ] || is_sanitised "$SERVER_PID" ||
    fail "after the flood it should rest: $busy ticks in 2 s"
lines=$(($(wc -l < "$WORK/chimed.log") - lines_before))
[ "$lines" -le $LINES_MAX ] || fail "$lines lines in the log, at most $LINES_MAX are reasonable"
rss=$(($(memory_kib "$SERVER_PID" VmRSS) - rss_before))
is_sanitised "$SERVER_PID" || [ "$rss" -le 1024 ] || fail "memory grew by $rss KiB"
pass "$lines lines in the log, $rss KiB more, $busy ticks in 2 s"
kill -TERM "$SERVER_PID"
wait "$SERVER_PID" || fail "SIGTERM should end chimed with 0, not $?"
