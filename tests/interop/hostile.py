# SPDX-License-Identifier: MIT
"""hostile.py TARGET SECONDS FLOOD_SECONDS - servers and peers that answer chimed honestly, while
somebody between them and chimed, who sees every request, does what he can. To be run where the
addresses below are local, with the right to open raw sockets.

There is peace until SIGUSR1. Each round is announced on a line of its own; the last line tells how
much was sent."""
import os
import select
import signal
import socket
import struct
import sys
import time

from ntp import HEADER, mac, to_ntp

KEY = b"interopMD5key_01"  # key 1 of the keys file, MD5
PLAIN, KEYED, PEER, KEYED_PEER, BROADCASTER = (f"192.0.2.{number}" for number in range(201, 206))
WITH_KEY = (KEYED, KEYED_PEER, BROADCASTER)
KISSES = (b"DENY", b"RSTR", b"RATE", b"INIT")
LIE_S = 1000
PACE_S = 0.02  # of what is not answered
# Destination unreachable: host, port, administratively prohibited; time exceeded; bad parameter.
ICMP = ((3, 1), (3, 3), (3, 13), (3, 10), (11, 0), (12, 0))


def packet(mode, origin, receive, transmit, stratum=2, leap=0, refid=0x0A000001, version=4):
    return HEADER.pack(leap << 6 | version << 3 | mode, stratum, 6, -20, 16, 16, refid,
                       (transmit - 2**32) % 2**64, origin, receive, transmit % 2**64)


class Machine:
    """One of the honest ones, and whoever speaks in its name."""

    def __init__(self, address, target):
        self.address = address
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, 123))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.target = target
        self.asked_in = 1 if address in (PEER, KEYED_PEER) else 3
        self.asked_from = None
        self.asked = 0
        self.forged = 0
        self.old = []

    def sign(self, data):
        return data + mac(1, KEY, data) if self.address in WITH_KEY else data

    def send(self, data, to):
        try:
            self.sock.sendto(data, to)
        except OSError:  # a full queue, or what an ICMP message said
            pass

    def forge(self, data, to):
        self.forged += 1
        self.send(data, to)

    def answer(self, request, sender, is_attacked):
        received = to_ntp(time.time())
        self.asked += 1
        self.asked_from = sender
        mode = 4 if request[0] & 7 == 3 else 1
        origin = int.from_bytes(request[40:48], "big")
        if is_attacked:
            self.attack_before(mode, origin, sender)
        good = self.sign(packet(mode, origin, received, to_ntp(time.time())))
        self.send(good, sender)
        if is_attacked:
            self.attack_after(good, sender)
        self.old = (self.old + [good])[-20:]

    def attack_before(self, mode, origin, sender):
        now = to_ntp(time.time())
        lie = (now + (LIE_S << 32)) % 2**64
        wrong = origin ^ 1 << 40
        for forged in (wrong, 0, origin >> 1):
            self.forge(packet(mode, forged, lie, lie), sender)
            self.forge(self.sign(packet(mode, forged, lie, lie)) if self.address == PLAIN else
                       packet(mode, forged, lie, lie) + mac(1, b"guessed", bytes(48)), sender)
            for kiss in KISSES:
                self.forge(packet(mode, forged, now, now, 0, 3, int.from_bytes(kiss, "big")),
                           sender)
        if self.address in WITH_KEY:
            self.attack_key(mode, origin, sender, now, lie)
        for size in (0, 1, 4, 47, 49, 1400):
            self.forge(os.urandom(size), sender)
            self.forge(bytes([4 << 3 | mode]) + os.urandom(max(size, 1) - 1), sender)
        for data in self.old:
            self.forge(data, sender)

    def attack_key(self, mode, origin, sender, now, lie):
        """He knows the origin, but not the key."""
        bare = packet(mode, origin, lie, lie)
        self.forge(bare, sender)
        self.forge(bare + bytes(4), sender)  # crypto-NAK
        self.forge(bare + mac(1, b"guessed", bare), sender)
        self.forge(bare + mac(2, KEY, bare), sender)
        for kiss in KISSES:
            self.forge(packet(mode, origin, now, now, 0, 3, int.from_bytes(kiss, "big")), sender)

    def attack_after(self, good, sender):
        for _ in range(3):
            self.forge(good, sender)

    def attack_shared(self):
        """Datagrams at the server's own port that nobody asked for."""
        to = (self.target, 123)
        now = to_ntp(time.time())
        for mode in (1, 2, 5):
            bare = packet(mode, 0, 0, now + (LIE_S << 32))
            for data in (bare, bare + bytes(4), bare + mac(1, b"guessed", bare), bare[:47],
                         bare + os.urandom(1000)):
                self.forge(data, to)
            self.forge(packet(mode, now, now, now, 0, 3, int.from_bytes(b"DENY", "big")), to)
        for data in self.old:
            self.forge(data, to)

    def broadcast(self):
        self.send(self.sign(packet(5, 0, 0, to_ntp(time.time()))), (self.target, 123))


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def refuse(raw, machine):
    """ICMP errors about a request of chimed's."""
    if machine.asked_from is None:
        return
    host, port = machine.asked_from
    inner = (struct.pack(">BBHHHBBH", 0x45, 0, 76, 0, 0, 64, 17, 0) + socket.inet_aton(host) +
             socket.inet_aton(machine.address) + struct.pack(">HHHH", port, 123, 56, 0))
    for kind, code in ICMP:
        body = struct.pack(">BBHI", kind, code, 0, 0) + inner
        body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
        try:
            raw.sendto(body, (host, 0))
        except OSError:
            pass
        machine.forged += 1


