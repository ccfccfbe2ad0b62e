/* SPDX-License-Identifier: MIT */
/* Joining: nodes that know a CA and one address, and nothing of each other. */
#include "common/mesh/mesh_inner.h"
#include "tests/unit/mesh_world.h"
#include "tests/unit/unit.h"
#include <string.h>

#define JOIN_ADDRESS "192.0.2.1"
#define ELSEWHERE "192.0.2.66"
#define EXPIRY_S 1900000000

struct certified_world {
    struct mesh_world world;
    struct identity *ca;
    struct public_key ca_key;
    uint8_t octets[MESH_WORLD_MAX][CERTIFICATE_SIZE_MAX];
    size_t sizes[MESH_WORLD_MAX];
    uint64_t expiry_s; /* of the next that is made */
    uint16_t epoch;
    const char *host; /* NULL: the address */
    char joins[1][ACTION_HOST_MAX];
};

static void certify(struct certified_world *certified, size_t index, const struct identity *ca)
{
    struct certificate certificate = {.expiry_s = certified->expiry_s, .epoch = certified->epoch};
    struct address address = mesh_world_address(index, 123);
    char text[ADDRESS_TEXT_MAX];
    CU_ASSERT_TRUE(certificate_node_set_key(
        &certificate.node, identity_public_key(certified->world.identities[index])));
    CU_ASSERT_TRUE(certificate_node_set_address(
        &certificate.node,
        certified->host != NULL ? certified->host : address_format_port(&address, text)));
    certified->sizes[index] = certificate_write(&certificate, ca, NULL, certified->octets[index]);
    CU_ASSERT_NOT_EQUAL(certified->sizes[index], 0);
}

static struct mesh_options options_of(struct certified_world *certified, size_t index)
{
    struct mesh_options options = mesh_world_options(&certified->world, index);
    options.member_count = 0;
    options.ca = &certified->ca_key;
    options.certificate = bytes_make(certified->octets[index], certified->sizes[index]);
    options.joins = (const char(*)[ACTION_HOST_MAX])certified->joins;
    options.join_count = index == 0 ? 0 : 1;
    options.faults = 1;
    return options;
}

