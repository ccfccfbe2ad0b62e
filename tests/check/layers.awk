# SPDX-License-Identifier: MIT
# layers.awk - reads C files, whose paths start at the root of the tree, and prints "PATH:LINE: complaint" for each
# breach of the layers and of the style. Works in any POSIX awk; run it through layers.sh.

BEGIN {
    # What each layer may include. In the order of the map in Makefile.am: a layer uses what stands above it.
    engines = "mesh auth config publish base ntpwire"
    may["ntpwire"] = "ntpwire"
    may["base"] = "base ntpwire"
    may["auth"] = "auth base ntpwire"
    may["config"] = "config base ntpwire"
    may["publish"] = "publish base ntpwire"
    may["mesh"] = engines
    may["sync"] = "sync " engines
    may["server"] = "server " engines
    may["node"] = "node server sync " engines
    may["host"] = "host base ntpwire"
    may["daemon"] = "daemon node server host " engines
    may["cli"] = "cli sync host " engines
    may["lib"] = "lib publish base ntpwire"
    may["sim"] = "sim node server sync " engines
    may["sim-main"] = "sim-main host sim node server sync " engines

    # Engines decide; they are handed events and return actions.
    list("engine", "ntpwire base auth config publish mesh sync server node sim")
    list("acts", "host daemon cli lib sim-main tests")
    list("uses_uv", "host daemon cli sim-main tests")
    list("standard", "assert.h ctype.h errno.h float.h inttypes.h iso646.h limits.h math.h stdalign.h stdarg.h " \
        "stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h")
    ban("a clock", "time clock clock_gettime clock_settime clock_getres gettimeofday settimeofday adjtime adjtimex " \
        "clock_adjtime ntp_adjtime ntp_gettime timespec_get")
    ban("a timer", "sleep usleep nanosleep clock_nanosleep alarm setitimer timer_create timerfd_create")
    ban("a socket", "socket socketpair bind connect listen accept accept4 send sendto sendmsg sendmmsg recv recvfrom " \
        "recvmsg recvmmsg setsockopt getsockopt shutdown poll ppoll select pselect epoll_create1 epoll_wait " \
        "getaddrinfo getnameinfo gethostbyname if_nametoindex")
    ban("a random source", "rand srand rand_r random srandom drand48 lrand48 mrand48 getrandom getentropy arc4random " \
        "arc4random_buf RAND_bytes RAND_priv_bytes")
    ban("the end of the process", "exit _exit _Exit quick_exit atexit abort raise kill signal sigaction longjmp")
    ban("output", "printf fprintf vprintf vfprintf dprintf puts fputs putc putchar fputc fwrite perror syslog")
    ban("a file", "open openat creat read pread write pwrite close fopen fdopen freopen fclose fread fgets getline " \
        "remove rename unlink stat fstat")
    ban("a process or thread", "fork vfork execv execve execvp system popen pthread_create thrd_create getenv setenv")

    # -v daemon: the files of chimed itself, which act; what else stands in server/ is an engine.
    count_of_daemon = split(daemon, daemon_part, " ")
    for (i = 1; i <= count_of_daemon; i++) {
        daemon_file[daemon_part[i]] = 1
    }

    lines_max = 500
    function_lines_max = 60
    parameters_max = 6
    # Put together here, or this file would complain of itself.
    unfinished = "(^|[^A-Za-z0-9_])(" "TO" "DO|FIX" "ME|XX" "X|HA" "CK)([^A-Za-z0-9_]|$)"
}

function list(name, words,    part, count, i)
{
    count = split(words, part, " ")
    for (i = 1; i <= count; i++) {
        in_list[name, part[i]] = 1
    }
}

function ban(what, words,    part, count, i)
{
    count = split(words, part, " ")
    for (i = 1; i <= count; i++) {
        banned[part[i]] = what
    }
}

function complain(text)
{
    printf "%s:%d: %s\n", FILENAME, FNR, text
}

