#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chronyd -Q (ask, print, exit): plain, over IPv6, with each key, and with a key the server lacks;
# all at once.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
chronyd=$(stock_program chronyd) || skip "$chronyd"
make_namespaces
start_offset_server

oneshot() { # NUMBER KEYS OPTIONS-OF-SERVER
    start "chronyd-$1" "${CLIENT[@]}" "${HARMLESS[@]}" \
        "$chronyd" -Q -u root -t "${GIVE_UP_S:-20}" -f /dev/null "keyfile $2" \
        "pidfile $WORK/chronyd-$1.pid" "server $3"
}

servers=("$SERVER4 iburst" "$SERVER6 iburst" "$SERVER4 iburst version 3" "$SERVER4 iburst key 1"
    "$SERVER4 iburst key 2" "$SERVER4 iburst key 3" "$SERVER4 iburst key 4" "$SERVER6 iburst key 5"
    "$SERVER4 iburst key 6" "$SERVER6 iburst key 7")
pids=()
for number in "${!servers[@]}"; do
    oneshot "$number" "$WORK/keys" "${servers[number]}"
    pids+=("$DAEMON")
done
sed 's/^2 SHA1 HEX:a5/2 SHA1 HEX:00/' "$WORK/keys" > "$WORK/keys.other"
GIVE_UP_S=4 oneshot other "$WORK/keys.other" "$SERVER4 iburst key 2"
wait "$DAEMON" && fail "chronyd should not believe a reply under another key"
grep -q "System clock wrong" "$WORK/chronyd-other.log" &&
    fail "chronyd believed a reply under another key"
pass "another key is refused"

for number in "${!servers[@]}"; do
    wait "${pids[number]}" || fail "chronyd -Q 'server ${servers[number]}' did not finish"
    # "System clock wrong by 0.080123 seconds (ignored)"
    offset=$(sed -n 's/.*System clock wrong by \([-0-9.]*\) seconds.*/\1/p' \
        "$WORK/chronyd-$number.log")
    is_server_offset "$offset" 20 ||
        fail "chronyd -Q 'server ${servers[number]}' should find $OFFSET_MS ms"
    pass "server ${servers[number]}: $offset s"
done
assert_interposed chronyd
