/* SPDX-License-Identifier: MIT */
#include "tests/unit/exchange_world.h"
#include <string.h>

static void macs_are_made_and_wanted(void)
{
    for (uint8_t version = 3; version <= 4; version++) {
        for (uint32_t id = 1; id <= 2; id++) {
            struct world world;
            struct exchange_reply reply;
            world_init(&world);
            world_use_key(&world, id, version);
            world_ask(&world);
            size_t digest = mac_size(world.macs, id, version);
            CU_ASSERT_EQUAL(world.request_size, PACKET_SIZE + 4 + digest);
            CU_ASSERT_TRUE(mac_verify(world.macs, id, version,
                                      bytes_make(world.request, PACKET_SIZE),
                                      bytes_make(world.request + PACKET_SIZE + 4, digest)));
            world_answer(&world);
            CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_MAC_MISSING);
            world_add_mac(&world, 3 - id);
            CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_MAC_KEY);
            CU_ASSERT_EQUAL(reply.key_id, 3 - id);
            world.size = PACKET_SIZE;
            world_add_mac(&world, id);
            world.datagram[8] ^= 1;
            CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_MAC_BAD);
            world.datagram[8] ^= 1;
            /* None of them ended the waiting: anybody could have sent them. */
            CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_OK);
            CU_ASSERT_TRUE(reply.sample.is_authenticated);
            world_assert_near(reply.sample.offset_ns, world.offset_ns, 3);
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
    world_ask(&world);
    world_answer(&world);
    memset(world.datagram + PACKET_SIZE, 0, 4);
    world.size = PACKET_SIZE + 4;
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_MAC_NAK);
    CU_ASSERT_TRUE(exchange_is_waiting(&world.exchange));
    /* A kiss without a MAC is nobody's word. */
    world.size = PACKET_SIZE;
    world.datagram[1] = 0;
    bytes_put_u32(world.datagram + 12, KISS_DENY);
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_MAC_MISSING);
    CU_ASSERT_TRUE(exchange_is_waiting(&world.exchange));
    world_add_mac(&world, 1);
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_KISS);
    world_clear(&world);

    /* Nobody asked for a MAC: it may be there all the same, and is not believed. */
    world_init(&world);
    world_ask(&world);
    world_answer(&world);
    memset(world.datagram + PACKET_SIZE, 7, 20);
    world.size = PACKET_SIZE + 20;
    CU_ASSERT_EQUAL(world_take(&world, &reply), EXCHANGE_OK);
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
    CU_ASSERT_EQUAL_FATAL(world_run(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_FALSE(reply.sample.is_interleaved);
    CU_ASSERT_EQUAL(bytes_u64(bytes_make(world.request, PACKET_SIZE), PACKET_ORIGIN_OFFSET), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct reading before = world.now;
        world_pass(&world, 2 * NS_PER_S);
        CU_ASSERT_EQUAL_FATAL(world_run(&world, &reply), EXCHANGE_OK);
        CU_ASSERT_TRUE(reply.sample.is_interleaved);
        /* The server's part is 0.1 ms longer by the better stamp. */
        world_assert_near(reply.sample.delay_ns, 20 * NS_PER_MS - NS_PER_MS / 10, 5);
        world_assert_near(reply.sample.offset_ns, world.offset_ns + NS_PER_MS / 20, 5);
        CU_ASSERT_EQUAL(reply.sample.received.mono.ns, before.mono.ns);
    }
    /* Its requests carry no clock of ours either. */
    struct packet request;
    CU_ASSERT_EQUAL(packet_parse(bytes_make(world.request, PACKET_SIZE), &request), PACKET_OK);
    CU_ASSERT_NOT_EQUAL(request.receive.bits, request.transmit.bits);
    int64_t apart = timestamp_difference_ns(request.receive, world_server_time(&world));
    CU_ASSERT_TRUE(apart > 3600 * NS_PER_S || apart < -3600 * NS_PER_S);
}

static void a_late_stamp_still_serves_the_interleaved_sample(void)
{
    struct world world;
    struct exchange_reply reply;
    interleaved_world(&world);
    CU_ASSERT_EQUAL_FATAL(world_run(&world, &reply), EXCHANGE_OK);
    uint8_t first[PACKET_SIZE];
    memcpy(first, world.request, PACKET_SIZE);
    struct sent sent = {
        .stamp = STAMP_KERNEL, .at = reply.sample.sent, .payload = bytes_make(first, PACKET_SIZE)};
    sent.at.mono.ns += 2 * NS_PER_MS;
    sent.at.wall.ns += 2 * NS_PER_MS;
    exchange_sent(&world.exchange, &sent);
    CU_ASSERT_EQUAL_FATAL(world_run(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_TRUE(reply.sample.is_interleaved);
    CU_ASSERT_EQUAL(reply.sample.sent_stamp, STAMP_KERNEL);
    world_assert_near(reply.sample.delay_ns, 18 * NS_PER_MS - NS_PER_MS / 10, 5);
}

static void a_stamp_may_be_later_than_the_next_request(void)
{
    struct world world;
    struct exchange_reply reply;
    interleaved_world(&world);
    CU_ASSERT_EQUAL_FATAL(world_run(&world, &reply), EXCHANGE_OK);
    uint8_t first[PACKET_SIZE];
    memcpy(first, world.request, PACKET_SIZE);
    struct sent sent = {
        .stamp = STAMP_KERNEL, .at = reply.sample.sent, .payload = bytes_make(first, PACKET_SIZE)};
    sent.at.mono.ns += 2 * NS_PER_MS;
    sent.at.wall.ns += 2 * NS_PER_MS;
    world_ask(&world);
    exchange_sent(&world.exchange, &sent);
    world_answer(&world);
    CU_ASSERT_EQUAL_FATAL(world_take(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_TRUE(reply.sample.is_interleaved);
    CU_ASSERT_EQUAL(reply.sample.sent_stamp, STAMP_KERNEL);
    world_assert_near(reply.sample.delay_ns, 18 * NS_PER_MS - NS_PER_MS / 10, 5);
}

static void interleaved_falls_back_to_basic(void)
{
    struct world world;
    struct exchange_reply reply;
    /* A server that does not know it answers in basic mode, for ever. */
    interleaved_world(&world);
    world.interleaves = false;
    for (unsigned i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
        CU_ASSERT_FALSE(reply.sample.is_interleaved);
        world_assert_near(reply.sample.offset_ns, world.offset_ns, 3);
    }

    /* Nothing from before a leap second is completed after it. */
    interleaved_world(&world);
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_TRUE(reply.sample.is_interleaved);
    exchange_forget(&world.exchange);
    world.offset_ns -= NS_PER_S;
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_FALSE(reply.sample.is_interleaved);
    world_assert_near(reply.sample.offset_ns, world.offset_ns, 3);

    /* After some lost replies the request is basic again. */
    interleaved_world(&world);
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
    for (unsigned i = 0; i < 4; i++) {
        world_ask(&world);
        CU_ASSERT_NOT_EQUAL(bytes_u64(bytes_make(world.request, PACKET_SIZE), PACKET_ORIGIN_OFFSET),
                            0);
    }
    world_ask(&world);
    CU_ASSERT_EQUAL(bytes_u64(bytes_make(world.request, PACKET_SIZE), PACKET_ORIGIN_OFFSET), 0);
}

static void interleaved_is_not_believed_blindly(void)
{
    struct world world;
    struct exchange_reply reply;
    /* The stamp of some other answer, earlier than what this one said: not that of this one. */
    interleaved_world(&world);
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
    world.kept_transmit =
        (struct timestamp){.bits = world.reply.transmit.bits - (UINT64_C(1) << 32) / 2000};
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_INTERLEAVED);
    /* Then it begins again, in basic mode, and asks for nothing else. */
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_EQUAL(bytes_u64(bytes_make(world.request, PACKET_SIZE), PACKET_ORIGIN_OFFSET), 0);
    CU_ASSERT_FALSE(reply.sample.is_interleaved);

    /* One that is later than the round trip allows. */
    world.kept_transmit =
        (struct timestamp){.bits = world.reply.transmit.bits + (UINT64_C(1) << 32) / 10};
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_INTERLEAVED);

    /* Later ones: earlier than the arrival. */
    interleaved_world(&world);
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_OK);
    world.kept_transmit =
        (struct timestamp){.bits = world.kept_receive.bits - (UINT64_C(1) << 32) / 100};
    CU_ASSERT_EQUAL(world_run(&world, &reply), EXCHANGE_INTERLEAVED);
}

static const struct unit_case cases[] = {
    {"MACs are made and wanted", macs_are_made_and_wanted},
    {"without authentication nothing changes", without_authentication_nothing_changes},
    {"interleaved replies complete the one before", interleaved_replies_complete_the_one_before},
    {"a late stamp still serves the interleaved sample",
     a_late_stamp_still_serves_the_interleaved_sample},
    {"a stamp may be later than the next request", a_stamp_may_be_later_than_the_next_request},
    {"interleaved falls back to basic", interleaved_falls_back_to_basic},
    {"interleaved is not believed blindly", interleaved_is_not_believed_blindly},
};

UNIT_MAIN("exchange: authenticated and interleaved", cases)
