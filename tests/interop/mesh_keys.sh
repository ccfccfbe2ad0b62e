#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The keys of a mesh as an operator makes them, with openssl as a second reader: chime keygen --node, --ca and
# --next-epoch, chime certify; and what each says of bad input. Needs no root.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
[ -x "$CHIME" ] || fail "no $CHIME: run make, or name one with CHIME="
cd "$WORK" || fail "no $WORK"
umask 0022

# Runs chime; what it says goes to $WORK/out and $WORK/chime.log.
expect() { # CODE ARGUMENT…
    local wanted=$1
    shift
    "$CHIME" "$@" > out 2> chime.log
    local code=$?
    [ "$code" -eq "$wanted" ] || fail "chime $* should exit with $wanted, not $code: $(cat out)"
}

# A sentence on stderr, nothing on stdout.
refuse() { # CODE PATTERN ARGUMENT…
    local pattern=$2
    expect "$1" "${@:3}"
    grep -qE -e "$pattern" chime.log || fail "chime ${*:3} should say '$pattern'"
    [ -s out ] && fail "chime ${*:3} should print nothing but its complaint: $(cat out)"
    return 0
}

says() { # PATTERN
    grep -qE -e "$1" out || fail "should print '$1': $(cat out)"
}

field() { # NAME [FILE]
    sed -n "s/^  $1  *//p" "${2:-out}"
}

