#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Names, looked up for real: a pool whose name server tells of more addresses than the pool takes, one of
# them twice, one dead, one a second ahead; a name server that comes late, names that it does not know or has no
# address of that family for. What takes minutes is in virtual time, in tests/unit/test_sync_names.c.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/variants.sh"
PATIENCE_S=60
TOLERANCE_NS=1000000
DEAD=192.0.2.13 # nobody listens there
LIAR=192.0.2.14

start_honest() {
    cat > "$WORK/honest.conf" << CONF
[clock]
control = shadow
[server]
listen = $SERVER4:123 192.0.2.11:123 192.0.2.12:123 192.0.2.15:123 [$SERVER6]:123 [2001:db8::11]:123
workers = 1
local-stratum = $STRATUM
[control]
socket = off
CONF
    start honest "${SERVER[@]}" ${LEASH[@]+"${LEASH[@]}"} \
        "$CHIMED_BINARY" --config "$WORK/honest.conf"
    wait_answer "$SERVER4"
}

start_liar() {
    cat > "$WORK/liar.conf" << CONF
[clock]
control = virtual
virtual-offset = 1 s
[server]
listen = $LIAR:123
workers = 1
local-stratum = $STRATUM
[control]
socket = off
CONF
    start liar "${SERVER[@]}" ${LEASH[@]+"${LEASH[@]}"} \
        "$CHIMED_BINARY" --config "$WORK/liar.conf"
    wait_answer "$LIAR"
}

start_names() {
    start names "${CLIENT[@]}" "$PYTHON" "$INTEROP/dns.py" "$WORK/zone"
}

# With a resolv.conf of its own; the rest of its configuration on stdin.
start_asking() {
    cat > "$WORK/asking.conf" << CONF
[clock]
control = virtual
virtual-offset = 80 ms
[server]
listen = 0.0.0.0:123
workers = 0
[control]
socket = $WORK/asking.sock
[log]
level = info
CONF
    cat >> "$WORK/asking.conf"
    printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' > "$WORK/resolv.conf"
    # shellcheck disable=SC2016 # for the inner shell
    start asking "${CLIENT[@]}" ${LEASH[@]+"${LEASH[@]}"} unshare --mount sh -c '
        mount --bind "$0" /etc/resolv.conf && exec "$@"' \
        "$WORK/resolv.conf" "$CHIMED_BINARY" --config "$WORK/asking.conf"
}

sources() {
    in_client "$CHIME" sources --json --socket "$WORK/asking.sock" 2>&1
}

# A line for each: NAME ADDRESS STATE REASON; says what is wrong if two have one address.
told() {
    sources | "$PYTHON" -c '
import json, sys
seen = set()
for source in json.load(sys.stdin)["sources"]:
    address = source["address"]
    print(source["name"], address, source["state"], source["reason"])
    if address is not None and address in seen:
        print("TWICE", address)
    seen.add(address)'
}

has() { # COUNT PATTERN
    local lines
    lines=$(told)
    [[ $lines != *TWICE* ]] || fail "an address should have one source: $lines"
    [ "$(echo "$lines" | grep -cE -e "$2")" = "$1" ]
}

expect() { # WHAT COUNT PATTERN
    wait_until "$1" has "$2" "$3" || fail "$1: $(told) $(cat "$WORK/names.log")"
    pass "$1"
}

is_right() {
    local offset
    offset=$(in_server "$CHIME" query --json --count 5 --interval 0.1 "$CLIENT4" | "$PYTHON" -c '
import json, sys
print(json.load(sys.stdin)["servers"][0]["offset_ns"])') && [ "${offset#-}" -lt $TOLERANCE_NS ]
}

# Three of the first four, of which two are the same; the dead one makes way for the liar, who is one against
# two.
pool() {
    start_liar
    cat > "$WORK/zone" << ZONE
pool.test A $SERVER4
pool.test A $SERVER4
pool.test A 192.0.2.11
pool.test A $DEAD
pool.test A $LIAR
ZONE
    start_names
    start_asking << CONF
[source pool]
address = pool.test
kind = pool
pool-size = 3
poll = 1 s
CONF
    expect "the pool has three sources" 3 "^pool 192\.0\.2\."
    expect "the dead one is replaced" 3 "^pool (192.0.2.1|192.0.2.11|$LIAR) "
    expect "two agree" 2 "^pool .* (selected|agrees|combined)"
    expect "the liar is found out" 1 "^pool $LIAR falseticker"
    wait_until "the clock is right" is_right || fail "the clock is off: $(told)"
}

# The name server comes when two look-ups have failed; what it says changes afterwards.
late() {
    echo "other.test A $SERVER4" > "$WORK/zone"
    start_asking << CONF
[source late]
address = late.test
family = ipv4
poll = 1 s
[source six]
address = six.test
poll = 1 s
[source nowhere]
address = nowhere.test
poll = 1 s
[source broken]
address = broken.test
poll = 1 s
[source four]
address = late.test
family = ipv6
poll = 1 s
[source pool]
address = pool.test
kind = pool
pool-size = 3
poll = 1 s
CONF
    expect "without a name server nothing is resolved" 8 " None unresolved .*no name server answers"
    is_running "$DAEMON" || fail "chimed ended"
    cat > "$WORK/zone" << ZONE
late.test A 192.0.2.11
six.test AAAA 2001:db8::11
broken.test SERVFAIL
pool.test A 192.0.2.12
pool.test A 192.0.2.11
pool.test AAAA $SERVER6
ZONE
    start_names
    expect "an address is found later" 1 "^late 192.0.2.11 (selected|agrees|combined)"
    expect "one of IPv6 alone is found" 1 "^six 2001:db8::11 (selected|agrees|combined)"
    expect "a pool of both families is found, without what is in use" 2 \
        "^pool (192.0.2.12|2001:db8::1) (selected|agrees|combined)"
    expect "a name that nobody knows is told as one" 1 "^nowhere None unresolved .*not known"
    expect "a name server that fails is told as one" 1 "^broken None unresolved .*no name server answers"
    expect "an address of another family is none" 1 "^four None unresolved .*no address of the family"
    wait_until "the clock is right" is_right || fail "the clock is off: $(told)"
    # By and by the name gets an address.
    echo "nowhere.test A 192.0.2.15" >> "$WORK/zone"
    expect "a name that was new is found" 1 "^nowhere 192.0.2.15 (selected|agrees|combined)"
}

lookup() {
    make_namespaces
    prepare_server
    unshare --mount true || skip "no mount namespace can be made"
    start_honest
    $VARIANT
}

run_variants lookup pool late
