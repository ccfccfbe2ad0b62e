# SPDX-License-Identifier: MIT
"""mesh_hostile.py - somebody on the mesh's network who sees every packet, and has no key.

  mesh_hostile.py DEVICE NODES PREFIX     nodes are PREFIX.1 to PREFIX.NODES

Rounds, each announced by a line "round: NAME" and ended by a signal, SIGUSR1: garbage with our fields from anywhere,
the same in the members' names, packets of theirs again, and answers that race theirs: plain, kisses, or under their old
tags. After each, a line tells how many packets it was."""
import os
import random
import select
import signal
import socket
import struct
import sys
import time

NTP = 123
MAGIC = 0x54434D31
TYPES = (0xF7C0, 0xF7C1, 0xF7C2, 0xF7C3, 0xF7C4)
KEPT = 512
LIE = 1 << 32  # a second, in NTP's units
OVERHEARD = 2  # packets for each pair of nodes, before the first round
PATIENCE_S = 300  # for a round to be ended; somebody who has been forgotten must not go on for ever
KISSES = (b"RATE", b"DENY", b"RSTR")


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def datagram(source, target, payload):
    """An IPv4 packet; UDP's checksum may be 0."""
    udp = struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), random.getrandbits(16), 0, 64, 17, 0,
                       socket.inet_aton(source[0]), socket.inet_aton(target[0]))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + udp


def parse(frame):
    """(source, target, payload) of an NTP datagram, or None."""
    if len(frame) < 14 + 28 + 48 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    start = 14 + (frame[14] & 15) * 4
    ports = struct.unpack(">HHH", frame[start:start + 6])
    if NTP not in ports[:2]:
        return None
    payload = frame[start + 8:start + ports[2]]
    return ((socket.inet_ntoa(frame[26:30]), ports[0]), (socket.inet_ntoa(frame[30:34]), ports[1]),
            payload)


def field(kind, size):
    body = struct.pack(">IBBH", MAGIC, 1, random.choice((1, 1, 2, 3)), 0) + os.urandom(size - 12)
    return struct.pack(">HH", kind, size) + body


def garbage():
    """Well-formed enough to be looked at."""
    header = bytes((0x23,)) + bytes(39) + os.urandom(8)
    kind = random.choice(TYPES)
    size = {0xF7C0: 96, 0xF7C1: 40, 0xF7C2: 64, 0xF7C3: 148, 0xF7C4: 120}[kind]
    fields = field(kind, size)
    if kind == 0xF7C3 and random.random() < 0.5:  # a HELLO that asks for a cookie
        fields = (struct.pack(">HHIBBH", kind, size, MAGIC, 1, 1, 0) + os.urandom(56) + bytes(80))
    if kind == 0xF7C0:
        fields += struct.pack(">HHIBBH", 0xF7C1, 76, MAGIC, 1, 1, 0) + os.urandom(64)
    if kind in (0xF7C0, 0xF7C4):
        fields += struct.pack(">HHIBBH", 0xF7C1, 40, MAGIC, 2, 0, 0) + os.urandom(28)
    return header + fields


def forged_answers(payload):
    """What might be taken for the answer to that request: plain with another time, a kiss, their fields under it."""
    stamp = struct.unpack(">Q", payload[40:48])[0]
    wrong = (int((time.time() + 2208988800) * 2**32) + LIE) & (2**64 - 1)
    times = struct.pack(">QQQQ", wrong, stamp, wrong, wrong)
    plain = bytes((0x24, 1, payload[2], 0xEC)) + bytes(8) + b"GPS\0" + times
    yield plain
    yield bytes((0xE4, 0, payload[2], 0xEC)) + bytes(8) + random.choice(KISSES) + times
    yield plain + payload[48:]


class Attacker:
    def __init__(self, device, nodes, prefix):
        self.listening = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        self.listening.bind((device, 0))
        self.sending = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.addresses = [f"{prefix}.{number}" for number in range(1, nodes + 1)]
        self.prefix = prefix
        self.kept = []
        self.sent = 0
        self.ended = False
        signal.signal(signal.SIGUSR1, self.end)

    def end(self, *_):
        self.ended = True

    def send(self, source, target, payload):
        try:
            self.sending.sendto(datagram(source, target, payload), (target[0], 0))
            self.sent += 1
        except OSError:
            pass  # a full queue; there is more where it came from

    def hear(self, wait_s):
        if not select.select([self.listening], [], [], wait_s)[0]:
            return None
        heard = parse(self.listening.recv(2048))
        if heard is None or heard[0][0] not in self.addresses or heard[1][0] not in self.addresses:
            return None
        return heard

    def keep(self, heard):
        self.kept.append(heard)
        del self.kept[:-KEPT]

    def garbage(self, ours):
        target = (random.choice(self.addresses), NTP)
        source = random.choice(self.addresses) if ours else f"{self.prefix}.{random.randrange(100, 250)}"
        if source != target[0]:
            self.send((source, random.choice((NTP, random.randrange(1024, 65536)))), target, garbage())

    def strangers(self):
        self.garbage(False)

    def members(self):
        self.garbage(True)

    def replays(self):
        heard = self.hear(0)
        if heard is not None:
            self.keep(heard)
        if self.kept:
            source, target, payload = random.choice(self.kept)
            self.send(source, target, payload)

    def race(self):
        heard = self.hear(0.1)
        if heard is None:
            return
        self.keep(heard)
        source, target, payload = heard
        if target[1] == NTP and payload[0] & 7 == 3:
            for answer in forged_answers(payload):
                self.send(target, source, answer)
        elif source[1] == NTP and payload[0] & 7 == 4:
            self.send(source, target, payload[:48])
            self.send(source, target, payload[:40] + os.urandom(8) + payload[48:])

    def listen(self):
        """Until there is something of theirs to send again."""
        wanted = OVERHEARD * len(self.addresses) * (len(self.addresses) - 1)
        end = time.monotonic() + PATIENCE_S
        while len(self.kept) < wanted and time.monotonic() < end:
            heard = self.hear(0.1)
            if heard is not None:
                self.keep(heard)
        return len(self.kept) >= wanted

    def round(self, name, action):
        self.ended = False
        print(f"round: {name}", flush=True)
        before, end = self.sent, time.monotonic() + PATIENCE_S
        while not self.ended:
            if time.monotonic() > end:
                sys.exit(f"nobody ended the round '{name}' in {PATIENCE_S} s")
            for _ in range(16):
                action()
        print(f"{name}: {self.sent - before} packets", flush=True)


def main():
    device, nodes, prefix = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    attacker = Attacker(device, nodes, prefix)
    if not attacker.listen():
        print(f"{len(attacker.kept)} packets were overheard in {PATIENCE_S} s: the test is blind", flush=True)
        return 1
    attacker.round("strangers", attacker.strangers)
    attacker.round("members", attacker.members)
    attacker.round("replays", attacker.replays)
    attacker.round("race", attacker.race)
    print("round: peace", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
