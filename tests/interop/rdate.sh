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
    # "rdate: adjust local clock by 0.080123 seconds"
    ask_offset 's/.*adjust local clock by \([-0-9.]*\) seconds.*/\1/p' \
        in_client "${HARMLESS[@]}" "$rdate" -n -v -p "$host" ||
        fail "rdate -p $host should want to adjust by $OFFSET_MS ms: $said"
    pass "rdate -p $host: $(echo "$said" | tail -n 1)"
done

# What it asks of the clock.
stepping_client() {
    in_client "${HARMLESS[@]}" "$rdate" -n -v "$SERVER4" || fail "rdate failed"
    echo "step: $(asked_clock rdate step)"
}

ask_offset 's/^step: //p' stepping_client ||
    fail "rdate should ask for a step of $OFFSET_MS ms: $said: $(cat "$WORK/clock")"
assert_interposed rdate
pass "rdate wanted to step by $offset s"
