# SPDX-License-Identifier: MIT
# lib.sh - what the interoperability tests share; to be sourced by bash, in the build tree.
#
# Each test has two network namespaces of its own, "server" and "client", joined by a veth pair.
# They are named by the test's pid, so that tests run side by side; those of a test that was
# killed are removed by the next one. CHIMED= and CHIME= name other binaries.
# INTEROP_SERVER=chronyd puts Debian's chronyd in chimed's place, which tells a mistake of the
# test from one of ours.
set -u
export LC_ALL=C TZ=UTC
INTEROP=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=$PWD
NAME=$(basename "$0" .sh)
PREFIX=chime-interop
# When a process began, in ticks since boot: a pid alone may be somebody else's by now.
began() { # PID
    local stat
    { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 0
    # shellcheck disable=SC2086 # words
    set -- ${stat##*) }
    echo "${20}"
}

OWNER=$$-$(began $$)
SERVER_NS=$PREFIX-$OWNER-server
CLIENT_NS=$PREFIX-$OWNER-client
SERVER4=192.0.2.1 # each address ends in the same number in both families
SERVER6=2001:db8::1
CLIENT4=192.0.2.200
PATIENCE_S=60 # how long anything is waited for
PAUSE_MS=50   # between two tries, at first
PAUSE_MOST_MS=250
WORK=
DAEMONS=()
NAMESPACES=("$SERVER_NS" "$CLIENT_NS") # and those that a test adds
SERVER=(ip netns exec "$SERVER_NS")
CLIENT=(ip netns exec "$CLIENT_NS")
# shellcheck source=tests/interop/stock.sh
. "$INTEROP/stock.sh"

skip() {
    echo "SKIP $NAME: $*"
    exit 77
}

# Shows what every program said, too.
fail() {
    echo "FAIL $NAME: $*"
    local file
    for file in "$WORK"/*.log; do
        if [ -s "$file" ]; then
            echo "--- ${file##*/}"
            tail -n 40 "$file"
        fi
    done
    exit 1
}

pass() {
    echo "ok: $*"
}

# Removes what tests that were killed left behind: folders, namespaces, and the programs in them.
remove_stale() {
    local owner start role namespace pid folder
    for folder in /tmp/"$PREFIX"-*; do
        IFS=- read -r owner start <<< "${folder#"/tmp/$PREFIX-"}"
        [ -O "$folder" ] && [ "$(began "$owner")" != "${start%.*}" ] && rm -rf "$folder"
    done
    command -v ip > /dev/null || return 0
    ip netns list 2> /dev/null | sed -n "s/^$PREFIX-\([0-9]*\)-\([0-9]*\)-\([a-z]*\).*/\1 \2 \3/p" |
        while read -r owner start role; do
            [ "$(began "$owner")" = "$start" ] && continue
            namespace=$PREFIX-$owner-$start-$role
            for pid in $(ip netns pids "$namespace" 2> /dev/null); do
                kill -KILL "$pid" 2> /dev/null
            done
            ip netns del "$namespace" 2> /dev/null
        done
}

end_daemons() {
    local pid
    for pid in ${DAEMONS[@]+"${DAEMONS[@]}"}; do
        kill -TERM "$pid" 2> /dev/null
    done
    for pid in ${DAEMONS[@]+"${DAEMONS[@]}"}; do
        wait_until "process $pid ends" gone "$pid" > /dev/null || kill -KILL "$pid" 2> /dev/null
    done
    DAEMONS=()
}

# A process that was killed shows as a zombie before the last of its threads has ended, and so long
# its sockets stay open.
gone() { # PID
    local key value state= threads=
    {
        while read -r key value _; do
            case $key in
            State:) state=$value ;;
            Threads:) threads=$value ;;
            esac
        done < "/proc/$1/status"
    } 2> /dev/null
    [ -z "$state" ] || [ "$state$threads" = Z1 ]
}

cleanup() {
    trap - EXIT
    trap '' INT TERM HUP
    end_daemons
    local namespace pid
    for namespace in "${NAMESPACES[@]}"; do
        if [ -e "/run/netns/$namespace" ]; then
            for pid in $(ip netns pids "$namespace"); do
                kill -KILL "$pid" 2> /dev/null
            done
            ip netns del "$namespace"
        fi
    done
    [ -n "$WORK" ] && rm -rf "$WORK"
}

# The first call of every test. The folder has no spaces in its name: LD_PRELOAD could not take
# them.
begin() {
    WORK=$(TMPDIR=/tmp mktemp -d -t "$PREFIX-$OWNER.XXXXXX") ||
        fail "no temporary folder can be made in /tmp"
    chmod 755 "$WORK"
    trap cleanup EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    write_keys
    prepare_harmless
    remove_stale
    mkdir -m 700 "$WORK/chrony" # chronyd accepts no other mode for the folder of its socket
}

