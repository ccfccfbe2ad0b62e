#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chronyd as a client for a minute, of one server under many addresses: plain, interleaved, with
# each key, over IPv6, as a peer. What chronyc says of each is asserted.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
MINUTE_S=${MINUTE_S:-60}
begin
chronyd=$(stock_program chronyd) || skip "$chronyd"
chronyc=$(stock_program chronyc) || skip "$chronyc"
make_namespaces
start_offset_server

cat > "$WORK/client.conf" <<CONF
keyfile $WORK/keys
bindcmdaddress $WORK/chrony/client.sock
cmdport 0
pidfile $WORK/client.pid
authselectmode ignore
server 192.0.2.11 iburst minpoll 0 maxpoll 2
server 192.0.2.12 iburst minpoll 0 maxpoll 2 xleave
server 192.0.2.13 iburst minpoll 0 maxpoll 2 key 1
server 192.0.2.14 iburst minpoll 0 maxpoll 2 key 2
server 192.0.2.15 iburst minpoll 0 maxpoll 2 key 3 xleave
server 192.0.2.16 iburst minpoll 0 maxpoll 2 key 4
server 192.0.2.17 iburst minpoll 0 maxpoll 2 key 5 xleave
peer 192.0.2.18 minpoll 0 maxpoll 2
peer 192.0.2.19 minpoll 0 maxpoll 2 key 2
server 2001:db8::11 iburst minpoll 0 maxpoll 2
server 2001:db8::12 iburst minpoll 0 maxpoll 2 xleave
server 2001:db8::13 iburst minpoll 0 maxpoll 2 key 4 xleave
server 2001:db8::14 iburst minpoll 6 maxpoll 6
peer 2001:db8::18 minpoll 0 maxpoll 2
CONF
start chronyd "${CLIENT[@]}" "${HARMLESS[@]}" "$chronyd" -d -x -u root -f "$WORK/client.conf"
client=$DAEMON

ask_client() {
    in_client "$chronyc" -n -h "$WORK/chrony/client.sock" "$@" 2>&1
}

said=$(wait_until "chronyd's socket answers" ask_client tracking) || fail "$said"
sleep "$MINUTE_S" # not a wait for anything: the minute is what is tested
is_running "$client" || fail "chronyd ended"

# A line of "ntpdata", such as: field "Offset".
field() {
    echo "$data" | sed -n "s/^$1  *: \(.*\)/\1/p"
}

expect() { # ADDRESS FIELD VALUE
    [ "$(field "$2")" = "$3" ] || fail "ntpdata $1 should say '$2: $3': $data"
}

check_source() { # ADDRESS MODE INTERLEAVED AUTHENTICATED REPLIES-MIN
    data=$(ask_client ntpdata "$1")
    expect "$1" "Leap status" Normal
    expect "$1" Version 4
    expect "$1" Mode "$2"
    expect "$1" Stratum "$STRATUM"
    expect "$1" Interleaved "$3"
    expect "$1" Authenticated "$4"
    # Tests B and C compare the last delay with others: a busy machine fails them now and then.
    [[ $(field "NTP tests") == "111 111 1"??1 ]] ||
        fail "ntpdata $1 should pass the tests of RFC 5905: $data"
    expect "$1" "RX timestamping" Kernel
    # what is left of the offset, which chronyd corrects in its own time even with -x
    field Offset | awk '{ exit !($1 > -0.02 && $1 < 0.02) }' ||
        fail "ntpdata $1 should have no offset left: $data"
    local sent valid
    sent=$(field "Total TX")
    valid=$(field "Total valid RX")
    [ "$valid" -ge "$5" ] && [ "$valid" -ge "$((sent - 2))" ] ||
        fail "$1: $valid of $sent requests had a valid answer; $5 at least should have: $data"
    pass "$1: $valid of $sent answered, $(field Offset), interleaved $3, authenticated $4"
}

some=$((MINUTE_S / 5))
check_source 192.0.2.11 Server No No $some
check_source 192.0.2.12 Server Yes No $some
check_source 192.0.2.13 Server No Yes $some
check_source 192.0.2.14 Server No Yes $some
check_source 192.0.2.15 Server Yes Yes $some
check_source 192.0.2.16 Server No Yes $some
check_source 192.0.2.17 Server Yes Yes $some
check_source 192.0.2.18 "Symmetric passive" No No $some
check_source 192.0.2.19 "Symmetric passive" No Yes $some
check_source 2001:db8::11 Server No No $some
check_source 2001:db8::12 Server Yes No $some
check_source 2001:db8::13 Server Yes Yes $some
check_source 2001:db8::14 Server No No 4
check_source 2001:db8::18 "Symmetric passive" No No $some

# chronyc -c sources: mode, state, address, stratum, poll, reach (octal), age, offsets
sources=$(ask_client -c sources)
[ "$(echo "$sources" | wc -l)" = 14 ] || fail "chronyd should list 14 sources: $sources"
echo "$sources" | grep -v '^.,[*+-],' && fail "each source should be selectable: $sources"
echo "$sources" | awk -F , '$3 != "2001:db8::14" && $6 != 377 && $6 != 376' | grep . &&
    fail "each source should be reached 8 times of 8: $sources"
tracking=$(ask_client -c tracking)
[ "$(echo "$tracking" | cut -d , -f 3)" = $((STRATUM + 1)) ] ||
    fail "chronyd should be at stratum $((STRATUM + 1)): $tracking"
is_server_offset "$(echo "$tracking" | cut -d , -f 5)" ||
    fail "chronyd should find its clock slow by $OFFSET_MS ms: $tracking"
assert_interposed chronyd
