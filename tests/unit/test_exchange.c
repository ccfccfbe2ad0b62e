/* SPDX-License-Identifier: MIT */
#include "client/sync/exchange.h"
#include "tests/unit/unit.h"
#include <string.h>

/* A server and a network, whose times are all known: our clock is at `ours`, the server's at ours +
 * offset. */
struct world {
    struct exchange exchange;
    struct exchange_options options;
    struct random random;
    struct keyring keyring;
    struct macs *macs;
    struct reading now;
    int64_t offset_ns;
    int64_t there_ns;
    int64_t within_ns;
    int64_t back_ns;
    /* What the server does beyond answering. */
    struct packet reply;
    bool interleaves;
    struct timestamp kept_receive;
    struct timestamp kept_transmit;
    uint8_t datagram[256];
    size_t size;
    uint8_t request[EXCHANGE_REQUEST_MAX];
    size_t request_size;
};

#define START_NS (INT64_C(1760000000) * NS_PER_S)

static void world_init(struct world *world)
{
    *world = (struct world){
        .options = {.version = 4, .precision = -20},
        .now = {.mono = {.ns = 5 * NS_PER_S}, .wall = {.ns = START_NS}},
        .offset_ns = 70 * NS_PER_MS,
        .there_ns = 10 * NS_PER_MS,
        .within_ns = 1 * NS_PER_MS,
        .back_ns = 10 * NS_PER_MS,
        .reply = {.version = 4, .mode = MODE_SERVER, .stratum = 2, .poll = 6, .precision = -20},
    };
    world->reply.root_delay = timestamp_short_from_ns(4 * NS_PER_MS);
    world->reply.root_dispersion = timestamp_short_from_ns(3 * NS_PER_MS);
    world->reply.refid = 0xC0000201;
    random_init_seeded(&world->random, 1);
    exchange_init(&world->exchange, &world->options, &world->random, NULL);
}

static void world_use_key(struct world *world, uint32_t id, uint8_t version)
{
    char error[KEYRING_ERROR_MAX];
    CU_ASSERT_TRUE_FATAL(keyring_parse("1 AES128 HEX:000102030405060708090A0B0C0D0E0F\n"
                                       "2 SHA256 HEX:00112233445566778899AABBCCDDEEFF00112233\n",
                                       &world->keyring, error));
    world->macs = macs_create(&world->keyring, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world->macs);
    world->options.key_id = id;
    world->options.version = version;
    world->reply.version = version;
    exchange_init(&world->exchange, &world->options, &world->random, world->macs);
}

static void world_clear(struct world *world)
{
    macs_destroy(world->macs);
    keyring_clear(&world->keyring);
}

static void pass(struct world *world, int64_t ns)
{
    world->now.mono.ns += ns;
    world->now.wall.ns += ns;
}

static struct timestamp server_time(const struct world *world)
{
    return timestamp_from_unix_ns(world->now.wall.ns + world->offset_ns);
}

static void ask(struct world *world)
{
    world->request_size = exchange_request(&world->exchange, world->request);
    CU_ASSERT_FATAL(world->request_size >= PACKET_SIZE);
    struct sent sent = {.stamp = STAMP_DAEMON,
                        .at = world->now,
                        .payload = bytes_make(world->request, world->request_size)};
    exchange_sent(&world->exchange, &sent);
}

/* The server answers in the datagram; time passes until it arrives. */
static void answer(struct world *world)
{
    struct packet request;
    CU_ASSERT_EQUAL_FATAL(packet_parse(bytes_make(world->request, world->request_size), &request),
                          PACKET_OK);
    pass(world, world->there_ns);
    world->reply.receive = server_time(world);
    pass(world, world->within_ns);
    world->reply.transmit = server_time(world);
    world->reply.origin = request.transmit;
    struct timestamp exact = world->reply.transmit;
    if (world->interleaves && request.origin.bits != 0 &&
        request.origin.bits == world->kept_receive.bits) {
        world->reply.origin = request.receive;
        world->reply.transmit = world->kept_transmit;
    }
    world->kept_receive = world->reply.receive;
    /* The kernel's stamp is a little later than what a basic reply could say. */
    world->kept_transmit = (struct timestamp){.bits = exact.bits + (UINT64_C(1) << 32) / 10000};
    packet_write(&world->reply, world->datagram);
    world->size = PACKET_SIZE;
    pass(world, world->back_ns);
}

