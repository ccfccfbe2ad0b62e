#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A chimed that broadcasts, and one that listens to it, signed: to the network's broadcast address, to
# a multicast group over IPv4 and one over IPv6; with several workers, of which each hears it. The
# listener's clock starts 80 ms ahead of the sender's. Then packets of an attacker on the sender's machine
# change nothing, the sender is started anew, and the listener, while the attack goes on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/variants.sh"
PATIENCE_S=60
HEARD=4
TOLERANCE_NS=1000000

write_sender() { # ADDRESS
    cat > "$WORK/sender.conf" << CONF
[clock]
control = shadow
[server]
listen = 0.0.0.0:123 [::]:123
workers = 2
local-stratum = $STRATUM
[keys]
file = $WORK/keys
[control]
socket = off
[log]
level = info
[source everybody]
address = $1
kind = broadcast
key = 4
poll = 1 s
CONF
}

write_listener() { # SENDER GROUP-LINE
    cat > "$WORK/listener.conf" << CONF
[clock]
control = virtual
virtual-offset = 80 ms
[server]
listen = 0.0.0.0:123 [::]:123
workers = 2
[keys]
file = $WORK/keys
[control]
socket = $WORK/listener.sock
[log]
level = info
measurements = $WORK/measurements.csv
[source sender]
address = $1
kind = broadcast-client
key = 4
$2
CONF
}

ask_listener() { # COMMAND
    # shellcheck disable=SC2086 # with its options
    in_client "$CHIME" $1 --socket "$WORK/listener.sock" 2>&1
}

# What passed all tests. A broadcast's own time is told before it is signed and sent: with a clock
# that is known to a microsecond, that makes it doubted.
heard() {
    awk -F , '$13 == 5 && $18 == 1 && ($4 == "good" || $4 == "doubted")' "$WORK/measurements.csv"
}

# Of the listener's clock to the sender's: the best of five answers.
offset_ns() {
    in_server "$CHIME" query --json --count 5 --interval 0.1 "$CLIENT4" | "$PYTHON" -c '
import json, sys
print(json.load(sys.stdin)["servers"][0]["offset_ns"])'
}

is_following() { # HEARD
    [ "$(heard | wc -l)" -ge "$1" ] && ask_listener sources | grep -q "^sender .* selected" || return 1
    local offset
    offset=$(offset_ns) && [ -n "$offset" ] && [ "${offset#-}" -lt $TOLERANCE_NS ]
}

wait_following() { # WHAT HEARD
    wait_until "the listener goes by what it hears $1" is_following "$2" ||
        fail "the listener does not follow $1, at $(offset_ns) ns: $(ask_listener sources)
$(ask_listener status) $(tail -n 5 "$WORK/measurements.csv")"
    pass "$1 it follows after $(heard | wc -l) broadcasts, at $(offset_ns) ns"
}

start_sender() {
    start sender "${SERVER[@]}" ${LEASH[@]+"${LEASH[@]}"} \
        "$CHIMED_BINARY" --config "$WORK/sender.conf"
    sender=$DAEMON
    wait_answer "$SERVER4"
}

start_listener() {
    start listener "${CLIENT[@]}" ${LEASH[@]+"${LEASH[@]}"} \
        "$CHIMED_BINARY" --config "$WORK/listener.conf"
    listener=$DAEMON
}

end() { # PID
    kill -TERM "$1"
    wait_until "process $1 ends" gone "$1" || fail "process $1 does not end"
}

attack() { # SECONDS
    in_server "$PYTHON" "$INTEROP/broadcast.py" "$SENDER" "$TARGET" \
        "$(in_server cat /sys/class/net/wire/ifindex)" "$1" "$WORK/captured"
}

counted() { # FIELD
    ask_listener "sources --json" | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p"
}

# Refused packets cost a count, and nothing else. A listener that measures the way to its server
# does not listen meanwhile: then again.
check_attack() {
    local sent refused=0 tries=0
    while [ $refused -lt 20 ]; do
        tries=$((tries + 1))
        [ $tries -le 5 ] || fail "of $sent packets of an attacker $refused were refused"
        attack_once
    done
    pass "of $sent packets of an attacker $refused were refused"
}

