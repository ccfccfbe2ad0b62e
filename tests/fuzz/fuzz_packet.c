/* SPDX-License-Identifier: MIT */
/* The header, extension fields and the MAC: what parses is written back as it was. */
#include "ntpwire/extension.h"
#include "ntpwire/packet.h"
#include "ntpwire/refid.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const struct fuzz_target fuzz_target = {.name = "packet", .takes_packets = true};

#define WRITTEN_MAX 65536

static void require_inside(struct bytes datagram, struct bytes part)
{
    FUZZ_REQUIRE(part.data >= datagram.data + PACKET_SIZE);
    FUZZ_REQUIRE(part.data + part.size <= datagram.data + datagram.size);
}

static void check_extensions(struct bytes datagram, const struct extensions *extensions)
{
    size_t size = PACKET_SIZE;
    FUZZ_REQUIRE(extensions->count <= EXTENSIONS_MAX);
    for (size_t i = 0; i < extensions->count; i++) {
        const struct extension *field = &extensions->fields[i];
        require_inside(datagram, field->body);
        FUZZ_REQUIRE(field->body.size + EXTENSION_HEADER_SIZE >= EXTENSION_SIZE_MIN);
        const struct extension *found = extension_find(extensions, field->type);
        FUZZ_REQUIRE(found != NULL && found <= field);
        size += EXTENSION_HEADER_SIZE + field->body.size;
    }
    FUZZ_REQUIRE(extensions->signed_size == size);
    if (extensions->mac == MAC_SYMMETRIC) {
        require_inside(datagram, extensions->digest);
        size += 4 + extensions->digest.size;
    } else if (extensions->mac == MAC_CRYPTO_NAK) {
        size += CRYPTO_NAK_SIZE;
    }
    FUZZ_REQUIRE(size == datagram.size);
}

static void check_words(const struct packet *packet)
{
    char text[REFID_TEXT_MAX];
    FUZZ_REQUIRE(refid_format(packet->refid, packet->stratum, text) == strlen(text));
    FUZZ_REQUIRE(packet_kiss_meaning(packet->refid)[0] != '\0');
    FUZZ_REQUIRE(!packet_is_kiss(packet) || packet->stratum == 0);
    int64_t ns = timestamp_to_unix_ns(packet->transmit, (int64_t)packet->receive.bits);
    int64_t back = timestamp_difference_ns(timestamp_from_unix_ns(ns), packet->transmit);
    /* Nanoseconds are coarser than timestamps, and the ends of int64 are in reach. */
    FUZZ_REQUIRE((back >= -1 && back <= 1) || ns == INT64_MAX || ns == INT64_MIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t written[WRITTEN_MAX];
    struct bytes datagram = bytes_make(data, size);
    struct packet packet;
    if (packet_parse(datagram, &packet) != PACKET_OK || size > WRITTEN_MAX) {
        return 0;
    }
    packet_write(&packet, written);
    FUZZ_REQUIRE(memcmp(written, data, PACKET_SIZE) == 0);
    check_words(&packet);

    /* Any version may meet any remainder. */
    for (unsigned version = 0; version <= PACKET_VERSION_MAX + 1; version++) {
        struct extensions extensions;
        if (extension_parse(datagram, version, &extensions) != PACKET_OK) {
            continue;
        }
        FUZZ_REQUIRE(version >= 1 && version <= PACKET_VERSION_MAX);
        FUZZ_REQUIRE(version == PACKET_VERSION_MAX || extensions.count == 0);
        check_extensions(datagram, &extensions);
        size_t rest = size - PACKET_SIZE;
        FUZZ_REQUIRE(extension_write_all(written, rest, &extensions) == rest);
        FUZZ_REQUIRE(memcmp(written, data + PACKET_SIZE, rest) == 0);
    }
    return 0;
}
