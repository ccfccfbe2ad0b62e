# SPDX-License-Identifier: MIT
"""ntp.py - what the Python tests share: requests, replies, and asking for as long as is reasonable.

As a program: ntp.py HOST [PORT] asks once and prints the reply; it exits 1 without one."""
import hashlib
import os
import socket
import struct
import sys
import time

HEADER = struct.Struct(">BBbbIIIQQQQ")
UNIX_1900 = 2208988800
WAIT_S = 5.0  # for a reply that must come; loopback and veth need far less
TRY_S = 1.0  # for one that may be missing
TRIES = 5


def to_ntp(unix_s):
    return int((unix_s + UNIX_1900) * 2**32) & (2**64 - 1)


def from_ntp(stamp):
    return stamp / 2**32 - UNIX_1900


def request(version=4, mode=3, transmit=None, origin=0, receive=0):
    if transmit is None:
        transmit = int.from_bytes(os.urandom(8), "big")
    return HEADER.pack(version << 3 | mode, 0, 6, 0, 0, 0, 0, 0, origin, receive, transmit)


def mac(key_id, key, data, digest="md5", size=20):
    return struct.pack(">I", key_id) + hashlib.new(digest, key + data).digest()[:size]


class Reply:
    def __init__(self, data):
        self.data = data
        (first, self.stratum, self.poll, self.precision, self.root_delay, self.root_dispersion,
         self.refid, self.reference, self.origin, self.receive,
         self.transmit) = HEADER.unpack(data[:48])
        self.leap, self.version, self.mode = first >> 6, first >> 3 & 7, first & 7
        self.trailer = data[48:]

    def is_crypto_nak(self):
        return self.trailer == b"\0\0\0\0"

    def __str__(self):
        return (f"leap {self.leap} version {self.version} mode {self.mode} stratum {self.stratum} "
                f"refid {self.refid:08x} origin {self.origin:016x} "
                f"receive {from_ntp(self.receive):.6f} transmit {from_ntp(self.transmit):.6f} "
                f"length {len(self.data)}")


def udp(host, port, source=None):
    """A connected socket: it takes replies from that very address and port only."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(WAIT_S)
    if source is not None:
        sock.bind(source)
    sock.connect((host, port))
    return sock


def ask(host, port=123, source=None, tries=TRIES, **fields):
    """A fresh socket, a request, its Reply; None if none came in so many tries."""
    with udp(host, port, source) as sock:
        sock.settimeout(TRY_S)
        for _ in range(tries):
            data = request(**fields)
            sent_at = time.time()
            try:
                sock.send(data)
                reply = Reply(sock.recv(2048))
            except OSError:  # a refusal or nothing in time
                time.sleep(0.02)
                continue
            if data[40:48] == reply.data[24:32]:
                received_at = time.time()
                reply.offset = (from_ntp(reply.receive) - sent_at
                                + from_ntp(reply.transmit) - received_at) / 2
                return reply
    return None


def check(condition, *sentence):
    if not condition:
        print("FAIL:", *sentence)
        sys.exit(1)


if __name__ == "__main__":
    found = ask(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 123, tries=1)
    print(found if found else f"no reply from {sys.argv[1]}")
    sys.exit(0 if found else 1)
