# SPDX-License-Identifier: MIT
"""Compares chimed with a bare echo and with stock servers. Run by `make bench`, in the build tree, as root.

BENCH_ROUNDS (8) interleaved rounds, BENCH_SECONDS (1) for each measurement, BENCH_ONLY="chimed chronyd": only
servers whose names begin so. README.md, beside this file, tells how to read the figures.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import bed as beds
import figures

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "8"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "1"))
ONLY = tuple(os.environ.get("BENCH_ONLY", "").split())
WARM_S = 0.2
FIXED_RATE = 20000  # requests per second that all servers can answer
SOURCES_FEW, SOURCES_MANY = 1000, 100000
SAMPLE = 8  # one answer in so many is read by the generator, the others are counted by the kernel
STARTS, QUERIES = 15, 20
KEY = "1 AES128 HEX:c5000102030405060708090a0b0c0d0e"
CEILING = "echo-stamps"
PORT = 123

CHIMED = """[clock]
control = shadow
[server]
listen = 0.0.0.0:123 [::]:123
workers = {workers}
local-stratum = 10
rate-limit = {limit}
clients-max = 131072
[control]
chronyc = off
"""
# Its members are nowhere: what is measured is the cost to plain clients.
MESH = """[mesh]
identity = {folder}/node{own}.pem
poll = {poll}
"""
MEMBER = """[member node{number}]
address = {address}
public-key = {key}
"""
NODES = 5
MESH_WARM_S, MESH_SECONDS = 6, 10
CHRONYD = """local stratum 10
allow all
cmdport 0
bindcmdaddress /
pidfile {folder}/chronyd.pid
user root
"""
NTPSEC = """disable ntp
tos orphan 10
restrict default
unrestrict default limited
"""

# What each server is asked, in each round. A load's options for the generator are in LOADS.
PLAN = {
    "echo": ["saturated"],
    "echo-stamps": ["saturated", "fixed", "many"],
    "echo-single": ["saturated"],
    "chimed": ["saturated", "fixed", "many"],
    "chimed-cores": ["saturated"],
    "chimed-limited": ["many"],
    "chimed-keys": ["keys"],
    "chimed-mesh": ["saturated"],
    "chronyd": ["saturated", "fixed", "many"],
    "chronyd-keys": ["keys"],
    "ntpsec": ["saturated", "fixed"],
}
LOADS = {
    "saturated": ["--sources", str(SOURCES_FEW), "--sample", str(SAMPLE)],
    "fixed": ["--sources", str(SOURCES_FEW), "--rate", str(FIXED_RATE)],
    "many": ["--sources", str(SOURCES_MANY), "--sample", str(SAMPLE)],
    "keys": ["--sources", str(SOURCES_FEW), "--sample", str(SAMPLE), "--key", KEY],
}


def make_node(bed, chime, number):
    """A node's key and its state. Returns the public key."""
    folder = os.path.join(bed.folder, f"state{number}")
    os.mkdir(folder, 0o700)
    said = subprocess.run([chime.path, "keygen", "--node", "--state-dir", folder,
                           os.path.join(bed.folder, f"node{number}.pem")], env=chime.environment(),
                          capture_output=True, text=True, check=False)
    found = re.search("ed25519:[0-9a-f]{64}", said.stdout)
    if not found:
        raise beds.Failed(f"chime keygen --node: {said.stdout}{said.stderr}")
    return found.group(0)


def mesh_config(bed, own, keys, address, poll):
    """[clock]'s line for the state, and the sections of a mesh."""
    members = "".join(MEMBER.format(number=number, address=address.format(number), key=key)
                      for number, key in enumerate(keys, 1))
    return (f"[clock]\ncontrol = shadow\nstate-dir = {bed.folder}/state{own}\n",
            MESH.format(folder=bed.folder, own=own, poll=poll) + members)


