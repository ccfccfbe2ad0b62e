#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chimed as a service manager sees it: --check, a taken port, a missing file, READY=1, SIGHUP with
# bad and good files, SIGTERM and SIGINT, privileges dropped after binding. All but the last needs
# no root.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
prepare_server

# Runs chimed to its end: its words in $said. The exit code must be as given.
expect_exit() { # CODE WHAT WORDS…
    local code=$1 what=$2 status
    shift 2
    said=$(timeout 60 "$CHIMED_BINARY" "$@" 2>&1)
    status=$?
    [ $status = "$code" ] || fail "$what should exit with $code, not $status: $said"
}

expect_words() { # PATTERN WHAT
    echo "$said" | grep -qE -e "$1" || fail "$2 should say '$1': $said"
}

check_files() {
    write_config ""
    expect_exit 0 "--check of a good file" --check --config "$WORK/chimed.conf"
    sed -i 's/^listen/lisen/' "$WORK/chimed.conf"
    local line
    line=$(grep -n '^lisen' "$WORK/chimed.conf" | cut -d : -f 1)
    expect_exit 2 "--check of a bad file" --check --config "$WORK/chimed.conf"
    expect_words "chimed.conf:$line: .*lisen.*unknown key.*did you mean 'listen'" "--check"
    expect_exit 2 "a bad file" --config "$WORK/chimed.conf"
    expect_words "chimed.conf:$line: .*lisen" "a bad file"
    expect_exit 2 "a missing file" --config "$WORK/nowhere.conf"
    expect_words "nowhere.conf.*No such file" "a missing file"
    expect_exit 2 "an unknown option" --confg "$WORK/chimed.conf"
    write_config ""
    sed -i "s#^file = .*#file = $WORK/nokeys#" "$WORK/chimed.conf"
    expect_exit 2 "a missing keys file" --check --config "$WORK/chimed.conf"
    expect_words "nokeys.*No such file" "a missing keys file"
    expect_exit 0 "--version" --version
    "$CHIMED_BINARY" --print-default > "$WORK/default.conf" ||
        fail "--print-default should exit with 0"
    expect_exit 0 "--check of the embedded default" --check --config "$WORK/default.conf"
    pass "--check, files that are bad or missing"
}

check_taken_port() {
    expect_exit 1 "a taken port" --config "$WORK/chimed.conf"
    expect_words "(127.0.0.1|::1).*$PORT.*in use" "a taken port"
    pass "a taken port: $(echo "$said" | grep -m 1 'in use')"
}

answers() {
    "$PYTHON" "$INTEROP/ntp.py" 127.0.0.1 "$PORT"
}

is_silent() {
    ! answers
}

# Is an answer to key 1 signed? And to key 9?
takes_key() { # KEY
    "$CHIME" query -t 0.5 -k "$1" --keys "$WORK/keys.client" "127.0.0.1:$PORT"
}

reload() { # WHAT COMMAND…
    kill -HUP "$SERVER_PID"
    local what=$1 said
    shift
    said=$(PATIENCE_S=30 wait_until "$what" "$@") || fail "after SIGHUP: $said"
    is_running "$SERVER_PID" || fail "SIGHUP ($what) ended the server"
    pass "SIGHUP: $what"
}

has_logged() {
    [ "$(grep -cE -e "$1" "$WORK/chimed.log")" -ge "${2:-1}" ]
}

