#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A mesh of nodes that a CA certified, and whose configuration names no member: the membership document has n and f
# alone. The first knows nobody; the second is told of the first, the third of the second, and the fourth looks in the
# DNS. All learn of all. One whom another CA certified is refused, though it knows the first one's key and address. One
# says goodbye and comes back elsewhere; it is killed and comes back elsewhere again, and its old addresses are nobody's.
# One is revoked by a newer document, at a SIGHUP or an operator's word.
NODES=5
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/mesh_world.sh"
. "$(dirname "$0")/mesh_certified.sh"
PATIENCE_S=90
SERVICE=_ntp-mesh._udp.mesh.test

make_world() {
    local node
    make_authorities
    for node in 1 2 3 4; do
        certify "$node" "$WORK/ca.pem"
    done
    certify 5 "$WORK/other.pem"
    sign_membership 1 4
}

write_all() {
    write_joining 1 "$(public_key ca)" <<< "membership = $WORK/members"
    write_joining 2 "$(public_key ca)" << CONF
membership = $WORK/members
join = $MESH_NET.1
CONF
    write_joining 3 "$(public_key ca)" << CONF
membership = $WORK/members
join = $MESH_NET.2:123
CONF
    write_joining 4 "$(public_key ca)" << CONF
membership = $WORK/members
discover = srv:$SERVICE
CONF
    write_joining 5 "$(public_key other)" << CONF
[member node1]
address = $MESH_NET.1
public-key = ${KEY[1]}
CONF
}

# Node 4 has a name server of its own.
start_looking() {
    printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' > "$WORK/resolv.conf"
    # shellcheck disable=SC2016 # for the inner shell
    start "node4.$(began $$)$RANDOM" ip netns exec "$(node_ns 4)" ${LEASH[@]+"${LEASH[@]}"} unshare --mount sh -c '
        mount --bind "$0" /etc/resolv.conf && exec "$@"' \
        "$WORK/resolv.conf" "$CHIMED_BINARY" --config "$WORK/node4.conf"
    PID[4]=$DAEMON
}

start_names() {
    printf '%s SRV 0 1 123 one.mesh.test\none.mesh.test A %s.1\n' "$SERVICE" "$MESH_NET" > "$WORK/zone"
    start names ip netns exec "$(node_ns 4)" "$PYTHON" -B "$INTEROP/dns.py" "$WORK/zone"
}

move_node() { # NODE FROM TO
    ip -n "$(node_ns "$1")" address del "$MESH_NET.$2/24" dev mesh
    ip -n "$(node_ns "$1")" address add "$MESH_NET.$3/24" dev mesh
}

join() {
    start_names
    for node in 1 2 3 5; do
        start_node "$node"
    done
    start_looking
    expect_all "joined" 1 2 3 4
    grep -q "^$SERVICE SRV 1" "$WORK/names.log" || fail "node 4 asked for no SRV record: $(cat "$WORK/names.log")"
    pass "node 4 asked the DNS: $(grep -c SRV "$WORK/names.log") time(s) for $SERVICE"
    expect_agreement "joined" 1 2 3 4
}

refuse() {
    wait_until "node 1 refuses node 5" has_refused 1 ||
        fail "node 1 should have refused node 5's certificate: $(ask_node 1 mesh)"
    for node in 1 2 3 4; do
        known_to "$node" | grep "^${ID[5]} " && fail "node $node took in node 5, whom another CA certified"
    done
    is_known 5 1 "[a-z]* False .*" || fail "node 5 should have no session with node 1: $(known_to 5)"
    pass "another CA's node is a stranger: refused $(count_of 1 "not certified") time(s)"
}

has_gone() { # NODE
    is_known "$1" 4 "[a-z]* [A-Za-z]* True .*"
}

is_at() { # NODE ADDRESS
    is_known "$1" 4 "[a-z]* True False False True $2:123"
}

leave_and_return() {
    stop_node 4
    for node in 1 2 3; do
        wait_until "node $node knows that node 4 left" has_gone "$node" ||
            fail "node 4 said goodbye, and node $node has not heard it: $(known_to "$node")"
    done
    pass "node 4 said goodbye to all"
    move_node 4 4 44
    start_looking
    for node in 1 2 3; do
        wait_until "node $node finds node 4 elsewhere" is_at "$node" "$MESH_NET.44" ||
            fail "node 4 left and came back at $MESH_NET.44: $(tell_known)"
    done
    expect_all "node 4 is back at $MESH_NET.44" 1 2 3 4
    kill_node 4
    move_node 4 44 144
    start_looking
    for node in 1 2 3; do
        wait_until "node $node finds node 4 elsewhere" is_at "$node" "$MESH_NET.144" ||
            fail "node 4 died and came back at $MESH_NET.144: $(tell_known)"
    done
    expect_all "node 4 is back at $MESH_NET.144" 1 2 3 4
    expect_agreement "node 4 is back" 1 2 3 4
}

# A backup brings the document back by which node 3 is no more revoked.
refuse_older() {
    cp "$WORK/members" "$WORK/members.newest"
    sign_membership 1 4
    chime_node 1 reload > "$WORK/reload1.log" 2>&1 && fail "node 1 took an older document than it had"
    grep -q "has serial 1, and one with serial 2 was in force" "$WORK"/node1.*.log || fail "node 1 should say why"
    "$CHIMED_BINARY" --check --config "$WORK/node1.conf" > "$WORK/check1.log" 2>&1 && fail "--check does not see that it is older"
    grep -q "has serial 1, and one with serial 2 was in force" "$WORK/check1.log" || fail "$(cat "$WORK/check1.log")"
    mv "$WORK/members.newest" "$WORK/members"
    chime_node 1 reload > "$WORK/reload1.log" 2>&1 || fail "$(cat "$WORK/reload1.log")"
}

revoke() {
    sign_membership 2 3 3
    kill -HUP "${PID[1]}"
    for node in 2 4; do
        chime_node "$node" reload > "$WORK/reload$node.log" || fail "$(cat "$WORK/reload$node.log")"
    done
    for node in 1 2 4; do
        wait_until "node $node has revoked node 3" is_known "$node" 3 "None False False True False .*" ||
            fail "node 3 is revoked: $(tell_known)"
    done
    chime_node 1 mesh | grep "is revoked" || fail "chime mesh should say it: $(chime_node 1 mesh)"
    wait_until "node 3 is heard by nobody" is_known 3 1 "unreachable .*" ||
        fail "node 3 should be answered by nobody: $(known_to 3)"
    chime_node 3 reload > "$WORK/reload3.log" 2>&1 && fail "node 3 took a document that revokes it"
    grep -q "revokes the key of this node" "$WORK"/node3.*.log || fail "node 3 should say why"
    refuse_older
    expect_all "node 3 is revoked" 1 2 4
    expect_agreement "node 3 is revoked" 1 2 4
}

begin
prepare_server
make_mesh_network
make_keys
make_world
write_all
join
refuse
leave_and_return
revoke
