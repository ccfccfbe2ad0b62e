/* SPDX-License-Identifier: MIT */
#include "client/cli/command.h"
#include "client/cli/keygen_identity.h"
#include "client/cli/options.h"
#include "common/base/json.h"
#include "common/host/entropy.h"
#include "common/host/files.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_ROOM 192 /* "4294967295 AES256 HEX:" and 64 digits */
#define HEAD_ROOM 512
#define CLASSIC_ID_MAX 65535 /* ntpd knows no longer ids */

static const char help[] =
    "chime keygen [OPTION]... FILE\n"
    "\n"
    "Writes a file of random symmetric keys, readable by its owner only. A file that exists is "
    "not\n"
    "replaced. \"-\" writes to standard output.\n"
    "\n"
    "  -t, --type TYPE   MD5, SHA1, SHA256, SHA384, SHA512, AES128 or AES256 (default AES128)\n"
    "  -i, --id ID       the first key's number, 1 to 4294967295 (default 1)\n"
    "  -n, --count N     how many keys, 1 to 1024 (default 1)\n"
    "\n"
    "With one of these it is about the Ed25519 keys of a mesh, and prints the public key:\n"
    "\n"
    "      --node        write a node's private key\n"
    "      --ca          write the private key of a mesh's CA\n"
    "      --public      FILE is such a key already: only print\n"
    "      --next-epoch  with --node, of a key that is there: begin its next key epoch, in "
    "chimed's\n"
    "                    state; chimed must not run. A node whose state was lost needs this\n"
    "      --epoch N     which one, where the state does not tell; 1 of a new key\n"
    "      --state-dir DIR   where that state is (default /var/lib/chimed); with --node alone: "
    "begin\n"
    "                    key epoch 1 there at once; the folder is made if there is none\n"
    "\n"
    "      --json        say what was written as a JSON document, without the secrets\n"
    "  -h, --help        this text\n"
    "\n"
    "Exit code: 0 if it was written; 1 if not; 2 for a mistake in the arguments, or in a file "
    "that\n"
    "they name.\n";

struct request {
    enum key_type type;
    uint32_t id;
    uint32_t count;
    bool json;
    bool is_symmetric; /* one of -t, -i and -n is there */
    struct keygen_identity identity;
    const char *path;
};

enum long_option {
    OPTION_JSON = 256,
    OPTION_NODE,
    OPTION_CA,
    OPTION_PUBLIC,
    OPTION_NEXT_EPOCH,
    OPTION_EPOCH,
    OPTION_STATE_DIR
};

/* As long as the algorithm's own output or key, but not over 32 octets: ntpd cuts off what is
 * longer, or refuses it. */
static size_t secret_size(enum key_type type)
{
    static const uint8_t sizes[KEY_TYPES] = {
        [KEY_MD5] = 16,    [KEY_SHA1] = 20,        [KEY_SHA256] = 32,      [KEY_SHA384] = 32,
        [KEY_SHA512] = 32, [KEY_AES128_CMAC] = 16, [KEY_AES256_CMAC] = 32,
    };
    return sizes[type];
}

/* Hexadecimal digits and marked as such: so no '#' can begin a comment within a key, and no program
 * takes it for ASCII. */
static size_t write_key(const struct request *request, uint32_t id, struct random *random,
                        char out[LINE_ROOM])
{
    int length = snprintf(out, LINE_ROOM, "%u %s HEX:", (unsigned)id, key_type_name(request->type));
    for (size_t i = 0; i < secret_size(request->type); i++) {
        unsigned octet = random_u32(random) & 0xFF;
        length += snprintf(out + length, LINE_ROOM - (size_t)length, "%02X", octet);
    }
    length += snprintf(out + length, LINE_ROOM - (size_t)length, "\n");
    assert(length < LINE_ROOM);
    return (size_t)length;
}

/* The whole file; the caller wipes and frees it. NULL if memory is short. */
static char *make_text(const struct request *request, size_t *room)
{
    *room = HEAD_ROOM + (size_t)request->count * LINE_ROOM;
    char *text = malloc(*room);
    if (text == NULL) {
        return NULL;
    }
    struct random random;
    entropy_init(&random);
    int size =
        snprintf(text, *room,
                 "# Symmetric keys for NTP, one a line: ID TYPE KEY. Whoever reads them can forge "
                 "time.\n"
                 "# chimed and chronyd read this as it is. For ntpd leave out \"HEX:\"; AES128 is "
                 "AES128CMAC\n"
                 "# there (ntp.org) or AES-128 (ntpsec).\n");
    assert(size > 0 && size < HEAD_ROOM);
    size_t at = (size_t)size;
    for (uint32_t i = 0; i < request->count; i++) {
        at += write_key(request, request->id + i, &random, text + at);
    }
    explicit_bzero(&random, sizeof(random));
    return text;
}

