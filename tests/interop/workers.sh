#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Two workers: what they remember of a client is found again, whatever port its next request comes
# from, since the address chooses the worker. Both work, and the kernel's stamps are used.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
CLIENTS=20
ROUNDS=10
begin
make_namespaces
WORKERS=2 start_server

for number in $(seq 201 $((200 + CLIENTS))); do
    ip -n "$CLIENT_NS" address add "192.0.2.$number/24" dev wire
done

switches() {
    local task
    for task in /proc/"$SERVER_PID"/task/*; do
        [ "${task##*/}" = "$SERVER_PID" ] ||
            sed -n 's/^voluntary_ctxt_switches:\t//p' "$task/status"
    done
}

before=$(switches)
[ "$(echo "$before" | wc -l)" -ge 2 ] ||
    fail "workers = 2 should make two threads beside the main one: $before"
said=$(in_client "$PYTHON" -B - "$INTEROP" "$SERVER4" $CLIENTS $ROUNDS << 'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
from ntp import *
host, clients, rounds = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

def exchange(source, origin, received):
    """One request from a fresh port; in interleaved mode with the server's last receive stamp."""
    data = request(origin=origin, receive=received)
    with udp(host, 123, (source, 0)) as sock:
        sock.send(data)
        return Reply(data), Reply(sock.recv(2048))

for source in (f"192.0.2.{200 + number}" for number in range(1, clients + 1)):
    asked, reply = exchange(source, 0, 0)
    check(reply.origin == asked.transmit, f"{source}: the first answer should be basic: {reply}")
    # Only a client that shows interest is remembered: the second answer is basic, too.
    asked, reply = exchange(source, reply.receive, to_ntp(time.time()) | 1)
    check(reply.origin == asked.transmit, f"{source}: the second answer should be basic: {reply}")
    for number in range(rounds):
        former = reply
        received = to_ntp(time.time()) | 1
        asked, reply = exchange(source, former.receive, received)
        check(reply.origin == received,
              f"{source}, round {number}: this answer should be interleaved: {reply}")
        check(0 < reply.transmit - former.receive < 2**32,
              f"{source}: transmit is not of the former answer: {reply}")
PYTHON
) || fail "$said"
pass "$CLIENTS clients, $ROUNDS interleaved answers each, every one from another port"

idle=$(paste <(echo "$before") <(switches) | awk '$2 <= $1 + 10')
[ -z "$idle" ] || fail "$CLIENTS addresses should keep both workers busy; before and after: $idle"

# In the server's own statistics, in chronyc 4.4's layout.
stats=$(in_server "$PYTHON" -B "$INTEROP/candm.py") || fail "$stats"
value() {
    echo "$stats" | sed -n "s/^$1 //p"
}
[ "$(value ntp_interleaved)" = $((CLIENTS * ROUNDS)) ] ||
    fail "ntp_interleaved should be $((CLIENTS * ROUNDS)): $stats"
[ "$(value ntp_hits)" -ge $((CLIENTS * (ROUNDS + 2))) ] ||
    fail "ntp_hits should be $((CLIENTS * (ROUNDS + 2))) at least: $stats"
[ "$(value kernel_rx)" = "$(value ntp_hits)" ] ||
    fail "each request should have the kernel's stamp: $stats"
[ "$(value kernel_tx)" -ge $((CLIENTS * ROUNDS / 2)) ] ||
    fail "most interleaved answers should have the kernel's stamp: $stats"
pass "$(echo "$stats" | paste -sd ' ')"
