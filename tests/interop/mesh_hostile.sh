#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Somebody on the network of a mesh who sees every packet and has no key: garbage with our fields at full rate, from
# strangers' addresses and from the members', their packets again, and answers that race theirs, plain, as kisses and
# under their tags. No poll, verdict or offset changes. Plain clients are served meanwhile, or, where all those
# addresses are on the link, right after.
NODES=3
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/mesh_world.sh"
PATIENCE_S=60
HEARD_MIN=${HEARD_MIN:-3} # answers that each node has to hear from each other in each round
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

changes() { # BEFORE AFTER
    join <(awk '{ print $1 "-" $2, $3, $4, $5 }' "$WORK/counts.$1" | sort) \
        <(awk '{ print $1 "-" $2, $3, $4, $5 }' "$WORK/counts.$2" | sort) > "$WORK/changes"
    [ "$(wc -l < "$WORK/changes")" = $((NODES * (NODES - 1))) ] ||
        fail "each node should ask each other: $(cat "$WORK/counts.$2")"
}

all_heard() { # SINCE
    snapshot now
    changes "$1" now
    awk -v least="$HEARD_MIN" '$6 - $3 < least { bad = 1 } END { exit bad }' "$WORK/changes"
}

# Each member goes on being asked, at the pace of its polls, and heard, and no kiss is taken. On a slow machine a flood
# costs answers, so the round lasts until all have heard each other.
play() { # ROUND
    snapshot "$1"
    wait_until "each hears each other" all_heard "$1" > /dev/null ||
        fail "in the round '$1', of $HEARD_MIN answers each (asked, heard, kisses; before and now): $(cat "$WORK/changes")"
    local passed=$(($(cat "$WORK/time.now") - $(cat "$WORK/time.$1")))
    awk -v passed="$passed" -v pace=$PACE '
        $5 - $2 > pace * passed + 8 { print $1 " asked " $5 - $2 " times in " passed " s"; bad = 1 }
        $7 != $4 { print $1 " took a kiss"; bad = 1 }
        END { exit bad }' "$WORK/changes" > "$WORK/bad" ||
        fail "in the round '$1': $(cat "$WORK/bad") $(cat "$WORK/changes")"
    pass "$1, $passed s: $(awk '
        { asked += $5 - $2; heard += $6 - $3 }
        END { print heard " of " asked " questions were answered" }' "$WORK/changes")"
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
    "$PYTHON" -B "$INTEROP/mesh_hostile.py" mesh "$NODES" "$MESH_NET"
HOSTILE=$DAEMON
costly_before=$(costly) || fail "$(ask_node 1 mesh)"
for round in strangers members replays race; do
    wait_until "the round $round begins" is_round $round > /dev/null ||
        fail "no round $round: $(cat "$WORK/hostile.log")"
    play $round
    # Answers to addresses on the link where nobody is fill the buffer of the socket that answers plain clients, too
    # (doc/threat-model.md): while that lasts, hardly any of them are served.
    [ $round = strangers ] || ask_plainly $round
    kill -USR1 "$HOSTILE"
    ask_plainly $round
done
wait_until "it is over" is_round peace > /dev/null || fail "$(cat "$WORK/hostile.log")"
play peace
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
