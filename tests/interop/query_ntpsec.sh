#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chime query against ntpsec's ntpd: plain, versions 1 to 4, with keys, and with a wrong one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
. "$(dirname "$0")/query.sh"
begin
ntpd=$(stock_program ntpsec-ntpd) || skip "$ntpd"
make_namespaces
prepare_server
mkdir "$WORK/ntpsec"
cat > "$WORK/ntpsec/ntp.conf" <<CONF
driftfile $WORK/ntpsec/drift
keys $WORK/keys.ntp
trustedkey 1 2 3 4 5 6 7
restrict default
restrict 127.0.0.1
limit average 1000 burst 1000
tos minsane 1 minclock 1
refclock local stratum $((STRATUM - 1)) minpoll 3 maxpoll 3 iburst prefer
CONF
start ntpd "${SERVER[@]}" "${HARMLESS[@]}" "$ntpd" -n -c "$WORK/ntpsec/ntp.conf"

# It answers from the start; it takes its own clock for the time some seconds later.
is_serving() {
    in_client "$PYTHON" "$INTEROP/ntp.py" "$SERVER4" | grep "leap 0 .* stratum $STRATUM "
}
said=$(PATIENCE_S=60 wait_until "ntpsec's ntpd serves stratum $STRATUM" is_serving) ||
    fail "$said
$(in_client "$PYTHON" "$INTEROP/ntp.py" "$SERVER4")
$(in_server "$(stock_program ntpq)" -n -c peers 127.0.0.1)"

query_good False False "$SERVER4"
query_good False False "$SERVER6"
for version in 1 2 3 4; do
    query_good False False -V $version "$SERVER4"
    expect_field version $version
done
for key in 1 2 3 4 5 6 7; do
    query_good True False -k $key --keys "$WORK/keys" "$SERVER4"
done
sed 's/^2 SHA1 HEX:a5/2 SHA1 HEX:00/' "$WORK/keys" > "$WORK/keys.other"
chmod 600 "$WORK/keys.other"
query_refused silent -t 0.2 -k 2 --keys "$WORK/keys.other" "$SERVER4"
assert_interposed ntpd
