#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# rdate in its SNTP mode prints the offset, and asks to step by it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
rdate=$(stock_program rdate) || skip "$rdate"
make_namespaces
start_offset_server

for host in "$SERVER4" "$SERVER6"; do
    said=$(in_client "${HARMLESS[@]}" "$rdate" -n -v -p "$host" 2>&1) ||
        fail "rdate -p $host failed: $said"
    # "rdate: adjust local clock by 0.080123 seconds"
    offset=$(echo "$said" | sed -n 's/.*adjust local clock by \([-0-9.]*\) seconds.*/\1/p')
    is_server_offset "$offset" ||
        fail "rdate -p $host should want to adjust by $OFFSET_MS ms: $said"
    pass "rdate -p $host: $(echo "$said" | tail -n 1)"
done

said=$(in_client "${HARMLESS[@]}" "$rdate" -n -v "$SERVER4" 2>&1) ||
    fail "rdate $SERVER4 failed: $said"
assert_interposed rdate
is_server_offset "$(asked_clock rdate step)" ||
    fail "rdate should ask for a step of $OFFSET_MS ms: $(cat "$WORK/clock")"
pass "rdate wanted to step by $(asked_clock rdate step) s"
