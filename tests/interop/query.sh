# SPDX-License-Identifier: MIT
# query.sh - chime query against a stock server, and what it must say; to be sourced after
# server.sh.

# One field of the first server in $json, as Python prints it.
json_field() { # NAME
    echo "$json" | "$PYTHON" -c '
import json, sys
print(json.load(sys.stdin)["servers"][0][sys.argv[1]])' "$1"
}

expect_field() { # NAME VALUE
    [ "$(json_field "$1")" = "$2" ] || fail "chime query $query: $1 should be $2: $json"
}

# Asks, and asserts what a good answer has in common. The server's clock is ours: truth is within
# the bound.
query_good() { # AUTHENTICATED INTERLEAVED ARGUMENT…
    local authenticated=$1 interleaved=$2
    shift 2
    query=$*
    json=$(in_client "$CHIME" query --json "$@" 2> "$WORK/chime.log") ||
        fail "chime query $query exited with $?: $json"
    echo "$json" | "$PYTHON" -m json.tool > "$WORK/json.txt" ||
        fail "chime query $query: not JSON: $json"
    expect_field outcome ok
    expect_field stratum "$STRATUM"
    expect_field leap none
    expect_field authenticated "$authenticated"
    expect_field interleaved "$interleaved"
    expect_field received_stamp kernel
    expect_field sent_stamp kernel
    local offset bound root
    offset=$(json_field offset_ns)
    bound=$(json_field bound_ns)
    root=$(($(json_field root_dispersion_ns) + $(json_field root_delay_ns) / 2))
    # what the wire adds takes microseconds, or as long as a busy machine lets somebody wait
    [ "${offset#-}" -le "$bound" ] && [ "$bound" -ge "$root" ] &&
        [ "$bound" -le $((root + 100000000)) ] ||
        fail "chime query $query: offset $offset ns should be within a bound just above $root ns," \
            "not $bound: $json"
    pass "chime query $query: $offset ns +/- $bound ns"
}

# Asks in vain: exit 1 and that outcome.
query_refused() { # OUTCOME ARGUMENT…
    local outcome=$1
    shift
    query=$*
    json=$(in_client "$CHIME" query --json "$@" 2> "$WORK/chime.log")
    local status=$?
    [ "$status" = 1 ] || fail "chime query $query should exit with 1, not $status: $json"
    expect_field outcome "$outcome"
    pass "chime query $query: $(json_field error)"
}
