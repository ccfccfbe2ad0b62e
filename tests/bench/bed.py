# SPDX-License-Identifier: MIT
"""The test bed: network namespaces, programs started in them, and what they leave behind."""
import ctypes
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

PREFIX = "chime-bench"
SERVER, CLIENT = "10.199.0.2", "10.199.0.1"
SERVER_MAC, CLIENT_MAC = "02:00:00:00:00:02", "02:00:00:00:00:01"
SOURCES = "10.200.0.0/15"  # the addresses that requests come from
CAP_SYS_TIME, PR_CAPBSET_DROP, PR_SET_PDEATHSIG = 25, 24, 1
NICE = -15  # for servers and generator alike: the machine's other work should not be measured

libc = ctypes.CDLL(None, use_errno=True)


class Skip(Exception):
    """The benchmark can't be run here."""


class Failed(Exception):
    """A program did not do what was asked of it."""


def leave_clock_alone():
    """From here on, whatever is started can't set the clock, whoever it runs as."""
    if libc.prctl(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0) != 0:
        raise Skip("the right to set the clock can't be given up: " + os.strerror(ctypes.get_errno()))


def prepare_child(cpus=None):
    """To be called between fork and exec."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    # Where the kernel groups processes by session, the group's nice value is the one that counts.
    os.setsid()
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as file:
            file.write(str(NICE))
    except OSError:
        pass
    if cpus:
        os.sched_setaffinity(0, cpus)


def run(arguments, text=None):
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def remove_namespace(name):
    for pid in subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True,
                              check=False).stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"bench.py" in file.read()
    except OSError:
        return False


def remove_stale():
    """The namespaces and folders of benchmarks that were killed."""
    for name in re.findall(PREFIX + r"-\d+-\S+", run(["ip", "netns", "list"])):
        if not is_alive(name.split("-")[2]):
            remove_namespace(name)
    for folder in glob.glob(os.path.join(tempfile.gettempdir(), PREFIX + "-*.*")):
        if not is_alive(os.path.basename(folder).split("-")[2].split(".")[0]):
            shutil.rmtree(folder, ignore_errors=True)


def softirq_thread():
    """The kernel thread that does what interrupts leave undone on CPU 0, or None."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as file:
                if file.read().strip() == "ksoftirqd/0":
                    return int(pid)
        except OSError:
            pass
    return None


class Program:
    """An executable, and the environment that it needs to find its libraries."""

    def __init__(self, path, libraries=None):
        self.path = path
        self.libraries = libraries

    def environment(self):
        environment = dict(os.environ)
        if self.libraries:
            environment["LD_LIBRARY_PATH"] = self.libraries
        return environment

    def exists(self):
        return os.access(self.path, os.X_OK)


def own_program(name):
    """One of ours, past the script that libtool puts before it: that would be measured too."""
    folder, base = os.path.split(os.path.abspath(name))
    hidden = os.path.join(folder, ".libs", base)
    if os.path.exists(hidden):
        return Program(hidden, os.path.abspath(".libs"))
    return Program(os.path.join(folder, base))


def stock_program(name, script):
    """One from the distribution, unpacked by tests/interop/stock.sh; past its wrapper if it is no script."""
    done = subprocess.run(["bash", "-c", '. "$1"; stock_program "$2"', "bash", script, name],
                          capture_output=True, text=True, check=False)
    said = done.stdout.strip()
    if done.returncode != 0:
        raise Skip(said or done.stderr.strip())
    with open(said, encoding="utf-8") as file:
        wrapper = file.read()
    path = os.path.join(os.path.dirname(said), "..", "root",
                        re.search(r'exec "\$root/(.*?)"', wrapper).group(1))
    with open(path, "rb") as file:
        if file.read(2) == b"#!":
            return Program(said)
    libraries = re.search(r'LD_LIBRARY_PATH="(.*)"', wrapper)
    return Program(os.path.realpath(path), libraries.group(1) if libraries else None)


