/* SPDX-License-Identifier: MIT */
/* Servers that refuse, and those who only seem to. */
#include "tests/unit/source_world.h"
#include <string.h>

/* The request that was just sent. */
static struct packet request(const struct source_world *world)
{
    struct packet packet = {.version = 0};
    CU_ASSERT_FATAL(world->actions.count > 0);
    const struct action_send *send = &world->actions.items[world->actions.count - 1].send;
    CU_ASSERT_EQUAL_FATAL(packet_parse(bytes_make(send->payload, send->size), &packet), PACKET_OK);
    return packet;
}

static enum source_news send_kiss(struct source_world *world, uint32_t code, int8_t poll,
                                  struct timestamp origin)
{
    struct packet kiss = {.leap = LEAP_UNSYNCHRONISED,
                          .version = 4,
                          .mode = MODE_SERVER,
                          .poll = poll,
                          .refid = code,
                          .origin = origin,
                          .receive = origin,
                          .transmit = origin};
    uint8_t octets[PACKET_SIZE + MAC_SIZE_MAX_V3];
    return source_world_take(world, octets, source_world_write(world, &kiss, octets));
}

static void test_kiss_rate(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_start(&world);
    CU_ASSERT_TRUE(source_world_ask(&world));
    struct timestamp origin = request(&world).transmit;
    /* Not our origin: nothing happens. */
    (void)send_kiss(&world, KISS_RATE, 9, (struct timestamp){.bits = origin.bits ^ 1});
    CU_ASSERT_EQUAL(source_poll_log2(world.source), 6);
    CU_ASSERT_EQUAL(world.measured_count, 1);
    CU_ASSERT_EQUAL(send_kiss(&world, KISS_RATE, 9, origin), SOURCE_NOTHING);
    CU_ASSERT_EQUAL(source_poll_log2(world.source), 9);
    CU_ASSERT_STRING_EQUAL(world.measured.verdict, "kiss code");
    CU_ASSERT_PTR_NOT_NULL(strstr(world.measured.reason, "RATE"));
    CU_ASSERT_PTR_NOT_NULL(strstr(world.measured.reason, "poll"));
    /* The burst is over, and the interval never again shorter. */
    CU_ASSERT(source_deadline(world.source).ns >= world.asked[0].ns + 512 * NS_PER_S);
    source_world_run(&world, 20000 * NS_PER_S);
    for (size_t i = 1; i < world.asked_count; i++) {
        CU_ASSERT(world.asked[i].ns - world.asked[i - 1].ns >= 512 * NS_PER_S);
    }
    /* A second one slows down further, though its poll says less. */
    int8_t before = source_poll_log2(world.source);
    CU_ASSERT_TRUE(source_world_ask(&world));
    (void)send_kiss(&world, KISS_RATE, 3, request(&world).transmit);
    CU_ASSERT(source_poll_log2(world.source) > before || before == 10);
    CU_ASSERT(source_poll_log2(world.source) <= 10);
    struct source_status status;
    source_status(world.source, world.now, 0, &status);
    CU_ASSERT_EQUAL(status.kisses, 2);
    source_world_clear(&world);
}

/* Who listens to broadcasts asks as well, and is refused the same. */
static void test_kiss_rate_of_broadcasts(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_use_key(&world, 2);
    world.options.kind = SOURCE_BROADCAST_CLIENT;
    CU_ASSERT_TRUE_FATAL(address_parse("224.0.1.1", 123, &world.options.group));
    source_world_start(&world);
    int64_t last_ns = INT64_MIN / 2;
    unsigned requests = 0;
    for (unsigned steps = 0; requests < 8 && steps < 100; steps++) {
        (void)source_world_ask(&world);
        if (world.actions.count == 1 && world.actions.items[0].kind == ACTION_SEND) {
            CU_ASSERT(world.now.mono.ns - last_ns >= 512 * NS_PER_S);
            last_ns = world.now.mono.ns;
            (void)send_kiss(&world, KISS_RATE, 9, request(&world).transmit);
            requests++;
        }
    }
    CU_ASSERT_EQUAL(requests, 8);
    source_world_clear(&world);
}

