/* SPDX-License-Identifier: MIT */
/* chime certify: what a mesh's CA signs, and what it signed. */
#include "client/cli/certify_text.h"
#include "client/cli/command.h"
#include "client/cli/key_file.h"
#include "client/cli/options.h"
#include "common/host/files.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAYS_DEFAULT 365
#define DAYS_MAX 36500
#define DAY_S 86400

static const char help[] =
    "chime certify --ca CAFILE --key KEY [OPTION]...\n"
    "chime certify --ca CAFILE --membership DRAFT [OPTION]...\n"
    "chime certify --ca CA --verify FILE\n"
    "\n"
    "Signs with the CA's key, as 'chime keygen --ca' made it: that a node's key is a member's, or\n"
    "the document that says how many nodes the mesh has, how many of them may lie, and which keys\n"
    "are revoked. Or tells what such a file says, if that CA signed it.\n"
    "\n"
    "      --ca CA             the file with the CA's private key; to verify its public key will "
    "do\n"
    "      --key KEY           the node's public key: ed25519:..., or a file that holds it\n"
    "      --domain DOMAIN     its failure domain, such as a rack or a site\n"
    "      --address ADDRESS   where it is: HOST or HOST:PORT (default: not told)\n"
    "      --epoch N           the least key epoch that it holds for, 1 to 65535 (default 1)\n"
    "      --days N            how long it holds, 1 to 36500 (default 365)\n"
    "      --membership DRAFT  the text to be signed: lines 'mesh = NAME', 'serial = NUMBER' (the\n"
    "                          higher one replaces the lower), 'nodes = N', 'faults = F',\n"
    "                          'max-offset = 250 ms', 'member = KEY [DOMAIN [ADDRESS]]' and\n"
    "                          'revoked = ID'\n"
    "      --verify FILE       a certificate, or a signed document\n"
    "  -o, --output FILE       where to write (default: the standard output); a file that exists "
    "is\n"
    "                          not replaced\n"
    "      --json              say what was signed as a JSON document; needs -o\n"
    "  -h, --help              this text\n"
    "\n"
    "Exit code: 0 if it was written, or is good; 1 if not, a certificate that expired included; 2\n"
    "for a mistake in the arguments, or in a file that they name.\n";

struct request {
    const char *ca;
    const char *key;
    const char *membership;
    const char *verify;
    const char *output; /* "-": the standard output */
    struct certificate certificate;
    int64_t days;
    bool is_described; /* something is said of a certificate */
    bool json;
};

static void complain_of_draft(void *context, const char *sentence)
{
    (void)context;
    (void)options_complain("certify", "%s", sentence);
}

static int sign_certificate(const struct request *request, const struct identity *ca)
{
    uint8_t octets[CERTIFICATE_SIZE_MAX];
    char text[CERTIFICATE_TEXT_MAX + 1];
    struct certificate certificate = request->certificate;
    struct public_key key;
    if (!key_file_read_public("certify", request->key, &key)) {
        return COMMAND_USAGE;
    }
    if (memcmp(&key, identity_public_key(ca), sizeof key) == 0) {
        return options_complain("certify", "--key: this is the CA's own key; a node has another");
    }
    certificate.expiry_s = (uint64_t)time(NULL) + (uint64_t)(request->days * DAY_S);
    size_t size = certificate_node_set_key(&certificate.node, &key)
                      ? certificate_write(&certificate, ca, NULL, octets)
                      : 0;
    if (size == 0) {
        (void)options_complain("certify", "the crypto library does not sign");
        return COMMAND_FAILED;
    }
    strcat(certificate_format(bytes_make(octets, size), text), "\n");
    int code = key_file_write("certify", request->output, text, 0644);
    if (code != COMMAND_OK || strcmp(request->output, "-") == 0) {
        return code;
    }
    if (request->json) {
        certify_text_json_certificate(&certificate, request->output, NULL);
    } else {
        printf("Wrote a certificate to %s:\n", request->output);
        certify_text_print_certificate(stdout, &certificate);
    }
    return COMMAND_OK;
}

