# SPDX-License-Identifier: MIT
"""dns.py - a name server on 127.0.0.1, port 53. The zone is a file of lines, NAME A|AAAA ADDRESS,
NAME SRV PRIORITY WEIGHT PORT TARGET or NAME SERVFAIL, read anew for each question. A name that it has is answered with its addresses in the file's order (none is
an answer, too), another with NXDOMAIN.

dns.py ZONE-FILE: prints a line for each question, NAME TYPE COUNT, or NAME TYPE ERROR."""
import socket
import struct
import sys

TYPES = {1: "A", 28: "AAAA", 33: "SRV"}
NO_ERROR, SERVFAIL, NXDOMAIN = 0, 2, 3


def read_zone(path):
    with open(path, encoding="ascii") as file:
        return [line.split() for line in file if line.strip()]


def read_name(data, at):
    labels = []
    while data[at] != 0:
        labels.append(data[at + 1:at + 1 + data[at]].decode("ascii"))
        at += 1 + data[at]
    return ".".join(labels).lower(), at + 1


def write_name(name):
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split(".")) + b"\0"


def write_data(line):
    if line[1] == "SRV":
        return struct.pack(">HHH", *map(int, line[2:5])) + write_name(line[5])
    return socket.inet_pton(socket.AF_INET if line[1] == "A" else socket.AF_INET6, line[2])


def answer(data, zone):
    number, flags = struct.unpack(">HH", data[:4])
    name, end = read_name(data, 12)
    kind = TYPES.get(struct.unpack(">H", data[end:end + 2])[0], "other")
    lines = [line for line in zone if line[0] == name]
    code = NO_ERROR if lines else NXDOMAIN
    if ["SERVFAIL"] in [line[1:] for line in lines]:
        code = SERVFAIL
    records = b""
    count = 0
    for line in lines:
        if code == NO_ERROR and line[1] == kind:
            written = write_data(line)
            number_of = {name: number for number, name in TYPES.items()}
            # The name by reference to the question; for no second is it to be kept.
            records += struct.pack(">HHHIH", 0xc00c, number_of[kind], 1, 0, len(written))
            records += written
            count += 1
    said = {SERVFAIL: "SERVFAIL", NXDOMAIN: "NXDOMAIN"}.get(code, count)
    print(name, kind, said, flush=True)
    header = struct.pack(">HHHHHH", number, 0x8580 | flags & 0x0100 | code, 1, count, 0, 0)
    return header + data[12:end + 4] + records


def main(path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 53))
        while True:
            data, client = sock.recvfrom(512)
            sock.sendto(answer(data, read_zone(path)), client)


main(sys.argv[1])
