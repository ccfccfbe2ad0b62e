# SPDX-License-Identifier: MIT
"""leap.py - a leap second as servers have it, and as those who follow them are seen to meet it.

serve RAW ADDRESS,MIDNIGHT,LEAP,ANNOUNCED…: NTP servers of one clock that is right. MIDNIGHT (unix
seconds) is when CLOCK_MONOTONIC_RAW reads RAW (nanoseconds); LEAP, which they have, and ANNOUNCED
are none, insert or delete.

watch RAW MIDNIGHT PORT SOCKET FILE: writes what the system clock, the kernel, the answers on that
port of loopback and the operator's socket show, until END_S after midnight. To be run with the
clock of the chimed that is looked at.

judge FOLDER NAME EXPECTED…: what was seen must be what was expected (see EXPECTATIONS)."""
import csv
import ctypes
import json
import select
import selectors
import socket
import struct
import sys
import time
import ntp

END_S = 8.5
S = 10**9
LEAPS = {"none": 0, "insert": 1, "delete": 2}
GAIN_S = {"none": 0, "insert": -1, "delete": 1}
WINDOW_S = 1000  # of the smear
STA = {"insert": 0x10, "delete": 0x20}
TIME_OK, TIME_INS, TIME_DEL, TIME_OOP, TIME_WAIT, TIME_ERROR = range(6)
LOOK_S = 0.05
STATUS_EVERY = 5  # looks
LONGEST_S = 0.03  # of a look that says when it was
CLOSE_S = 0.05
ARRIVED_S = -3  # from then on all is well


def raw_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


def utc_s(unbroken_s, leap):
    """Seconds since midnight as UTC shows them, by seconds without a leap."""
    begins_s = -1 if leap == "delete" else 0
    return unbroken_s + (GAIN_S[leap] if unbroken_s >= begins_s else 0)


def smeared_s(unbroken_s, leap):
    """Half a window before and after, as UTC counts: the inserted second is one more."""
    part = (unbroken_s + WINDOW_S / 2) / (WINDOW_S - GAIN_S[leap])
    return unbroken_s + GAIN_S[leap] * min(max(part, 0), 1)


# serve

def answer(request, received_s, midnight, leap, announced, now_s, kept):
    """kept: by the receive timestamp of an answer, when it left; for interleaved requests."""
    def stamp(unbroken_s):
        shown_s = utc_s(unbroken_s, leap)
        return (midnight + ntp.UNIX_1900) * 2**32 + round(shown_s * 2**32)

    is_over = now_s >= {"none": 0, "insert": 1, "delete": -1}[leap]
    bits = 0 if is_over else LEAPS[announced]
    origin, receive, transmit = struct.unpack(">QQQ", request[24:48])
    left = kept.pop(origin, None)
    if left is None:
        left, receive = stamp(now_s), transmit
    kept[stamp(received_s)] = stamp(now_s)
    return ntp.HEADER.pack(bits << 6 | 4 << 3 | 4, 1, 0, -20, 0, 2, 0x47505300,
                           (midnight + ntp.UNIX_1900 - 3600) * 2**32, receive,
                           stamp(received_s), left)


def serve(raw_midnight, specifications):
    selector = selectors.DefaultSelector()
    kept = {}
    for specification in specifications:
        address, midnight, leap, announced = specification.split(",")
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, 123))
        selector.register(sock, selectors.EVENT_READ, (int(midnight), leap, announced))
    while True:
        for key, _ in selector.select():
            request, client = key.fileobj.recvfrom(512)
            received_s = (raw_ns() - raw_midnight) / S
            if len(request) >= 48:
                key.fileobj.sendto(answer(request, received_s, *key.data,
                                          (raw_ns() - raw_midnight) / S, kept), client)


# watch

