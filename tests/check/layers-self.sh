#!/bin/sh
# SPDX-License-Identifier: MIT
# layers-self.sh - proves that layers.sh can fail: plants one breach after the other in a small tree and sees each
# refused for its own reason.
set -u
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd) || exit 1
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
trap 'exit 1' HUP INT TERM
failed=0
planted=0

# begin PATH [LINE...]: a file that keeps every rule, and the given lines in it.
begin() {
    path=$tree/$1
    mkdir -p "$(dirname "$path")"
    name=$(basename "$1")
    echo '/* SPDX-License-Identifier: MIT */' >"$path"
    case $1 in
    *.h)
        guard=$(echo "$1" | tr 'a-z/.-' 'A-Z___')
        echo "/* $name - a file of the self-test. */" >>"$path"
        printf '#ifndef %s\n#define %s\n' "$guard" "$guard" >>"$path"
        ;;
    esac
    shift
    for line in "$@"; do
        printf '%s\n' "$line" >>"$path"
    done
    case $path in
    *.h) echo '#endif' >>"$path" ;;
    esac
}

# refused PATTERN: the tree as it stands is refused with a line that matches; the file last begun is then removed.
refused() {
    planted=$((planted + 1))
    if output=$(sh "$here/layers.sh" "$tree"); then
        echo "FAIL: accepted although a breach was planted: $1"
        failed=$((failed + 1))
    elif ! printf '%s\n' "$output" | grep -q "$1"; then
        echo "FAIL: expected a complaint like '$1', got:"
        printf '%s\n' "$output"
        failed=$((failed + 1))
    fi
    rm -f "$path"
}

accepted() {
    planted=$((planted + 1))
    if ! output=$(sh "$here/layers.sh" "$tree"); then
        echo "FAIL: refused, although nothing is wrong:"
        printf '%s\n' "$output"
        failed=$((failed + 1))
    fi
}

repeat() { # COUNT LINE
    awk -v count="$1" -v line="$2" 'BEGIN { for (i = 0; i < count; i++) print line }'
}

# What is allowed.
printf 'chimed_SOURCES = server/main.c \\\n\tserver/daemon.c\nchime_SOURCES = server/other.c\n' >"$tree/Makefile.am"
begin ntpwire/bytes.h '#include <stdint.h>'
begin common/base/instant.h '#include "ntpwire/bytes.h"'
begin common/host/udp.h '#include "common/base/instant.h"' '#include <uv.h>' '#include <sys/socket.h>'
begin client/sync/filter.h '#include "common/base/instant.h"'
begin client/cli/main.c '#include "client/sync/filter.h"' '#include <getopt.h>' 'int main(void)' '{' '    exit(0);' '}'
begin server/server.h '#include "common/base/instant.h"'
begin server/node.h '#include "server/server.h"' '#include "client/sync/filter.h"'
begin server/main.c '#include "server/node.h"' '#include "common/host/udp.h"' '#include "config.h"'
begin server/ratelimit.c '#include <math.h>' '/* time() and printf() are but words here. */' \
    'static int settle(struct host *host)' '{' '    host->send(host, "exit(1)", "\"exit(1)", "µ");' \
    "    return snprintf(host->text, 2, \"%c\", '\\'') + filter_time(host);" '}'
begin tests/unit/test_udp.c '#include <time.h>' '#include "server/server.h"'
accepted

# Layers.
begin ntpwire/packet.c '#include "common/base/instant.h"' && refused 'layer ntpwire includes'
begin common/base/random.c '#include "common/host/udp.h"' && refused 'layer base includes'
begin common/auth/mac.c '#include "common/config/config.h"' && refused 'layer auth includes'
begin common/host/clock.c '#include "server/server.h"' && refused 'layer host includes'
begin client/sync/sync.c '#include "server/server.h"' && refused 'layer sync includes'
begin server/responder.c '#include "client/sync/filter.h"' && refused 'layer server includes'
begin server/responder.c '#include "server/node.h"' && refused 'layer server includes'
begin server/responder.c '#include "common/host/udp.h"' && refused 'layer server includes'
begin server/node.c '#include "common/host/udp.h"' && refused 'layer node includes'
begin server/daemon.c '#include "client/sync/filter.h"' && refused 'layer daemon includes'
begin client/cli/options.c '#include "server/server.h"' && refused 'layer cli includes'
begin client/lib/chime.c '#include "common/host/udp.h"' && refused 'layer lib includes'
begin server/responder.c '#include "config.h"' && refused 'what configure found'
begin common/other/thing.c '' && refused 'stands in no layer'

# System headers.
begin server/responder.c '#include <time.h>' && refused 'includes <time.h>'
begin server/responder.c '#  include <sys/socket.h>' && refused 'includes <sys/socket.h>'
begin client/sync/sync.c '#include <uv.h>' && refused 'includes <uv.h>'
begin client/lib/chime.c '#include <uv.h>' && refused 'includes <uv.h>'
begin server/other.c '#include <unistd.h>' && refused 'includes <unistd.h>'
begin server/responder.c '#include <openssl/evp.h>' && refused 'only common/auth uses OpenSSL'
begin server/responder.c '#include <ini.h>' && refused 'only common/config and the simulator read INI'
begin common/host/discovery.c '#include <avahi-client/client.h>' && refused 'only common/host/mdns knows Avahi'

# Includes.
begin tests/unit/test_node.c '#include "server/node.c"' && refused 'never included'
begin server/responder.c '#include "server.h"' && refused 'write includes from the root'

# Calls.
for call in time clock_gettime nanosleep sendto getrandom rand exit printf fopen getenv uv_run pthread_create; do
    begin server/responder.c 'static void act(void)' '{' "    $call(0);" '}' && refused "calls $call()"
done
begin common/base/heap.c 'static void act(void)' '{' '    /* not yet' '     */ abort ();' '}' && refused 'calls abort()'
begin ntpwire/packet.c 'static void act(void)' '{' '    free(malloc(1));' '}' && refused 'does not allocate'

# Form.
begin server/responder.h '' && sed -i 's/SERVER_RESPONDER_H/RESPONDER_H/' "$path" && refused "begins with '#ifndef RESPONDER_H'"
begin server/responder.h '' && sed -i '/^#/d' "$path" && refused 'no include guard'
begin server/responder.h '' && sed -i '2s/responder/other/' "$path" && refused 'second line does not begin'
begin server/responder.c '' && sed -i 1d "$path" && refused 'the first line is not'
begin server/udp.h '' && refused 'is named like common/host/udp.h'
begin server/responder.c "int delay_$(printf '\302\265')s;" && refused 'beyond ASCII'
begin server/responder.c "/* TO""DO */" && refused 'unfinished'
begin server/responder.c "$(printf '\tint tab;')" && refused 'has a tab'
begin server/responder.c '/* @param tag */' && refused 'documentation tag'
begin server/responder.c 'typedef struct reply reply;' && refused 'by typedef'
begin server/responder.c "$(repeat 500 '/* */')" && refused 'a file of 501 lines'
begin server/responder.c 'static void act(int a,' '                int b)' '{' "$(repeat 57 '    a = b;')" '}' &&
    refused 'a function of 61 lines'
begin server/responder.c 'static void act(int a, int b, int c,' '    int (*d)(int, int), int e, int f, int g)' '{' '}' &&
    refused 'a function of 7 parameters'

# And nothing of what was planted is left to be refused.
begin server/responder.c 'static void act(int a,' '                int b)' '{' "$(repeat 56 '    a = b;')" '}'
accepted

echo "layers-self.sh: $planted trees tried, $failed judged wrongly"
[ "$failed" -eq 0 ]
