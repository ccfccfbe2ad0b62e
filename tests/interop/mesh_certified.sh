# SPDX-License-Identifier: MIT
# mesh_certified.sh - a mesh whose nodes a CA certified, and what they know of each other; to be sourced after
# mesh_world.sh. Make the keys first.
DAYS=30
AGREED_US=3000
declare -A ID

# Ids of all nodes, a CA, and another one that nobody asked for.
make_authorities() {
    local node name
    for node in $(seq "$NODES"); do
        ID[$node]=$(grep -o '"id": *"[0-9a-f]*"' "$WORK/keygen$node.json" | grep -o '[0-9a-f]\{16\}')
    done
    for name in ca other; do
        "$CHIME" keygen --ca "$WORK/$name.pem" > "$WORK/$name.txt" 2>&1 || fail "$(cat "$WORK/$name.txt")"
    done
}

certify() { # NODE CA
    "$CHIME" certify --ca "$2" --key "${KEY[$1]}" --address "$MESH_NET.$1" --domain "site$1" --days $DAYS \
        -o "$WORK/node$1.cert" > "$WORK/certify$1.log" 2>&1 ||
        fail "chime certify: $(cat "$WORK/certify$1.log")"
}

# What follows comes from stdin.
write_joining() { # NODE CA
    cat > "$WORK/node$1.conf" << CONF
[clock]
control = virtual
virtual-offset = $((($1 - 3) * APART_MS)) ms
virtual-rate = $(($1 * 12 - 36)) ppm
state-dir = $WORK/node$1
[server]
listen = 0.0.0.0:123
workers = $(($1 % 2 + 1))
[control]
socket = $WORK/node$1.sock
[log]
level = info
[mesh]
identity = $WORK/node$1.pem
certificate = $WORK/node$1.cert
ca = $2
poll = $POLL
$(cat)
CONF
}

public_key() { # CA
    grep -o 'ed25519:[0-9a-f]\{64\}' "$WORK/$1.txt" | head -n 1
}

# A line for each other whom a node knows: ID STATE SESSION LEFT REVOKED MEASURED ADDRESS.
known_to() { # NODE
    ask_node "$1" mesh | "$PYTHON" -c '
import json, sys
for member in json.load(sys.stdin)["members"]:
    measured = member["measure"] is not None and not member["measure"]["silent"]
    print(member["id"], member["state"], member["session"], member["left"], member["revoked"], measured,
          member["address"])'
}

is_known() { # NODE OTHER PATTERN
    known_to "$1" | grep -qE "^${ID[$2]} $3\$"
}

# Sessions with all of them, which answer.
knows() { # NODE OTHER…
    local node=$1 other
    shift
    for other; do
        is_known "$node" "$other" "[a-z]* True False False True .*" || return 1
    done
}

know_each_other() { # NODE…
    local node other
    for node; do
        for other; do
            [ "$node" = "$other" ] || knows "$node" "$other" || return 1
        done
    done
}

tell_known() {
    local node
    for node in $(seq "$NODES"); do
        echo "--- node $node, ${ID[$node]}: id, state, session, left, revoked, measured, address"
        known_to "$node"
    done
    tell_all
}

expect_all() { # WHEN NODE…
    local when=$1
    shift
    wait_until "all know each other $when" know_each_other "$@" ||
        fail "not all know each other $when: $(tell_known)"
    pass "$when: all know each other"
}

expect_agreement() { # WHEN NODE…
    local when=$1
    shift
    wait_until "they agree $when" spread_us $AGREED_US "$@" || fail "$when: $(cat "$WORK/spread") $(tell_known)"
    pass "$when: $(tail -n 1 "$WORK/spread")"
}

sign_membership() { # SERIAL NODES [REVOKED-NODE]
    {
        printf 'mesh = truechimer\nserial = %s\nnodes = %s\nfaults = 1\nmax-offset = 250 ms\n' "$1" "$2"
        [ $# -lt 3 ] || echo "revoked = ${ID[$3]}"
    } > "$WORK/draft"
    "$CHIME" certify --ca "$WORK/ca.pem" --membership "$WORK/draft" -o "$WORK/members.new" \
        > "$WORK/sign.log" 2>&1 || fail "chime certify --membership: $(cat "$WORK/sign.log" "$WORK/draft")"
    mv "$WORK/members.new" "$WORK/members"
}

# How often a node said so of a packet, at its gate or behind it.
count_of() { # NODE VERDICT
    ask_node "$1" mesh | "$PYTHON" -c '
import json, sys
print(json.load(sys.stdin)["packets"].get(sys.argv[1], 0))' "$2"
}

has_refused() { # NODE
    [ "$(count_of "$1" "not certified")" -gt 0 ]
}
