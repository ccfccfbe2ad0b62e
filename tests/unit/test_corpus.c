/* SPDX-License-Identifier: MIT */
/* Every recorded packet against its row in the corpus's README: what the row says is what the
 * library must find, and what it finds it must write back. */
#include "common/auth/mac.h"
#include "ntpwire/candm.h"
#include "ntpwire/extension.h"
#include "ntpwire/mode6.h"
#include "ntpwire/packet.h"
#include "ntpwire/refid.h"
#include "tests/unit/unit.h"
#include "tests/vectors/hex.h"

#include <dirent.h>
#include <stdarg.h>
#include <string.h>

#define ROWS_MAX 512
#define NAME_MAX_SIZE 128
#define PATH_MAX_SIZE 1024
#define WHAT_MAX 160
#define OCTETS_MAX 2048
#define LINE_MAX_SIZE 512
#define KEYS_TEXT_MAX 2048

struct row {
    char folder[16]; /* "requests" or "responses" */
    char name[NAME_MAX_SIZE];
    size_t octets;
    char what[WHAT_MAX];
};

struct vector {
    uint8_t octets[OCTETS_MAX];
    size_t size;
};

static struct row rows[ROWS_MAX];
static size_t row_count;
static char keys_text[KEYS_TEXT_MAX];

/* Two rows do not say what RFC 7822 says, the README's dissector being simpler than it. */
static const struct {
    const char *name;
    const char *readme;
    const char *truth;
} exceptions[] = {
    /* 36 octets are no MAC in version 4; they are one field. */
    {"chronyd-4.3--nts-nak.hex", "MAC(key 17039396, 36)", "UID(36)"},
    {"raw-for-ntpd-4.2.8p15-crypto-nak.hex", "?(8)", "bad MAC length"},
};

static const char *corpus_path(char path[PATH_MAX_SIZE], const char *folder, const char *name)
{
    const char *srcdir = getenv("srcdir");
    int length =
        snprintf(path, PATH_MAX_SIZE, "%s/tests/vectors/corpus/%s%s%s",
                 srcdir != NULL ? srcdir : ".", folder, folder[0] != '\0' ? "/" : "", name);
    CU_ASSERT_FATAL(length > 0 && length < PATH_MAX_SIZE);
    return path;
}

static void load(const struct row *row, struct vector *vector)
{
    char path[PATH_MAX_SIZE];
    corpus_path(path, row->folder, row->name);
    if (!hex_load(path, vector->octets, sizeof(vector->octets), &vector->size)) {
        fprintf(stderr, "%s: not a readable vector\n", path);
        CU_FAIL_FATAL("a vector can't be read");
    }
}

static struct bytes view(const struct vector *vector)
{
    return bytes_make(vector->octets, vector->size);
}

/* A row of the table of keys becomes a line of a keys file. */
static void read_key_row(const char *line)
{
    unsigned id;
    char type[32];
    char format[8];
    char key[80];
    if (sscanf(line, "| %u | %31s | %7s %79[^ |]", &id, type, format, key) != 4) {
        return;
    }
    bool is_ascii = strcmp(format, "ASCII") == 0;
    const char *secret = key;
    if (key[0] == '`') {
        secret = key + 1;
        key[strlen(key) - 1] = '\0';
    }
    size_t used = strlen(keys_text);
    snprintf(keys_text + used, sizeof(keys_text) - used, "%u %s %s:%s\n", id, type,
             is_ascii ? "ASCII" : "HEX", secret);
}

static void read_vector_row(const char *line, const char *folder)
{
    struct row row;
    if (sscanf(line, "| %127[^ |] | %zu | %159[^|]", row.name, &row.octets, row.what) != 3) {
        return;
    }
    CU_ASSERT_FATAL(row_count < ROWS_MAX);
    row.what[strcspn(row.what, "\n")] = '\0';
    size_t length = strlen(row.what);
    while (length > 0 && row.what[length - 1] == ' ') {
        row.what[--length] = '\0';
    }
    snprintf(row.folder, sizeof(row.folder), "%s", folder);
    rows[row_count++] = row;
}

static void read_readme(void)
{
    char path[PATH_MAX_SIZE];
    FILE *file = fopen(corpus_path(path, "", "README.md"), "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    char line[LINE_MAX_SIZE];
    char folder[16] = "";
    row_count = 0;
    keys_text[0] = '\0';
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "## %15s", folder) == 1) {
            continue;
        }
        if (folder[0] == '\0') {
            read_key_row(line);
        } else {
            read_vector_row(line, folder);
        }
    }
    fclose(file);
    CU_ASSERT_FATAL(row_count > 0);
}