static void add_mac(struct world *world, uint32_t id)
{
    size_t digest = mac_size(world->macs, id, world->reply.version);
    bytes_put_u32(world->datagram + world->size, id);
    CU_ASSERT_TRUE_FATAL(mac_make(world->macs, id, bytes_make(world->datagram, world->size),
                                  world->datagram + world->size + 4, digest));
    world->size += 4 + digest;
}

static enum exchange_verdict take(struct world *world, struct exchange_reply *reply)
{
    struct datagram datagram = {.stamp = STAMP_KERNEL,
                                .received = world->now,
                                .payload = bytes_make(world->datagram, world->size)};
    return exchange_reply(&world->exchange, &datagram, reply);
}

static enum exchange_verdict run(struct world *world, struct exchange_reply *reply)
{
    ask(world);
    answer(world);
    return take(world, reply);
}

static void assert_near(int64_t value, int64_t wanted, int64_t tolerance)
{
    int64_t difference = value - wanted;
    if (difference < -tolerance || difference > tolerance) {
        printf("\n    %lld is not near %lld\n", (long long)value, (long long)wanted);
    }
    CU_ASSERT_TRUE(difference >= -tolerance && difference <= tolerance);
}

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
    CU_ASSERT_EQUAL_FATAL(run(&world, &reply), EXCHANGE_OK);
    const struct sample *sample = &reply.sample;
    /* (T2-T1 + T3-T4)/2: the asymmetry of 4 ms shows as half of it; the bound covers that. */
    assert_near(sample->offset_ns, 72 * NS_PER_MS, 3);
    assert_near(sample->delay_ns, 20 * NS_PER_MS, 3);
    int64_t precisions = 2 * timestamp_log2_to_ns(-20);
    assert_near(sample->bound_ns, 10 * NS_PER_MS + 2 * NS_PER_MS + 3 * NS_PER_MS + precisions,
                30 * NS_PER_US);
    CU_ASSERT_TRUE(sample->bound_ns >= 15 * NS_PER_MS + precisions);
    assert_near(sample->at.ns, 5 * NS_PER_S + 10500 * NS_PER_US, 3);
    assert_near(sample->wall.ns, START_NS + 82500 * NS_PER_US, 3);
    CU_ASSERT_EQUAL(sample->sent.wall.ns, START_NS);
    assert_near(sample->source_received.ns, START_NS + 82 * NS_PER_MS, 1);
    assert_near(sample->source_sent.ns, START_NS + 83 * NS_PER_MS, 1);
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
    ask(&world);
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
    answer(&world);
    CU_ASSERT_EQUAL_FATAL(take(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_EQUAL(reply.sample.sent_stamp, STAMP_KERNEL);
    assert_near(reply.sample.delay_ns, 17 * NS_PER_MS, 3);
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
            CU_ASSERT_EQUAL_FATAL(run(&world, &reply), EXCHANGE_OK);
            assert_near(reply.sample.offset_ns, offsets[j], 3);
            assert_near(reply.sample.delay_ns, 20 * NS_PER_MS, 3);
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
        CU_ASSERT_EQUAL_FATAL(run(&world, &reply), EXCHANGE_OK);
        assert_near(reply.sample.offset_ns, truths[i], 3);
    }
}

static void a_step_of_our_clock_within_does_no_harm(void)
{
    struct world world;
    world_init(&world);
    struct exchange_reply reply;
    ask(&world);
    answer(&world);
    /* The clock was set by an hour while the reply was under way. */
    world.now.wall.ns += 3600 * NS_PER_S;
    CU_ASSERT_EQUAL_FATAL(take(&world, &reply), EXCHANGE_OK);
    assert_near(reply.sample.offset_ns, 70 * NS_PER_MS - 3600 * NS_PER_S, 3);
    assert_near(reply.sample.delay_ns, 20 * NS_PER_MS, 3);
}

