# SPDX-License-Identifier: MIT
# stock.sh - real programs from the distribution, unpacked beside the build; to be sourced by bash.
#
# They conflict with each other and with a user's own time daemon, so they are never installed:
# apt-get download and dpkg -x into STOCK_DIR (default: tests/interop/stock in the build tree,
# which is the working directory). A folder there holds one set of packages and is kept between
# runs; its stamp, written last, has the checksums of all its programs and libraries.
STOCK_DIR=${STOCK_DIR:-$PWD/tests/interop/stock}
STOCK_LIBRARY_LEVELS=4 # how deep the packages of missing libraries are followed

# The set of packages that NAME is in, and its path there: "SET PATH PACKAGE…".
stock_entry() {
    case $1 in
    chronyd) echo "chrony usr/sbin/chronyd chrony" ;;
    chronyc) echo "chrony usr/bin/chronyc chrony" ;;
    ntpsec-ntpd) echo "ntpsec usr/sbin/ntpd ntpsec python3-ntp ntpsec-ntpdig ntpsec-ntpdate" ;;
    ntpq) echo "ntpsec usr/bin/ntpq ntpsec python3-ntp ntpsec-ntpdig ntpsec-ntpdate" ;;
    ntpdig) echo "ntpsec usr/bin/ntpdig ntpsec python3-ntp ntpsec-ntpdig ntpsec-ntpdate" ;;
    ntpdate) echo "ntpsec usr/sbin/ntpdate ntpsec python3-ntp ntpsec-ntpdig ntpsec-ntpdate" ;;
    openntpd) echo "openntpd usr/sbin/ntpd openntpd" ;;
    openntpctl) echo "openntpd usr/sbin/ntpctl openntpd" ;;
    systemd-timesyncd) echo "timesyncd lib/systemd/systemd-timesyncd systemd-timesyncd" ;;
    python3-ntplib) echo "ntplib usr/lib/python3/dist-packages/ntplib.py python3-ntplib" ;;
    avahi-daemon) echo "avahi usr/sbin/avahi-daemon avahi-daemon dbus-daemon" ;;
    dbus-daemon) echo "avahi usr/bin/dbus-daemon avahi-daemon dbus-daemon" ;;
    rdate) echo "rdate usr/sbin/rdate rdate" ;;
    check_ntp_time)
        echo "monitoring usr/lib/nagios/plugins/check_ntp_time monitoring-plugins-basic" ;;
    *) return 1 ;;
    esac
}

# Downloads packages and unpacks them into a folder. Says why not, on stdout.
stock_fetch() { # FOLDER PACKAGE…
    local folder=$1 said
    shift
    mkdir -p "$folder/debs" || return 1
    # Run where it may write; apt's sandbox user may not, which is only a warning.
    if ! said=$(cd "$folder/debs" && apt-get -q download "$@" 2>&1); then
        echo "apt-get download $* failed (no network, or apt-get update is due): $(
            echo "$said" | grep '^E:' | head -n 1)"
        return 1
    fi
    local deb
    for deb in "$folder"/debs/*.deb; do
        [ -e "$deb.done" ] && continue
        dpkg -x "$deb" "$folder/root" || { echo "dpkg -x ${deb##*/} failed"; return 1; }
        dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/^ *//; s/[ :(|].*//' > "$deb.done"
    done
}

# The folders of an unpacked set that hold shared libraries, as LD_LIBRARY_PATH.
stock_library_path() { # FOLDER
    find "$1/root" -name 'lib*.so*' -printf '%h\n' 2>/dev/null | sort -u | paste -sd :
}

stock_missing_libraries() { # FOLDER
    find "$1/root" -type f -size +4k \( -perm -u+x -o -name '*.so*' \) -print0 |
        LD_LIBRARY_PATH=$(stock_library_path "$1") xargs -0 -r -n 1 ldd 2>/dev/null |
        sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' | sort -u
}