static struct macs *make_macs(void)
{
    struct keyring keyring;
    char error[KEYRING_ERROR_MAX] = "";
    bool parsed = keyring_parse(keys_text, &keyring, error);
    CU_ASSERT_TRUE_FATAL(parsed);
    CU_ASSERT_EQUAL(keyring.count, 5);
    struct macs *macs = macs_create(&keyring, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(macs);
    keyring_clear(&keyring);
    return macs;
}

/* Descriptions are built in the README's own words. */
struct text {
    char characters[WHAT_MAX];
    size_t size;
};

__attribute__((format(printf, 2, 3))) static void append(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->characters + text->size, sizeof(text->characters) - text->size,
                           format, arguments);
    va_end(arguments);
    CU_ASSERT_FATAL(length >= 0 && (size_t)length < sizeof(text->characters) - text->size);
    text->size += (size_t)length;
}

static void describe_candm_request(struct bytes datagram, struct text *text)
{
    struct candm_request request;
    uint8_t header[CANDM_REQUEST_HEADER];
    CU_ASSERT_EQUAL_FATAL(candm_parse_request(datagram, &request), CANDM_OK);
    append(text, "request, version %u, command %u", bytes_u8(datagram, 0), request.command);
    CU_ASSERT(candm_request_size(request.command) > 0);
    CU_ASSERT(candm_request_size(request.command) <= datagram.size);
    candm_write_request_header(&request, header);
    CU_ASSERT_EQUAL(memcmp(header, datagram.data, sizeof(header)), 0);
}

static void describe_candm_reply(struct bytes datagram, struct text *text)
{
    struct candm_reply reply;
    uint8_t header[CANDM_REPLY_HEADER];
    CU_ASSERT_TRUE_FATAL(candm_parse_reply(datagram, &reply));
    append(text, "reply, version %u, command %u, reply %u, status %u", bytes_u8(datagram, 0),
           reply.command, reply.code, reply.status);
    candm_write_reply_header(&reply, header);
    CU_ASSERT_EQUAL(memcmp(header, datagram.data, sizeof(header)), 0);
}

static void describe_mode6(struct bytes datagram, struct text *text)
{
    struct mode6 message;
    CU_ASSERT_EQUAL_FATAL(mode6_parse(datagram, &message), PACKET_OK);
    append(text, "mode 6 v%u op %u%s%s%s seq %u status %04x assoc %u offset %u count %u",
           message.version, message.opcode, message.is_response ? " R" : "",
           message.is_error ? " E" : "", message.has_more ? " M" : "", message.sequence,
           message.status, message.association, message.offset, message.count);
    uint8_t header[MODE6_HEADER_SIZE];
    mode6_write_header(&message, header);
    CU_ASSERT_EQUAL(memcmp(header, datagram.data, sizeof(header)), 0);
    CU_ASSERT_EQUAL(message.data.size, message.count);
}

static void describe_extensions(const struct extensions *extensions, struct text *text)
{
    const char *separator = "";
    for (size_t i = 0; i < extensions->count; i++) {
        const struct extension *field = &extensions->fields[i];
        size_t size = field->body.size + EXTENSION_HEADER_SIZE;
        append(text, "%s", separator);
        separator = " ";
        if (field->type == EXTENSION_UNIQUE_IDENTIFIER) {
            append(text, "UID(%zu)", size);
        } else if (field->type == EXTENSION_NTS_COOKIE) {
            append(text, "cookie(%zu)", size);
        } else if (field->type == EXTENSION_NTS_AUTHENTICATOR) {
            append(text, "auth(%zu)", size);
        } else {
            append(text, "ext 0x%04x(%zu)", field->type, size);
        }
    }
    if (extensions->mac == MAC_SYMMETRIC) {
        append(text, "%sMAC(key %u, %zu)", separator, (unsigned)extensions->key_id,
               extensions->digest.size + 4);
    } else if (extensions->mac == MAC_CRYPTO_NAK) {
        append(text, "%scrypto-NAK", separator);
    } else if (extensions->count == 0) {
        append(text, "-");
    }
}

