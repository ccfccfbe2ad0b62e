/* SPDX-License-Identifier: MIT */
#include "tests/unit/exchange_world.h"
#include <string.h>

static void a_request_reveals_nothing(void)
{
    for (uint8_t version = 1; version <= 4; version++) {
        struct world world;
        world_init(&world);
        world.options.version = version;
        exchange_init(&world.exchange, &world.options, &world.random, NULL);
        uint8_t first[EXCHANGE_REQUEST_MAX];
        uint8_t second[EXCHANGE_REQUEST_MAX];
        CU_ASSERT_EQUAL(exchange_request(&world.exchange, first), PACKET_SIZE);
        CU_ASSERT_EQUAL(exchange_request(&world.exchange, second), PACKET_SIZE);
        uint8_t wanted[PACKET_TRANSMIT_OFFSET] = {(uint8_t)(version << 3 | (version == 1 ? 0 : 3)),
                                                  0, 0, 32};
        CU_ASSERT_EQUAL(memcmp(first, wanted, sizeof(wanted)), 0);
        CU_ASSERT_EQUAL(memcmp(second, wanted, sizeof(wanted)), 0);
        CU_ASSERT_NOT_EQUAL(
            memcmp(first + PACKET_TRANSMIT_OFFSET, second + PACKET_TRANSMIT_OFFSET, 8), 0);
    }
}

static void a_reply_gives_a_sample(void)
{
    struct world world;
    world_init(&world);
    world.there_ns = 12 * NS_PER_MS;
    world.back_ns = 8 * NS_PER_MS;
    struct exchange_reply reply;
    CU_ASSERT_EQUAL_FATAL(world_run(&world, &reply), EXCHANGE_OK);
    const struct sample *sample = &reply.sample;
    /* (T2-T1 + T3-T4)/2: the asymmetry of 4 ms shows as half of it; the bound covers that. */
    world_assert_near(sample->offset_ns, 72 * NS_PER_MS, 3);
    world_assert_near(sample->delay_ns, 20 * NS_PER_MS, 3);
    int64_t precisions = 2 * timestamp_log2_to_ns(-20);
    world_assert_near(sample->bound_ns, 10 * NS_PER_MS + 2 * NS_PER_MS + 3 * NS_PER_MS + precisions,
                      30 * NS_PER_US);
    CU_ASSERT_TRUE(sample->bound_ns >= 15 * NS_PER_MS + precisions);
    world_assert_near(sample->at.ns, 5 * NS_PER_S + 10500 * NS_PER_US, 3);
    world_assert_near(sample->wall.ns, START_NS + 82500 * NS_PER_US, 3);
    CU_ASSERT_EQUAL(sample->sent.wall.ns, START_NS);
    world_assert_near(sample->source_received.ns, START_NS + 82 * NS_PER_MS, 1);
    world_assert_near(sample->source_sent.ns, START_NS + 83 * NS_PER_MS, 1);
    CU_ASSERT_EQUAL(sample->received.wall.ns, START_NS + 21 * NS_PER_MS);
    CU_ASSERT_EQUAL(sample->sent_stamp, STAMP_DAEMON);
    CU_ASSERT_EQUAL(sample->received_stamp, STAMP_KERNEL);
    CU_ASSERT_EQUAL(sample->stratum, 2);
    CU_ASSERT_EQUAL(sample->refid, 0xC0000201);
    CU_ASSERT_FALSE(sample->is_interleaved);
    CU_ASSERT_FALSE(sample->is_authenticated);
    CU_ASSERT_FALSE(exchange_is_waiting(&world.exchange));
}

