# SPDX-License-Identifier: MIT
# server.sh - starts the server that stock clients are pointed at; to be sourced after lib.sh.
PYTHON=$(command -v /usr/bin/python3 || command -v python3)
STRATUM=8
OFFSET_MS=80 # what chimed's virtual clock is ahead of ours

# Where libtool keeps the binary proper: a library must be preloaded into that, not into libtool's
# script, which also takes longer than what it starts.
binary() { # PROGRAM
    local proper=${1%/*}/.libs/${1##*/}
    if [ -e "$1" ] && head -c 2 "$1" | grep -q '#!' && [ -x "$proper" ]; then
        echo "$proper"
    else
        echo "$1"
    fi
}

CHIMED=${CHIMED:-$BUILD/chimed}
CHIMED_BINARY=$(binary "$CHIMED")
CHIME=$(binary "${CHIME:-$BUILD/chime}")
export LD_LIBRARY_PATH="${CHIMED_BINARY%/*}:$BUILD/.libs"

prepare_server() {
    [ -x "$CHIMED" ] || fail "no $CHIMED: run make, or name one with CHIMED="
    [ -n "$PYTHON" ] || skip "python3 is not there"
}

# The configuration of most tests; more of it on stdin, by sections.
write_config() { # CLOCK-LINES
    cat > "$WORK/chimed.conf" <<CONF
[clock]
${1:-control = shadow}
[server]
listen = 0.0.0.0:123 [::]:123
local-stratum = $STRATUM
workers = ${WORKERS:-1}
[keys]
file = $WORK/keys
[control]
socket = off
chronyc = 127.0.0.1:323 [::1]:323
chronyc-socket = $WORK/server.sock
[log]
level = info
CONF
}

start_chimed() { # CONFIG [WORDS-BEFORE…]
    local config=$1
    shift
    start chimed "$@" ${LEASH[@]+"${LEASH[@]}"} "$CHIMED_BINARY" --config "$config"
}

# Debian's chronyd in chimed's place.
start_chronyd_server() {
    local chronyd
    chronyd=$(stock_program chronyd) || skip "$chronyd"
    cat > "$WORK/server.conf" <<CONF
allow
local stratum $STRATUM
keyfile $WORK/keys
bindcmdaddress $WORK/chrony/server.sock
pidfile $WORK/server.pid
CONF
    start chronyd-server "${SERVER[@]}" "${HARMLESS[@]}" \
        "$chronyd" -d -x -u root -f "$WORK/server.conf"
}

# Starts the server in its namespace and waits until it answers on both families.
start_server() { # [CLOCK-LINES]
    prepare_server
    if [ "${INTEROP_SERVER:-chimed}" = chronyd ]; then
        OFFSET_MS=0
        start_chronyd_server
    else
        write_config "${1:-}"
        start_chimed "$WORK/chimed.conf" "${SERVER[@]}"
    fi
    SERVER_PID=$DAEMON
    wait_answer "$SERVER4"
    wait_answer "$SERVER6"
}

# With a clock that is off by a known amount: what a client reports must show it.
start_offset_server() {
    start_server "control = virtual
virtual-offset = $OFFSET_MS ms
virtual-rate = 0 ppm
virtual-wander = 0 ppb"
}

# Without namespaces: on a port of loopback that is free now. PORT is set.
start_on_loopback() { # [MORE LINES FOR SECTIONS…]
    local attempt
    for attempt in 0 1 2 3 4; do
        PORT=$((20000 + ($$ * 7 + attempt * 1009) % 12000))
        write_config ""
        sed -i "s/^listen = .*/listen = 127.0.0.1:$PORT [::1]:$PORT/; /^chronyc = /d" \
            "$WORK/chimed.conf"
        start_chimed "$WORK/chimed.conf"
        SERVER_PID=$DAEMON
        wait_until "chimed answers or ends" answers_or_ended && is_running "$SERVER_PID" && return 0
        grep -q "in use" "$WORK/chimed.log" || break
    done
    fail "chimed does not run on 127.0.0.1 and ::1, port $PORT"
}

answers_or_ended() {
    gone "$SERVER_PID" || "$PYTHON" "$INTEROP/ntp.py" ::1 "$PORT"
}

memory_kib() { # PID FIELD-OF-STATUS
    sed -n "s/^$2:[[:space:]]*\([0-9]*\) kB/\1/p" "/proc/$1/status"
}

# AddressSanitizer keeps freed memory for a while, so that memory is no measure then.
is_sanitised() { # PID
    grep -q 'libasan' "/proc/$1/maps" || [ "$(memory_kib "$1" VmSize)" -gt 1000000000 ]
}

wait_answer() { # ADDRESS [PORT]
    local said
    said=$(wait_until "${INTEROP_SERVER:-chimed} answers on $1" \
        in_client "$PYTHON" "$INTEROP/ntp.py" "$@") || fail "$said"
}

# Is a number of seconds that a client reports within 5 ms, or so many, of the server's offset?
is_server_offset() { # SECONDS [TOLERANCE-MS]
    awk -v seconds="$1" -v wanted="$OFFSET_MS" -v tolerance="${2:-5}" 'BEGIN {
        late = seconds * 1000 - wanted
        exit !(seconds != "" && late > -tolerance && late < tolerance)
    }'
}

# Runs a client of a single exchange until it reports the server's offset: on a busy machine one exchange is off by as
# long as somebody had to wait for the processor. If that goes on, a quarter of the offset will do. A sed expression takes
# $offset from what it said, $said.
ask_offset() { # SED-EXPRESSION COMMAND…
    local expression=$1 attempt
    shift
    for attempt in {1..20}; do
        said=$("$@" 2>&1)
        offset=$(echo "$said" | sed -n "$expression")
        is_server_offset "$offset" $((attempt > 5 ? 20 : 5)) && return 0
        [ "$attempt" -lt 5 ] || sleep 0.5
    done
    return 1
}
