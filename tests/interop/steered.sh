#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chimed steers a simulated system clock (fakeclock.c) by a server on the true one: it slews, it
# leaves no runaway when it is killed in mid-slew, with or without its guard, it notices within a
# second that the machine slept and that somebody set the clock, it keeps the time without a
# real-time clock, without the right to steer it says so once, and a mesh is reason enough to steer.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
begin
prepare_server
make_namespaces
cp "$(library fakeclock)" "$WORK/fakeclock.so" || fail "the library can't be copied to $WORK"
mkdir "$WORK/state"
# In a user namespace of its own a program may set no true clock, even if our library were not there.
unshare --user --map-root-user true 2> /dev/null ||
    skip "no user namespace can be made, to keep the true clock safe"
# AddressSanitizer insists on being the first.
sanitizer=$(ldd "$CHIMED_BINARY" | sed -n 's/.*=> \(.*libasan[^ ]*\) .*/\1/p')

write_steered_config() { # CONTROL
    cat > "$WORK/steered.conf" <<CONF
[clock]
control = $1
state-dir = $WORK/state
[server]
listen = 127.0.0.1:11123
workers = 0
[control]
socket = $WORK/steered.sock
[source one]
address = $SERVER4
poll = 1 s 1 s
[log]
level = info
CONF
}

# Another clock, that is off by so many seconds.
new_clock() { # SECONDS
    rm -f "$WORK/clock.state" "$WORK/clock.log"
    : > "$WORK/clock.log"
    FAKE=(env "LD_PRELOAD=${sanitizer:+$sanitizer }$WORK/fakeclock.so" "FAKECLOCK=$WORK/clock.state"
        "FAKECLOCK_LOG=$WORK/clock.log" "FAKECLOCK_OFFSET=$1" ASAN_OPTIONS=detect_leaks=0)
}

start_steered() {
    : > "$WORK/steered.log" # what the last one said counts no more
    start steered "${CLIENT[@]}" unshare --user --map-root-user "${FAKE[@]}" \
        "$CHIMED_BINARY" --config "$WORK/steered.conf"
}

# What the clock gains on its oscillator now, in whole ppm, and how its status stands.
frequency() {
    sed -n 's/.* adjust frequency=\([-+][0-9]*\).*/\1/p' "$WORK/clock.log" | tail -n 1
}

is_slewing() {
    local now
    now=$(frequency)
    [ -n "$now" ] && [ "${now#[-+]}" -gt 50000 ]
}

is_steered() {
    [ -n "$(frequency)" ]
}

is_plain() {
    local now
    now=$(frequency)
    [ -n "$now" ] && [ "${now#[-+]}" -lt 500 ]
}

is_unsynchronised() {
    tail -n 1 "$WORK/clock.log" | grep -q 'status=0x[0-9a-f]*[4567c-f].\b'
}

says() { # TEXT
    grep -q "$1" "$WORK/steered.log"
}

hand() { # FUNCTION NANOSECONDS
    unshare --user --map-root-user "${FAKE[@]}" "$PYTHON" -B -c "
import ctypes
ctypes.CDLL('$WORK/fakeclock.so').fakeclock_$1(ctypes.c_int64($2))"
}

