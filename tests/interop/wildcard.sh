#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A server on wildcard sockets, many addresses on its interface: the answer comes from the very
# address that was asked.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
make_namespaces
start_server

said=$(in_client "$PYTHON" -B - "$INTEROP" << 'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
from ntp import *
for number in (1, *range(11, 20)):
    for host in (f"192.0.2.{number}", f"2001:db8::{number}"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Not connected: it takes a reply from anywhere.
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            data = request()
            sock.sendto(data, (host, 123))
            reply, source = sock.recvfrom(2048)
            check(source[:2] == (host, 123), f"asked {host}, answered by {source}")
            check(Reply(reply).origin == Reply(data).transmit, f"{host} answered another request")
print("20 addresses answer for themselves")
PYTHON
) || fail "$said"
pass "$said"
