/* SPDX-License-Identifier: MIT */
/* library.c - a stranger's program: reads a packet that a server sent, through libntpwire alone. */
#include "ntpwire/extension.h"
#include "ntpwire/packet.h"
#include "ntpwire/refid.h"
#include "ntpwire/timestamp.h"
#include <stdio.h>
#include <string.h>

int main(void)
{
    uint8_t datagram[PACKET_SIZE] = {0x24, 1, 6, 0xec, 0, 0, 0, 0, 0, 0, 0, 16, 'G', 'P', 'S', 0};
    datagram[PACKET_TRANSMIT_OFFSET] = 0xe9;

    struct packet packet;
    struct bytes view = bytes_make(datagram, sizeof(datagram));
    if (packet_parse(view, &packet) != PACKET_OK || packet.mode != MODE_SERVER) {
        return 1;
    }
    struct extensions extensions;
    if (extension_parse(view, packet.version, &extensions) != PACKET_OK || extensions.count != 0) {
        return 1;
    }
    uint8_t out[PACKET_SIZE];
    packet_write(&packet, out);
    char refid[REFID_TEXT_MAX];
    refid_format(packet.refid, packet.stratum, refid);
    /* 0xe9000000 s after 1900 fall into November 2023. */
    int64_t unix_ns = timestamp_to_unix_ns(packet.transmit, INT64_C(1700000000000000000));
    printf("version %d, refid %s, %lld s\n", packet.version, refid,
           (long long)(unix_ns / 1000000000));
    bool ok = memcmp(out, datagram, sizeof(out)) == 0 && strcmp(refid, "GPS") == 0 &&
              unix_ns == INT64_C(1700102528) * 1000000000;
    return ok ? 0 : 1;
}
