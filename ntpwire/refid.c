/* SPDX-License-Identifier: MIT */
#include "ntpwire/refid.h"

#include "ntpwire/md5.h"

#include <stdio.h>

#define REFID_SIZE 4

uint32_t refid_from_ipv4(const uint8_t address[4])
{
    return bytes_u32(bytes_make(address, 4), 0);
}

uint32_t refid_from_ipv6(const uint8_t address[16])
{
    uint8_t digest[MD5_SIZE];
    md5_digest(bytes_make(address, 16), digest);
    return bytes_u32(bytes_make(digest, sizeof(digest)), 0);
}

uint32_t refid_from_ascii(const char *text)
{
    uint8_t octets[REFID_SIZE] = {0};
    for (size_t i = 0; i < sizeof(octets) && text[i] != '\0'; i++) {
        octets[i] = (uint8_t)text[i];
    }
    return bytes_u32(bytes_make(octets, sizeof(octets)), 0);
}

/* Writes up to four printable characters and a zero. Returns how many, 0 where a character is not
 * printable or stands after a zero. */
static size_t to_ascii(uint32_t refid, char out[REFID_SIZE + 1])
{
    uint8_t octets[REFID_SIZE];
    bytes_put_u32(octets, refid);
    size_t length = 0;
    while (length < sizeof(octets) && octets[length] >= 0x20 && octets[length] <= 0x7E) {
        out[length] = (char)octets[length];
        length++;
    }
    out[length] = '\0';
    for (size_t i = length; i < sizeof(octets); i++) {
        if (octets[i] != 0) {
            return 0;
        }
    }
    return length;
}

size_t refid_format(uint32_t refid, unsigned stratum, char out[REFID_TEXT_MAX])
{
    int length;
    char ascii[REFID_SIZE + 1];
    if (stratum > 1) {
        length = snprintf(out, REFID_TEXT_MAX, "%u.%u.%u.%u", (unsigned)(refid >> 24),
                          (unsigned)(refid >> 16 & 0xFF), (unsigned)(refid >> 8 & 0xFF),
                          (unsigned)(refid & 0xFF));
    } else if (to_ascii(refid, ascii) > 0) {
        length = snprintf(out, REFID_TEXT_MAX, "%s", ascii);
    } else {
        length = snprintf(out, REFID_TEXT_MAX, "%08X", (unsigned)refid);
    }
    assert(length > 0);
    return (size_t)length;
}

const char *refid_meaning(uint32_t refid)
{
    static const struct {
        const char *name;
        const char *meaning;
    } sources[] = {
        /* RFC 5905, figure 12 */
        {"GOES", "Geosynchronous Orbit Environment Satellite"},
        {"GPS", "Global Positioning System"},
        {"GAL", "Galileo Positioning System"},
        {"PPS", "pulse per second"},
        {"IRIG", "Inter-Range Instrumentation Group time code"},
        {"WWVB", "LF radio WWVB, Fort Collins, US"},
        {"DCF", "LF radio DCF77, Mainflingen, DE"},
        {"HBG", "LF radio HBG, Prangins, CH"},
        {"MSF", "LF radio MSF, Anthorn, UK"},
        {"JJY", "LF radio JJY, Fukushima and Saga, JP"},
        {"LORC", "MF radio LORAN-C"},
        {"TDF", "MF radio TDF, Allouis, FR"},
        {"CHU", "HF radio CHU, Ottawa, CA"},
        {"WWV", "HF radio WWV, Fort Collins, US"},
        {"WWVH", "HF radio WWVH, Kauai, US"},
        {"NIST", "NIST telephone modem"},
        {"ACTS", "NIST telephone modem"},
        {"USNO", "USNO telephone modem"},
        {"PTB", "PTB telephone modem"},
        /* what servers use beyond it */
        {"LOCL", "uncalibrated local clock"},
        {"LCL", "uncalibrated local clock"},
        {"GNSS", "satellite navigation"},
        {"GLO", "GLONASS Positioning System"},
        {"GLON", "GLONASS Positioning System"},
        {"BDS", "BeiDou Positioning System"},
        {"DCFa", "LF radio DCF77, amplitude modulation"},
        {"DCFp", "LF radio DCF77, phase modulation"},
        {"PTP", "Precision Time Protocol (IEEE 1588)"},
        {"PHC", "clock of a network card"},
        {"PHC0", "clock of a network card"},
        {"NMEA", "satellite receiver that speaks NMEA"},
        {"SHM", "reference clock over shared memory"},
        {"SOCK", "reference clock over a socket"},
        {"CDMA", "clock of a mobile network"},
        {"ATOM", "atomic clock"},
        {"MRS", "several reference clocks"},
        {"GOOG", "Google's clock with smeared leap seconds"},
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        if (refid == refid_from_ascii(sources[i].name)) {
            return sources[i].meaning;
        }
    }
    return NULL;
}
