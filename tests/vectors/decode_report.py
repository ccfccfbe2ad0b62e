#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Decodes mesh packets as doc/protocol.md describes them; shares no code with ntpwire/report.c.

decode_report.py FILE.hex...          prints what each packet holds
decode_report.py --check FOLDER       compares each FOLDER/NAME.hex with NAME.txt, and its tags with the keys of
                                      FOLDER/README.md (signatures only where python3-cryptography is installed)

A packet whose name begins with "agreed-" may have 1,232 octets, any other 1,000."""
import hashlib
import hmac
import pathlib
import struct
import sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None

REPORT, AUTH, PAD, HANDSHAKE, MESSAGE = range(0xF7C0, 0xF7C5)
MAGIC = b"TCM1"


class Drop(Exception):
    """The packet or field is dropped; the text is the reason's name."""


def head(field, kind, smallest):
    if len(field) < 8:
        raise Drop("too short")
    type_, length = struct.unpack_from(">HH", field)
    if type_ != kind:
        raise Drop("other field type")
    if length != len(field):
        raise Drop("bad length")
    if field[4:8] != MAGIC:
        raise Drop("other magic")
    if len(field) < smallest:
        raise Drop("too short")


def decode_report(field):
    head(field, REPORT, 96)
    (version, flags, era, count, node, membership, key_epoch, hops, more, sequence, hlc, as_of, as_of_mono, before,
     after, drift, drift_max, previous, incarnation, disruptions, timescale, scale_id, tai) = struct.unpack_from(
         ">BBBBQIHBBIQQQIIHH16sIHB3sh", field, 8)
    if version != 1:
        raise Drop("unknown version")
    if more & 0xFE:
        raise Drop("reserved bits set")
    if count > 60:
        raise Drop("too many entries")
    rooted = flags >> 5 & 1
    if len(field) != 96 + 32 * rooted + 16 * count:
        raise Drop("bad length")
    scale_id = int.from_bytes(scale_id, "big")
    if timescale > 1 or (timescale == 0 and scale_id):
        raise Drop("bad timescale")
    entries = list(struct.iter_unpack(">IiIhBB", field[96 + 32 * rooted:]))
    for i, entry in enumerate(entries):
        if entry[0] == node >> 32:
            raise Drop("entry about the author")
        if i and entry[0] <= entries[i - 1][0]:
            raise Drop("entries out of order")
    yield "flags", flags & 0x3F | more << 8
    yield "leap", flags >> 6
    yield "era", era
    yield "node", "%016x" % node
    yield "membership", "%08x" % membership
    yield "key_epoch", key_epoch
    yield "hops", hops
    yield "sequence", sequence
    yield "hlc", "%016x" % hlc
    yield "as_of", "%016x" % as_of
    yield "as_of_mono", "%016x" % as_of_mono
    yield "before", before
    yield "after", after
    yield "drift", drift
    yield "drift_max", drift_max
    yield "previous", previous.hex()
    yield "incarnation", incarnation
    yield "disruptions", disruptions
    yield "timescale", timescale
    yield "timescale_id", scale_id
    yield "tai_offset", tai
    yield "root", (field[96:128] if rooted else bytes(32)).hex()
    for entry in entries:
        yield "entry", "%08x %d %d %d %d %d" % entry


def decode_auth(field):
    head(field, AUTH, 28)
    algorithm, flags, id_ = struct.unpack_from(">BBH", field, 8)
    if algorithm not in (1, 2, 3):
        raise Drop("unknown algorithm")
    if flags:
        raise Drop("reserved bits set")
    if len(field) != {1: 76, 2: 40, 3: 28}[algorithm]:
        raise Drop("bad length")
    yield "algorithm", algorithm
    yield "id", id_
    if algorithm == 2:
        counter, hlc = struct.unpack_from(">IQ", field, 12)
        yield "counter", counter
        yield "hlc", "%016x" % hlc
    yield "tag", field[24 if algorithm == 2 else 12:].hex()


def decode_pad(field):
    head(field, PAD, 16)
    if len(field) % 4:
        raise Drop("bad length")
    if any(field[8:]):
        raise Drop("padding not zero")
    yield "size", len(field)


