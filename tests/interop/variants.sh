# SPDX-License-Identifier: MIT
# variants.sh - runs a test that takes long in real time in several variants at once, each a process
# with namespaces of its own; to be sourced after lib.sh.

# Calls FUNCTION in a process for each variant, with VARIANT set, and shows what they said. Fails if
# one does; is skipped only if all are.
run_variants() { # FUNCTION VARIANT…
    local function=$1 variant status=77 code
    shift
    if [ -n "${VARIANT:-}" ]; then
        NAME="$NAME $VARIANT"
        begin
        "$function"
        exit 0
    fi
    local folder pids=()
    folder=$(TMPDIR=/tmp mktemp -d -t "$PREFIX-$OWNER.XXXXXX") || exit 1
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$folder'" EXIT
    trap 'kill -TERM "${pids[@]}" 2> /dev/null; wait; exit 143' INT TERM HUP
    for variant in "$@"; do
        VARIANT=$variant bash "$0" > "$folder/$variant.out" 2>&1 &
        pids+=($!)
    done
    local index=0
    for variant in "$@"; do
        wait "${pids[$index]}"
        code=$?
        index=$((index + 1))
        sed "s/^/$variant: /" "$folder/$variant.out"
        if [ $code != 0 ] && [ $code != 77 ]; then
            status=1
        elif [ $code = 0 ] && [ $status = 77 ]; then
            status=0
        fi
    done
    exit $status
}
