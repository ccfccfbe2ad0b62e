# SPDX-License-Identifier: MIT
"""candm.py [HOST [PORT]] - asks a server's statistics as chronyc 4.4 and later do, which Debian's
chronyc does not: with the timestamps by who made them. Prints "name value" lines."""
import socket
import struct
import sys

SERVER_STATS, REPLY_HEADER, LENGTH = 54, 28, 196
NAMES = ("ntp_hits", "nke_hits", "cmd_hits", "ntp_drops", "nke_drops", "cmd_drops", "log_drops",
         "ntp_auth", "ntp_interleaved", "ntp_timestamps", "ntp_span", "daemon_rx", "daemon_tx",
         "kernel_rx", "kernel_tx", "hardware_rx", "hardware_tx")


def server_stats(host="127.0.0.1", port=323):
    request = struct.pack(">BBBBHHI", 6, 1, 0, 0, SERVER_STATS, 0, 4711).ljust(LENGTH, b"\0")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        sock.connect((host, port))
        sock.send(request)
        reply = sock.recv(2048)
    status = struct.unpack(">H", reply[8:10])[0]
    if status != 0 or len(reply) != LENGTH:
        raise SystemExit(f"status {status}, {len(reply)} octets, not 0 and {LENGTH}: {reply.hex()}")
    return dict(zip(NAMES, struct.unpack(">17Q", reply[REPLY_HEADER:REPLY_HEADER + 17 * 8])))


if __name__ == "__main__":
    for name, value in server_stats(*sys.argv[1:2], *map(int, sys.argv[2:3])).items():
        print(name, value)