def decode_handshake(field):
    head(field, HANDSHAKE, 28)
    version, kind, reserved, from_, to = struct.unpack_from(">BBHQQ", field, 8)
    if version != 1:
        raise Drop("unknown version")
    if kind not in (1, 2, 3, 4):
        raise Drop("unknown kind")
    if reserved:
        raise Drop("reserved bits set")
    if len(field) != {1: 148, 2: 44, 3: 164, 4: 32}[kind]:
        raise Drop("bad length")
    if kind == 4 and any(field[30:32]):
        raise Drop("reserved bits set")
    if kind == 1 and not any(field[68:84]) and any(field[84:]):
        raise Drop("signature without a cookie")
    yield "kind", kind
    yield "from", "%016x" % from_
    yield "to", "%016x" % to
    if kind in (1, 3):
        from_epoch, to_epoch, membership = struct.unpack_from(">HHI", field, 28)
        yield "from_epoch", from_epoch
        yield "to_epoch", to_epoch
        yield "membership", "%08x" % membership
        yield "ephemeral", field[36:68].hex()
    if kind in (1, 2):
        yield "cookie", (field[68:84] if kind == 1 else field[28:44]).hex()
    if kind == 3:
        yield "hello_hash", field[68:100].hex()
    if kind in (1, 3):
        yield "signature", field[-64:].hex()
    if kind == 4:
        yield "session", int.from_bytes(field[28:30], "big")


def decode_message(field):
    head(field, MESSAGE, 36)
    version, kind, fragment, fragments, author, sequence, hlc, size, key_epoch = struct.unpack_from(
        ">BBBBQIQHH", field, 8)
    if version != 1:
        raise Drop("unknown version")
    if not 1 <= kind <= 7:
        raise Drop("unknown kind")
    if fragment >= fragments or (kind == 7 and fragments != 1):
        raise Drop("bad fragment")
    signed = 0 if kind == 7 else 64
    if size > 1044 or (kind == 7 and size != 4) or len(field) != 36 + (size + 3) // 4 * 4 + signed:
        raise Drop("bad length")
    if any(field[36 + size:len(field) - signed]):
        raise Drop("padding not zero")
    yield "kind", kind
    yield "fragment", fragment
    yield "fragments", fragments
    yield "author", "%016x" % author
    yield "sequence", sequence
    yield "hlc", "%016x" % hlc
    yield "key_epoch", key_epoch
    yield "body", field[36:36 + size].hex()
    yield "signature", field[len(field) - signed:].hex()


def split(datagram):
    """RFC 7822's fields of a version 4 datagram, and what follows them."""
    if len(datagram) < 48 or datagram[0] >> 3 & 7 != 4 or len(datagram) % 4:
        raise Drop("malformed")
    fields = []
    at = 48
    while at < len(datagram):
        rest = len(datagram) - at
        if rest in (20, 24) or datagram[at:] == bytes(4):
            break
        length = int.from_bytes(datagram[at + 2:at + 4], "big")
        if rest < 28 or length < 16 or length % 4 or length > rest or len(fields) == 16:
            raise Drop("malformed")
        fields.append((at, datagram[at:at + length]))
        at += length
    return fields, datagram[at:]


NAMES = {1: "handshake", 2: "report", 3: "signature", 4: "message", 5: "pad", 6: "session", 7: "group"}
DECODERS = {"handshake": decode_handshake, "report": decode_report, "message": decode_message,
            "signature": decode_auth, "session": decode_auth, "group": decode_auth}


def sort_fields(datagram, limit):
    """The mesh's fields by name, each with its offset."""
    fields, trailer = split(datagram)
    types = [int.from_bytes(field[:2], "big") for _, field in fields]
    if not any(REPORT <= type_ <= MESSAGE for type_ in types):
        raise Drop("no mesh field")
    if len(datagram) > limit:
        raise Drop("payload too big")
    if trailer:
        raise Drop("mesh fields before a MAC")
    found = {}
    last = 0
    for type_, (at, field) in zip(types, fields):
        if not REPORT <= type_ <= MESSAGE:
            raise Drop("foreign field among the mesh's")
        head(field, type_, 8)
        rank = {HANDSHAKE: 1, REPORT: 2, MESSAGE: 4, PAD: 5}.get(type_)
        if type_ == AUTH:
            rank = {1: 3, 2: 6, 3: 7}[dict(decode_auth(field))["algorithm"]]
        elif type_ == PAD:
            list(decode_pad(field))
        if rank <= last:
            raise Drop("mesh fields out of order")
        last = rank
        found[NAMES[rank]] = at, field
    if ("report" in found) != ("signature" in found):
        raise Drop("report without its signature")
    if "session" not in found:
        message = found["message"][1] if "message" in found else None
        if "report" in found or "handshake" not in found or (message and (len(message) < 36 or message[9] != 1)):
            raise Drop("no session")
    if "report" in found:
        report = found["report"][1]
        if len(report) < 96:
            raise Drop("too short")
        if report[24:26] != found["signature"][1][10:12]:
            raise Drop("signature of another key epoch")
    return found


