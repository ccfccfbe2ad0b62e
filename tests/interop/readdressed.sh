#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chimed's own addresses change while it follows a server, as with another DHCP lease: it goes on
# asking, from the new ones, over IPv4 and IPv6; and its process ends at once although a name server
# never answers.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
PATIENCE_S=60
begin
make_namespaces
start_server
# Reached, and nobody is there.
ip -n "$CLIENT_NS" neigh add 192.0.2.250 lladdr 02:00:00:00:00:01 dev wire
mkdir -p "/etc/netns/$CLIENT_NS"
echo "nameserver 192.0.2.250" > "/etc/netns/$CLIENT_NS/resolv.conf"
remove_resolver() {
    rm -r "/etc/netns/$CLIENT_NS"
    rmdir /etc/netns 2> /dev/null
    cleanup
}
trap remove_resolver EXIT

cat > "$WORK/client.conf" << CONF
[clock]
control = shadow
[server]
listen = 127.0.0.1:123
workers = 1
[control]
socket = $WORK/client.sock
[log]
measurements = $WORK/measurements.csv
[source four]
address = $SERVER4
poll = 1 s
[source six]
address = $SERVER6
poll = 1 s
[source nameless]
address = nowhere.example
CONF
start_follower() {
    start client "${CLIENT[@]}" ${LEASH[@]+"${LEASH[@]}"} \
        "$CHIMED_BINARY" --config "$WORK/client.conf"
}

answers() { # SOURCE
    grep -c ",$1,.*,good," "$WORK/measurements.csv"
}

# Three more of each than there were.
are_answered() {
    [ "$(answers four)" -ge $((four + 3)) ] && [ "$(answers six)" -ge $((six + 3)) ]
}

expect_answers() { # WHEN
    four=$(answers four)
    six=$(answers six)
    wait_until "both sources answer $1" are_answered ||
        fail "no answers $1: $(tail -n 4 "$WORK/measurements.csv")
$(in_client "$CHIME" sources --socket "$WORK/client.sock" 2>&1)"
    pass "answers $1: $(answers four) over IPv4, $(answers six) over IPv6"
}

is_resolving() {
    in_client "$CHIME" sources --socket "$WORK/client.sock" | grep "nameless is .*being resolved"
}

start_follower
wait_until "a name is being resolved" is_resolving || fail "no name is being resolved"
kill -TERM "$DAEMON"
# The resolver alone would wait for ten seconds.
PATIENCE_S=3 wait_until "chimed ends" gone "$DAEMON" || fail "chimed waits for a name server to end"
pass "it ends although a name server is being waited for"

start_follower
wait_until "there is a first answer" test -s "$WORK/measurements.csv" || fail "no answer at all"
expect_answers "at first"
ip -n "$CLIENT_NS" address del "$CLIENT4/24" dev wire
ip -n "$CLIENT_NS" -6 address del 2001:db8::200/64 dev wire
sleep 2 # some requests meet no address at all
ip -n "$CLIENT_NS" address add 192.0.2.201/24 dev wire
ip -n "$CLIENT_NS" -6 address add 2001:db8::201/64 dev wire nodad
ip -n "$CLIENT_NS" neigh replace 192.0.2.250 lladdr 02:00:00:00:00:01 dev wire
expect_answers "from other addresses"
