#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chimed and Debian's chronyd as each other's peers (symmetric mode), in both roles, with and without
# a key: whoever has a clock of its own is followed by the other, whose clock is 80 ms off. The four
# run at the same time.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/variants.sh"
TRIES=180
STEP_S=0.5
ANSWERS=8

start_peer_chronyd() { # LINES
    local chronyd
    chronyd=$(stock_program chronyd) || skip "$chronyd"
    cat > "$WORK/chronyd.conf" << CONF
peer $CLIENT4 minpoll 0 maxpoll 0 $KEY_CHRONY
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
address = $SERVER4
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
    grep -c ",other,$SERVER4:123,good," "$WORK/measurements.csv"
}

# chimed takes it for the one to follow, and its clock shows the time of chronyd, which is ours.
follows_chronyd() {
    chime_json sources | grep -q '"state": *"selected"' && [ "$(good_answers)" -ge $ANSWERS ] &&
        OFFSET_MS=0 ask_offset 's/.*"offset_ns": *\(-*[0-9]*\).*/\1e-9/p' \
            in_client "$CHIME" query --json "$CLIENT4"
}

chimed_follows() {
    start_peer_chronyd "local stratum $STRATUM"
    start_peer_chimed 80
    wait_until "chimed goes by its peer, and shows its time" follows_chronyd ||
        fail "chimed does not follow: $(chime_json sources) $(tail -n 5 "$WORK/measurements.csv")
$(in_client "$CHIME" query --json "$CLIENT4")"
    tail -n 1 "$WORK/measurements.csv" | grep -q ",kernel,kernel,0,$IS_KEYED," ||
        fail "stamps should be the kernel's, and authentic should be $IS_KEYED:" \
            "$(tail -n 1 "$WORK/measurements.csv")"
    pass "chimed goes by chronyd after $(good_answers) answers, keyed: $IS_KEYED"
}

# chronyd has no reference of its own; what its peer's clock is ahead shows in its reports.
follows_chimed() {
    chronyc sources | grep -q "^=,\*,$CLIENT4,$STRATUM,0,377," &&
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
    chronyc ntpdata "$CLIENT4" | grep -q ",Symmetric active,.*,No,$authenticated,Kernel,Kernel," ||
        fail "chronyd should find it authentic: $authenticated: $(chronyc ntpdata "$CLIENT4")"
}

peer() {
    make_namespaces
    prepare_server
    KEY_CHRONY= KEY_CHIMED= IS_KEYED=0 WORKERS=1 LISTEN="0.0.0.0:123"
    case $VARIANT in
    *-keyed)
        KEY_CHRONY="key 4" KEY_CHIMED="key = 4" IS_KEYED=1 WORKERS=0
        LISTEN="$CLIENT4:123"
        ;;
    esac
    case $VARIANT in
    chimed-follows*) chimed_follows ;;
    chronyd-follows*) chronyd_follows ;;
    esac
    # Another client of that host is answered all the same.
    in_server "$PYTHON" "$INTEROP/ntp.py" "$CLIENT4" > "$WORK/asked" ||
        fail "the peer's host should be answered as a client, too"
    pass "as a client: $(cat "$WORK/asked")"
}

run_variants peer chimed-follows chimed-follows-keyed chronyd-follows chronyd-follows-keyed
