#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A chimed that broadcasts, and one that listens to it, signed: to the network's broadcast address, to
# a multicast group over IPv4 and one over IPv6; with several workers, of which each hears it. The
# listener's clock starts 80 ms ahead of the sender's.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/variants.sh"
TRIES=120
STEP_S=0.5
HEARD=6

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
    in_client "$CHIME" "$1" --socket "$WORK/listener.sock" 2>&1
}

# What passed all tests. A broadcast's own time is told before it is signed and sent: with a clock
# that is known to a microsecond, that makes it doubted.
heard() {
    awk -F , '$13 == 5 && $18 == 1 && ($4 == "good" || $4 == "doubted")' "$WORK/measurements.csv"
}

is_following() {
    [ "$(heard | wc -l)" -ge $HEARD ] &&
        ask_listener sources | grep -q "^sender .* selected" &&
        OFFSET_MS=0 ask_offset 's/.*"offset_ns": *\(-*[0-9]*\).*/\1e-9/p' \
            in_server "$CHIME" query --json "$CLIENT4"
}

broadcast() {
    make_namespaces
    prepare_server
    case $VARIANT in
    broadcast)
        ip -n "$SERVER_NS" address del 192.0.2.1/24 dev wire
        ip -n "$SERVER_NS" address add 192.0.2.1/24 broadcast 192.0.2.255 dev wire
        write_sender 192.0.2.255
        write_listener "$SERVER4" ""
        ;;
    multicast4)
        ip -n "$SERVER_NS" route add 224.0.0.0/4 dev wire
        ip -n "$CLIENT_NS" route add 224.0.0.0/4 dev wire
        write_sender 224.0.1.1
        write_listener "$(first_address)" "group = 224.0.1.1"
        ;;
    multicast6)
        write_sender "ff02::101%$(in_server cat /sys/class/net/wire/ifindex)"
        write_listener "$(link_local)" \
            "group = ff02::101%$(in_client cat /sys/class/net/wire/ifindex)"
        ;;
    esac
    start sender "${SERVER[@]}" ${LEASH[@]+"${LEASH[@]}"} \
        "$CHIMED_BINARY" --config "$WORK/sender.conf"
    wait_answer "$SERVER4"
    start listener "${CLIENT[@]}" ${LEASH[@]+"${LEASH[@]}"} \
        "$CHIMED_BINARY" --config "$WORK/listener.conf"
    wait_until "the listener goes by what it hears" is_following ||
        fail "the listener does not follow: $(ask_listener sources) $(ask_listener status)
$(tail -n 5 "$WORK/measurements.csv")"
    # One a second is sent, and each worker hears it.
    local count twice
    count=$(heard | wc -l)
    twice=$(heard | cut -c 1-19 | sort | uniq -d | wc -l)
    [ "$twice" -le $((count / 4)) ] || fail "broadcasts should be taken once: $(heard)"
    pass "follows after $count broadcasts"
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
