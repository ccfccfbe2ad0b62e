# SPDX-License-Identifier: MIT
"""flood.py: what comes from addresses that are not one's own.
  flood.py addresses HOST COUNT   requests from COUNT addresses (one /64 each over IPv6); prints how
                                  many were answered
  flood.py garbage HOST           datagrams that no server answers, until killed
  flood.py self SOURCE ADDRESS    in the server's namespace: datagrams from one of its addresses,
                                  port 123, to one; prints how many were sent, and how many then
                                  seen on the way
The addresses must be local: 10.0.0.0/8 and 2001:db9::/32."""
import ipaddress
import os
import select
import socket
import struct
import sys

from ntp import check, request

WINDOW = 256  # requests in flight
PATIENCE_S = 0.5  # for a window's answers
IP_PKTINFO, IPV6_FREEBIND, SO_RCVBUFFORCE = 8, 78, 33  # Python does not name them
FIRST4, FIRST6 = int(ipaddress.ip_address("10.0.0.1")), int(ipaddress.ip_address("2001:db9::1"))
ETH_P_ALL, PACKET_OUTGOING = 3, 4


def from_address(number, is_ipv6):
    """The control message that sends from the number-th address."""
    if is_ipv6:
        source = (FIRST6 + (number << 64)).to_bytes(16, "big")
        return (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, source + bytes(4))
    source = (FIRST4 + number).to_bytes(4, "big")
    return (socket.IPPROTO_IP, IP_PKTINFO, bytes(4) + source + bytes(4))


def drain(sock, wanted):
    got = 0
    while got < wanted and select.select([sock], [], [], PATIENCE_S)[0]:
        try:
            while got < wanted:
                answer = sock.recv(2048, socket.MSG_DONTWAIT)
                check(len(answer) <= 48, "an answer is longer than its request")
                got += 1
        except BlockingIOError:
            pass
    return got


def addresses(host, count):
    is_ipv6 = ":" in host
    answered = 0
    with socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        if is_ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        for first in range(0, count, WINDOW):
            window = min(WINDOW, count - first)
            for number in range(first, first + window):
                sock.sendmsg([request()], [from_address(number, is_ipv6)], 0, (host, 123))
            answered += drain(sock, window)
    print(answered)


def garbage(host):
    kinds = [request(mode=mode) for mode in (2, 4, 5, 6, 7)]
    kinds += [request(version=0), request(version=7), b"", os.urandom(47)]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((host, 123))
        while True:
            for data in kinds:
                sock.send(data)


def datagram(source, destination, payload):
    """An IPv4 datagram whose source we choose; the kernel fills in the header's checksum."""
    size = 8 + len(payload)
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0,
                         socket.inet_aton(source), socket.inet_aton(destination))
    return header + struct.pack(">HHHH", 123, 123, size, 0) + payload


def spoof_self(source, destination):
    """From ourselves to ourselves, all modes. Answers to answers would never end."""
    sent = seen = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as sniffer, \
            socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        sniffer.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        sniffer.bind(("lo", 0))
        for octet in range(64):
            data = request(version=octet >> 3, mode=octet & 7)
            raw.sendto(datagram(source, destination, data), (destination, 0))
            sent += 1
        while select.select([sniffer], [], [], PATIENCE_S)[0] and seen < 100 * sent:
            frame, where = sniffer.recvfrom(4096)
            is_udp = where[2] == PACKET_OUTGOING and frame[14 + 9] == socket.IPPROTO_UDP
            if is_udp and frame[34:38] == struct.pack(">HH", 123, 123):
                seen += 1
    print(sent, seen)


if __name__ == "__main__":
    if sys.argv[1] == "addresses":
        addresses(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1] == "garbage":
        garbage(sys.argv[2])
    else:
        spoof_self(sys.argv[2], sys.argv[3])
