/* SPDX-License-Identifier: MIT */
/* HELLO and ACCEPT, and pairs of nodes that go from one session to the next, with an adversary who
 * drops, replays, reorders and reflects. */
#include "common/auth/pairing.h"
#include "ntpwire/report.h"
#include "tests/unit/unit.h"
#include <string.h>

#define SEALED_SIZE 40

static const struct mono start = {5};

struct node {
    struct identity *identity;
    struct handshake_self self;
    struct pairing pairing;
};

struct world {
    struct random random;
    struct node a; /* the smaller id */
    struct node b;
    struct node stranger;
};

static void make_node(struct node *node, struct random *random)
{
    char error[IDENTITY_ERROR_MAX];
    node->identity = identity_create(random, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(node->identity);
    node->self = (struct handshake_self){
        .identity = node->identity, .random = random, .membership_epoch = 77, .epoch = 3};
}

static void pair_up(struct node *node, const struct node *other)
{
    CU_ASSERT_TRUE_FATAL(
        pairing_init(&node->pairing, identity_public_key(other->identity), other->self.epoch));
}

static void world_init(struct world *world)
{
    random_init_seeded(&world->random, 11);
    make_node(&world->a, &world->random);
    make_node(&world->b, &world->random);
    make_node(&world->stranger, &world->random);
    if (identity_id(world->a.identity) > identity_id(world->b.identity)) {
        struct node kept = world->a;
        world->a = world->b;
        world->b = kept;
    }
    pair_up(&world->a, &world->b);
    pair_up(&world->b, &world->a);
    pair_up(&world->stranger, &world->b);
}

static void world_clear(struct world *world)
{
    struct node *nodes[] = {&world->a, &world->b, &world->stranger};
    for (size_t i = 0; i < 3; i++) {
        pairing_clear(&nodes[i]->pairing);
        identity_destroy(nodes[i]->identity);
    }
}

/* A signed HELLO of from's. */
static struct hello begin(struct node *from)
{
    static const uint8_t cookie[COOKIE_SIZE] = {9};
    CU_ASSERT_TRUE_FATAL(pairing_start(&from->pairing, &from->self, start));
    CU_ASSERT_TRUE_FATAL(pairing_take_cookie(&from->pairing, &from->self, cookie, start));
    return *pairing_hello(&from->pairing);
}

/* Sends a packet, and says what the other makes of it; SESSION_VERDICTS if none can be sent. */
static enum session_verdict say(struct node *from, struct node *to)
{
    uint8_t packet[SEALED_SIZE] = {0};
    uint8_t tag[SESSION_TAG_SIZE];
    if (!pairing_seal(&from->pairing, start, packet, sizeof packet, tag)) {
        return SESSION_VERDICTS;
    }
    return pairing_open(&to->pairing, start, bytes_make(packet, sizeof packet), tag);
}

static enum handshake_verdict agree(struct node *from, struct node *to)
{
    struct accept accept;
    struct hello hello = begin(from);
    enum handshake_verdict verdict =
        pairing_answer(&to->pairing, &to->self, &hello, start, &accept);
    return verdict != HANDSHAKE_OK ? verdict
                                   : pairing_finish(&from->pairing, &from->self, &accept, start);
}

static void both_sides_derive_the_same_keys(void)
{
    struct world world;
    world_init(&world);
    struct handshake ours;
    struct accept accept;
    struct session_keys a;
    struct session_keys b;
    struct node *from = &world.a;
    struct node *to = &world.b;
    static const uint8_t cookie[COOKIE_SIZE] = {1};
    world.b.self.membership_epoch = 78;
    CU_ASSERT_TRUE(handshake_start(&ours, &from->self, &from->pairing.peer));
    CU_ASSERT_EQUAL(handshake_answer(&to->self, &to->pairing.peer, &ours.hello, &accept, &b),
                    HANDSHAKE_FORGED); /* it has no signature yet */
    CU_ASSERT_TRUE(handshake_sign(&ours, &from->self, cookie));
    CU_ASSERT_EQUAL(handshake_answer(&to->self, &to->pairing.peer, &ours.hello, &accept, &b),
                    HANDSHAKE_OK);
    CU_ASSERT_EQUAL(handshake_finish(&ours, &from->self, &from->pairing.peer, &accept, &a),
                    HANDSHAKE_OK);
    CU_ASSERT_EQUAL(accept.membership_epoch, 78);
    CU_ASSERT_EQUAL(memcmp(a.send, b.receive, SECRET_SIZE), 0);
    CU_ASSERT_EQUAL(memcmp(a.receive, b.send, SECRET_SIZE), 0);
    CU_ASSERT_EQUAL(a.id, b.id);
    CU_ASSERT_NOT_EQUAL(memcmp(a.send, a.receive, SECRET_SIZE), 0);

    /* The answer to the same HELLO has another ephemeral, and other keys. */
    struct session_keys again;
    CU_ASSERT_EQUAL(handshake_answer(&to->self, &to->pairing.peer, &ours.hello, &accept, &again),
                    HANDSHAKE_OK);
    CU_ASSERT_NOT_EQUAL(memcmp(again.send, b.send, SECRET_SIZE), 0);
    handshake_clear(&ours);
    world_clear(&world);
}

/* What is signed here is what ntpwire reads and writes. */
static void messages_are_the_fields_of_the_wire(void)
{
    struct world world;
    struct accept accept;
    struct report_handshake read;
    uint8_t octets[HANDSHAKE_ACCEPT_SIZE];
    uint8_t again[HANDSHAKE_ACCEPT_SIZE];
    world_init(&world);
    struct hello hello = begin(&world.a);
    hello_encode(&hello, octets);
    CU_ASSERT_EQUAL(report_handshake_read(bytes_make(octets, HANDSHAKE_HELLO_SIZE), &read),
                    REPORT_OK);
    CU_ASSERT_EQUAL(read.from, hello.initiator);
    CU_ASSERT_EQUAL(read.membership, 77);
    CU_ASSERT_EQUAL(report_handshake_write(again, sizeof again, &read), HANDSHAKE_HELLO_SIZE);
    CU_ASSERT_EQUAL(memcmp(octets, again, HANDSHAKE_HELLO_SIZE), 0);

    CU_ASSERT_EQUAL(pairing_answer(&world.b.pairing, &world.b.self, &hello, start, &accept),
                    HANDSHAKE_OK);
    accept_encode(&accept, octets);
    CU_ASSERT_EQUAL(report_handshake_read(bytes_make(octets, HANDSHAKE_ACCEPT_SIZE), &read),
                    REPORT_OK);
    CU_ASSERT_EQUAL(read.from, accept.responder);
    CU_ASSERT_EQUAL(memcmp(read.hello_hash, accept.hello_digest, SECRET_SIZE), 0);
    CU_ASSERT_EQUAL(report_handshake_write(again, sizeof again, &read), HANDSHAKE_ACCEPT_SIZE);
    CU_ASSERT_EQUAL(memcmp(octets, again, HANDSHAKE_ACCEPT_SIZE), 0);
    world_clear(&world);
}

static void each_changed_bit_of_a_hello_fails(void)
{
    struct world world;
    struct accept accept;
    uint8_t octets[HANDSHAKE_HELLO_SIZE];
    world_init(&world);
    struct hello good = begin(&world.a);
    hello_encode(&good, octets);
    size_t passed = 0;
    for (size_t bit = 0; bit < sizeof octets * 8; bit++) {
        struct hello hello;
        octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
        passed +=
            hello_decode(bytes_make(octets, sizeof octets), &hello) &&
            pairing_answer(&world.b.pairing, &world.b.self, &hello, start, &accept) == HANDSHAKE_OK;
        octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CU_ASSERT_EQUAL(passed, 0);
    CU_ASSERT_EQUAL(world.b.pairing.peer.epoch, 3);
    CU_ASSERT_PTR_NULL(world.b.pairing.pending);
    struct hello hello;
    CU_ASSERT_FALSE(hello_decode(bytes_make(octets, sizeof octets - 1), &hello));
    CU_ASSERT_TRUE(hello_decode(bytes_make(octets, sizeof octets), &hello));
    CU_ASSERT_EQUAL(pairing_answer(&world.b.pairing, &world.b.self, &hello, start, &accept),
                    HANDSHAKE_OK);
    world_clear(&world);
}

static void each_changed_bit_of_an_accept_fails(void)
{
    struct world world;
    struct accept accept;
    uint8_t octets[HANDSHAKE_ACCEPT_SIZE];
    world_init(&world);
    struct hello hello = begin(&world.a);
    CU_ASSERT_EQUAL(pairing_answer(&world.b.pairing, &world.b.self, &hello, start, &accept),
                    HANDSHAKE_OK);
    accept_encode(&accept, octets);
    size_t passed = 0;
    for (size_t bit = 0; bit < sizeof octets * 8; bit++) {
        octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
        passed += accept_decode(bytes_make(octets, sizeof octets), &accept) &&
                  pairing_finish(&world.a.pairing, &world.a.self, &accept, start) == HANDSHAKE_OK;
        octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CU_ASSERT_EQUAL(passed, 0);
    CU_ASSERT_FALSE(accept_decode(bytes_make(octets, sizeof octets - 4), &accept));
    CU_ASSERT_TRUE(accept_decode(bytes_make(octets, sizeof octets), &accept));
    CU_ASSERT_EQUAL(pairing_finish(&world.a.pairing, &world.a.self, &accept, start), HANDSHAKE_OK);
    CU_ASSERT_EQUAL(say(&world.a, &world.b), SESSION_OK);
    CU_ASSERT_EQUAL(say(&world.b, &world.a), SESSION_OK);
    world_clear(&world);
}

static void the_wrong_key_fails(void)
{
    struct world world;
    struct accept accept;
    struct session_keys keys;
    world_init(&world);
    /* A stranger under its own name, and under a's. */
    struct hello hello = begin(&world.stranger);
    CU_ASSERT_EQUAL(pairing_answer(&world.b.pairing, &world.b.self, &hello, start, &accept),
                    HANDSHAKE_NOT_FOR_US);
    struct handshake forged = world.stranger.pairing.handshake;
    forged.hello.initiator = identity_id(world.a.identity);
    CU_ASSERT_TRUE(handshake_sign(&forged, &world.stranger.self, NULL));
    CU_ASSERT_EQUAL(pairing_answer(&world.b.pairing, &world.b.self, &forged.hello, start, &accept),
                    HANDSHAKE_FORGED);
    /* A stranger answers in b's place: it knows the secret, but can't sign. */
    hello = begin(&world.a);
    struct handshake_self posing = world.b.self;
    CU_ASSERT_EQUAL(handshake_answer(&posing, &world.b.pairing.peer, &hello, &accept, &keys),
                    HANDSHAKE_OK);
    uint8_t octets[HANDSHAKE_ACCEPT_SIZE];
    accept_encode(&accept, octets);
    CU_ASSERT_TRUE(identity_sign(
        world.stranger.identity, IDENTITY_ACCEPT,
        bytes_make(octets, HANDSHAKE_ACCEPT_SIZE - IDENTITY_SIGNATURE_SIZE), accept.signature));
    CU_ASSERT_EQUAL(pairing_finish(&world.a.pairing, &world.a.self, &accept, start),
                    HANDSHAKE_FORGED);
    /* Signed by b indeed, but with an ephemeral of small order. */
    memset(accept.ephemeral, 0, SECRET_SIZE);
    accept_encode(&accept, octets);
    CU_ASSERT_TRUE(identity_sign(
        world.b.identity, IDENTITY_ACCEPT,
        bytes_make(octets, HANDSHAKE_ACCEPT_SIZE - IDENTITY_SIGNATURE_SIZE), accept.signature));
    CU_ASSERT_EQUAL(pairing_finish(&world.a.pairing, &world.a.self, &accept, start),
                    HANDSHAKE_WEAK);
    /* Signed by b, for a HELLO that a never signed. */
    CU_ASSERT_TRUE(pairing_start(&world.a.pairing, &world.a.self, start));
    accept.ephemeral[0] = 9;
    CU_ASSERT_TRUE(hello_digest(pairing_hello(&world.a.pairing), accept.hello_digest));
    accept_encode(&accept, octets);
    CU_ASSERT_TRUE(identity_sign(
        world.b.identity, IDENTITY_ACCEPT,
        bytes_make(octets, HANDSHAKE_ACCEPT_SIZE - IDENTITY_SIGNATURE_SIZE), accept.signature));
    CU_ASSERT_EQUAL(pairing_finish(&world.a.pairing, &world.a.self, &accept, start),
                    HANDSHAKE_UNEXPECTED);
    CU_ASSERT_PTR_NULL(world.a.pairing.pending);
    world_clear(&world);
}

static void reflection_and_replay_fail(void)
{
    struct world world;
    struct accept first;
    struct accept second;
    world_init(&world);
    struct hello old = begin(&world.a);
    CU_ASSERT_EQUAL(pairing_answer(&world.a.pairing, &world.a.self, &old, start, &first),
                    HANDSHAKE_NOT_FOR_US);
    CU_ASSERT_EQUAL(pairing_answer(&world.b.pairing, &world.b.self, &old, start, &first),
                    HANDSHAKE_OK);
    CU_ASSERT_EQUAL(pairing_finish(&world.b.pairing, &world.b.self, &first, start),
                    HANDSHAKE_UNEXPECTED);
    /* The same HELLO, sent again because the ACCEPT was lost, has the same answer. */
    CU_ASSERT_EQUAL(pairing_answer(&world.b.pairing, &world.b.self, &old, start, &second),
                    HANDSHAKE_OK);
    CU_ASSERT_EQUAL(memcmp(&first, &second, sizeof first), 0);

    struct hello hello = begin(&world.a); /* a gave the first one up */
    CU_ASSERT_EQUAL(pairing_finish(&world.a.pairing, &world.a.self, &first, start),
                    HANDSHAKE_UNEXPECTED);
    CU_ASSERT_EQUAL(pairing_answer(&world.b.pairing, &world.b.self, &hello, start, &second),
                    HANDSHAKE_OK);
    CU_ASSERT_EQUAL(pairing_answer(&world.b.pairing, &world.b.self, &old, start, &first),
                    HANDSHAKE_REPLAYED);
    CU_ASSERT_EQUAL(pairing_finish(&world.a.pairing, &world.a.self, &second, start), HANDSHAKE_OK);
    CU_ASSERT_EQUAL(pairing_finish(&world.a.pairing, &world.a.self, &second, start),
                    HANDSHAKE_UNEXPECTED);
    CU_ASSERT_EQUAL(say(&world.a, &world.b), SESSION_OK);
    CU_ASSERT_EQUAL(pairing_answer(&world.b.pairing, &world.b.self, &old, start, &first),
                    HANDSHAKE_REPLAYED);
    CU_ASSERT_EQUAL(say(&world.b, &world.a), SESSION_OK);
    world_clear(&world);
}

static void the_old_session_lives_until_the_new_one_speaks(void)
{
    struct world world;
    struct accept accept;
    world_init(&world);
    CU_ASSERT_TRUE(pairing_is_due(&world.a.pairing, start));
    CU_ASSERT_EQUAL(agree(&world.a, &world.b), HANDSHAKE_OK);
    CU_ASSERT_EQUAL(say(&world.b, &world.a), SESSION_VERDICTS); /* it heard nothing yet */
    CU_ASSERT_EQUAL(say(&world.a, &world.b), SESSION_OK);
    CU_ASSERT_EQUAL(say(&world.b, &world.a), SESSION_OK);
    CU_ASSERT_FALSE(pairing_is_due(&world.a.pairing, start));
    CU_ASSERT_TRUE(pairing_is_due(&world.a.pairing, (struct mono){SESSION_LIFE_NS}));

    /* A renewal is signed at once; its ACCEPT is lost: both go on. */
    CU_ASSERT_TRUE(pairing_start(&world.b.pairing, &world.b.self, start));
    struct hello hello = *pairing_hello(&world.b.pairing);
    CU_ASSERT_EQUAL(hello.cookie[0], 0xff);
    CU_ASSERT_EQUAL(pairing_answer(&world.a.pairing, &world.a.self, &hello, start, &accept),
                    HANDSHAKE_OK);
    CU_ASSERT_EQUAL(say(&world.a, &world.b), SESSION_OK);
    CU_ASSERT_EQUAL(say(&world.b, &world.a), SESSION_OK);

    /* It comes at last, but a has lost its half meanwhile: b tries, and falls back. */
    CU_ASSERT_EQUAL(pairing_finish(&world.b.pairing, &world.b.self, &accept, start), HANDSHAKE_OK);
    session_destroy(world.a.pairing.pending);
    world.a.pairing.pending = NULL;
    for (int i = 0; i < PAIRING_TRIES; i++) {
        CU_ASSERT_NOT_EQUAL(say(&world.b, &world.a), SESSION_OK);
        CU_ASSERT_EQUAL(say(&world.a, &world.b), SESSION_OK);
    }
    CU_ASSERT_EQUAL(say(&world.b, &world.a), SESSION_OK);

    /* And one that comes through. */
    CU_ASSERT_EQUAL(agree(&world.b, &world.a), HANDSHAKE_OK);
    CU_ASSERT_EQUAL(say(&world.a, &world.b), SESSION_OK); /* the old one still */
    CU_ASSERT_EQUAL(say(&world.b, &world.a), SESSION_OK);
    CU_ASSERT_PTR_NULL(world.a.pairing.pending);
    CU_ASSERT_EQUAL(say(&world.a, &world.b), SESSION_OK);
    CU_ASSERT_PTR_NULL(world.b.pairing.pending);
    world_clear(&world);
}

static void the_smaller_id_wins_a_crossing_start(void)
{
    struct world world;
    struct accept accept;
    world_init(&world);
    struct hello by_a = begin(&world.a);
    struct hello by_b = begin(&world.b);
    CU_ASSERT_EQUAL(pairing_answer(&world.a.pairing, &world.a.self, &by_b, start, &accept),
                    HANDSHAKE_CROSSED);
    CU_ASSERT_EQUAL(pairing_answer(&world.b.pairing, &world.b.self, &by_a, start, &accept),
                    HANDSHAKE_OK);
    CU_ASSERT_PTR_NULL(pairing_hello(&world.b.pairing));
    CU_ASSERT_EQUAL(pairing_finish(&world.a.pairing, &world.a.self, &accept, start), HANDSHAKE_OK);
    /* What lost is nothing any more, whoever says it again. */
    CU_ASSERT_EQUAL(pairing_answer(&world.a.pairing, &world.a.self, &by_b, start, &accept),
                    HANDSHAKE_REPLAYED);
    CU_ASSERT_EQUAL(say(&world.a, &world.b), SESSION_OK);
    CU_ASSERT_EQUAL(say(&world.b, &world.a), SESSION_OK);
    world_clear(&world);
}

/* The answer to the one that won is lost, and who began it asks no more. */
static void who_won_long_ago_answers(void)
{
    struct world world;
    struct accept accept;
    world_init(&world);
    (void)begin(&world.a);
    struct hello by_b = begin(&world.b);
    struct mono later = {start.ns + PAIRING_CROSSING_NS};
    CU_ASSERT_EQUAL(pairing_answer(&world.a.pairing, &world.a.self, &by_b, later, &accept),
                    HANDSHAKE_OK);
    CU_ASSERT_EQUAL(pairing_finish(&world.b.pairing, &world.b.self, &accept, later), HANDSHAKE_OK);
    CU_ASSERT_EQUAL(say(&world.b, &world.a), SESSION_OK);
    world_clear(&world);
}

/* However many were refused meanwhile, the one that was answered is answered again. */
static void the_last_answer_is_kept(void)
{
    struct world world;
    struct accept first;
    struct accept again;
    world_init(&world);
    struct hello by_b = begin(&world.b);
    CU_ASSERT_EQUAL(pairing_answer(&world.a.pairing, &world.a.self, &by_b, start, &first),
                    HANDSHAKE_OK);
    (void)begin(&world.a);
    for (int i = 0; i < 3 * PAIRING_SEEN; i++) {
        struct hello other = begin(&world.b);
        CU_ASSERT_EQUAL(pairing_answer(&world.a.pairing, &world.a.self, &other, start, &again),
                        HANDSHAKE_CROSSED);
        CU_ASSERT_FALSE(pairing_has_answered(&world.a.pairing, &other));
    }
    CU_ASSERT_TRUE(pairing_has_answered(&world.a.pairing, &by_b));
    CU_ASSERT_EQUAL(pairing_answer(&world.a.pairing, &world.a.self, &by_b, start, &again),
                    HANDSHAKE_OK);
    CU_ASSERT_EQUAL(memcmp(&first, &again, sizeof first), 0);
    world_clear(&world);
}

/* Ours get no answer, theirs come: a network that lets only one side begin. */
static void who_is_not_heard_answers(void)
{
    struct world world;
    struct accept accept;
    world_init(&world);
    CU_ASSERT_TRUE(pairing_start_afresh(&world.a.pairing, &world.a.self));
    struct hello by_b = begin(&world.b);
    CU_ASSERT_EQUAL(pairing_answer(&world.a.pairing, &world.a.self, &by_b, start, &accept),
                    HANDSHAKE_OK);
    CU_ASSERT_PTR_NULL(pairing_hello(&world.a.pairing));
    CU_ASSERT_EQUAL(pairing_finish(&world.b.pairing, &world.b.self, &accept, start), HANDSHAKE_OK);
    CU_ASSERT_EQUAL(say(&world.b, &world.a), SESSION_OK);
    world_clear(&world);
}

static void key_epochs_only_rise(void)
{
    struct world world;
    struct accept accept;
    world_init(&world);
    CU_ASSERT_EQUAL(agree(&world.a, &world.b), HANDSHAKE_OK);
    CU_ASSERT_EQUAL(say(&world.a, &world.b), SESSION_OK);
    struct hello before = begin(&world.a);
    world.a.self.epoch = 4; /* raised: the old session serves on until the new one speaks */
    CU_ASSERT_EQUAL(say(&world.b, &world.a), SESSION_OK);
    CU_ASSERT_EQUAL(agree(&world.a, &world.b), HANDSHAKE_OK);
    CU_ASSERT_EQUAL(world.b.pairing.peer.epoch, 4);
    CU_ASSERT_EQUAL(say(&world.a, &world.b), SESSION_OK);
    CU_ASSERT_EQUAL(pairing_answer(&world.b.pairing, &world.b.self, &before, start, &accept),
                    HANDSHAKE_STALE_EPOCH);
    /* b as initiator learns it from the ACCEPT; a of epoch 3 learns that it was overtaken. */
    world.b.pairing.peer.epoch = 3;
    CU_ASSERT_EQUAL(agree(&world.b, &world.a), HANDSHAKE_OK);
    CU_ASSERT_EQUAL(world.b.pairing.peer.epoch, 4);
    world.a.self.epoch = 3;
    CU_ASSERT_EQUAL(agree(&world.b, &world.a), HANDSHAKE_OUR_EPOCH);
    world.b.pairing.peer.epoch = 3;
    struct hello hello = begin(&world.b);
    CU_ASSERT_EQUAL(pairing_answer(&world.a.pairing, &world.a.self, &hello, start, &accept),
                    HANDSHAKE_OK);
    world.b.pairing.peer.epoch = 4;
    CU_ASSERT_EQUAL(pairing_finish(&world.b.pairing, &world.b.self, &accept, start),
                    HANDSHAKE_STALE_EPOCH);
    for (int verdict = 0; verdict < HANDSHAKE_VERDICTS; verdict++) {
        CU_ASSERT_PTR_NOT_NULL(handshake_verdict_name((enum handshake_verdict)verdict));
    }
    world_clear(&world);
}

static const struct unit_case cases[] = {
    {"both sides derive the same keys", both_sides_derive_the_same_keys},
    {"messages are the fields of the wire", messages_are_the_fields_of_the_wire},
    {"each changed bit of a HELLO fails", each_changed_bit_of_a_hello_fails},
    {"each changed bit of an ACCEPT fails", each_changed_bit_of_an_accept_fails},
    {"the wrong key fails", the_wrong_key_fails},
    {"reflection and replay fail", reflection_and_replay_fail},
    {"the old session lives until the new one speaks",
     the_old_session_lives_until_the_new_one_speaks},
    {"the smaller id wins a crossing start", the_smaller_id_wins_a_crossing_start},
    {"who is not heard answers", who_is_not_heard_answers},
    {"who won long ago answers", who_won_long_ago_answers},
    {"the last answer is kept", the_last_answer_is_kept},
    {"key epochs only rise", key_epochs_only_rise},
};
UNIT_MAIN("handshake", cases)
