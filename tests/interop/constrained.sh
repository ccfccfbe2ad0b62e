#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chimed on a poor host (constrained.c): one thread, no process, no netlink, no IPv6, no
# privileges to drop, and, the second time, options that are promised and not kept. It answers
# right all the same, and ends with 0. Needs no root.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
prepare_server
cp "$(library constrained)" "$WORK/constrained.so" || fail "the library can't be copied to $WORK"
[ "$(head -c 4 "$CHIMED_BINARY" | tail -c 3)" = ELF ] || fail "$CHIMED_BINARY is no ELF binary"
ldd "$CHIMED_BINARY" > /dev/null || fail "$CHIMED_BINARY should be linked dynamically"
if command -v objdump > /dev/null; then
    direct=$(objdump -d --no-show-raw-insn "$CHIMED_BINARY" |
        grep -cE '[[:space:]](syscall|svc|int +\$0x80)')
    [ "$direct" = 0 ] ||
        fail "$CHIMED_BINARY should call the kernel through libc only; $direct instructions don't"
fi
# AddressSanitizer insists on being the first.
sanitizer=$(ldd "$CHIMED_BINARY" | sed -n 's/.*=> \(.*libasan[^ ]*\) .*/\1/p')

write_constrained_config() { # LISTEN [USER]
    cat > "$WORK/chimed.conf" <<CONF
[server]
listen = $1
workers = 0
local-stratum = $STRATUM
rate-limit = on
rate-burst = 255
${2:+user = $2}
[keys]
file = $WORK/keys
[control]
socket = $WORK/chimed.sock
CONF
}

answers_twice() {
    "$PYTHON" "$INTEROP/ntp.py" 127.0.0.1 "$PORT" && "$PYTHON" "$INTEROP/ntp.py" 127.0.0.1 "$PORT"
}

ended_or_answers() {
    gone "$DAEMON" || answers_twice
}

# Asks 20 times, with and without a MAC; each answer must be right, to what a quantised clock
# allows.
ask_constrained() {
    "$PYTHON" -B - "$INTEROP" "$PORT" "$STRATUM" << 'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
from ntp import *
port, stratum, key = int(sys.argv[2]), int(sys.argv[3]), b"interopMD5key_01"
offsets = []
for number in range(20):
    reply = ask("127.0.0.1", port)
    check(reply is not None, f"request {number} was not answered")
    check((reply.leap, reply.version, reply.mode, reply.stratum) == (0, 4, 4, stratum),
          f"a wrong answer: {reply}")
    offsets.append(abs(reply.offset))
    check(reply.transmit >= reply.receive, f"an answer that left before its request came: {reply}")
    with udp("127.0.0.1", port) as sock:
        data = request()
        sock.send(data + mac(1, key, data))
        reply = Reply(sock.recv(2048))
        check(reply.trailer == mac(1, key, reply.data[:48]), f"a good MAC, badly answered: {reply}")
# A clock that ticks in milliseconds, and a machine that may be busy now and then.
check(min(offsets) < 0.002 and max(offsets) < 0.5,
      f"offsets from a server with our clock: {offsets}")
PYTHON
}

run_constrained() { # WHAT LISTEN USER ENVIRONMENT…
    local what=$1 listen=$2 user=$3 attempt said status
    shift 3
    for attempt in 0 1 2 3 4; do
        PORT=$((20000 + ($$ * 7 + 3 + attempt * 1009) % 12000))
        write_constrained_config "${listen//PORT/$PORT}" "$user"
        : > "$WORK/refused"
        chmod 666 "$WORK/refused"
        start chimed env "$@" CONSTRAINED_LOG="$WORK/refused" \
            LD_PRELOAD="$sanitizer $WORK/constrained.so" \
            "$CHIMED_BINARY" --config "$WORK/chimed.conf"
        wait_until "chimed answers or ends" ended_or_answers > /dev/null
        is_running "$DAEMON" && break
        grep -q "in use" "$WORK/chimed.log" || break
    done
    is_running "$DAEMON" || fail "$what: chimed ended by itself"
    grep -q "^loaded $(basename "$CHIMED_BINARY")\$" "$WORK/refused" ||
        fail "$what: the library was not loaded"
    said=$(ask_constrained) || fail "$what: $said"
    if [ -x "$CHIME" ]; then
        said=$("$CHIME" query -c 2 -i 0.1 "127.0.0.1:$PORT" 2>&1) ||
            fail "$what: chime query: $said"
    fi
    [ "$(ls /proc/"$DAEMON"/task | wc -l)" = 1 ] || fail "$what: workers = 0 should mean one thread"
    kill -TERM "$DAEMON"
    wait "$DAEMON"
    status=$?
    [ $status = 0 ] || fail "$what: SIGTERM should end chimed with 0, not $status"
    # The sanitizer has wishes of its own on its way out.
    [ -z "$sanitizer" ] &&
        grep -E "^broken|pthread_create|fork|clone|getaddrinfo|io_uring" "$WORK/refused" &&
        fail "$what: chimed should do without these: $(cat "$WORK/refused")"
    grep -i "error" "$WORK/chimed.log" && fail "$what: a refusal should be a warning at most"
    said=$(sed -n 's/^refused //p' "$WORK/refused" | sort | uniq -c | paste -sd , | tr -s ' ')
    pass "$what; refused:$said"
}

run_constrained "one IPv4 address" 127.0.0.1:PORT ""
run_constrained "deaf options, equal clock readings" 127.0.0.1:PORT "" CONSTRAINED_DEAF=1
run_constrained "wildcards, IPv6 missing" "0.0.0.0:PORT [::]:PORT" "" CONSTRAINED_DEAF=1
if [ "$(id -u)" = 0 ]; then
    run_constrained "a user to become, refused" 127.0.0.1:PORT nobody
fi
