#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What an operator sees of a running chimed: its socket, who may ask and who may change, chime's subcommands, a
# socket that a crash left. All but the other users needs no root.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
prepare_server
[ -x "$CHIME" ] || fail "no $CHIME: run make, or name one with CHIME="
SOCKET=$WORK/chimed.sock

# A reference, and a daemon that follows it through two names; a third source never answers.
write_configs() {
    cat > "$WORK/reference.conf" <<CONF
[clock]
control = shadow
[server]
listen = 127.0.0.1:$BASE
local-stratum = 3
workers = 1
[control]
socket = off
CONF
    cat > "$WORK/chimed.conf" <<CONF
[clock]
control = shadow
[selection]
faults = 0
[source one]
address = 127.0.0.1:$BASE
poll = 1 s 1 s
[source gone]
address = 127.0.0.1:$((BASE + 2))
poll = 1 s 1 s
noselect = yes
[server]
listen = 127.0.0.1:$((BASE + 1))
workers = 1
[control]
socket = $SOCKET
[log]
level = info
CONF
}

chime() {
    "$CHIME" "$1" --socket "$SOCKET" "${@:2}"
}

# Runs chime to its end: its words in $said.
is_within() {
    chime status 2>/dev/null | grep -Eq "UTC is [-+].* to [-+].* from our clock"
}

expect() { # CODE PATTERN WORDS…
    local code=$1 pattern=$2 status
    shift 2
    said=$(NO_COLOR=1 timeout 60 "$CHIME" "$1" --socket "$SOCKET" "${@:2}" 2>&1)
    status=$?
    [ $status = "$code" ] || fail "chime $* should exit with $code, not $status: $said"
    echo "$said" | grep -qE -e "$pattern" || fail "chime $* should say '$pattern': $said"
}

# Asks without chime: any program can.
ask_plainly() { # LINE…
    "$PYTHON" - "$SOCKET" "$@" <<'PYTHON'
import json, socket, sys
with socket.socket(socket.AF_UNIX) as sock:
    sock.settimeout(10)
    sock.connect(sys.argv[1])
    answers = sock.makefile("r", encoding="utf-8")
    for line in sys.argv[2:]:
        sock.sendall(line.encode() + b"\n")
        answer = json.loads(answers.readline())
        assert answer["version"] == 1, answer
        assert ("error" in answer) != ("answer" in answer), answer
        print(answer.get("answer", answer.get("error")))
PYTHON
}

is_synchronised() {
    chime status | grep -q "^state *synchronised"
}

serves_or_ended() { # NAME PID
    gone "$2" || grep -q "serving NTP" "$WORK/$1.log"
}

start_serving() { # NAME
    start "$1" "${LEASH[@]}" "$CHIMED_BINARY" --config "$WORK/$1.conf"
    wait_until "$1 serves or ends" serves_or_ended "$1" "$DAEMON" && is_running "$DAEMON"
}