static void a_kernel_stamp_improves_the_sample(void)
{
    struct world world;
    world_init(&world);
    struct exchange_reply reply;
    world_ask(&world);
    /* It was sent 3 ms after we read the clock; a link header stands before it. */
    uint8_t frame[14 + PACKET_SIZE] = {0};
    memcpy(frame + 14, world.request, PACKET_SIZE);
    struct sent sent = {.stamp = STAMP_KERNEL,
                        .at = {.mono = {world.now.mono.ns + 3 * NS_PER_MS},
                               .wall = {world.now.wall.ns + 3 * NS_PER_MS}},
                        .payload = bytes_make(frame, sizeof(frame))};
    exchange_sent(&world.exchange, &sent);
    /* Neither a stamp of something else nor one from before the sending counts. */
    struct sent other = sent;
    other.at.mono.ns += 1000;
    uint8_t stranger[PACKET_SIZE] = {0};
    other.payload = bytes_make(stranger, sizeof(stranger));
    exchange_sent(&world.exchange, &other);
    other = sent;
    other.at.mono.ns -= 4 * NS_PER_MS;
    exchange_sent(&world.exchange, &other);
    other.payload = bytes_make(frame, 3);
    exchange_sent(&world.exchange, &other);
    world_answer(&world);
    CU_ASSERT_EQUAL_FATAL(world_take(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_EQUAL(reply.sample.sent_stamp, STAMP_KERNEL);
    world_assert_near(reply.sample.delay_ns, 17 * NS_PER_MS, 3);
    CU_ASSERT_EQUAL(reply.sample.sent.mono.ns, 5 * NS_PER_S + 3 * NS_PER_MS);
}

static void the_era_may_change_within(void)
{
    static const int64_t starts[] = {
        INT64_C(2085978496) * NS_PER_S - 5 * NS_PER_MS, /* 2036-02-07 06:28:16 less 5 ms */
        INT64_C(2085978496) * NS_PER_S - 10500000,      /* between T2 and T3 */
        INT64_C(2085978496) * NS_PER_S + 5 * NS_PER_MS,
        INT64_C(4294967296) * NS_PER_S - 5 * NS_PER_MS, /* 2106: 2^32 s after 1970 */
        INT64_C(6380945792) * NS_PER_S - 5 * NS_PER_MS, /* era 2, in 2172 */
    };
    static const int64_t offsets[] = {0,
                                      70 * NS_PER_MS,
                                      -70 * NS_PER_MS,
                                      3600 * NS_PER_S,
                                      -3600 * NS_PER_S,
                                      10 * 365 * 86400 * NS_PER_S,
                                      -10 * 365 * 86400 * NS_PER_S};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        for (size_t j = 0; j < sizeof(offsets) / sizeof(offsets[0]); j++) {
            struct world world;
            world_init(&world);
            world.now.wall.ns = starts[i];
            world.offset_ns = offsets[j];
            struct exchange_reply reply;
            CU_ASSERT_EQUAL_FATAL(world_run(&world, &reply), EXCHANGE_OK);
            world_assert_near(reply.sample.offset_ns, offsets[j], 3);
            world_assert_near(reply.sample.delay_ns, 20 * NS_PER_MS, 3);
        }
    }
}

static void a_clock_that_starts_in_1970_finds_the_present(void)
{
    /* 2040, which is in era 1, and 2085. */
    static const int64_t truths[] = {INT64_C(1760000000) * NS_PER_S, INT64_C(2208988800) * NS_PER_S,
                                     INT64_C(3629000000) * NS_PER_S};
    for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++) {
        struct world world;
        world_init(&world);
        world.now.wall.ns = 100 * NS_PER_S;
        world.offset_ns = truths[i];
        struct exchange_reply reply;
        CU_ASSERT_EQUAL_FATAL(world_run(&world, &reply), EXCHANGE_OK);
        world_assert_near(reply.sample.offset_ns, truths[i], 3);
    }
}

static void a_step_of_our_clock_within_does_no_harm(void)
{
    struct world world;
    world_init(&world);
    struct exchange_reply reply;
    world_ask(&world);
    world_answer(&world);
    /* The clock was set by an hour while the reply was under way. */
    world.now.wall.ns += 3600 * NS_PER_S;
    CU_ASSERT_EQUAL_FATAL(world_take(&world, &reply), EXCHANGE_OK);
    world_assert_near(reply.sample.offset_ns, 70 * NS_PER_MS - 3600 * NS_PER_S, 3);
    world_assert_near(reply.sample.delay_ns, 20 * NS_PER_MS, 3);
}