def find_servers(bed, programs, script):
    """The servers that there are: name to (program, arguments). Says which are missing, and why."""
    key_file = bed.file("keys", KEY + "\n")
    echo = programs["echo"]
    servers = {"echo": (echo, ["-p", str(PORT)]), "echo-stamps": (echo, ["-t", "-p", str(PORT)]),
               "echo-single": (echo, ["-s", "-p", str(PORT)])}
    for name, workers, limit, more in (
            ("chimed", 1, "off", ""), ("chimed-cores", "auto", "off", ""),
            ("chimed-limited", 1, "on", ""), ("chimed-keys", 1, "off", f"[keys]\nfile = {key_file}\n")):
        path = bed.file(name + ".conf", CHIMED.format(workers=workers, limit=limit) + more)
        servers[name] = (programs["chimed"], ["--config", path])
    if programs["chime"].exists() and "chimed-mesh".startswith(ONLY or ("",)):
        bed.keys = [make_node(bed, programs["chime"], number) for number in range(1, NODES + 1)]
        clock, mesh = mesh_config(bed, 1, bed.keys, "10.199.0.6{}", "16 s")
        config = CHIMED.format(workers=1, limit="off").replace("[clock]\ncontrol = shadow\n", clock)
        servers["chimed-mesh"] = (programs["chimed"],
                                  ["--config", bed.file("chimed-mesh.conf", config + mesh)])
    try:
        chronyd = beds.stock_program("chronyd", script)
        programs["chronyd"] = chronyd
        for name, more in (("chronyd", ""), ("chronyd-keys", f"keyfile {key_file}\n")):
            path = bed.file(name + ".conf", CHRONYD.format(folder=bed.folder) + more)
            servers[name] = (chronyd, ["-d", "-x", "-f", path])
    except beds.Skip as reason:
        print(f"without chronyd: {reason}")
    try:
        path = bed.file("ntpsec.conf", NTPSEC)
        servers["ntpsec"] = (beds.stock_program("ntpsec-ntpd", script), ["-n", "-c", path])
        programs["ntpdig"] = beds.stock_program("ntpdig", script)
    except beds.Skip as reason:
        print(f"without ntpsec: {reason}")
    return {name: servers[name] for name in PLAN
            if name in servers and (not ONLY or name.startswith(ONLY)) and servers[name][0].exists()}


