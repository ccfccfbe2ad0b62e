#!/bin/sh
# SPDX-License-Identifier: MIT
# library.sh - libntpwire as a stranger finds it: installed, found by pkg-config, each header on its own, and linked
# into a program that needs no other library. Runs in the build tree; make names CC and the like.
set -u
LC_ALL=C
export LC_ALL
# This is a make of its own, not a part of the one that runs the tests.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
source=$(cd "${srcdir:-.}" && pwd) || exit 1
CC=${CC:-cc}
SANITIZE=${SANITIZE:-}
mkdir -p tests/check
work=$(mktemp -d "$(pwd)/tests/check/library.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
    echo "FAIL: $*"
    exit 1
}

command -v pkg-config >/dev/null 2>&1 || {
    echo "SKIP: no pkg-config"
    exit 77
}

"${MAKE:-make}" -s install-libLTLIBRARIES install-ntpwireincludeHEADERS install-pkgconfigDATA \
    DESTDIR="$work/root" >"$work/install.log" 2>&1 || {
    cat "$work/install.log"
    fail "make install of the library failed"
}
pc=$(find "$work/root" -name libntpwire.pc)
[ -n "$pc" ] || fail "no libntpwire.pc was installed"

PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$work/root
PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1
PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_ALLOW_SYSTEM_CFLAGS PKG_CONFIG_ALLOW_SYSTEM_LIBS
flags=$(pkg-config --cflags libntpwire) || fail "pkg-config finds no flags"
libs=$(pkg-config --libs libntpwire) || fail "pkg-config finds no libraries"
[ -z "$(pkg-config --print-requires libntpwire)$(pkg-config --print-requires-private libntpwire)" ] ||
    fail "libntpwire.pc requires another package"

# pkg-config quotes a space in a path for the shell.
compile() { # SOURCE OUTPUT FLAGS
    eval "$CC -std=c11 -Wall -Wextra -Werror $SANITIZE -o \"$2\" $flags \"$1\" $3"
}

headers=0
folder=$(dirname "$(find "$work/root" -name packet.h)")
for header in "$folder"/*.h; do
    printf '#include "ntpwire/%s"\nint main(void)\n{\n    return 0;\n}\n' "${header##*/}" >"$work/one.c"
    compile "$work/one.c" "$work/one.o" -c || fail "ntpwire/${header##*/} can't be included alone"
    headers=$((headers + 1))
done
[ "$headers" -gt 0 ] || fail "no header was installed"

compile "$source/tests/check/library.c" "$work/program" "$libs" ||
    fail "the program does not link with: $libs"
library=$(dirname "$(dirname "$pc")")
LD_LIBRARY_PATH=$library "$work/program" || fail "the program does not run"

if [ -z "$SANITIZE" ] && command -v readelf >/dev/null 2>&1; then
    for file in "$work/program" "$library/libntpwire.so"; do
        needed=$(readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
            grep -vE '^(libc|libntpwire|ld-linux.*)\.so')
        [ -z "$needed" ] || fail "${file##*/} needs other libraries: $needed"
    done
fi
echo "library.sh: $headers headers and a program, by pkg-config $flags $libs"