check_reloads() {
    local good=$WORK/good.conf
    cp "$WORK/chimed.conf" "$good"
    echo "lisen = 127.0.0.1" >> "$WORK/chimed.conf"
    reload "a bad file is complained of" has_logged "chimed.conf:.*lisen"
    answers > /dev/null || fail "a bad file should change nothing"
    rm "$WORK/chimed.conf"
    reload "a missing file is complained of" has_logged "chimed.conf.*No such file"
    answers > /dev/null || fail "a missing file should change nothing"

    sed 's#^local-stratum#deny = 127.0.0.0/8\nlocal-stratum#' "$good" > "$WORK/chimed.conf"
    reload "an address is denied" is_silent
    "$PYTHON" "$INTEROP/ntp.py" ::1 "$PORT" > /dev/null ||
        fail "another address should not be denied"
    cp "$good" "$WORK/chimed.conf"
    reload "it is allowed again" answers

    cp "$WORK/keys" "$WORK/keys.client"
    echo "9 SHA1 HEX:0102030405060708090a0b0c0d0e0f1011121314" >> "$WORK/keys.client"
    chmod 600 "$WORK/keys.client"
    takes_key 1 > /dev/null || fail "key 1 should be known: $(takes_key 1 2>&1)"
    said=$(takes_key 9 2>&1) && fail "key 9 should not be known yet: $said"
    expect_words "crypto-NAK" "chime query with a key the server lacks"
    cp "$WORK/keys.client" "$WORK/keys"
    reload "a new key is known" takes_key 9
    echo "10 SHA1" >> "$WORK/keys"
    reload "a bad keys file is complained of" has_logged "keys.*line 9|keys:9"
    takes_key 9 > /dev/null || fail "a bad keys file should change nothing"
    cp "$WORK/keys.client" "$WORK/keys"

    local rate="rate-limit = on\nrate-interval = 4096 s\nrate-burst = 1"
    rate="$rate\nrate-leak = 0\nrate-kod = 0"
    sed "s/^local-stratum/$rate\nlocal-stratum/" "$good" > "$WORK/chimed.conf"
    reload "a rate limit is kept" is_silent
    cp "$good" "$WORK/chimed.conf"
    reload "the rate limit is off again" answers
    sed 's/^local-stratum.*/local-stratum = 5/' "$good" > "$WORK/chimed.conf"
    kill -HUP "$SERVER_PID"
    said=$(wait_until "the stratum is 5" has_stratum 5) || fail "$said"
    cp "$good" "$WORK/chimed.conf"
}

has_stratum() {
    answers | grep "stratum $1 "
}

# The service manager's end of NOTIFY_SOCKET: prints what comes.
check_notify() {
    start notify "$PYTHON" -u -B -c '
import socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
    sock.bind(sys.argv[1])
    while True:
        print(sock.recv(4096).decode(), flush=True)' "$WORK/notify.sock"
    said=$(wait_until "the notify socket is there" test -S "$WORK/notify.sock") || fail "$said"
    export NOTIFY_SOCKET=$WORK/notify.sock
    start_on_loopback
    unset NOTIFY_SOCKET
    said=$(wait_until "READY=1" grep -x "READY=1" "$WORK/notify.log") ||
        fail "$said: $(cat "$WORK/notify.log")"
    pass "READY=1 after the sockets are bound"
}

check_end() { # SIGNAL
    kill -"$1" "$SERVER_PID"
    wait "$SERVER_PID" || fail "SIG$1 should end the server with 0, not $?"
    pass "SIG$1 ends it with 0"
}

check_privileges() {
    if [ "$(id -u)" != 0 ]; then
        pass "not root: no privileges to drop"
        return
    fi
    make_namespaces
    write_config ""
    sed -i 's/^workers = .*/workers = 2\nuser = nobody/; /^chronyc-socket/d' "$WORK/chimed.conf"
    start_chimed "$WORK/chimed.conf" "${SERVER[@]}"
    SERVER_PID=$DAEMON
    wait_answer "$SERVER4"
    local task nobody
    nobody=$(id -u nobody)
    for task in /proc/"$SERVER_PID"/task/*; do
        grep -qE "^Uid:(.$nobody){4}$" "$task/status" &&
            grep -qE "^Cap(Prm|Eff):.0+$" "$task/status" &&
            ! grep -E "^Cap(Inh|Prm|Eff|Amb):.*[1-9a-f]" "$task/status" &&
            grep -q "^NoNewPrivs:.1" "$task/status" &&
            ! grep -E "^Groups:.*\b0\b" "$task/status" ||
            fail "bound to port 123, chimed should be nobody ($nobody) without capabilities:" \
                "$(cat "$task/status")"
    done
    pass "port 123, $(ls /proc/"$SERVER_PID"/task | wc -l) threads: user nobody, no capability"
    check_end TERM
    sed -i 's/^user = .*/user = nobody-at-all/' "$WORK/chimed.conf"
    said=$(timeout 60 "$CHIMED_BINARY" --config "$WORK/chimed.conf" 2>&1) &&
        fail "an unknown user should be refused: $said"
    expect_words "nobody-at-all" "an unknown user"
}

check_files
check_notify
check_taken_port
check_reloads
check_end TERM
start_on_loopback
check_end INT
check_privileges
