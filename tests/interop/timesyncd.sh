#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# systemd-timesyncd over both families: its debug log has the fields of the reply, and it asks to
# slew by the offset.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
timesyncd=$(stock_program systemd-timesyncd) || skip "$timesyncd"
make_namespaces
start_offset_server

# It reads /etc/systemd and writes under /run and /var/lib: all of them empty, in a mount namespace.
cat > "$WORK/inside.sh" <<'INSIDE'
for folder in /etc/systemd /run /var/lib; do
    mkdir -p "$folder" && mount -t tmpfs none "$folder" || exit 99
done
mkdir -p /run/systemd/timesync /var/lib/systemd/timesync
printf '[Time]\nNTP=%s\nFallbackNTP=\nRootDistanceMaxSec=5\n' "$1" > /etc/systemd/timesyncd.conf
chown -R 61124:61124 /run/systemd/timesync /var/lib/systemd/timesync
shift
exec "$@"
INSIDE

# A single exchange on a busy machine may be off by some milliseconds.
TOLERANCE_MS=20

# The build tree may lie where this user may not go: it may read everything, and nothing more.
check_host() { # HOST
    : > "$WORK/clock"
    start "timesyncd-$1" "${CLIENT[@]}" unshare --mount sh "$WORK/inside.sh" "$1" "${HARMLESS[@]}" \
        SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console \
        setpriv --reuid 61124 --regid 61124 --clear-groups --pdeathsig KILL \
        --inh-caps +dac_read_search --ambient-caps +dac_read_search "$timesyncd"
    local log=$WORK/timesyncd-$1.log said
    said=$(wait_until "timesyncd logs a reply from $1" grep -q 'freq offset' "$log") || fail "$said"
    grep -q "stratum *: $STRATUM\$" "$log" || fail "timesyncd should see stratum $STRATUM"
    offset=$(sed -n 's/.*  offset *: \([-+0-9.]*\) sec.*/\1/p' "$log" | head -n 1)
    is_server_offset "$offset" $TOLERANCE_MS ||
        fail "timesyncd should find an offset of $OFFSET_MS ms"
    assert_interposed systemd-timesyncd
    wanted=$(sed -n 's/^systemd-timesyncd .* adjust .*offset=\([^ ]*\) .*/\1/p' "$WORK/clock")
    is_server_offset "${wanted%%$'\n'*}" $TOLERANCE_MS ||
        fail "timesyncd should ask to slew by $OFFSET_MS ms: $(cat "$WORK/clock")"
    pass "$1: offset $offset s"
}

check_host "$SERVER4"
kill "$DAEMON"
check_host "$SERVER6"
