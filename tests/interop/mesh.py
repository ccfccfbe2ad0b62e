# SPDX-License-Identifier: MIT
"""mesh.py - what the tests of the mesh look at from outside, and the judge of its stamps.

  mesh.py spread ADDRESS...         the offsets of these servers, their leap and stratum; exits 1 if one is silent
  mesh.py sizes ADDRESS...          plain requests, and a stranger's with the mesh's fields: all answers are 48 octets
  mesh.py ask SOCKET WORD...        a request to a daemon, and its answer
  mesh.py members SOCKET            a line for each member that it knows: name, state, number of the proof, cause
  mesh.py collect LOG SOCKET...     asks all daemons for stamps, passes messages between them, until SIGTERM
  mesh.py judge LOG NODES           stamps never go back, and each receipt lies behind its message
  mesh.py flow LOG LINE NODES       exits 1 until all nodes gave stamps after that line
  mesh.py self-test                 the judge finds what is wrong in logs that are
"""
import json
import random
import signal
import socket
import struct
import sys
import threading
import time

import ntp

MASK = 2**64 - 1
PACE_S = 0.02
RETRY_S = 0.1
FLOW_MIN = 10
STAMPS_MIN = 50  # of a node, or the log proves little


def best_of(address, count=5):
    """Of some answers the one with the least round trip: (offset s, half of it, leap, stratum)."""
    best = None
    for _ in range(count):
        before = time.time()
        reply = ntp.ask(address, tries=1)
        half = (time.time() - before) / 2
        if reply is not None and (best is None or half < best[1]):
            best = reply.offset, half, reply.leap, reply.stratum
    return best


def spread(addresses):
    found = {address: best_of(address) for address in addresses}
    for address, best in found.items():
        if best is None:
            print(f"{address} does not answer")
        else:
            print(f"{address} offset_us {best[0] * 1e6:.0f} error_us {best[1] * 1e6:.0f} "
                  f"leap {best[2]} stratum {best[3]}")
    if None in found.values():
        return 1
    offsets = [best[0] for best in found.values()]
    error = max(best[1] for best in found.values())
    print(f"spread_us {(max(offsets) - min(offsets)) * 1e6:.0f} error_us {error * 1e6:.0f} "
          f"mean_us {sum(offsets) / len(offsets) * 1e6:.0f} "
          f"leaps {''.join(sorted({str(best[2]) for best in found.values()}))}")
    return 0


def field(kind, body):
    return struct.pack(">HH", kind, 4 + len(body)) + body


def stranger_requests():
    """Plain, and with each of the mesh's fields, as nobody who is a member would send it."""
    magic = struct.pack(">IBBH", 0x54434D31, 1, 1, 0)
    junk = random.Random(4711).randbytes(200)
    yield "plain", b""
    yield "REPORT", field(0xF7C0, magic + junk[:84])
    yield "AUTH", field(0xF7C1, magic + junk[:28])
    yield "PAD", field(0xF7C2, bytes(24))
    yield "HELLO of nobody", field(0xF7C3, magic + junk[:136])
    yield "MESSAGE", field(0xF7C4, magic + junk[:160])


def sizes(addresses):
    """A HELLO may be answered by a COOKIE; whatever else a stranger sends gets 48 octets, or nothing."""
    status = 0
    for address in addresses:
        for name, fields in stranger_requests():
            with ntp.udp(address, 123) as sock:
                sock.settimeout(ntp.TRY_S)
                sizes_seen = []
                for _ in range(ntp.TRIES):
                    request = ntp.request() + fields
                    try:
                        sock.send(request)
                        sizes_seen.append(len(sock.recv(2048)))
                        break
                    except OSError:
                        pass
            good = sizes_seen and (sizes_seen[0] == 48 or
                                   (name.startswith("HELLO") and sizes_seen[0] <= len(request)))
            if not good:
                print(f"{address}: {name} of {len(request)} octets was answered by {sizes_seen}")
                status = 1
    return status