# --- keys
expect 0 keygen --node node.pem
key=$(field 'public key')
id=$(field id)
[ "$(stat -c %a node.pem)" = 600 ] || fail "node.pem should have mode 600, not $(stat -c %a node.pem)"
says 'identity = .*/node.pem'
# What it tells to write into the others' configuration can be written there.
{
    printf '[clock]\nstate-dir = %s\n[mesh]\nidentity = %s/node.pem\n[member other]\naddress = 192.0.2.1\n' \
        "$WORK" "$WORK"
    sed -n 's/.*\[member NAME\] //p' out
} > told.conf
told=$("$CHIMED_BINARY" --check --config told.conf 2>&1) || fail "the advice should make a configuration: $told"
cp node.pem before
refuse 1 "'node.pem' exists already and is not replaced" keygen --node node.pem
refuse 1 "'node.pem' exists already and is not replaced" keygen --ca node.pem
cmp -s node.pem before || fail "a file that exists should stay as it was"
expect 0 keygen --public node.pem
[ "$(field 'public key') $(field id)" = "$key $id" ] || fail "--public should print the same: $(cat out)"
expect 0 keygen --public --json node.pem
"$PYTHON" -c '
import hashlib, json, sys
answer = json.load(open("out"))
octets = bytes.fromhex(sys.argv[1].removeprefix("ed25519:"))
assert answer["public_key"] == sys.argv[1] and answer["ok"], answer
assert answer["id"] == sys.argv[2] == hashlib.sha256(octets).hexdigest()[:16], answer
' "$key" "$id" 2>> chime.log || fail "the id should be the beginning of the key's SHA-256"
if command -v openssl > /dev/null; then
    theirs=$(openssl pkey -in node.pem -pubout -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n')
    [ "ed25519:$theirs" = "$key" ] || fail "openssl reads another key: $theirs, not $key"
    openssl genpkey -algorithm ed25519 -out theirs.pem 2>> chime.log
    chmod 600 theirs.pem
    expect 0 keygen --public theirs.pem
    openssl genpkey -algorithm x25519 -out x25519.pem 2>> chime.log
    chmod 600 x25519.pem
    refuse 2 'Ed25519 key, found X25519' keygen --public x25519.pem
fi
expect 0 keygen --node -
expect 0 keygen --ca ca.pem
ca=$(field 'public key')
expect 0 keygen --ca other.pem
other=$(field 'public key')
pass "keys: node $id, CA $ca"

# --- keys that can't be
refuse 2 "'missing.pem' cannot be read: No such file" keygen --public missing.pem
refuse 2 "'.' cannot be read: Is a directory" keygen --public .
echo garbage > garbage
head -c 600 /dev/zero | tr '\0' x > big
head -c 20 /dev/zero > zeros
chmod 600 garbage big zeros
refuse 2 "'garbage': no unencrypted private key in PEM" keygen --public garbage
refuse 2 "'big' is too big: at most 511 octets" keygen --public big
refuse 2 "'zeros' is no text file" keygen --public zeros
for mode in 644 602 601; do
    cp node.pem open.pem
    chmod $mode open.pem
    refuse 2 "'open.pem' holds a private key, and its mode is 0$mode, .*chmod 600 'open.pem'" keygen --public open.pem
    refuse 2 "its mode is 0$mode" keygen --node --next-epoch --epoch 1 --state-dir . open.pem
    refuse 2 "its mode is 0$mode" certify --ca open.pem --key "$key"
    rm open.pem
done
refuse 1 "'gone/node.pem' cannot be written: No such file" keygen --node gone/node.pem
# The stream of a full disk, and a file that may not grow.
"$CHIME" keygen --node - > /dev/full 2> chime.log && fail "a full disk should be told"
grep -q "standard output cannot be written" chime.log || fail "a full disk should be named"
(
    trap '' XFSZ
    ulimit -f 0
    exec "$CHIME" keygen --node full.pem
) > out 2>&1
code=$?
[ "$code" -eq 1 ] && [ ! -e full.pem ] || fail "exit 1 and no file are due where nothing can be written, not $code"
[ -z "$(find . -name '.full*')" ] || fail "a temporary file was left: $(find . -name '.full*')"
refuse 2 'one of --node, --ca and --public' keygen --node --ca x.pem
refuse 2 'one of --node, --ca and --public' keygen --next-epoch x.pem
refuse 2 '--next-epoch goes with --node' keygen --ca --next-epoch x.pem
refuse 2 '--epoch goes with --node --next-epoch' keygen --node --epoch 2 x.pem
refuse 2 "whole number from 1 to 65535" keygen --node --next-epoch --epoch 0 node.pem
refuse 2 '-t, -i and -n are for symmetric keys' keygen --node -n 2 x.pem
refuse 2 '0 files are named' keygen --node
[ -e x.pem ] && fail "a mistake should write nothing"
expect 0 keygen -n 2 symmetric.keys
pass "bad keys are refused"

# --- key epochs
mkdir state
refuse 2 "state/mesh does not tell this key's epoch. Give --epoch N" \
    keygen --node --next-epoch --state-dir state node.pem
expect 0 keygen --node --next-epoch --epoch 1 --state-dir state node.pem
printf 'chimed mesh 1\nnode %s 1\nincarnation 0\nhlc 0000000000000000\n' "$id" | cmp -s - state/mesh ||
    fail "unexpected state: $(cat state/mesh)"
printf 'chimed mesh 1\nnode %s 7\nincarnation 12\nhlc ec123456789a0001\n' "$id" > state/mesh
expect 0 keygen --node --next-epoch --json --state-dir state node.pem
says '"key_epoch": ?8'
printf 'chimed mesh 1\nnode %s 8\nincarnation 0\nhlc ec123456789a0001\n' "$id" | cmp -s - state/mesh ||
    fail "the epoch should be raised, the HLC kept: $(cat state/mesh)"
refuse 2 "in epoch 8 already; 9 or more" keygen --node --next-epoch --epoch 8 --state-dir state node.pem
refuse 2 "does not tell this key's epoch" keygen --node --next-epoch --state-dir state other.pem
echo garbage > state/mesh
refuse 2 "does not tell this key's epoch" keygen --node --next-epoch --state-dir state node.pem
printf 'chimed mesh 1\nnode %s 65535\nincarnation 12\nhlc ec123456789a0001\n' "$id" > state/mesh
refuse 2 "65535 was the last one" keygen --node --next-epoch --state-dir state node.pem
refuse 1 "'gone/mesh' cannot be written" keygen --node --next-epoch --epoch 1 --state-dir gone node.pem
if command -v flock > /dev/null; then
    flock state "$CHIME" keygen --node --next-epoch --epoch 9 --state-dir state node.pem > out 2> chime.log
    [ $? -eq 1 ] && grep -q 'in use by a chimed that runs' chime.log ||
        fail "a state in use should be left alone: $(cat chime.log)"
fi
expect 0 keygen --node --state-dir fresh fresh.pem
printf 'chimed mesh 1\nnode %s 1\nincarnation 0\nhlc 0000000000000000\n' "$(field id)" | cmp -s - fresh/mesh ||
    fail "a new key should begin with epoch 1: $(cat fresh/mesh)"
refuse 1 "'gone/state' cannot be made: No such file or directory; nothing was written" \
    keygen --node --state-dir gone/state fresher.pem
refuse 1 "'node.pem' cannot be made: Not a directory" keygen --node --state-dir node.pem fresher.pem
refuse 1 "'fresh/mesh' exists already" keygen --node --state-dir fresh fresher.pem
[ -e fresher.pem ] && fail "no key without its state should be written"
pass "key epochs"

# --- certificates
expect 0 certify --ca ca.pem --key "$key" --domain rack-7 --address '[2001:db8::1]:11123' --epoch 3 --days 30 -o node.cert
says 'address +\[2001:db8::1\]:11123'
[ "$(wc -l < node.cert)" -eq 1 ] || fail "a certificate is one line: $(cat node.cert)"
for by in "$ca" ca.pem; do
    expect 0 certify --ca "$by" --verify node.cert
    [ "$(field id) $(field domain) $(field 'key epoch')" = "$id rack-7 3 and above" ] || fail "another node: $(cat out)"
done
expect 0 certify --ca "$ca" --verify node.cert --json
"$PYTHON" -c '
import json, sys, time
answer = json.load(open("out"))
assert answer["address"] == "[2001:db8::1]:11123" and answer["key_epoch"] == 3, answer
assert abs(answer["expiry_s"] - time.time() - 30 * 86400) < 3600, answer
' || fail "not as certified: $(cat out)"
# The layout by another reader, where there is one with Ed25519.
"$PYTHON" -c '
import sys
try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.exit(0)
octets = bytes.fromhex(open("node.cert").read().strip().removeprefix("certificate:"))
domain, host = octets[5], octets[6]
head = 60 + domain + host
assert octets[:5] == b"TCCC\1" and octets[7] == 0 and len(octets) == head + 64
assert octets[8:16].hex() == sys.argv[2] and octets[16:48].hex() == sys.argv[3].removeprefix("ed25519:")
assert int.from_bytes(octets[48:50], "big") == 3 and int.from_bytes(octets[50:52], "big") == 11123
assert octets[60:head] == b"rack-72001:db8::1"
signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(sys.argv[1].removeprefix("ed25519:")))
signer.verify(octets[head:], b"truechimer certificate v1\0" + octets[:head])
' "$ca" "$id" "$key" 2>> chime.log || fail "another reader does not find what was certified"
refuse 1 'not signed by the CA' certify --ca "$other" --verify node.cert
refuse 1 "'node.cert' exists already" certify --ca ca.pem --key "$key" -o node.cert
refuse 1 "'ca.pem' exists already" certify --ca ca.pem --key "$key" -o ca.pem
sed 's/.$/g/' node.cert > bad.cert
refuse 2 'is no whole certificate' certify --ca "$ca" --verify bad.cert
head -c 100 node.cert > short.cert
refuse 2 'is no whole certificate' certify --ca "$ca" --verify short.cert
: > empty
refuse 1 "ends with a line 'signature = '" certify --ca "$ca" --verify empty
refuse 2 "'missing' cannot be read" certify --ca "$ca" --verify missing
refuse 2 "'missing' cannot be read" certify --ca missing --key "$key"
refuse 2 "no unencrypted private key in PEM" certify --ca garbage --key "$key"
refuse 2 'a public key is' certify --ca ca.pem --key ed25519:12
refuse 2 'holds no key' certify --ca ca.pem --key garbage
refuse 2 "the CA's own key" certify --ca ca.pem --key ca.pem
refuse 2 "of small order" certify --ca ca.pem --key "ed25519:$(printf '%064d' 0)"
refuse 2 "--domain: 'a b' was found" certify --ca ca.pem --key "$key" --domain 'a b'
refuse 2 "--address: 'a:0' was found" certify --ca ca.pem --key "$key" --address a:0
refuse 2 'from 1 to 36500' certify --ca ca.pem --key "$key" --days 0
refuse 2 '--ca is needed' certify --key "$key"
refuse 2 'one of --key, --membership and --verify' certify --ca ca.pem
refuse 2 'go with --key' certify --ca ca.pem --verify node.cert --days 3
refuse 2 '--json needs -o' certify --ca ca.pem --key "$key" --json
expect 0 certify --ca ca.pem --key node.pem
says '^certificate:544343430100'
"$CHIME" certify --ca ca.pem --key "$key" > /dev/full 2> chime.log && fail "a full disk should be told"
grep -q "standard output cannot be written" chime.log || fail "a full disk should be named"
pass "certificates"

