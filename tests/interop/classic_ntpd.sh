#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ntp.org's ntpd, where NTPD_CLASSIC names one: it sets the clock once (-q), by the server's offset.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
ntpd=$(stock_program ntpd-classic) || skip "$ntpd"
assert_dynamic "$ntpd"
make_namespaces
start_offset_server

for host in "$SERVER4" "$SERVER6"; do
    for key in 0 1 2; do
        cat > "$WORK/classic.conf" <<CONF
keys $WORK/keys.ntp
trustedkey 1 2
tos minsane 1 minclock 1
server $host iburst minpoll 3 maxpoll 3$([ $key = 0 ] || echo " key $key")
CONF
        # "ntpd: time slew +0.080012s" or "ntpd: time set +0.080012s"
        ask_offset 's/.*time \(slew\|set\) \([-+0-9.]*\)s.*/\2/p' \
            in_client timeout 60 "${HARMLESS[@]}" "$ntpd" -n -g -q -c "$WORK/classic.conf" ||
            fail "ntpd -q of $host with key $key should find $OFFSET_MS ms: $said"
        pass "$host with key $key: $offset s"
    done
done
assert_interposed "$(basename "$ntpd")"