/* What is about to be handed out must be read back: a key that only half the programs can read is
 * worse than none. */
static bool reads_back(const char *text, const struct request *request)
{
    struct keyring keyring;
    char error[KEYRING_ERROR_MAX];
    if (!keyring_parse(text, &keyring, error)) {
        (void)options_complain("keygen",
                               "the keys made can't be read back (%s): please report this", error);
        return false;
    }
    bool ok = keyring.count == request->count;
    for (size_t i = 0; i < keyring.count; i++) {
        ok = ok && keyring.keys[i].type == request->type &&
             keyring.keys[i].size == secret_size(request->type);
    }
    keyring_clear(&keyring);
    return ok;
}

static void print_advice(const struct request *request)
{
    /* Daemons start elsewhere: they want the whole path. */
    char *whole = realpath(request->path, NULL);
    const char *path = whole != NULL ? whole : request->path;
    unsigned id = (unsigned)request->id;
    printf("Wrote %u %s key%s to %s (mode 0600): id %u", (unsigned)request->count,
           key_type_name(request->type), request->count == 1 ? "" : "s", path, id);
    if (request->count > 1) {
        printf(" to %u", (unsigned)(request->id + request->count - 1));
    }
    printf(
        ".\n\n"
        "The same file belongs on the server and its clients. Bring it there by a safe way, such "
        "as scp.\n"
        "  chimed   [keys] file = %s\n"
        "  chime    chime query -k %u --keys %s HOST\n"
        "  chronyd  keyfile %s, and on a client: server HOST key %u\n"
        "  ntpd     keys %s, trustedkey %u, and on a client: server HOST key %u;\n"
        "           in a copy without \"HEX:\"%s\n",
        path, id, path, path, id, path, id, id,
        request->type == KEY_AES128_CMAC
            ? ", its type written AES128CMAC (ntp.org) or AES-128 (ntpsec)"
            : "");
    if (request->id + (request->count - 1) > CLASSIC_ID_MAX) {
        printf("           ntpd takes ids up to %d only.\n", CLASSIC_ID_MAX);
    }
    free(whole);
}

static void print_json(const struct request *request, const char *error)
{
    char out[1024 + 6 * LINE_ROOM];
    struct json json;
    json_init(&json, out, sizeof(out));
    json_open_object(&json, NULL);
    json_put_string(&json, "type", key_type_name(request->type));
    json_put_integer(&json, "first_id", request->id);
    json_put_integer(&json, "count", request->count);
    json_put_integer(&json, "secret_octets", (int64_t)secret_size(request->type));
    json_put_boolean(&json, "ok", error == NULL);
    json_put_string(&json, "error", error);
    json_close_object(&json);
    if (json_finish(&json)) {
        puts(out);
    }
}

static int report_failure(const struct request *request, int status)
{
    char error[512];
    if (status == -EEXIST) {
        snprintf(
            error, sizeof(error),
            "'%.300s' exists already and is not replaced: name another file, or move that one away",
            request->path);
    } else {
        snprintf(error, sizeof(error), "'%.300s' cannot be written: %s", request->path,
                 strerror(-status));
    }
    if (request->json) {
        print_json(request, error);
    } else {
        (void)options_complain("keygen", "%s", error);
    }
    return COMMAND_FAILED;
}

static int write_keys(const struct request *request)
{
    size_t room;
    char *text = make_text(request, &room);
    int status = -ENOMEM;
    bool is_output = strcmp(request->path, "-") == 0;
    if (text != NULL && reads_back(text, request)) {
        size_t size = strlen(text);
        if (is_output) {
            status = fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0 ? 0 : -EIO;
        } else {
            status = files_write(request->path, text, size, 0600, true);
        }
    }
    if (text != NULL) {
        explicit_bzero(text, room);
        free(text);
    }
    if (status < 0) {
        return report_failure(request, status);
    }
    if (request->json && !is_output) {
        print_json(request, NULL);
    } else if (!is_output) {
        print_advice(request);
    }
    return COMMAND_OK;
}

