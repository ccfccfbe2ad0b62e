/* SPDX-License-Identifier: MIT */
#include "ntpwire/refid.h"
#include "server/responder.h"
#include "tests/unit/unit.h"
#include <string.h>

#define NOW_NS (INT64_C(1795190400) * NS_PER_S)
#define TRANSMIT UINT64_C(0xBC76FAF3F01E9FD6)

static const char keys_text[] = "1 MD5 interopMD5key_01\n"
                                "2 SHA1 HEX:a5000102030405060708090a0b0c0d0e0f101112\n"
                                "3 SHA256 HEX:b50001020304050607\n"
                                "4 AES128 HEX:c5000102030405060708090a0b0c0d0e\n"
                                "6 SHA512 ASCII:long 10.0.0.0/8\n"
                                "7 SHA1 ASCII:elsewhere 198.51.100.1\n";

static uint8_t octets[2048];
static struct datagram datagram;
static struct macs *macs;

/* A request of zeros, from 10.0.0.1:40000 to 10.0.0.2:123. */
static void prepare(unsigned version, unsigned mode, size_t size)
{
    memset(octets, 0, sizeof(octets));
    octets[0] = (uint8_t)(version << 3 | mode);
    bytes_put_u64(octets + PACKET_TRANSMIT_OFFSET, TRANSMIT);
    datagram = (struct datagram){.stamp = STAMP_KERNEL, .received = {{5}, {NOW_NS}}};
    CU_ASSERT_TRUE(address_parse("10.0.0.1:40000", 0, &datagram.source));
    CU_ASSERT_TRUE(address_parse("10.0.0.2:123", 0, &datagram.destination));
    datagram.payload = bytes_make(octets, size);
}

