/* SPDX-License-Identifier: MIT */
/* Members that leave, come back, move and are revoked; and whose contacts make room. */
#include "common/mesh/mesh_inner.h"
#include "tests/unit/mesh_world.h"
#include "tests/unit/unit.h"
#include <stdlib.h>
#include <string.h>

#define ELSEWHERE "192.0.2.200"
#define HOME "192.0.2.2"

/* What node 1 sends comes to node 0 from there. */
static enum mesh_verdict serve_from(struct mesh_world *world, const char *host,
                                    const struct action_send *send)
{
    struct mesh_opened opened;
    struct datagram datagram = {.destination = mesh_world_address(0, 123),
                                .received = mesh_world_reading(world),
                                .payload = bytes_make(send->payload, send->size)};
    CU_ASSERT_TRUE(address_parse(host, 40001, &datagram.source));
    world->out.count = 0;
    return mesh_serve(world->nodes[0], &datagram, mesh_world_reading(world), &opened, &world->out);
}

static void ask_from(struct mesh_world *world, const char *host)
{
    struct action_send request;
    CU_ASSERT_TRUE_FATAL(mesh_world_request(world, 1, 0, &request));
    CU_ASSERT_EQUAL(serve_from(world, host, &request), MESH_TIME);
}

static void say_goodbye(struct mesh_world *world, const char *host)
{
    struct action_send goodbye = {.size = 0};
    CU_ASSERT_TRUE_FATAL(
        mesh_leave(world->nodes[1], mesh_world_id(world, 0), mesh_world_reading(world), &goodbye));
    (void)serve_from(world, host, &goodbye);
}

