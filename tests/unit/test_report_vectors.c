/* SPDX-License-Identifier: MIT */
/* The mesh packets of tests/vectors/mesh hold what their texts say, which a second reader agrees
 * with (tests/vectors/decode_report.py), and what is read is written back as it was. */
#include "ntpwire/report.h"
#include "tests/unit/unit.h"
#include "tests/vectors/hex.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>

#define ROOM 2048
#define PATH_SIZE 4096

static void say_octets(FILE *out, const char *name, struct bytes octets)
{
    fprintf(out, "%s%s", name, octets.size > 0 ? " " : "");
    for (size_t i = 0; i < octets.size; i++) {
        fprintf(out, "%02x", octets.data[i]);
    }
    fprintf(out, "\n");
}

static void check_written(struct bytes field, const uint8_t *written, size_t size)
{
    CU_ASSERT_EQUAL_FATAL(size, field.size);
    CU_ASSERT_EQUAL(memcmp(written, field.data, size), 0);
}

static bool say_verdict(FILE *out, const char *name, enum report_verdict verdict)
{
    if (verdict != REPORT_OK) {
        fprintf(out, "%s verdict %s\n", name, report_verdict_name(verdict));
    }
    return verdict == REPORT_OK;
}

static void say_entries(FILE *out, const struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct report_entry *entry = &report->entries[i];
        fprintf(out, "report entry %08" PRIx32 " %" PRId32 " %" PRIu32 " %d %u %u\n", entry->peer,
                entry->offset_f28, entry->delay_f28, entry->dispersion_log2, entry->age_log2,
                entry->state);
    }
}

static void say_report(FILE *out, struct bytes field)
{
    uint8_t written[ROOM];
    struct report report;
    if (field.size == 0 || !say_verdict(out, "report", report_read(field, &report))) {
        return;
    }
    fprintf(out, "report flags %u\nreport leap %u\nreport era %u\n", report.flags, report.leap,
            report.era);
    fprintf(out, "report node %016" PRIx64 "\nreport membership %08" PRIx32 "\n", report.node,
            report.membership);
    fprintf(out, "report key_epoch %u\nreport hops %u\nreport sequence %" PRIu32 "\n",
            report.key_epoch, report.hops, report.sequence);
    fprintf(out, "report hlc %016" PRIx64 "\nreport as_of %016" PRIx64 "\n", report.hlc,
            report.as_of);
    fprintf(out, "report as_of_mono %016" PRIx64 "\n", report.as_of_mono);
    fprintf(out, "report before %" PRIu32 "\nreport after %" PRIu32 "\n", report.before_f28,
            report.after_f28);
    fprintf(out, "report drift %u\nreport drift_max %u\n", report.drift_ppb,
            report.drift_max_decis);
    say_octets(out, "report previous", bytes_make(report.previous, REPORT_PREVIOUS_SIZE));
    fprintf(out, "report incarnation %" PRIu32 "\nreport disruptions %u\n", report.incarnation,
            report.disruptions);
    fprintf(out, "report timescale %u\nreport timescale_id %" PRIu32 "\n", report.timescale,
            report.timescale_id);
    fprintf(out, "report tai_offset %d\n", report.tai_offset_s);
    say_octets(out, "report root", bytes_make(report.root, REPORT_ROOT_SIZE));
    say_entries(out, &report);
    check_written(field, written, report_write(written, field.size, &report));
}

static void say_auth(FILE *out, const char *name, struct bytes field, size_t covered)
{
    uint8_t written[ROOM];
    char tag[32];
    struct report_auth auth;
    if (field.size == 0) {
        return;
    }
    CU_ASSERT_EQUAL_FATAL(report_auth_read(field, &auth), REPORT_OK);
    fprintf(out, "%s algorithm %u\n%s id %u\n", name, auth.algorithm, name, auth.id);
    if (auth.algorithm == REPORT_SESSION_HMAC) {
        fprintf(out, "%s counter %" PRIu32 "\n%s hlc %016" PRIx64 "\n", name, auth.counter, name,
                auth.hlc);
    }
    snprintf(tag, sizeof(tag), "%s tag", name);
    say_octets(out, tag, auth.tag);
    if (covered > 0) {
        fprintf(out, "%s covered %zu\n", name, covered);
    }
    check_written(field, written, report_auth_write(written, field.size, &auth));
}

static void say_epochs(FILE *out, const struct report_handshake *handshake)
{
    fprintf(out,
            "handshake from_epoch %u\nhandshake to_epoch %u\nhandshake membership %08" PRIx32 "\n",
            handshake->from_epoch, handshake->to_epoch, handshake->membership);
    say_octets(out, "handshake ephemeral", bytes_make(handshake->ephemeral, REPORT_EPHEMERAL_SIZE));
}