static void with_macs(void (*body)(void))
{
    struct keyring keyring;
    char error[KEYRING_ERROR_MAX];
    CU_ASSERT_TRUE_FATAL(keyring_parse(keys_text, &keyring, error));
    macs = macs_create(&keyring, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(macs);
    body();
    macs_destroy(macs);
    macs = NULL;
    keyring_clear(&keyring);
}

/* Signs what octets holds, of `size` octets, and lengthens the datagram. */
static void sign(uint32_t key_id, unsigned version, size_t size)
{
    size_t digest = mac_size(macs, key_id, version);
    CU_ASSERT_FATAL(digest > 0);
    bytes_put_u32(octets + size, key_id);
    CU_ASSERT_TRUE(mac_make(macs, key_id, bytes_make(octets, size), octets + size + 4, digest));
    datagram.payload.size = size + 4 + digest;
}

static enum responder_verdict expected(unsigned version, unsigned mode, size_t size)
{
    if (size == 0) {
        return RESPONDER_MALFORMED;
    }
    if (mode >= 6) {
        return RESPONDER_CONTROL;
    }
    if (version < 1 || version > 4) {
        return RESPONDER_VERSION;
    }
    if (mode != 1 && mode != 3 && (mode != 0 || version != 1)) {
        return RESPONDER_NOT_REQUEST;
    }
    return size < 48 ? RESPONDER_MALFORMED : RESPONDER_ANSWER;
}

static void test_every_first_octet_and_length(void)
{
    for (unsigned first = 0; first < 256; first++) {
        for (size_t size = 0; size <= 100; size++) {
            prepare(first >> 3 & 7, first & 7, size);
            octets[0] = (uint8_t)first;
            enum responder_verdict verdict = responder_glance(&datagram);
            CU_ASSERT_EQUAL(verdict, expected(first >> 3 & 7, first & 7, size));
        }
    }
}

static void test_sources(void)
{
    static const struct {
        const char *source;
        enum responder_verdict verdict;
    } sources[] = {
        {"10.0.0.1:1", RESPONDER_ANSWER},
        {"10.0.0.2:124", RESPONDER_ANSWER},
        {"10.0.0.1:123", RESPONDER_ANSWER}, /* chronyd asks from its server's port, by option */
        {"10.0.0.2:123", RESPONDER_OWN_ADDRESS},
        {"0.0.0.0:40000", RESPONDER_OWN_ADDRESS},
        {"0.1.2.3:40000", RESPONDER_OWN_ADDRESS},
        {"223.255.255.255:40000", RESPONDER_ANSWER},
        {"224.0.1.1:123", RESPONDER_OWN_ADDRESS},
        {"239.255.255.255:40000", RESPONDER_OWN_ADDRESS},
        {"240.0.0.1:40000", RESPONDER_OWN_ADDRESS},
        {"255.255.255.255:123", RESPONDER_OWN_ADDRESS},
        {"127.0.0.1:123", RESPONDER_ANSWER},
        {"[::1]:123", RESPONDER_ANSWER},
        {"[::]:123", RESPONDER_OWN_ADDRESS},
        {"[ff02::101]:123", RESPONDER_OWN_ADDRESS},
        {"[fe80::1%2]:123", RESPONDER_ANSWER},
        {"[2001:db8::1]:40000", RESPONDER_ANSWER},
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        prepare(4, MODE_CLIENT, 48);
        CU_ASSERT_TRUE_FATAL(address_parse(sources[i].source, 0, &datagram.source));
        CU_ASSERT_EQUAL(responder_glance(&datagram), sources[i].verdict);
    }
    prepare(4, MODE_CLIENT, 48);
    datagram.source.port = 0;
    CU_ASSERT_EQUAL(responder_glance(&datagram), RESPONDER_OWN_ADDRESS);
    prepare(4, MODE_CLIENT, 48);
    datagram.source.family = ADDRESS_NONE;
    CU_ASSERT_EQUAL(responder_glance(&datagram), RESPONDER_OWN_ADDRESS);
}

static void test_destinations(void)
{
    prepare(4, MODE_CLIENT, 48);
    datagram.to_group = true;
    CU_ASSERT_EQUAL(responder_glance(&datagram), RESPONDER_TO_GROUP);
    prepare(4, MODE_CLIENT, 48);
    CU_ASSERT_TRUE_FATAL(address_parse("[fe80::2%2]:123", 0, &datagram.destination));
    CU_ASSERT_TRUE_FATAL(address_parse("[fe80::2%2]:123", 0, &datagram.source));
    CU_ASSERT_EQUAL(responder_glance(&datagram), RESPONDER_OWN_ADDRESS);
}

static void test_read_plain(void)
{
    struct request request;
    prepare(3, MODE_CLIENT, 48);
    octets[2] = 0xFC;
    CU_ASSERT_EQUAL(responder_read(&datagram, NULL, &request), RESPONDER_ANSWER);
    CU_ASSERT_EQUAL(request.auth, RESPONDER_PLAIN);
    CU_ASSERT_EQUAL(request.packet.version, 3);
    CU_ASSERT_EQUAL(request.packet.mode, MODE_CLIENT);
    CU_ASSERT_EQUAL(request.packet.poll, -4);
    CU_ASSERT_EQUAL(request.packet.transmit.bits, TRANSMIT);
    CU_ASSERT_EQUAL(responder_size(&request), 48);
}

static void test_read_extensions(void)
{
    struct request request;
    /* An unknown field, as chronyd's 0xF323: 28 octets, the shortest that may stand last. */
    prepare(4, MODE_CLIENT, 76);
    bytes_put_u16(octets + 48, 0xF323);
    bytes_put_u16(octets + 50, 28);
    CU_ASSERT_EQUAL(responder_read(&datagram, NULL, &request), RESPONDER_ANSWER);
    CU_ASSERT_EQUAL(request.auth, RESPONDER_PLAIN);
    CU_ASSERT_EQUAL(responder_size(&request), 48);
    static const uint16_t bad[] = {0, 3, 4, 12, 15, 27, 29, 32, 76, 65535};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct request before;
        memset(&before, 0x5A, sizeof(before));
        request = before;
        bytes_put_u16(octets + 50, bad[i]);
        CU_ASSERT_EQUAL(responder_read(&datagram, NULL, &request), RESPONDER_MALFORMED);
        CU_ASSERT_EQUAL(memcmp(&request, &before, sizeof(before)), 0);
    }
    for (size_t size = 49; size < 52; size++) {
        prepare(4, MODE_CLIENT, size);
        CU_ASSERT_EQUAL(responder_read(&datagram, NULL, &request), RESPONDER_MALFORMED);
    }
    /* A crypto-NAK is an answer; nobody asks with one. */
    for (unsigned version = 1; version <= 4; version++) {
        prepare(version, MODE_CLIENT, 52);
        CU_ASSERT_EQUAL(responder_read(&datagram, NULL, &request), RESPONDER_MALFORMED);
    }
}

static void check_auth(enum responder_auth auth, size_t reply_size)
{
    struct request request;
    CU_ASSERT_EQUAL(responder_read(&datagram, macs, &request), RESPONDER_ANSWER);
    CU_ASSERT_EQUAL(request.auth, auth);
    CU_ASSERT_EQUAL(responder_size(&request), reply_size);
    CU_ASSERT_TRUE(responder_size(&request) <= datagram.payload.size);
}

