#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# python3-ntplib in versions 1 to 4.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
ntplib=$(stock_program python3-ntplib) || skip "$ntplib"
make_namespaces
start_offset_server
module=$(dirname "$ntplib")/../root/usr/lib/python3/dist-packages

ask_ntplib() { # HOST VERSION
    in_client "${HARMLESS[@]}" PYTHONPATH="$module" "$PYTHON" -B -c '
import ntplib, sys
reply = ntplib.NTPClient().request(sys.argv[1], version=int(sys.argv[2]))
print(reply.offset, reply.version, reply.mode, reply.stratum, reply.leap,
      ntplib.leap_to_text(reply.leap))' "$@"
}

for host in "$SERVER4" "$SERVER6"; do
    for version in 1 2 3 4; do
        ask_offset "s/ $version 4 $STRATUM 0 no warning\$//p" ask_ntplib "$host" "$version" ||
            fail "ntplib should see $OFFSET_MS ms, then '$version 4 $STRATUM 0 no warning': $said"
        pass "version $version, $host: $said"
    done
done
assert_interposed python3