static void say_handshake(FILE *out, struct bytes field)
{
    uint8_t written[ROOM];
    struct report_handshake handshake;
    if (field.size == 0 ||
        !say_verdict(out, "handshake", report_handshake_read(field, &handshake))) {
        return;
    }
    bool is_signed = handshake.kind == REPORT_HELLO || handshake.kind == REPORT_ACCEPT;
    fprintf(out, "handshake kind %u\nhandshake from %016" PRIx64 "\nhandshake to %016" PRIx64 "\n",
            handshake.kind, handshake.from, handshake.to);
    if (is_signed) {
        say_epochs(out, &handshake);
    }
    if (handshake.kind == REPORT_HELLO || handshake.kind == REPORT_COOKIE) {
        say_octets(out, "handshake cookie", bytes_make(handshake.cookie, REPORT_COOKIE_SIZE));
    }
    if (handshake.kind == REPORT_ACCEPT) {
        say_octets(out, "handshake hello_hash", bytes_make(handshake.hello_hash, REPORT_HASH_SIZE));
    }
    if (is_signed) {
        say_octets(out, "handshake signature",
                   bytes_make(handshake.signature, REPORT_SIGNATURE_SIZE));
    }
    if (handshake.kind == REPORT_SESSION_NAK) {
        fprintf(out, "handshake session %u\n", handshake.session);
    }
    check_written(field, written, report_handshake_write(written, field.size, &handshake));
}

static void say_message(FILE *out, struct bytes field)
{
    uint8_t written[ROOM];
    struct report_message message;
    if (field.size == 0 || !say_verdict(out, "message", report_message_read(field, &message))) {
        return;
    }
    fprintf(out, "message kind %u\nmessage fragment %u\nmessage fragments %u\n", message.kind,
            message.fragment, message.fragments);
    fprintf(out, "message author %016" PRIx64 "\nmessage sequence %" PRIu32 "\n", message.author,
            message.sequence);
    fprintf(out, "message hlc %016" PRIx64 "\nmessage key_epoch %u\n", message.hlc,
            message.key_epoch);
    say_octets(out, "message body", message.body);
    say_octets(out, "message signature", message.signature);
    check_written(field, written, report_message_write(written, field.size, &message));
}

static void say_packet(FILE *out, struct bytes datagram, size_t payload_max)
{
    struct packet header;
    struct extensions extensions;
    if (packet_parse(datagram, &header) != PACKET_OK || header.version != 4 ||
        extension_parse(datagram, 4, &extensions) != PACKET_OK) {
        fprintf(out, "verdict malformed\n");
        return;
    }
    struct report_packet packet;
    enum report_verdict verdict = report_packet_read(datagram, &extensions, payload_max, &packet);
    fprintf(out, "verdict %s\n", report_verdict_name(verdict));
    if (verdict != REPORT_OK) {
        return;
    }
    say_handshake(out, packet.handshake);
    say_report(out, packet.report);
    say_message(out, packet.message);
    say_auth(out, "signature", packet.signature, 0);
    say_auth(out, "session", packet.session, packet.session_size);
    say_auth(out, "group", packet.group, packet.group_size);
}

/* Reads NAME.txt into text; false if it is not there or too long. */
static bool load_text(const char *path, char *text, size_t room)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    size_t size = fread(text, 1, room - 1, file);
    text[size] = '\0';
    bool ok = feof(file) != 0;
    fclose(file);
    return ok;
}

static void check_vector(const char *folder, const char *name)
{
    static uint8_t octets[ROOM];
    static char wanted[16384];
    char path[PATH_SIZE];
    size_t size = 0;
    char *said = NULL;
    size_t said_size = 0;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    CU_ASSERT_TRUE_FATAL(hex_load(path, octets, ROOM, &size));
    memcpy(strrchr(path, '.'), ".txt", 5);
    CU_ASSERT_TRUE_FATAL(load_text(path, wanted, sizeof(wanted)));
    FILE *out = open_memstream(&said, &said_size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    bool is_agreed = strncmp(name, "agreed-", 7) == 0;
    say_packet(out, bytes_make(octets, size),
               is_agreed ? REPORT_PAYLOAD_MAX_AGREED : REPORT_PAYLOAD_MAX);
    fclose(out);
    if (strcmp(said, wanted) != 0) {
        fprintf(stderr, "%s: wanted\n%sfound\n%s", path, wanted, said);
    }
    CU_ASSERT_STRING_EQUAL(said, wanted);
    free(said);
}

static void vectors_hold_what_their_texts_say(void)
{
    const char *srcdir = getenv("srcdir");
    char folder[PATH_SIZE / 2];
    snprintf(folder, sizeof(folder), "%s/tests/vectors/mesh", srcdir != NULL ? srcdir : ".");
    DIR *directory = opendir(folder);
    CU_ASSERT_PTR_NOT_NULL_FATAL(directory);
    size_t count = 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot != NULL && strcmp(dot, ".hex") == 0) {
            check_vector(folder, entry->d_name);
            count++;
        }
    }
    closedir(directory);
    CU_ASSERT_TRUE(count >= 56);
}

static const struct unit_case cases[] = {
    {"vectors hold what their texts say", vectors_hold_what_their_texts_say},
};
UNIT_MAIN("report_vectors", cases)