static void body_macs(void)
{
    static const uint32_t ids[] = {1, 2, 3, 4, 6};
    for (unsigned version = 1; version <= 4; version++) {
        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
            prepare(version, MODE_CLIENT, 48);
            sign(ids[i], version, 48);
            check_auth(RESPONDER_AUTHENTIC, datagram.payload.size);
            /* Any octet of it changed, and it is a forgery. */
            for (size_t at = 2; at < datagram.payload.size; at++) {
                octets[at] ^= 0x10;
                check_auth(RESPONDER_CRYPTO_NAK, 52);
                octets[at] ^= 0x10;
            }
        }
    }
    /* With a field before it. */
    prepare(4, MODE_CLIENT, 48);
    bytes_put_u16(octets + 48, 0x0104);
    bytes_put_u16(octets + 50, 36);
    sign(2, 4, 84);
    check_auth(RESPONDER_AUTHENTIC, 72);
    octets[60] ^= 1;
    check_auth(RESPONDER_CRYPTO_NAK, 52);
}

static void body_bound_keys(void)
{
    prepare(4, MODE_CLIENT, 48);
    sign(7, 4, 48);
    check_auth(RESPONDER_CRYPTO_NAK, 52);
    CU_ASSERT_TRUE(address_parse("198.51.100.1:40000", 0, &datagram.source));
    check_auth(RESPONDER_AUTHENTIC, 72);
    CU_ASSERT_TRUE(address_parse("198.51.100.2:40000", 0, &datagram.source));
    check_auth(RESPONDER_CRYPTO_NAK, 52);
    sign(6, 4, 48);
    check_auth(RESPONDER_CRYPTO_NAK, 52);
}

static void body_no_keys(void)
{
    prepare(4, MODE_CLIENT, 48);
    sign(2, 4, 48);
    struct request request;
    CU_ASSERT_EQUAL(responder_read(&datagram, NULL, &request), RESPONDER_ANSWER);
    CU_ASSERT_EQUAL(request.auth, RESPONDER_CRYPTO_NAK);
}

static void test_macs(void)
{
    with_macs(body_macs);
}

static void test_bound_keys(void)
{
    with_macs(body_bound_keys);
}

static void test_no_keys(void)
{
    with_macs(body_no_keys);
}

static struct sync_state state_of(uint8_t stratum)
{
    return (struct sync_state){.timebase = TIMEBASE_SYSTEM,
                               .anchor = {1000},
                               .leap = LEAP_INSERT,
                               .stratum = stratum,
                               .precision = -24,
                               .refid = 0x0A7B0002,
                               .root_delay_ns = NS_PER_S / 4,
                               .root_dispersion_ns = NS_PER_S / 2,
                               .dispersion_ppm = 15,
                               .reference = {NOW_NS}};
}

static void test_claim(void)
{
    struct sync_state state = state_of(3);
    struct responder_claim claim = responder_claim_make(&state, (struct mono){1000});
    CU_ASSERT_EQUAL(claim.leap, LEAP_INSERT);
    CU_ASSERT_EQUAL(claim.stratum, 3);
    CU_ASSERT_EQUAL(claim.precision, -24);
    CU_ASSERT_EQUAL(claim.root_delay, 0x4000);
    CU_ASSERT_EQUAL(claim.root_dispersion, 0x8000);
    CU_ASSERT_EQUAL(claim.refid, 0x0A7B0002);
    CU_ASSERT_EQUAL(claim.reference.bits, timestamp_from_unix_ns(NOW_NS).bits);
    /* 100,000 s at 15 ppm are 1.5 s more. */
    struct mono later = {1000 + 100000 * NS_PER_S};
    claim = responder_claim_make(&state, later);
    CU_ASSERT_TRUE(claim.root_dispersion >= 0x20000 && claim.root_dispersion <= 0x20001);
}

static void test_claim_unsynchronised(void)
{
    struct sync_state states[] = {state_of(16), state_of(0), state_of(3),
                                  sync_state_unsynchronised(-20)};
    states[2].leap = LEAP_UNSYNCHRONISED;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        struct responder_claim claim = responder_claim_make(&states[i], (struct mono){1000});
        CU_ASSERT_EQUAL(claim.leap, LEAP_UNSYNCHRONISED);
        CU_ASSERT_EQUAL(claim.stratum, 0);
        CU_ASSERT_EQUAL(claim.refid, 0);
        CU_ASSERT_TRUE(timestamp_is_unset(claim.reference));
        CU_ASSERT_TRUE(claim.root_dispersion >= 0x8000);
    }
}

static struct packet written(unsigned version, unsigned mode, int8_t poll)
{
    struct sync_state state = state_of(2);
    struct responder_claim claim = responder_claim_make(&state, (struct mono){1000});
    struct request request = {.packet = {.version = (uint8_t)version,
                                         .mode = (uint8_t)mode,
                                         .poll = poll,
                                         .leap = 3,
                                         .transmit = {TRANSMIT}}};
    uint8_t out[PACKET_SIZE];
    memset(out, 0xEE, sizeof(out));
    responder_write(&request, &claim, (struct timestamp){11}, (struct timestamp){22}, out);
    struct packet packet;
    CU_ASSERT_EQUAL(packet_parse(bytes_make(out, sizeof(out)), &packet), PACKET_OK);
    return packet;
}