# --- the membership document
cat > draft <<DRAFT
# the mesh of the lab
mesh = lab
serial = 1
nodes = 3
faults = 1
member = $key rack-7 192.0.2.1
revoked = 0000000000000001
DRAFT
expect 0 certify --ca ca.pem --membership draft -o members
says '3, of which 1 may lie'
grep -qx 'max-offset = 250000000 ns' members || fail "the default should be written out: $(cat members)"
grep -qx "member = $id $key rack-7 192.0.2.1:123" members || fail "the member should be written out: $(cat members)"
expect 0 certify --ca "$ca" --verify members
says 'mesh +lab'
epoch=$(grep -v '^signature' members | sha256sum | cut -c 1-8)
[ "$(field epoch)" = "$epoch" ] || fail "the epoch should be $epoch: $(cat out)"
expect 0 certify --ca "$ca" --verify members --json
"$PYTHON" -m json.tool out > json.txt || fail "not JSON: $(cat out)"
# What was signed, without its signature and with a higher serial, is a draft again.
sed '/^signature/d; s/^serial = 1/serial = 2/' members > newer
expect 0 certify --ca ca.pem --membership newer -o members-2
refuse 1 "'members' exists already" certify --ca ca.pem --membership newer -o members
refuse 1 'is not signed by the CA' certify --ca "$other" --verify members
sed 's/faults = 1/faults = 0/' members > bad.members
refuse 1 'or was changed since' certify --ca "$ca" --verify bad.members
sed 's/^faults = 1/faults = 2/; s/^nodes/nods/' draft > bad.draft
refuse 2 "bad.draft:4: 'nods' was found; mesh, serial, nodes" certify --ca ca.pem --membership bad.draft -o never
sed 's/^faults = 1/faults = 2/' draft > bad.draft
refuse 2 'bad.draft:5: faults: 2 of 3 nodes was found; 2 \* 2 \+ 1 = 5' \
    certify --ca ca.pem --membership bad.draft -o never
