#!/bin/sh
# SPDX-License-Identifier: MIT
# selftest.sh - the load generator and the echo agree with each other, over loopback and without root.
set -u
work=$(mktemp -d) || exit 1
echo_pid=
trap 'test -n "$echo_pid" && kill "$echo_pid" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM

fail() {
    echo "FAIL: $*"
    exit 1
}

# Starts an echo with the given options; its port is in $port.
start_echo() {
    test -n "$echo_pid" && kill "$echo_pid" && wait "$echo_pid" 2>/dev/null
    mkfifo "$work/port.$1" || fail "no FIFO can be made in $work"
    tests/bench/echo "$@" >"$work/port.$1" &
    echo_pid=$!
    read -r port <"$work/port.$1" || fail "the echo printed no port"
}

# The value of a number in the generator's line of JSON.
figure() { # NAME
    sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$work/figures"
}

for variant in -p0 -t -s; do
    start_echo "$variant"
    tests/bench/load --echo --rate 2000 --warm 0 --seconds 0.2 --watch "$echo_pid" 127.0.0.1 "$port" \
        >"$work/figures" || fail "echo $variant does not answer"
    test "$(figure sent)" -ge 300 || fail "echo $variant: too few requests: $(cat "$work/figures")"
    test "$(figure answers)" -ge 1 || fail "echo $variant: no answers: $(cat "$work/figures")"
    test "$(figure answers)" -le "$(figure sent)" || fail "echo $variant: more answers than requests"
    test "$(figure invalid)" -eq 0 || fail "echo $variant: a datagram came back changed"
    test "$(figure cpu_ns)" -gt 0 || fail "echo $variant: no CPU time was counted"
done

# With a MAC the datagram is 20 octets longer, and comes back whole.
tests/bench/load --echo --key '7 AES128 HEX:000102030405060708090a0b0c0d0e0f' --window 8 --warm 0 \
    --seconds 0.1 127.0.0.1 "$port" >"$work/figures" || fail "requests with a MAC do not come back"

# An echo is not a server: its answers must not count as a server's.
tests/bench/load --wait 0.1 --seconds 0.1 127.0.0.1 "$port" >/dev/null 2>"$work/said" &&
    fail "the generator takes an echo for a server"
grep -q 'no valid answer in 0.1 s ([1-9]' "$work/said" || fail "it said: $(cat "$work/said")"

tests/bench/load --rate many 127.0.0.1 "$port" >/dev/null 2>"$work/said"
test $? -eq 2 || fail "a mistaken option must end with exit code 2"
grep -q "expected a number from 0 to 100000000, found 'many'" "$work/said" ||
    fail "it said: $(cat "$work/said")"
echo "ok: generator and echo agree"