# Fetches the library packages that the set depends on while one of its programs misses a library.
# Never the C library: it would not match the loader.
stock_complete() { # FOLDER
    local folder=$1 wanted missing
    for _ in $(seq "$STOCK_LIBRARY_LEVELS"); do
        missing=$(stock_missing_libraries "$folder")
        [ -z "$missing" ] && return 0
        wanted=$(cat "$folder"/debs/*.done | grep '^lib' | grep -v '^libc6$' | sort -u |
            while read -r package; do
                ls "$folder/debs/${package}_"*.deb > /dev/null 2>&1 || echo "$package"
            done)
        [ -z "$wanted" ] && break
        # shellcheck disable=SC2086 # a list of package names
        stock_fetch "$folder" $wanted || return 1
    done
    missing=$(stock_missing_libraries "$folder")
    [ -z "$missing" ] && return 0
    echo "missing libraries, in no package that it depends on: ${missing//$'\n'/ }"
    return 1
}

# A program that starts the real one with what it needs from its folder.
stock_wrap() { # FOLDER NAME PATH
    local wrapper=$1/bin/$2 libraries
    libraries=$(stock_library_path "$1")
    {
        echo '#!/bin/sh'
        echo "root=\$(dirname \"\$0\")/../root"
        echo "export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=\"\$root/usr/lib/python3/dist-packages\""
        echo "PATH=\"\$root/usr/bin:\$root/usr/sbin:\$PATH\""
        if [ -n "$libraries" ]; then
            echo "export LD_LIBRARY_PATH=\"$libraries\""
        fi
        echo "exec \"\$root/$3\" \"\$@\""
    } > "$wrapper.$$" && chmod +x "$wrapper.$$" && mv "$wrapper.$$" "$wrapper"
}

stock_is_good() { # FOLDER
    [ -s "$1/stamp" ] && (cd "$1" && sha256sum --quiet --strict --check stamp > /dev/null 2>&1)
}

# With the lock of the set held: make its folder good.
stock_unpack() { # FOLDER PACKAGE…
    local folder=$1
    stock_is_good "$folder" && return 0
    local part
    for part in root debs bin stamp; do
        rm -rf "${folder:?}/$part"
    done
    mkdir -p "$folder/bin"
    stock_fetch "$@" && stock_complete "$folder" || return 1
    # The C library that ntpsec's Python part loads by itself is looked for beside the module.
    local module
    for module in "$folder"/root/usr/lib/*/ntp/libntpc.so; do
        [ -e "$module" ] &&
            cp -L "$module" "$folder/root/usr/lib/python3/dist-packages/ntp/libntpc.so"
    done
    rm -f "$folder"/debs/*.deb
    (cd "$folder" && find root -type f \( -perm -u+x -o -name '*.so*' -o -name '*.py' \) -print0 |
        xargs -0 sha256sum > stamp.new && mv stamp.new stamp)
}

# Prints the path of a stock program, fetching it if need be. On failure prints why, and returns 1.
stock_program() { # NAME
    local variable named tool entry
    case $1 in
    ntpd-classic) variable=NTPD_CLASSIC named=${NTPD_CLASSIC:-} ;;
    busybox-ntpd) variable=BUSYBOX_NTPD named=${BUSYBOX_NTPD:-} ;;
    *) named=- ;;
    esac
    if [ "$named" != - ]; then
        [ -x "$named" ] && { echo "$named"; return 0; }
        echo "$1 is not in Debian 12; name its binary with $variable= (now '$named')"
        return 1
    fi
    entry=$(stock_entry "$1") || { echo "stock_program: $1 is in no table"; return 1; }
    for tool in apt-get dpkg dpkg-deb sha256sum flock ldd; do
        command -v "$tool" > /dev/null || { echo "$1 needs $tool to be fetched"; return 1; }
    done
    read -r set path packages <<< "$entry"
    local folder=$STOCK_DIR/$set said
    if ! mkdir -p "$folder" 2> /dev/null || [ ! -w "$folder" ]; then
        echo "$1: $folder can't be written"
        return 1
    fi
    # shellcheck disable=SC2086 # a list of package names
    if ! said=$( (flock 9 && stock_unpack "$folder" $packages) 9> "$folder/lock" 2>&1); then
        echo "$1: ${said:-not unpacked into $folder}"
        return 1
    fi
    [ -e "$folder/root/$path" ] || { echo "$1: $path is not in $packages"; return 1; }
    stock_wrap "$folder" "$1" "$path"
    echo "$folder/bin/$1"
}
