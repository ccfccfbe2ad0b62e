#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chimed and Debian's chronyd as each other's peers (symmetric mode), in both roles, with and without
# a key, over IPv4 and IPv6: whoever has a clock of its own is followed by the other, whose clock is 80 ms
# off. Besides, two chimed as each other's peers, of which one is there later than the other, and each is
# started anew. All run at the same time.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/variants.sh"
PATIENCE_S=90
ANSWERS=8
LEADER_MS=30

start_peer_chronyd() { # LINES
    local chronyd number
    # Of several addresses the kernel would take the last one, which is nobody's peer.
    for number in 11 12 13 14 15 16 17 18 19; do
        ip -n "$SERVER_NS" -6 address del "2001:db8::$number/64" dev wire
    done
    chronyd=$(stock_program chronyd) || skip "$chronyd"
    cat > "$WORK/chronyd.conf" << CONF
peer $OURS minpoll 0 maxpoll 0 $KEY_CHRONY
keyfile $WORK/keys
allow
bindcmdaddress $WORK/chrony/peer.sock
pidfile $WORK/chronyd.pid
$1
CONF
    start chronyd "${SERVER[@]}" "${HARMLESS[@]}" "$chronyd" -d -x -u root -f "$WORK/chronyd.conf"
}

start_peer_chimed() { # OFFSET-MS LINES
    cat > "$WORK/chimed.conf" << CONF
[clock]
control = virtual
virtual-offset = $1 ms
[server]
listen = $LISTEN
workers = $WORKERS
${2:-}
[keys]
file = $WORK/keys
[control]
socket = $WORK/chimed.sock
[log]
level = info
measurements = $WORK/measurements.csv
[source other]
address = $THEIRS
kind = peer
poll = 1 s
$KEY_CHIMED
CONF
    start_chimed "$WORK/chimed.conf" "${CLIENT[@]}"
}

chronyc() {
    in_server "$(stock_program chronyc)" -h "$WORK/chrony/peer.sock" -c -n "$@" 2>&1
}

chime_json() { # COMMAND
    in_client "$CHIME" "$1" --json --socket "$WORK/chimed.sock" 2>&1
}

good_answers() {
    grep -cF ",other,$THEIRS_PORT,good," "$WORK/measurements.csv"
}

# chimed takes it for the one to follow, and its clock shows the time of chronyd, which is ours.
follows_chronyd() {
    chime_json sources | grep -q '"state": *"selected"' && [ "$(good_answers)" -ge $ANSWERS ] &&
        OFFSET_MS=0 ask_offset 's/.*"offset_ns": *\(-*[0-9]*\).*/\1e-9/p' \
            in_client "$CHIME" query --json "$OURS"
}

chimed_follows() {
    start_peer_chronyd "local stratum $STRATUM"
    start_peer_chimed 80
    wait_until "chimed goes by its peer, and shows its time" follows_chronyd ||
        fail "chimed does not follow: $(chime_json sources) $(tail -n 5 "$WORK/measurements.csv")
$(in_client "$CHIME" query --json "$OURS")"
    tail -n 1 "$WORK/measurements.csv" | grep -q ",kernel,kernel,0,$IS_KEYED," ||
        fail "stamps should be the kernel's, and authentic should be $IS_KEYED:" \
            "$(tail -n 1 "$WORK/measurements.csv")"
    pass "chimed goes by chronyd after $(good_answers) answers, keyed: $IS_KEYED"
}

# chronyd has no reference of its own; what its peer's clock is ahead shows in its reports.
follows_chimed() {
    chronyc sources | grep -q "^=,\*,$OURS,$STRATUM,0,377," &&
        OFFSET_MS=80 is_server_offset "$(chronyc tracking | cut -d , -f 5)"
}

chronyd_follows() {
    start_peer_chronyd ""
    start_peer_chimed 80 "local-stratum = $STRATUM"
    wait_until "chronyd goes by its peer, and finds its clock 80 ms behind" follows_chimed ||
        fail "chronyd does not follow: $(chronyc sources) $(chronyc tracking) $(chronyc ntpdata)"
    pass "chronyd goes by chimed: $(chronyc sources)"
    local authenticated=No
    [ $IS_KEYED = 0 ] || authenticated=Yes
    chronyc ntpdata "$OURS" | grep -q ",Symmetric active,.*,No,$authenticated,Kernel,Kernel," ||
        fail "chronyd should find it authentic: $authenticated: $(chronyc ntpdata "$OURS")"
}

