#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Debian's chronyc against our server, over UDP and over its Unix socket: each report field by
# field, commands refused as chronyd refuses them, other hosts only if allowed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
chronyc=$(stock_program chronyc) || skip "$chronyc"
make_namespaces
start_server

# Known traffic from one client: 6 requests, 2 of them with a good MAC, and 3 replies, which are
# none of a server's business.
said=$(in_client "$PYTHON" -B - "$INTEROP" "$SERVER4" << 'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
from ntp import *
with udp(sys.argv[2], 123) as sock:
    for number in range(5):
        data = request()
        sock.send(data + (mac(1, b"interopMD5key_01", data) if number < 2 else b""))
        reply = Reply(sock.recv(2048))
        check(len(reply.trailer) == (20 if number < 2 else 0),
              "a MAC in the reply to a MAC, and only then:", reply)
    for _ in range(3):
        sock.send(request(mode=4))
check(ask(sys.argv[2]) is not None, "no answer after replies were sent to it")
PYTHON
) || fail "$said"

ask_server() { # HOST COMMAND…
    local host=$1
    shift
    in_server "$chronyc" -n -h "$host" "$@" 2>&1
}

# The server namespace's clock is this one's.
check_tracking() {
    local report=$1 now reference
    now=$(date +%s)
    IFS=, read -r refid name stratum reference correction last rms frequency residual skew delay \
        dispersion _ leap <<< "$report"
    reference=${reference%.*}
    [ "$refid,$name,$stratum,$leap" = "7F7F0101,,$STRATUM,Normal" ] &&
        [ "$last,$rms" = 0.000000000,0.000000000 ] && [[ $correction =~ ^-?0\.000 ]] &&
        [ "$frequency,$residual,$skew,$delay" = 0.000,0.000,0.000,0.000000000 ] &&
        [ $((now - reference)) -ge 0 ] && [ $((now - reference)) -le 200 ] &&
        [ "${dispersion%%.*}" = 0 ] ||
        fail "tracking at $now should say 7F7F0101, stratum $STRATUM, a recent reference time," \
            "no corrections: $report"
}

# The readiness checks have asked, too: at least once over each family.
check_serverstats() {
    IFS=, read -r received dropped commands refused lost _ _ authenticated interleaved _ <<< "$1"
    [ "$received" -ge 8 ] && [ "$received" -le 20 ] && [ "$dropped" = 0 ] &&
        [ "$commands" -ge 1 ] && [ "$refused,$lost" = 0,0 ] &&
        [ "$authenticated,$interleaved" = 2,0 ] ||
        fail "serverstats should count 8 requests or a few more, none dropped, 2 authenticated: $1"
}

# Hostname, NTP, drop, interval, limited interval, last, command's four.
check_clients() {
    local line
    line=$(echo "$1" | grep "^$CLIENT4,") || fail "clients should list $CLIENT4: $1"
    IFS=, read -r _ hits drops _ _ last rest <<< "$line"
    [ "$hits" -ge 6 ] && [ "$drops" = 0 ] && [ "$last" -le 100 ] &&
        [ "$rest" = 0,0,127,4294967295 ] ||
        fail "clients should count at least 6 requests of $CLIENT4, just now, no command: $line"
    echo "$1" | grep -q '^2001:db8::,' || fail "clients should list 2001:db8::/64: $1"
}

check_empty() { # REPORT-NAME TEXT
    [ -z "$2" ] || fail "$1 should be empty, there is no source: $2"
}

for host in 127.0.0.1 ::1 "$WORK/server.sock"; do
    check_tracking "$(ask_server "$host" -c tracking)"
    check_empty sources "$(ask_server "$host" -c sources)"
    check_empty sourcestats "$(ask_server "$host" -c sourcestats)"
    check_empty ntpdata "$(ask_server "$host" -c ntpdata)"
    said=$(ask_server "$host" -c activity)
    [ "$said" = 0,0,0,0,0 ] || fail "activity should have no sources: $said"
    check_serverstats "$(ask_server "$host" -c serverstats)"
    check_clients "$(ask_server "$host" -c clients)"
    said=$(ask_server "$host" "ntpdata 192.0.2.250")
    [ "$said" = "503 No such source" ] ||
        fail "ntpdata of an unknown source should be refused: $said"
    said=$(ask_server "$host" "sourcename 192.0.2.250")
    [ "$said" = "503 No such source" ] ||
        fail "sourcename of an unknown source should be refused: $said"
    pass "$host: $(ask_server "$host" -c tracking)"
done

# chronyd's words: over UDP these are not open; over its socket they are unavailable here.
for command in makestep "burst 1/1" shutdown online "add server 192.0.2.250" \
    "delete 192.0.2.250"; do
    said=$(ask_server 127.0.0.1 "$command") && fail "chronyc $command over UDP should fail: $said"
    [ "$said" = "501 Not authorised" ] ||
        fail "chronyc $command over UDP should not be authorised: $said"
    said=$(ask_server "$WORK/server.sock" "$command") &&
        fail "chronyc $command over the socket should fail: $said"
    [ "${said%% *}" -ge 500 ] ||
        fail "chronyc $command over the socket should be refused with a number: $said"
done
is_running "$SERVER_PID" || fail "a command ended the server"
pass "makestep and the like are refused"

# Other hosts: nothing listens for them; then it does, but they are not allowed; then they are.
ask_from_afar() { # HOST
    in_client "$chronyc" -n -m -c -h "$1" "timeout 500" "retries 0" tracking 2>&1
}

said=$(ask_from_afar "$SERVER4") && fail "chronyc from $CLIENT4 should get no answer: $said"
for allowed in no yes; do
    end_daemons
    sed -i "s/^chronyc = .*/chronyc = $SERVER4 [$SERVER6]:323/" "$WORK/chimed.conf"
    if [ $allowed = yes ]; then
        sed -i 's#^chronyc-socket = .*#chronyc-allow = 192.0.2.128/25 2001:db8::200/128#' \
            "$WORK/chimed.conf"
    fi
    start_chimed "$WORK/chimed.conf" "${SERVER[@]}"
    wait_answer "$SERVER4"
    for host in "$SERVER4" "$SERVER6"; do
        said=$(ask_from_afar "$host")
        if [ $allowed = yes ]; then
            check_tracking "$said"
        elif [ "$said" != "506 Cannot talk to daemon" ]; then
            fail "chronyc from another host should get nothing: $said"
        fi
    done
done
pass "other hosts are answered only if chronyc-allow has them"