static void replies_come_in_every_version(void)
{
    for (uint8_t version = 1; version <= 4; version++) {
        struct world world;
        world_init(&world);
        world.reply.version = version;
        struct exchange_reply reply;
        CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
        CU_ASSERT_EQUAL(reply.sample.version, version);
        /* A mode of 0 is right in version 1 only. */
        world.reply.mode = MODE_RESERVED;
        CU_ASSERT_EQUAL(world_run(&world, &reply), version == 1 ? EXCHANGE_OK : EXCHANGE_MODE);
    }
}

static void every_form_is_tested(void)
{
    struct world world;
    world_init(&world);
    struct exchange_reply reply;
    world_ask(&world);
    world_answer(&world);

    world.size = 47;
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_MALFORMED);
    CU_ASSERT_EQUAL(reply.packet_verdict, PACKET_TOO_SHORT);
    world.size = 0;
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_MALFORMED);
    world.size = 49;
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_MALFORMED);
    world.size = PACKET_SIZE;
    uint8_t first = world.datagram[0];
    world.datagram[0] = 5 << 3 | MODE_SERVER;
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_MALFORMED);
    CU_ASSERT_EQUAL(reply.packet_verdict, PACKET_VERSION_UNKNOWN);
    for (uint8_t mode = 0; mode < 8; mode++) {
        world.datagram[0] = (uint8_t)(4 << 3 | mode);
        if (mode == 6 || mode == 7) {
            CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_MALFORMED);
        } else if (mode != MODE_SERVER) {
            CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_MODE);
        }
    }
    world.datagram[0] = first;

    /* Each bit of the origin counts, and none of these ended the waiting. */
    for (unsigned bit = 0; bit < 64; bit++) {
        world.datagram[PACKET_ORIGIN_OFFSET + bit / 8] ^= (uint8_t)(1 << bit % 8);
        CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_BOGUS);
        world.datagram[PACKET_ORIGIN_OFFSET + bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    uint8_t origin[8];
    memcpy(origin, world.datagram + PACKET_ORIGIN_OFFSET, 8);
    memset(world.datagram + PACKET_ORIGIN_OFFSET, 0, 8);
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_BOGUS);
    memcpy(world.datagram + PACKET_ORIGIN_OFFSET, origin, 8);

    CU_ASSERT_TRUE(exchange_is_waiting(&world.exchange));
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_FALSE(exchange_is_waiting(&world.exchange));
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_DUPLICATE);
    /* Still so when the next request is under way. */
    world_ask(&world);
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_DUPLICATE);
    CU_ASSERT_TRUE(exchange_is_waiting(&world.exchange));
}

static void every_claim_is_tested(void)
{
    struct world world;
    struct exchange_reply reply;
    world_init(&world);
    world.reply.leap = LEAP_UNSYNCHRONISED;
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_UNSYNCHRONISED);
    CU_ASSERT_FALSE(exchange_is_waiting(&world.exchange));

    for (unsigned stratum = 0; stratum < 256; stratum++) {
        world_init(&world);
        world.reply.stratum = (uint8_t)stratum;
        world.reply.refid = 0;
        CU_ASSERT_EQUAL(world_run(&world, &reply),
                        stratum >= 1 && stratum <= 15 ? EXCHANGE_OK : EXCHANGE_STRATUM);
    }

    world_init(&world);
    world.reply.stratum = 0;
    world.reply.refid = KISS_RATE;
    world.reply.leap = LEAP_UNSYNCHRONISED;
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_KISS);
    CU_ASSERT_EQUAL(reply.packet.refid, KISS_RATE);
    /* A kiss with another origin is forged. */
    world_ask(&world);
    world_answer(&world);
    world.datagram[PACKET_ORIGIN_OFFSET]++;
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_BOGUS);
    CU_ASSERT_TRUE(exchange_is_waiting(&world.exchange));
}