refuse 2 'bad.members:[0-9]+: a draft has no signature' certify --ca ca.pem --membership bad.members -o never
refuse 2 "'zeros' is no text file" certify --ca ca.pem --membership zeros
[ -e never ] && fail "a mistake should write nothing"
pass "membership documents"

# --- proofs, made by another writer
refuse 2 "'missing' cannot be read" mesh verify missing
refuse 2 '0 files are named' mesh verify
refuse 2 "'nonsense' was found" mesh nonsense
refuse 1 "'garbage' proves nothing: not a proof" mesh verify garbage
refuse 2 "'zeros' is no text file" mesh verify zeros
"$PYTHON" - "$id" > proof 2>> chime.log << 'PYTHON_END'
import sys
try:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
except ImportError:
    sys.exit(77)
key = load_pem_private_key(open("node.pem", "rb").read(), None)
print("truechimer proof 1\nkind = equivocation")
for before in (1 << 20, 1 << 21):
    field = b"".join((
        bytes.fromhex("f7c00060" "54434d31" "01090000"), bytes.fromhex(sys.argv[1]),
        bytes(4), (3).to_bytes(2, "big"), b"\xff\0", (42).to_bytes(4, "big"),
        bytes.fromhex("ee00000000000001" "ee00000000000000" "0000000000000000"),
        before.to_bytes(4, "big"), bytes.fromhex("00100000" "0064" "00c8"), bytes(16),
        bytes.fromhex("00000005" "0000" "00" "000000" "0025")))
    assert len(field) == 96
    print("report =", field.hex())
    print("signature =", key.sign(b"truechimer report v1\0" + field).hex())
PYTHON_END
code=$?
if [ $code -eq 77 ]; then
    pass "no python3-cryptography: no proof is made"
    exit 0
fi
[ $code -eq 0 ] || fail "no proof could be made"
cp proof by-key
cp proof by-certificate
echo "author = $key" >> by-key
echo "author = $(cat node.cert)" >> by-certificate
cat members >> proof # in which the node is listed
for by in proof by-certificate; do
    expect 0 mesh verify --ca "$ca" $by
    says 'Proved: two reports with one number'
    says "member  $id"
    says 'key epoch 3, run 5, number 42'
    refuse 1 'not signed by|not of this CA' mesh verify --ca "$other" $by
    refuse 1 "give --ca" mesh verify $by
done
expect 0 mesh verify --json --ca ca.pem proof
"$PYTHON" -c '
import json, sys
answer = json.load(open("out"))
assert answer["accused"] == [sys.argv[1]] and answer["convicts"] and answer["mesh"] == "lab", answer
' "$id" || fail "not as proved: $(cat out)"
expect 0 mesh verify by-key
says 'No CA vouches'
refuse 1 'without a certificate' mesh verify --ca "$ca" by-key
"$PYTHON" -c '
import subprocess, sys
octets = open("proof", "rb").read()
for bit in range(0, 8 * len(octets), 131):
    changed = bytearray(octets)
    changed[bit // 8] ^= 1 << bit % 8
    open("changed", "wb").write(changed)
    command = [sys.argv[1], "mesh", "verify", "--ca", sys.argv[2], "changed"]
    code = subprocess.run(command, capture_output=True).returncode
    assert code == 1, (bit, code)
' "$CHIME" "$ca" 2>> chime.log || fail "each changed bit should be found"
pass "proofs"
