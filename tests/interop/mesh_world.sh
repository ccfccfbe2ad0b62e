# SPDX-License-Identifier: MIT
# mesh_world.sh - a mesh of chimed, each in a network namespace of its own; to be sourced after lib.sh and
# server.sh.
#
# Node N has 192.0.2.N in the mesh's network, which is two bridges with a link between them that can be cut, and
# 198.51.100.N in another, where clients and servers from outside are: that is never cut. Its clock is virtual,
# (N - 3) * 80 ms off, with a rate of its own. Files are $WORK/nodeN.*, its state is in $WORK/nodeN.
NODES=${NODES:-5}
LETTERS=(zero a b c d e f g)
LEFT=2 # nodes 1 to LEFT are on the left bridge, the others on the right one
POLL=${POLL:-1 s}
FAULTS=1
APART_MS=80
MESH_NET=192.0.2
PLAIN_NET=198.51.100
TRUE_SERVERS="$PLAIN_NET.101 $PLAIN_NET.102 $PLAIN_NET.103"
FALSE_SERVERS="$PLAIN_NET.111 $PLAIN_NET.112 $PLAIN_NET.113"
FALSE_MS=400
UTC_MS=30 # what the servers from outside are off from the system clock
declare -A KEY PID

node_ns() { # NODE
    echo "$PREFIX-$OWNER-node${LETTERS[$1]}"
}

in_node() { # NODE COMMAND…
    local node=$1
    shift
    ip netns exec "$(node_ns "$node")" "$@"
}

add_namespace() { # NAME
    ip netns add "$1" || fail "namespace $1 can't be made"
    NAMESPACES+=("$1")
    ip -n "$1" link set lo up
}