static void test_kiss_deny(void)
{
    static const uint32_t codes[] = {KISS_DENY, KISS_RSTR};
    for (size_t i = 0; i < 2; i++) {
        struct source_world world;
        source_world_init(&world);
        source_world_start(&world);
        CU_ASSERT_TRUE(source_world_ask(&world));
        struct timestamp origin = request(&world).transmit;
        (void)send_kiss(&world, codes[i], 6, (struct timestamp){.bits = 0});
        CU_ASSERT_TRUE(source_deadline(world.source).ns != INT64_MAX);
        CU_ASSERT_EQUAL(send_kiss(&world, codes[i], 6, origin), SOURCE_CHANGED);
        CU_ASSERT_FALSE(source_world_ask(&world));
        char reason[STATUS_TEXT_MAX];
        CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_DENIED);
        CU_ASSERT_PTR_NOT_NULL(strstr(reason, i == 0 ? "DENY" : "RSTR"));
        /* A suspend changes nothing of that, another address does. */
        source_void(world.source, world.now.mono);
        CU_ASSERT_FALSE(source_world_ask(&world));
        source_connect(world.source, &world.remote, world.now.mono, &world.actions);
        CU_ASSERT_TRUE(source_world_ask(&world));
        source_world_clear(&world);
    }
}

/* With a key, a kiss without its MAC is nobody's. */
static void test_kiss_is_authenticated(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_use_key(&world, 1);
    source_world_start(&world);
    CU_ASSERT_TRUE(source_world_ask(&world));
    struct actions asked = world.actions;
    world.reply_key = 0;
    CU_ASSERT_EQUAL(send_kiss(&world, KISS_DENY, 6, request(&world).transmit), SOURCE_NOTHING);
    CU_ASSERT_STRING_EQUAL(world.measured.verdict, "MAC missing");
    world.reply_key = 2;
    world.actions = asked;
    (void)send_kiss(&world, KISS_DENY, 6, request(&world).transmit);
    CU_ASSERT_TRUE(source_deadline(world.source).ns != INT64_MAX);
    /* The answer is still taken. */
    world.reply_key = 1;
    world.actions = asked;
    CU_ASSERT_EQUAL(source_world_answer(&world), SOURCE_SAMPLED);
    world.reply_key = 1;
    CU_ASSERT_TRUE(source_world_ask(&world));
    CU_ASSERT_EQUAL(send_kiss(&world, KISS_DENY, 6, request(&world).transmit), SOURCE_CHANGED);
    CU_ASSERT_FALSE(source_world_ask(&world));
    source_world_clear(&world);
}

static void test_crypto_nak(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_use_key(&world, 1);
    source_world_start(&world);
    CU_ASSERT_TRUE(source_world_ask(&world));
    struct actions asked = world.actions;
    struct packet reply = world.reply;
    reply.origin = request(&world).transmit;
    uint8_t octets[PACKET_SIZE + CRYPTO_NAK_SIZE] = {0};
    packet_write(&reply, octets);
    struct mono deadline = source_deadline(world.source);
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(source_world_take(&world, octets, sizeof(octets)), SOURCE_NOTHING);
    }
    CU_ASSERT_EQUAL(source_deadline(world.source).ns, deadline.ns);
    CU_ASSERT_EQUAL(world.measured_count, 1); /* one line per request */
    char reason[STATUS_TEXT_MAX];
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_UNREACHABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "crypto-NAK"));
    struct source_status status;
    source_status(world.source, world.now, 0, &status);
    CU_ASSERT_EQUAL(status.naks, 3);
    world.actions = asked;
    CU_ASSERT_EQUAL(source_world_answer(&world), SOURCE_SAMPLED);
    source_world_clear(&world);
}

static const struct unit_case cases[] = {
    {"kiss RATE lengthens the poll", test_kiss_rate},
    {"kiss RATE to one who listens", test_kiss_rate_of_broadcasts},
    {"kisses DENY and RSTR end the asking", test_kiss_deny},
    {"a kiss needs the key's MAC", test_kiss_is_authenticated},
    {"a crypto-NAK is counted, no more", test_crypto_nak},
};

UNIT_MAIN("source, kisses", cases)