static void replies_come_in_every_version(void)
{
    for (uint8_t version = 1; version <= 4; version++) {
        struct world world;
        world_init(&world);
        world.reply.version = version;
        struct exchange_reply reply;
        CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_OK);
        CU_ASSERT_EQUAL(reply.sample.version, version);
        /* A mode of 0 is right in version 1 only. */
        world.reply.mode = MODE_RESERVED;
        CU_ASSERT_EQUAL(run(&world, &reply), version == 1 ? EXCHANGE_OK : EXCHANGE_MODE);
    }
}

static void every_form_is_tested(void)
{
    struct world world;
    world_init(&world);
    struct exchange_reply reply;
    ask(&world);
    answer(&world);

    world.size = 47;
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_MALFORMED);
    CU_ASSERT_EQUAL(reply.packet_verdict, PACKET_TOO_SHORT);
    world.size = 0;
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_MALFORMED);
    world.size = 49;
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_MALFORMED);
    world.size = PACKET_SIZE;
    uint8_t first = world.datagram[0];
    world.datagram[0] = 5 << 3 | MODE_SERVER;
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_MALFORMED);
    CU_ASSERT_EQUAL(reply.packet_verdict, PACKET_VERSION_UNKNOWN);
    for (uint8_t mode = 0; mode < 8; mode++) {
        world.datagram[0] = (uint8_t)(4 << 3 | mode);
        if (mode == 6 || mode == 7) {
            CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_MALFORMED);
        } else if (mode != MODE_SERVER) {
            CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_MODE);
        }
    }
    world.datagram[0] = first;

    /* Each bit of the origin counts, and none of these ended the waiting. */
    for (unsigned bit = 0; bit < 64; bit++) {
        world.datagram[PACKET_ORIGIN_OFFSET + bit / 8] ^= (uint8_t)(1 << bit % 8);
        CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_BOGUS);
        world.datagram[PACKET_ORIGIN_OFFSET + bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    uint8_t origin[8];
    memcpy(origin, world.datagram + PACKET_ORIGIN_OFFSET, 8);
    memset(world.datagram + PACKET_ORIGIN_OFFSET, 0, 8);
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_BOGUS);
    memcpy(world.datagram + PACKET_ORIGIN_OFFSET, origin, 8);

    CU_ASSERT_TRUE(exchange_is_waiting(&world.exchange));
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_FALSE(exchange_is_waiting(&world.exchange));
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_DUPLICATE);
    /* Still so when the next request is under way. */
    ask(&world);
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_DUPLICATE);
    CU_ASSERT_TRUE(exchange_is_waiting(&world.exchange));
}

static void every_claim_is_tested(void)
{
    struct world world;
    struct exchange_reply reply;
    world_init(&world);
    world.reply.leap = LEAP_UNSYNCHRONISED;
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_UNSYNCHRONISED);
    CU_ASSERT_FALSE(exchange_is_waiting(&world.exchange));

    for (unsigned stratum = 0; stratum < 256; stratum++) {
        world_init(&world);
        world.reply.stratum = (uint8_t)stratum;
        world.reply.refid = 0;
        CU_ASSERT_EQUAL(run(&world, &reply),
                        stratum >= 1 && stratum <= 15 ? EXCHANGE_OK : EXCHANGE_STRATUM);
    }

    world_init(&world);
    world.reply.stratum = 0;
    world.reply.refid = KISS_RATE;
    world.reply.leap = LEAP_UNSYNCHRONISED;
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_KISS);
    CU_ASSERT_EQUAL(reply.packet.refid, KISS_RATE);
    /* A kiss with another origin is forged. */
    ask(&world);
    answer(&world);
    world.datagram[PACKET_ORIGIN_OFFSET]++;
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_BOGUS);
    CU_ASSERT_TRUE(exchange_is_waiting(&world.exchange));
}