static void init(struct certified_world *certified, size_t count)
{
    char error[IDENTITY_ERROR_MAX];
    memset(certified, 0, sizeof(*certified));
    certified->expiry_s = EXPIRY_S;
    mesh_world_init(&certified->world, count);
    certified->ca = identity_create(&certified->world.random, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(certified->ca);
    certified->ca_key = *identity_public_key(certified->ca);
    memcpy(certified->joins[0], JOIN_ADDRESS, sizeof(JOIN_ADDRESS));
    for (size_t i = 0; i < count; i++) {
        certify(certified, i, certified->ca);
    }
}

static void start(struct certified_world *certified, size_t index)
{
    struct mesh_options options = options_of(certified, index);
    mesh_world_start(&certified->world, index, &options);
}

static void clear(struct certified_world *certified)
{
    mesh_world_clear(&certified->world);
    identity_destroy(certified->ca);
}

static void run(struct mesh_world *world, size_t index)
{
    struct mesh_outlook outlook = {.own = world->own[index]};
    outlook.own.clock = mesh_world_reading(world).wall;
    world->out.count = 0;
    mesh_run(world->nodes[index], &outlook, mesh_world_reading(world), &world->out);
}

/* The question of a node that joins, among its actions. */
static bool find_question(const struct mesh_world *world, struct action_send *send)
{
    for (size_t i = 0; i < world->out.count; i++) {
        const struct action *action = &world->out.items[i];
        if (action->kind == ACTION_SEND && (action->send.association & MESH_ASSOCIATION) != 0) {
            *send = action->send;
            return true;
        }
    }
    return false;
}

static bool find_resolve(const struct mesh_world *world, struct action_resolve *resolve)
{
    for (size_t i = 0; i < world->out.count; i++) {
        if (world->out.items[i].kind == ACTION_RESOLVE) {
            *resolve = world->out.items[i].resolve;
            return true;
        }
    }
    return false;
}

/* Node `index` resolves its host, asks node 0 who it is, and is told. */
static enum mesh_verdict join(struct certified_world *certified, size_t index)
{
    struct mesh_world *world = &certified->world;
    struct action_resolve resolve;
    struct action_send question, answer = {.size = 0};
    struct mesh_opened opened;
    run(world, index);
    CU_ASSERT_TRUE_FATAL(find_resolve(world, &resolve));
    CU_ASSERT_STRING_EQUAL(resolve.host, JOIN_ADDRESS);
    struct resolved resolved = {
        .association = resolve.association, .count = 1, .addresses = {mesh_world_address(0, 123)}};
    mesh_resolved(world->nodes[index], &resolved, world->now);
    run(world, index);
    CU_ASSERT_TRUE_FATAL(find_question(world, &question));
    CU_ASSERT_EQUAL(mesh_world_serve(world, index, 0, &question, &opened), MESH_HANDLED);
    for (size_t i = 0; i < world->out.count; i++) {
        answer = world->out.items[i].kind == ACTION_SEND ? world->out.items[i].send : answer;
    }
    CU_ASSERT_TRUE(answer.size > 0 && answer.size <= question.size);
    struct datagram datagram = {.source = mesh_world_address(0, 123),
                                .association = question.association,
                                .received = mesh_world_reading(world),
                                .payload = bytes_make(answer.payload, answer.size)};
    world->out.count = 0;
    return mesh_heard(world->nodes[index], &datagram, world->now, &world->out);
}

/* A node that nobody has configured is admitted by its certificate, and so is the one it asked. */
static void test_join(void)
{
    struct certified_world certified;
    struct mesh_seat seats[MESH_VIEW_MAX];
    struct mesh_opened opened;
    init(&certified, 3);
    start(&certified, 0);
    start(&certified, 1);
    struct mesh_world *world = &certified.world;
    CU_ASSERT_EQUAL(mesh_seats(world->nodes[1], seats), 0);
    CU_ASSERT_EQUAL(join(&certified, 1), MESH_HANDLED);
    CU_ASSERT_EQUAL_FATAL(mesh_seats(world->nodes[1], seats), 1);
    CU_ASSERT_EQUAL(seats[0].id, mesh_world_id(world, 0));
    CU_ASSERT_STRING_EQUAL(seats[0].host, JOIN_ADDRESS);
    CU_ASSERT_EQUAL(mesh_world_exchange(world, 1, 0, &opened), MESH_TIME);
    /* The first one asks back. */
    CU_ASSERT_EQUAL_FATAL(mesh_seats(world->nodes[0], seats), 1);
    CU_ASSERT_EQUAL(seats[0].id, mesh_world_id(world, 1));
    clear(&certified);
}

/* Who joins by one learns of the others. */
static void test_learns_the_rest(void)
{
    struct certified_world certified;
    struct mesh_seat seats[MESH_VIEW_MAX];
    struct mesh_opened opened;
    init(&certified, 3);
    for (size_t i = 0; i < 3; i++) {
        start(&certified, i);
    }
    struct mesh_world *world = &certified.world;
    CU_ASSERT_EQUAL(join(&certified, 1), MESH_HANDLED);
    CU_ASSERT_EQUAL(mesh_world_exchange(world, 1, 0, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(join(&certified, 2), MESH_HANDLED);
    CU_ASSERT_EQUAL(mesh_world_exchange(world, 2, 0, &opened), MESH_TIME);
    int rounds = 0;
    while (mesh_seats(world->nodes[1], seats) < 2 && rounds < 20) {
        mesh_world_pass(world, 16 * NS_PER_S);
        run(world, 0);
        CU_ASSERT_EQUAL(mesh_world_exchange(world, 0, 1, &opened), MESH_TIME);
        CU_ASSERT_EQUAL(mesh_world_exchange(world, 0, 2, &opened), MESH_TIME);
        rounds++;
    }
    CU_ASSERT_EQUAL(mesh_seats(world->nodes[1], seats), 2);
    CU_ASSERT_EQUAL(mesh_world_exchange(world, 1, 2, &opened), MESH_TIME);
    clear(&certified);
}

/* A certificate of another CA admits nobody. */
static void test_other_ca(void)
{
    struct certified_world certified;
    char error[IDENTITY_ERROR_MAX];
    struct mesh_opened opened;
    init(&certified, 2);
    struct identity *other = identity_create(&certified.world.random, error);
    certify(&certified, 1, other);
    start(&certified, 0);
    start(&certified, 1);
    CU_ASSERT_EQUAL(join(&certified, 1), MESH_HANDLED);
    CU_ASSERT_EQUAL(mesh_world_exchange(&certified.world, 1, 0, &opened), MESH_REVOKED);
    identity_destroy(other);
    clear(&certified);
}

/* Revocation works though its certificate is good. */
static void test_revoked(void)
{
    struct certified_world certified;
    struct mesh_opened opened;
    init(&certified, 2);
    struct mesh_options options = options_of(&certified, 0);
    uint64_t revoked = mesh_world_id(&certified.world, 1);
    options.revoked = &revoked;
    options.revoked_count = 1;
    mesh_world_start(&certified.world, 0, &options);
    start(&certified, 1);
    CU_ASSERT_EQUAL(join(&certified, 1), MESH_HANDLED);
    CU_ASSERT_EQUAL(mesh_world_exchange(&certified.world, 1, 0, &opened), MESH_REVOKED);
    clear(&certified);
}

/* Node 0 knows node 1 by its certificate alone, which is over in an hour. */
static struct mesh_member *begin_short(struct certified_world *certified)
{
    struct mesh_opened opened;
    init(certified, 2);
    certified->expiry_s = MESH_WORLD_START_NS / NS_PER_S + 3600;
    certify(certified, 1, certified->ca);
    start(certified, 0);
    start(certified, 1);
    CU_ASSERT_EQUAL(join(certified, 1), MESH_HANDLED);
    CU_ASSERT_EQUAL(mesh_world_exchange(&certified->world, 1, 0, &opened), MESH_TIME);
    size_t member = mesh_find(certified->world.nodes[0], mesh_world_id(&certified->world, 1));
    CU_ASSERT_NOT_EQUAL_FATAL(member, MESH_NOBODY);
    return &certified->world.nodes[0]->members[member];
}

/* Node 1 takes up another certificate, as by a reload. */
static void renew(struct certified_world *certified, uint64_t expiry_s)
{
    char error[MESH_ERROR_MAX];
    certified->expiry_s = expiry_s;
    certify(certified, 1, certified->ca);
    struct mesh_options options = options_of(certified, 1);
    CU_ASSERT_TRUE(mesh_configure(certified->world.nodes[1], &options,
                                  mesh_world_reading(&certified->world), error));
}

static void poll_for(struct mesh_world *world, int polls)
{
    struct mesh_opened opened;
    for (int i = 0; i < polls; i++) {
        mesh_world_pass(world, 16 * NS_PER_S);
        run(world, 0);
        run(world, 1);
        (void)mesh_world_exchange(world, 1, 0, &opened);
    }
}

/* A member that runs is one until its certificate is over, by a clock that tells UTC. */
static void test_expires(void)
{
    struct certified_world certified;
    struct mesh_seat seats[MESH_VIEW_MAX];
    struct mesh_opened opened;
    struct action_send send;
    struct mesh_member *member = begin_short(&certified);
    struct mesh_world *world = &certified.world;
    CU_ASSERT_EQUAL(mesh_seats(world->nodes[0], seats), 1);
    world->own[0].timescale = TIMESCALE_MESH;
    mesh_world_pass(world, 3700 * NS_PER_S);
    run(world, 0);
    CU_ASSERT_EQUAL(mesh_seats(world->nodes[0], seats), 1);
    CU_ASSERT_EQUAL(mesh_world_exchange(world, 0, 1, &opened), MESH_TIME);
    world->own[0].timescale = TIMESCALE_UTC;
    mesh_world_pass(world, 16 * NS_PER_S);
    run(world, 0);
    CU_ASSERT_TRUE(member->has_expired);
    CU_ASSERT_EQUAL(mesh_seats(world->nodes[0], seats), 0);
    CU_ASSERT_EQUAL(mesh_total(world->nodes[0]), 1);
    CU_ASSERT_FALSE(mesh_world_request(world, 0, 1, &send));
    /* Neither its session nor a new one helps. */
    CU_ASSERT_TRUE_FATAL(mesh_world_request(world, 1, 0, &send));
    CU_ASSERT_EQUAL(mesh_world_serve(world, 1, 0, &send, &opened), MESH_NO_SESSION);
    start(&certified, 1);
    CU_ASSERT_EQUAL(join(&certified, 1), MESH_HANDLED);
    CU_ASSERT_EQUAL(mesh_world_exchange(world, 1, 0, &opened), MESH_REVOKED);
    /* Another certificate does. */
    certified.expiry_s = EXPIRY_S;
    certify(&certified, 1, certified.ca);
    mesh_world_pass(world, 60 * NS_PER_S);
    struct mesh_options options = options_of(&certified, 1);
    options.incarnation = 2;
    mesh_world_start(world, 1, &options);
    CU_ASSERT_EQUAL(join(&certified, 1), MESH_HANDLED);
    CU_ASSERT_EQUAL(mesh_world_exchange(world, 1, 0, &opened), MESH_TIME);
    CU_ASSERT_FALSE(member->has_expired);
    CU_ASSERT_EQUAL(mesh_seats(world->nodes[0], seats), 1);
    clear(&certified);
}

/* Who gets another one in time tells those that know it already. */
static void test_is_renewed(void)
{
    struct certified_world certified;
    struct mesh_seat seats[MESH_VIEW_MAX];
    struct mesh_member *member = begin_short(&certified);
    struct mesh_world *world = &certified.world;
    renew(&certified, EXPIRY_S);
    poll_for(world, 40);
    CU_ASSERT_EQUAL(member->certified->certificate.expiry_s, EXPIRY_S);
    mesh_world_pass(world, 3700 * NS_PER_S);
    run(world, 0);
    CU_ASSERT_EQUAL(mesh_seats(world->nodes[0], seats), 1);
    clear(&certified);
}

/* Of two the one of the higher epoch holds, then the one that is over later; in any order. */
static void test_newer(void)
{
    struct certified_world certified;
    uint8_t first[CERTIFICATE_SIZE_MAX], low[CERTIFICATE_SIZE_MAX];
    struct mesh_member *member = begin_short(&certified);
    struct mesh *mesh = certified.world.nodes[0];
    struct bytes sooner = bytes_make(first, certified.sizes[1]);
    memcpy(first, certified.octets[1], certified.sizes[1]);
    certified.expiry_s = EXPIRY_S;
    certify(&certified, 1, certified.ca);
    struct bytes later = bytes_make(low, certified.sizes[1]);
    memcpy(low, certified.octets[1], certified.sizes[1]);
    certified.expiry_s = EXPIRY_S - 1;
    certified.epoch = 2;
    certify(&certified, 1, certified.ca);
    struct bytes higher = bytes_make(certified.octets[1], certified.sizes[1]);
    for (int i = 0; i < 4; i++) {
        uint32_t version = mesh_view_version(mesh);
        CU_ASSERT_EQUAL(
            mesh_admit_certified(mesh, i % 2 == 0 ? later : higher, 0, certified.world.now),
            MESH_HANDLED);
        CU_ASSERT_EQUAL(mesh_admit_certified(mesh, sooner, 0, certified.world.now), MESH_HANDLED);
        CU_ASSERT_EQUAL(member->certified->certificate.epoch, i == 0 ? 0 : 2);
        CU_ASSERT_EQUAL(member->certified->certificate.expiry_s, i == 0 ? EXPIRY_S : EXPIRY_S - 1);
        CU_ASSERT_EQUAL(mesh_view_version(mesh), version);
    }
    clear(&certified);
}

/* A reload with another CA ends what the last one certified; with the same one nothing. */
static void test_ca_changes(void)
{
    struct certified_world certified;
    char error[MESH_ERROR_MAX];
    struct mesh_seat seats[MESH_VIEW_MAX];
    struct mesh_opened opened;
    struct action_send send;
    (void)begin_short(&certified);
    struct mesh_world *world = &certified.world;
    struct mesh_options options = options_of(&certified, 0);
    CU_ASSERT_TRUE(mesh_configure(world->nodes[0], &options, mesh_world_reading(world), error));
    CU_ASSERT_EQUAL(mesh_seats(world->nodes[0], seats), 1);
    struct identity *other = identity_create(&world->random, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(other);
    options.ca = identity_public_key(other);
    CU_ASSERT_TRUE(mesh_configure(world->nodes[0], &options, mesh_world_reading(world), error));
    CU_ASSERT_EQUAL(mesh_seats(world->nodes[0], seats), 0);
    CU_ASSERT_TRUE_FATAL(mesh_world_request(world, 1, 0, &send));
    CU_ASSERT_EQUAL(mesh_world_serve(world, 1, 0, &send, &opened), MESH_NO_SESSION);
    start(&certified, 1);
    CU_ASSERT_EQUAL(join(&certified, 1), MESH_HANDLED);
    CU_ASSERT_EQUAL(mesh_world_exchange(world, 1, 0, &opened), MESH_REVOKED);
    identity_destroy(other);
    clear(&certified);
}

/* Node 1 asks who is at an address that it heard of, and is told that it is node 0. */
static void hear(struct mesh_world *world, const char *host)
{
    struct address address;
    struct action_send question, answer = {.size = 0};
    struct mesh_opened opened;
    CU_ASSERT_TRUE(address_parse(host, 123, &address));
    mesh_discovered(world->nodes[1], &address, 1, world->now);
    run(world, 1);
    CU_ASSERT_TRUE_FATAL(find_question(world, &question));
    CU_ASSERT_EQUAL(mesh_world_serve(world, 1, 0, &question, &opened), MESH_HANDLED);
    for (size_t i = 0; i < world->out.count; i++) {
        answer = world->out.items[i].kind == ACTION_SEND ? world->out.items[i].send : answer;
    }
    struct datagram datagram = {.source = address,
                                .association = question.association,
                                .received = mesh_world_reading(world),
                                .payload = bytes_make(answer.payload, answer.size)};
    world->out.count = 0;
    CU_ASSERT_EQUAL(mesh_heard(world->nodes[1], &datagram, world->now, &world->out), MESH_HANDLED);
}

/* Where node 1 asks node 0; empty: it does not. */
static const char *place(const struct mesh_world *world)
{
    static struct mesh_seat seats[MESH_VIEW_MAX];
    return mesh_seats(world->nodes[1], seats) == 1 ? seats[0].host : "";
}

static const char *place_later(struct mesh_world *world)
{
    mesh_world_pass(world, 80 * NS_PER_S);
    run(world, 1);
    return place(world);
}

/* Node 1 has node 0 listed without an address. */
static void start_listed(struct certified_world *certified)
{
    struct mesh_options options = options_of(certified, 1);
    certified->world.members[0].host[0] = '\0';
    certified->world.members[0].port = 0;
    options.members = certified->world.members;
    options.member_count = 1;
    options.join_count = 0;
    mesh_world_start(&certified->world, 1, &options);
}

/* Whoever answers in a member's name does not decide where it is: a name that the CA certified goes
 * before, though the member is listed without an address; another is tried meanwhile, and only the
 * member itself confirms it. */
static void test_hints(void)
{
    for (int has_name = 0; has_name < 2; has_name++) {
        struct certified_world certified;
        struct mesh_world *world = &certified.world;
        struct mesh_opened opened;
        const char *told = has_name != 0 ? "node0.example" : "";
        init(&certified, 2);
        certified.host = has_name != 0 ? "node0.example" : NULL;
        start(&certified, 0);
        start_listed(&certified);
        if (has_name != 0) {
            certify(&certified, 0, certified.ca);
            CU_ASSERT_EQUAL(mesh_admit_certified(
                                world->nodes[1],
                                bytes_make(certified.octets[0], certified.sizes[0]), 0, world->now),
                            MESH_HANDLED);
        }
        CU_ASSERT_STRING_EQUAL(place(world), told);
        hear(world, ELSEWHERE);
        CU_ASSERT_STRING_EQUAL(place(world), has_name != 0 ? told : ELSEWHERE);
        if (has_name != 0) {
            CU_ASSERT_STRING_EQUAL(place_later(world), ELSEWHERE);
        }
        CU_ASSERT_STRING_EQUAL(place_later(world), told);
        CU_ASSERT_STRING_EQUAL(place_later(world), told);
        hear(world, JOIN_ADDRESS);
        hear(world, ELSEWHERE); /* too late */
        if (has_name != 0) {
            CU_ASSERT_STRING_EQUAL(place(world), told);
            CU_ASSERT_STRING_EQUAL(place_later(world), JOIN_ADDRESS);
        }
        CU_ASSERT_STRING_EQUAL(place(world), JOIN_ADDRESS);
        CU_ASSERT_EQUAL(mesh_world_exchange(world, 1, 0, &opened), MESH_TIME);
        hear(world, ELSEWHERE);
        for (int i = 0; i < 4; i++) {
            CU_ASSERT_STRING_EQUAL(place_later(world), JOIN_ADDRESS);
        }
        clear(&certified);
    }
}

/* Nor that one who left is back, unless it is where it was. */
static void test_left(void)
{
    struct certified_world certified;
    struct mesh_world *world = &certified.world;
    struct mesh_opened opened;
    init(&certified, 2);
    start(&certified, 0);
    start_listed(&certified);
    hear(world, JOIN_ADDRESS);
    CU_ASSERT_EQUAL(mesh_world_exchange(world, 1, 0, &opened), MESH_TIME);
    world->nodes[1]->members[0].has_left = true;
    mesh_table_seat(world->nodes[1], world->now);
    hear(world, ELSEWHERE);
    CU_ASSERT_STRING_EQUAL(place(world), "");
    world->nodes[1]->members[0].address.port = 124; /* or it would not be asked who it is */
    hear(world, JOIN_ADDRESS);
    CU_ASSERT_STRING_EQUAL(place(world), JOIN_ADDRESS);
    clear(&certified);
}

static const struct unit_case cases[] = {
    {"a node joins", test_join},
    {"it learns the rest", test_learns_the_rest},
    {"another CA", test_other_ca},
    {"revoked", test_revoked},
    {"a certificate expires", test_expires},
    {"it is renewed in time", test_is_renewed},
    {"the newer certificate", test_newer},
    {"the CA changes", test_ca_changes},
    {"an address that nobody vouches for", test_hints},
    {"who left is not called back by others", test_left},
};
UNIT_MAIN("mesh_join", cases)