static void begin(struct mesh_world *world)
{
    struct mesh_opened opened;
    mesh_world_init(world, 3);
    mesh_world_start_all(world);
    CU_ASSERT_EQUAL(mesh_world_exchange(world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(mesh_world_exchange(world, 1, 0, &opened), MESH_TIME);
}

/* Where node 0 asks node 1; empty: it does not. */
static const char *place(const struct mesh_world *world)
{
    static struct mesh_seat seats[MESH_VIEW_MAX];
    size_t count = mesh_seats(world->nodes[0], seats);
    for (size_t i = 0; i < count; i++) {
        if (seats[i].id == mesh_world_id(world, 1)) {
            return seats[i].host;
        }
    }
    return "";
}

/* As soon as its signed report comes, not at the next round of upkeep. */
static void test_return(void)
{
    struct mesh_world world;
    begin(&world);
    CU_ASSERT_STRING_EQUAL(place(&world), HOME);
    say_goodbye(&world, HOME);
    CU_ASSERT_STRING_EQUAL(place(&world), "");
    mesh_world_pass(&world, 60 * NS_PER_S);
    ask_from(&world, HOME);
    CU_ASSERT_STRING_EQUAL(place(&world), HOME);
    mesh_world_clear(&world);
}

/* There is one packet for it, whatever else there was to say. */
static void test_goodbye_comes_first(void)
{
    static uint8_t news[2 * MESH_FRAGMENT_SIZE];
    struct mesh_world world;
    begin(&world);
    mesh_post(world.nodes[1], 0, REPORT_EVIDENCE, bytes_make(news, sizeof(news)),
              mesh_world_reading(&world).mono);
    say_goodbye(&world, HOME);
    CU_ASSERT_STRING_EQUAL(place(&world), "");
    mesh_world_clear(&world);
}

static void test_return_elsewhere(void)
{
    struct mesh_world world;
    begin(&world);
    say_goodbye(&world, HOME);
    mesh_world_pass(&world, 60 * NS_PER_S);
    ask_from(&world, ELSEWHERE);
    CU_ASSERT_STRING_EQUAL(place(&world), ELSEWHERE);
    mesh_world_clear(&world);
}

/* Whoever always spoke from another address than it answers at has not moved. */
static void test_two_addresses(void)
{
    struct mesh_world world;
    begin(&world);
    ask_from(&world, ELSEWHERE);
    say_goodbye(&world, ELSEWHERE);
    mesh_world_pass(&world, 60 * NS_PER_S);
    ask_from(&world, ELSEWHERE);
    CU_ASSERT_STRING_EQUAL(place(&world), HOME);
    mesh_world_clear(&world);
}

static void test_missed(void)
{
    struct mesh_world world;
    struct action_send request;
    begin(&world);
    uint64_t other = mesh_world_id(&world, 1);
    CU_ASSERT_FALSE(mesh_is_missed(world.nodes[0], mesh_world_id(&world, 2)));
    for (int i = 0; i < 8; i++) {
        CU_ASSERT_FALSE(mesh_is_missed(world.nodes[0], other));
        (void)mesh_world_request(&world, 0, 1, &request);
        (void)mesh_world_request(&world, 0, 2, &request);
        mesh_world_pass(&world, 16 * NS_PER_S);
    }
    CU_ASSERT_TRUE(mesh_is_missed(world.nodes[0], other));
    CU_ASSERT_FALSE(mesh_is_missed(world.nodes[0], mesh_world_id(&world, 2)));
    uint32_t version = mesh_view_version(world.nodes[0]);
    struct address moved;
    CU_ASSERT_TRUE(address_parse(ELSEWHERE, 123, &moved));
    mesh_move(world.nodes[0], other, &moved);
    CU_ASSERT_NOT_EQUAL(mesh_view_version(world.nodes[0]), version);
    CU_ASSERT_STRING_EQUAL(place(&world), ELSEWHERE);
    mesh_world_clear(&world);
}

static void reload(struct mesh_world *world, struct mesh_options *options)
{
    char error[MESH_ERROR_MAX];
    CU_ASSERT_TRUE(mesh_configure(world->nodes[0], options, mesh_world_reading(world), error));
}

/* A reload forgets that it moved only if it says another place itself. */
static void test_reload(void)
{
    struct mesh_world world;
    struct address moved;
    begin(&world);
    CU_ASSERT_TRUE(address_parse(ELSEWHERE, 123, &moved));
    mesh_move(world.nodes[0], mesh_world_id(&world, 1), &moved);
    struct mesh_options options = mesh_world_options(&world, 0);
    reload(&world, &options);
    CU_ASSERT_STRING_EQUAL(place(&world), ELSEWHERE);
    uint32_t version = mesh_view_version(world.nodes[0]);
    memcpy(world.members[1].host, "192.0.2.77", sizeof("192.0.2.77"));
    reload(&world, &options);
    CU_ASSERT_STRING_EQUAL(place(&world), "192.0.2.77");
    CU_ASSERT_NOT_EQUAL(mesh_view_version(world.nodes[0]), version);
    mesh_world_clear(&world);
}

/* By a document that does not list it any more: it stays to be seen, and is nobody. */
static void test_revoked_at_reload(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    struct action_send request;
    begin(&world);
    uint64_t revoked = mesh_world_id(&world, 1);
    struct mesh_options options = mesh_world_options(&world, 0);
    struct mesh_member_options kept[2] = {world.members[0], world.members[2]};
    options.members = kept;
    options.member_count = 2;
    options.revoked = &revoked;
    options.revoked_count = 1;
    reload(&world, &options);
    CU_ASSERT_STRING_EQUAL(place(&world), "");
    size_t member = mesh_find(world.nodes[0], revoked);
    CU_ASSERT_NOT_EQUAL_FATAL(member, MESH_NOBODY);
    CU_ASSERT_TRUE(world.nodes[0]->members[member].is_revoked);
    CU_ASSERT_PTR_NULL(mesh_contact_of(world.nodes[0], member));
    CU_ASSERT_EQUAL(mesh_total(world.nodes[0]), 2);
    CU_ASSERT_TRUE(mesh_world_request(&world, 1, 0, &request));
    CU_ASSERT_EQUAL(mesh_world_serve(&world, 1, 0, &request, &opened), MESH_NO_SESSION);
    CU_ASSERT_FALSE(mesh_world_request(&world, 0, 1, &request));
    /* Nor does it get another session. */
    mesh_world_pass(&world, 300 * NS_PER_S);
    struct mesh_options same = mesh_world_options(&world, 1);
    mesh_world_start(&world, 1, &same);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 1, 0, &opened), MESH_REVOKED);
    mesh_world_clear(&world);
}

/* Evidence that the sender brings makes contacts of those it is about: never in the sender's place,
 * though nobody was heard before it. */