static void test_write(void)
{
    for (unsigned version = 1; version <= 4; version++) {
        CU_ASSERT_EQUAL(written(version, MODE_CLIENT, 6).mode, MODE_SERVER);
        CU_ASSERT_EQUAL(written(version, MODE_ACTIVE, 6).mode, MODE_PASSIVE);
        CU_ASSERT_EQUAL(written(version, MODE_CLIENT, 6).version, version);
    }
    CU_ASSERT_EQUAL(written(1, MODE_RESERVED, 6).mode, MODE_SERVER);
    struct packet packet = written(4, MODE_CLIENT, -4);
    CU_ASSERT_EQUAL(packet.poll, -4);
    CU_ASSERT_EQUAL(packet.leap, LEAP_INSERT);
    CU_ASSERT_EQUAL(packet.stratum, 2);
    CU_ASSERT_EQUAL(packet.precision, -24);
    CU_ASSERT_EQUAL(packet.root_delay, 0x4000);
    CU_ASSERT_EQUAL(packet.root_dispersion, 0x8000);
    CU_ASSERT_EQUAL(packet.refid, 0x0A7B0002);
    CU_ASSERT_EQUAL(packet.reference.bits, timestamp_from_unix_ns(NOW_NS).bits);
    CU_ASSERT_EQUAL(packet.origin.bits, 11);
    CU_ASSERT_EQUAL(packet.receive.bits, 22);
}

static void test_kiss(void)
{
    static const struct {
        int8_t asked, minimum, given;
    } polls[] = {{6, 4, 6}, {0, 4, 4}, {-7, 0, 0}, {127, 4, 17}, {-128, 12, 12}};
    for (size_t i = 0; i < sizeof(polls) / sizeof(polls[0]); i++) {
        struct request request = {.packet = {.version = 3,
                                             .mode = MODE_CLIENT,
                                             .poll = polls[i].asked,
                                             .origin = {1},
                                             .receive = {2},
                                             .transmit = {TRANSMIT}}};
        uint8_t out[PACKET_SIZE];
        responder_write_kiss(&request, KISS_RATE, polls[i].minimum, out);
        struct packet packet;
        CU_ASSERT_EQUAL(packet_parse(bytes_make(out, sizeof(out)), &packet), PACKET_OK);
        CU_ASSERT_TRUE(packet_is_kiss(&packet));
        CU_ASSERT_EQUAL(packet.refid, KISS_RATE);
        CU_ASSERT_EQUAL(packet.leap, LEAP_UNSYNCHRONISED);
        CU_ASSERT_EQUAL(packet.version, 3);
        CU_ASSERT_EQUAL(packet.mode, MODE_SERVER);
        CU_ASSERT_EQUAL(packet.poll, polls[i].given);
        CU_ASSERT_EQUAL(packet.origin.bits, TRANSMIT);
        CU_ASSERT_EQUAL(packet.receive.bits, TRANSMIT);
        CU_ASSERT_EQUAL(packet.transmit.bits, TRANSMIT);
        CU_ASSERT_TRUE(timestamp_is_unset(packet.reference));
    }
}

static void test_names(void)
{
    for (int i = 0; i < RESPONDER_VERDICTS; i++) {
        const char *name = responder_verdict_name((enum responder_verdict)i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(name);
        CU_ASSERT_TRUE(strlen(name) > 0);
        for (int j = 0; j < i; j++) {
            CU_ASSERT_STRING_NOT_EQUAL(name, responder_verdict_name((enum responder_verdict)j));
        }
    }
    CU_ASSERT_STRING_EQUAL(responder_verdict_name(RESPONDER_VERDICTS), "unknown verdict");
}

static const struct unit_case cases[] = {
    {"every first octet and length", test_every_first_octet_and_length},
    {"where a request may come from", test_sources},
    {"destinations", test_destinations},
    {"a plain request", test_read_plain},
    {"extension fields", test_read_extensions},
    {"MACs of every kind and version", test_macs},
    {"a key is bound to its addresses", test_bound_keys},
    {"a MAC where there are no keys", test_no_keys},
    {"what a reply claims", test_claim},
    {"unsynchronised says so", test_claim_unsynchronised},
    {"the reply's header", test_write},
    {"the kiss of death", test_kiss},
    {"names of verdicts", test_names},
};
UNIT_MAIN("responder", cases)
