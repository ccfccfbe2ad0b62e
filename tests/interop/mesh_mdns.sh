#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A mesh of nodes that a CA certified, and that know nobody's address: each asks an avahi-daemon of its own, on a D-Bus
# of its own. They begin before either is there. Three find each other; one of another CA, which announces itself for the
# same mesh, is found and refused; one of another mesh is not asked. Then each avahi-daemon is killed, and one bus: when
# they are back, each node is announced again, and one that comes then finds all.
NODES=6
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/mesh_world.sh"
. "$(dirname "$0")/mesh_certified.sh"
PATIENCE_S=120
declare -A BUS AVAHI

# Nodes 1 and 5 are announced with what they listen on; 2 too, since what it should be announced with is no use to others;
# 3 by an address of its own.
own_address() { # NODE
    case $1 in
    2) echo "address = localhost" ;;
    3) echo "address = $MESH_NET.3" ;;
    esac
}

# Nodes 1 to 3 and 5 are certified, 4 by another CA; 6 is certified too, and in a mesh of another name.
make_world() {
    local node
    make_authorities
    for node in 1 2 3 5 6; do
        certify "$node" "$WORK/ca.pem"
    done
    certify 4 "$WORK/other.pem"
    sign_membership 1 4
    for node in 1 2 3 5 6; do
        write_joining "$node" "$(public_key ca)" << CONF
membership = $WORK/members
discover = mdns
name = $([ "$node" = 6 ] && echo elsewhere || echo office)
$(own_address "$node")
CONF
    done
    write_joining 4 "$(public_key other)" << CONF
discover = mdns
name = office
CONF
}

# Multicast has a route in each namespace, and no way into another one's mesh but the bridges.
route_multicast() {
    local node
    for node in $(seq "$NODES"); do
        ip -n "$(node_ns "$node")" route add 224.0.0.0/4 dev mesh || fail "no route for multicast in node $node"
    done
}

write_bus() { # NODE
    cat > "$WORK/bus$1.conf" << CONF
<busconfig>
  <type>system</type>
  <listen>unix:path=$WORK/bus$1</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
</busconfig>
CONF
    cat > "$WORK/avahi$1.conf" << CONF
[server]
host-name=machine$1
use-ipv4=yes
use-ipv6=no
allow-interfaces=mesh
enable-dbus=yes
[wide-area]
enable-wide-area=no
[publish]
publish-hinfo=no
publish-workstation=no
[rlimits]
CONF
}

start_bus() { # NODE
    rm -f "$WORK/bus$1"
    start "bus$1.$(began $$)$RANDOM" ip netns exec "$(node_ns "$1")" ${LEASH[@]+"${LEASH[@]}"} \
        "$DBUS_DAEMON" --config-file="$WORK/bus$1.conf" --nofork --nopidfile --print-address
    BUS[$1]=$DAEMON
    wait_until "node $1 has a bus" test -S "$WORK/bus$1" > /dev/null || fail "dbus-daemon of node $1 does not start"
}

# It insists on a user of its own, who is root here, and on /run/avahi-daemon: it gets an /etc and a /run for itself.
start_avahi() { # NODE
    # shellcheck disable=SC2016 # for the inner shell
    start "avahi$1.$(began $$)$RANDOM" ip netns exec "$(node_ns "$1")" ${LEASH[@]+"${LEASH[@]}"} unshare --mount sh -c '
        mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group &&
            mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"' "$WORK" \
        env "DBUS_SYSTEM_BUS_ADDRESS=unix:path=$WORK/bus$1" \
        "$AVAHI_DAEMON" -f "$WORK/avahi$1.conf" --no-drop-root --no-chroot --no-rlimits
    AVAHI[$1]=$DAEMON
    wait_until "avahi-daemon of node $1 runs" has_begun "$1" > /dev/null && is_running "$DAEMON" ||
        fail "avahi-daemon of node $1 does not start"
}

has_begun() { # NODE
    gone "${AVAHI[$1]}" || grep -q "Server startup complete" "$WORK/avahi$1".*.log
}

kill_now() { # PID WHAT
    kill -KILL "$1"
    wait_until "$2 is gone" gone "$1" > /dev/null || fail "$2 can't be killed"
}

start_discovering() { # NODE
    DBUS_SYSTEM_BUS_ADDRESS=unix:path=$WORK/bus$1 start_node "$1"
}

# Has a node said so that often? Each is started once.
said() { # NODE TIMES WORDS
    [ "$(cat "$WORK/node$1".*.log | grep -c "$3")" -ge "$2" ]
}

expect_said() { # NODE TIMES WORDS
    wait_until "node $1 says '$3' ($2)" said "$@" || fail "node $1 should have said: $3"
}

# The last number of addresses that a node said.
finds() { # NODE ADDRESSES
    [ "$(sed -n 's/.*mesh: \([0-9]*\) address.* known by mDNS.*/\1/p' "$WORK/node$1".*.log | tail -n 1)" = "$2" ]
}

