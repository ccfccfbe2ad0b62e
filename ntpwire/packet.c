/* SPDX-License-Identifier: MIT */
#include "ntpwire/packet.h"

const char *packet_verdict_name(enum packet_verdict verdict)
{
    static const char *const names[PACKET_VERDICTS] = {
        [PACKET_OK] = "ok",
        [PACKET_TOO_SHORT] = "too short",
        [PACKET_VERSION_UNKNOWN] = "unknown version",
        [PACKET_NOT_HEADER] = "not a time message",
        [PACKET_LENGTH_ODD] = "length not a multiple of 4",
        [PACKET_EXTENSION_LENGTH] = "bad extension field length",
        [PACKET_EXTENSIONS_TOO_MANY] = "too many extension fields",
        [PACKET_MAC_LENGTH] = "bad MAC length",
    };
    return (unsigned)verdict < PACKET_VERDICTS ? names[verdict] : "unknown verdict";
}

static struct timestamp read_timestamp(struct bytes datagram, size_t offset)
{
    return (struct timestamp){.bits = bytes_u64(datagram, offset)};
}

enum packet_verdict packet_parse(struct bytes datagram, struct packet *packet)
{
    if (datagram.size == 0) {
        return PACKET_TOO_SHORT;
    }
    /* Version and mode come before the length: a control message is shorter, and a later version
     * may be. */
    uint8_t first = bytes_u8(datagram, 0);
    unsigned version = packet_version_of(first);
    if (version == 0 || version > PACKET_VERSION_MAX) {
        return PACKET_VERSION_UNKNOWN;
    }
    unsigned mode = packet_mode_of(first);
    if (mode == MODE_CONTROL || mode == MODE_PRIVATE) {
        return PACKET_NOT_HEADER;
    }
    if (datagram.size < PACKET_SIZE) {
        return PACKET_TOO_SHORT;
    }
    *packet = (struct packet){
        .leap = first >> 6,
        .version = (uint8_t)version,
        .mode = (uint8_t)mode,
        .stratum = bytes_u8(datagram, 1),
        .poll = (int8_t)bytes_u8(datagram, 2),
        .precision = (int8_t)bytes_u8(datagram, 3),
        .root_delay = bytes_u32(datagram, 4),
        .root_dispersion = bytes_u32(datagram, 8),
        .refid = bytes_u32(datagram, 12),
        .reference = read_timestamp(datagram, 16),
        .origin = read_timestamp(datagram, PACKET_ORIGIN_OFFSET),
        .receive = read_timestamp(datagram, PACKET_RECEIVE_OFFSET),
        .transmit = read_timestamp(datagram, PACKET_TRANSMIT_OFFSET),
    };
    return PACKET_OK;
}

void packet_write(const struct packet *packet, uint8_t out[PACKET_SIZE])
{
    out[0] = (uint8_t)((packet->leap & 3) << 6 | (packet->version & 7) << 3 | (packet->mode & 7));
    out[1] = packet->stratum;
    out[2] = (uint8_t)packet->poll;
    out[3] = (uint8_t)packet->precision;
    bytes_put_u32(out + 4, packet->root_delay);
    bytes_put_u32(out + 8, packet->root_dispersion);
    bytes_put_u32(out + 12, packet->refid);
    bytes_put_u64(out + 16, packet->reference.bits);
    bytes_put_u64(out + PACKET_ORIGIN_OFFSET, packet->origin.bits);
    bytes_put_u64(out + PACKET_RECEIVE_OFFSET, packet->receive.bits);
    bytes_put_u64(out + PACKET_TRANSMIT_OFFSET, packet->transmit.bits);
}

bool packet_is_kiss(const struct packet *packet)
{
    /* Clients and active peers write INIT or the like there as well; that tells nobody to do
     * anything. */
    if (packet->stratum != 0 || (packet->mode != MODE_SERVER && packet->mode != MODE_PASSIVE &&
                                 packet->mode != MODE_BROADCAST)) {
        return false;
    }
    for (int shift = 0; shift < 32; shift += 8) {
        uint32_t octet = packet->refid >> shift & 0xFF;
        if (octet < 0x20 || octet > 0x7E) {
            return false;
        }
    }
    return true;
}

const char *packet_kiss_meaning(uint32_t code)
{
    static const struct {
        uint32_t code;
        const char *meaning;
    } meanings[] = {
        {KISS_RATE, "the server asks for fewer requests"},
        {KISS_DENY, "the server denies access"},
        {KISS_RSTR, "the server denies access by its local policy"},
        {KISS_INIT, "the server has not synchronised yet since its start"},
        {KISS_STEP, "the server's clock was stepped and has not synchronised again yet"},
        {KISS_NTSN, "the server could not verify the NTS cookie"},
        {KISS_CODE('A', 'C', 'S', 'T'), "the association belongs to a unicast server"},
        {KISS_CODE('A', 'U', 'T', 'H'), "the server could not authenticate the request"},
        {KISS_CODE('A', 'U', 'T', 'O'), "the Autokey sequence failed"},
        {KISS_CODE('B', 'C', 'S', 'T'), "the association belongs to a broadcast server"},
        {KISS_CODE('C', 'R', 'Y', 'P'), "cryptographic authentication or identification failed"},
        {KISS_CODE('D', 'R', 'O', 'P'), "the server lost the peer in symmetric mode"},
        {KISS_CODE('M', 'C', 'S', 'T'), "the association belongs to a dynamically found server"},
        {KISS_CODE('N', 'K', 'E', 'Y'), "the server has no key of that id, or does not trust it"},
        {KISS_CODE('R', 'M', 'O', 'T'), "somebody else altered the association from a remote host"},
    };
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (meanings[i].code == code) {
            return meanings[i].meaning;
        }
    }
    return "the server refuses with a code that is not known here";
}
