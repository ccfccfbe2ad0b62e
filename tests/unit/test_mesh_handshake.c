/* SPDX-License-Identifier: MIT */
/* Handshakes with those who know no key, and with a member that wants us to sign for ever. */
#include "common/auth/handshake.h"
#include "common/mesh/mesh.h"
#include "ntpwire/packet.h"
#include "ntpwire/report.h"
#include "tests/unit/mesh_world.h"
#include "tests/unit/unit.h"
#include <string.h>

static struct bytes first_field(const struct action_send *send, size_t size)
{
    CU_ASSERT_TRUE_FATAL(send->size >= PACKET_SIZE + size);
    return bytes_make(send->payload + PACKET_SIZE, size);
}

static struct hello hello_of(const struct action_send *send)
{
    struct hello hello;
    CU_ASSERT_TRUE_FATAL(hello_decode(first_field(send, HANDSHAKE_HELLO_SIZE), &hello));
    return hello;
}

static void set_hello(struct action_send *send, const struct hello *hello)
{
    hello_encode(hello, send->payload + PACKET_SIZE);
}

static const struct action_send *sent(const struct mesh_world *world)
{
    CU_ASSERT_EQUAL_FATAL(world->out.count, 1);
    CU_ASSERT_EQUAL_FATAL(world->out.items[0].kind, ACTION_SEND);
    return &world->out.items[0].send;
}

/* `by` gives a cookie for whatever HELLO this is; it is wherever `from` is. */
static struct action_send ask_cookie(struct mesh_world *world, size_t from, size_t by,
                                     struct action_send hello_packet)
{
    struct mesh_opened opened;
    struct hello hello = hello_of(&hello_packet);
    memset(hello.cookie, 0, sizeof(hello.cookie));
    memset(hello.signature, 0, sizeof(hello.signature));
    set_hello(&hello_packet, &hello);
    CU_ASSERT_EQUAL(mesh_world_serve(world, from, by, &hello_packet, &opened), MESH_HANDLED);
    return *sent(world);
}

/* From an address of its own, with a good cookie, in the name of node 0 and without its key. */
static void forge(struct mesh_world *world, unsigned times)
{
    struct action_send forged;
    struct mesh_opened opened;
    struct report_handshake answer;
    struct mesh_world *w = world;
    CU_ASSERT_TRUE_FATAL(mesh_world_request(w, 2, 1, &forged));
    struct hello hello = hello_of(&forged);
    hello.initiator = mesh_world_id(w, 0);
    set_hello(&forged, &hello);
    struct action_send given = ask_cookie(w, 2, 1, forged);
    CU_ASSERT_EQUAL_FATAL(
        report_handshake_read(first_field(&given, REPORT_COOKIE_ANSWER_SIZE), &answer), REPORT_OK);
    memcpy(hello.cookie, answer.cookie, sizeof(hello.cookie));
    for (unsigned i = 0; i < times; i++) {
        hello.signature[0] = (uint8_t)i;
        set_hello(&forged, &hello);
        CU_ASSERT_EQUAL(mesh_world_serve(w, 2, 1, &forged, &opened), MESH_HANDSHAKE);
        CU_ASSERT_EQUAL(w->out.count, 0);
    }
}

/* A stranger takes nothing of what a member may ask, neither at first nor later. */
static void test_forged_hellos(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    forge(&world, 20);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    mesh_world_pass(&world, 5 * NS_PER_S); /* until it would try again */
    forge(&world, 20);
    /* It begins anew without what it knew, and is answered all the same. */
    struct mesh_options options = mesh_world_options(&world, 0);
    options.incarnation = 2;
    mesh_world_start(&world, 0, &options);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    mesh_world_clear(&world);
}

/* A member's own handshakes are counted: it may begin six at once. */
static void test_member_is_limited(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    unsigned answered = 0;
    for (uint32_t i = 2; i < 14; i++) {
        struct mesh_options options = mesh_world_options(&world, 0);
        options.incarnation = i;
        mesh_world_start(&world, 0, &options);
        answered += mesh_world_exchange(&world, 0, 1, &opened) == MESH_TIME;
    }
    CU_ASSERT_EQUAL(answered, 6);
    mesh_world_clear(&world);
}

/* Whoever answers each HELLO of ours by a cookie has us sign twice, and not for ever. */
static void test_cookies_for_ever(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    struct action_send hello, cookie;
    unsigned signatures = 0;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    CU_ASSERT_TRUE_FATAL(mesh_world_request(&world, 0, 1, &hello));
    for (unsigned i = 0; i < 10; i++) {
        cookie = ask_cookie(&world, 0, 1, hello);
        (void)mesh_world_open(&world, 0, 1, &cookie, &opened);
        if (world.out.count == 0) {
            break;
        }
        signatures++;
        hello = *sent(&world);
    }
    CU_ASSERT_EQUAL(signatures, 2);
    mesh_world_pass(&world, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    mesh_world_clear(&world);
}

static const struct unit_case cases[] = {
    {"forged HELLOs take nothing of a member's", test_forged_hellos},
    {"a member's handshakes are limited", test_member_is_limited},
    {"cookies for ever", test_cookies_for_ever},
};

UNIT_MAIN("mesh_handshake", cases)
