/* SPDX-License-Identifier: MIT */
/* Control messages: what parses is written back as it was. */
#include "ntpwire/mode6.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const struct fuzz_target fuzz_target = {.name = "mode6", .takes_packets = true};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mode6 message;
    if (mode6_parse(bytes_make(data, size), &message) != PACKET_OK) {
        return 0;
    }
    uint8_t written[MODE6_HEADER_SIZE];
    mode6_write_header(&message, written);
    FUZZ_REQUIRE(memcmp(written, data, sizeof(written)) == 0);
    FUZZ_REQUIRE(message.data.data == data + MODE6_HEADER_SIZE);
    FUZZ_REQUIRE(message.data.size == message.count);
    FUZZ_REQUIRE(message.data.size <= size - MODE6_HEADER_SIZE);
    return 0;
}