class Timex(ctypes.Structure):
    _fields_ = ([("modes", ctypes.c_uint)]
                + [(name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")]
                + [("status", ctypes.c_int)]
                + [(name, ctypes.c_long) for name in ("constant", "precision", "tolerance",
                                                      "seconds", "fraction", "tick", "ppsfreq",
                                                      "jitter")]
                + [("shift", ctypes.c_int)]
                + [(name, ctypes.c_long) for name in ("stabil", "jitcnt", "calcnt", "errcnt",
                                                      "stbcnt")]
                + [("tai", ctypes.c_int), ("rest", ctypes.c_int * 11)])


class Watch:
    def __init__(self, raw_midnight, midnight, port, path):
        self.raw_midnight, self.midnight, self.path = raw_midnight, midnight, path
        self.libc = ctypes.CDLL(None)
        self.ntp = ntp.udp("127.0.0.1", port)
        self.ntp.settimeout(0.2)
        self.operator = None

    def since(self, raw):
        return (raw - self.raw_midnight) / S

    def timed(self, kind, look):
        """What look() returns, with when it was: between t and t + took seconds after midnight."""
        before = raw_ns()
        found = look()
        after = raw_ns()
        if found is None:
            return None
        return {"kind": kind, "t": self.since(before), "took": (after - before) / S, **found}

    def clock(self):
        return {"shown": (time.clock_gettime_ns(time.CLOCK_REALTIME) - self.midnight * S) / S}

    def kernel(self):
        timex = Timex()
        state = self.libc.adjtimex(ctypes.byref(timex))
        return {"state": state, "status": timex.status, "tai": timex.tai}

    def served(self):
        request = ntp.request()
        try:
            self.ntp.send(request)
            reply = ntp.Reply(self.ntp.recv(512))
        except OSError:
            return None
        if request[40:48] != reply.data[24:32]:
            return None
        stamp = reply.transmit - (self.midnight + ntp.UNIX_1900) * 2**32
        return {"shown": stamp / 2**32, "leap": reply.leap, "stratum": reply.stratum,
                "bound": (reply.root_delay / 2 + reply.root_dispersion) / 2**16}

    def status(self):
        try:
            if self.operator is None:
                self.operator = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self.operator.settimeout(1)
                self.operator.connect(self.path)
                self.lines = self.operator.makefile("rb")
            self.operator.send(b"status\n")
            status = json.loads(self.lines.readline())
        except (OSError, ValueError):
            self.operator = None
            return None
        interval = status["interval"]
        zero = self.midnight * S
        return {"condition": status["condition"], "agreeing": status["assumptions"]["agreeing"],
                "leap": status["clock"]["leap"], "steps": status["clock"]["steps"],
                "tai": status["clock"]["tai_offset_s"], "smear": status["clock"]["smear_ns"] / S,
                "earliest": interval and (interval["earliest_ns"] - zero) / S,
                "latest": interval and (interval["latest_ns"] - zero) / S}


def watch(raw_midnight, midnight, port, path, out):
    watcher = Watch(raw_midnight, midnight, port, path)
    looks = 0
    with open(out, "w", buffering=1) as file:
        while watcher.since(raw_ns()) < END_S:
            kinds = ["clock", "kernel", "served"] + (
                ["status"] if looks % STATUS_EVERY == 0 else [])
            for kind in kinds:
                found = watcher.timed(kind, getattr(watcher, kind))
                if found is not None:
                    file.write(json.dumps(found) + "\n")
            looks += 1
            # Not time.sleep(): that would wait for the true clock to show what the simulated one does.
            select.select([], [], [], LOOK_S)


# judge

class Seen:
    def __init__(self, folder, name):
        self.name = name
        with open(f"{folder}/{name}.watch") as file:
            self.all = [json.loads(line) for line in file]
        with open(f"{folder}/{name}.clock.log") as file:
            self.set = file.read().splitlines()
        with open(f"{folder}/{name}.log") as file:
            self.said = file.read()
        with open(f"{folder}/{name}.csv") as file:
            self.tracked = list(csv.DictReader(file))
        with open(f"{folder}/{name}.answers.csv") as file:
            self.answers = list(csv.DictReader(file))
        self.failures = []

    def of(self, kind, since=ARRIVED_S, until=END_S):
        return [one for one in self.all if one["kind"] == kind and one["took"] < LONGEST_S
                and since <= one["t"] and one["t"] + one["took"] <= until]

    def check(self, is_so, *sentence):
        if not is_so:
            self.failures.append(" ".join(str(word) for word in sentence))

    def check_all(self, kind, is_so, sentence, since=ARRIVED_S, until=END_S):
        found = self.of(kind, since, until)
        self.check(found, "nothing was seen of", kind, "from", since, "to", until)
        wrong = [one for one in found if not is_so(one)]
        self.check(not wrong, sentence, f"({len(wrong)} of {len(found)}):", wrong[:2])

    def check_shown(self, kind, truth, slack=lambda one: CLOSE_S, since=ARRIVED_S, until=END_S):
        """Shown is what truth() says of some moment of the look, or of soon before or after."""
        def is_so(one):
            ends = (truth(one["t"] - CLOSE_S), truth(one["t"] + one["took"] + CLOSE_S),
                    truth(one["t"]), truth(one["t"] + one["took"]))
            room = slack(one)
            return min(ends) - room <= one["shown"] <= max(ends) + room
        self.check_all(kind, is_so, f"the {kind} time is wrong", since, until)
        errors = [abs(one["shown"] - truth(one["t"] + one["took"] / 2)) for one in
                  self.of(kind, since, until) if min(abs(one["t"]), abs(one["t"] + 1)) > 0.1]
        return max(errors, default=0)


def judge_interval(seen, truth):
    def is_so(one):
        moments = (one["t"], one["t"] + one["took"])
        if one["earliest"] is None:
            return False
        # Where truth leaps, the clocks do so a little sooner or later.
        return any(one["earliest"] <= max(truths) and min(truths) <= one["latest"] for truths in (
            [truth(moment + late) - late for moment in moments]
            for late in (0, -CLOSE_S, CLOSE_S)))
    seen.check_all("status", is_so, "the interval misses the truth")
    earliest = [one["earliest"] for one in seen.of("status")]
    seen.check(earliest == sorted(earliest), "the interval's earlier end goes back:", earliest)
    seen.check_all("status", lambda one: one["condition"] == "synchronised",
                   "the sources should agree all the time")
    last = seen.of("status")[-1:]
    seen.check(last and last[0]["agreeing"] == 3, "all sources should agree in the end:", last)
    seen.check(not any(" step " in line for line in seen.set), "the clock was stepped:", seen.set)
    for sentence in ("somebody else", "slept", "stepped", "falseticker", "not agree"):
        seen.check(sentence not in seen.said, f"it should not say '{sentence}'")


def judge_claim(seen, truth, leap):
    """The answers: right, within their bound, and with the bits that announce it."""
    error = seen.check_shown("served", truth)
    seen.check_shown("served", truth, lambda one: one["bound"] + 0.0001)
    bits = LEAPS[leap]
    begins_s = -1 if leap == "delete" else 0
    seen.check_all("served", lambda one: one["leap"] == bits, f"leap {bits} should be announced",
                   until=begins_s - 0.1)
    seen.check_all("served", lambda one: one["leap"] == 0, "nothing is announced afterwards",
                   since=begins_s + 0.05)
    return error


def judge_quiet(seen):
    """The kernel is told of no leap second, and has none."""
    seen.check_all("kernel", lambda one: one["status"] & 0x30 == 0 and one["state"] in (
        TIME_OK, TIME_ERROR), "the kernel should know of no leap second")
    seen.check(not any(" leap " in line for line in seen.set), "the kernel leapt")
    for line in seen.set:
        status = line.partition("status=0x")[2].partition(" ")[0]
        seen.check(status == "" or int(status, 16) & 0x30 == 0, "the kernel was told:", line)


def judge_tai(seen, begins_s, afterwards):
    # The status counts from our own midnight on, and is a look too late.
    for kind, late_s in ("kernel", 0.1), ("status", 1.2):
        seen.check_all(kind, lambda one: one["tai"] == 37, "TAI - UTC before",
                       until=begins_s - 0.1)
        seen.check_all(kind, lambda one: one["tai"] == afterwards, "TAI - UTC afterwards",
                       since=late_s)


def judge_kernel(seen, leap, has_list):
    other = STA["delete" if leap == "insert" else "insert"]
    waiting = TIME_INS if leap == "insert" else TIME_DEL
    begins_s = -1 if leap == "delete" else 0
    seen.check_all("kernel", lambda one: one["status"] & STA[leap] and one["state"] == waiting,
                   "the kernel should wait for it", until=begins_s - 0.1)
    seen.check_all("kernel", lambda one: one["status"] & other == 0, "the wrong one was told")
    if leap == "insert":
        seen.check_all("kernel", lambda one: one["state"] == TIME_OOP, "it should be in it",
                       since=0.1, until=0.9)
    seen.check_all("kernel", lambda one: one["state"] == TIME_WAIT, "it should be over",
                   since=1.1, until=4)
    last = seen.of("kernel")[-1:]
    seen.check(last and last[0]["status"] & 0x30 == 0 and last[0]["state"] == TIME_OK,
               "it should be cleared in the end:", last)
    leaps = [line for line in seen.set if " leap " in line]
    seen.check(len(leaps) == 1 and {"insert": "inserted", "delete": "deleted"}[leap] in leaps[0],
               "the kernel should leap once:", leaps)
    if has_list:
        judge_tai(seen, begins_s, 37 - GAIN_S[leap])


def expect_kernel(seen, leap, has_list):
    def truth(t):
        return utc_s(t, leap)
    judge_kernel(seen, leap, has_list)
    judge_interval(seen, truth)
    seen.check_all("status", lambda one: one["leap"] == leap, "the status should announce it",
                   until=-1.1)
    seen.check_all("status", lambda one: one["leap"] == "none", "it is over", since=0.5)
    by = "as the list of leap seconds has it" if has_list else "as most of the sources announce"
    words = {"insert": "inserted", "delete": "deleted"}[leap]
    for sentence in (f"a leap second will be {words} at the end of this UTC day, {by}",
                     f"a leap second is {words}"):
        seen.check(seen.said.count(sentence) == 1, f"the log should say '{sentence}', once")
    bits = [int(row["leap"]) for row in seen.tracked if row["state"] == "synchronised"]
    seen.check(LEAPS[leap] in bits and bits[-1] == 0, "the tracking log should have it:", bits)
    return seen.check_shown("clock", truth), judge_claim(seen, truth, leap)


def expect_interleaved(seen):
    """The first answer after it does not complete the exchange before it."""
    errors = expect_kernel(seen, "insert", True)
    for source in {answer["source"] for answer in seen.answers}:
        modes = [(answer["time"] > "2029", answer["interleaved"]) for answer in seen.answers
                 if answer["source"] == source]
        before = [mode for is_after, mode in modes if not is_after]
        after = [mode for is_after, mode in modes if is_after]
        seen.check(before[-1:] == ["1"] and after[:1] == ["0"] and after[-1:] == ["1"],
                   f"{source}: the first answer after it should be a basic one:", before, after)
    return errors


def expect_none(seen):
    judge_quiet(seen)
    judge_interval(seen, lambda t: t)
    seen.check("leap second" not in seen.said, "it should not speak of a leap second")
    return seen.check_shown("clock", lambda t: t), judge_claim(seen, lambda t: t, "none")


def expect_tomorrow(seen):
    """It comes a day later: nothing is told before midnight, and then it is."""
    told = [one for one in seen.of("kernel") if one["status"] & 0x30 != 0]
    seen.check(all(one["t"] > 0 for one in told), "the kernel was told too early:", told[:1])
    judge_interval(seen, lambda t: t)
    seen.check_all("served", lambda one: one["leap"] == 0, "it is announced too early", until=0)
    return (seen.check_shown("clock", lambda t: t),
            seen.check_shown("served", lambda t: t, lambda one: one["bound"] + 0.0001))


def expect_shadow(seen):
    def truth(t):
        return utc_s(t, "insert")
    judge_quiet(seen)
    judge_interval(seen, truth)
    seen.check(seen.set == [], "the clock was touched:", seen.set)
    return 0, judge_claim(seen, truth, "insert")


def expect_smear(seen):
    def truth(t):
        return smeared_s(t, "insert")
    judge_quiet(seen)
    judge_interval(seen, lambda t: utc_s(t, "insert"))
    seen.check_all("status", lambda one: abs(one["smear"] - (truth(one["t"]) - utc_s(
        one["t"], "insert"))) < CLOSE_S, "the status should tell the smear", until=-0.2)
    seen.check_all("status", lambda one: abs(one["smear"] - (truth(one["t"]) - utc_s(
        one["t"], "insert"))) < CLOSE_S, "the status should tell the smear", since=0.2)
    shown = [one["shown"] for one in seen.of("clock")]
    seen.check(shown == sorted(shown), "the smeared clock goes back")
    return seen.check_shown("clock", truth), judge_claim(seen, truth, "none")


def expect_ignore(seen):
    def truth(t):
        return utc_s(t, "insert")
    judge_quiet(seen)
    error = seen.check_shown("clock", lambda t: t, until=4)
    seen.check_shown("served", truth)
    left = [one["shown"] - truth(one["t"]) for one in seen.of("clock", since=END_S - 0.5)]
    seen.check(left and 0 < max(left) < 0.98, "it should be on its way back to UTC:", left[-2:])
    return error, 0


EXPECTATIONS = {
    "insert-by-list": lambda seen: expect_kernel(seen, "insert", True),
    "insert-by-sources": lambda seen: expect_kernel(seen, "insert", False),
    "delete": lambda seen: expect_kernel(seen, "delete", True),
    "interleaved": expect_interleaved,
    "none": expect_none,
    "tomorrow": expect_tomorrow,
    "shadow": expect_shadow,
    "smear": expect_smear,
    "ignore": expect_ignore,
}


def judge(folder, name, expected):
    seen = Seen(folder, name)
    clock_s, served_s = EXPECTATIONS[expected](seen)
    for failure in seen.failures:
        print(f"FAIL: {name}: {failure}")
    if seen.failures:
        sys.exit(1)
    print(f"{name}: {expected}; the clock was off by {clock_s * 1e3:.2f} ms at most, "
          f"the answers by {served_s * 1e3:.2f} ms")


if __name__ == "__main__":
    word, arguments = sys.argv[1], sys.argv[2:]
    if word == "serve":
        serve(int(arguments[0]), arguments[1:])
    elif word == "watch":
        watch(*(int(number) for number in arguments[:3]), *arguments[3:])
    else:
        judge(*arguments)