static int write_membership(const struct request *request, const struct identity *ca,
                            struct membership *membership)
{
    char *draft = key_file_read_text("certify", request->membership, MEMBERSHIP_TEXT_MAX);
    if (draft == NULL) {
        return COMMAND_USAGE;
    }
    bool ok =
        membership_read_draft(draft, request->membership, membership, complain_of_draft, NULL);
    free(draft);
    if (!ok) {
        return COMMAND_USAGE;
    }
    char *text = membership_sign(membership, ca, NULL);
    if (text == NULL) {
        (void)options_complain("certify", "the document could not be signed: memory is short, or "
                                          "the crypto library does not sign");
        return COMMAND_FAILED;
    }
    int code = key_file_write("certify", request->output, text, 0644);
    free(text);
    return code;
}

static int sign_membership(const struct request *request, const struct identity *ca)
{
    struct membership *membership = calloc(1, sizeof *membership);
    if (membership == NULL) {
        (void)options_complain("certify", "memory is short");
        return COMMAND_FAILED;
    }
    int code = write_membership(request, ca, membership);
    if (code == COMMAND_OK && strcmp(request->output, "-") != 0) {
        if (request->json) {
            certify_text_json_membership(membership, request->output, NULL);
        } else {
            printf("Wrote the membership document to %s:\n", request->output);
            certify_text_print_membership(stdout, membership);
        }
    }
    free(membership);
    return code;
}

static int verify_certificate(const struct request *request, const char *text,
                              const struct public_key *ca)
{
    uint8_t octets[CERTIFICATE_SIZE_MAX];
    size_t size;
    struct certificate certificate;
    if (!certificate_parse(text, octets, &size)) {
        return options_complain("certify",
                                "'%s' is no whole certificate: one line is accepted, '%s' and "
                                "lower-case hex digits",
                                request->verify, CERTIFICATE_TEXT_PREFIX);
    }
    enum certificate_verdict verdict =
        certificate_read(bytes_make(octets, size), ca, NULL, &certificate);
    if (verdict != CERTIFICATE_OK) {
        (void)options_complain("certify", "'%s' is no certificate of this CA: %s", request->verify,
                               certificate_verdict_name(verdict));
        return COMMAND_FAILED;
    }
    struct wall now = {.ns = (int64_t)time(NULL) * NS_PER_S};
    const char *error = certificate_has_expired(&certificate, now) ? "it has expired" : NULL;
    if (request->json) {
        certify_text_json_certificate(&certificate, request->verify, error);
    } else {
        printf("The CA signed this certificate%s:\n", error == NULL ? "" : ", but it has expired");
        certify_text_print_certificate(stdout, &certificate);
    }
    return error == NULL ? COMMAND_OK : COMMAND_FAILED;
}

static int verify_membership(const struct request *request, const char *text,
                             const struct public_key *ca)
{
    char error[MEMBERSHIP_ERROR_MAX] = "memory is short";
    struct membership *membership = calloc(1, sizeof *membership);
    enum membership_verdict verdict =
        membership == NULL ? MEMBERSHIP_NO_MEMORY
                           : membership_read(bytes_make((const uint8_t *)text, strlen(text)), ca,
                                             NULL, membership, error);
    if (verdict != MEMBERSHIP_OK) {
        (void)options_complain("certify", "'%s': %s", request->verify, error);
    } else if (request->json) {
        certify_text_json_membership(membership, request->verify, NULL);
    } else {
        printf("The CA signed this membership document:\n");
        certify_text_print_membership(stdout, membership);
    }
    free(membership);
    return verdict == MEMBERSHIP_OK ? COMMAND_OK : COMMAND_FAILED;
}

static int verify(const struct request *request)
{
    struct public_key ca;
    if (!key_file_read_public("certify", request->ca, &ca)) {
        return COMMAND_USAGE;
    }
    char *text = key_file_read_text("certify", request->verify, MEMBERSHIP_TEXT_MAX);
    if (text == NULL) {
        return COMMAND_USAGE;
    }
    bool is_certificate =
        strncmp(text, CERTIFICATE_TEXT_PREFIX, strlen(CERTIFICATE_TEXT_PREFIX)) == 0;
    int code = is_certificate ? verify_certificate(request, text, &ca)
                              : verify_membership(request, text, &ca);
    free(text);
    return code;
}

enum long_option {
    OPTION_CA = 256,
    OPTION_KEY,
    OPTION_DOMAIN,
    OPTION_ADDRESS,
    OPTION_EPOCH,
    OPTION_DAYS,
    OPTION_MEMBERSHIP,
    OPTION_VERIFY,
    OPTION_JSON
};

