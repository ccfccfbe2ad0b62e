#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Somebody on the network of a mesh who sees every packet and has no key: garbage with our fields at full rate, from
# strangers' addresses and from the members', their packets again, and answers that race theirs, plain, as kisses and
# under their tags. No poll, verdict or offset changes, and plain clients are served meanwhile.
NODES=3
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/mesh_world.sh"
TRIES=240
STEP_S=0.25
SECONDS_EACH=${SECONDS_EACH:-5}
MOVED_US=3000 # more than the clocks stray from each other by themselves on a busy machine
COSTLY_MAX=64 # a burst of the token bucket's for strangers: renewals of sessions are far fewer
PACE=2        # requests per poll at most, with what a burst after a silence adds

# One line for each member that a node asks: its name, requests, good answers, kisses.
counts_of() { # NODE
    chime_node "$1" sources --json | "$PYTHON" -c '
import json, sys
for source in json.load(sys.stdin)["sources"]:
    counts = source["counts"]
    print(source["name"], counts["sent"], counts["good"], counts["kisses"])'
}

snapshot() { # NAME
    local node
    for node in $(seq "$NODES"); do
        counts_of "$node" | sed "s/^/$node /"
    done > "$WORK/counts.$1"
    date +%s > "$WORK/time.$1"
}

# Each member has been asked and has answered, at the pace of its polls; there was no kiss. Strangers cost no answer
# to speak of; who speaks in the members' names, or races them, costs some.
compare() { # BEFORE AFTER ROUND
    local passed=$(($(cat "$WORK/time.$2") - $(cat "$WORK/time.$1")))
    join <(awk '{ print $1 "-" $2, $3, $4, $5 }' "$WORK/counts.$1" | sort) \
        <(awk '{ print $1 "-" $2, $3, $4, $5 }' "$WORK/counts.$2" | sort) > "$WORK/compared"
    [ "$(wc -l < "$WORK/compared")" = $((NODES * (NODES - 1))) ] ||
        fail "each node should ask each other: $(cat "$WORK/counts.$2")"
    awk -v passed="$passed" -v pace=$PACE -v part="$([ "$3" = strangers ] && echo 2 || echo 8)" '
        $5 - $2 > pace * passed + 8 { print $1 " asked " $5 - $2 " times in " passed " s"; bad = 1 }
        $6 - $3 < passed / part { print $1 " heard " $6 - $3 " answers in " passed " s"; bad = 1 }
        $7 != 0 { print $1 " took a kiss"; bad = 1 }
        END { exit bad }' "$WORK/compared" > "$WORK/bad" ||
        fail "in the round '$3': $(cat "$WORK/bad") $(cat "$WORK/compared")"
    pass "$3, $passed s: $(awk '
        { heard = $6 - $3; least = NR == 1 || heard < least ? heard : least; most = heard > most ? heard : most }
        END { print "each node heard each other " least " to " most " times" }' "$WORK/compared")"
}

# Packets that may have cost a node public-key work: those that ended in a handshake, or in a signature's check.
costly() {
    local node
    for node in $(seq "$NODES"); do
        ask_node "$node" mesh
    done | "$PYTHON" -c '
import json, sys
counts = [json.loads(line)["packets"] for line in sys.stdin if line.strip()]
names = ("handshake", "handshake refused", "bad signature", "not certified")
print(max(sum(each[name] for name in names) for each in counts))'
}

states() {
    local node
    for node in $(seq "$NODES"); do
        members_of "$node" | sed "s/^/$node /" | cut -d ' ' -f 1-3
    done | sort
}

is_round() { # NAME
    grep -q "^round: $1\$" "$WORK/hostile.log"
}

ask_plainly() { # ROUND
    local node
    for node in $(seq "$NODES"); do
        wait_until "node $node answers" in_client "$PYTHON" "$INTEROP/ntp.py" "$PLAIN_NET.$node" > /dev/null ||
            fail "node $node serves no client in the round '$1'"
    done
}

begin
prepare_server
make_mesh_network
make_keys
add_namespace "$PREFIX-$OWNER-evil"
attach "$PREFIX-$OWNER-evil" mesh right "$MESH_NET.66"
for bridge in left right; do # as hubs: whoever is there hears all
    ip -n "$SERVER_NS" link set $bridge type bridge ageing_time 0
done
for node in $(seq "$NODES"); do
    write_node "$node" < /dev/null
    start_node "$node"
done
wait_until "the mesh agrees" all_are mesh $(seq "$NODES") || fail "$(tell_all)"
wait_until "the clocks agree" spread_us $MOVED_US $(seq "$NODES") || fail "$(cat "$WORK/spread")"
mean_before=$(sed -n 's/.*mean_us \(-*[0-9]*\).*/\1/p' "$WORK/spread")
states > "$WORK/states.before"
pass "before: $(tail -n 1 "$WORK/spread")"
start hostile ip netns exec "$PREFIX-$OWNER-evil" ${LEASH[@]+"${LEASH[@]}"} \
    "$PYTHON" -B "$INTEROP/mesh_hostile.py" mesh "$SECONDS_EACH" "$NODES" "$MESH_NET"
HOSTILE=$DAEMON
snapshot start
last=start
costly_before=$(costly) || fail "$(ask_node 1 mesh)"
for round in strangers members replays race; do
    wait_until "the round $round begins" is_round $round > /dev/null ||
        fail "no round $round: $(cat "$WORK/hostile.log")"
    snapshot $round
    compare $last $round $last
    last=$round
    ask_plainly $round
done
wait_until "it is over" is_round peace > /dev/null || fail "$(cat "$WORK/hostile.log")"
snapshot peace
compare $last peace $last
costly=$(($(costly) - costly_before))
[ "$costly" -le $COSTLY_MAX ] || fail "a node was made to do public-key work $costly times: $(ask_node 1 mesh)"
pass "of all that, $costly packets at most cost a node public-key work"
states > "$WORK/states.after"
grep -vE " (new|candidate|truechimer)$" "$WORK/states.after" &&
    fail "a verdict changed: $(cat "$WORK/states.before") then $(cat "$WORK/states.after")"
spread_us $MOVED_US $(seq "$NODES") || fail "the clocks do not agree any more: $(cat "$WORK/spread")"
mean=$(sed -n 's/.*mean_us \(-*[0-9]*\).*/\1/p' "$WORK/spread")
moved=$((mean - mean_before))
[ "${moved#-}" -le $MOVED_US ] || fail "the mesh's time moved by $moved us"
pass "$(grep packets "$WORK/hostile.log" | tr '\n' ';') the mesh's time moved by $moved us"
pass "after: $(tail -n 1 "$WORK/spread")"
wait "$HOSTILE" || fail "mesh_hostile.py failed: $(cat "$WORK/hostile.log")"
