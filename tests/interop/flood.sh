#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A flood from 100,000 IPv4 addresses and as many IPv6 networks fills the clients' table, and no
# more; datagrams that seem to come from the server itself start no conversation; garbage at full
# speed keeps nobody else from an answer.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
COUNT=100000
GROWTH_MAX_KIB=8192 # for the first of the floods
begin
make_namespaces
in_client ip route add local 10.0.0.0/8 dev lo
in_client ip -6 route add local 2001:db9::/32 dev lo
in_server ip route add 10.0.0.0/8 via "$CLIENT4"
in_server ip -6 route add 2001:db9::/32 via 2001:db8::200
prepare_server
WORKERS=2 write_config ""
sed -i 's/^workers = .*/workers = 2\nrate-limit = on/' "$WORK/chimed.conf"
start_chimed "$WORK/chimed.conf" "${SERVER[@]}"
SERVER_PID=$DAEMON
wait_answer "$SERVER4"

flood() { # HOST
    local answered
    answered=$(in_client "$PYTHON" -B "$INTEROP/flood.py" addresses "$1" $COUNT) || fail "$answered"
    [ "$answered" -ge $((COUNT * 9 / 10)) ] ||
        fail "of $COUNT addresses that asked $1 only $answered were answered"
    echo "$answered"
}

check_growth() { # WHAT BEFORE-KIB MAX-KIB
    local now
    now=$(memory_kib "$SERVER_PID" VmRSS)
    is_sanitised "$SERVER_PID" || [ $((now - $2)) -le "$3" ] ||
        fail "$1 should cost at most $3 KiB: resident $2 KiB before, $now KiB after"
    pass "$1: resident $2 KiB before, $now KiB after"
}

start_kib=$(memory_kib "$SERVER_PID" VmRSS)
answered=$(flood "$SERVER4") || { echo "$answered"; exit 1; }
check_growth "answers to $answered of $COUNT IPv4 addresses" "$start_kib" $GROWTH_MAX_KIB
full_kib=$(memory_kib "$SERVER_PID" VmRSS)
answered=$(flood "$SERVER6") || { echo "$answered"; exit 1; }
check_growth "answers to $answered of $COUNT more, over IPv6" "$full_kib" 2048
wait_answer "$SERVER4"

# Without the rate limit, which would end a conversation, too.
sed -i 's/^rate-limit = .*/rate-limit = off/' "$WORK/chimed.conf"
kill -HUP "$SERVER_PID"
said=$(wait_until "the reload is done" grep "in force" "$WORK/chimed.log") || fail "$said"

# From the address that is asked itself: nothing. From another of the server's: one answer at
# most, and nothing to that.
for source in "$SERVER4" 192.0.2.11; do
    said=$(in_server "$PYTHON" -B "$INTEROP/flood.py" self "$source" "$SERVER4") || fail "$said"
    read -r sent seen <<< "$said"
    [ "$seen" -ge "$sent" ] ||
        fail "of $sent datagrams from $source only $seen were seen: the check is blind"
    [ "$source" != "$SERVER4" ] || [ "$seen" = "$sent" ] ||
        fail "$sent datagrams from $source to itself made $((seen - sent)) more"
    [ "$seen" -le $((sent * 2)) ] ||
        fail "$sent datagrams from $source to $SERVER4 made $((seen - sent)) more: a conversation"
    pass "$sent datagrams from $source, the server's own, to $SERVER4: $((seen - sent)) answers"
done

# One core's worth of garbage; the clients come from other addresses, one request each.
start garbage "${CLIENT[@]}" ${LEASH[@]+"${LEASH[@]}"} \
    "$PYTHON" -B "$INTEROP/flood.py" garbage "$SERVER4"
missed=0
for number in $(seq 20); do
    ip -n "$CLIENT_NS" address add "192.0.2.$((220 + number))/24" dev wire
done
said=$(in_client "$PYTHON" -B - "$INTEROP" "$SERVER4" << 'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
from ntp import *
print(sum(ask(sys.argv[2], source=(f"192.0.2.{number}", 0), tries=1) is None
          for number in range(221, 241)))
PYTHON
) || fail "$said"
missed=$said
is_running "$DAEMON" || fail "the garbage was not sent to the end"
[ "$missed" -le 5 ] || fail "under a flood of garbage $missed of 20 other clients got no answer"
chronyc=$(stock_program chronyc) && {
    said=$(in_server "$chronyc" -n -c -h "$WORK/server.sock" activity) ||
        fail "under a flood the main loop is mute: $said"
}
is_running "$SERVER_PID" || fail "the server ended"
pass "under a flood of garbage $((20 - missed)) of 20 other clients are answered, and so is chronyc"
