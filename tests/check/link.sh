#!/bin/sh
# SPDX-License-Identifier: MIT
# link.sh - libtool for who builds all tests: most of their time went into libtool's shell, which takes ten times as long
# as the linker and wraps every program into a script. To be named as LIBTOOL= to make, in the build tree. Links programs
# that are not installed by itself, against libraries where they were built; all else is libtool's.
set -eu
mode=
output=
previous=
for argument in "$@"; do
    case $argument in
    --mode=*) mode=${argument#--mode=} ;;
    esac
    [ "$previous" = -o ] && output=$argument
    previous=$argument
done
case $mode,$output in
link,*.la | link,*.lo) exec "${CONFIG_SHELL:-/bin/sh}" ./libtool "$@" ;;
link,tests/*) ;;
*) exec "${CONFIG_SHELL:-/bin/sh}" ./libtool "$@" ;;
esac

# What libtool is told, without its own options and with the files that its libraries are.
first=yes
for argument in "$@"; do
    if [ -n "$first" ]; then
        set --
        first=
    fi
    case $argument in
    --*) continue ;;
    esac
    case $argument in
    *.la)
        folder=.
        case $argument in
        */*) folder=${argument%/*} ;;
        esac
        dlname='' old_library='' dependency_libs=''
        # shellcheck disable=SC1090 # what libtool wrote
        . "$folder/${argument##*/}"
        if [ -n "$dlname" ]; then
            set -- "$@" "$folder/.libs/$dlname" "-Wl,-rpath,$PWD/$folder/.libs"
        else
            set -- "$@" "$folder/.libs/$old_library"
        fi
        # shellcheck disable=SC2086 # a list
        set -- "$@" $dependency_libs
        ;;
    *) set -- "$@" "$argument" ;;
    esac
done
exec "$@"