class Bench:
    def __init__(self, bed, programs, servers):
        self.bed, self.programs, self.servers = bed, programs, servers
        self.results = figures.Results()
        self.softirq = beds.softirq_thread()
        self.server_cpu, self.load_cpu = {bed.cpus[0]}, {bed.cpus[-1]}

    def start(self, name):
        cpus = set(self.bed.cpus) if name == "chimed-cores" else self.server_cpu
        self.bed.start(name, *self.servers[name], cpus)

    def load(self, name, options):
        """Runs the generator against the running server."""
        watch = ["--watch", str(self.bed.running.pid)]
        if self.softirq:
            watch += ["--watch", str(self.softirq)]
        echo = ["--echo"] if name.startswith("echo") else []
        return self.bed.in_namespace(
            self.bed.pair(name).client, self.programs["load"],
            ["--interface", "wire", "--server-mac", beds.SERVER_MAC] + options + echo + watch +
            [beds.SERVER, str(PORT)], self.load_cpu)

    def round(self, number):
        """All servers under one load, then under the next: what is compared is measured side by side."""
        for load, options in LOADS.items():
            for name in self.servers:
                if load in PLAN[name]:
                    # A fresh process: none meets what another load left in its tables.
                    self.start(name)
                    done = self.load(name, options + ["--seconds", str(SECONDS), "--warm", str(WARM_S)])
                    self.bed.stop()
                    self.results.add(number, name, load, done, self.softirq)

    def memory(self):
        """Before and after 100,000 addresses, each of which asked at least once."""
        for name in self.servers:
            if name.endswith(("-keys", "-mesh")) or name in ("echo", "echo-single"):
                continue
            self.start(name)
            self.load(name, ["--seconds", "0", "--warm", "0", "--rate", "1"])
            before = self.bed.memory_kib()
            rate = 40000
            seen = self.load(name, ["--sources", str(SOURCES_MANY), "--rate", str(rate), "--warm",
                                    "0", "--seconds", str(1.05 * SOURCES_MANY / rate)])
            self.results.values["memory " + name] = {
                "before_kib": before, "after_kib": self.bed.memory_kib(),
                "answered": seen["answers"]}
            self.bed.stop()

    def starts(self):
        """From exec to the first answer, over the loopback of the server's namespace."""
        for name in self.servers:
            if name in ("chimed", "chimed-cores", "chronyd", "ntpsec"):
                program, arguments = self.servers[name]
                cpu = [] if name == "chimed-cores" else ["-c", str(self.bed.cpus[0])]
                self.results.values["start " + name] = self.bed.in_namespace(
                    self.bed.pair(name).server, beds.Program(self.programs["launch"].path,
                                                             program.libraries),
                    ["-n", str(STARTS)] + cpu + ["-a", "127.0.0.1", "-p", str(PORT), program.path] +
                    arguments)

    def exchanges(self):
        """CPU time of a member of a mesh of five, all on loopback, at a poll each second: for each packet that it
        sent or answered, signatures included."""
        if "chimed-mesh" not in self.servers:
            return
        namespace, running = self.bed.pair("mesh").server, []
        try:
            for number in range(1, NODES + 1):
                clock, mesh = mesh_config(self.bed, number, self.bed.keys, "127.0.0.{}", "1 s")
                text = (f"{clock}[server]\nlisten = 127.0.0.{number}:{PORT}\nworkers = 1\n"
                        f"[control]\nsocket = {self.bed.folder}/mesh{number}.sock\n{mesh}")
                path = self.bed.file(f"mesh{number}.conf", text)
                running.append(self.bed.start_beside(namespace, self.programs["chimed"],
                                                     ["--config", path], f"mesh{number}"))
            time.sleep(MESH_WARM_S)
            before = self.mesh_counts(running[0].pid)
            time.sleep(MESH_SECONDS)
            after = self.mesh_counts(running[0].pid)
        finally:
            for process in running:
                process.kill()
                process.wait()
        cpu_us, packets = ((after[i] - before[i]) for i in range(2))
        self.results.values["mesh exchange"] = {
            "cpu_us": cpu_us / packets if packets else 0, "packets_per_s": packets / MESH_SECONDS,
            "cpu_share": cpu_us / 1e6 / MESH_SECONDS}

    def mesh_counts(self, pid):
        """CPU time in µs of all threads, and authentic packets so far."""
        cpu_ns = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                cpu_ns += int(file.read().split()[0])
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.connect(f"{self.bed.folder}/mesh1.sock")
            with sock.makefile("rw") as file:
                file.write("mesh\n")
                file.flush()
                answer = json.loads(file.readline())
        return cpu_ns / 1e3, sum(member["accepted"] for member in answer["members"])

    def queries(self):
        """One question to a server that is idle otherwise."""
        name = "chimed" if "chimed" in self.servers else "chronyd"
        if name not in self.servers:
            return
        commands = {
            "chime query": ("chime", ["query", beds.SERVER], QUERIES),
            "ntpdig": ("ntpdig", [beds.SERVER], QUERIES // 2),
            "chronyd -Q": ("chronyd", ["-Q", "-t", "5", f"server {beds.SERVER} iburst maxsamples 1",
                                       f"pidfile {self.bed.folder}/query.pid", "user root"],
                           QUERIES // 4),
        }
        self.start(name)
        self.load(name, ["--seconds", "0", "--warm", "0", "--rate", "1"])
        for what, (key, arguments, count) in commands.items():
            program = self.programs.get(key)
            if program and program.exists():
                self.results.values["query " + what] = self.bed.in_namespace(
                    self.bed.pair(name).client,
                    beds.Program(self.programs["launch"].path, program.libraries),
                    ["-n", str(count), program.path] + arguments)
        self.bed.stop()


def judge(results):
    """The targets, each beside its figure."""
    cpu, rate = "cpu_us_per_answer", "answers_per_s"
    chimed, chronyd = ("chimed", "saturated"), ("chronyd", "saturated")
    results.target("CPU per answer, one worker to echo with kernel stamps",
                   results.ratio(chimed, (CEILING, "saturated"), cpu), 1.05)
    results.target("CPU per answer, one worker to chronyd", results.ratio(chimed, chronyd, cpu), 0.80)
    results.target("answers per second, one worker to chronyd",
                   results.ratio(chimed, chronyd, rate, busy=True), 1.25, at_least=True)
    results.target("CPU per answer, rate limiter on to off (100,000 addresses)",
                   results.ratio(("chimed-limited", "many"), ("chimed", "many"), cpu), 1.10)
    results.target("CPU per answer with AES-CMAC, to chronyd",
                   results.ratio(("chimed-keys", "keys"), ("chronyd-keys", "keys"), cpu), 0.85)
    results.target("CPU per answer, with a mesh configured to without",
                   results.ratio(("chimed-mesh", "saturated"), chimed, cpu), 1.03)
    results.target("answers per second, with a mesh configured to without",
                   results.ratio(("chimed-mesh", "saturated"), chimed, rate, busy=True), 0.97, at_least=True)
    used = [sorted(threads)[-2] / sum(threads) for threads in
            results.column("chimed-cores", "saturated", "threads_ns").values() if len(threads) > 1]
    results.target("one worker per core: the second busiest thread's share of the CPU time", used, 0.2,
                   at_least=True)
    judge_values(results)


def judge_values(results):
    values = results.values

    def mib(name, when, key):
        found = values.get("memory " + name)
        return found[when][key] / 1024 if found else None

    for name in ("chimed", "chimed-cores", "chimed-limited"):
        if not values.get("memory " + name):
            continue
        results.target(f"RssAnon at the start, {name}", [mib(name, "before_kib", "RssAnon")], 2, " MiB")
        if values.get("memory chronyd"):
            results.target(f"RSS at the start beyond chronyd's, {name}",
                           [mib(name, "before_kib", "VmRSS") - mib("chronyd", "before_kib", "VmRSS")],
                           2, " MiB")
        results.target(f"RSS gained by 100,000 addresses, {name}",
                       [mib(name, "after_kib", "VmRSS") - mib(name, "before_kib", "VmRSS")], 8, " MiB")
    for name in ("chimed", "chimed-cores"):
        started = values.get("start " + name)
        results.target(f"exec to first answer, {name}", started and started["wall_ms"], 10, " ms")
    query = values.get("query chime query")
    results.target("chime query, wall", query and query["wall_ms"], 5, " ms")
    results.target("chime query, CPU", query and query["cpu_ms"], 3, " ms")


def report(results, servers):
    for load, title in (
            ("saturated", f"Saturated, {SOURCES_FEW} client addresses"),
            ("fixed", f"Fixed {FIXED_RATE} requests/s, {SOURCES_FEW} client addresses"),
            ("many", f"Saturated, {SOURCES_MANY} client addresses"),
            ("keys", f"Saturated, AES-128-CMAC, {SOURCES_FEW} client addresses")):
        chronyd = "chronyd-keys" if load == "keys" else "chronyd"
        figures.print_load(results, load, title, servers, CEILING, chronyd)
    figures.print_table("Memory, KiB, before and after 100,000 client addresses",
                        ["", "RSS", "after", "RssAnon", "after", "answered"],
                        [[key.split(" ", 1)[1]] +
                         [value[when][field] for field in ("VmRSS", "RssAnon")
                          for when in ("before_kib", "after_kib")] + [int(value["answered"])]
                         for key, value in results.values.items() if key.startswith("memory ")])
    figures.print_table("Exec to first answer (start), or to the end (query), ms",
                        ["", "wall", "CPU"],
                        [[key, figures.spread(value["wall_ms"]), figures.spread(value["cpu_ms"])]
                         for key, value in results.values.items()
                         if key.startswith(("start ", "query "))])
    mesh = results.values.get("mesh exchange")
    if mesh:
        print(f"\nA member of a mesh of {NODES}, poll 1 s: {mesh['packets_per_s']:.1f} exchanges/s, "
              f"{mesh['cpu_us']:.0f} us of CPU each, {100 * mesh['cpu_share']:.2f} % of a CPU")
    figures.print_targets(results)


def prepare():
    if os.geteuid() != 0:
        raise beds.Skip(f"network namespaces need root (this is uid {os.geteuid()})")
    if shutil.which("ip") is None:
        raise beds.Skip("network namespaces need the ip command (Debian: iproute2)")
    if len(os.sched_getaffinity(0)) < 2:
        raise beds.Skip("server and load generator need a CPU each, and there is one")
    beds.leave_clock_alone()
    try:
        beds.remove_stale()
        beds.Pair("probe").remove()
    except beds.Failed as reason:
        raise beds.Skip(f"no network namespaces can be made: {reason}") from reason


def measure(bed):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop", "stock.sh")
    programs = {name: beds.own_program(path) for name, path in (
        ("echo", "tests/bench/echo"), ("load", "tests/bench/load"),
        ("launch", "tests/bench/launch"), ("chimed", "chimed"), ("chime", "chime"))}
    bench = Bench(bed, programs, find_servers(bed, programs, script))
    started_s, stolen_s = beds.now_s(), beds.steal_s()
    print(f"{ROUNDS} rounds of {SECONDS:g} s for each measurement: {', '.join(bench.servers)}")
    for number in range(ROUNDS):
        bench.round(number)
        print(f"round {number + 1} of {ROUNDS} done after {beds.now_s() - started_s:.0f} s", flush=True)
    bench.memory()
    bench.starts()
    bench.exchanges()
    bench.queries()
    judge(bench.results)
    report(bench.results, bench.servers)
    os.makedirs("tests/bench", exist_ok=True)
    bench.results.write("tests/bench/results")
    print(f"\n{beds.now_s() - started_s:.0f} s; the host took {beds.steal_s() - stolen_s:.1f} s of CPU "
          f"away; load average {os.getloadavg()[0]:.1f}. All figures: tests/bench/results.csv, .json")


def end(number, _frame):
    sys.exit(128 + number)


def main():
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        prepare()
    except beds.Skip as reason:
        print(f"SKIP bench: {reason}")
        return 0
    bed = beds.Bed()
    try:
        measure(bed)
    except beds.Failed as reason:
        server = bed.running and bed.running.args[4]
        print(f"bench: {reason}\nserver: {server}")
        for name in os.listdir(bed.folder):
            if name.endswith(".log") and bed.log(name[:-4]):
                print(f"--- {name}\n{bed.log(name[:-4])}")
        return 1
    finally:
        bed.clear()
    return 0


if __name__ == "__main__":
    sys.exit(main())
