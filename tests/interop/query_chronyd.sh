#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chime query against Debian's chronyd: plain, versions 1 to 4, interleaved, with each key, and
# with a wrong one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/query.sh"
INTEROP_SERVER=chronyd
begin
make_namespaces
start_server

query_good False False "$SERVER4"
query_good False False "$SERVER6"
query_good False False -c 3 -i 0.1 "$SERVER4"
for version in 1 2 3 4; do
    query_good False False -V $version "$SERVER4"
    expect_field version $version
done
query_good False True -x -c 4 -i 0.1 "$SERVER4"
for key in 1 2 3 4 5 6 7; do
    query_good True False -k $key --keys "$WORK/keys" "$SERVER4"
done
query_good True True -x -c 4 -i 0.1 -k 4 --keys "$WORK/keys" "$SERVER6"

# A table of several, among them one that does not answer.
json=$(in_client "$CHIME" query --json "$SERVER4" "$SERVER6" 192.0.2.11 2>&1) ||
    fail "three addresses should agree: $json"
agreed=$(echo "$json" | "$PYTHON" -c '
import json, sys
agreement = json.load(sys.stdin)["agreement"]
print(agreement["agreed"], agreement["truechimers"])')
[ "$agreed" = "True 3" ] || fail "three addresses should agree, not '$agreed': $json"
sed 's/^2 SHA1 HEX:a5/2 SHA1 HEX:00/' "$WORK/keys" > "$WORK/keys.other"
chmod 600 "$WORK/keys.other"
query_refused silent -t 0.2 -k 2 --keys "$WORK/keys.other" "$SERVER4" # chronyd sends no crypto-NAK
query_refused closed -t 0.2 -p 124 "$SERVER4"
query_refused silent -t 0.2 192.0.2.99
