#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A mesh whose members a CA certifies: four nodes that know one of them, or look in the DNS, learn the rest; one says
# goodbye and comes back at another address; one is revoked by a newer membership document; one whom another CA
# certified is never admitted.
NODES=5
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/mesh_world.sh"
TRIES=240
STEP_S=0.25
DAYS=30

certify() { # NODE CA ADDRESS
    "$CHIME" certify --ca "$2" --key "${KEY[$1]}" --address "$3" --domain "site$1" --days $DAYS \
        -o "$WORK/node$1.cert.new" > "$WORK/certify$1.log" 2>&1 ||
        fail "chime certify: $(cat "$WORK/certify$1.log")"
    mv "$WORK/node$1.cert.new" "$WORK/node$1.cert"
}

write_joining() { # NODE LINES-OF-[mesh]
    cat > "$WORK/node$1.conf" << CONF
[clock]
control = virtual
virtual-offset = $((($1 - 3) * APART_MS)) ms
state-dir = $WORK/node$1
[server]
listen = 0.0.0.0:123
workers = 1
[control]
socket = $WORK/node$1.sock
[log]
level = info
[mesh]
identity = $WORK/node$1.pem
ca = $CA
certificate = $WORK/node$1.cert
membership = $WORK/members
poll = $POLL
$2
CONF
}

# The names are ids, unless they are configured.
knows() { # NODE OTHER…
    local node=$1 other known
    shift
    known=$(ask_node "$node" mesh) || return 1
    for other in "$@"; do
        echo "$known" | "$PYTHON" -c '
import json, sys
sys.exit(not any(member["id"] == sys.argv[1] and member["session"] and not member["left"]
                 for member in json.load(sys.stdin)["members"]))' "${ID[$other]}" || return 1
    done
}

member_field() { # NODE OTHER FIELD
    ask_node "$1" mesh | "$PYTHON" -c '
import json, sys
for member in json.load(sys.stdin)["members"]:
    if member["id"] == sys.argv[1]:
        print(member[sys.argv[2]])' "${ID[$2]}" "$3"
}

is_field() { # NODE OTHER FIELD VALUE
    [ "$(member_field "$1" "$2" "$3")" = "$4" ]
}

# It answers, since it is known there.
is_measured() { # NODE OTHER
    member_field "$1" "$2" measure | grep -q "'silent': False"
}

sign_members() { # SERIAL REVOKED NODE…
    local serial=$1 revoked=$2 node
    shift 2
    {
        printf 'mesh = truechimer\nserial = %s\nnodes = %s\nfaults = 1\nmax-offset = 250 ms\n' "$serial" $#
        for node; do
            echo "member = ${KEY[$node]} site$node $MESH_NET.$node"
        done
        [ -z "$revoked" ] || echo "revoked = ${ID[$revoked]}"
    } > "$WORK/draft"
    "$CHIME" certify --ca "$WORK/ca.pem" --membership "$WORK/draft" -o "$WORK/members.new" \
        > "$WORK/sign.log" 2>&1 || fail "chime certify --membership: $(cat "$WORK/sign.log" "$WORK/draft")"
    mv "$WORK/members.new" "$WORK/members"
}

declare -A ID
begin
prepare_server
make_mesh_network
make_keys
for node in $(seq "$NODES"); do
    ID[$node]=$(grep -o '"id": *"[0-9a-f]*"' "$WORK/keygen$node.json" | grep -o '[0-9a-f]\{16\}')
done
for name in ca other; do
    "$CHIME" keygen --ca "$WORK/$name.pem" > "$WORK/$name.txt" 2>&1 || fail "$(cat "$WORK/$name.txt")"
done
CA=$(grep -o 'ed25519:[0-9a-f]\{64\}' "$WORK/ca.txt" | head -n 1)
for node in 1 2 3 4; do
    certify "$node" "$WORK/ca.pem" "$MESH_NET.$node"
done
certify 5 "$WORK/other.pem" "$MESH_NET.5"
sign_members 1 "" 1 2 3 4
write_joining 1 ""
for node in 2 3 4; do
    write_joining "$node" "join = $MESH_NET.1"
done
sed "s/^ca = .*/ca = $(grep -o 'ed25519:[0-9a-f]\{64\}' "$WORK/other.txt" | head -n 1)/; /^membership/d" \
    <(write_joining 5 "join = $MESH_NET.1"; cat "$WORK/node5.conf") > "$WORK/node5.conf.new"
mv "$WORK/node5.conf.new" "$WORK/node5.conf"
for node in $(seq "$NODES"); do
    start_node "$node"
done
for node in 2 3 4; do
    wait_until "node $node knows the others" knows "$node" 1 $(seq 2 4 | grep -v "$node") ||
        fail "node $node should have learned of the others: $(members_of "$node") $(tell_all)"
done
pass "who knew one knows all: $(members_of 4 | tr '\n' ';')"
wait_until "they agree" spread_us 3000 1 2 3 4 || fail "$(cat "$WORK/spread")"
pass "joined: $(tail -n 1 "$WORK/spread")"
knows 1 5 && fail "node 5 has another CA and was admitted"
members_of 5 | grep -q "truechimer\|candidate" && fail "node 5 has joined: $(members_of 5)"
pass "another CA's node is a stranger"

stop_node 4
wait_until "node 1 knows that node 4 left" is_field 1 4 left True ||
    fail "node 4 said goodbye: $(ask_node 1 mesh)"
pass "node 4 left"
start_node 4
wait_until "node 4 is back" is_measured 1 4 || fail "$(tell_all)"
kill_node 4
ip -n "$(node_ns 4)" address del "$MESH_NET.4/24" dev mesh
ip -n "$(node_ns 4)" address add "$MESH_NET.44/24" dev mesh
start_node 4
wait_until "node 4 is heard from its new address" is_field 1 4 address "$MESH_NET.44:123" ||
    fail "the address should follow: $(member_field 1 4 address) $(tell_all)"
wait_until "node 1 knows node 4 again" knows 1 4 || fail "$(tell_all)"
pass "node 4 came back at $(member_field 1 4 address)"

sign_members 2 3 1 2 4
for node in 1 2 4; do
    chime_node "$node" reload > "$WORK/reload$node.log" || fail "$(cat "$WORK/reload$node.log")"
    wait_until "node $node has revoked node 3" is_field "$node" 3 revoked True ||
        fail "node 3 is revoked: $(members_of "$node")"
done
pass "node 3 is revoked"