# How far the simulated clock is ahead of the true one, in us. Both are read in one process, the true
# one before and after, and of some readings the quickest counts: how long a process takes to start
# is no offset. ctypes finds libc's own clock_gettime, whatever is preloaded.
ahead_us() {
    unshare --user --map-root-user "${FAKE[@]}" "$PYTHON" -B -c '
import ctypes, time
class Time(ctypes.Structure):
    _fields_ = [("s", ctypes.c_long), ("ns", ctypes.c_long)]
libc, now = ctypes.CDLL("libc.so.6"), Time()
def true_ns():
    libc.clock_gettime(time.CLOCK_REALTIME, ctypes.byref(now))
    return now.s * 10**9 + now.ns
def read():
    before, fake, after = true_ns(), time.clock_gettime_ns(time.CLOCK_REALTIME), true_ns()
    return after - before, fake - (before + after) // 2
print(min(read() for _ in range(100))[1] // 1000)'
}

# How far the simulated clock is from the true one, at most so many milliseconds?
is_within() { # MILLISECONDS
    local ahead
    ahead=$(ahead_us)
    [ -n "$ahead" ] && [ "${ahead#-}" -le $(($1 * 1000)) ]
}

wait_right() { # WHEN
    wait_until "the clock is right" is_within 3 ||
        fail "the clock is not right $1, but ahead by $(ahead_us) us"
    pass "$1 it is ahead by $(ahead_us) us"
}

kill_hard() { # PID
    local guard
    guard=$(pgrep -P "$1")
    disown "$1" 2> /dev/null # bash need not tell of it
    kill -KILL "$1"
    wait_until "process $1 ends" gone "$1" || fail "it can't be killed"
    [ -z "$guard" ] || wait_until "its guard ends" gone "$guard" || fail "the guard stays"
}

write_config "control = shadow"
start_chimed "$WORK/chimed.conf" "${SERVER[@]}"
wait_until "the server answers" in_client "$PYTHON" "$INTEROP/ntp.py" "$SERVER4" 123 ||
    fail "no server to steer by"

write_steered_config system
new_clock -0.9
start_steered
wait_until "the clock is slewed" is_slewing || fail "0.9 s should be slewed"
kill_hard "$DAEMON"
wait_until "the guard has ended the slew" is_plain || fail "a killed chimed left a runaway"
wait_until "the clock says so" is_unsynchronised ||
    fail "nobody keeps the clock, and it should say so: $(cat "$WORK/clock.log")"
pass "kill -9 in mid-slew: the guard sets the plain rate"

new_clock -0.9
rm -f "$WORK/state/time" # else the next start begins there
start_steered
wait_until "the clock is slewed" is_slewing || fail "0.9 s should be slewed"
guard=$(pgrep -P "$DAEMON")
[ -n "$guard" ] || fail "chimed has no guard"
kill -KILL "$guard"
kill_hard "$DAEMON"
is_slewing || fail "without a guard the slew should go on: $(tail -n 3 "$WORK/clock.log")"
"${CLIENT[@]}" unshare --user --map-root-user "${FAKE[@]}" "$CHIMED_BINARY" \
    --config "$WORK/steered.conf" --restore > "$WORK/restore.log" 2>&1 ||
    fail "--restore failed: $(cat "$WORK/restore.log")"
is_plain || fail "--restore left a runaway: $(tail -n 3 "$WORK/clock.log")"
[ ! -e "$WORK/state/steering" ] || fail "the mark of a clock in our hands was left"
pass "kill -9 of the guard too: --restore sets the plain rate"

new_clock -0.9
rm -f "$WORK/state/time" # else the next start begins there
start_steered
wait_until "the clock is slewed" is_slewing || fail "0.9 s should be slewed"
guard=$(pgrep -P "$DAEMON")
kill -KILL "$guard"
kill_hard "$DAEMON"
start_steered
wait_until "the next start says so" says "was killed while it steered" ||
    fail "the next start did not notice"
wait_right "after that"
pass "kill -9 of both, and the next start goes on from there"

hand suspend 5000000000
wait_until "the sleep is noticed" says "slept or was moved" || fail "the sleep was not noticed"
wait_right "after the sleep"
hand step 3600000000000
wait_until "the setting is noticed" says "somebody else set the system clock" ||
    fail "the setting was not noticed"
wait_right "after a setting"
pass "a sleep and a setting are noticed and cured"

kill -TERM "$DAEMON"
wait_until "chimed ends" gone "$DAEMON" || fail "chimed does not end"
is_plain || fail "chimed left a slew: $(tail -n 3 "$WORK/clock.log")"
[ ! -e "$WORK/state/steering" ] || fail "the mark of a clock in our hands was left"
[ -s "$WORK/state/time" ] || fail "the time was not kept"
pass "an orderly end leaves the plain rate"

new_clock -86400
in_server ip link set wire down # no source may help
start_steered
wait_until "the time is restored" says "before the time when this machine last knew it" ||
    fail "a machine without a real-time clock should start where it stopped"
is_within 60000 || fail "it started earlier than it stopped: ahead by $(ahead_us) us"
pass "without a real-time clock the time goes on where it stopped"
kill_hard "$DAEMON"
in_server ip link set wire up

new_clock -0.3
hand refuse 1
start_steered
wait_until "the refusal is said" says "going on with a shadow clock" ||
    fail "the refusal was not said"
wait_until "the shadow clock is synchronised" says "synchronised: the sources agree" ||
    fail "the shadow clock does not follow"
[ "$(grep -c "shadow" "$WORK/steered.log")" -le 2 ] || fail "the refusal is said too often"
[ -z "$(frequency)" ] || fail "something was set: $(cat "$WORK/clock.log")"
pass "without the right to steer it goes on with a shadow clock"
kill -TERM "$DAEMON"
wait_until "chimed ends" gone "$DAEMON" || fail "chimed does not end"

# Two members: one that asks the server and leaves the clock alone, and one that has nobody but the first.
make_member() { # NAME
    mkdir -m 700 "$WORK/$1.state"
    "$CHIME" keygen --node --state-dir "$WORK/$1.state" --json "$WORK/$1.pem" > "$WORK/$1.json" 2>&1 ||
        fail "chime keygen --node: $(cat "$WORK/$1.json")"
}

# What is only this one's comes from stdin.
write_member() { # NAME PORT
    local name port=11124
    {
        printf '[clock]\nstate-dir = %s\n[server]\nlisten = 127.0.0.1:%s\nworkers = 0\n' "$WORK/$1.state" "$2"
        printf '[control]\nsocket = %s\n[log]\nlevel = info\n' "$WORK/$1.sock"
        printf '[mesh]\nidentity = %s\nfaults = 0\npoll = 2 s\n' "$WORK/$1.pem"
        for name in teacher steered; do
            printf '[member %s]\naddress = 127.0.0.1:%s\npublic-key = %s\n' "$name" "$port" \
                "$(grep -o 'ed25519:[0-9a-f]*' "$WORK/$name.json" | head -n 1)"
            port=11123
        done
        cat
    } > "$WORK/$1.conf"
}

make_member teacher
make_member steered
printf '[source one]\naddress = %s\npoll = 1 s 1 s\n' "$SERVER4" | write_member teacher 11124
sed -i 's/^\[clock\]/&\ncontrol = shadow/' "$WORK/teacher.conf"
write_member steered 11123 < /dev/null
start teacher "${CLIENT[@]}" "$CHIMED_BINARY" --config "$WORK/teacher.conf"
new_clock -0.2
start_steered
wait_until "the clock is steered" is_steered || fail "a member without a source should steer: $(cat "$WORK/steered.log")"
wait_right "by a mesh, without a source"