static bool set_identity_option(struct request *request, int letter, const char *text)
{
    static const int64_t epochs[] = {1, UINT16_MAX};
    struct keygen_identity *identity = &request->identity;
    int64_t value = 0;
    switch (letter) {
    case OPTION_NODE:
        identity->is_node = true;
        return true;
    case OPTION_CA:
        identity->is_ca = true;
        return true;
    case OPTION_PUBLIC:
        identity->is_public = true;
        return true;
    case OPTION_NEXT_EPOCH:
        identity->is_next_epoch = true;
        return true;
    case OPTION_EPOCH:
        if (!options_read_integer("keygen", "--epoch", text, epochs, &value)) {
            return false;
        }
        identity->epoch = (uint16_t)value;
        return true;
    case OPTION_STATE_DIR:
        identity->state_dir = text;
        return true;
    default: /* --json */
        request->json = true;
        identity->json = true;
        return true;
    }
}

static bool set_option(struct request *request, int letter, const char *text)
{
    static const int64_t ids[] = {1, UINT32_MAX};
    static const int64_t counts[] = {1, KEYRING_KEYS_MAX};
    int64_t value;
    request->is_symmetric = request->is_symmetric || letter < OPTION_JSON;
    switch (letter) {
    case 't':
        if (!key_type_parse(text, &request->type)) {
            (void)options_complain(
                "keygen",
                "option -t: '%s' was found; MD5, SHA1, SHA256, SHA384, SHA512, AES128 "
                "or AES256 is accepted",
                text);
            return false;
        }
        return true;
    case 'i':
        if (!options_read_integer("keygen", "-i", text, ids, &value)) {
            return false;
        }
        request->id = (uint32_t)value;
        return true;
    case 'n':
        if (!options_read_integer("keygen", "-n", text, counts, &value)) {
            return false;
        }
        request->count = (uint32_t)value;
        return true;
    default:
        return set_identity_option(request, letter, text);
    }
}

static int check(struct request *request, int argc, char **argv)
{
    if (argc - optind != 1) {
        return options_complain(
            "keygen", "%d files are named, one is needed; 'chime keygen --help' says more",
            argc - optind);
    }
    if (request->is_symmetric && keygen_identity_is_asked(&request->identity)) {
        return options_complain("keygen", "-t, -i and -n are for symmetric keys, and go with none "
                                          "of --node, --ca, --public and what belongs to them");
    }
    if (request->id > UINT32_MAX - (request->count - 1)) {
        return options_complain("keygen",
                                "%u keys from id %u on end beyond 4294967295; give a lower -i",
                                (unsigned)request->count, (unsigned)request->id);
    }
    request->path = argv[optind];
    return COMMAND_OK;
}

int command_keygen(int argc, char **argv)
{
    static const struct option names[] = {
        {"type", required_argument, NULL, 't'},
        {"id", required_argument, NULL, 'i'},
        {"count", required_argument, NULL, 'n'},
        {"json", no_argument, NULL, OPTION_JSON},
        {"node", no_argument, NULL, OPTION_NODE},
        {"ca", no_argument, NULL, OPTION_CA},
        {"public", no_argument, NULL, OPTION_PUBLIC},
        {"next-epoch", no_argument, NULL, OPTION_NEXT_EPOCH},
        {"epoch", required_argument, NULL, OPTION_EPOCH},
        {"state-dir", required_argument, NULL, OPTION_STATE_DIR},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct request request = {.type = KEY_AES128_CMAC, .id = 1, .count = 1};
    opterr = 0;
    int letter;
    while ((letter = getopt_long(argc, argv, ":t:i:n:h", names, NULL)) != -1) {
        if (letter == 'h') {
            fputs(help, stdout);
            return COMMAND_OK;
        }
        if (letter == '?' || letter == ':') {
            return options_complain_of("keygen", letter, optopt, argv[optind - 1]);
        }
        if (!set_option(&request, letter, optarg)) {
            return COMMAND_USAGE;
        }
    }
    int status = check(&request, argc, argv);
    if (status != COMMAND_OK) {
        return status;
    }
    return keygen_identity_is_asked(&request.identity)
               ? keygen_identity_run(&request.identity, request.path)
               : write_keys(&request);
}
