#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ntpsec's ntpd as a client, plain and with keys, over both families: ntpq says that it reached
# each and follows one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
ntpd=$(stock_program ntpsec-ntpd) || skip "$ntpd"
ntpq=$(stock_program ntpq) || skip "$ntpq"
make_namespaces
start_offset_server

mkdir "$WORK/ntpsec"
cat > "$WORK/ntpsec/ntp.conf" <<CONF
driftfile $WORK/ntpsec/drift
keys $WORK/keys.ntp
trustedkey 1 2 4
restrict default
restrict 127.0.0.1
tos minsane 1 minclock 1
server 192.0.2.11 iburst minpoll 0 maxpoll 0
server 192.0.2.12 iburst minpoll 0 maxpoll 0 key 1
server 192.0.2.13 iburst minpoll 0 maxpoll 0 key 2
server 192.0.2.14 iburst minpoll 0 maxpoll 0 key 4
server 2001:db8::11 iburst minpoll 0 maxpoll 0
server 2001:db8::12 iburst minpoll 0 maxpoll 0 key 4
CONF
start ntpd "${CLIENT[@]}" "${HARMLESS[@]}" "$ntpd" -n -g -c "$WORK/ntpsec/ntp.conf"

ask_ntpd() {
    in_client "$ntpq" -n -w "$@" 127.0.0.1 2>&1
}

# Six peers that answered four times of four at least, and one of them followed.
is_following() {
    ask_ntpd -c peers | awk '
        /^[*o]/ { followed++ }
        $7 ~ /^(17|37|77|177|377)$/ { reached++ }
        END { exit !(followed == 1 && reached == 6) }'
}

said=$(PATIENCE_S=60 \
    wait_until "ntpd reached 6 sources 4 times of 4 and follows one" is_following) ||
    fail "$said
$(ask_ntpd -c peers -c associations)"
# remote refid st t when poll reach delay offset jitter, the last three in ms
peers=$(ask_ntpd -c peers | tail -n 6)
echo "$peers" | awk -v wanted="$OFFSET_MS" -v stratum="$STRATUM" \
    '$3 != stratum || $9 - wanted > 20 || $9 - wanted < -20' | grep . &&
    fail "each peer should be at stratum $STRATUM with an offset of $OFFSET_MS ms: $peers"
associations=$(ask_ntpd -c associations)
[ "$(echo "$associations" | grep -c '  ok  ')" = 4 ] ||
    fail "four of six associations should be authenticated: $associations"
pass "ntpq's peers:
$peers"
assert_interposed ntpd