static bool set_node_option(struct request *request, int letter, const char *text)
{
    static const int64_t epochs[] = {1, UINT16_MAX};
    static const int64_t days[] = {1, DAYS_MAX};
    struct certificate_node *node = &request->certificate.node;
    int64_t value;
    request->is_described = true;
    switch (letter) {
    case OPTION_DOMAIN:
        if (!certificate_node_set_domain(node, text)) {
            (void)options_complain("certify",
                                   "--domain: '%s' was found; at most %d letters, digits, '-', "
                                   "'_' and '.' are accepted",
                                   text, CERTIFICATE_DOMAIN_MAX);
            return false;
        }
        return true;
    case OPTION_ADDRESS:
        if (!certificate_node_set_address(node, text)) {
            (void)options_complain("certify",
                                   "--address: '%s' was found; HOST, HOST:PORT or [IPv6]:PORT is "
                                   "accepted, a host of at most %d characters",
                                   text, CERTIFICATE_HOST_MAX);
            return false;
        }
        return true;
    case OPTION_EPOCH:
        if (!options_read_integer("certify", "--epoch", text, epochs, &value)) {
            return false;
        }
        request->certificate.epoch = (uint16_t)value;
        return true;
    default: /* --days */
        return options_read_integer("certify", "--days", text, days, &request->days);
    }
}

static bool set_option(struct request *request, int letter, const char *text)
{
    switch (letter) {
    case OPTION_CA:
        request->ca = text;
        return true;
    case OPTION_KEY:
        request->key = text;
        return true;
    case OPTION_MEMBERSHIP:
        request->membership = text;
        return true;
    case OPTION_VERIFY:
        request->verify = text;
        return true;
    case OPTION_JSON:
        request->json = true;
        return true;
    case 'o':
        request->output = text;
        return true;
    default:
        return set_node_option(request, letter, text);
    }
}

static int check(const struct request *request, int argc, char **argv)
{
    int kinds = (request->key != NULL) + (request->membership != NULL) + (request->verify != NULL);
    if (optind < argc) {
        return options_complain("certify",
                                "'%s' was found, and only options are accepted; 'chime certify "
                                "--help' lists all of them",
                                argv[optind]);
    }
    if (request->ca == NULL) {
        return options_complain("certify", "--ca is needed: the file that 'chime keygen --ca' "
                                           "made");
    }
    if (kinds != 1) {
        return options_complain("certify", "one of --key, --membership and --verify is needed, and "
                                           "only one; 'chime certify --help' says more");
    }
    if (request->is_described && request->key == NULL) {
        return options_complain("certify", "--domain, --address, --epoch and --days go with --key");
    }
    if (request->json && request->verify == NULL && strcmp(request->output, "-") == 0) {
        return options_complain("certify", "--json needs -o FILE: the standard output can't be "
                                           "both");
    }
    return COMMAND_OK;
}

static int run(const struct request *request)
{
    if (request->verify != NULL) {
        return verify(request);
    }
    struct identity *ca = key_file_read("certify", request->ca);
    if (ca == NULL) {
        return COMMAND_USAGE;
    }
    int code = request->key != NULL ? sign_certificate(request, ca) : sign_membership(request, ca);
    identity_destroy(ca);
    return code;
}

int command_certify(int argc, char **argv)
{
    static const struct option names[] = {
        {"ca", required_argument, NULL, OPTION_CA},
        {"key", required_argument, NULL, OPTION_KEY},
        {"domain", required_argument, NULL, OPTION_DOMAIN},
        {"address", required_argument, NULL, OPTION_ADDRESS},
        {"epoch", required_argument, NULL, OPTION_EPOCH},
        {"days", required_argument, NULL, OPTION_DAYS},
        {"membership", required_argument, NULL, OPTION_MEMBERSHIP},
        {"verify", required_argument, NULL, OPTION_VERIFY},
        {"output", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct request request = {.output = "-", .days = DAYS_DEFAULT, .certificate = {.epoch = 1}};
    opterr = 0;
    int letter;
    while ((letter = getopt_long(argc, argv, ":o:h", names, NULL)) != -1) {
        if (letter == 'h') {
            fputs(help, stdout);
            return COMMAND_OK;
        }
        if (letter == '?' || letter == ':') {
            return options_complain_of("certify", letter, optopt, argv[optind - 1]);
        }
        if (!set_option(&request, letter, optarg)) {
            return COMMAND_USAGE;
        }
    }
    int code = check(&request, argc, argv);
    return code == COMMAND_OK ? run(&request) : code;
}
