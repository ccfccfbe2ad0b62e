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

# loads FILE: with example.keys in the place of the keys that it names.
loads() {
    sed "s|/etc/chimed.keys|$work/example.keys|" "$1" >"$work/loaded.conf"
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
