#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A mesh of five chimed whose virtual clocks are 80 ms apart, each with a rate of its own, in namespaces. With
# servers from outside at three of them ("utc"), and without any ("alone"): all agree; any two are killed and come
# back, the network is cut in half and heals, and all the while stamps of all nodes are collected, which a checker
# judges, and stock clients are served. "liar": one of them believes false servers and nobody else, so that the
# intervals which it signs are wrong; the others name it. "identity": what a CA says of all; a key epoch that is
# raised, a copy of a key and the proof of it, an identity without its state.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/variants.sh"
. "$(dirname "$0")/mesh_world.sh"
PATIENCE_S=120
AGREED_US=2000 # and what a look at two clocks may be wrong by on a busy machine
ROUNDS=2       # that stock clients ask each node at least

start_collector() {
    local node sockets=()
    for node in $(seq "$NODES"); do
        sockets+=("$WORK/node$node.sock")
    done
    start collector "$PYTHON" -B "$INTEROP/mesh.py" collect "$WORK/stamps" "${sockets[@]}"
    COLLECTOR=$DAEMON
}

expect_stamps() { # WHEN
    wait_until "all nodes give stamps $1" "$PYTHON" -B "$INTEROP/mesh.py" flow "$WORK/stamps" \
        "$(wc -l < "$WORK/stamps")" "$NODES" ||
        fail "not all nodes give stamps $1: $("$PYTHON" -B "$INTEROP/mesh.py" flow "$WORK/stamps" 0 "$NODES")
$(tell_all)"
}

judge_stamps() {
    kill -TERM "$COLLECTOR"
    wait_until "the collector ends" gone "$COLLECTOR" > /dev/null || fail "the collector hangs"
    "$PYTHON" -B "$INTEROP/mesh.py" judge "$WORK/stamps" "$NODES" > "$WORK/judged" ||
        fail "the stamps are wrong: $(cat "$WORK/judged")"
    pass "$(cat "$WORK/judged")"
}

# Asks all nodes that are meant to run, again and again: a line for each answer, and for each failure.
ask_with_stock() {
    local chronyd ntpdate node said
    chronyd=$(stock_program chronyd) && ntpdate=$(stock_program ntpdate) || return
    while [ ! -e "$WORK/enough" ]; do
        for node in $(seq "$NODES"); do
            [ -e "$WORK/away$node" ] && continue
            said=$(in_client "${HARMLESS[@]}" "$ntpdate" -q "$PLAIN_NET.$node" 2>&1)
            tell_asked ntpdate "$node" "$(echo "$said" | grep -c 'no-leap')" "$said"
            said=$(in_client "${HARMLESS[@]}" "$chronyd" -Q -u root -t 8 -f /dev/null \
                "pidfile $WORK/oneshot.pid" "server $PLAIN_NET.$node iburst maxsamples 1" 2>&1)
            tell_asked chronyd "$node" "$(echo "$said" | grep -c 'System clock wrong')" "$said"
        done
    done
}

# A node that was killed meanwhile need not have answered.
tell_asked() { # CLIENT NODE GOOD SAID
    [ -e "$WORK/away$2" ] || echo "$1 $2 $3 $(echo "$4" | tail -n 1)" >> "$WORK/asked"
}

start_stock() {
    local reason
    STOCK=
    reason=$(stock_program chronyd) && reason=$(stock_program ntpdate) ||
        { pass "without stock clients: $reason"; return; }
    ask_with_stock > "$WORK/stock.log" 2>&1 &
    STOCK=$!
    DAEMONS+=("$STOCK")
}

were_served() {
    local node client
    for node in $(seq "$NODES"); do
        for client in ntpdate chronyd; do
            [ "$(grep -c "^$client $node 1" "$WORK/asked")" -ge $ROUNDS ] || return 1
        done
    done
}

judge_stock() {
    [ -n "$STOCK" ] || return
    wait_until "stock clients were served by all" were_served ||
        fail "stock clients were not served: $(cat "$WORK/asked")"
    touch "$WORK/enough"
    wait_until "the stock clients end" gone "$STOCK" > /dev/null || fail "stock clients hang"
    grep -q "^[a-z]* [0-9] 0" "$WORK/asked" &&
        fail "a stock client was not served: $(grep "^[a-z]* [0-9] 0" "$WORK/asked")"
    pass "stock clients asked $(wc -l < "$WORK/asked") times, and were served each time"
}

