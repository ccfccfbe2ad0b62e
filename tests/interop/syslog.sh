#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chimed logs to syslog, with its name, its pid and the right priorities, and nothing to stderr.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
make_namespaces
prepare_server
# A /dev of its own, with our end of syslog's socket in it.
own_dev=(unshare -m sh -c 'mount -t tmpfs tmpfs /dev && ln -s "$0" /dev/log && exec "$@"')
said=$("${own_dev[@]}" /nowhere true 2>&1) || skip "no mount namespace can be made: $said"
start syslog "$PYTHON" -u -B -c '
import socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
    sock.bind(sys.argv[1])
    while True:
        print(sock.recv(4096).decode(), flush=True)' "$WORK/log.sock"
said=$(wait_until "syslog's socket is there" test -S "$WORK/log.sock") || fail "$said"
write_config ""
sed -i 's/^level = .*/level = notice\ntarget = syslog/' "$WORK/chimed.conf"
start_chimed "$WORK/chimed.conf" "${SERVER[@]}" "${own_dev[@]}" "$WORK/log.sock"
SERVER_PID=$DAEMON
wait_answer "$SERVER4"

# Facility daemon (3 * 8) and the level: 3 is an error, 5 a notice.
expect_line() { # LEVEL PATTERN
    said=$(wait_until "syslog has it" \
        grep -E "^<$((3 * 8 + $1))>.* chimed\[$SERVER_PID\]: .*$2" "$WORK/syslog.log") ||
        fail "$said"
    pass "$(grep -m 1 -E "$2" "$WORK/syslog.log")"
}

expect_line 5 "serving NTP on"
echo "lisen = 127.0.0.1" >> "$WORK/chimed.conf"
kill -HUP "$SERVER_PID"
expect_line 3 "lisen.*: unknown key"
kill -TERM "$SERVER_PID"
wait "$SERVER_PID" || fail "SIGTERM should end chimed with 0, not $?"
expect_line 5 "stopping"
[ -s "$WORK/chimed.log" ] && fail "nothing should go to stderr"
pass "nothing went to stderr"
