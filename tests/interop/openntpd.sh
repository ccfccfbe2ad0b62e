#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# OpenNTPD as a client over both families: its log and ntpctl give the offset and the stratum, and
# it asks to step.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
ntpd=$(stock_program openntpd) || skip "$ntpd"
ntpctl=$(stock_program openntpctl) || skip "$ntpctl"
make_namespaces
start_offset_server

# It wants a user of its own, and folders under /var/lib: both in a mount namespace.
cp /etc/passwd /etc/group "$WORK/"
echo "ntpd:x:61123:61123::/var/lib/openntpd/chroot:/bin/false" >> "$WORK/passwd"
echo "ntpd:x:61123:" >> "$WORK/group"
cat > "$WORK/openntpd.conf" <<CONF
server $SERVER4
server $SERVER6
CONF
cat > "$WORK/inside.sh" <<'INSIDE'
mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group &&
    mount -t tmpfs none /var/lib || exit 99
mkdir -p /var/lib/openntpd/run /var/lib/openntpd/db /var/lib/openntpd/chroot
shift
exec "$@"
INSIDE
start openntpd "${CLIENT[@]}" unshare --mount sh "$WORK/inside.sh" "$WORK" "${HARMLESS[@]}" \
    "$ntpd" -d -v -s -f "$WORK/openntpd.conf"
daemon=$DAEMON

# "reply from 192.0.2.1: offset 0.080123 delay 0.000051, next query 5s"
has_replies() { # HOST
    [ "$(grep -c "reply from $1: offset" "$WORK/openntpd.log")" -ge 3 ]
}

# Single exchanges on a busy machine may be off by some milliseconds.
TOLERANCE_MS=20

for host in "$SERVER4" "$SERVER6"; do
    said=$(PATIENCE_S=60 \
        wait_until "OpenNTPD logs three replies from $host" has_replies "$host") || fail "$said"
    offsets=$(sed -n "s/^reply from $host: offset \([-0-9.]*\) .*/\1/p" "$WORK/openntpd.log")
    for offset in $offsets; do
        is_server_offset "$offset" $TOLERANCE_MS ||
            fail "OpenNTPD should find $OFFSET_MS ms at $host, not $offset"
    done
    pass "$(grep "reply from $host" "$WORK/openntpd.log" | tail -n 1)"
done

# ntpctl's table: "  *  1 10  8    5s    6s   80.012ms  0.012ms  0.004ms" beneath the address.
said=$(nsenter --target "$daemon" --mount --net "${HARMLESS[@]}" "$ntpctl" -s peers 2>&1)
echo "$said" | grep -A 1 "^$SERVER4" | tail -n 1 | grep -q " $STRATUM  " ||
    fail "ntpctl should show stratum $STRATUM: $said"
assert_interposed ntpd
is_server_offset "$(asked_clock ntpd step)" $TOLERANCE_MS ||
    fail "OpenNTPD -s should ask for a step of $OFFSET_MS ms: $(cat "$WORK/clock")"
pass "it wanted to step by $(asked_clock ntpd step) s"