check_sizes() {
    local addresses=() node
    for node in $(seq "$NODES"); do
        addresses+=("$PLAIN_NET.$node")
    done
    in_client "$PYTHON" -B "$INTEROP/mesh.py" sizes "${addresses[@]}" > "$WORK/sizes" ||
        fail "strangers get more than 48 octets: $(cat "$WORK/sizes")"
    pass "strangers get 48 octets from every node"
}

expect_agreement() { # WHEN NODE…
    local when=$1
    shift
    wait_until "the clocks agree $when" spread_us $AGREED_US "$@" ||
        fail "the clocks don't agree $when: $(cat "$WORK/spread")
$(tell_all)"
    pass "$when: $(tail -n 1 "$WORK/spread")"
}

expect_condition() { # CONDITION WHEN NODE…
    local condition=$1 when=$2
    shift 2
    wait_until "all are '$condition' $when" all_are "$condition" "$@" ||
        fail "not all are '$condition' $when: $(tell_all)"
}

# None of the honest nodes excludes another; the liar's number is left out.
expect_trust() { # LIAR
    local node
    for node in $(seq "$NODES"); do
        [ "$node" = "$1" ] && continue
        members_of "$node" | grep -v "^node$1 " | grep -E " (excluded|convicted) " &&
            fail "node $node excludes an honest one: $(members_of "$node")"
    done
    return 0
}

start_all() { # [NODE-WITH-SERVERS…]
    local node
    for node in $(seq "$NODES"); do
        case " $* " in
        *" $node "*)
            # shellcheck disable=SC2086 # a list
            write_sources $TRUE_SERVERS | write_node "$node"
            ;;
        *) write_node "$node" < /dev/null ;;
        esac
        start_node "$node"
    done
}

# Two of them end without a word, and begin anew with what they had written down.
kill_two() { # CONDITION NODE NODE
    local condition=$1
    shift
    touch "$WORK/away$1" "$WORK/away$2"
    kill_node "$1"
    kill_node "$2"
    start_node "$1"
    start_node "$2"
    expect_condition "$condition" "after two were killed" $(seq "$NODES")
    rm "$WORK/away$1" "$WORK/away$2"
    expect_agreement "after $1 and $2 were killed" $(seq "$NODES")
    expect_stamps "after $1 and $2 were killed"
}

# Who is on one side hears nobody from the other.
is_cut() {
    local left right
    left=$(sent_to 1 node5) right=$(sent_to 5 node1)
    [ "$left" -ge $((CUT_LEFT + 10)) ] && [ "$right" -ge $((CUT_RIGHT + 10)) ]
}

sent_to() { # NODE MEMBER
    chime_node "$1" sources --json | "$PYTHON" -c '
import json, sys
for source in json.load(sys.stdin)["sources"]:
    if source["name"] == sys.argv[1]:
        print(source["counts"]["sent"])' "$2"
}

cut_and_heal() { # CONDITION
    CUT_LEFT=$(sent_to 1 node5) CUT_RIGHT=$(sent_to 5 node1)
    cut_network
    wait_until "both sides have asked in vain" is_cut || fail "not cut: $(tell_all)"
    wait_until "the far side is unreachable" has_state 1 node5 unreachable ||
        fail "node 1 should find node 5 unreachable: $(members_of 1)"
    pass "the network is cut: $(members_of 1 | tr '\n' ';')"
    heal_network
    expect_condition "$1" "after the network healed" $(seq "$NODES")
    expect_agreement "after the network healed" $(seq "$NODES")
    expect_stamps "after the network healed"
}

lie() {
    kill_node 5 # whoever says goodbye is not asked any more
    write_sources $FALSE_SERVERS | write_node 5 203.0.113
    start_node 5
    local node
    wait_until "node 5 believes its false servers" all_are synchronised 5 || fail "$(tell_all)"
    for node in 1 2 3 4; do
        wait_until "node $node excludes node 5" has_state $node node5 excluded ||
            fail "node $node should exclude node 5: $(members_of $node)
$(chime_node 5 status)"
        pass "node $node says: $(members_of $node | grep '^node5 ')"
    done
    expect_agreement "with a liar" 1 2 3 4
    expect_trust 5
}

