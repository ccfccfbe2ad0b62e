#!/bin/sh
# SPDX-License-Identifier: MIT
# symbols.sh - what belongs to simulations only is in none of the programs that are installed for use: signatures that
# anybody could make who reads the code (tests/sim/stand_in.h), members that lie, attackers. Runs in the build tree.
set -u
LC_ALL=C
export LC_ALL
command -v nm >/dev/null 2>&1 || {
    echo "SKIP: no nm"
    exit 77
}

symbols_of() { # PROGRAM: libtool may have put it aside
    file=./$1
    [ -f ".libs/$1" ] && file=.libs/$1
    nm "$file" 2>/dev/null | awk '{ print $NF }'
}

failed=0
for symbol in stand_in_init liar_send attack_meet; do
    symbols_of chime-lab | grep -qx "$symbol" || {
        echo "FAIL: chime-lab has no $symbol: this check looks for the wrong name, or can't read the program"
        failed=1
    }
    for program in chimed chime; do
        if symbols_of "$program" | grep -qx "$symbol"; then
            echo "FAIL: $program has $symbol"
            failed=1
        fi
    done
done
symbols_of chimed | grep -qx node_handle || {
    echo "FAIL: the symbols of chimed can't be read"
    failed=1
}
[ $failed -eq 0 ] && echo "symbols.sh: chimed and chime have nothing of the simulator"
exit $failed