attack_once() { # sets sent and refused
    local received valid
    received=$(counted received) valid=$(counted valid)
    sent=$(attack 2) || fail "the attacker should send: $sent"
    received=$(($(counted received) - received))
    valid=$(($(counted valid) - valid))
    refused=$((received - valid))
    [ "$sent" -ge 100 ] && [ $valid -le 8 ] ||
        fail "of $sent packets of an attacker $refused were refused, and $valid taken"
    # On a busy machine a few late packets of the sender itself may pass for a step of its clock, by
    # microseconds: what counts is where the listener is.
    [ "$(counted kisses)" = 0 ] &&
        PATIENCE_S=30 wait_until "it follows as before" is_following $HEARD > /dev/null ||
        fail "$sent packets of an attacker changed something, at $(offset_ns) ns:" \
            "$(ask_listener "sources --json") $(tail -n 5 "$WORK/measurements.csv")"
}

broadcast() {
    local sender listener count twice
    make_namespaces
    prepare_server
    case $VARIANT in
    broadcast)
        ip -n "$SERVER_NS" address del 192.0.2.1/24 dev wire
        ip -n "$SERVER_NS" address add 192.0.2.1/24 broadcast 192.0.2.255 dev wire
        SENDER=$SERVER4 TARGET=192.0.2.255
        write_listener "$SENDER" ""
        ;;
    multicast4)
        ip -n "$SERVER_NS" route add 224.0.0.0/4 dev wire
        ip -n "$CLIENT_NS" route add 224.0.0.0/4 dev wire
        SENDER=$(first_address) TARGET=224.0.1.1
        write_listener "$SENDER" "group = $TARGET"
        ;;
    multicast6)
        SENDER=$(link_local) TARGET=ff02::101%$(in_server cat /sys/class/net/wire/ifindex)
        write_listener "$SENDER" \
            "group = ff02::101%$(in_client cat /sys/class/net/wire/ifindex)"
        ;;
    esac
    write_sender "$TARGET"
    start_sender
    start_listener
    wait_following "at first" $HEARD
    # One a second is sent, and each worker hears it.
    count=$(heard | wc -l)
    twice=$(heard | cut -c 1-19 | sort | uniq -d | wc -l)
    [ "$twice" -le $((count / 4)) ] || fail "broadcasts should be taken once: $(heard)"
    check_attack

    end "$sender"
    start_sender
    wait_following "after the sender's restart" $(($(heard | wc -l) + 2))

    end "$listener"
    mv "$WORK/measurements.csv" "$WORK/measurements-before.csv"
    attack 12 > "$WORK/attacker.log" 2>&1 &
    start_listener
    wait_following "after its restart, under attack" 2
    wait_until "the attacker ends" [ -s "$WORK/attacker.log" ] || fail "the attacker does not end"
    PATIENCE_S=30 wait_until "it follows as before" is_following 2 > /dev/null ||
        fail "the attack on its start changed something, at $(offset_ns) ns"
    # A lie would show: it is of a second.
    awk -F , '$4 ~ /good|doubted|stepped/ && ($5 > 5e8 || $5 < -5e8)' "$WORK"/measurements*.csv |
        grep . && fail "what an attacker says was taken"
    [ "$(cat "$WORK/attacker.log")" -ge 1000 ] || fail "the attack failed"
}

# Which of its addresses the kernel sends from.
first_address() {
    in_server ip -4 route get 224.0.1.1 oif wire | sed -n 's/.* src \([0-9.]*\).*/\1/p'
}

# With the scope as the listener sees it.
link_local() {
    local address
    wait_until "the link-local address is there" link_is_ready > /dev/null
    address=$(in_server ip -6 -o address show dev wire scope link | sed -n 's/.*inet6 \([^/]*\).*/\1/p')
    echo "$address%$(in_client cat /sys/class/net/wire/ifindex)"
}

link_is_ready() {
    in_server ip -6 -o address show dev wire scope link | grep -qv tentative
}

run_variants broadcast broadcast multicast4 multicast6