utc() {
    start_outside true $UTC_MS $TRUE_SERVERS
    start_outside false $FALSE_MS $FALSE_SERVERS
    start_all 1 2 3
    start_collector
    expect_condition synchronised "at first" $(seq "$NODES")
    expect_agreement "at first" $(seq "$NODES")
    expect_stamps "at first"
    start_stock
    check_sizes
    kill_two synchronised 2 4
    cut_and_heal synchronised
    judge_stock
    judge_stamps
}

liar() {
    start_outside true $UTC_MS $TRUE_SERVERS
    start_outside false $FALSE_MS $FALSE_SERVERS
    start_all 1 2 3
    expect_condition synchronised "at first" $(seq "$NODES")
    expect_agreement "at first" $(seq "$NODES")
    lie
}

alone() {
    start_all
    start_collector
    expect_condition mesh "at first" $(seq "$NODES")
    expect_agreement "at first" $(seq "$NODES")
    grep -q "leaps 3$" "$WORK/spread" ||
        fail "strangers should see that it is not UTC: $(cat "$WORK/spread")"
    chime_node 3 mesh | grep -q "not traceable to UTC" ||
        fail "chime mesh should say that this is not UTC: $(chime_node 3 mesh)"
    check_sizes
    expect_stamps "at first"
    kill_two mesh 1 5
    cut_and_heal mesh
    expect_trust 0
    judge_stamps
}

# A CA, what it says of each node, and nodes that count by that; their names are those of the configuration.
certify_all() {
    local node
    "$CHIME" keygen --ca "$WORK/ca.pem" > "$WORK/ca.txt" 2>&1 || fail "$(cat "$WORK/ca.txt")"
    CA=$(grep -o 'ed25519:[0-9a-f]\{64\}' "$WORK/ca.txt" | head -n 1)
    printf 'mesh = identity\nserial = 1\nnodes = %s\nfaults = %s\n' "$NODES" $FAULTS > "$WORK/draft"
    for node in $(seq "$NODES"); do
        echo "member = ${KEY[$node]} site$node $MESH_NET.$node" >> "$WORK/draft"
        "$CHIME" certify --ca "$WORK/ca.pem" --key "${KEY[$node]}" --address "$MESH_NET.$node" --domain "site$node" \
            --days 30 -o "$WORK/node$node.cert" > "$WORK/certify$node.log" 2>&1 ||
            fail "chime certify: $(cat "$WORK/certify$node.log")"
    done
    "$CHIME" certify --ca "$WORK/ca.pem" --membership "$WORK/draft" -o "$WORK/members" > "$WORK/sign.log" 2>&1 ||
        fail "chime certify --membership: $(cat "$WORK/sign.log")"
}

start_certified() {
    local node
    for node in $(seq "$NODES"); do
        write_node "$node" < /dev/null
        sed -i "s|^faults = .*|ca = $CA\ncertificate = $WORK/node$node.cert\nmembership = $WORK/members|" \
            "$WORK/node$node.conf"
        start_node "$node"
    done
}

# Is node 1 back? The others must not have lost their time meanwhile.
is_back() {
    all_are mesh 2 3 4 5 || touch "$WORK/outage"
    all_are mesh 1
}

knows_epoch() { # NODE
    ask_node "$1" mesh | "$PYTHON" -c '
import json, sys
sys.exit(not any(member["name"] == "node1" and member["key_epoch"] == 2
                 for member in json.load(sys.stdin)["members"]))'
}

