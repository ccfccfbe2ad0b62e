#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Nagios's check_ntp_time: OK with a wide threshold, WARNING and CRITICAL with those below the
# server's offset.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
check=$(stock_program check_ntp_time) || skip "$check"
make_namespaces
start_offset_server

for host in "$SERVER4" "$SERVER6"; do
    # "NTP OK: Offset 0.08012306690 secs|offset=0.080123s;0.500000;1.000000;"
    ask_offset 's/^NTP OK: Offset \([-0-9.e]*\) secs.*/\1/p' \
        in_client "${HARMLESS[@]}" "$check" -H "$host" -w 0.5 -c 1 ||
        fail "check_ntp_time -H $host should find an offset of $OFFSET_MS ms: $said"
    pass "$said"
done
assert_interposed check_ntp_time

if [ "$OFFSET_MS" -gt 0 ]; then
    said=$(in_client "${HARMLESS[@]}" "$check" -H "$SERVER4" -w 0.04 -c 1 2>&1)
    [ $? = 1 ] || fail "an offset beyond -w should be a warning (exit 1): $said"
    said=$(in_client "${HARMLESS[@]}" "$check" -H "$SERVER4" -w 0.02 -c 0.04 2>&1)
    [ $? = 2 ] || fail "an offset beyond -c should be critical (exit 2): $said"
fi