# On ports that are free now.
start_daemons() {
    local attempt
    for attempt in 0 1 2 3 4; do
        BASE=$((20000 + ($$ * 11 + attempt * 1009) % 12000))
        write_configs
        start_serving reference && start_serving chimed && break
        grep -q "in use" "$WORK"/*.log || break
        end_daemons
    done
    SERVER_PID=$DAEMON
    said=$(wait_until "chimed answers chime" chime status) || fail "$said"
}

check_absence() {
    expect 1 "no chimed answers at $SOCKET.*systemctl start chimed" status
    expect 1 "fail  running" doctor
    said=$(chime status --json 2> /dev/null)
    echo "$said" | "$PYTHON" -c 'import json, sys; assert json.load(sys.stdin)["error"]' ||
        fail "chime status --json should tell the error: $said"
    expect 0 "status" status --help
    expect 2 "unknown" status --colour
    expect 2 "no argument is accepted" status now
    expect 2 "seconds from 0.1 to 3600" watch often
    pass "without a chimed: where it was looked for, and how to start it"
}

check_views() {
    [ "$(stat -c %a "$SOCKET")" = 660 ] || fail "the socket's mode should be 660: $(ls -l "$SOCKET")"
    said=$(wait_until "chimed is synchronised" is_synchronised) || fail "$said: $(chime sources)"
    said=$(wait_until "the source that is not there was asked" has_state gone "(unreachable|noselect)") || fail "$said"
    # At the start the clock has still to go to where its sources are.
    said=$(wait_until "our clock is within its interval" is_within) ||
        fail "$said: $(chime status)"
    expect 0 "UTC is [-+].* to [-+].* from our clock: \+/-" status
    expect 0 "^one +127.0.0.1 +selected +3 " sources
    expect 0 "^gone is not used \((unreachable|noselect)\)" sources
    expect 0 "^one: server 127.0.0.1 at 127.0.0.1 port $BASE" sources -v
    expect 0 "^stratum +4" tracking
    expect 0 "^(ok|warn) +serving +127.0.0.1:$((BASE + 1)) answers NTP: stratum 4" doctor
    echo "$said" | grep -q "^fail" && fail "doctor should find nothing wrong: $said"
    said=$(CHIMED_SOCKET=$SOCKET "$CHIME" status) || fail "\$CHIMED_SOCKET should be heeded: $said"
    said=$(timeout 60 "$CHIME" watch --socket "$SOCKET" 0.2 | head -n 3 | grep -c "interval .* sources 1 of 2 used")
    [ "$said" = 3 ] || fail "watch should print lines, 3 of them and not '$said'"
    said=$(ask_plainly status sources tracking version nonsense "$(printf 'x%.0s' {1..300})" status | tr '\n' ' ')
    echo "$said" | grep -qE "^status sources tracking version 'nonsense' is .*too long.* status $" ||
        fail "each request should get its answer: $said"
    pass "status, sources, tracking, doctor, watch; several requests on a connection"
}

# The live view on a terminal, which script(1) provides: q ends it, and the terminal is as before.
check_screen() {
    command -v script > /dev/null || return 0
    : > "$WORK/screen"
    (wait_until "there is a screen" grep -q OFFSET "$WORK/screen" >&2; printf q) |
        TERM=xterm timeout 30 script -qec \
            "'$CHIME' watch --socket '$SOCKET' 0.1; echo exit=\$?" /dev/null > "$WORK/screen" ||
        fail "watch on a terminal should end with q: $(cat "$WORK/screen")"
    said=$(cat "$WORK/screen")
    case $said in
    *$'\033[?1049h'*OFFSET*$'\033[?1049l'*exit=0*) ;;
    *) fail "watch should draw a screen, and leave it: $said" ;;
    esac
    pass "watch on a terminal"
}

has_state() { # SOURCE STATE
    chime sources | grep -qE "^$1 +[0-9.]+ +$2 "
}

check_commands() {
    expect 0 "1 source" offline gone
    said=$(wait_until "it is offline" has_state gone offline) || fail "$said"
    expect 0 "1 source" online gone
    expect 0 "source" burst one
    expect 0 "source" refresh
    expect 1 "nobody" burst nobody
    expect 1 "." accept
    expect 0 "in force" reload
    echo "lisen = 1" >> "$WORK/chimed.conf"
    expect 1 "mistake" reload
    grep -q "lisen" "$WORK/chimed.log" || fail "the log should name the mistake"
    sed -i '/^lisen/d' "$WORK/chimed.conf"
    said=$(chime offline gone --json)
    echo "$said" | "$PYTHON" -c 'import json, sys; assert json.load(sys.stdin)["done"] is True' ||
        fail "--json should tell that it was done: $said"
    pass "offline, online, burst, refresh, accept, reload"
}

as_nobody() { # [GROUP] COMMAND…
    setpriv --reuid 65534 --regid "$1" --clear-groups "${@:2}"
}

# A copy that nobody can run, and a socket in a group of its own.
check_others() {
    if [ "$(id -u)" != 0 ] || ! setpriv --reuid 65534 --regid 65534 --clear-groups true 2> /dev/null; then
        echo "not root: other users are not tried"
        return
    fi
    mkdir "$WORK/bin"
    cp "$(binary "$CHIME")" "$WORK/bin/chime"
    cp "$BUILD"/.libs/libntpwire.so.? "$WORK/bin/" 2> /dev/null
    chmod -R a+rX "$WORK/bin"
    local library_path=$WORK/bin:$LD_LIBRARY_PATH
    said=$(LD_LIBRARY_PATH=$library_path as_nobody 65534 "$WORK/bin/chime" status --socket "$SOCKET" 2>&1) &&
        fail "nobody should not be let in: $said"
    echo "$said" | grep -q "uid 65534 may not ask" || fail "chime should say who may ask: $said"
    chgrp 4242 "$SOCKET"
    said=$(LD_LIBRARY_PATH=$library_path as_nobody 4242 "$WORK/bin/chime" status --socket "$SOCKET" 2>&1) ||
        fail "a member of the group should be let in: $said"
    local word
    for word in accept step burst online offline refresh reload; do
        said=$(LD_LIBRARY_PATH=$library_path as_nobody 4242 "$WORK/bin/chime" $word --socket "$SOCKET" 2>&1) &&
            fail "a member of the group should not change anything: $said"
        echo "$said" | grep -q "for root and the user that chimed runs as" ||
            fail "chime $word should say who may: $said"
    done
    pass "others: the group may ask, only root and chimed's user may change"
}

# The user that chimed becomes owns the socket, and its group may ask.
check_user() {
    [ "$(id -u)" = 0 ] || return 0
    mkdir -m 777 "$WORK/run"
    sed "s#^workers = 1#workers = 1\nuser = 65534#; s#^socket = .*#socket = $WORK/run/x.sock\ngroup = 4242#" \
        "$WORK/chimed.conf" > "$WORK/user.conf"
    kill -TERM "$SERVER_PID"
    wait "$SERVER_PID"
    start chimed "${LEASH[@]}" "$CHIMED_BINARY" --config "$WORK/user.conf"
    SERVER_PID=$DAEMON
    SOCKET=$WORK/run/x.sock
    said=$(wait_until "chimed answers chime" chime status) || fail "$said"
    [ "$(stat -c '%u %g %a' "$SOCKET")" = "65534 4242 660" ] || fail "whose socket? $(ls -ln "$SOCKET")"
    kill -TERM "$SERVER_PID"
    wait "$SERVER_PID" || fail "SIGTERM should end chimed with 0, not $?"
    [ -e "$SOCKET" ] && fail "chimed should have removed $SOCKET"
    SOCKET=$WORK/chimed.sock
    start chimed "${LEASH[@]}" "$CHIMED_BINARY" --config "$WORK/chimed.conf"
    SERVER_PID=$DAEMON
    said=$(wait_until "chimed answers chime" chime status) || fail "$said"
    pass "the socket belongs to the user that chimed becomes, and to the group"
}

check_stale() {
    kill -STOP "$SERVER_PID"
    expect 1 "no answer within 5 s" status
    kill -CONT "$SERVER_PID"
    said=$(timeout 60 "$CHIMED_BINARY" --config "$WORK/chimed.conf" 2>&1) &&
        fail "a second chimed on the same socket should be refused: $said"
    chime status > /dev/null || fail "the first one should go on"
    kill -KILL "$SERVER_PID"
    wait "$SERVER_PID" 2> /dev/null
    [ -S "$SOCKET" ] || fail "a killed chimed should have left its socket"
    expect 1 "nobody listens there any more" status
    start chimed "${LEASH[@]}" "$CHIMED_BINARY" --config "$WORK/chimed.conf"
    SERVER_PID=$DAEMON
    said=$(wait_until "chimed answers chime" chime status) || fail "$said"
    kill -TERM "$SERVER_PID"
    wait "$SERVER_PID" || fail "SIGTERM should end chimed with 0, not $?"
    [ -e "$SOCKET" ] && fail "chimed should have removed $SOCKET"
    pass "a socket that a crash left is replaced, a live one is not"
}

check_absence
start_daemons
check_views
check_screen
check_commands
check_others
check_user
check_stale