static void distances_have_a_limit(void)
{
    struct world world;
    struct exchange_reply reply;
    world_init(&world);
    world.reply.root_delay = timestamp_short_from_ns(2 * NS_PER_S);
    world.reply.root_dispersion = timestamp_short_from_ns(15 * NS_PER_S) - 1;
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
    world.reply.root_dispersion += 2;
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_ROOT_DISTANCE);
    CU_ASSERT_TRUE(reply.value_ns > EXCHANGE_DISTANCE_MAX_NS);
    CU_ASSERT_EQUAL(reply.limit_ns, EXCHANGE_DISTANCE_MAX_NS);
    /* Its precision counts as well, nonsense included. */
    world.reply.root_delay = 0;
    world.reply.root_dispersion = 0;
    world.reply.precision = 4;
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
    world.reply.precision = 5;
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_ROOT_DISTANCE);
    world.reply.precision = 127;
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_ROOT_DISTANCE);
    world.reply.root_delay = UINT32_MAX;
    world.reply.root_dispersion = UINT32_MAX;
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_ROOT_DISTANCE);

    world_init(&world);
    world.options.distance_max_ns = NS_PER_S;
    exchange_init(&world.exchange, &world.options, &world.random, NULL);
    world.reply.root_dispersion = timestamp_short_from_ns(980 * NS_PER_MS);
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
    world.reply.root_dispersion = timestamp_short_from_ns(990 * NS_PER_MS);
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_DISTANCE);
    CU_ASSERT_TRUE(reply.value_ns > NS_PER_S);
    CU_ASSERT_EQUAL(reply.limit_ns, NS_PER_S);
}

static void a_clock_set_after_the_reply_contradicts_it(void)
{
    struct world world;
    struct exchange_reply reply;
    world_init(&world);
    world.reply.reference = timestamp_from_unix_ns(START_NS);
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
    world.reply.reference = timestamp_from_unix_ns(START_NS + 3600 * NS_PER_S);
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_REFERENCE);
    world_assert_near(reply.value_ns, 3600 * NS_PER_S, NS_PER_S);
}

/* Takes the answer after one of its timestamps was replaced. */
static enum exchange_verdict run_with(struct world *world, size_t offset, struct timestamp value,
                                      struct exchange_reply *reply)
{
    world_ask(world);
    world_answer(world);
    bytes_put_u64(world->datagram + offset, value.bits);
    return world_take(world, reply);
}

static void impossible_times_are_refused(void)
{
    struct world world;
    struct exchange_reply reply;
    world_init(&world);
    struct timestamp unset = {0};
    CU_ASSERT_EQUAL(run_with(&world, PACKET_RECEIVE_OFFSET, unset, &reply),
                    EXCHANGE_TIMESTAMP_UNSET);
    CU_ASSERT_EQUAL(run_with(&world, PACKET_TRANSMIT_OFFSET, unset, &reply),
                    EXCHANGE_TIMESTAMP_UNSET);

    /* In our terms: it came at +10 ms and left at +11 of 21. */
    world_init(&world);
    int64_t server_ns = START_NS + world.offset_ns;
    struct timestamp early = timestamp_from_unix_ns(server_ns + 9 * NS_PER_MS);
    CU_ASSERT_EQUAL(run_with(&world, PACKET_TRANSMIT_OFFSET, early, &reply),
                    EXCHANGE_TRANSMIT_EARLY);
    world_assert_near(reply.value_ns, NS_PER_MS, 3);

    world_init(&world);
    struct timestamp late = timestamp_from_unix_ns(server_ns + 32 * NS_PER_MS);
    CU_ASSERT_EQUAL(run_with(&world, PACKET_TRANSMIT_OFFSET, late, &reply),
                    EXCHANGE_DELAY_NEGATIVE);
    world_assert_near(reply.value_ns, 22 * NS_PER_MS, 3);
    world_assert_near(reply.limit_ns, 21 * NS_PER_MS, 3);

    /* Within what the clocks can tell apart it is no delay at all. */
    world_init(&world);
    late = timestamp_from_unix_ns(server_ns + 31 * NS_PER_MS + 1000);
    CU_ASSERT_EQUAL(run_with(&world, PACKET_TRANSMIT_OFFSET, late, &reply), EXCHANGE_OK);
    CU_ASSERT_EQUAL(reply.sample.delay_ns, 0);

    world_init(&world);
    world_ask(&world);
    world_answer(&world);
    world.now.mono.ns -= 22 * NS_PER_MS;
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_ROUND_TRIP);
    world_assert_near(reply.value_ns, NS_PER_MS, 3);
}