expect_finds() { # ADDRESSES NODE…
    local count=$1 node
    shift
    for node; do
        wait_until "node $node knows $count addresses by mDNS" finds "$node" "$count" ||
            fail "node $node should know $count addresses by mDNS"
    done
}

# One that does not answer holds up neither the daemon nor its end.
hang() {
    kill -STOP "${AVAHI[2]}"
    sed -i 's/^name = .*/name = elsewhere/' "$WORK/node2.conf"
    kill -HUP "${PID[2]}"
    expect_said 2 1 "is in force"
    chime_node 2 status > "$WORK/hang.txt" || fail "node 2 should answer: $(cat "$WORK/hang.txt")"
    expect_all "avahi-daemon of node 2 hangs" 1 2 3 5
    stop_node 2
    kill -CONT "${AVAHI[2]}"
    pass "node 2 served and ended although its avahi-daemon did not answer"
}

# And nothing was found wrong with the memory of any, where that is looked for.
end_all() {
    local node
    for node in 1 3 4 5 6; do
        stop_node "$node"
    done
    grep -hE 'Sanitizer|runtime error' "$WORK"/node*.log && fail "a node has used memory that it may not use, or lost some"
    pass "all ended, and lost no memory"
}

make_user() {
    { echo 'avahi:x:0:0::/:/bin/false' && cat /etc/passwd; } > "$WORK/passwd"
    { echo 'avahi:x:0:' && cat /etc/group; } > "$WORK/group"
}

# Before there is anything to ask.
begin_alone() {
    local node
    for node in 1 2 3 4 6; do
        write_bus "$node"
        start_discovering "$node"
    done
    expect_said 1 1 "avahi-daemon can't be asked"
    for node in 1 2 3 4 6; do
        start_bus "$node"
    done
    expect_said 1 1 "avahi-daemon is not on the D-Bus"
    for node in 1 2 3 4 6; do
        start_avahi "$node"
    done
}

find_each_other() {
    expect_all "found by mDNS" 1 2 3
    expect_agreement "found by mDNS" 1 2 3
    expect_finds 3 1 2 3 # 4 too, and not 6
    expect_finds 3 4
    expect_said 2 1 "'localhost', the address of this node, does not resolve"
    pass "nodes 1 to 4 know three addresses each, and not the one of another mesh"
    finds 6 3 && fail "node 6 is in another mesh, and asks: $(cat "$WORK"/node6.*.log)"
    [ -z "$(known_to 6)" ] && [ "$(count_of 6 stranger)" = 0 ] ||
        fail "node 6 is in another mesh, and met somebody: $(ask_node 6 mesh)"
}

has_met_strangers() { # NODE
    [ "$(count_of "$1" stranger)" -gt 0 ]
}

refuse() {
    local node
    for node in 1 2 3 4; do
        wait_until "node $node meets a stranger" has_met_strangers "$node" ||
            fail "nodes 1 to 3 and node 4 should have asked each other who they are: $(ask_node "$node" mesh)"
    done
    for node in 1 2 3; do
        known_to "$node" | grep "^${ID[4]} " && fail "node $node took in node 4, whom another CA certified"
    done
    [ -z "$(known_to 4)" ] || fail "node 4 should know nobody: $(known_to 4)"
    pass "another CA's node is found, asked and refused: $(count_of 1 stranger) time(s) by node 1"
}

lose_and_find_again() {
    local node
    for node in 1 2 3; do
        kill_now "${AVAHI[$node]}" "avahi-daemon of node $node"
    done
    kill_now "${BUS[1]}" "dbus-daemon of node 1"
    for node in 1 2 3; do
        expect_said "$node" 1 "avahi-daemon is gone"
    done
    expect_finds 0 1 2 3
    pass "nodes 1 to 3 lost their avahi-daemon, and with it what it told"
    start_bus 1
    for node in 1 2 3; do
        start_avahi "$node"
    done
    for node in 1 2 3; do
        expect_said "$node" 2 "announced by mDNS as 'chimed-${ID[$node]}', port 123"
    done
    expect_finds 3 1 2 3
    pass "nodes 1 to 3 are announced again, and find the others again"
    write_bus 5
    start_bus 5
    start_avahi 5
    start_discovering 5
    expect_all "node 5 came" 1 2 3 5
    expect_agreement "node 5 came" 1 2 3 5
}

# What a reload says holds at once.
withdraw() {
    expect_finds 4 1
    sed -i '/^discover = /d' "$WORK/node5.conf"
    kill -HUP "${PID[5]}"
    expect_finds 3 1
    expect_all "node 5 does not look any more" 1 2 3 5
}

begin
prepare_server
"$CHIMED" --version | grep -qx "with mDNS (Avahi)" ||
    skip "chimed is built without Avahi (Debian: libavahi-client-dev; ./configure --with-avahi)"
make_mesh_network
for program in avahi-daemon dbus-daemon; do
    said=$(stock_program $program) || skip "$said"
    [ $program = avahi-daemon ] && AVAHI_DAEMON=$said || DBUS_DAEMON=$said
done
route_multicast
make_user
make_keys
make_world
begin_alone
find_each_other
refuse
lose_and_find_again
withdraw
hang
end_all
