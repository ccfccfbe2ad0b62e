#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A member that floods: it has a key that all know and sessions with all, and sends as much as it can; good requests,
# renewals of its sessions, and forgeries under their numbers. It gets what a member may have, the rest is dropped and
# counted; the other members hear each other as ever, plain clients are served meanwhile, and no verdict, clock or epoch
# changes.
NODES=4 # the last of them floods
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/mesh_world.sh"
PATIENCE_S=120
HONEST=3
HEARD_MIN=${HEARD_MIN:-5}       # answers that each node has to hear from each other in each round
CLIENTS_MIN=${CLIENTS_MIN:-10}  # and that a plain client has to get from each
MOVED_US=3000                   # more than the clocks stray from each other by themselves on a busy machine
PER_S=32                        # what a member may send a node, and save up (common/mesh/gate.h) ...
OTHERS_PER_S=8                  # ... and what the others send it at most
MANY=1000                       # packets that each node has to have had to drop, or it was no flood

sockets() {
    local node
    for node in $(seq $HONEST); do
        echo "$WORK/node$node.sock"
    done
}

# One line for each pair: node and member, good answers so far.
heard() {
    local node
    for node in $(seq $HONEST); do
        chime_node "$node" sources --json | "$PYTHON" -c '
import json, sys
for source in json.load(sys.stdin)["sources"]:
    print(sys.argv[1] + "-" + source["name"], source["counts"]["good"])' "$node"
    done | grep -v "node$NODES " | sort
}

all_heard() { # SINCE
    heard > "$WORK/heard.now"
    join "$WORK/heard.$1" "$WORK/heard.now" > "$WORK/heard"
    [ "$(wc -l < "$WORK/heard")" = $((HONEST * (HONEST - 1))) ] || return 1
    awk -v least="$HEARD_MIN" '$3 - $2 < least { bad = 1 } END { exit bad }' "$WORK/heard"
}

gates() {
    # shellcheck disable=SC2046 # a list
    "$PYTHON" -B "$INTEROP/mesh_flood.py" gate $(sockets)
}

# Each node's seconds, and by how much each count grew.
gate_changes() { # ROUND
    paste -d ' ' "$WORK/gate.$1" <(gates) | awk '{ print $5 - $1, $6 - $2, $7 - $3, $8 - $4 }' > "$WORK/gate"
}

has_dropped() { # ROUND COLUMN
    gate_changes "$1"
    awk -v least=$MANY -v column="$2" '$column < least { bad = 1 } END { exit bad }' "$WORK/gate"
}

is_handed_too_much() { # ROUND
    gate_changes "$1"
    awk -v own=$PER_S -v others=$OTHERS_PER_S '$2 > own + (own + others) * ($1 + 1) { exit found = 1 }
        END { exit !found }' "$WORK/gate"
}

# Whatever it is, it can be told.
is_decided() { # ROUND COLUMN
    has_dropped "$1" "$2" || is_handed_too_much "$1"
}

# What honest nodes think of each other, and the epochs of their intervals: a jump would begin another.
verdicts() {
    local node
    for node in $(seq $HONEST); do
        members_of "$node" | sed "s/^/$node /" | cut -d ' ' -f 1-3
        chime_node "$node" status --json | "$PYTHON" -c '
import json, sys
status = json.load(sys.stdin)
print(sys.argv[1], "epoch", status["epoch"]["number"], status["condition"])' "$node"
    done | grep -v " node$NODES " | sed 's/ \(new\|candidate\|truechimer\)$/ good/' | sort
}

is_round() { # NAME
    grep -q "^round: $1\$" "$WORK/flood.log"
}

# The round goes on until all have heard each other, clients were served and enough was dropped.
play() { # ROUND COLUMN-THAT-GROWS
    wait_until "the round $1 begins" is_round "$1" > /dev/null || fail "no round $1: $(cat "$WORK/flood.log")"
    heard > "$WORK/heard.$1"
    gates > "$WORK/gate.$1"
    in_client "$PYTHON" -B "$INTEROP/mesh_flood.py" clients "$CLIENTS_MIN" $PLAIN_NET.{1,2,3} > "$WORK/clients" ||
        fail "plain clients are not served in the round '$1' (answers/questions): $(cat "$WORK/clients")"
    wait_until "each hears each other" all_heard "$1" > /dev/null ||
        fail "in the round '$1', of $HEARD_MIN answers each (before and now): $(cat "$WORK/heard")"
    wait_until "enough is dropped" is_decided "$1" "$2" > /dev/null ||
        fail "in the round '$1' hardly anything was dropped (s, handed over, too many, forged): $(cat "$WORK/gate")"
    is_handed_too_much "$1" &&
        fail "in the round '$1' the engine got too much (s, handed over, too many, forged): $(cat "$WORK/gate")"
    verdicts > "$WORK/verdicts.now"
    cmp -s "$WORK/verdicts.before" "$WORK/verdicts.now" ||
        fail "the round '$1' changed: $(diff "$WORK/verdicts.before" "$WORK/verdicts.now")"
    kill -USR1 "$FLOOD"
    wait_until "the round $1 ends" grep -q "^$1: " "$WORK/flood.log" > /dev/null || fail "$(cat "$WORK/flood.log")"
    pass "$(grep "^$1: " "$WORK/flood.log"); plain clients' answers of questions: $(cat "$WORK/clients")"
    pass "$1: at each node, s, handed over, too many, forged: $(paste -sd ';' "$WORK/gate")"
}

begin
prepare_server
"$PYTHON" -c 'import cryptography' 2> /dev/null ||
    skip "$PYTHON has no module cryptography (Debian: python3-cryptography)"
make_mesh_network
make_keys
for node in $(seq $HONEST); do
    write_node "$node" < /dev/null
    start_node "$node"
done
wait_until "the mesh agrees" all_are mesh $(seq $HONEST) || fail "$(tell_all)"
wait_until "the clocks agree" spread_us $MOVED_US $(seq $HONEST) || fail "$(cat "$WORK/spread")"
pass "before: $(tail -n 1 "$WORK/spread")"
verdicts > "$WORK/verdicts.before"
targets=()
for node in $(seq $HONEST); do
    targets+=("$MESH_NET.$node=${KEY[$node]}")
done
start flood ip netns exec "$(node_ns "$NODES")" ${LEASH[@]+"${LEASH[@]}"} \
    "$PYTHON" -B "$INTEROP/mesh_flood.py" flood "$WORK/node$NODES.pem" "${targets[@]}"
FLOOD=$DAEMON
play good 3
awk '/^good: / { for (i = NF; i > NF - 3; i--) if ($i < 1) exit 1 }' "$WORK/flood.log" ||
    fail "its good requests were not answered, so they were none: $(cat "$WORK/flood.log")"
play renewals 3
play forgeries 4
wait_until "it is over" is_round peace > /dev/null || fail "$(cat "$WORK/flood.log")"
wait "$FLOOD" || fail "mesh_flood.py failed: $(cat "$WORK/flood.log")"
spread_us $MOVED_US $(seq $HONEST) || fail "the clocks do not agree any more: $(cat "$WORK/spread")"
pass "after: $(tail -n 1 "$WORK/spread")"
chime_node 1 mesh -v > "$WORK/mesh.txt"
grep -qE 'too many +[0-9]{4}|[0-9]{4,} +too many' "$WORK/mesh.txt" ||
    fail "'chime mesh -v' does not tell what was dropped: $(cat "$WORK/mesh.txt")"
pass "chime mesh -v: $(grep 'too many' "$WORK/mesh.txt" | tr -s ' ' | paste -sd ';')"