static void every_verdict_has_a_name_and_a_sentence(void)
{
    struct exchange_reply reply = {.packet = {.mode = 3, .stratum = 77, .refid = KISS_RATE},
                                   .value_ns = 20 * NS_PER_S,
                                   .limit_ns = 16 * NS_PER_S,
                                   .key_id = 4711,
                                   .size = 17,
                                   .packet_verdict = PACKET_TOO_SHORT};
    char sentences[EXCHANGE_VERDICTS][EXCHANGE_TEXT_MAX];
    for (unsigned i = 0; i < EXCHANGE_VERDICTS; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(exchange_verdict_name(i));
        exchange_explain(i, &reply, sentences[i]);
        CU_ASSERT_TRUE(strlen(sentences[i]) > 20);
        CU_ASSERT_TRUE(strlen(sentences[i]) < EXCHANGE_TEXT_MAX - 1);
        CU_ASSERT_STRING_NOT_EQUAL(sentences[i], "the reply was refused");
        for (unsigned j = 0; j < i; j++) {
            CU_ASSERT_STRING_NOT_EQUAL(sentences[i], sentences[j]);
            CU_ASSERT_STRING_NOT_EQUAL(exchange_verdict_name(i), exchange_verdict_name(j));
        }
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(sentences[EXCHANGE_MALFORMED], "17 octets"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sentences[EXCHANGE_MALFORMED], "too short"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sentences[EXCHANGE_ROOT_DISTANCE], "20.0"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sentences[EXCHANGE_ROOT_DISTANCE], "16.0"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sentences[EXCHANGE_KISS], "RATE"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sentences[EXCHANGE_KISS], "fewer requests"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sentences[EXCHANGE_STRATUM], "77"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sentences[EXCHANGE_MAC_KEY], "4711"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sentences[EXCHANGE_MODE], "mode 3"));
}

/* Whatever comes, it is refused or makes sense. */
static void random_replies_break_nothing(void)
{
    struct world world;
    world_init(&world);
    world.options.interleaved = true;
    exchange_init(&world.exchange, &world.options, &world.random, NULL);
    struct random random;
    random_init_seeded(&random, 7);
    unsigned accepted = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct exchange_reply reply;
        world_ask(&world);
        world_answer(&world);
        for (unsigned j = 0; j < 2; j++) {
            unsigned at = random_below(&random, PACKET_SIZE - 8);
            at = at < PACKET_ORIGIN_OFFSET ? at : at + 8;
            world.datagram[at] = (uint8_t)random_u32(&random);
        }
        enum exchange_verdict verdict = world_take(&world, &reply);
        if (verdict == EXCHANGE_OK) {
            accepted++;
            CU_ASSERT_TRUE(reply.sample.delay_ns >= 0);
            CU_ASSERT_TRUE(reply.sample.bound_ns >= reply.sample.delay_ns / 2);
            CU_ASSERT_TRUE(reply.sample.stratum >= 1 && reply.sample.stratum <= 15);
        }
        char text[EXCHANGE_TEXT_MAX];
        exchange_explain(verdict, &reply, text);
    }
    CU_ASSERT_TRUE(accepted > 100);
}

static const struct unit_case cases[] = {
    {"a request reveals nothing", a_request_reveals_nothing},
    {"a reply gives a sample", a_reply_gives_a_sample},
    {"a kernel stamp improves the sample", a_kernel_stamp_improves_the_sample},
    {"the era may change within", the_era_may_change_within},
    {"a clock that starts in 1970 finds the present",
     a_clock_that_starts_in_1970_finds_the_present},
    {"a step of our clock within does no harm", a_step_of_our_clock_within_does_no_harm},
    {"replies come in every version", replies_come_in_every_version},
    {"every form is tested", every_form_is_tested},
    {"every claim is tested", every_claim_is_tested},
    {"distances have a limit", distances_have_a_limit},
    {"a clock set after the reply contradicts it", a_clock_set_after_the_reply_contradicts_it},
    {"impossible times are refused", impossible_times_are_refused},
    {"every verdict has a name and a sentence", every_verdict_has_a_name_and_a_sentence},
    {"random replies break nothing", random_replies_break_nothing},
};

UNIT_MAIN("exchange", cases)