class Scene:
    def __init__(self, target):
        self.machines = [Machine(address, target)
                         for address in (PLAIN, KEYED, PEER, KEYED_PEER, BROADCASTER)]
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.broadcast_at = 0.0

    def serve(self, seconds, is_attacked=False, extra=None):
        end = time.monotonic() + seconds
        extra_at = 0.0
        by_sock = {machine.sock: machine for machine in self.machines}
        while time.monotonic() < end:
            ready = select.select(list(by_sock), [], [], 0.05)[0]
            for sock in ready:
                try:
                    request, sender = sock.recvfrom(2048)
                except OSError:
                    continue
                if len(request) >= 48 and request[0] & 7 == by_sock[sock].asked_in:
                    by_sock[sock].answer(request, sender, is_attacked)
            if extra is not None and time.monotonic() > extra_at:
                extra_at = time.monotonic() + PACE_S
                extra()
            if time.monotonic() > self.broadcast_at:
                self.broadcast_at = time.monotonic() + 1
                self.machines[4].broadcast()

    def shared(self):
        for machine in self.machines:
            machine.attack_shared()

    def refusals(self):
        for machine in self.machines:
            refuse(self.raw, machine)


def flood(machine, to, seconds):
    """As much as goes, in a process of its own. Returns its pid."""
    pid = os.fork()
    if pid != 0:
        return pid
    now = to_ntp(time.time())
    data = packet(1 if to[1] == 123 else 4, now, now, now)
    end = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < end:
        for _ in range(100):
            machine.send(data, to)
        sent += 100
    print(f"flood at port {to[1] if to[1] == 123 else 'of the association'} from "
          f"{machine.address}: {int(sent / seconds)} a second", flush=True)
    os._exit(0)


def main():
    target, seconds, flood_seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    scene = Scene(target)
    begun = []
    signal.signal(signal.SIGUSR1, lambda *_: begun.append(True))
    print("round: peace", flush=True)
    while not begun:
        scene.serve(0.2)
    for name, options in (("forgeries", {"is_attacked": True}),
                          ("strangers at the shared port", {"extra": scene.shared}),
                          ("refusals", {"extra": scene.refusals})):
        print(f"round: {name}", flush=True)
        scene.serve(seconds, **options)
    print("round: flood", flush=True)
    plain, peer, keyed_peer = scene.machines[0], scene.machines[2], scene.machines[3]
    for machine, to in ((plain, plain.asked_from), (peer, (target, 123)),
                        (keyed_peer, (target, 123))):
        if to is None:
            continue
        pid = flood(machine, to, flood_seconds)
        scene.serve(flood_seconds)
        os.waitpid(pid, 0)
    print("round: peace again", flush=True)
    scene.serve(seconds)
    print(f"forged: {sum(machine.forged for machine in scene.machines)}, honest: "
          f"{sum(machine.asked for machine in scene.machines)}", flush=True)
    while True:  # until the test has seen enough
        scene.serve(1)


main()