attach() { # NAMESPACE DEVICE BRIDGE ADDRESS…
    local namespace=$1 device=$2 bridge=$3 address
    local port=p${namespace##*-}${device:0:1}
    shift 3
    ip link add name "$device" netns "$namespace" type veth peer name "$port" netns "$SERVER_NS" ||
        fail "no veth pair for $namespace"
    ip -n "$SERVER_NS" link set "$port" master "$bridge" up
    ip -n "$namespace" link set "$device" up
    for address in "$@"; do
        ip -n "$namespace" address add "$address/24" dev "$device"
    done
}

# The bridges are in the namespace "server", clients and servers from outside in "client".
make_mesh_network() {
    [ "$(id -u)" = 0 ] || skip "network namespaces need root (here: uid $(id -u))"
    command -v ip > /dev/null || skip "network namespaces need the ip command (Debian: iproute2)"
    local said bridge node
    said=$(ip netns add "$SERVER_NS" 2>&1 && ip netns add "$CLIENT_NS" 2>&1) ||
        skip "no network namespace can be made: $said"
    for bridge in left right plain; do
        said=$(ip -n "$SERVER_NS" link add name $bridge type bridge 2>&1) ||
            skip "no bridge can be made: $said"
        ip -n "$SERVER_NS" link set $bridge up
    done
    ip -n "$SERVER_NS" link add name trunkl type veth peer name trunkr
    ip -n "$SERVER_NS" link set trunkl master left up
    ip -n "$SERVER_NS" link set trunkr master right up
    ip -n "$CLIENT_NS" link set lo up
    # shellcheck disable=SC2086 # lists
    attach "$CLIENT_NS" plain plain $PLAIN_NET.200 $TRUE_SERVERS $FALSE_SERVERS
    for node in $(seq "$NODES"); do
        add_namespace "$(node_ns "$node")"
        bridge=right
        [ "$node" -gt "$LEFT" ] || bridge=left
        attach "$(node_ns "$node")" mesh $bridge "$MESH_NET.$node"
        attach "$(node_ns "$node")" plain plain "$PLAIN_NET.$node"
    done
}

cut_network() {
    ip -n "$SERVER_NS" link set trunkl down
}

heal_network() {
    ip -n "$SERVER_NS" link set trunkl up
}

# A server from outside whose clock is so far off, with a stratum that says that all is well.
start_outside() { # NAME OFFSET-MS ADDRESS…
    local name=$1 offset=$2
    shift 2
    cat > "$WORK/$name.conf" << CONF
[clock]
control = virtual
virtual-offset = $offset ms
virtual-rate = 0 ppm
virtual-wander = 0 ppb
[server]
listen = $(printf '%s:123 ' "$@")
local-stratum = 1
workers = 1
[control]
socket = off
[log]
level = info
CONF
    start "$name" "${CLIENT[@]}" ${LEASH[@]+"${LEASH[@]}"} "$CHIMED_BINARY" --config "$WORK/$name.conf"
}

make_key() { # NODE
    mkdir -m 700 "$WORK/node$1"
    "$CHIME" keygen --node --state-dir "$WORK/node$1" --json "$WORK/node$1.pem" \
        > "$WORK/keygen$1.json" 2>&1 || fail "chime keygen --node: $(cat "$WORK/keygen$1.json")"
    KEY[$1]=$(grep -o 'ed25519:[0-9a-f]*' "$WORK/keygen$1.json" | head -n 1)
    [ ${#KEY[$1]} = 72 ] || fail "chime keygen prints no public key: $(cat "$WORK/keygen$1.json")"
}

make_keys() {
    local node
    for node in $(seq "$NODES"); do
        make_key "$node"
    done
}

write_members() { # FIRST-THREE-OCTETS
    local node
    for node in $(seq "$NODES"); do
        printf '[member node%s]\naddress = %s.%s\npublic-key = %s\n' \
            "$node" "$1" "$node" "${KEY[$node]}"
    done
}

write_sources() { # ADDRESS…
    local address
    for address in "$@"; do
        printf '[source outside%s]\naddress = %s\npoll = %s\n' "${address##*.}" "$address" "$POLL"
    done
}

# What follows the members comes from stdin.
write_node() { # NODE [FIRST-THREE-OCTETS-OF-MEMBERS]
    cat > "$WORK/node$1.conf" << CONF
[clock]
control = virtual
virtual-offset = $((($1 - 3) * APART_MS)) ms
virtual-rate = $(($1 * 12 - 36)) ppm
state-dir = $WORK/node$1
[server]
listen = 0.0.0.0:123
workers = $(($1 % 2 + 1))
${SERVER_LINES:-}
[control]
socket = $WORK/node$1.sock
[log]
level = info
measurements = $WORK/node$1.csv
[mesh]
identity = $WORK/node$1.pem
faults = $FAULTS
poll = $POLL
${MESH_LINES:-}
$(write_members "${2:-$MESH_NET}")
$(cat)
CONF
}

start_node() { # NODE
    start "node$1.$(began $$)$RANDOM" ip netns exec "$(node_ns "$1")" ${LEASH[@]+"${LEASH[@]}"} \
        "$CHIMED_BINARY" --config "$WORK/node$1.conf"
    PID[$1]=$DAEMON
}

kill_node() { # NODE
    kill -KILL "${PID[$1]}"
    wait_until "node $1 is gone" gone "${PID[$1]}" > /dev/null || fail "node $1 can't be killed"
}

stop_node() { # NODE
    kill -TERM "${PID[$1]}"
    wait_until "node $1 ends" gone "${PID[$1]}" > /dev/null || fail "node $1 does not end"
}

chime_node() { # NODE COMMAND…
    local node=$1 command=$2
    shift 2
    in_node "$node" "$CHIME" "$command" --socket "$WORK/node$node.sock" "$@" 2>&1
}

ask_node() { # NODE WORD…
    local node=$1
    shift
    "$PYTHON" -B "$INTEROP/mesh.py" ask "$WORK/node$node.sock" "$@"
}

# One line for each member that a node knows: name, state, number of the proof, cause.
members_of() { # NODE
    "$PYTHON" -B "$INTEROP/mesh.py" members "$WORK/node$1.sock"
}

has_state() { # NODE MEMBER STATES
    members_of "$1" | grep -qE "^$2 ($3) "
}

spread_us() { # MOST NODE…
    local most=$1 addresses=() node
    shift
    for node in "$@"; do
        addresses+=("$PLAIN_NET.$node")
    done
    in_client "$PYTHON" -B "$INTEROP/mesh.py" spread "${addresses[@]}" > "$WORK/spread" || return 1
    awk -v most="$most" '/^spread_us/ { exit !($2 <= most + $4) }' "$WORK/spread"
}

condition_of() { # NODE
    chime_node "$1" status --json | "$PYTHON" -c '
import json, sys
print(json.load(sys.stdin)["condition"])'
}

all_are() { # CONDITION NODE…
    local condition=$1 node
    shift
    for node in "$@"; do
        condition_of "$node" | grep -qE "$condition" || return 1
    done
}

tell_all() {
    local node
    for node in $(seq "$NODES"); do
        echo "--- node $node"
        members_of "$node"
        chime_node "$node" status | head -n 12
    done
}
