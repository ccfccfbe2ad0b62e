/* SPDX-License-Identifier: MIT */
/* The mesh's fields: whatever is read is inside the datagram and written back as it was. */
#include "ntpwire/report.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const struct fuzz_target fuzz_target = {.name = "report", .takes_packets = true};

#define WRITTEN_MAX 2048

static uint8_t written[WRITTEN_MAX];

static void require_same(struct bytes field, size_t size)
{
    FUZZ_REQUIRE(size == field.size);
    FUZZ_REQUIRE(memcmp(written, field.data, size) == 0);
}

static void require_dropped(enum report_verdict verdict)
{
    FUZZ_REQUIRE(verdict > REPORT_OK && verdict < REPORT_VERDICTS);
    FUZZ_REQUIRE(report_verdict_name(verdict)[0] != '\0');
}

/* Any octets may be taken for any field, as when a proof is read from a file. */
static void check_field(struct bytes field)
{
    struct report report;
    struct report_auth auth;
    struct report_handshake handshake;
    struct report_message message;
    enum report_verdict verdict = report_read(field, &report);
    if (verdict == REPORT_OK) {
        require_same(field, report_write(written, WRITTEN_MAX, &report));
    } else {
        require_dropped(verdict);
    }
    verdict = report_auth_read(field, &auth);
    if (verdict == REPORT_OK) {
        require_same(field, report_auth_write(written, WRITTEN_MAX, &auth));
    } else {
        require_dropped(verdict);
    }
    verdict = report_handshake_read(field, &handshake);
    if (verdict == REPORT_OK) {
        require_same(field, report_handshake_write(written, WRITTEN_MAX, &handshake));
    } else {
        require_dropped(verdict);
    }
    verdict = report_message_read(field, &message);
    if (verdict == REPORT_OK) {
        FUZZ_REQUIRE(message.body.size <= REPORT_MESSAGE_BODY_MAX);
        require_same(field, report_message_write(written, WRITTEN_MAX, &message));
    } else {
        require_dropped(verdict);
    }
    verdict = report_pad_read(field);
    if (verdict == REPORT_OK && field.size <= WRITTEN_MAX) {
        require_same(field, report_pad_write(written, WRITTEN_MAX, field.size));
    }
}

static size_t require_inside(struct bytes datagram, struct bytes field)
{
    if (field.size == 0) {
        return 0;
    }
    FUZZ_REQUIRE(field.data >= datagram.data + PACKET_SIZE);
    FUZZ_REQUIRE(field.data + field.size <= datagram.data + datagram.size);
    check_field(field);
    return field.size;
}

static void check_packet(struct bytes datagram, const struct report_packet *packet)
{
    size_t size = PACKET_SIZE;
    size += require_inside(datagram, packet->handshake);
    size += require_inside(datagram, packet->report);
    size += require_inside(datagram, packet->signature);
    size += require_inside(datagram, packet->message);
    size += require_inside(datagram, packet->session);
    size += require_inside(datagram, packet->group);
    FUZZ_REQUIRE(size <= datagram.size);
    FUZZ_REQUIRE((packet->session.size > 0) == (packet->session_size > 0));
    FUZZ_REQUIRE((packet->group.size > 0) == (packet->group_size > 0));
    FUZZ_REQUIRE(packet->session_size == 0 ||
                 datagram.data + packet->session_size + REPORT_TAG_SIZE ==
                     packet->session.data + packet->session.size);
    FUZZ_REQUIRE(packet->group_size == 0 || packet->group_size + REPORT_TAG_SIZE == datagram.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes datagram = bytes_make(data, size);
    check_field(datagram);
    struct extensions extensions;
    if (extension_parse(datagram, 4, &extensions) != PACKET_OK) {
        return 0;
    }
    struct report_packet packet;
    enum report_verdict verdict =
        report_packet_read(datagram, &extensions, REPORT_PAYLOAD_MAX_AGREED, &packet);
    if (verdict != REPORT_OK) {
        require_dropped(verdict);
        return 0;
    }
    FUZZ_REQUIRE(size <= REPORT_PAYLOAD_MAX_AGREED);
    check_packet(datagram, &packet);
    return 0;
}