/* The header and what follows it must give the same octets again. */
static void write_back(struct bytes datagram, const struct packet *packet,
                       const struct extensions *extensions)
{
    uint8_t written[OCTETS_MAX];
    packet_write(packet, written);
    size_t size = PACKET_SIZE + extension_write_all(written + PACKET_SIZE,
                                                    sizeof(written) - PACKET_SIZE, extensions);
    CU_ASSERT_EQUAL_FATAL(size, datagram.size);
    CU_ASSERT_EQUAL(memcmp(written, datagram.data, size), 0);
}

static void describe_packet(struct bytes datagram, struct text *text)
{
    struct packet packet;
    struct extensions extensions;
    CU_ASSERT_EQUAL_FATAL(packet_parse(datagram, &packet), PACKET_OK);
    append(text, "v%u mode %u li %u stratum %u poll %d", packet.version, packet.mode, packet.leap,
           packet.stratum, packet.poll);
    if (packet.stratum == 0 && packet.refid != 0) {
        char code[REFID_TEXT_MAX];
        refid_format(packet.refid, packet.stratum, code);
        append(text, " kiss %s", code);
        CU_ASSERT_EQUAL(packet_is_kiss(&packet), packet.mode == MODE_SERVER);
    }
    append(text, "; ");
    enum packet_verdict verdict = extension_parse(datagram, packet.version, &extensions);
    if (verdict != PACKET_OK) {
        append(text, "%s", packet_verdict_name(verdict));
        return;
    }
    describe_extensions(&extensions, text);
    write_back(datagram, &packet, &extensions);
}

/* Replaces what the README says where it is known to be wrong. */
static void correct(const struct row *row, char what[WHAT_MAX])
{
    snprintf(what, WHAT_MAX, "%s", row->what);
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
        if (strcmp(row->name, exceptions[i].name) == 0) {
            char *at = strstr(what, exceptions[i].readme);
            CU_ASSERT_PTR_NOT_NULL_FATAL(at);
            snprintf(at, WHAT_MAX - (size_t)(at - what), "%s", exceptions[i].truth);
        }
    }
}

static bool is_candm(const struct row *row)
{
    return strstr(row->name, "chronyc-") != NULL;
}

static void every_vector_is_what_its_row_says(void)
{
    read_readme();
    for (size_t i = 0; i < row_count; i++) {
        struct vector vector;
        struct text text = {.size = 0};
        char what[WHAT_MAX];
        load(&rows[i], &vector);
        CU_ASSERT_EQUAL(vector.size, rows[i].octets);
        CU_ASSERT_FATAL(vector.size >= MODE6_HEADER_SIZE);
        if (is_candm(&rows[i])) {
            bool is_request = strcmp(rows[i].folder, "requests") == 0;
            (is_request ? describe_candm_request : describe_candm_reply)(view(&vector), &text);
        } else if (packet_mode_of(vector.octets[0]) == MODE_CONTROL) {
            describe_mode6(view(&vector), &text);
        } else {
            describe_packet(view(&vector), &text);
        }
        correct(&rows[i], what);
        if (strcmp(text.characters, what) != 0) {
            fprintf(stderr, "%s/%s: found \"%s\", the README says \"%s\"\n", rows[i].folder,
                    rows[i].name, text.characters, what);
        }
        CU_ASSERT_STRING_EQUAL(text.characters, what);
    }
}

static size_t count_rows(const char *folder, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < row_count; i++) {
        if (strcmp(rows[i].folder, folder) == 0 &&
            (name == NULL || strcmp(rows[i].name, name) == 0)) {
            count++;
        }
    }
    return count;
}

static void every_file_has_one_row(void)
{
    static const char *const folders[] = {"requests", "responses"};
    read_readme();
    for (size_t i = 0; i < 2; i++) {
        char path[PATH_MAX_SIZE];
        DIR *directory = opendir(corpus_path(path, folders[i], ""));
        CU_ASSERT_PTR_NOT_NULL_FATAL(directory);
        size_t files = 0;
        for (const struct dirent *entry = readdir(directory); entry != NULL;
             entry = readdir(directory)) {
            if (entry->d_name[0] == '.') {
                continue;
            }
            files++;
            if (count_rows(folders[i], entry->d_name) != 1) {
                fprintf(stderr, "%s/%s: not one row in the README\n", folders[i], entry->d_name);
                CU_FAIL("a file without a row, or with two");
            }
        }
        closedir(directory);
        CU_ASSERT_EQUAL(files, count_rows(folders[i], NULL));
    }
}

