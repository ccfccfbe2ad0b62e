#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# busybox's ntpd, where BUSYBOX_NTPD names a busybox that has it: it asks only (-w), and says what
# it heard.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
busybox=$(stock_program busybox-ntpd) || skip "$busybox"
assert_dynamic "$busybox"
"$busybox" ntpd --help 2>&1 | grep -q "ntpd" || skip "$busybox has no ntpd"
make_namespaces
start_offset_server

for host in "$SERVER4" "$SERVER6"; do
    name=busybox-${host%%[.:]*}
    start "$name" "${CLIENT[@]}" "${HARMLESS[@]}" "$busybox" ntpd -n -d -w -p "$host"
    said=$(wait_until "busybox hears from $host" grep "reply from" "$WORK/$name.log") ||
        fail "$said"
    # "ntpd: reply from 192.0.2.1: offset:+0.080012 delay:0.000034 status:0x24 strat:8 refid:…"
    line=$(grep -m 1 "reply from" "$WORK/$name.log")
    is_server_offset "$(echo "$line" | sed -n 's/.*offset:\([-+0-9.]*\) .*/\1/p')" 20 &&
        [[ $line == *" strat:$STRATUM "* ]] ||
        fail "busybox should hear of $OFFSET_MS ms and stratum $STRATUM: $line"
    pass "$line"
done
assert_interposed busybox
