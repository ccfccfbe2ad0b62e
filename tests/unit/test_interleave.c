/* SPDX-License-Identifier: MIT */
#include "server/interleave.h"
#include "tests/unit/unit.h"

#define CLIENT UINT64_C(0x1C0000201)
#define OTHER UINT64_C(0x1C0000202)
#define RECEIVE UINT64_C(0xEEAAD85FE0741143)

static struct interleave *create(void)
{
    struct interleave *interleave = interleave_create(5);
    CU_ASSERT_PTR_NOT_NULL_FATAL(interleave);
    return interleave;
}

static struct timestamp save(struct interleave *interleave, uint64_t client, uint64_t bits)
{
    struct timestamp receive = {bits};
    interleave_save(interleave, client, &receive);
    return receive;
}

/* The transmit timestamp, or 0 if there is none. */
static uint64_t take(struct interleave *interleave, uint64_t client, uint64_t receive)
{
    struct timestamp transmit = {0};
    enum stamp_origin stamp;
    return interleave_take(interleave, client, (struct timestamp){receive}, &transmit, &stamp)
               ? transmit.bits
               : 0;
}

static void send(struct interleave *interleave, uint64_t client, uint64_t receive,
                 uint64_t transmit)
{
    interleave_sent(interleave, client, (struct timestamp){receive}, (struct timestamp){transmit},
                    STAMP_DAEMON);
}

static void test_taken_once(void)
{
    struct interleave *interleave = create();
    CU_ASSERT_EQUAL(take(interleave, CLIENT, RECEIVE), 0);
    CU_ASSERT_EQUAL(save(interleave, CLIENT, RECEIVE).bits, RECEIVE);
    CU_ASSERT_EQUAL(take(interleave, CLIENT, RECEIVE), 0); /* not sent yet */
    send(interleave, CLIENT, RECEIVE, 77);
    CU_ASSERT_EQUAL(take(interleave, CLIENT, RECEIVE), 77);
    CU_ASSERT_EQUAL(take(interleave, CLIENT, RECEIVE), 0);
    interleave_destroy(interleave);
    interleave_destroy(NULL);
}

static void test_stamp_improves(void)
{
    struct interleave *interleave = create();
    struct timestamp receive = save(interleave, CLIENT, RECEIVE);
    send(interleave, CLIENT, RECEIVE, 77);
    interleave_sent(interleave, CLIENT, receive, (struct timestamp){88}, STAMP_KERNEL);
    struct timestamp transmit;
    enum stamp_origin stamp;
    CU_ASSERT_TRUE(interleave_take(interleave, CLIENT, receive, &transmit, &stamp));
    CU_ASSERT_EQUAL(transmit.bits, 88);
    CU_ASSERT_EQUAL(stamp, STAMP_KERNEL);
    /* A stamp that comes too late finds nothing and makes nothing. */
    send(interleave, CLIENT, RECEIVE, 99);
    CU_ASSERT_EQUAL(take(interleave, CLIENT, RECEIVE), 0);
    interleave_destroy(interleave);
}

static void test_owner(void)
{
    struct interleave *interleave = create();
    (void)save(interleave, CLIENT, RECEIVE);
    send(interleave, OTHER, RECEIVE, 66);
    send(interleave, CLIENT, RECEIVE, 77);
    /* So many others that some must share its place in the table. */
    for (uint64_t i = 0; i < 4096; i++) {
        send(interleave, OTHER + i, RECEIVE, 66);
        CU_ASSERT_EQUAL(take(interleave, OTHER + i, RECEIVE), 0);
    }
    CU_ASSERT_EQUAL(take(interleave, CLIENT, RECEIVE + 2), 0);
    CU_ASSERT_EQUAL(take(interleave, CLIENT, RECEIVE), 77);
    interleave_destroy(interleave);
}

static void test_unset_is_nothing(void)
{
    struct interleave *interleave = create();
    CU_ASSERT_EQUAL(take(interleave, CLIENT, 0), 0);
    CU_ASSERT_EQUAL(take(interleave, 0, 0), 0);
    send(interleave, 0, 0, 77);
    CU_ASSERT_EQUAL(take(interleave, 0, 0), 0);
    CU_ASSERT_NOT_EQUAL(save(interleave, CLIENT, 0).bits, 0);
    interleave_destroy(interleave);
}

static void test_unique(void)
{
    struct interleave *interleave = create();
    for (uint64_t i = 0; i < 10; i++) {
        CU_ASSERT_EQUAL(save(interleave, CLIENT, RECEIVE).bits, RECEIVE + 2 * i);
        send(interleave, CLIENT, RECEIVE + 2 * i, 100 + i);
    }
    CU_ASSERT_EQUAL(save(interleave, OTHER, RECEIVE).bits, RECEIVE);
    for (uint64_t i = 0; i < 10; i++) {
        CU_ASSERT_EQUAL(take(interleave, CLIENT, RECEIVE + 2 * i), 100 + i);
    }
    interleave_destroy(interleave);
}

static void test_oldest_makes_room(void)
{
    struct interleave *interleave = create();
    uint64_t count = 100;
    for (uint64_t i = 0; i < count; i++) {
        (void)save(interleave, CLIENT, RECEIVE + 1000 * i);
        send(interleave, CLIENT, RECEIVE + 1000 * i, i + 1);
    }
    uint64_t held = 0;
    for (uint64_t i = count; i-- > 0;) {
        uint64_t transmit = take(interleave, CLIENT, RECEIVE + 1000 * i);
        if (transmit != 0) {
            CU_ASSERT_EQUAL(transmit, i + 1);
            CU_ASSERT_EQUAL(held, count - 1 - i); /* the newest, without a gap */
            held++;
        }
    }
    CU_ASSERT_EQUAL(held, 16);
    interleave_destroy(interleave);
}

/* A flood from one address leaves nearly everybody else alone. */
static void test_flood(void)
{
    struct interleave *interleave = create();
    for (uint64_t i = 0; i < 500; i++) {
        (void)save(interleave, OTHER + i, RECEIVE + i);
        send(interleave, OTHER + i, RECEIVE + i, 1000 + i);
    }
    for (uint64_t i = 0; i < 100000; i++) {
        (void)save(interleave, CLIENT, RECEIVE + 4 * i);
    }
    unsigned held = 0;
    for (uint64_t i = 0; i < 500; i++) {
        held += take(interleave, OTHER + i, RECEIVE + i) == 1000 + i;
    }
    CU_ASSERT_TRUE(held >= 500 - 16);
    interleave_destroy(interleave);
}

static const struct unit_case cases[] = {
    {"an entry is taken once", test_taken_once},
    {"the kernel's stamp replaces the daemon's", test_stamp_improves},
    {"an entry belongs to its client", test_owner},
    {"an unset timestamp is no key", test_unset_is_nothing},
    {"equal receive timestamps are made unique", test_unique},
    {"the oldest makes room", test_oldest_makes_room},
    {"one address floods its own set", test_flood},
};
UNIT_MAIN("interleave", cases)