start_one() { # leader|follower
    # The leader has several addresses: what it listens on is what it sends from.
    local place=SERVER other=$OURS listen=$THEIRS_PORT ahead_ms=$LEADER_MS stratum=$STRATUM
    if [ "$1" = follower ]; then
        place=CLIENT other=$THEIRS listen="0.0.0.0:123 [::]:123" ahead_ms=80 stratum=off
    fi
    cat > "$WORK/$1.conf" << CONF
[clock]
control = virtual
virtual-offset = $ahead_ms ms
[server]
listen = $listen
workers = $WORKERS
local-stratum = $stratum
[keys]
file = $WORK/keys
[control]
socket = $WORK/$1.sock
[log]
level = info
measurements = $WORK/$1.csv
[source other]
address = $other
kind = peer
poll = 1 s
$KEY_CHIMED
CONF
    local -n words=$place
    start "$1" "${words[@]}" ${LEASH[@]+"${LEASH[@]}"} "$CHIMED_BINARY" --config "$WORK/$1.conf"
}

end() { # PID
    kill -TERM "$1"
    wait_until "process $1 ends" gone "$1" || fail "process $1 does not end"
}

ask_one() { # leader|follower WHAT
    in_client "$CHIME" "$2" --json --socket "$WORK/$1.sock" 2>&1
}

shows_leaders_time() { # ADDRESS
    OFFSET_MS=$LEADER_MS ask_offset 's/.*"offset_ns": *\(-*[0-9]*\).*/\1e-9/p' \
        in_client "$CHIME" query --json "$1"
}

is_led() { # GOOD-ANSWERS
    ask_one follower sources | grep -q '"state": *"selected"' &&
        [ "$(grep -c ",other,.*,good,.*,$IS_KEYED,$" "$WORK/follower.csv")" -ge "$1" ] &&
        shows_leaders_time "$OURS"
}

# The leader never takes its own time back from the follower.
is_leading() {
    ! ask_one leader sources | grep -q '"state": *"selected"' &&
        ask_one leader sources | grep -qE '"answered_ago_ns": *[0-9]' && shows_leaders_time "$THEIRS"
}

check_pair() { # WHEN GOOD-ANSWERS
    wait_until "the follower follows $1" is_led "$2" ||
        fail "the follower does not follow $1: $(ask_one follower sources)
$(tail -n 5 "$WORK/follower.csv")"
    wait_until "the leader leads $1" is_leading ||
        fail "the leader does not lead $1: $(ask_one leader sources) $(ask_one leader status)
$(tail -n 5 "$WORK/leader.csv")"
    pass "$1: $(grep -c ,good, "$WORK/follower.csv") good answers, keyed: $IS_KEYED"
}

pair() {
    local leader follower
    start_one follower
    follower=$DAEMON
    wait_until "the follower asks in vain" refused ||
        fail "a peer that is not there should be told: $(ask_one follower sources)"
    start_one leader
    leader=$DAEMON
    check_pair "at first" 4
    end "$leader"
    local good
    good=$(grep -c ,good, "$WORK/follower.csv")
    start_one leader
    check_pair "after the leader's restart" $((good + 2))
    end "$follower"
    rm "$WORK/follower.csv"
    start_one follower
    check_pair "after the follower's restart" 4
}

refused() {
    [ "$(ask_one follower sources | sed -n 's/.*"sent": *\([0-9]*\).*/\1/p')" -ge 2 ]
}

peer() {
    make_namespaces
    prepare_server
    KEY_CHRONY= KEY_CHIMED= IS_KEYED=0 WORKERS=1 LISTEN="0.0.0.0:123"
    OURS=$CLIENT4 OURS_PORT=$CLIENT4:123 THEIRS=$SERVER4 THEIRS_PORT=$SERVER4:123
    case $VARIANT in
    *-ipv6*)
        LISTEN="[::]:123"
        OURS=2001:db8::200 OURS_PORT=[2001:db8::200]:123 THEIRS=$SERVER6 THEIRS_PORT=[$SERVER6]:123
        ;;
    esac
    case $VARIANT in
    *-keyed)
        KEY_CHRONY="key 4" KEY_CHIMED="key = 4" IS_KEYED=1 WORKERS=0
        LISTEN=$OURS_PORT
        ;;
    esac
    case $VARIANT in
    chimed-follows*) chimed_follows ;;
    chronyd-follows*) chronyd_follows ;;
    pair*) pair ;;
    esac
    # Another client of that host is answered all the same.
    in_server "$PYTHON" "$INTEROP/ntp.py" "$OURS" > "$WORK/asked" ||
        fail "the peer's host should be answered as a client, too"
    pass "as a client: $(cat "$WORK/asked")"
}

run_variants peer chimed-follows chimed-follows-ipv6-keyed chronyd-follows chronyd-follows-keyed \
    chimed-follows-keyed chronyd-follows-ipv6 pair pair-ipv6-keyed