function layer_of(path)
{
    if (path ~ /^ntpwire\//) return "ntpwire"
    if (path ~ /^common\/(base|auth|config|publish|mesh|host)\//) {
        sub(/^common\//, "", path)
        sub(/\/.*/, "", path)
        return path
    }
    if (path ~ /^client\/(sync|lib|cli)\//) {
        sub(/^client\//, "", path)
        sub(/\/.*/, "", path)
        return path
    }
    if (path in daemon_file) return "daemon"
    if (path ~ /^server\/node(_[a-z]+)?\.[ch]$/) return "node"
    if (path ~ /^server\//) return "server"
    if (path ~ /^tests\/sim\/(main|campaign)\.[ch]$/) return "sim-main"
    if (path ~ /^tests\/sim\//) return "sim"
    if (path ~ /^tests\//) return "tests"
    return ""
}

# The code of a line: comments and the insides of string and character constants are left out. in_comment lives
# from line to line.
function code_of(line,    out, sign)
{
    out = ""
    while (line != "") {
        if (in_comment) {
            if (!match(line, /\*\//)) return out
            line = substr(line, RSTART + 2)
            in_comment = 0
            out = out " "
            continue
        }
        if (!match(line, /\/\*|\/\/|"|'/)) return out line
        out = out substr(line, 1, RSTART - 1)
        sign = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        if (sign == "/*") {
            in_comment = 1
        } else if (sign == "//") {
            return out
        } else {
            if (sign == "\"" && !match(line, /^([^"\\]|\\.)*"/)) return out
            if (sign == "'" && !match(line, /^([^'\\]|\\.)*'/)) return out
            line = substr(line, RLENGTH + 1)
            out = out sign sign
        }
    }
    return out
}

function check_include(raw,    name, theirs)
{
    name = raw
    sub(/^[ \t]*#[ \t]*include[ \t]*[<"]/, "", name)
    sub(/[>"].*/, "", name)
    if (name ~ /\.c$/) {
        complain("includes \"" name "\": a .c file is compiled, never included")
    } else if (raw ~ /include[ \t]*</) {
        check_system_include(name)
    } else if (name == "config.h") {
        if (!(("acts", layer) in in_list)) {
            complain("includes \"config.h\": what configure found is for the code that touches the system")
        }
    } else if (name !~ /\//) {
        complain("includes \"" name "\": write includes from the root, such as \"common/base/" name "\"")
    } else if (layer != "tests") {
        theirs = layer_of(name)
        if (index(" " may[layer] " ", " " theirs " ") == 0 || theirs == "") {
            complain("layer " layer " includes \"" name "\"; it may include only: " may[layer])
        }
    }
}

function check_system_include(name)
{
    if (name == "uv.h") {
        if (!(("uses_uv", layer) in in_list)) {
            complain("includes <uv.h>: only common/host, the daemon's own files and client/cli do")
        }
    } else if (name ~ /^openssl\//) {
        if (layer != "auth" && layer != "tests") {
            complain("includes <" name ">: only common/auth uses OpenSSL")
        }
    } else if (name ~ /^avahi-/) {
        if (FILENAME !~ /^common\/host\/mdns(_session)?\.[ch]$/) {
            complain("includes <" name ">: only common/host/mdns knows Avahi")
        }
    } else if (name == "ini.h") {
        if (layer != "config" && layer != "sim" && layer != "tests") {
            complain("includes <ini.h>: only common/config and the simulator read INI text")
        }
    } else if (!(("standard", name) in in_list) && !(("acts", layer) in in_list)) {
        complain("includes <" name ">: an engine includes no system header beyond standard C")
    }
}

function check_calls(code,    rest, name, before)
{
    rest = code
    while (match(rest, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
        name = substr(rest, RSTART, RLENGTH - 1)
        sub(/[ \t]+$/, "", name)
        before = RSTART > 1 ? substr(rest, RSTART - 1, 1) : ""
        rest = substr(rest, RSTART + RLENGTH)
        if (before == "." || before == ">") continue # a member
        if (name in banned) {
            complain("calls " name "(): an engine has no access to " banned[name] "; make it an event or an action")
        } else if (name ~ /^(uv|pthread|mtx|cnd)_/) {
            complain("calls " name "(): an engine knows no loop and no threads")
        } else if (layer == "ntpwire" && name ~ /^(malloc|calloc|realloc|free|strdup|strndup)$/) {
            complain("calls " name "(): ntpwire does not allocate")
        }
    }
}

# The parameters of a definition's head, counted at the outermost parentheses.
function parameters_of(head,    i, depth, count, sign, text)
{
    depth = 0
    count = 0
    text = ""
    for (i = 1; i <= length(head); i++) {
        sign = substr(head, i, 1)
        if (sign == "(") depth++
        if (sign == ")") depth--
        if (depth == 1 && sign == ",") count++
        if (depth >= 1 && sign != "(" && sign != " ") text = text sign
    }
    return text == "" || text == "void" ? 0 : count + 1
}

function check_function(code,    lines, count)
{
    if (code ~ /^\{/ && head != "") {
        in_function = 1
        count = parameters_of(head)
        # What Avahi calls back has the form that Avahi gives it.
        if (count > parameters_max && !(FILENAME == "common/host/mdns_session.c" && head ~ /AvahiLookupResultFlags/)) {
            complain("a function of " count " parameters; at most " parameters_max " (pass a struct)")
        }
    } else if (code ~ /^\}/ && in_function) {
        in_function = 0
        lines = FNR - head_line + 1
        if (lines > function_lines_max) {
            complain("a function of " lines " lines; at most " function_lines_max)
        }
    }
    if (!in_function) {
        if (code ~ /^[ \t]*$/ || code ~ /^#/ || code ~ /[;}][ \t]*$/ || code ~ /\\$/) {
            head = ""
            head_line = FNR + 1
        } else {
            head = head " " code
        }
    }
}

function check_guard(raw,    guard)
{
    guard = toupper(FILENAME)
    gsub(/[^A-Z0-9]/, "_", guard)
    guards++
    if (guards == 1 && raw != "#ifndef " guard) {
        complain("begins with '" raw "'; a header begins with '#ifndef " guard "'")
    } else if (guards == 2 && raw != "#define " guard) {
        complain("goes on with '" raw "'; a header goes on with '#define " guard "'")
    }
}

function end_of_file()
{
    if (last_file != "" && last_line > lines_max) {
        printf "%s:%d: a file of %d lines; at most %d\n", last_file, last_line, last_line, lines_max
    }
    if (last_file ~ /\.h$/ && guards < 2) {
        printf "%s:%d: has no include guard\n", last_file, last_line
    }
}

function begin_file(    name)
{
    end_of_file()
    last_file = FILENAME
    layer = layer_of(FILENAME)
    in_comment = 0
    in_function = 0
    guards = 0
    head = ""
    head_line = 1
    name = FILENAME
    sub(/.*\//, "", name)
    if (layer == "") {
        complain("this folder stands in no layer; give it one in tests/check/layers.awk")
    }
    if (name != "main.c" && (name in seen)) {
        complain("is named like " seen[name] "; file names are unique")
    }
    seen[name] = FILENAME
}

FNR == 1 { begin_file() }
{ last_line = FNR }

FNR == 1 && $0 != "/* SPDX-License-Identifier: MIT */" {
    complain("the first line is not '/* SPDX-License-Identifier: MIT */'")
}

FNR == 2 && FILENAME ~ /\.h$/ && index($0, "/* " base_name() " - ") != 1 {
    complain("the second line does not begin with '/* " base_name() " - ', what the header is for")
}

function base_name(    name)
{
    name = FILENAME
    sub(/.*\//, "", name)
    return name
}

{
    was_in_comment = in_comment
    code = code_of($0)
    if (!was_in_comment && $0 ~ /^[ \t]*#[ \t]*include[ \t]*[<"]/) {
        check_include($0)
    }
    if (code ~ /[\200-\377]/) {
        complain("has a character beyond ASCII outside comments and strings")
    }
    if ($0 ~ unfinished) {
        complain("says that something is unfinished; finish it, or leave it out")
    }
    if ($0 ~ /\t/) {
        complain("has a tab; indent by four spaces")
    }
    if ($0 ~ /(^|[^A-Za-z])@(param|return|returns|brief|file|note)([^A-Za-z]|$)/) {
        complain("has a documentation tag; comments are sentences")
    }
    if (code ~ /^[ \t]*typedef[ \t]+(struct|union)/) {
        complain("names a struct by typedef; write struct")
    }
    if (FILENAME ~ /\.h$/ && code ~ /^#/ && guards < 2) {
        check_guard($0)
    }
    if (("engine", layer) in in_list) {
        check_calls(code)
    }
    check_function(code)
}

END { end_of_file() }