def describe(datagram, limit):
    try:
        found = sort_fields(datagram, limit)
    except Drop as drop:
        return "verdict %s\n" % drop
    lines = ["verdict ok"]
    for name, decode in DECODERS.items():
        if name not in found:
            continue
        at, field = found[name]
        try:
            values = list(decode(field))
        except Drop as drop:
            lines.append("%s verdict %s" % (name, drop))
            continue
        if name in ("session", "group"):
            values.append(("covered", at + len(field) - 16))
        lines += ["%s %s %s" % (name, key, value) for key, value in values]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def load(path):
    return bytes.fromhex("".join(path.read_text().split()))


def limit_of(path):
    return 1232 if path.name.startswith("agreed-") else 1000


# The keys of mesh/README.md.
PUBLIC_KEYS = [bytes.fromhex(key) for key in (
    "bc7cbcb5636375fa1d82434d466724d92377f53b980695dd49d26d0ce12205a5",
    "65e8f9b0bc6eae124169f0576f97362d295a8cf5f770b45e14357ce647d33eec")]
NODES = {hashlib.sha256(key).digest()[:8]: key for key in PUBLIC_KEYS}
SESSION_KEY = b"\xB1" * 32
GROUP_KEY = b"\xC1" * 32


def verify(node, signature, label, text):
    if Ed25519PublicKey is None:
        return True
    try:
        Ed25519PublicKey.from_public_bytes(NODES[node]).verify(signature, b"truechimer " + label + b" v1\0" + text)
    except InvalidSignature:
        return False
    return True


def tag_of(key, datagram, at, field):
    covered = datagram[:at + len(field) - 16]
    return hmac.new(key, covered, hashlib.sha256).digest()[:16]


def wrong_tags(datagram, limit):
    """The names of the fields whose tag or signature the keys do not confirm."""
    try:
        found = sort_fields(datagram, limit)
    except Drop:
        return
    for name, key in (("session", SESSION_KEY), ("group", GROUP_KEY)):
        if name in found:
            at, field = found[name]
            if not hmac.compare_digest(field[-16:], tag_of(key, datagram, at, field)):
                yield name
    fields = {name: field for name, (_, field) in found.items()}
    if "report" in fields:
        report = fields["report"]
        if not verify(report[12:20], fields["signature"][12:], b"report", report):
            yield "signature"
    if "message" in fields:
        message = fields["message"]
        if message[9] != 7 and not verify(message[12:20], message[-64:], b"message", message[:-64]):
            yield "message"
    if "handshake" in fields:
        hand = fields["handshake"]
        label = {1: b"hello", 3: b"accept"}.get(hand[9])
        if label and any(hand[-64:]) and not verify(hand[12:20], hand[-64:], label, hand[:-64]):
            yield "handshake"


def check(folder):
    vectors = sorted(pathlib.Path(folder).glob("*.hex"))
    failures = 0
    for path in vectors:
        datagram = load(path)
        complaints = ["the tag of %s is wrong" % name for name in wrong_tags(datagram, limit_of(path))]
        if describe(datagram, limit_of(path)) != path.with_suffix(".txt").read_text():
            complaints.append("holds something else than %s.txt says" % path.stem)
        for complaint in complaints:
            print("FAIL: %s: %s" % (path, complaint))
        failures += bool(complaints)
    print("%d of %d vectors as described; signatures %s" % (
        len(vectors) - failures, len(vectors),
        "not verified: no python3-cryptography" if Ed25519PublicKey is None else "verified"))
    return 1 if failures or not vectors else 0


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--check":
        return check(arguments[1])
    for name in arguments:
        path = pathlib.Path(name)
        print("%s" % describe(load(path), limit_of(path)), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