class Pair:
    """A server's namespace and its client's, joined by veth. The client's holds 100,000 addresses by a route."""

    def __init__(self, name):
        self.server = f"{PREFIX}-{os.getpid()}-{name}-server"
        self.client = f"{PREFIX}-{os.getpid()}-{name}-client"
        for namespace in (self.server, self.client):
            run(["ip", "netns", "add", namespace])
        run(["ip", "link", "add", "name", "wire", "address", SERVER_MAC, "netns", self.server,
             "type", "veth", "peer", "name", "wire", "address", CLIENT_MAC, "netns", self.client])
        # Nobody needs to be asked for an address while it is measured.
        run(["ip", "-n", self.server, "-batch", "-"],
            f"link set lo up\nlink set wire up\naddress add {SERVER}/30 dev wire\n"
            f"neighbour replace {CLIENT} lladdr {CLIENT_MAC} dev wire nud permanent\n"
            f"route add {SOURCES} via {CLIENT}\n")
        run(["ip", "-n", self.client, "-batch", "-"],
            f"link set lo up\nlink set wire up\naddress add {CLIENT}/30 dev wire\n"
            f"neighbour replace {SERVER} lladdr {SERVER_MAC} dev wire nud permanent\n"
            f"route add local {SOURCES} dev lo\n")

    def remove(self):
        remove_namespace(self.server)
        remove_namespace(self.client)


class Bed:
    """What must be gone at the end: namespaces, processes, the folder for their files."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix=f"{PREFIX}-{os.getpid()}.")
        self.pairs = {}
        self.running = None
        self.keys = []  # public keys of a mesh's nodes
        self.cpus = sorted(os.sched_getaffinity(0))

    def pair(self, name):
        if name not in self.pairs:
            self.pairs[name] = Pair(name)
        return self.pairs[name]

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as file:
            file.write(text)
        return path

    def start(self, name, program, arguments, cpus):
        """Starts a server in its namespace, on the given CPUs."""
        with open(os.path.join(self.folder, name + ".log"), "wb") as log:
            self.running = subprocess.Popen(
                ["ip", "netns", "exec", self.pair(name).server, program.path] + arguments,
                env=program.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=lambda: prepare_child(cpus))
        return self.running.pid

    def start_beside(self, namespace, program, arguments, name):
        """Starts one more in a namespace; the caller ends it."""
        with open(os.path.join(self.folder, name + ".log"), "wb") as log:
            return subprocess.Popen(
                ["ip", "netns", "exec", namespace, program.path] + arguments,
                env=program.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=prepare_child)

    def stop(self):
        if self.running is None:
            return
        self.running.terminate()
        try:
            self.running.wait(3)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()
        self.running = None

    def in_namespace(self, namespace, program, arguments, cpus=None):
        """Runs one of our tools, and returns what it prints, a line of JSON."""
        done = subprocess.run(["ip", "netns", "exec", namespace, program.path] + arguments,
                              env=program.environment(), capture_output=True, text=True,
                              check=False, preexec_fn=lambda: prepare_child(cpus))
        if done.returncode != 0:
            raise Failed(done.stderr.strip() or f"{program.path} ended with {done.returncode}")
        return json.loads(done.stdout)

    def memory_kib(self):
        """RSS and RssAnon of the running server."""
        with open(f"/proc/{self.running.pid}/status", encoding="ascii", errors="replace") as file:
            status = file.read()
        return {key: int(re.search(key + r":\s+(\d+)", status).group(1))
                for key in ("VmRSS", "RssAnon")}

    def log(self, name):
        try:
            with open(os.path.join(self.folder, name + ".log"), encoding="utf-8",
                      errors="replace") as file:
                return file.read()[-2000:]
        except OSError:
            return ""

    def clear(self):
        self.stop()
        for pair in self.pairs.values():
            pair.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def steal_s():
    """CPU time that the machine's host took away so far, over all CPUs."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = file.readline().split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


def now_s():
    return time.monotonic()
