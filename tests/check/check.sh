# shellcheck shell=sh
# shellcheck disable=SC2154
# SPDX-License-Identifier: MIT
# check.sh - ./bootstrap check: every test there is, the time of each part, and one line of figures at the end. Read in
# by bootstrap, whose functions it uses.

passed=0
failed=0
skipped=0
failures=

# count FOLDER: adds the verdicts of the tests that ran in it, and shows what failed and what was left out.
count() {
    part_passed=0
    part_failed=0
    part_skipped=0
    for results in $(cd "$tree/$1" && find tests -name '*.trs' | sort); do
        # shellcheck disable=SC2013
        for verdict in $(sed -n 's/^:test-result: *\([A-Z]*\).*/\1/p' "$tree/$1/$results"); do
            case $verdict in
            PASS | XFAIL) part_passed=$((part_passed + 1)) ;;
            SKIP)
                part_skipped=$((part_skipped + 1))
                reason=$(sed '/^SKIP tests/d; s/^SKIP[: ]*//' "$tree/$1/${results%.trs}.log" | tail -n 1)
                say "  skipped: ${results%.trs}: $reason"
                ;;
            *)
                part_failed=$((part_failed + 1))
                failures="$failures
  FAILED: ${results%.trs}, in $1/$(why "$tree/$1/${results%.trs}.log")"
                say "  FAILED: ${results%.trs}, in $1/; the end of what it said:"
                tail -n 40 "$tree/$1/${results%.trs}.log" | sed 's/^/    /'
                ;;
            esac
        done
    done
}

# why LOG: what a test of real programs said when it failed, if it is one: a newline, and indented lines.
why() {
    reasons=$(sed -nE '/^FAIL tests\//d; /^([a-z0-9_]+: )*FAIL /{ s/^/    /; s/(.{300}).*/\1.../; p; }' "$1" | head -n 8)
    [ -z "$reasons" ] || printf '\n%s' "$reasons"
}

# slowest FOLDER: the five tests that ran longest in it: from the birth of a test's log until its verdict.
slowest() {
    say "  slowest:$(cd "$tree/$1" && find tests -name '*.trs' | while read -r results; do
        born=$(stat -c %W "${results%.trs}.log") && ended=$(stat -c %Y "$results") &&
            [ "$born" -gt 0 ] && echo "$((ended - born)) ${results%.trs}"
    done | sort -rn | head -n 5 | sed 's/^\([0-9]*\) \(.*\)/ \2 \1 s/' | paste -sd ,)"
}

# conclude WHAT SECONDS: adds up, and says how the part went.
conclude() {
    passed=$((passed + part_passed))
    failed=$((failed + part_failed))
    skipped=$((skipped + part_skipped))
    say "$1: $part_passed passed, $part_failed failed, $part_skipped skipped in $2 s"
}

# built WHAT FOLDER TARGETS OPTIONS...: builds, and says how long it took. Nothing can be tested in what does not build.
built() {
    part=$1
    shift
    begun=$(now_s)
    build_in "$@"
    say "$part: built in $(($(now_s) - begun)) s"
}

# tested WHAT FOLDER TARGET JOBS: makes that there. A make that fails although no test did counts as one failure.
tested() {
    begun=$(now_s)
    cd "$tree/$2" || exit 1
    find tests -name '*.trs' -exec rm -f {} +
    make_status=0
    make -s -k -j"$4" LIBTOOL='$(abs_srcdir)/tests/check/link.sh' "$3" >"bootstrap-$3.log" 2>&1 </dev/null || make_status=$?
    count "$2"
    if [ "$make_status" -ne 0 ] && [ "$part_failed" -eq 0 ]; then
        end_of "bootstrap-$3.log" 40
        say "  FAILED: make $3 in $2/ ended with exit code $make_status; its last lines stand above"
        part_failed=1
    fi
    slowest "$2"
    conclude "$1" "$(($(now_s) - begun))"
}

# fuzzed FOLDER: configures it and makes fuzz-smoke there; each target counts as one test.
fuzzed() {
    begun=$(now_s)
    configure_in "$1" --enable-fuzzing CC=clang
    find tests -name '*.trs' -exec rm -f {} +
    make_status=0
    make -s -j"$jobs" LIBTOOL='$(abs_srcdir)/tests/check/link.sh' fuzz-smoke >bootstrap-fuzz.log 2>&1 </dev/null || make_status=$?
    count "$1"
    if [ "$make_status" -ne 0 ] && [ "$part_failed" -eq 0 ]; then
        end_of bootstrap-fuzz.log 40
        say "  FAILED: make fuzz-smoke ended with exit code $make_status; its last lines stand above"
        part_failed=1
    fi
    conclude "fuzzing" "$(($(now_s) - begun))"
}

# suite WHAT FOLDER: all tests, in two parts: those that wait share the processors with more of their kind.
suite() {
    tested "$1: units, tree, simulations" "$2" check-computing "$jobs"
    tested "$1: real programs" "$2" check-waiting $((jobs * 2))
}

check() {
    how=all
    while [ $# -gt 0 ]; do
        case $1 in
        --fast | --sanitized) how=${1#--} ;;
        *) bad_usage "check takes --fast or --sanitized, not '$1'" ;;
        esac
        shift
    done
    check_begun=$(now_s)
    if [ "$how" = fast ]; then
        need fast
    else
        need check
    fi
    if [ "$how" = sanitized ]; then
        built "sanitized build" build-sanitized all --enable-sanitizers
        suite "ASan and UBSan" build-sanitized
    else
        built "plain build" build all
        suite "plain" build
    fi
    if [ "$how" = all ]; then
        fuzzed build-fuzz
    fi
    if [ -n "$failures" ]; then
        say "what failed:$failures"
    fi
    say "everything: $(($(now_s) - check_begun)) s"
    say "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