# The next key epoch of a node: the others go on.
rotate() {
    local node
    stop_node 1
    in_node 1 "$CHIME" keygen --node --next-epoch --state-dir "$WORK/node1" "$WORK/node1.pem" \
        > "$WORK/rotated1.log" 2>&1 || fail "--next-epoch: $(cat "$WORK/rotated1.log")"
    start_node 1
    wait_until "node 1 is back with its new key epoch" is_back || fail "node 1 is not back: $(tell_all)"
    [ ! -e "$WORK/outage" ] || fail "the others lost their time while a key was rotated: $(tell_all)"
    expect_agreement "after rotation" $(seq "$NODES")
    for node in 2 3 4 5; do
        wait_until "node $node knows the new key epoch" knows_epoch "$node" > /dev/null ||
            fail "node $node should know of the new key epoch: $(ask_node "$node" mesh)"
    done
    pass "a node began a new key epoch, and the others went on"
}

# Does any other node know that two speak in the name of node 5?
is_doubled() {
    cat "$WORK"/node[1-4].*.log | grep -qE "one identity, two processes|node5 is convicted"
}

# A second one with the same state, by mistake.
start_twice() {
    in_node 5 timeout 60 "$CHIMED_BINARY" --config "$WORK/node5.conf" > "$WORK/twice.log" 2>&1
    local code=$?
    { [ $code != 0 ] && [ $code != 124 ] && grep -q "$WORK/node5" "$WORK/twice.log"; } ||
        fail "a second chimed with the same state should end ($code): $(cat "$WORK/twice.log")"
    pass "a second one with the same state: $(tail -n 1 "$WORK/twice.log")"
}

copy_identity() {
    stop_node 5
    cp -r "$WORK/node5" "$WORK/node6"
    start_node 5
    # The copy, with a copy of the state, from another address.
    add_namespace "$PREFIX-$OWNER-nodef"
    attach "$PREFIX-$OWNER-nodef" mesh left "$MESH_NET.6"
    sed "s/node5\.sock/node6.sock/; s/node5\.csv/node6.csv/; s/state-dir = .*/state-dir = ${WORK//\//\\/}\/node6/" \
        "$WORK/node5.conf" > "$WORK/node6.conf"
    start node6 ip netns exec "$PREFIX-$OWNER-nodef" ${LEASH[@]+"${LEASH[@]}"} \
        "$CHIMED_BINARY" --config "$WORK/node6.conf"
    wait_until "the copy is found" is_doubled ||
        fail "two processes with one key should be told of: $(tell_all)"
    pass "a copy: $(cat "$WORK"/node[1-4].*.log | grep -E "two processes|convicted" | head -n 1)"
}

check_proof() {
    local number node
    for node in 1 2 3 4; do
        number=$(members_of $node | sed -n 's/^node5 [a-z]* \([0-9]*\) .*/\1/p')
        [ -n "$number" ] && break
    done
    [ -n "$number" ] || fail "nobody has a proof against node 5: $(members_of 1)"
    in_node "$node" "$CHIME" mesh evidence --socket "$WORK/node$node.sock" "$number" > "$WORK/proof" ||
        fail "chime mesh evidence $number: $(cat "$WORK/proof")"
    # Another machine has the proof and the CA's public key, and nothing else.
    mkdir "$WORK/elsewhere"
    mv "$WORK/proof" "$WORK/elsewhere/proof"
    (cd "$WORK/elsewhere" && in_client env -i "PATH=$PATH" ${LD_LIBRARY_PATH:+"LD_LIBRARY_PATH=$LD_LIBRARY_PATH"} \
        "$CHIME" mesh verify --ca "$CA" "$WORK/elsewhere/proof") > "$WORK/verified" 2>&1 ||
        fail "the proof does not verify: $(cat "$WORK/verified" "$WORK/elsewhere/proof")"
    grep -q "member  $(id_of 5)" "$WORK/verified" || fail "it should name node 5: $(cat "$WORK/verified")"
    "$CHIME" keygen --ca "$WORK/other.pem" > "$WORK/other.txt" 2>&1 || fail "$(cat "$WORK/other.txt")"
    in_client "$CHIME" mesh verify --ca "$(grep -o 'ed25519:[0-9a-f]*' "$WORK/other.txt" | head -n 1)" \
        "$WORK/elsewhere/proof" > "$WORK/verified" 2>&1 && fail "another CA vouches for it: $(cat "$WORK/verified")"
    change_digit "$WORK/elsewhere/proof" > "$WORK/changed"
    cmp -s "$WORK/elsewhere/proof" "$WORK/changed" && fail "nothing was changed"
    in_client "$CHIME" mesh verify --ca "$CA" "$WORK/changed" > "$WORK/verified" 2>&1 &&
        fail "a changed proof verifies"
    pass "a proof against node 5, verified elsewhere by the CA's key alone"
}

