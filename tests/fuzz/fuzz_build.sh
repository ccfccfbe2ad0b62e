#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz_build.sh SRCDIR TARGET SECONDS - makes TARGET (fuzz-smoke or fuzz) in fuzz-build, which it configures with clang
# and --enable-fuzzing. Run in a build directory. Exits 77 if clang or its fuzzer runtime is missing.
set -eu

srcdir=$(cd "$1" && pwd -P)
target=$2
seconds=$3
make=${MAKE:-make}
# The outer make's flags and job slots are not for this build.
unset MAKEFLAGS MFLAGS
compiler=${FUZZ_CC:-clang}

skip() {
    echo "SKIP $target: $1; install clang and its runtimes (Debian: clang libclang-rt-dev), or set FUZZ_CC"
    exit 77
}

mkdir -p fuzz-build
if ! command -v "$compiler" >/dev/null 2>&1; then
    skip "there is no $compiler"
fi
probe=fuzz-build/probe.c
cat >"$probe" <<'END'
#include <stddef.h>
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    return data == 0 && size > 0;
}
END
if ! "$compiler" -fsanitize=fuzzer,address,undefined -o fuzz-build/probe "$probe" 2>fuzz-build/probe.log; then
    skip "$compiler can't link with -fsanitize=fuzzer,address,undefined (see fuzz-build/probe.log)"
fi

# A source tree that is built in place can't serve a second build: its objects would be taken for ours.
if [ -e "$srcdir/config.status" ]; then
    rm -rf fuzz-build/source
    "$make" distdir distdir=fuzz-build/source >/dev/null
    srcdir=$PWD/fuzz-build/source
fi

cd fuzz-build
if [ ! -e config.status ] || [ ! -e Makefile ]; then
    echo "configuring fuzz-build with $compiler"
    "$srcdir/configure" -q CC="$compiler" --enable-fuzzing --enable-static --disable-shared >configure.log 2>&1 || {
        tail -n 20 configure.log >&2
        exit 1
    }
fi
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
"$make" -s -j"$jobs" fuzz-programs
exec "$make" -s "$target" FUZZ_SECONDS="$seconds"