static void test_sender_stays(void)
{
    struct mesh_world world;
    mesh_world_init(&world, 2);
    struct mesh_options options = mesh_world_options(&world, 0);
    options.member_count = 0;
    mesh_world_start(&world, 0, &options);
    struct mesh *mesh = world.nodes[0];
    for (uint64_t i = 0; i <= MESH_CONTACTS_MAX; i++) {
        /* Any key will do for one with whom there is no session. */
        CU_ASSERT_PTR_NOT_NULL_FATAL(
            mesh_admit(mesh, identity_public_key(world.identities[1]), (i + 1) << 32));
    }
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(mesh_contact_make(mesh, i, world.now));
    }
    const struct mesh_contact *sender = mesh_contact_of(mesh, 0);
    CU_ASSERT_PTR_NULL(mesh_contact_make(mesh, MESH_CONTACTS_MAX, world.now));
    CU_ASSERT_PTR_EQUAL(mesh_contact_of(mesh, 0), sender);
    /* A little later it is heard again: another makes room. */
    mesh_world_pass(&world, 1);
    mesh->contacts[0]->heard = world.now;
    mesh->letters[0].told[0] = mesh->letters[0].told[1] = 1;
    CU_ASSERT_PTR_NOT_NULL(mesh_contact_make(mesh, MESH_CONTACTS_MAX, world.now));
    CU_ASSERT_PTR_EQUAL(mesh_contact_of(mesh, 0), sender);
    CU_ASSERT_PTR_NULL(mesh_contact_of(mesh, 1));
    /* It was told nothing yet, whatever the one before it was. */
    CU_ASSERT_EQUAL(mesh->letters[0].told[0], 1);
    CU_ASSERT_EQUAL(mesh->letters[0].told[1], 0);
    mesh_world_clear(&world);
}

/* Not even by as many others as there are places: nobody becomes new by that. */
static void test_verdicts_stay(void)
{
    struct mesh_world world;
    mesh_world_init(&world, 2);
    struct mesh_options options = mesh_world_options(&world, 0);
    options.member_count = 0;
    mesh_world_start(&world, 0, &options);
    struct mesh *mesh = world.nodes[0];
    for (uint64_t i = 0; i < MESH_CONTACTS_MAX + 3; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(
            mesh_admit(mesh, identity_public_key(world.identities[1]), (i + 1) << 32));
    }
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(mesh_contact_make(mesh, i, world.now));
    }
    const struct mesh_contact *convict = mesh_contact_of(mesh, 0);
    verdict_convict(&mesh->contacts[0]->verdict, world.now, 1);
    verdict_exclude(&mesh->contacts[1]->verdict, world.now, "test", 0);
    for (int polls = 0; polls <= VERDICT_UNANSWERED_MAX; polls++) {
        verdict_asked(&mesh->contacts[0]->verdict, world.now); /* it is silent besides */
    }
    mesh_world_pass(&world, 1);
    CU_ASSERT_PTR_NOT_NULL(mesh_contact_make(mesh, MESH_CONTACTS_MAX, world.now));
    CU_ASSERT_PTR_EQUAL(mesh_contact_of(mesh, 0), convict);
    CU_ASSERT_PTR_NOT_NULL(mesh_contact_of(mesh, 1));
    CU_ASSERT_PTR_NULL(mesh_contact_of(mesh, 2));
    /* An exclusion is for a while. */
    mesh_world_pass(&world, VERDICT_COOL_DOWN_NS);
    CU_ASSERT_PTR_NOT_NULL(mesh_contact_make(mesh, MESH_CONTACTS_MAX + 1, world.now));
    CU_ASSERT_PTR_EQUAL(mesh_contact_of(mesh, 0), convict);
    CU_ASSERT_PTR_NULL(mesh_contact_of(mesh, 1));
    mesh_world_clear(&world);
}

static const struct mesh_memory *memory_of(const struct mesh *mesh, uint64_t id)
{
    static struct mesh_memory memories[MESH_MEMBERS_MAX];
    size_t count = mesh_memories(mesh, memories);
    for (size_t i = 0; i < count; i++) {
        if (memories[i].id == id) {
            return &memories[i];
        }
    }
    return NULL;
}

/* What was kept of a member holds whenever it becomes one, and is kept until then. */
static void test_memories(void)
{
    struct mesh_world world;
    mesh_world_init(&world, 3);
    const uint64_t one = mesh_world_id(&world, 1), two = mesh_world_id(&world, 2);
    const struct mesh_memory kept[] = {{one, 2, 5}, {two, 2, 5}};
    struct mesh_options options = mesh_world_options(&world, 0);
    options.member_count = 0;
    options.memories = kept;
    options.memory_count = 2;
    mesh_world_start(&world, 0, &options);
    struct mesh *mesh = world.nodes[0];
    const struct mesh_member *member = mesh_admit(mesh, &world.members[1].key, one);
    CU_ASSERT_PTR_NOT_NULL_FATAL(member);
    CU_ASSERT_EQUAL(member->epoch, 2);
    CU_ASSERT_EQUAL(member->incarnation, 5);
    options.memory_count = 0;
    reload(&world, &options); /* nobody is a member now */
    const struct mesh_memory *memory = memory_of(mesh, one);
    CU_ASSERT_PTR_NOT_NULL_FATAL(memory);
    CU_ASSERT_EQUAL(memory->epoch, 2);
    CU_ASSERT_EQUAL(memory->incarnation, 5);
    CU_ASSERT_PTR_NOT_NULL(memory_of(mesh, two));
    /* Runs are counted anew in the epoch that is asked for. */
    world.members[1].epoch = 3;
    options.member_count = 3;
    reload(&world, &options);
    member = &mesh->members[mesh_find(mesh, one)];
    CU_ASSERT_EQUAL(member->epoch, 3);
    CU_ASSERT_EQUAL(member->incarnation, 0);
    member = &mesh->members[mesh_find(mesh, two)];
    CU_ASSERT_EQUAL(member->epoch, 2);
    CU_ASSERT_EQUAL(member->incarnation, 5);
    mesh_world_clear(&world);
}