static void distances_have_a_limit(void)
{
    struct world world;
    struct exchange_reply reply;
    world_init(&world);
    world.reply.root_delay = timestamp_short_from_ns(2 * NS_PER_S);
    world.reply.root_dispersion = timestamp_short_from_ns(15 * NS_PER_S) - 1;
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_OK);
    world.reply.root_dispersion += 2;
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_ROOT_DISTANCE);
    CU_ASSERT_TRUE(reply.value_ns > EXCHANGE_DISTANCE_MAX_NS);
    CU_ASSERT_EQUAL(reply.limit_ns, EXCHANGE_DISTANCE_MAX_NS);
    /* Its precision counts as well, nonsense included. */
    world.reply.root_delay = 0;
    world.reply.root_dispersion = 0;
    world.reply.precision = 4;
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_OK);
    world.reply.precision = 5;
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_ROOT_DISTANCE);
    world.reply.precision = 127;
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_ROOT_DISTANCE);
    world.reply.root_delay = UINT32_MAX;
    world.reply.root_dispersion = UINT32_MAX;
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_ROOT_DISTANCE);

    world_init(&world);
    world.options.distance_max_ns = NS_PER_S;
    exchange_init(&world.exchange, &world.options, &world.random, NULL);
    world.reply.root_dispersion = timestamp_short_from_ns(980 * NS_PER_MS);
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_OK);
    world.reply.root_dispersion = timestamp_short_from_ns(990 * NS_PER_MS);
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_DISTANCE);
    CU_ASSERT_TRUE(reply.value_ns > NS_PER_S);
    CU_ASSERT_EQUAL(reply.limit_ns, NS_PER_S);
}

static void a_clock_set_after_the_reply_contradicts_it(void)
{
    struct world world;
    struct exchange_reply reply;
    world_init(&world);
    world.reply.reference = timestamp_from_unix_ns(START_NS);
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_OK);
    world.reply.reference = timestamp_from_unix_ns(START_NS + 3600 * NS_PER_S);
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_REFERENCE);
    assert_near(reply.value_ns, 3600 * NS_PER_S, NS_PER_S);
}

/* Takes the answer after one of its timestamps was replaced. */
static enum exchange_verdict run_with(struct world *world, size_t offset, struct timestamp value,
                                      struct exchange_reply *reply)
{
    ask(world);
    answer(world);
    bytes_put_u64(world->datagram + offset, value.bits);
    return take(world, reply);
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
    assert_near(reply.value_ns, NS_PER_MS, 3);

    world_init(&world);
    struct timestamp late = timestamp_from_unix_ns(server_ns + 32 * NS_PER_MS);
    CU_ASSERT_EQUAL(run_with(&world, PACKET_TRANSMIT_OFFSET, late, &reply),
                    EXCHANGE_DELAY_NEGATIVE);
    assert_near(reply.value_ns, 22 * NS_PER_MS, 3);
    assert_near(reply.limit_ns, 21 * NS_PER_MS, 3);

    /* Within what the clocks can tell apart it is no delay at all. */
    world_init(&world);
    late = timestamp_from_unix_ns(server_ns + 31 * NS_PER_MS + 1000);
    CU_ASSERT_EQUAL(run_with(&world, PACKET_TRANSMIT_OFFSET, late, &reply), EXCHANGE_OK);
    CU_ASSERT_EQUAL(reply.sample.delay_ns, 0);

    world_init(&world);
    ask(&world);
    answer(&world);
    world.now.mono.ns -= 22 * NS_PER_MS;
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_ROUND_TRIP);
    assert_near(reply.value_ns, NS_PER_MS, 3);
}