# Not by an operator's word alone, and not by somebody else's; who is held nothing against may begin anew.
refuse_readmission() {
    wait_until "node 1 convicts node 5 as well" has_state 1 node5 convicted > /dev/null ||
        fail "node 1 should convict node 5: $(members_of 1)"
    in_node 1 "$CHIME" mesh readmit --socket "$WORK/node1.sock" node5 > "$WORK/readmitted" 2>&1 &&
        fail "node 5 has no new key epoch: $(cat "$WORK/readmitted")"
    grep -q -e "--next-epoch" "$WORK/readmitted" || fail "it should say what is missing: $(cat "$WORK/readmitted")"
    in_node 1 "$CHIME" mesh readmit --socket "$WORK/node1.sock" "$(id_of 3)" > "$WORK/readmitted" 2>&1 ||
        fail "node 3 may begin anew: $(cat "$WORK/readmitted")"
    has_state 1 node5 convicted || fail "node 5 should stay convicted: $(members_of 1)"
    pass "readmitted: $(cat "$WORK/readmitted")"
}

doctor_says() { # NODE PATTERN
    in_node "$1" "$CHIME" doctor --socket "$WORK/node$1.sock" > "$WORK/doctor$1" 2>&1
    grep -qE -e "$2" "$WORK/doctor$1"
}

# What it says follows from upkeep every 16 s.
ask_doctor() { # NODE PATTERN…
    local node=$1 pattern
    shift
    for pattern; do
        wait_until "the doctor of node $node says it" doctor_says "$node" "$pattern" > /dev/null ||
            fail "the doctor should say '$pattern': $(cat "$WORK/doctor$node")"
    done
}

id_of() { # NODE
    grep -o '"id": *"[0-9a-f]*"' "$WORK/keygen$1.json" | grep -o '[0-9a-f]\{16\}'
}

# The last digit of the first report.
change_digit() { # FILE
    sed '3{s/[0-7]$/x/;s/[89a-f]$/0/;s/x$/8/}' "$1"
}

says_what_it_lacks() {
    cat "$WORK"/node4.*.log | grep -q "next-epoch"
}

# It ends without a word: who says goodbye is not missed.
lose_state() {
    kill_node 4
    rm -r "$WORK/node4"
    mkdir -m 700 "$WORK/node4"
    start_node 4
    wait_until "node 4 says what it lacks" says_what_it_lacks ||
        fail "an identity without its state should not join: $(tail -n 3 "$WORK"/node4.*.log)"
    chime_node 4 status > /dev/null
    wait_until "node 4 is not heard" has_state 1 node4 unreachable ||
        fail "node 4 should be silent: $(members_of 1)"
    pass "without its state node 4 does not join: $(grep -h next-epoch "$WORK"/node4.*.log | tail -n 1)"
}

identity() {
    certify_all
    start_certified
    expect_condition mesh "at first" $(seq "$NODES")
    rotate
    start_twice
    copy_identity
    check_proof
    refuse_readmission
    lose_state
    ask_doctor 1 "^warn  members +node5 is convicted" "^warn  members +node4 .*is unreachable" \
        "^fail  faults +the fault budget is spent"
    ask_doctor 4 "^fail  identity +node $(id_of 4) does not join" "--next-epoch"
    pass "the doctor: $(grep -h "^fail  [fi][ad]" "$WORK/doctor1" "$WORK/doctor4" | tr '\n' ';')"
}

mesh() {
    "$PYTHON" -B "$INTEROP/mesh.py" self-test || fail "the judge of stamps is wrong"
    prepare_server
    make_mesh_network
    make_keys
    case $VARIANT in
    utc) utc ;;
    liar) liar ;;
    alone) alone ;;
    identity) identity ;;
    esac
}

PYTHON=$(command -v /usr/bin/python3 || command -v python3)
run_variants mesh utc alone liar identity
