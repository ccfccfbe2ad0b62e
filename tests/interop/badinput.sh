#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Bad input over real sockets on loopback: all lengths, all first octets, damaged MACs, crooked
# extension fields. The server goes on answering and its memory stays as it was. Needs no root.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
prepare_server
start_on_loopback

rss_before=$(memory_kib "$SERVER_PID" VmRSS)
for host in 127.0.0.1 ::1; do
    said=$("$PYTHON" -B "$INTEROP/badinput.py" $host "$PORT") || fail "$said"
    pass "$said"
    is_running "$SERVER_PID" || fail "the server ended"
done
rss_after=$(memory_kib "$SERVER_PID" VmRSS)
is_sanitised "$SERVER_PID" || [ $((rss_after - rss_before)) -le 512 ] ||
    fail "the memory should stay as it was: $rss_before KiB before, $rss_after KiB after"
pass "resident memory: $rss_before KiB before, $rss_after KiB after"

kill -TERM "$SERVER_PID"
wait "$SERVER_PID" || fail "SIGTERM should end the server with 0, not $?"