/* However many begin messages: what a member sends in pieces is put together. */
static void test_pieces(void)
{
    static uint8_t news[2 * MESH_FRAGMENT_SIZE];
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, MESH_WORLD_MAX);
    mesh_world_start_all(&world);
    struct mesh *mesh = world.nodes[0];
    for (size_t i = 1; i < MESH_WORLD_MAX; i++) {
        CU_ASSERT_EQUAL(mesh_world_exchange(&world, i, 0, &opened), MESH_TIME);
        mesh_post(world.nodes[i], 0, REPORT_EVIDENCE, bytes_make(news, sizeof(news)), world.now);
    }
    for (int piece = 0; piece < 2; piece++) {
        for (size_t i = 1; i < MESH_WORLD_MAX; i++) {
            mesh_world_pass(&world, NS_PER_S);
            CU_ASSERT_EQUAL(mesh_world_exchange(&world, i, 0, &opened), MESH_TIME);
        }
        CU_ASSERT_EQUAL(mesh->post_counts[MESH_POST_PART], MESH_WORLD_MAX - 1);
    }
    /* Each was read as a whole, and is no evidence. */
    CU_ASSERT_EQUAL(mesh->post_counts[MESH_POST_REFUSED], MESH_WORLD_MAX - 1);
    mesh_world_clear(&world);
}

static void reload_as(struct mesh_world *world, const struct mesh_options *options)
{
    char error[MESH_ERROR_MAX];
    CU_ASSERT_TRUE(mesh_configure(world->nodes[0], options, mesh_world_reading(world), error));
}

/* Another algorithm begins at the reload, and runs at its own interval. */
static void test_algorithm_changed(void)
{
    struct mesh_world world;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    const struct mesh *mesh = world.nodes[0];
    struct mesh_options options = mesh_world_options(&world, 0);
    CU_ASSERT_EQUAL(mesh_berkeley_deadline(mesh).ns, MESH_NEVER);
    options.algorithm = MESH_BERKELEY;
    reload_as(&world, &options);
    CU_ASSERT_EQUAL(mesh->berkeley.options.id, mesh->id);
    CU_ASSERT_EQUAL(mesh->berkeley.options.members, 3);
    mesh_world_pass(&world, NS_PER_S);
    mesh_world_run(&world, 0);
    CU_ASSERT_EQUAL(mesh_berkeley_deadline(mesh).ns, world.now.ns + options.interval_ns);
    /* Of the same algorithm the election goes on. */
    mesh_world_pass(&world, NS_PER_S);
    struct mono stands_from = mesh->berkeley.stands_from;
    options.interval_ns = 2 * NS_PER_S;
    options.gamma_ns = 7 * NS_PER_MS;
    reload_as(&world, &options);
    CU_ASSERT_EQUAL(mesh->berkeley.options.interval_ns, 2 * NS_PER_S);
    CU_ASSERT_EQUAL(mesh->berkeley.options.gamma_ns, 7 * NS_PER_MS);
    CU_ASSERT_EQUAL(mesh_berkeley_deadline(mesh).ns, world.now.ns + 2 * NS_PER_S);
    CU_ASSERT_EQUAL(mesh->berkeley.stands_from.ns, stands_from.ns);
    options.algorithm = MESH_AGREEMENT;
    reload_as(&world, &options);
    CU_ASSERT_EQUAL(mesh_berkeley_deadline(mesh).ns, MESH_NEVER);
    mesh_world_clear(&world);
}

static const struct unit_case cases[] = {
    {"a goodbye comes before all else", test_goodbye_comes_first},
    {"comes back", test_return},
    {"comes back elsewhere", test_return_elsewhere},
    {"has two addresses", test_two_addresses},
    {"missed", test_missed},
    {"moved, and a reload", test_reload},
    {"revoked at a reload", test_revoked_at_reload},
    {"the algorithm changes at a reload", test_algorithm_changed},
    {"the sender's contact stays", test_sender_stays},
    {"verdicts stay", test_verdicts_stay},
    {"memories", test_memories},
    {"messages in pieces", test_pieces},
};
UNIT_MAIN("mesh_roster", cases)
