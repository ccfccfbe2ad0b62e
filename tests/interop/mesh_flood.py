# SPDX-License-Identifier: MIT
"""mesh_flood.py - a member of a mesh, with a key and sessions of its own, that sends far too much.

  mesh_flood.py flood PEM ADDRESS=KEY...   shakes hands with each as doc/protocol.md has it; shares no code with chimed
  mesh_flood.py gate SOCKET...             what the workers of these daemons did: a line of figures each
  mesh_flood.py clients COUNT ADDRESS...   asks each in turn until it answered so often; prints how many it took

Rounds of `flood`, each announced by a line "round: NAME" and ended by a signal, SIGUSR1: good requests, renewals of
the session, and forgeries under its number. After each a line tells how many packets it was, and how many authentic
answers came from each daemon."""
import hashlib
import hmac
import json
import os
import pathlib
import random
import signal
import socket
import struct
import sys
import time

import mesh
import ntp

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "vectors"))
import decode_report  # noqa: E402

NTP = 123
MAGIC = 0x54434D31
REPORT, AUTH, PAD, HANDSHAKE = 0xF7C0, 0xF7C1, 0xF7C2, 0xF7C3
UNBOUNDED = 0xFFFFFFFF
HELLO, COOKIE, ACCEPT = 1, 2, 3
KEY_EPOCH = 1  # of a new key
SIZE = 640  # of a request: so that an answer with a report has room
HEAD = bytes((0x23,)) + bytes(39)  # of a request, up to its transmit timestamp
FORGED = os.urandom(16)
SHAKE_S = 120  # for a handshake to be answered, while others flood
COUNTER_MAX = 1 << 20  # packets of a session
PATIENCE_S = 600  # for a round to be ended; somebody who has been forgotten must not go on for ever


def node_id(key):
    return struct.unpack(">Q", hashlib.sha256(key).digest()[:8])[0]


def header():
    return HEAD + os.urandom(8)


def field(kind, body):
    return struct.pack(">HHI", kind, 8 + len(body), MAGIC) + body


def pad(size):
    return field(PAD, bytes(size - 8))


class Reporter:
    """Our reports, one a second: of a clock that vouches for nothing."""

    def __init__(self, key, ours):
        self.key, self.ours = key, ours
        self.sequence, self.made = 0, 0

    def report(self):
        if time.monotonic() - self.made >= 1:
            self.made = time.monotonic()
            self.sequence += 1
            octets = field(REPORT, struct.pack(
                ">BBBBQIHBBIQQQIIHH16sIHB3sh", 1, 0xC0, 0, 0, self.ours, 0, KEY_EPOCH, 255, 0, self.sequence, 0,
                ntp.to_ntp(time.time()), int(self.made * 2**30), UNBOUNDED, UNBOUNDED, 0, 0, bytes(16), 1, 0, 1,
                bytes(3), 0))
            signature = self.key.sign(b"truechimer report v1\0" + octets)
            self.octets = octets + field(AUTH, struct.pack(">BBH", 1, 0, KEY_EPOCH) + signature)
        return self.octets


def fields_of(payload):
    """The fields behind the header: (type, octets)."""
    at = 48
    while at + 4 <= len(payload):
        kind, size = struct.unpack_from(">HH", payload, at)
        if size < 16 or at + size > len(payload):
            return
        yield kind, payload[at:at + size]
        at += size


def expand(root, label, size):
    """HKDF's second half (RFC 5869), for what fits in one block."""
    return hmac.digest(root, label + b"\1", "sha256")[:size]


class Session:
    """One with a daemon. No counter is used twice."""

    def __init__(self, secret, hello, accept):
        transcript = hashlib.sha256(b"truechimer session v1\0" + hello + accept).digest()
        root = hmac.digest(transcript, secret, "sha256")
        self.send_key = expand(root, b"truechimer initiator v1\0", 32)
        self.receive_key = expand(root, b"truechimer responder v1\0", 32)
        self.auth = struct.pack(">HHIBB2s", AUTH, 40, MAGIC, 2, 0, expand(root, b"truechimer session id v1\0", 2))
        self.counter = 0

    def seal(self, fields, is_good=True):
        """A request with these fields; its transmit timestamp is like no other's."""
        self.counter += 1
        covered = b"".join((HEAD, struct.pack(">Q", random.getrandbits(64)), fields, self.auth,
                            struct.pack(">IQ", self.counter, 0)))
        return covered + (hmac.digest(self.send_key, covered, "sha256")[:16] if is_good else FORGED)

    def opens(self, payload):
        fields = list(fields_of(payload))
        if not fields or fields[-1][0] != AUTH or len(fields[-1][1]) != 40:
            return False
        tag = hmac.digest(self.receive_key, payload[:-16], "sha256")[:16]
        return hmac.compare_digest(tag, payload[-16:])


