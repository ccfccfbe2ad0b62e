/* SPDX-License-Identifier: MIT */
/* The primitives of secret.h, the cookies, and packets under a session. */
#include "common/auth/cookie.h"
#include "common/auth/session.h"
#include "tests/unit/unit.h"
#include "tests/vectors/hex.h"
#include <string.h>

#define PACKET_ROOM 64

static const struct mono start = {1000};

static size_t from_hex(const char *text, uint8_t *octets)
{
    for (size_t i = 0; i < strlen(text) / 2; i++) {
        octets[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    }
    return strlen(text) / 2;
}

static bool is_hex(const uint8_t *octets, const char *text)
{
    uint8_t wanted[128];
    size_t size = from_hex(text, wanted);
    return memcmp(octets, wanted, size) == 0;
}

/* RFC 7748, 6.1. */
static void exchanges_as_rfc_7748(void)
{
    uint8_t alice[SECRET_SIZE];
    uint8_t bob[SECRET_SIZE];
    uint8_t alice_public[SECRET_SIZE];
    uint8_t bob_public[SECRET_SIZE];
    uint8_t shared[SECRET_SIZE];
    from_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", alice);
    from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", bob);
    CU_ASSERT_TRUE(secret_exchange_key(alice, alice_public));
    CU_ASSERT_TRUE(secret_exchange_key(bob, bob_public));
    CU_ASSERT_TRUE(
        is_hex(alice_public, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
    CU_ASSERT_TRUE(
        is_hex(bob_public, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
    static const char wanted[] = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    CU_ASSERT_TRUE(secret_exchange(alice, bob_public, shared));
    CU_ASSERT_TRUE(is_hex(shared, wanted));
    CU_ASSERT_TRUE(secret_exchange(bob, alice_public, shared));
    CU_ASSERT_TRUE(is_hex(shared, wanted));

    /* Points of small order give a secret of zeros. */
    static const char *const weak[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};
    for (size_t i = 0; i < sizeof weak / sizeof weak[0]; i++) {
        from_hex(weak[i], bob_public);
        CU_ASSERT_FALSE(secret_exchange(alice, bob_public, shared));
        CU_ASSERT_TRUE(is_hex(shared, wanted));
    }
}

/* RFC 5869, A.1 to A.3. */
static void derives_as_rfc_5869(void)
{
    uint8_t counting[256];
    uint8_t key[SECRET_SIZE];
    uint8_t out[96];
    uint8_t material[22];
    for (size_t i = 0; i < sizeof counting; i++) {
        counting[i] = (uint8_t)i;
    }
    memset(material, 0x0b, sizeof material);
    struct bytes short_one = bytes_make(material, sizeof material);

    CU_ASSERT_TRUE(secret_extract(bytes_make(counting, 13), short_one, key));
    CU_ASSERT_TRUE(is_hex(key, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"));
    CU_ASSERT_TRUE(secret_expand(key, bytes_make(counting + 0xf0, 10), out, 42));
    CU_ASSERT_TRUE(is_hex(out, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                               "34007208d5b887185865"));

    CU_ASSERT_TRUE(secret_extract(bytes_make(counting + 0x60, 80), bytes_make(counting, 80), key));
    CU_ASSERT_TRUE(secret_expand(key, bytes_make(counting + 0xb0, 80), out, 82));
    CU_ASSERT_TRUE(is_hex(out, "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                               "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                               "cc30c58179ec3e87c14c01d5c1f3434f1d87"));

    CU_ASSERT_TRUE(secret_extract(bytes_make(NULL, 0), short_one, key));
    CU_ASSERT_TRUE(secret_expand(key, bytes_make(NULL, 0), out, 42));
    CU_ASSERT_TRUE(is_hex(out, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                               "9d201395faa4b61a96c8"));

    /* A label counts with its final zero. */
    uint8_t derived[SECRET_SIZE];
    CU_ASSERT_TRUE(secret_derive(key, "a", derived, sizeof derived));
    CU_ASSERT_TRUE(secret_expand(key, bytes_make("a", 2), out, sizeof derived));
    CU_ASSERT_EQUAL(memcmp(derived, out, sizeof derived), 0);
}

static void draws_and_leaves_nothing(void)
{
    struct random random;
    uint8_t first[SECRET_SIZE];
    uint8_t second[SECRET_SIZE];
    random_init_seeded(&random, 5);
    secret_draw(&random, first);
    secret_draw(&random, second);
    CU_ASSERT_FALSE(secret_is_equal(first, second, SECRET_SIZE));
    for (size_t i = 0; i + SECRET_SIZE <= sizeof random.buffer; i++) {
        CU_ASSERT_NOT_EQUAL(memcmp(random.buffer + i, first, SECRET_SIZE), 0);
        CU_ASSERT_NOT_EQUAL(memcmp(random.buffer + i, second, SECRET_SIZE), 0);
    }
}

static void cookies_prove_an_address(void)
{
    struct random random;
    struct cookie_jar jar;
    struct address address;
    uint8_t ephemeral[SECRET_SIZE];
    uint8_t cookie[COOKIE_SIZE];
    random_init_seeded(&random, 6);
    cookie_jar_init(&jar, &random, start);
    secret_draw(&random, ephemeral);
    CU_ASSERT_TRUE_FATAL(address_parse("192.0.2.1:123", 1, &address));
    CU_ASSERT_TRUE(cookie_make(&jar, &address, ephemeral, cookie));
    CU_ASSERT_TRUE(cookie_verify(&jar, &address, ephemeral, cookie));

    static const char *const others[] = {"192.0.2.1:124", "192.0.2.2:123", "[c000:201::]:123"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct address other;
        CU_ASSERT_TRUE_FATAL(address_parse(others[i], 1, &other));
        CU_ASSERT_FALSE(cookie_verify(&jar, &other, ephemeral, cookie));
    }
    for (size_t i = 0; i < SECRET_SIZE; i++) {
        ephemeral[i] ^= 1;
        CU_ASSERT_FALSE(cookie_verify(&jar, &address, ephemeral, cookie));
        ephemeral[i] ^= 1;
    }
    for (size_t i = 0; i < COOKIE_SIZE; i++) {
        cookie[i] ^= 0x80;
        CU_ASSERT_FALSE(cookie_verify(&jar, &address, ephemeral, cookie));
        cookie[i] ^= 0x80;
    }
    cookie_jar_clear(&jar);
}

static void cookies_grow_stale(void)
{
    struct random random;
    struct cookie_jar jar;
    struct address address;
    uint8_t ephemeral[SECRET_SIZE] = {1};
    uint8_t cookie[COOKIE_SIZE];
    random_init_seeded(&random, 7);
    cookie_jar_init(&jar, &random, start);
    CU_ASSERT_TRUE_FATAL(address_parse("[2001:db8::1]:123", 1, &address));
    CU_ASSERT_TRUE(cookie_make(&jar, &address, ephemeral, cookie));
    for (int seconds = 0; seconds < 400; seconds++) {
        struct mono now = {start.ns + seconds * NS_PER_S};
        cookie_jar_rotate(&jar, &random, now);
        CU_ASSERT_EQUAL(cookie_verify(&jar, &address, ephemeral, cookie), seconds < 240);
    }
    /* After a long silence neither secret is one that anybody has a cookie of. */
    CU_ASSERT_TRUE(cookie_make(&jar, &address, ephemeral, cookie));
    cookie_jar_rotate(&jar, &random, (struct mono){start.ns + 500 * NS_PER_S});
    CU_ASSERT_TRUE(cookie_verify(&jar, &address, ephemeral, cookie));
    cookie_jar_rotate(&jar, &random, (struct mono){start.ns + 1000 * NS_PER_S});
    CU_ASSERT_FALSE(cookie_verify(&jar, &address, ephemeral, cookie));
}

struct pair {
    struct session *a;
    struct session *b;
};

static struct pair make_pair(void)
{
    struct session_keys keys = {.id = 0x1234};
    for (size_t i = 0; i < SECRET_SIZE; i++) {
        keys.send[i] = (uint8_t)i;
        keys.receive[i] = (uint8_t)(i + 100);
    }
    struct session_keys mirrored = {.id = keys.id};
    memcpy(mirrored.send, keys.receive, SECRET_SIZE);
    memcpy(mirrored.receive, keys.send, SECRET_SIZE);
    struct pair pair = {session_create(&keys, start), session_create(&mirrored, start)};
    CU_ASSERT_FATAL(pair.a != NULL && pair.b != NULL);
    return pair;
}

static void end_pair(struct pair *pair)
{
    session_destroy(pair->a);
    session_destroy(pair->b);
}

struct sealed {
    uint8_t octets[PACKET_ROOM];
    uint8_t tag[SESSION_TAG_SIZE];
};

static struct sealed seal(struct session *session)
{
    struct sealed sealed;
    memset(sealed.octets, 0x5a, sizeof sealed.octets);
    CU_ASSERT_TRUE(session_seal(session, start, sealed.octets, PACKET_ROOM, sealed.tag));
    return sealed;
}

static enum session_verdict open_at(struct session *session, const struct sealed *sealed,
                                    int64_t seconds)
{
    return session_open(session, (struct mono){start.ns + seconds * NS_PER_S},
                        bytes_make(sealed->octets, PACKET_ROOM), sealed->tag);
}

/* Another tag for what was changed after it was sealed: as good, and without another counter. */
static void tags_again(void)
{
    struct pair pair = make_pair();
    struct sealed sealed = seal(pair.a);
    uint8_t tag[SESSION_TAG_SIZE];
    struct bytes covered = bytes_make(sealed.octets, PACKET_ROOM);
    CU_ASSERT_TRUE(session_tag(pair.a, covered, tag));
    CU_ASSERT_EQUAL(memcmp(tag, sealed.tag, sizeof tag), 0);
    sealed.octets[0] ^= 1;
    CU_ASSERT_EQUAL(open_at(pair.b, &sealed, 0), SESSION_FORGED);
    CU_ASSERT_TRUE(session_tag(pair.a, covered, sealed.tag));
    CU_ASSERT_EQUAL(open_at(pair.b, &sealed, 0), SESSION_OK);
    CU_ASSERT_EQUAL(session_sent(pair.a), 1);
    end_pair(&pair);
}

/* The tag is what Python's hmac gives. */
static void seals_with_hmac_sha256(void)
{
    struct pair pair = make_pair();
    uint8_t packet[20];
    uint8_t tag[SESSION_TAG_SIZE];
    for (size_t i = 0; i < sizeof packet; i++) {
        packet[i] = (uint8_t)i;
    }
    CU_ASSERT_TRUE(session_seal(pair.a, start, packet, sizeof packet, tag));
    CU_ASSERT_TRUE(is_hex(packet, "0001020304051234000000010c0d0e0f10111213"));
    CU_ASSERT_TRUE(is_hex(tag, "72641ec295e79329265d43f50b9a3442"));
    CU_ASSERT_EQUAL(session_open(pair.b, start, bytes_make(packet, sizeof packet), tag),
                    SESSION_OK);
    CU_ASSERT_EQUAL(session_open(pair.b, start, bytes_make(packet, 13), tag), SESSION_TOO_SHORT);
    end_pair(&pair);
}

static void finds_each_changed_bit(void)
{
    struct pair pair = make_pair();
    struct sealed sealed = seal(pair.a);
    for (size_t bit = 0; bit < PACKET_ROOM * 8; bit++) {
        sealed.octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CU_ASSERT_NOT_EQUAL(open_at(pair.b, &sealed, 0), SESSION_OK);
        sealed.octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < SESSION_TAG_SIZE * 8; bit++) {
        sealed.tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CU_ASSERT_EQUAL(open_at(pair.b, &sealed, 0), SESSION_FORGED);
        sealed.tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CU_ASSERT_EQUAL(open_at(pair.a, &sealed, 0), SESSION_FORGED); /* reflected */
    CU_ASSERT_EQUAL(open_at(pair.b, &sealed, 0), SESSION_OK);     /* nothing was spoilt */
    CU_ASSERT_EQUAL(open_at(pair.b, &sealed, 0), SESSION_REPLAYED);
    sealed.octets[PACKET_ROOM - SESSION_TRAILER_SIZE] ^= 1;
    CU_ASSERT_EQUAL(open_at(pair.b, &sealed, 0), SESSION_OTHER);
    end_pair(&pair);
}

static void takes_each_packet_once(void)
{
    static struct sealed packets[200];
    struct pair pair = make_pair();
    for (size_t i = 0; i < 200; i++) {
        packets[i] = seal(pair.a);
    }
    CU_ASSERT_EQUAL(open_at(pair.b, &packets[99], 0), SESSION_OK);
    CU_ASSERT_EQUAL(open_at(pair.b, &packets[35], 0), SESSION_REPLAYED); /* 64 behind */
    for (size_t i = 36; i < 99; i++) {
        CU_ASSERT_EQUAL(open_at(pair.b, &packets[i], 0), SESSION_OK);
    }
    for (size_t i = 0; i < 100; i++) {
        CU_ASSERT_EQUAL(open_at(pair.b, &packets[i], 0), SESSION_REPLAYED);
    }
    CU_ASSERT_EQUAL(open_at(pair.b, &packets[162], 0), SESSION_OK); /* 63 ahead */
    CU_ASSERT_EQUAL(open_at(pair.b, &packets[99], 0), SESSION_REPLAYED);
    CU_ASSERT_EQUAL(open_at(pair.b, &packets[100], 0), SESSION_OK);
    CU_ASSERT_EQUAL(open_at(pair.b, &packets[199], 0), SESSION_OK);
    CU_ASSERT_EQUAL(open_at(pair.b, &packets[162], 0), SESSION_REPLAYED);
    CU_ASSERT_EQUAL(open_at(pair.b, &packets[161], 0), SESSION_OK);
    end_pair(&pair);
}

static void ends_with_the_hour_or_the_last_packet(void)
{
    struct pair pair = make_pair();
    struct sealed sealed = seal(pair.a);
    struct mono late = {start.ns + SESSION_LIFE_NS};
    CU_ASSERT_FALSE(session_is_due(pair.a, (struct mono){start.ns + 2699 * NS_PER_S}));
    CU_ASSERT_TRUE(session_is_due(pair.a, (struct mono){start.ns + 2700 * NS_PER_S}));
    CU_ASSERT_FALSE(session_is_spent(pair.a, (struct mono){late.ns - 1}));
    CU_ASSERT_TRUE(session_is_spent(pair.a, late));
    CU_ASSERT_FALSE(session_seal(pair.a, late, sealed.octets, PACKET_ROOM, sealed.tag));
    CU_ASSERT_EQUAL(open_at(pair.b, &sealed, 3660), SESSION_SPENT);
    CU_ASSERT_EQUAL(open_at(pair.b, &sealed, 3659), SESSION_OK);
    bool ok = true;
    for (uint32_t i = 1; i < SESSION_PACKETS_MAX; i++) {
        ok = ok && session_seal(pair.a, start, sealed.octets, SESSION_TRAILER_SIZE, sealed.tag);
    }
    CU_ASSERT_TRUE(ok);
    CU_ASSERT_EQUAL(session_sent(pair.a), SESSION_PACKETS_MAX);
    CU_ASSERT_TRUE(session_is_due(pair.a, start));
    CU_ASSERT_FALSE(session_seal(pair.a, start, sealed.octets, PACKET_ROOM, sealed.tag));
    CU_ASSERT_EQUAL(
        session_open(pair.b, start, bytes_make(sealed.octets, SESSION_TRAILER_SIZE), sealed.tag),
        SESSION_OK);
    CU_ASSERT_TRUE(session_is_due(pair.b, start)); /* by what it received */
    for (int verdict = 0; verdict < SESSION_VERDICTS; verdict++) {
        CU_ASSERT_PTR_NOT_NULL(session_verdict_name((enum session_verdict)verdict));
    }
    end_pair(&pair);
}

static const struct unit_case cases[] = {
    {"exchanges as RFC 7748", exchanges_as_rfc_7748},
    {"derives as RFC 5869", derives_as_rfc_5869},
    {"draws and leaves nothing", draws_and_leaves_nothing},
    {"cookies prove an address", cookies_prove_an_address},
    {"cookies grow stale", cookies_grow_stale},
    {"what was changed is tagged again", tags_again},
    {"seals with HMAC-SHA256", seals_with_hmac_sha256},
    {"finds each changed bit", finds_each_changed_bit},
    {"takes each packet once", takes_each_packet_once},
    {"ends with the hour or the last packet", ends_with_the_hour_or_the_last_packet},
};
UNIT_MAIN("session", cases)
