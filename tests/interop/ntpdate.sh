#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ntpsec's ntpdate and ntpdig: they print the server's offset and stratum, plain and with each
# key, and ask to step by it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
ntpdate=$(stock_program ntpdate) || skip "$ntpdate"
ntpdig=$(stock_program ntpdig) || skip "$ntpdig"
make_namespaces
start_offset_server

# ntpdig prints: 2026-11-20 16:00:00.5 (+0000) +0.080123 +/- 0.000123 HOST s8 no-leap
check_line() { # WHAT COMMAND…
    local what=$1
    shift
    ask_offset 's/.*(+0000) \([+-][0-9.]*\) +\/-.* s'$STRATUM' no-leap.*/\1/p' "$@" ||
        fail "$what should report an offset of $OFFSET_MS ms at stratum $STRATUM: $said"
    pass "$what: $said"
}

client() {
    in_client "${HARMLESS[@]}" "$@" 2>&1
}

# What it asked of the clock, too.
stepping_client() {
    client "$ntpdate" -b "$SERVER4"
    echo "step: $(asked_clock python3 step)"
}

check_line ntpdate client "$ntpdate" -q "$SERVER4"
check_line "ntpdate over IPv6" client "$ntpdate" -q "$SERVER6"
# Its SHA256 is not cut to what an NTPv4 MAC may be, so key 3 is of no use to it.
for key in 1 2 4 5; do
    check_line "ntpdig with key $key" client "$ntpdig" -a $key -k "$WORK/keys.ntp" "$SERVER4"
done
# It takes a crypto-NAK badly (a Python exception), but doesn't take it for the time.
said=$(client "$ntpdig" -t 1 -a 2 -k <(sed 's/^2 SHA1 a5/2 SHA1 00/' "$WORK/keys.ntp") "$SERVER4")
echo "$said" | grep -q "s$STRATUM no-leap" &&
    fail "ntpdig should not believe a server that lacks its key: $said"
assert_interposed python3
ask_offset 's/^step: //p' stepping_client ||
    fail "ntpdate -b should ask for a step of $OFFSET_MS ms: $(cat "$WORK/clock")"
pass "ntpdate -b wanted to step by $offset s"