static void macs_are_made_and_wanted(void)
{
    for (uint8_t version = 3; version <= 4; version++) {
        for (uint32_t id = 1; id <= 2; id++) {
            struct world world;
            struct exchange_reply reply;
            world_init(&world);
            world_use_key(&world, id, version);
            ask(&world);
            size_t digest = mac_size(world.macs, id, version);
            CU_ASSERT_EQUAL(world.request_size, PACKET_SIZE + 4 + digest);
            CU_ASSERT_TRUE(mac_verify(world.macs, id, version,
                                      bytes_make(world.request, PACKET_SIZE),
                                      bytes_make(world.request + PACKET_SIZE + 4, digest)));
            answer(&world);
            CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_MAC_MISSING);
            add_mac(&world, 3 - id);
            CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_MAC_KEY);
            CU_ASSERT_EQUAL(reply.key_id, 3 - id);
            world.size = PACKET_SIZE;
            add_mac(&world, id);
            world.datagram[8] ^= 1;
            CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_MAC_BAD);
            world.datagram[8] ^= 1;
            /* None of them ended the waiting: anybody could have sent them. */
            CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_OK);
            CU_ASSERT_TRUE(reply.sample.is_authenticated);
            assert_near(reply.sample.offset_ns, world.offset_ns, 3);
            world_clear(&world);
        }
    }
}

