#!/bin/sh
# SPDX-License-Identifier: MIT
# examples.sh - every example of a configuration loads, chimed.conf with each of its settings uncommented too, and
# chimed-default.conf is what chimed uses without a file. Runs in the build tree.
set -u
conf=$(cd "${srcdir:-.}/conf" && pwd) || exit 1
chimed=$(pwd)/chimed
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

fail() {
    echo "FAIL: $*"
    failed=1
}

# A node's key that everybody knows (RFC 8032, 7.1, test 1), and its public half.
cat >"$work/node.pem" <<'END'
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
END
public=ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a
awk 'BEGIN { printf "7 SHA256 HEX:"; for (i = 0; i < 32; i++) printf "%02x", i; print "" }' >"$work/group"
chmod 600 "$work/node.pem" "$work/group" || exit 1

# loads FILE: with files of ours in the place of those that it names, but for what a CA signs.
loads() {
    sed "s|/etc/chimed.keys|$work/example.keys|; s|/etc/chimed.pem|$work/node.pem|
        s|/etc/chimed.group|$work/group|; /^certificate = /d; /^membership = /d" "$1" >"$work/loaded.conf"
    if ! "$chimed" --check --config "$work/loaded.conf" >"$work/said" 2>&1; then
        fail "chimed --check refuses $1:"
        cat "$work/said"
    fi
}

cp "$conf/example.keys" "$work/" && chmod 600 "$work/example.keys" || exit 1
examples=0
for file in "$conf"/*.conf; do
    loads "$file"
    examples=$((examples + 1))
done

# It may name itself: its key in the place of the first, and there are five as before.
sed "1,/^public-key/s/^public-key = .*/public-key = $public/" "$conf/mesh-5.conf" >"$work/self.conf"
loads "$work/self.conf"
sed 's/^\(faults =\) 2/\1 3/' "$work/self.conf" | sed "s|/etc/chimed.pem|$work/node.pem|" >"$work/faults.conf"
"$chimed" --check --config "$work/faults.conf" >"$work/said" 2>&1
status=$?
if [ "$status" -ne 2 ] || ! grep -q 'faults = 3 needs 7 members, 5 are configured (this node included)' "$work/said"; then
    fail "chimed --check ended with $status for an f that five can't stand, not 2:"
    cat "$work/said"
fi

# A key that others can read is none.
chmod 644 "$work/node.pem" || exit 1
sed "s|/etc/chimed.pem|$work/node.pem|" "$work/self.conf" >"$work/mode.conf"
"$chimed" --check --config "$work/mode.conf" >"$work/said" 2>&1
status=$?
if [ "$status" -ne 2 ] || ! grep -q "mode 0644.*chmod 600 $work/node.pem" "$work/said"; then
    fail "chimed --check ended with $status for a key of mode 0644, not 2:"
    cat "$work/said"
fi
chmod 600 "$work/node.pem" || exit 1

[ "$examples" -ge 6 ] || fail "only $examples examples found in $conf"

# "#key = value" is a setting, "#[member NAME]" a section, "# words" a comment. What needs another value of another key
# than the default gets that.
sed 's/^#\([a-z-]* = \)/\1/; s/^#\(\[member \)/\1/
    s/^control = auto/control = virtual/; s/^algorithm = agreement/algorithm = berkeley/' \
    "$conf/chimed.conf" >"$work/chimed.conf"
grep -q '^rate-leak = 4$' "$work/chimed.conf" || fail "nothing was uncommented in chimed.conf"
grep -q '^\[member ' "$work/chimed.conf" || fail "no section was uncommented in chimed.conf"
loads "$work/chimed.conf"

# --check can refuse.
sed 's/^clients-max/clients-mux/' "$work/chimed.conf" >"$work/wrong.conf"
"$chimed" --check --config "$work/wrong.conf" >"$work/said" 2>&1
status=$?
if [ "$status" -ne 2 ]; then
    fail "chimed --check ended with $status for an unknown key, not 2"
fi
line=$(grep -n '^clients-mux' "$work/wrong.conf" | cut -d: -f1)
if ! grep -q "wrong.conf:$line: .*clients-mux.*'clients-max'" "$work/said"; then
    fail "the complaint names not file, line $line, 'clients-mux' and 'clients-max':"
    cat "$work/said"
fi

# A user that does not exist is a mistake of the configuration too; where it is only checked, it may still be made.
printf '[server]\nlisten = 127.0.0.1:11123\nuser = nobody.has.this.name\n' >"$work/user.conf"
loads "$work/user.conf"
"$chimed" --config "$work/user.conf" >"$work/said" 2>&1
status=$?
if [ "$status" -ne 2 ] || ! grep -q "user.conf:3: .*no user 'nobody.has.this.name'" "$work/said"; then
    fail "chimed ended with $status for an unknown user, not 2:"
    cat "$work/said"
fi

# A keys file that is not there is said with the line that names it.
printf '[server]\nlisten = 127.0.0.1:11123\n\n[keys]\nfile = /nonexistent/keys\n' >"$work/keys.conf"
"$chimed" --check --config "$work/keys.conf" >"$work/said" 2>&1
status=$?
if [ "$status" -ne 2 ] || ! grep -q "keys.conf:5: .*'/nonexistent/keys'" "$work/said"; then
    fail "chimed --check ended with $status for a missing keys file, not 2:"
    cat "$work/said"
fi

if ! "$chimed" --print-default >"$work/default"; then
    fail "chimed --print-default failed"
fi
diff "$conf/chimed-default.conf" "$work/default" || fail "conf/chimed-default.conf is not what --print-default prints"
[ -s "$work/default" ] || fail "--print-default prints nothing"
cp "$work/default" "$work/default.conf"
loads "$work/default.conf"

[ "$failed" -eq 0 ] && echo "examples.sh: $examples examples load"
exit "$failed"