class Daemon:
    """One that is flooded, and our socket to it."""

    def __init__(self, reporter, address, theirs):
        self.reporter, self.address, self.theirs = reporter, address, theirs
        self.answers = 0
        self.session = None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((address, NTP))

    def exchange(self, hello, kind, end):
        """Until a handshake of that kind comes back; None if none does in time."""
        self.socket.settimeout(1)
        while time.monotonic() < end:
            request = header() + hello
            request += pad(SIZE - len(request))
            try:
                self.socket.send(request)
                answer = self.socket.recv(2048)
                while answer[24:32] != request[40:48]:  # to what was sent before
                    answer = self.socket.recv(2048)
            except OSError:
                continue
            for found, octets in fields_of(answer):
                if found == HANDSHAKE and dict(decode_report.decode_handshake(octets))["kind"] == kind:
                    return octets
        return None

    def shake_hands(self):
        from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
        raw = (Encoding.Raw, PublicFormat.Raw)
        end = time.monotonic() + SHAKE_S
        ephemeral = x25519.X25519PrivateKey.generate()
        begin = struct.pack(">HHIBBHQQHHI", HANDSHAKE, 148, MAGIC, 1, HELLO, 0, self.reporter.ours, node_id(self.theirs),
                            KEY_EPOCH, KEY_EPOCH, 0) + ephemeral.public_key().public_bytes(*raw)
        cookie = self.exchange(begin + bytes(80), COOKIE, end)
        if cookie is None:
            sys.exit(f"{self.address} sends no COOKIE")
        hello = begin + cookie[28:44]
        hello += self.reporter.key.sign(b"truechimer hello v1\0" + hello)
        accept = self.exchange(hello, ACCEPT, end)
        if accept is None:
            sys.exit(f"{self.address} sends no ACCEPT")
        if accept[68:100] != hashlib.sha256(hello).digest():
            sys.exit(f"{self.address} accepts another HELLO than ours")
        ed25519.Ed25519PublicKey.from_public_bytes(self.theirs).verify(accept[100:],
                                                                       b"truechimer accept v1\0" + accept[:100])
        secret = ephemeral.exchange(x25519.X25519PublicKey.from_public_bytes(accept[36:68]))
        self.session = Session(secret, hello, accept)
        self.socket.setblocking(False)

    def send(self, fields, is_good=True):
        if self.session.counter + 1 >= COUNTER_MAX:
            self.shake_hands()
        try:
            self.socket.send(self.session.seal(fields, is_good))
            return 1
        except OSError:
            return 0  # a full queue; there is more where it came from

    def hear(self):
        try:
            while True:
                self.answers += self.session.opens(self.socket.recv(2048))
        except OSError:
            return


def padded(fields):
    return fields + pad(SIZE - 48 - 40 - len(fields))


def good(reporter, _):
    return padded(reporter.report())


def renewal(reporter, daemon):
    """Of its own session, by a HELLO that costs a signature's check."""
    return padded(struct.pack(">HHIBBHQQHHI", HANDSHAKE, 148, MAGIC, 1, HELLO, 0, reporter.ours,
                              node_id(daemon.theirs), KEY_EPOCH, KEY_EPOCH, 0) +
                  os.urandom(32) + b"\xff" * 16 + os.urandom(64))


class Flood:
    def __init__(self, daemons):
        self.daemons, self.ended = daemons, False
        signal.signal(signal.SIGUSR1, self.end)

    def end(self, *_):
        self.ended = True

    def round(self, name, fields, is_good=True):
        self.ended = False
        sent, begun = 0, time.monotonic()
        for daemon in self.daemons:
            daemon.answers = 0
        print(f"round: {name}", flush=True)
        while not self.ended:
            if time.monotonic() > begun + PATIENCE_S:
                sys.exit(f"nobody ended the round '{name}' in {PATIENCE_S} s")
            for daemon in self.daemons:
                octets = fields(daemon.reporter, daemon)
                for _ in range(32):
                    sent += daemon.send(octets, is_good)
                daemon.hear()
        passed = time.monotonic() - begun
        print(f"{name}: {sent} packets in {passed:.1f} s; authentic answers: "
              f"{' '.join(str(daemon.answers) for daemon in self.daemons)}", flush=True)


def flood(path, targets):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
    key = load_pem_private_key(pathlib.Path(path).read_bytes(), None)
    reporter = Reporter(key, node_id(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)))
    daemons = []
    for target in targets:
        address, theirs = target.split("=")
        daemon = Daemon(reporter, address, bytes.fromhex(theirs.removeprefix("ed25519:")))
        daemon.shake_hands()
        daemons.append(daemon)
    world = Flood(daemons)
    world.round("good", good)
    world.round("renewals", renewal)
    world.round("forgeries", good, False)
    print("round: peace", flush=True)
    return 0


def gate(paths):
    """When it was, and of each daemon what was handed over, dropped as too much, and forged."""
    for path in paths:
        counts = json.loads(mesh.ask(path, "mesh"))["gate"]
        print(f"{time.monotonic():.3f}", counts["handed over"], counts["too many"], counts["forged"])
    return 0


def clients(count, addresses):
    asked = {address: 0 for address in addresses}
    heard = dict(asked)
    end = time.monotonic() + PATIENCE_S / 2
    while min(heard.values()) < count and time.monotonic() < end:
        for address in addresses:
            if heard[address] < count:
                asked[address] += 1
                heard[address] += ntp.ask(address, tries=1) is not None
    print(" ".join(f"{heard[address]}/{asked[address]}" for address in addresses))
    return 0 if min(heard.values()) >= count else 1


def main():
    what, rest = sys.argv[1], sys.argv[2:]
    if what == "flood":
        return flood(rest[0], rest[1:])
    if what == "gate":
        return gate(rest)
    return clients(int(rest[0]), rest[1:])


if __name__ == "__main__":
    sys.exit(main())