static void without_authentication_nothing_changes(void)
{
    struct world world;
    struct exchange_reply reply;
    world_init(&world);
    world_use_key(&world, 1, 4);
    ask(&world);
    answer(&world);
    memset(world.datagram + PACKET_SIZE, 0, 4);
    world.size = PACKET_SIZE + 4;
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_MAC_NAK);
    CU_ASSERT_TRUE(exchange_is_waiting(&world.exchange));
    /* A kiss without a MAC is nobody's word. */
    world.size = PACKET_SIZE;
    world.datagram[1] = 0;
    bytes_put_u32(world.datagram + 12, KISS_DENY);
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_MAC_MISSING);
    CU_ASSERT_TRUE(exchange_is_waiting(&world.exchange));
    add_mac(&world, 1);
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_KISS);
    world_clear(&world);

    /* Nobody asked for a MAC: it may be there all the same, and is not believed. */
    world_init(&world);
    ask(&world);
    answer(&world);
    memset(world.datagram + PACKET_SIZE, 7, 20);
    world.size = PACKET_SIZE + 20;
    CU_ASSERT_EQUAL(take(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_FALSE(reply.sample.is_authenticated);
}

static void interleaved_world(struct world *world)
{
    world_init(world);
    world->options.interleaved = true;
    world->interleaves = true;
    exchange_init(&world->exchange, &world->options, &world->random, NULL);
}

static void interleaved_replies_complete_the_one_before(void)
{
    struct world world;
    struct exchange_reply reply;
    interleaved_world(&world);
    CU_ASSERT_EQUAL_FATAL(run(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_FALSE(reply.sample.is_interleaved);
    CU_ASSERT_EQUAL(bytes_u64(bytes_make(world.request, PACKET_SIZE), PACKET_ORIGIN_OFFSET), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct reading before = world.now;
        pass(&world, 2 * NS_PER_S);
        CU_ASSERT_EQUAL_FATAL(run(&world, &reply), EXCHANGE_OK);
        CU_ASSERT_TRUE(reply.sample.is_interleaved);
        /* The server's part is 0.1 ms longer by the better stamp. */
        assert_near(reply.sample.delay_ns, 20 * NS_PER_MS - NS_PER_MS / 10, 5);
        assert_near(reply.sample.offset_ns, world.offset_ns + NS_PER_MS / 20, 5);
        CU_ASSERT_EQUAL(reply.sample.received.mono.ns, before.mono.ns);
    }
    /* Its requests carry no clock of ours either. */
    struct packet request;
    CU_ASSERT_EQUAL(packet_parse(bytes_make(world.request, PACKET_SIZE), &request), PACKET_OK);
    CU_ASSERT_NOT_EQUAL(request.receive.bits, request.transmit.bits);
    int64_t apart = timestamp_difference_ns(request.receive, server_time(&world));
    CU_ASSERT_TRUE(apart > 3600 * NS_PER_S || apart < -3600 * NS_PER_S);
}

static void a_late_stamp_still_serves_the_interleaved_sample(void)
{
    struct world world;
    struct exchange_reply reply;
    interleaved_world(&world);
    CU_ASSERT_EQUAL_FATAL(run(&world, &reply), EXCHANGE_OK);
    uint8_t first[PACKET_SIZE];
    memcpy(first, world.request, PACKET_SIZE);
    struct sent sent = {
        .stamp = STAMP_KERNEL, .at = reply.sample.sent, .payload = bytes_make(first, PACKET_SIZE)};
    sent.at.mono.ns += 2 * NS_PER_MS;
    sent.at.wall.ns += 2 * NS_PER_MS;
    exchange_sent(&world.exchange, &sent);
    CU_ASSERT_EQUAL_FATAL(run(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_TRUE(reply.sample.is_interleaved);
    CU_ASSERT_EQUAL(reply.sample.sent_stamp, STAMP_KERNEL);
    assert_near(reply.sample.delay_ns, 18 * NS_PER_MS - NS_PER_MS / 10, 5);
}

static void interleaved_falls_back_to_basic(void)
{
    struct world world;
    struct exchange_reply reply;
    /* A server that does not know it answers in basic mode, for ever. */
    interleaved_world(&world);
    world.interleaves = false;
    for (unsigned i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_OK);
        CU_ASSERT_FALSE(reply.sample.is_interleaved);
        assert_near(reply.sample.offset_ns, world.offset_ns, 3);
    }

    /* After some lost replies the request is basic again. */
    interleaved_world(&world);
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_OK);
    for (unsigned i = 0; i < 4; i++) {
        ask(&world);
        CU_ASSERT_NOT_EQUAL(bytes_u64(bytes_make(world.request, PACKET_SIZE), PACKET_ORIGIN_OFFSET),
                            0);
    }
    ask(&world);
    CU_ASSERT_EQUAL(bytes_u64(bytes_make(world.request, PACKET_SIZE), PACKET_ORIGIN_OFFSET), 0);
}

static void interleaved_is_not_believed_blindly(void)
{
    struct world world;
    struct exchange_reply reply;
    /* The stamp of some other answer, earlier than what this one said: not that of this one. */
    interleaved_world(&world);
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_OK);
    world.kept_transmit =
        (struct timestamp){.bits = world.reply.transmit.bits - (UINT64_C(1) << 32) / 2000};
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_INTERLEAVED);
    /* Then it begins again, in basic mode. */
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_FALSE(reply.sample.is_interleaved);

    /* One that is later than the round trip allows. */
    world.kept_transmit =
        (struct timestamp){.bits = world.reply.transmit.bits + (UINT64_C(1) << 32) / 10};
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_INTERLEAVED);

    /* Later ones: earlier than the arrival. */
    interleaved_world(&world);
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_OK);
    world.kept_transmit =
        (struct timestamp){.bits = world.kept_receive.bits - (UINT64_C(1) << 32) / 100};
    CU_ASSERT_EQUAL(run(&world, &reply), EXCHANGE_INTERLEAVED);
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
        ask(&world);
        answer(&world);
        for (unsigned j = 0; j < 2; j++) {
            unsigned at = random_below(&random, PACKET_SIZE - 8);
            at = at < PACKET_ORIGIN_OFFSET ? at : at + 8;
            world.datagram[at] = (uint8_t)random_u32(&random);
        }
        enum exchange_verdict verdict = take(&world, &reply);
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
    {"MACs are made and wanted", macs_are_made_and_wanted},
    {"without authentication nothing changes", without_authentication_nothing_changes},
    {"interleaved replies complete the one before", interleaved_replies_complete_the_one_before},
    {"a late stamp still serves the interleaved sample",
     a_late_stamp_still_serves_the_interleaved_sample},
    {"interleaved falls back to basic", interleaved_falls_back_to_basic},
    {"interleaved is not believed blindly", interleaved_is_not_believed_blindly},
    {"every verdict has a name and a sentence", every_verdict_has_a_name_and_a_sentence},
    {"random replies break nothing", random_replies_break_nothing},
};

UNIT_MAIN("exchange", cases)