/* Reads the MAC of a vector, if it has one. */
static bool take_mac(const struct row *row, const struct vector *vector, struct packet *packet,
                     struct extensions *extensions)
{
    return !is_candm(row) && packet_parse(view(vector), packet) == PACKET_OK &&
           extension_parse(view(vector), packet->version, extensions) == PACKET_OK &&
           extensions->mac == MAC_SYMMETRIC;
}

static void every_mac_verifies_but_the_wrong_ones(void)
{
    read_readme();
    struct macs *macs = make_macs();
    size_t good[6] = {0};
    size_t wrong = 0;
    for (size_t i = 0; i < row_count; i++) {
        struct vector vector;
        struct packet packet;
        struct extensions extensions;
        load(&rows[i], &vector);
        if (!take_mac(&rows[i], &vector, &packet, &extensions)) {
            continue;
        }
        CU_ASSERT_FATAL(extensions.key_id >= 1 && extensions.key_id <= 5);
        struct bytes message = bytes_slice(view(&vector), 0, extensions.signed_size);
        bool is_good =
            mac_verify(macs, extensions.key_id, packet.version, message, extensions.digest);
        bool is_wrong = strstr(rows[i].name, "-auth-wrong-key") != NULL;
        if (is_good == is_wrong) {
            fprintf(stderr, "%s/%s: the MAC %s\n", rows[i].folder, rows[i].name,
                    is_good ? "verifies, and should not" : "does not verify");
        }
        CU_ASSERT_NOT_EQUAL(is_good, is_wrong);
        good[extensions.key_id] += is_good;
        wrong += is_wrong;
        /* One bit more or less in the message is noticed. */
        vector.octets[extensions.signed_size - 1] ^= 1;
        CU_ASSERT_FALSE(
            mac_verify(macs, extensions.key_id, packet.version, message, extensions.digest));
    }
    macs_destroy(macs);
    for (size_t key = 1; key <= 5; key++) {
        CU_ASSERT(good[key] > 0);
    }
    CU_ASSERT(wrong > 0);
}

/* "raw-for-X" belongs to the response whose name is X once its two dashes are one. */
static const struct row *find_response(const struct row *request)
{
    const char *wanted = request->name + strlen("raw-for-");
    for (size_t i = 0; i < row_count; i++) {
        const char *dashes = strstr(rows[i].name, "--");
        if (dashes == NULL || strcmp(rows[i].folder, "responses") != 0) {
            continue;
        }
        size_t before = (size_t)(dashes - rows[i].name);
        if (strncmp(wanted, rows[i].name, before) == 0 &&
            strcmp(wanted + before, dashes + 1) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static void raw_requests_and_their_responses_are_one_exchange(void)
{
    read_readme();
    size_t exchanges = 0;
    for (size_t i = 0; i < row_count; i++) {
        if (strncmp(rows[i].name, "raw-for-", strlen("raw-for-")) != 0) {
            continue;
        }
        const struct row *response_row = find_response(&rows[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(response_row);
        struct vector vector;
        struct packet request;
        struct packet response;
        load(&rows[i], &vector);
        CU_ASSERT_EQUAL_FATAL(packet_parse(view(&vector), &request), PACKET_OK);
        load(response_row, &vector);
        CU_ASSERT_EQUAL_FATAL(packet_parse(view(&vector), &response), PACKET_OK);
        CU_ASSERT_FALSE(timestamp_is_unset(request.transmit));
        CU_ASSERT_EQUAL(response.origin.bits, request.transmit.bits);
        CU_ASSERT_EQUAL(response.version, request.version);
        CU_ASSERT_EQUAL(response.mode, request.mode == MODE_ACTIVE ? MODE_PASSIVE : MODE_SERVER);
        exchanges++;
    }
    CU_ASSERT_EQUAL(exchanges, 12);
}

static const struct unit_case cases[] = {
    {"every vector is what its row says", every_vector_is_what_its_row_says},
    {"every file has one row", every_file_has_one_row},
    {"every MAC verifies but the wrong ones", every_mac_verifies_but_the_wrong_ones},
    {"raw requests and their responses are one exchange",
     raw_requests_and_their_responses_are_one_exchange},
};

UNIT_MAIN("corpus", cases)