# The keys of tests/vectors/corpus and of the other types, as chrony and chimed read them and as
# ntpsec does, which takes no secret of more than 32 octets.
write_keys() {
    cat > "$WORK/keys" <<KEYS
1 MD5 ASCII:interopMD5key_01
2 SHA1 HEX:a5000102030405060708090a0b0c0d0e0f101112
3 SHA256 HEX:b5000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e
4 AES128 HEX:c5000102030405060708090a0b0c0d0e
5 AES256 HEX:d5000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e
6 SHA384 HEX:e5000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e
7 SHA512 HEX:f5000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e
KEYS
    sed 's/ASCII://; s/HEX://; s/AES/AES-/' "$WORK/keys" > "$WORK/keys.ntp"
    chmod 600 "$WORK/keys" "$WORK/keys.ntp"
}

# Tries a command until it succeeds: first often, then ever more seldom, so that many tests that wait leave the processors
# to those that work. Says what it waited for if it never does.
wait_until() { # WHAT COMMAND…
    local what=$1 waited_ms=0 pause_ms=$PAUSE_MS
    shift
    while [ "$waited_ms" -lt $((PATIENCE_S * 1000)) ]; do
        "$@" > /dev/null 2>&1 && return 0
        sleep "$((pause_ms / 1000)).$(printf %03d $((pause_ms % 1000)))"
        waited_ms=$((waited_ms + pause_ms))
        [ "$pause_ms" -ge "$PAUSE_MOST_MS" ] || pause_ms=$((pause_ms + pause_ms / 4))
    done
    echo "waited in vain until $what (paused for $waited_ms ms in all): $*"
    return 1
}

make_namespaces() {
    [ "$(id -u)" = 0 ] || skip "network namespaces need root (here: uid $(id -u))"
    command -v ip > /dev/null || skip "network namespaces need the ip command (Debian: iproute2)"
    local said
    said=$(ip netns add "$SERVER_NS" 2>&1 && ip netns add "$CLIENT_NS" 2>&1) ||
        skip "no network namespace can be made: $said"
    said=$(ip link add name wire netns "$SERVER_NS" type veth \
        peer name wire netns "$CLIENT_NS" 2>&1) ||
        skip "no veth pair can be made: $said"
    local namespace
    for namespace in "$SERVER_NS" "$CLIENT_NS"; do
        ip -n "$namespace" link set lo up
        ip -n "$namespace" link set wire up
    done
    local number
    for number in 1 11 12 13 14 15 16 17 18 19; do
        ip -n "$SERVER_NS" address add "192.0.2.$number/24" dev wire
        ip -n "$SERVER_NS" -6 address add "2001:db8::$number/64" dev wire nodad
    done
    ip -n "$CLIENT_NS" address add "$CLIENT4/24" dev wire
    ip -n "$CLIENT_NS" -6 address add "2001:db8::200/64" dev wire nodad
}

in_server() {
    "${SERVER[@]}" "$@"
}

in_client() {
    "${CLIENT[@]}" "$@"
}

# Sets HARMLESS, the words before a stock program's so that it can't set the clock: our
# interposer, and without the capability. What it asked for is in $WORK/clock. LEASH ends a
# program with this test, however that ends.
prepare_harmless() {
    cp "$(library noclock)" "$WORK/noclock.so" || fail "the interposer can't be copied to $WORK"
    : > "$WORK/clock"
    chmod 666 "$WORK/clock"
    LEASH=()
    local belt=()
    if setpriv --pdeathsig KILL true 2> /dev/null; then
        LEASH=(setpriv --pdeathsig KILL)
    fi
    if setpriv --bounding-set -sys_time --inh-caps -sys_time true 2> /dev/null; then
        belt=(setpriv --pdeathsig KILL --bounding-set -sys_time --inh-caps -sys_time)
    fi
    HARMLESS=("${belt[@]}" env "NOCLOCK_LOG=$WORK/clock" "LD_PRELOAD=$WORK/noclock.so")
}

# Where stock programs may run: never a static one, which can't be interposed.
assert_dynamic() { # PROGRAM-FILE
    if ! head -c 2 "$1" | grep -q '#!' && ! ldd "$1" > /dev/null 2>&1; then
        skip "$1 is linked statically; our interposer could not keep it from the clock"
    fi
}

# Did the interposer get into that program? Else the test must not go on.
assert_interposed() { # PROGRAM
    grep -q "^$1 [0-9]* loaded" "$WORK/clock" ||
        fail "$1 ran without our interposer: $(cat "$WORK/clock")"
}

# The seconds by which a program last wanted to step or slew; nothing if it never did.
asked_clock() { # PROGRAM step|slew
    sed -n "s/^$1 [0-9]* $2 //p" "$WORK/clock" | tail -n 1
}

# The path of a preloaded library of ours.
library() { # NAME
    local path=$BUILD/tests/interop/.libs/$1.so
    [ -e "$path" ] || fail "no $path: run make check, or make tests/interop/$1.la"
    echo "$path"
}

# Starts a program in the background: its output is $WORK/NAME.log, its pid $DAEMON.
start() { # NAME COMMAND…
    local log=$WORK/$1.log
    shift
    (exec "$@") > "$log" 2>&1 &
    DAEMON=$!
    DAEMONS+=("$DAEMON")
}

is_running() {
    ! gone "$1"
}