def ask(path, request):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(ntp.WAIT_S)
        sock.connect(path)
        with sock.makefile("rw") as file:
            file.write(request + "\n")
            file.flush()
            return file.readline()


def print_members(path):
    for member in json.loads(ask(path, "mesh"))["members"]:
        print(member["name"], member["state"], member.get("evidence") or "-", member["cause"] or "-")
    return 0


def print_answer(path, request):
    print(ask(path, request).rstrip("\n"))
    return 0


class Node:
    """A daemon's control socket; it may be away for a while."""

    def __init__(self, number, path):
        self.number, self.path, self.file = number, path, None

    def stamp(self, message=None):
        try:
            if self.file is None:
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                sock.settimeout(2)
                sock.connect(self.path)
                self.file = sock.makefile("rw")
                sock.close()
            self.file.write("hlc\n" if message is None else f"hlc {message:016x}\n")
            self.file.flush()
            stamp = json.loads(self.file.readline()).get("stamp")
            return None if stamp is None else int(stamp, 16)
        except (OSError, ValueError, json.JSONDecodeError):
            if self.file is not None:
                try:
                    self.file.close()
                except OSError:
                    pass
            self.file = None
            return None


class Collector:
    """One thread for each daemon: stamps of its own events, and receipts of the others' messages."""

    def __init__(self, path, sockets):
        self.log = open(path, "w", buffering=1, encoding="ascii")
        self.nodes = [Node(number, name) for number, name in enumerate(sockets)]
        self.lock, self.over = threading.Lock(), threading.Event()
        self.messages = []  # (index in the log, stamp)
        self.count = 0

    def write(self, node, begun, stamp, message):
        with self.lock:
            index = self.count
            self.count += 1
            self.log.write(json.dumps({"event": index, "node": node.number, "begun": begun,
                                       "ended": time.monotonic_ns(), "stamp": f"{stamp:016x}",
                                       "message": message}) + "\n")
            self.messages.append((index, stamp))
            del self.messages[:-64]

    def run(self, node):
        source = random.Random(node.number)
        while not self.over.wait(PACE_S):
            index, message = None, None
            with self.lock:
                if self.messages and source.random() < 0.5:
                    index, message = source.choice(self.messages)
            begun = time.monotonic_ns()
            stamp = node.stamp(message)
            if stamp is None:
                self.over.wait(RETRY_S)
            else:
                self.write(node, begun, stamp, index)

    def collect(self):
        threads = [threading.Thread(target=self.run, args=(node,)) for node in self.nodes]
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.over.set())
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.log.close()
        print(f"{self.count} stamps")


def is_after(a, b):
    """As stamps are compared: serially, across the end of an era."""
    return 0 < (a - b) & MASK < 2**63


def judge(lines):
    """Sentences on what is wrong, and how many stamps each node gave."""
    wrong, stamps, per_node = [], {}, {}
    for line in lines:
        event = json.loads(line)
        event["stamp"] = int(event["stamp"], 16)
        stamps[event["event"]] = event["stamp"]
        per_node.setdefault(event["node"], []).append(event)
        if event["message"] is not None and not is_after(event["stamp"], stamps[event["message"]]):
            wrong.append(f"event {event['event']} of node {event['node']} has stamp "
                         f"{event['stamp']:016x}, and received {stamps[event['message']]:016x}")
    for node, events in per_node.items():
        wrong += judge_node(node, events)
    return wrong, {node: len(events) for node, events in per_node.items()}


def judge_node(node, events):
    """Of two events of a node the one that began after the other had ended has the later stamp, in one process or
    in two; and none has another's."""
    wrong = []
    events.sort(key=lambda event: event["ended"])
    ended, latest, place = events, None, 0
    for event in sorted(events, key=lambda event: event["begun"]):
        while place < len(ended) and ended[place]["ended"] < event["begun"]:
            if latest is None or is_after(ended[place]["stamp"], latest):
                latest = ended[place]["stamp"]
            place += 1
        if latest is not None and not is_after(event["stamp"], latest):
            wrong.append(f"node {node} gave {event['stamp']:016x} after {latest:016x}")
    if len({event["stamp"] for event in events}) < len(events):
        wrong.append(f"node {node} gave a stamp twice")
    return wrong


