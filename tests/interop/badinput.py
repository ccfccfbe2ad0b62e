# SPDX-License-Identifier: MIT
"""badinput.py HOST PORT - sends what no client should, one datagram at a time, and holds the server
to what may come back: nothing, or one answer that is no longer than the request.

After each datagram a good request is sent from the same socket: its answer, which the server sends
in order, tells that no other answer is under way."""
import random
import struct
import sys

from ntp import Reply, check, mac, request, udp

KEY = b"interopMD5key_01"  # key 1 of the keys file, MD5
LENGTH_MAX = 1500
FIRST_OCTET = 4 << 3 | 3
FIRST_OCTETS = (FIRST_OCTET, 3 << 3 | 3, 2 << 3 | 3, 1 << 3, 4 << 3 | 1, 2 << 3 | 6)
ANSWER_MODES = {3: 4, 1: 2}
# What an extension field may say of its own length: nothing, odd, too short, right, too long.
LENGTHS = (0, 1, 2, 3, 4, 5, 8, 12, 15, 16, 17, 27, 28, 29, 30, 31, 32, 33, 1000, 0x7FFF, 0xFFFC,
           0xFFFF)


class Server:
    def __init__(self, host, port):
        self.sock = udp(host, port)
        self.sock.settimeout(5)
        self.sent = 0

    def provoke(self, data, what):
        """Sends data; returns the answer to it, or None."""
        self.sent += 1
        marker = request()
        self.sock.send(data)
        self.sock.send(marker)
        answers = []
        while True:
            try:
                answer = self.sock.recv(4096)
            except OSError as error:
                check(False, f"the server answers no more ({error}) after {what}: {data.hex()}")
            if answer[24:32] == marker[40:48]:
                break
            answers.append(answer)
        check(len(answers) <= 1, f"{len(answers)} answers to {what}: {data.hex()}")
        if not answers:
            return None
        check(len(answers[0]) <= len(data),
              f"an answer of {len(answers[0])} octets to {what}, which has {len(data)}")
        check(answers[0][24:32] == data[40:48],
              f"the answer to {what} is to another request: {answers[0].hex()}")
        return Reply(answers[0])


def try_lengths(server, noise):
    for length in range(LENGTH_MAX + 1):
        first = bytes([FIRST_OCTET])
        for what, data in (("zeros", bytes(length)),
                           ("zeros in a request", first + bytes(length)),
                           ("noise in a request", first + noise.randbytes(length))):
            what = f"{length} octets of {what}"
            reply = server.provoke(data[:length], what)
            if length < 48 or what.endswith("zeros"):
                check(reply is None, f"{what} were answered: {reply}")
            if length == 48 and what.endswith("request"):
                check(reply is not None and len(reply.data) == 48,
                      f"{what} should be answered, not {reply}")


def try_first_octets(server, noise):
    for octet in range(256):
        version, mode = octet >> 3 & 7, octet & 7
        if version == 1 and mode == 0:
            expected = 4
        elif 1 <= version <= 4:
            expected = ANSWER_MODES.get(mode)
        else:
            expected = None
        what = f"version {version}, mode {mode}"
        reply = server.provoke(bytes([octet]) + noise.randbytes(47), what)
        if expected is None:
            check(reply is None, f"{what} was answered: {reply}")
        else:
            check(reply is not None and (reply.version, reply.mode) == (version, expected),
                  f"{what} should be answered in mode {expected}, not {reply}")


def try_macs(server, noise):
    good = request()
    reply = server.provoke(good + mac(1, KEY, good), "a good MAC")
    check(reply is not None and reply.trailer == mac(1, KEY, reply.data[:48]),
          f"a good MAC, badly answered: {reply}")
    for bit in range(8 * (48 + 20)):
        data = bytearray(good + mac(1, KEY, good))
        if bit < 8 or 40 * 8 <= bit < 48 * 8:
            continue  # another mode; another request
        data[bit // 8] ^= 1 << bit % 8
        reply = server.provoke(bytes(data), f"bit {bit} flipped under a MAC")
        check(reply is not None and reply.is_crypto_nak(),
              f"bit {bit} flipped: a crypto-NAK is due, not {reply}")
    for key_id in (0, 1, 2, 3, 99, 2**31, 2**32 - 1):
        for length in range(77):
            data = good + struct.pack(">I", key_id) + noise.randbytes(length)
            reply = server.provoke(data, f"key {key_id}, {length} octets of digest")
            check(reply is None or len(reply.trailer) in (0, 4),
                  f"noise under key {key_id} was taken for a MAC: {reply}")


def field(kind, length, octets):
    return struct.pack(">HH", kind, length) + bytes(octets)


def try_extensions(server, _):
    unknown = field(0xF7FE, 28, 24)
    reply = server.provoke(request() + unknown, "an unknown extension field")
    check(reply is not None and reply.trailer == b"",
          f"an unknown extension field should be ignored, not echoed: {reply}")
    data = request() + unknown
    reply = server.provoke(data + mac(1, KEY, data), "an unknown extension field under a MAC")
    check(reply is not None and reply.trailer == mac(1, KEY, reply.data[:48]),
          f"an unknown extension field under a good MAC, badly answered: {reply}")
    for kind in (0, 0x0104, 0x0204, 0x0404, 0x2005, 0xF323, 0xF7C0, 0xFFFF):
        for length in LENGTHS:
            for octets in (0, 4, 12, 16, 24, 28, 60, 256):
                what = f"a field of type {kind:04x} that says {length} and has {octets + 4} octets"
                for prefix in (b"", unknown):
                    reply = server.provoke(request() + prefix + field(kind, length, octets), what)
                    check(reply is None or len(reply.trailer) in (0, 4),
                          f"{what} was echoed: {reply}")
    many = b"".join(field(0xF7FE, 16, 12) for _ in range(80)) + unknown
    server.provoke(request() + many, "81 extension fields")


def try_noise(server, noise):
    for _ in range(3000):
        data = bytearray(noise.randbytes(noise.choice((48, 52, 64, 68, 72, 76, 100, 200))))
        data[0] = noise.choice(FIRST_OCTETS)
        server.provoke(bytes(data), "noise")


def main():
    noise = random.Random(5905)
    server = Server(sys.argv[1], int(sys.argv[2]))
    for attempt in (try_lengths, try_first_octets, try_macs, try_extensions, try_noise):
        attempt(server, noise)
    print(f"{server.sent} bad datagrams to {sys.argv[1]}")


main()
