#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What stock clients make of a server that does not know the time, and of one that asks them for
# fewer requests: each tells, and none takes the time.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/query.sh"
begin
chronyd=$(stock_program chronyd) || skip "$chronyd"
chronyc=$(stock_program chronyc) || skip "$chronyc"
ntpdig=$(stock_program ntpdig) || skip "$ntpdig"
rdate=$(stock_program rdate) || skip "$rdate"
check=$(stock_program check_ntp_time) || skip "$check"
make_namespaces
prepare_server

# The usual configuration without its stratum, with these lines instead.
restart_chimed() { # LINES
    end_daemons
    write_config ""
    sed -i "s/^local-stratum = .*/$1/" "$WORK/chimed.conf"
    start_chimed "$WORK/chimed.conf" "${SERVER[@]}"
    wait_answer "$SERVER6"
}

start_chronyd() {
    cat > "$WORK/chronyd.conf" <<CONF
server $SERVER4 iburst minpoll 0 maxpoll 0
bindcmdaddress $WORK/chrony/client.sock
cmdport 0
pidfile $WORK/chronyd.pid
CONF
    start chronyd "${CLIENT[@]}" "${HARMLESS[@]}" "$chronyd" -d -x -u root -f "$WORK/chronyd.conf"
}

client() {
    in_client "${HARMLESS[@]}" "$@" 2>&1
}

expect_words() { # WHAT PATTERN COMMAND…
    local what=$1 pattern=$2
    shift 2
    said=$("$@")
    echo "$said" | grep -qE -e "$pattern" || fail "$what should say '$pattern': $said"
    pass "$what: $(echo "$said" | grep -m 1 -E -e "$pattern")"
}

# A field of "chronyc ntpdata".
ntpdata() { # FIELD
    "${HARMLESS[@]}" "$chronyc" -n -h "$WORK/chrony/client.sock" ntpdata "$SERVER4" |
        sed -n "s/^$1 *: //p"
}

has_valid_replies() {
    [ "$(ntpdata 'Total valid RX')" -ge 2 ]
}

has_kiss() {
    grep "Received KoD RATE from $SERVER4" "$WORK/chronyd.log"
}

restart_chimed ""
query_refused refused "$SERVER4"
[ "$(json_field leap) $(json_field stratum)" = "unsynchronised 0" ] ||
    fail "leap 3 and stratum 0 are due: $json"
expect_words ntpdig "stratum 0" client "$ntpdig" -t 1 "$SERVER4"
expect_words rdate "alarm flag" client "$rdate" -n -p "$SERVER4"
expect_words check_ntp_time "^NTP (CRITICAL|UNKNOWN|WARNING).*Offset unknown" \
    client "$check" -H "$SERVER4"
start_chronyd
said=$(wait_until "chronyd has replies" has_valid_replies) || fail "$said"
said="$(ntpdata 'Leap status'), stratum $(ntpdata Stratum), good: $(ntpdata 'Total good RX')"
[ "$said" = "Not synchronised, stratum 0, good: 0" ] ||
    fail "chronyd should refuse an unsynchronised server, not say: $said"
pass "chronyd: $said"

# One that has a source, but hears nothing of it, knows the time no better.
restart_chimed "[source nobody]\naddress = 127.0.0.1:9\npoll = 1 s\n[server]"
query_refused refused "$SERVER4"
[ "$(json_field leap) $(json_field stratum)" = "unsynchronised 0" ] ||
    fail "leap 3 and stratum 0 are due of a server whose source is silent: $json"
expect_words ntpdig "stratum 0" client "$ntpdig" -t 1 "$SERVER4"

# That it answers is asked over IPv6, so that each client below has its first request to come.
# They have one address: chronyd uses up what it may ask, the others come too late.
limit="local-stratum = 5\nrate-limit = on\nrate-interval = 64 s\nrate-burst = 2"
restart_chimed "$limit\nrate-leak = 0\nrate-kod = 1"
start_chronyd
said=$(wait_until "chronyd is told off" has_kiss) || fail "$said"
pass "chronyd: $(grep -m 1 KoD "$WORK/chronyd.log")"
query_refused "kiss code" "$SERVER4"
[ "$(json_field kiss_code)" = RATE ] || fail "the kiss code should be RATE: $json"
expect_words ntpdig "KOD" client "$ntpdig" -t 1 "$SERVER4"
assert_interposed chronyd
assert_interposed rdate