def good_log():
    """Three nodes, across an era's end: each event is behind the node's last one and its message."""
    source, clock = random.Random(1), [(2**64 - 5000 + node * 100) & MASK for node in range(3)]
    events = []
    for index in range(300):
        node, now = index % 3, index * 1000
        message = source.randrange(index) if index and source.random() < 0.5 else None
        floor = clock[node]
        if message is not None and is_after(events[message]["stamp"], floor):
            floor = events[message]["stamp"]
        clock[node] = (floor + 1 + source.randrange(50)) & MASK
        events.append({"event": index, "node": node, "begun": now, "ended": now + 500,
                       "stamp": clock[node], "message": message})
    return events


def text_of(events):
    return [json.dumps({**event, "stamp": f"{event['stamp']:016x}"}) for event in events]


def self_test():
    wrong, counts = judge(text_of(good_log()))
    assert not wrong and counts == {0: 100, 1: 100, 2: 100}, wrong
    events = good_log()
    events[200]["stamp"] = (events[197]["stamp"] - 1) & MASK
    assert judge(text_of(events))[0], "a stamp that goes back is not found"
    events = good_log()
    events[200]["stamp"] = events[197]["stamp"]
    assert judge(text_of(events))[0], "a stamp that is given twice is not found"
    events = good_log()
    last = max((event for event in events if event["message"] is not None),
               key=lambda event: event["event"])
    last["stamp"] = (events[last["message"]]["stamp"] - 1) & MASK
    assert any("received" in sentence for sentence in judge(text_of(events))[0]), \
        "a receipt before its message is not found"
    # Two that overlap in time may have either order.
    events = good_log()
    events[297]["begun"], events[294]["ended"] = 0, 10**9
    events[297]["stamp"], events[294]["stamp"] = events[294]["stamp"], events[297]["stamp"]
    events[294]["message"] = events[297]["message"] = None
    assert not [sentence for sentence in judge(text_of(events))[0] if "node 0" in sentence and
                "after" in sentence], "concurrent events are held to an order"
    print("the judge finds what is wrong")
    return 0


def flow(path, start, nodes):
    """Have all nodes given stamps since that line?"""
    counts = {}
    with open(path, encoding="ascii") as file:
        for line in list(file)[int(start):]:
            if line.endswith("\n"):
                node = json.loads(line)["node"]
                counts[node] = counts.get(node, 0) + 1
    print("stamps by node:", [counts.get(node, 0) for node in range(int(nodes))])
    return 0 if all(counts.get(node, 0) >= FLOW_MIN for node in range(int(nodes))) else 1


def judge_file(path, nodes):
    with open(path, encoding="ascii") as file:
        wrong, counts = judge(file)
    few = [node + 1 for node in range(int(nodes)) if counts.get(node, 0) < STAMPS_MIN]
    for sentence in wrong[:10]:
        print(sentence)
    if few:
        print(f"too few stamps of the nodes {few}")
    print(f"{sum(counts.values())} stamps of {len(counts)} nodes, {len(wrong)} wrong")
    return 1 if wrong or few else 0


def main():
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "collect":
        Collector(arguments[0], arguments[1:]).collect()
        return 0
    commands = {"ask": lambda: print_answer(arguments[0], " ".join(arguments[1:])),
                "members": lambda: print_members(arguments[0]), "spread": lambda: spread(arguments),
                "sizes": lambda: sizes(arguments), "judge": lambda: judge_file(*arguments),
                "flow": lambda: flow(*arguments), "self-test": self_test}
    return commands[command]()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    sys.exit(main())
